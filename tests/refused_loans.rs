//! The fault: a loan file that is cut off, damaged, or not what it should be, while an older output stands in its place.
//!
//! Injected into a sample's file, given to the real binary. What must hold: the exit code says whose fault it is, the last
//! words say what is wrong, and `features.parquet` keeps its bytes; a row that can be set aside is set aside instead.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use countersign_tests::{Chance, Workshop, feature_job, rows};

/// The data are refused.
const REFUSED: i32 = 3;
/// The job failed, whatever the data are.
const FAILED: i32 = 1;

/// A workshop with features of a good file, and that file's lines.
struct Before {
    workshop: Workshop,
    store: Vec<u8>,
    lines: Vec<String>,
}

impl Before {
    fn new() -> Self {
        let workshop = Workshop::new();
        workshop.feature_job(["sample", "--users", "300", "--seed", "11", "--out", "loans.csv"]);
        workshop.features(Path::new("loans.csv"), "2021-12-27");
        let text = fs::read_to_string(workshop.path("loans.csv")).expect("the loans");
        let store = fs::read(workshop.path("features.parquet")).expect("the features");
        Self { workshop, store, lines: text.lines().map(str::to_owned).collect() }
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.workshop.path(name);
        fs::write(&path, bytes).expect("a file");
        path
    }

    fn features(&self, input: &Path) -> (Option<i32>, String) {
        let words = ["features", "--as-of", "2021-12-27", "--out", "features.parquet", "--input"];
        let Output { status, stderr, .. } = self.workshop.run(feature_job().args(words).arg(input));
        (status.code(), String::from_utf8_lossy(&stderr).into_owned())
    }

    /// Demands a refusal with this code and these words, and the old features.
    #[track_caller]
    fn check(&self, input: &Path, code: i32, said: &str) {
        let (found, complained) = self.features(input);
        assert_eq!(found, Some(code), "{}: {complained}", input.display());
        assert!(complained.contains(said), "{} does not say `{said}`: {complained}", input.display());
        let store = fs::read(self.workshop.path("features.parquet")).expect("the features");
        assert!(store == self.store, "{}: the old features are gone", input.display());
        let entries = fs::read_dir(self.workshop.path(".")).expect("the folder");
        let hidden =
            entries.filter(|entry| entry.as_ref().expect("an entry").file_name().as_encoded_bytes()[0] == b'.');
        assert_eq!(hidden.count(), 0, "{}: a temporary file is left", input.display());
    }

    /// The file with one field of one line changed.
    fn with(&self, line: usize, column: &str, value: &str) -> String {
        let place = self.lines[0].split(',').position(|name| name == column).expect("a column");
        let mut lines = self.lines.clone();
        let mut fields: Vec<&str> = self.lines[line].split(',').collect();
        fields[place] = value;
        lines[line] = fields.join(",");
        lines.join("\n") + "\n"
    }
}

#[test]
fn a_gzip_file_that_is_cut_off_is_refused_wherever_it_is_cut() {
    let before = Before::new();
    let zipped = Command::new("gzip").arg("-kn").arg(before.workshop.path("loans.csv")).status().expect("gzip runs");
    assert!(zipped.success());
    let whole = fs::read(before.workshop.path("loans.csv.gz")).expect("the gzip file");
    let mut chance = Chance::seeded();
    // The magic number alone, each end of the trailer, and any places between.
    let ends = [2, 9, 10, whole.len() - 9, whole.len() - 8, whole.len() - 4, whole.len() - 1];
    let between: Vec<usize> = (0..12).map(|_| 10 + chance.below(whole.len() - 20)).collect();
    for cut in ends.into_iter().chain(between) {
        let path = before.put("cut.csv.gz", &whole[..cut]);
        before.check(&path, REFUSED, "gzip");
    }
    let mut changed = whole.clone();
    changed[whole.len() - 6] ^= 1;
    before.check(&before.put("changed.csv.gz", changed), REFUSED, "gzip");
}

#[test]
fn a_file_that_is_not_a_table_of_loans_is_refused() {
    let before = Before::new();
    let rows = before.lines[1..].join("\n");
    let header = before.lines[0].as_str();
    let check = |name: &str, bytes: &[u8], said: &str| before.check(&before.put(name, bytes), REFUSED, said);
    check("empty.csv", b"", "empty");
    check("header.csv", format!("{header}\n").as_bytes(), "no loan");
    check("renamed.csv", format!("{}\n{rows}\n", header.replace("loan_amount", "amount")).as_bytes(), "loan_amount");
    check("twice.csv", format!("{}\n{rows}\n", header.replace("birthday", "loan_date")).as_bytes(), "loan_date");
    check("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "");
    let doubled = [&before.lines[..], &before.lines[1..40]].concat().join("\n");
    check("doubled.csv", doubled.as_bytes(), "unique");
}

#[test]
fn a_row_that_breaks_a_rule_is_set_aside_and_too_many_are_refused() {
    let before = Before::new();
    let last = before.lines.len() - 1;
    let wrong = before.with(last, "loan_amount", "a lot");
    // One of two loans is half of them.
    let few: Vec<&str> =
        wrong.lines().enumerate().filter(|(line, _)| [0, 1, last].contains(line)).map(|(_, l)| l).collect();
    before.check(&before.put("few.csv", few.join("\n")), REFUSED, "loan_amount");

    let (code, complained) = before.features(&before.put("wrong.csv", &wrong));
    assert_eq!(code, Some(0), "{complained}");
    let without = before.lines[..last].join("\n");
    let other = before.workshop.path("without.parquet");
    let input = before.put("without.csv", without);
    let words = ["features", "--as-of", "2021-12-27", "--input"].map(str::to_owned);
    let paths = [&input, &PathBuf::from("--out"), &other].map(|path| path.to_string_lossy().into_owned());
    before.workshop.feature_job(words.into_iter().chain(paths));
    assert_eq!(rows(&before.workshop.path("features.parquet")), rows(&other));
    assert_eq!(rows(&before.workshop.path("features.quality/rejects.parquet")), 1);
}

#[test]
fn what_is_no_file_is_a_failure_of_the_run() {
    let before = Before::new();
    before.check(&before.workshop.path("absent.csv"), FAILED, "absent.csv");
    let folder = before.workshop.path("folder.csv");
    fs::create_dir(&folder).expect("a folder");
    before.check(&folder, FAILED, "folder.csv");
}

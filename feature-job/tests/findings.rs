//! Bad files: each is refused with what is wrong and where, and nothing is written but the report.

mod common;

use common::{HEADER, file, loan, refusal};

#[track_caller]
fn check(bytes: impl AsRef<[u8]>, said: &[&str]) {
    let error = refusal(bytes, "2021-01-01");
    for said in said {
        assert!(error.contains(said), "`{error}` does not say `{said}`");
    }
}

#[test]
fn a_missing_column_is_named() {
    for column in HEADER.split(',') {
        let text = file(&[loan(1, 1, "2020-01-01", "1")]).replacen(column, "other", 1);
        // `id` is part of `loan_id`, and of its own column's name only after a comma.
        let text = if column == "id" {
            text.replacen("loan_other", "loan_id", 1).replacen(",id,", ",other,", 1)
        } else {
            text
        };
        check(text, &[&format!("column {column} missing"), "the header has: "]);
    }
    let double = HEADER.replace("code_gender", "status");
    check(format!("{double}\n{}\n", loan(1, 1, "2020-01-01", "1")), &["column code_gender missing"]);
    check(format!("{HEADER},status\n{},0\n", loan(1, 1, "2020-01-01", "1")), &["column status twice in the header"]);
}

#[test]
fn what_is_no_loan_file_is_refused() {
    check("", &["is empty"]);
    check("\n\n", &["is empty"]);
    check(HEADER, &["a header and no loan"]);
    check(format!("{HEADER}\n"), &["a header and no loan"]);
    check("hello\n", &["is no CSV file"]);
    check(b"PAR1\x15\x04\x15\x10\x4c,\x15\0\xff\xfe", &["is a damaged Parquet file"]);
    check(file(&[loan(1, 1, "2020-01-01", "1")]).replace(',', ";"), &["no comma"]);
    check(format!("{}\n1,2,3\n", file(&[loan(1, 1, "2020-01-01", "1")])), &["line_fields", "line 4"]);
    check(file(&["1,\"2,F".to_owned()]), &["line_quotes", "line 2"]);
    let mut bytes = file(&[loan(1, 1, "2020-01-01", "1")]).into_bytes();
    let place = bytes.iter().rposition(|byte| *byte == b'F').expect("a gender");
    for byte in [0xff, 0] {
        bytes[place] = byte;
        check(&bytes, &["line_text", "line 2"]);
    }
    check(format!("{HEADER}\n{}", "1,".repeat(2 << 20)), &["has a line longer than"]);
}

#[test]
fn blank_lines_hold_no_loan() {
    let lines = [loan(1, 1, "2020-01-01", "1"), String::new(), " ".to_owned(), loan(2, 1, "2020-01-01", "1")];
    let text = format!("{}\r\n\n", file(&lines));
    let (summary, _) = common::table(&text, "2021-01-01");
    assert_eq!((summary.manifest.rows, summary.manifest.entities), (2, 1));
    // They count where lines are told.
    check(text + "3,1,F\n", &["line 8"]);
}

#[test]
fn a_cut_off_gzip_file_is_refused() {
    use std::io::Write as _;
    let lines: Vec<_> = (1..500).map(|loan_id| loan(loan_id, loan_id % 7, "2020-01-01", "100")).collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(file(&lines).as_bytes()).expect("memory takes it");
    let bytes = encoder.finish().expect("memory takes it");
    for cut in [20, bytes.len() / 2, bytes.len() - 1] {
        check(&bytes[..cut], &["a damaged or cut-off gzip file"]);
    }
    let mut flipped = bytes.clone();
    flipped[bytes.len() - 5] ^= 1;
    check(&flipped, &["a damaged or cut-off gzip file"]);
}

#[test]
fn no_loan_known_at_as_of_is_an_error() {
    let text = file(&[loan(1, 1, "2020-03-01", "1"), loan(2, 1, "2020-02-01", "1")]);
    let error = refusal(text, "2019-12-31");
    assert!(error.contains("all 2 loans lie after 2019-12-31, the first is of 2020-02-01"), "{error}");
}

#[test]
fn a_foreign_or_damaged_offline_store_is_refused() {
    use feature_job::offline::{OfflineError, Table};
    let folder = common::Folder::new();
    let input = folder.put("loans.csv", file(&[loan(1, 1, "2020-01-01", "1")]));
    folder.build(std::slice::from_ref(&input), "2021-01-01").expect("a fine file");
    let bytes = std::fs::read(&folder.out).expect("it was written");
    assert!(matches!(Table::read(&input), Err(OfflineError::Parquet { .. })));
    assert!(matches!(Table::read(&folder.put("absent", "")), Err(OfflineError::Parquet { .. })));
    for cut in [4, bytes.len() / 2, bytes.len() - 1] {
        assert!(matches!(Table::read(&folder.put("cut", &bytes[..cut])), Err(OfflineError::Parquet { .. })), "{cut}");
    }
    let key = b"countersign.as_of";
    let place = bytes.windows(key.len()).position(|window| window == key).expect("the manifest's first key");
    let mut foreign = bytes.clone();
    foreign[place] = b'x';
    assert!(matches!(Table::read(&folder.put("foreign", foreign)), Err(OfflineError::Content { .. })));
}

#[test]
fn no_verb_writes_over_what_it_reads() {
    use feature_job::score::ScoreArgs;
    use feature_job::train::pipeline::{LoanArgs, RunArgs};
    use feature_job::train::{HowArgs, demands::DemandArgs, recipe::Recipe};
    let folder = common::Folder::new();
    let names = ["m.wasm", "f.parquet", "l.csv", "job.pem", "gates.toml"];
    let [module, features, loans, key, gates] = names.map(|name| folder.put(name, name));
    let check = |ran: anyhow::Result<()>| {
        let error = ran.expect_err("an input is no output").to_string();
        assert!(error.contains("it is an input as well"), "{error}");
    };
    for out in [&module, &features] {
        let (module, features, out) = (module.clone(), features.clone(), out.clone());
        check(ScoreArgs { module, features, out, all: false }.run());
    }
    for out in [&loans, &key, &gates] {
        let how = HowArgs {
            recipe: Recipe::load("forest").expect("built in"),
            split_date: None,
            model: "credit-risk".parse().expect("a name"),
            key: key.clone(),
            out: folder.out.clone(),
            version: None,
            seed: 1,
            demands: DemandArgs { gates: Some(gates.clone()), ..DemandArgs::default() },
        };
        let loans =
            LoanArgs { input: vec![loans.clone()], as_of: None, features_out: out.clone(), rejects_max_share: 0.0 };
        check(RunArgs { loans, how }.run());
    }
    for (path, name) in [module, features, loans, key, gates].into_iter().zip(names) {
        assert_eq!(std::fs::read_to_string(path).expect("it is still there"), name);
    }
}

#[test]
fn an_output_that_cannot_be_is_said_before_the_work() {
    let folder = common::Folder::new();
    use feature_job::features::build::{self, Options};
    let build = |out: std::path::PathBuf| {
        let options = Options::at("2021-01-01".parse().expect("a day"));
        let absent = std::path::PathBuf::from("absent.csv");
        build::build(&[absent], &options, &out).expect_err("no such output").to_string()
    };
    assert!(build(folder.out.join("features.parquet")).contains("its folder is not there"));
    assert!(build(folder.out.parent().expect("the folder").to_owned()).contains("it is a folder"));
}

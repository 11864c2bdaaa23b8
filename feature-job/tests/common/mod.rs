//! What the tests of the data side share: small loan files, and the features made of them.

#![allow(dead_code, reason = "every test binary uses its part")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::path::{Path, PathBuf};

use feature_job::features::build::{self, FeaturesError, Options, Summary};
use feature_job::offline::Table;

pub const HEADER: &str =
    "loan_id,id,code_gender,flag_own_car,name_housing_type,status,birthday,job_start_date,loan_date,loan_amount";

/// A loan of user `id`, all else being equal.
pub fn loan(loan_id: u64, id: u64, date: &str, amount: &str) -> String {
    format!("{loan_id},{id},F,N,House / apartment,0,1990-01-01,2015-01-01,{date},{amount}")
}

/// A loan file of these lines under [`HEADER`].
pub fn file(lines: &[String]) -> String {
    format!("{HEADER}\n{}\n", lines.join("\n"))
}

/// A folder with a loan file in it.
pub struct Folder {
    folder: tempfile::TempDir,
    pub out: PathBuf,
}

impl Folder {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("features.parquet");
        Self { folder, out }
    }

    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a write");
        path
    }

    pub fn build(&self, inputs: &[PathBuf], as_of: &str) -> Result<Summary, FeaturesError> {
        build::build(inputs, &Options::at(as_of.parse().expect("a day")), &self.out)
    }

    /// Where a file of the folder lies.
    pub fn input(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The last report, as machines read it.
    pub fn report(&self) -> serde_json::Value {
        let text = std::fs::read(self.input("features.quality/report.json")).expect("a report");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// The last report, as people read it.
    pub fn page(&self) -> String {
        std::fs::read_to_string(self.input("features.quality/report.html")).expect("a page")
    }

    /// The rejected rows.
    pub fn rejects(&self) -> polars::prelude::DataFrame {
        use polars::prelude::{ParquetReader, SerReader as _};
        let file = std::fs::File::open(self.input("features.quality/rejects.parquet")).expect("rejects");
        ParquetReader::new(file).finish().expect("Parquet")
    }

    /// The bytes of the report, in all its files.
    pub fn quality_bytes(&self) -> Vec<Vec<u8>> {
        let names = ["report.json", "report.html", "rejects.parquet"];
        names.map(|name| std::fs::read(self.input("features.quality").join(name)).expect("a report")).into()
    }

    /// The names of what lies in the folder.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// The features of a loan file given as text.
pub fn table(text: &str, as_of: &str) -> (Summary, Table) {
    let folder = Folder::new();
    let input = folder.put("loans.csv", text);
    let summary = folder.build(&[input], as_of).expect("a fine loan file");
    (summary, Table::read(&folder.out).expect("our own file"))
}

/// Why a loan file is refused: the whole message; and but for the report, nothing is left behind.
pub fn refusal(bytes: impl AsRef<[u8]>, as_of: &str) -> String {
    let folder = Folder::new();
    let input = folder.put("loans.csv", bytes);
    let error = folder.build(&[input], as_of).expect_err("the file is to be refused");
    assert_eq!(folder.names(), ["features.quality", "loans.csv"], "nothing is written but the report");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// A file of the shared data; none, with a word, where it is absent.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new("../../shared/data").join(name).canonicalize();
    if path.is_err() {
        println!("skipped: {name} is not beside the checkout");
    }
    path.ok()
}

//! The files that are meant: names, and patterns of names.

use std::path::PathBuf;

use super::LoansError;

/// Gives the files, a pattern replaced by what it matches in order of the names.
///
/// A name that is a file is that file, whatever it looks like. A file that is named twice is read twice, and its loans
/// found to stand twice.
///
/// # Errors
/// [`LoansError::Pattern`], where a pattern is none or matches nothing.
pub fn files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, LoansError> {
    let mut files = Vec::with_capacity(inputs.len());
    for input in inputs {
        match input.to_str() {
            Some(pattern) if pattern.contains(['*', '?', '[']) && !input.exists() => files.extend(matches(pattern)?),
            _ => files.push(input.clone()),
        }
    }
    Ok(files)
}

fn matches(pattern: &str) -> Result<Vec<PathBuf>, LoansError> {
    let refused = |said: String| LoansError::Pattern { pattern: pattern.to_owned(), said };
    let paths = glob::glob(pattern).map_err(|error| refused(format!("is no pattern: {error}")))?;
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|error| refused(format!("cannot be followed: {error}")))?;
        if !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() { Err(refused("matches no file".to_owned())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_give_files_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        for name in ["b.csv", "a.csv", "c.parquet", "odd[1].csv"] {
            std::fs::write(place(name), "").expect("a file");
        }
        std::fs::create_dir(place("d.csv")).expect("a folder");
        let check = |inputs: &[&str], wanted: &[&str]| {
            let inputs: Vec<_> = inputs.iter().map(|name| place(name)).collect();
            let wanted: Vec<_> = wanted.iter().map(|name| place(name)).collect();
            assert_eq!(files(&inputs).expect("files"), wanted);
        };
        check(&["?.csv"], &["a.csv", "b.csv"]);
        check(&["c.parquet", "[ab].csv"], &["c.parquet", "a.csv", "b.csv"]);
        check(&["odd[1].csv"], &["odd[1].csv"]);
        check(&["absent.csv", "a.csv", "a.csv"], &["absent.csv", "a.csv", "a.csv"]);
        for (bad, said) in [("*.txt", "matches no file"), ("***.csv", "is no pattern")] {
            let error = files(&[place(bad)]).expect_err(bad).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}

//! `validate` and `features` as processes: their exit codes, what they say, and that the number of threads changes nothing.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{Folder, file, loan};

fn run(verb: &str, threads: &str, arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_feature-job"))
        .env("RAYON_NUM_THREADS", threads)
        .env("POLARS_MAX_THREADS", threads)
        .args([verb, "--as-of", "2021-12-27"])
        .args(arguments.chunks(2).flat_map(|pair| [pair[0].as_os_str(), pair[1].as_os_str()]))
        .output()
        .expect("the binary runs")
}

#[test]
fn the_exit_code_says_whose_fault_it_is() {
    let folder = Folder::new();
    let fine = folder.put("fine.csv", file(&[loan(1, 1, "2020-01-01", "1")]));
    let twice = folder.put("twice.csv", file(&[loan(1, 1, "2020-01-01", "1"), loan(1, 1, "2020-01-01", "1")]));
    let (absent, empty, quality) = (folder.input("absent.csv"), folder.put("empty.csv", ""), folder.input("quality"));
    let check = |input: &Path, code: i32, said: &str| {
        let (name_input, name_out) = (Path::new("--input"), Path::new("--out"));
        let validate = run("validate", "2", &[name_input, input, name_out, &quality]);
        let features = run("features", "2", &[name_input, input, name_out, &folder.out]);
        for output in [validate, features] {
            let told = String::from_utf8_lossy(if code == 0 { &output.stdout } else { &output.stderr }).into_owned();
            assert_eq!(output.status.code(), Some(code), "{told}");
            assert!(told.contains(said), "{told}");
        }
    };
    check(&fine, 0, "1 user");
    let store = std::fs::read(&folder.out).expect("a store");
    check(&twice, 3, "loan_id_unique");
    check(&empty, 3, "is empty");
    check(&absent, 1, "absent.csv");
    check(Path::new(""), 2, "a value is required");
    assert_eq!(std::fs::read(&folder.out).expect("a store"), store, "it stays");
    assert!(quality.join("report.html").exists() && quality.join("rejects.parquet").exists());
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let folder = Folder::new();
    let csv = folder.input("loans.csv");
    // Enough for several blocks of text and more than one row group; with some rejects, spread over the file.
    feature_job::sample::write(8000, 3, &csv, |_| {}).expect("a sample");
    let text = std::fs::read_to_string(&csv).expect("the sample");
    let spoiled = text.lines().enumerate().map(|(place, line)| match place % 5000 {
        4999 => format!("{line}0,\n"),
        _ => format!("{line}\n"),
    });
    std::fs::write(&csv, spoiled.collect::<String>()).expect("a write");
    let made = |threads: &str| {
        let output = run("features", threads, &[Path::new("--input"), &csv, Path::new("--out"), &folder.out]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (std::fs::read(&folder.out).expect("a store"), folder.quality_bytes())
    };
    let one = made("1");
    assert!(folder.rejects().height() > 10, "rejects in more than one block");
    assert!(made("2") == one, "two threads");
    assert!(made("5") == one, "five threads");
}

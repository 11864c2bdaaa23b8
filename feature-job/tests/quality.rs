//! The report, the rejects, and when data is refused as a whole.

mod common;

use common::{Folder, HEADER, file, loan};
use feature_job::exit::{Code, Stop};
use feature_job::features::build::{self, FeaturesError, Options};
use feature_job::offline::Table;
use polars::prelude::*;

const AS_OF: &str = "2021-01-01";

fn options(rejects_max_share: f64) -> Options {
    Options { rejects_max_share, ..Options::at(AS_OF.parse().expect("a day")) }
}

/// The exit code that an error would give, if it has one of its own.
fn code(error: FeaturesError) -> Option<Code> {
    error.stop().downcast_ref::<Stop>().map(|stop| stop.code)
}

#[test]
fn rejects_are_kept_as_they_stood() {
    let folder = Folder::new();
    let fine = |loan_id| loan(loan_id, 1, "2020-01-01", "100");
    let bad = "12,1,F,?,\"House / apartment\",0,1990-01-01,2015-01-01,2020-01-01,-5";
    let mut bytes = file(&[fine(10), bad.to_owned(), fine(13), "14,1,F".to_owned(), fine(15)]).into_bytes();
    bytes.extend_from_slice(b"16,\"1,F\n17,\xff\xfe,F\r\n");
    let input = folder.put("loans.csv", &bytes);
    build::build(std::slice::from_ref(&input), &options(0.6), &folder.out).expect("four rejects of seven");

    let rejects = folder.rejects();
    let texts = |name: &str| -> Vec<Option<String>> {
        let column = rejects.column(name).expect("a column").str().expect("texts").clone();
        column.iter().map(|text| text.map(str::to_owned)).collect()
    };
    let some = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
    let lines = rejects.column("line").expect("lines").i64().expect("numbers").clone();
    assert_eq!(lines.iter().flatten().collect::<Vec<_>>(), [3, 5, 7, 8]);
    assert_eq!(texts("rule"), some(&["flag_own_car_allowed", "line_fields", "line_quotes", "line_text"]));
    assert_eq!(texts("rules")[0].as_deref(), Some("flag_own_car_allowed,loan_amount_range"));
    assert_eq!((texts("column")[0].as_deref(), texts("value")[0].as_deref()), (Some("flag_own_car"), Some("?")));
    assert_eq!(texts("loan_id"), [Some("12".to_owned()), None, None, None]);
    assert_eq!(texts("row"), some(&[bad, "14,1,F", "16,\"1,F", "17,\\xff\\xfe,F"]));
    assert_eq!(texts("file")[0], Some(input.display().to_string()));
    assert_eq!(Table::read(&folder.out).expect("a store").loan_ids, [10, 13, 15]);
}

#[test]
fn the_share_of_rejects_has_a_bound() {
    let lines: Vec<_> = (0..100).map(|id| loan(id, id, "2020-01-01", if id == 40 { "-1" } else { "1" })).collect();
    let folder = Folder::new();
    let input = folder.put("loans.csv", file(&lines));
    let build = |share: f64| build::build(std::slice::from_ref(&input), &options(share), &folder.out);
    build(0.01).expect("one of a hundred is at the bound");
    let before = std::fs::read(&folder.out).expect("a store");
    assert_eq!((folder.report()["rejected"].as_u64(), folder.report()["accepted"].as_bool()), (Some(1), Some(true)));

    let error = build(0.009).expect_err("one of a hundred is past it");
    let told = error.to_string();
    for said in ["1 of 100 rows (1 %)", "0.9 % may", "loan_amount_range", "line 42 (loan_id 40): `-1`", "report.html"] {
        assert!(told.contains(said), "`{told}` does not say `{said}`");
    }
    assert_eq!(code(error), Some(Code::DataRefused));
    assert_eq!(std::fs::read(&folder.out).expect("a store"), before, "the old store stays");
    assert_eq!(folder.report()["accepted"], false);
    assert_eq!(folder.rejects().height(), 1);
    let error = build(1.5).expect_err("no share");
    assert!(error.to_string().contains("takes a share from 0 to 1"), "{error}");
}

#[test]
fn a_wrong_type_in_the_last_row_costs_that_row_alone() {
    let mut lines: Vec<_> = (0..200).map(|id| loan(id, id, "2020-01-01", "1")).collect();
    lines.push(loan(200, 200, "2020-01-01", "a lot"));
    let folder = Folder::new();
    // No end of line after it, either.
    let input = folder.put("loans.csv", file(&lines).trim_end());
    build::build(&[input], &options(0.01), &folder.out).expect("one of two hundred");
    let rejects = folder.rejects();
    let line = rejects.column("line").expect("lines").i64().expect("numbers").get(0);
    assert_eq!((rejects.height(), line), (1, Some(202)));
    assert_eq!(Table::read(&folder.out).expect("a store").len(), 200);
}

#[test]
fn a_pattern_is_the_files_it_matches_in_order() {
    let folder = Folder::new();
    let second = folder.put("loans-2.csv", file(&[loan(2, 7, "2020-01-01", "20")]));
    let first = folder.put("loans-1.csv", file(&[loan(1, 7, "2020-01-01", "10")]));
    let store = |inputs: &[std::path::PathBuf]| {
        build::build(inputs, &options(0.0), &folder.out).expect("fine files");
        std::fs::read(&folder.out).expect("a store")
    };
    let named = store(&[first.clone(), second.clone()]);
    assert!(store(&[folder.input("loans-*.csv")]) == named);
    assert!(store(&[second, first]) != named, "ties keep the order of the files");
}

#[test]
fn a_file_that_is_cut_off_is_told_in_the_report() {
    use std::io::Write as _;
    let lines: Vec<_> = (0..2000).map(|id| loan(id, id, "2020-01-01", "1")).collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(file(&lines).as_bytes()).expect("memory takes it");
    let bytes = encoder.finish().expect("memory takes it");
    let folder = Folder::new();
    let input = folder.put("loans.csv.gz", &bytes[..bytes.len() - 4]);
    let error = build::build(&[input], &options(1.0), &folder.out).expect_err("it is cut off");
    assert_eq!(code(error), Some(Code::DataRefused));
    let report = folder.report();
    assert_eq!((report["accepted"].as_bool(), report["sources"][0]["digest"].is_null()), (Some(false), true));
    assert!(folder.page().contains("not read to its end"));
    assert!(!folder.out.exists());
}

#[test]
fn a_file_of_rejects_only_is_refused() {
    let folder = Folder::new();
    let input = folder.put("loans.csv", file(&[loan(1, 1, "2020-01-01", "-1")]));
    let error = build::build(&[input], &options(1.0), &folder.out).expect_err("nothing is left");
    assert!(error.to_string().contains("no row kept every rule"), "{error}");
    assert!(!folder.out.exists());
}

#[test]
fn a_user_that_changes_is_named() {
    let folder = Folder::new();
    let other = loan(3, 7, "2020-03-01", "1").replace("1990-01-01", "1990-01-02");
    let first = folder.put("a.csv", file(&[loan(1, 7, "2020-01-01", "1"), loan(2, 8, "2020-01-01", "1")]));
    let second = folder.put("b.csv", file(&[loan(4, 7, "2020-02-01", "1"), other]));
    let error = build::build(&[first, second], &options(0.01), &folder.out).expect_err("user 7 has two birthdays");
    let told = error.to_string();
    for said in [
        "user_constant",
        "1 row, in",
        "b.csv, line 3 (loan_id 3)",
        "birthday 1990-01-02, but 1990-01-01 in",
        "a.csv, line 2",
    ] {
        assert!(told.contains(said), "`{told}` does not say `{said}`");
    }
    assert_eq!(code(error), Some(Code::DataRefused));
    // A loan that is not known yet tells of the user as well.
    let late = loan(3, 7, "2025-03-01", "1").replace(",F,", ",M,");
    let input = folder.put("c.csv", file(&[loan(1, 7, "2020-01-01", "1"), late]));
    let error = build::build(&[input], &options(0.01), &folder.out).expect_err("user 7 has two genders");
    assert!(error.to_string().contains("code_gender M, but F in"), "{error}");
}

#[test]
fn what_the_files_do_not_share_is_not_compared() {
    let folder = Folder::new();
    let first = folder.put("a.csv", file(&[loan(1, 7, "2020-01-01", "1")]));
    let text = file(&[loan(2, 7, "2020-02-01", "1")]);
    let with = |line: &str, more: &str| text.replacen(line, &format!("{line}{more}"), 1);
    let second = with(HEADER, ",flag_email").replacen(",1\n", ",1,1\n", 1);
    let second = folder.put("b.csv", second);
    build::build(&[first, second], &options(0.01), &folder.out).expect("the first says nothing of email");
}

#[test]
fn the_report_says_what_columns_hold() {
    let folder = Folder::new();
    let lines = [loan(1, 7, "2020-01-01", "1.5"), loan(2, 7, "2020-02-01", "0.25"), loan(3, 9, "2022-01-01", "7")];
    let input = folder.put("loans.csv", file(&lines));
    build::build(std::slice::from_ref(&input), &options(0.01), &folder.out).expect("fine loans");
    let report = folder.report();
    for (name, wanted) in [("rows", 3), ("known", 2), ("excluded", 1), ("rejected", 0), ("users", 2)] {
        assert_eq!(report[name].as_u64(), Some(wanted), "{name}");
    }
    assert_eq!((report["first_loan"].as_str(), report["last_loan"].as_str()), (Some("2020-01-01"), Some("2022-01-01")));
    let digest = contract::digest::Digest::of(&std::fs::read(input).expect("the loans")).to_string();
    assert_eq!(report["sources"][0]["digest"].as_str(), Some(digest.as_str()));
    let column = |name: &str| {
        let columns = report["columns"].as_array().expect("columns");
        columns.iter().find(|column| column["name"] == name).expect("a column").clone()
    };
    let amount = column("loan_amount");
    assert_eq!(
        (amount["min"].as_f64(), amount["max"].as_f64(), amount["distinct"].as_u64()),
        (Some(0.25), Some(7.0), Some(3))
    );
    assert_eq!(column("code_gender")["max"].as_str(), Some("F"));
    assert_eq!(column("birthday")["min"].as_str(), Some("1990-01-01"));
    assert_eq!(column("flag_email")["present"].as_bool(), Some(false));

    let page = folder.page();
    assert!(page.contains("Accepted.") && page.contains("loans.csv") && page.contains(&digest), "{page}");
    let again = folder.quality_bytes();
    build::build(&[folder.input("loans.csv")], &options(0.01), &folder.out).expect("fine loans");
    assert!(folder.quality_bytes() == again, "the same loans give the same report");
}

#[test]
fn a_hostile_file_cannot_write_into_the_page() {
    let folder = Folder::new();
    let bad = loan(1, 1, "2020-01-01", "<script>alert(1)</script>");
    let input = folder.put("loans.csv", file(&[loan(2, 1, "2020-01-01", "1"), bad]));
    build::build(&[input], &options(0.01), &folder.out).expect_err("half the rows are bad");
    let page = folder.page();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
}

#[test]
fn a_missing_file_is_no_fault_of_the_data() {
    let folder = Folder::new();
    let error = build::build(&[folder.input("absent.csv")], &options(0.01), &folder.out).expect_err("no file");
    assert!(error.to_string().contains("absent.csv"), "{error}");
    assert_eq!(code(error), None);
    let error = build::build(&[folder.input("*.csv")], &options(0.01), &folder.out).expect_err("no file");
    assert!(error.to_string().contains("matches no file"), "{error}");
    assert_eq!(code(error), None);
}

#[test]
fn parquet_gives_what_csv_gives() {
    let folder = Folder::new();
    let (csv, parquet) = (folder.input("loans.csv"), folder.input("loans.parquet"));
    feature_job::sample::write(300, 5, &csv, |_| {}).expect("a sample");
    to_parquet(&csv, &parquet);
    let features = |input| {
        build::build(&[input], &options(0.0), &folder.out).expect("a fine file");
        Table::read(&folder.out).expect("a store")
    };
    let (from_csv, from_parquet) = (features(csv), features(parquet.clone()));
    let bits = |table: &Table| {
        let rows = table.rows(contract::view::Ages::AsOf);
        (table.loan_ids.clone(), rows.into_iter().map(f64::to_bits).collect::<Vec<_>>(), table.labels.clone())
    };
    assert_eq!(bits(&from_csv), bits(&from_parquet));

    // A time of day is no day, and is not cut down to one.
    let file = std::fs::File::open(&parquet).expect("the file");
    let noon = (col("loan_date").cast(DataType::Int64) + lit(43_200_000_000_000_i64))
        .cast(DataType::Datetime(TimeUnit::Nanoseconds, None));
    let mut late =
        ParquetReader::new(file).finish().expect("Parquet").lazy().with_columns([noon]).collect().expect("a frame");
    let late_path = folder.input("late.parquet");
    ParquetWriter::new(std::fs::File::create(&late_path).expect("a file")).finish(&mut late).expect("a write");
    let error = build::build(&[late_path], &options(0.0), &folder.out).expect_err("times of day").to_string();
    assert!(error.contains("loan_date_day"), "{error}");

    // One time of day among midnights is one row's fault.
    let noon = when(col("loan_id").eq(col("loan_id").max()))
        .then(col("loan_date").cast(DataType::Int64))
        .otherwise(col("loan_date").cast(DataType::Int64) - lit(43_200_000_000_000_i64));
    let times = DataType::Datetime(TimeUnit::Nanoseconds, None);
    let mut one = late.lazy().with_columns([noon.cast(times).alias("loan_date")]).collect().expect("a frame");
    let one_path = folder.input("one.parquet");
    ParquetWriter::new(std::fs::File::create(&one_path).expect("a file")).finish(&mut one).expect("a write");
    build::build(&[one_path], &options(0.01), &folder.out).expect("one row is put aside");
    assert_eq!(folder.rejects().height(), 1);

    let bytes = std::fs::read(&parquet).expect("the file");
    let cut = folder.put("cut.parquet", &bytes[..bytes.len() - 9]);
    let error = build::build(&[cut], &options(0.0), &folder.out).expect_err("cut off");
    assert!(error.to_string().contains("damaged Parquet file"), "{error}");
    assert_eq!(code(error), Some(Code::DataRefused));
}

/// Writes a CSV file as Parquet with the types that another program would give its columns, in several row groups.
fn to_parquet(csv: &std::path::Path, parquet: &std::path::Path) {
    let options = CsvReadOptions::default().with_infer_schema_length(None);
    let options = options.with_parse_options(CsvParseOptions::default().with_try_parse_dates(true));
    let reader = options.try_into_reader_with_file_path(Some(csv.to_owned())).expect("the file opens");
    let mut frame = reader.finish().expect("the file reads");
    assert_eq!(frame.column("birthday").expect("a column").dtype(), &DataType::Date);
    // As pandas has days, and whole numbers in a column where one was missing.
    for (name, dtype) in [
        ("loan_date", DataType::Datetime(TimeUnit::Nanoseconds, None)),
        ("cnt_children", DataType::Float64),
        ("status", DataType::Float64),
    ] {
        let cast = frame.column(name).expect("a column").cast(&dtype).expect("every value fits");
        frame.with_column(cast).expect("as many rows");
    }
    let file = std::fs::File::create(parquet).expect("a file");
    ParquetWriter::new(file).with_row_group_size(Some(1000)).finish(&mut frame).expect("a write");
}

//! The five features on loan files small enough to check by hand: each test names the trap it stands before.

mod common;

use common::{Folder, HEADER, file, loan, table};
use contract::date::Date;
use contract::view::Ages;
use feature_job::features::build;

/// NaN compares unequal to itself, so missing is none here.
fn rows(table: &feature_job::offline::Table, ages: Ages) -> Vec<Vec<Option<f64>>> {
    let some = |value: &f64| (!value.is_nan()).then_some(*value);
    table.rows(ages).chunks(5).map(|row| row.iter().map(some).collect()).collect()
}

fn column(table: &feature_job::offline::Table, place: usize, ages: Ages) -> Vec<Option<f64>> {
    rows(table, ages).into_iter().map(|row| row[place]).collect()
}

#[test]
fn a_loan_is_not_in_its_own_average() {
    let lines = [loan(3, 1, "2020-03-01", "900"), loan(1, 1, "2020-01-01", "100"), loan(2, 1, "2020-02-01", "200")];
    let (_, table) = table(&file(&lines), "2021-01-01");
    assert_eq!(table.loan_ids, [1, 2, 3]);
    assert_eq!(column(&table, 0, Ages::AsOf), [Some(0.0), Some(1.0), Some(2.0)]);
    assert_eq!(column(&table, 1, Ages::AsOf), [None, Some(100.0), Some(150.0)]);
}

#[test]
fn loans_of_one_day_keep_the_order_of_the_file() {
    let lines = [
        loan(9, 2, "2020-01-01", "1"),
        loan(30, 1, "2020-02-01", "300"),
        loan(10, 1, "2020-02-01", "100"),
        loan(20, 1, "2020-02-01", "200"),
        loan(8, 1, "2020-01-01", "50"),
    ];
    let (_, table) = table(&file(&lines), "2021-01-01");
    assert_eq!(table.loan_ids, [8, 30, 10, 20, 9]);
    assert_eq!(column(&table, 0, Ages::AsOf), [0.0, 1.0, 2.0, 3.0, 0.0].map(Some));
    assert_eq!(column(&table, 1, Ages::AsOf), [None, Some(50.0), Some(175.0), Some(150.0), None]);
    assert_eq!(table.latest(), [3, 4]);
}

#[test]
fn a_year_has_365_days() {
    // Born 365 * 30 days before as-of: 30 at once, while 365.25 days or the calendar would still say 29.
    let as_of: Date = "2020-06-30".parse().expect("a day");
    let check = |days_old: i32, age: f64| {
        let birthday = Date::from_days(as_of.days() - days_old).expect("a day");
        let line = format!("1,1,F,N,House / apartment,0,{birthday},{birthday},2020-06-30,100");
        let (_, table) = table(&file(&[line]), "2020-06-30");
        assert_eq!((column(&table, 2, Ages::AsOf), column(&table, 3, Ages::AsOf)), (vec![Some(age)], vec![Some(age)]));
    };
    check(365 * 30, 30.0);
    check(365 * 30 - 1, 29.0);
    check(364, 0.0);
    check(0, 0.0);
}

#[test]
fn no_job_gives_null_and_never_negative_years() {
    let job = |loan_id: u64, start: &str| {
        format!("{loan_id},{loan_id},F,N,House / apartment,0,1960-01-01,{start},2020-01-01,100")
    };
    let starts = ["2010-01-01", "3021-09-18", "", "soon", "2020-07-01", "2020-01-01", "2020-01-02"];
    let lines: Vec<_> = starts.iter().zip(1..).map(|(start, loan_id)| job(loan_id, start)).collect();
    let (summary, table) = table(&file(&lines), "2020-06-30");
    let as_of = [Some(10.0), None, None, None, None, Some(0.0), Some(0.0)];
    assert_eq!(column(&table, 3, Ages::AsOf), as_of);
    // On the day of the loan the last two have just begun, or not yet.
    let event = [Some(10.0), None, None, None, None, Some(0.0), None];
    assert_eq!(column(&table, 3, Ages::Event), event);
    assert!(summary.nulls.contains(&("years_on_the_job".to_owned(), 4)), "{summary:?}");
    assert!(summary.nulls.contains(&("years_on_the_job_event".to_owned(), 5)), "{summary:?}");
}

#[test]
fn event_ages_count_from_the_loan() {
    let line = "1,7,F,Y,House / apartment,1,1990-01-01,2010-01-01,2015-01-01,100".to_owned();
    let (_, table) = table(&file(&[line]), "2021-12-27");
    assert_eq!(rows(&table, Ages::AsOf), [[Some(0.0), None, Some(32.0), Some(11.0), Some(1.0)]]);
    assert_eq!(rows(&table, Ages::Event), [[Some(0.0), None, Some(25.0), Some(5.0), Some(1.0)]]);
    assert_eq!((table.labels.as_slice(), table.ids.as_slice()), (&[1][..], &[7][..]));
}

#[test]
fn rows_with_nulls_stay_and_the_id_is_no_feature() {
    let lines = [
        format!("{},", loan(1, 4_000_001, "2020-01-01", "100")),
        format!("{},Cooking staff", loan(2, 4_000_002, "2020-01-01", "100")),
    ];
    let text = format!("{HEADER},occupation_type\n{}\n", lines.join("\n"));
    let (summary, table) = table(&text, "2021-01-01");
    assert_eq!((summary.manifest.rows, summary.manifest.entities, table.len()), (2, 2, 2));
    assert!(table.rows(Ages::AsOf).iter().all(|value| *value != 4_000_001.0));
}

#[test]
fn loans_after_as_of_are_left_out_and_counted() {
    let lines = [
        loan(1, 1, "2020-01-01", "100"),
        loan(2, 1, "2020-06-30", "200"),
        loan(3, 1, "2020-07-01", "999"),
        loan(4, 2, "2020-12-01", "100"),
    ];
    let (summary, table) = table(&file(&lines), "2020-06-30");
    let manifest = summary.manifest;
    assert_eq!((manifest.rows, manifest.entities, manifest.excluded()), (2, 1, 2));
    assert_eq!(table.loan_ids, [1, 2]);
    assert_eq!(column(&table, 1, Ages::AsOf), [None, Some(100.0)]);
    assert_eq!(table.manifest, Some(manifest));
}

#[test]
fn columns_are_found_by_name() {
    let text = "loan_amount,extra,loan_date,job_start_date,birthday,status,name_housing_type,flag_own_car,\
                code_gender,extra,id,loan_id\r\n\
                200,x,2020-02-01,2015-01-01,1990-01-01,1,\"Rented apartment\",Y,M,\"a \"\"b, c\"\"\",6,2\r\n\
                100,,2020-01-01,2015-01-01,1990-01-01,0,,N,F,,5,1\r\n";
    let (_, table) = table(text, "2021-01-01");
    assert_eq!((table.loan_ids.as_slice(), table.labels.as_slice()), (&[1, 2][..], &[0, 1][..]));
    assert_eq!(column(&table, 4, Ages::AsOf), [Some(0.0), Some(1.0)]);
    assert_eq!(
        (table.gender.names.as_slice(), table.gender.codes.as_slice()),
        (&["F", "M"].map(str::to_owned)[..], &[0, 1][..])
    );
    assert_eq!(table.housing.names, ["(missing)", "Rented apartment"]);
}

#[test]
fn several_files_are_one() {
    let folder = Folder::new();
    let first = folder.put("a.csv", file(&[loan(1, 1, "2020-01-01", "100"), loan(2, 2, "2020-01-01", "100")]));
    let second = folder.put("b.csv", file(&[loan(3, 1, "2020-02-01", "300")]));
    let summary = folder.build(&[first.clone(), second.clone()], "2021-01-01").expect("fine files");
    assert_eq!((summary.manifest.rows, summary.manifest.entities), (3, 2));
    let table = feature_job::offline::Table::read(&folder.out).expect("our own file");
    assert_eq!(table.loan_ids, [1, 3, 2]);

    let again = folder.put("c.csv", file(&[loan(4, 1, "2020-02-01", "300"), loan(2, 1, "2020-02-01", "300")]));
    let error = folder.build(&[first.clone(), again], "2021-01-01").expect_err("loan 2 stands twice").to_string();
    assert!(error.contains("loan_id_unique (loan_id: no value twice): 1 row, in"), "{error}");
    assert!(error.contains("c.csv, line 3 (loan_id 2): `2, also in") && error.contains("a.csv, line 3`"), "{error}");

    let error = build_onto(&first, &[first.clone(), second]);
    assert!(error.contains("is an input as well"), "{error}");
    assert!(std::fs::read_to_string(&first).expect("the loan file is still there").starts_with("loan_id"));
}

fn build_onto(out: &std::path::Path, inputs: &[std::path::PathBuf]) -> String {
    let options = build::Options::at("2021-01-01".parse().expect("a day"));
    build::build(inputs, &options, out).expect_err("the input is to stay").to_string()
}

#[test]
fn the_same_loans_give_the_same_bytes() {
    let folder = Folder::new();
    let input = folder.put("loans.csv", file(&[loan(1, 1, "2020-01-01", "100"), loan(2, 2, "2020-01-01", "7.25")]));
    let mut digests = Vec::new();
    for _ in 0..2 {
        folder.build(std::slice::from_ref(&input), "2021-01-01").expect("a fine file");
        digests.push(feature_job::offline::Table::read(&folder.out).expect("our own file").digest);
    }
    assert_eq!(digests[0], digests[1]);
}

use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;
use std::ops::RangeInclusive;

use super::*;

/// A sample of 20,000 users, whose shares stray from the tables by a few per mille only.
fn lines(users: u64, seed: u64) -> (Summary, String) {
    let mut text = Vec::new();
    let summary = generate(users, seed, &mut text, |_| {}).expect("memory takes it");
    (summary, String::from_utf8(text).expect("text"))
}

fn check(name: &str, value: f64, wanted: RangeInclusive<f64>) {
    assert!(wanted.contains(&value), "{name} is {value}, not within {wanted:?} (seed {SEED_DEFAULT})");
}

#[test]
fn the_distributions_are_the_real_ones() {
    let (summary, text) = lines(20_000, SEED_DEFAULT);
    let mut lines = text.lines();
    let header: Vec<_> = lines.next().expect("a header").split(',').collect();
    assert_eq!(header, columns::LOAN_FILE);
    let place: BTreeMap<_, _> = header.iter().zip(0..).map(|(name, place)| (*name, place)).collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let get = |row: &[&'_ str], name: &str| row[place[name]].to_owned();

    let mut users: BTreeMap<String, Vec<&Vec<&str>>> = BTreeMap::new();
    for row in &rows {
        assert_eq!(row.len(), 24);
        users.entry(get(row, "id")).or_default().push(row);
    }
    let count = users.len() as f64;
    let share = |fine: &dyn Fn(&[&str]) -> bool| users.values().filter(|loans| fine(loans[0])).count() as f64 / count;

    assert_eq!(users.len(), 20_000);
    assert_eq!(users.keys().next().map(String::as_str), Some("5008804"));
    assert_eq!(rows.iter().map(|row| row[0]).collect::<HashSet<_>>().len(), rows.len(), "loan ids are unique");
    assert_eq!(rows[0][0], "1000");
    assert_eq!(summary.loans, rows.len() as u64);

    check("women", share(&|row| get(row, "code_gender") == "F"), 0.66..=0.68);
    check("cars", share(&|row| get(row, "flag_own_car") == "Y"), 0.37..=0.39);
    check("realty", share(&|row| get(row, "flag_own_realty") == "Y"), 0.66..=0.685);
    check("no children", share(&|row| get(row, "cnt_children") == "0"), 0.68..=0.70);
    check("working", share(&|row| get(row, "name_income_type") == "Working"), 0.50..=0.53);
    check("houses", share(&|row| get(row, "name_housing_type") == "House / apartment"), 0.885..=0.90);
    check("no job", share(&|row| get(row, "job_start_date") == "3021-09-18"), 0.16..=0.176);
    check("no occupation", share(&|row| get(row, "occupation_type").is_empty()), 0.30..=0.32);
    let pensioners =
        |row: &[&str]| get(row, "days_employed") == "365243" && get(row, "name_income_type") == "Pensioner";
    check("pensioners", share(&pensioners), 0.16..=0.176);

    let mut sizes: Vec<_> = users.values().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!((sizes[0], sizes[sizes.len() - 1]), (1, 61));
    check("median of loans", sizes[sizes.len() / 2] as f64, 17.0..=19.0);
    check("mean of loans", rows.len() as f64 / count, 20.8..=21.9);

    let dates: Vec<_> = rows.iter().map(|row| get(row, "loan_date")).collect();
    assert_eq!(dates.iter().min().map(String::as_str), Some("2019-01-01"));
    assert_eq!(dates.iter().max().map(String::as_str), Some("2020-12-30"));
    let distinct = |loans: &[&Vec<&str>]| loans.iter().map(|row| get(row, "loan_date")).collect::<HashSet<_>>().len();
    let ties: usize = users.values().map(|loans| loans.len() - distinct(loans)).sum();
    check("loans of a day that has one", ties as f64 / rows.len() as f64, 0.017..=0.026);

    let amounts: Vec<f64> = rows.iter().map(|row| get(row, "loan_amount").parse().expect("a number")).collect();
    assert!(amounts.iter().all(|amount| (100.0..=820.0).contains(amount)));
    check("mean amount", amounts.iter().sum::<f64>() / amounts.len() as f64, 129.0..=130.0);

    let late = |row: &[&str]| get(row, "status") == "1";
    check("late loans", rows.iter().filter(|row| late(row)).count() as f64 / rows.len() as f64, 0.0140..=0.0160);
    assert_eq!(summary.late, rows.iter().filter(|row| late(row)).count() as u64);
    let late_users = users.values().filter(|loans| loans.iter().any(|row| late(row))).count() as f64 / count;
    check("users who are late at least once", late_users, 0.11..=0.13);
    let late_share = |from: &str, to: &str| {
        let born = |loans: &&Vec<&Vec<&str>>| (from..to).contains(&get(loans[0], "birthday").as_str());
        let users: Vec<_> = users.values().filter(born).collect();
        users.iter().filter(|loans| loans.iter().any(|row| late(row))).count() as f64 / users.len() as f64
    };
    // There is something to learn, and not much.
    check(
        "risk of the young",
        late_share("1988-01-01", "2010-01-01") / late_share("1940-01-01", "1970-01-01"),
        1.4..=3.0,
    );
}

#[test]
fn attributes_are_constant_per_user() {
    let (_, text) = lines(200, 3);
    let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let attributes = [&fields[2..19], &fields[20..22]].concat();
        assert_eq!(seen.entry(fields[1]).or_insert_with(|| attributes.clone()), &attributes);
    }
}

#[test]
fn a_seed_gives_the_same_file_and_a_larger_sample_starts_the_same() {
    let (_, small) = lines(50, 11);
    assert_eq!(lines(50, 11).1, small);
    assert!(lines(80, 11).1.starts_with(&small));
    assert_ne!(lines(50, 12).1, small);
}

#[test]
fn files_are_plain_or_gzip() {
    let folder = tempfile::tempdir().expect("a folder");
    let (plain, zipped) = (folder.path().join("loans.csv"), folder.path().join("loans.csv.gz"));
    assert_eq!(write(30, 5, &plain, |_| {}).expect("a write"), write(30, 5, &zipped, |_| {}).expect("a write"));
    let read = |path: &Path| {
        let mut text = Vec::new();
        crate::loans::source::Source::open(path).expect("a source").read_to_end(&mut text).expect("it reads");
        text
    };
    assert_eq!(read(&plain), read(&zipped));
    assert_ne!(std::fs::read(&plain).expect("a file"), std::fs::read(&zipped).expect("a file"));
}

#[test]
fn odd_numbers_of_users_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("loans.csv");
    for users in [0, USERS_MAX + 1, u64::MAX] {
        assert!(matches!(write(users, 7, &out, |_| {}), Err(SampleError::Users(_))), "{users}");
    }
    assert!(!out.exists());
    assert_eq!(write(1, 7, &out, |_| {}).expect("one user is enough").users, 1);
}

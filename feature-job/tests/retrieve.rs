//! Features as they were known at given times, against a slow join written for the test, and against `features --as-of`.

mod common;

use std::path::{Path, PathBuf};

use common::{Folder, file, shared};
use contract::date::Date;
use contract::view::Ages;
use feature_job::features::build::{Options, build};
use feature_job::offline::{Latest, Reader, latest};
use feature_job::retrieve::{RetrieveError, retrieve};
use feature_job::sample;
use polars::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// One loan of the random file: user, day, amount, in the order of the file.
type Loan = (i64, i32, f64);

const BIRTHDAY: &str = "1990-01-01";
const JOB_START: &str = "2019-11-20";

fn day(text: &str) -> i32 {
    text.parse::<Date>().expect("a day").days()
}

fn text(day: i32) -> String {
    Date::from_days(day).expect("a day").to_string()
}

fn read(path: &Path) -> DataFrame {
    ParquetReader::new(std::fs::File::open(path).expect("it was written")).finish().expect("Parquet")
}

fn row(frame: &DataFrame, row: usize) -> Vec<Option<f64>> {
    let names =
        ["loan_date", "nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"];
    let value = |name: &str| {
        let column = frame.column(name).expect(name).to_physical_repr().cast(&DataType::Float64).expect("numbers");
        column.f64().expect("floats").get(row)
    };
    names.map(value).to_vec()
}

/// Finds the loan and computes its features as one would by hand: all loans of the user so far, one after the other.
fn slowly(loans: &[Loan], user: i64, asked: i32, ages: Ages) -> Vec<Option<f64>> {
    let mut own: Vec<&Loan> = loans.iter().filter(|(id, day, _)| *id == user && *day <= asked).collect();
    own.sort_by_key(|(_, day, _)| *day);
    let Some(((_, day_of_loan, _), earlier)) = own.split_last() else { return vec![None; 6] };
    let mut sum = 0.0;
    for (_, _, amount) in earlier {
        sum += amount;
    }
    let mean = (!earlier.is_empty()).then(|| sum / earlier.len() as f64);
    let reference = if ages == Ages::AsOf { asked } else { *day_of_loan };
    let years = |from: &str| (reference >= day(from)).then(|| f64::from((reference - day(from)).div_euclid(365)));
    vec![Some(f64::from(*day_of_loan)), Some(earlier.len() as f64), mean, years(BIRTHDAY), years(JOB_START), Some(1.0)]
}

#[test]
fn every_answer_is_that_of_a_slow_join() {
    for seed in 0..20 {
        let mut rng = StdRng::seed_from_u64(seed);
        // Few users and few days: most loans tie, and most times hit a loan's very day.
        let (first, days) = (day("2020-01-01"), rng.random_range(1..60));
        let loan = |rng: &mut StdRng| {
            let amount = f64::from(rng.random_range(0..100_000)) / 64.0;
            (rng.random_range(0..10), first + rng.random_range(0..days), amount)
        };
        let loans: Vec<Loan> = (0..rng.random_range(1..200)).map(|_| loan(&mut rng)).collect();
        let line = |(number, (id, day, amount)): (usize, &Loan)| {
            format!("{number},{id},F,Y,With parents,0,{BIRTHDAY},{JOB_START},{},{amount}", text(*day))
        };
        let folder = Folder::new();
        let input = folder.put("loans.csv", file(&loans.iter().enumerate().map(line).collect::<Vec<_>>()));
        folder.build(&[input], "2020-06-30").expect("a fine file");

        let asked: Vec<(i64, i32)> =
            (0..100).map(|_| (rng.random_range(0..12), first + rng.random_range(-5..days + 5))).collect();
        let lines: Vec<_> = asked.iter().map(|(id, day)| format!("{},{id},x{id}", text(*day))).collect();
        let spine = folder.put("spine.csv", format!("time,user_id,note\n{}\n", lines.join("\n")));
        for ages in [Ages::AsOf, Ages::Event] {
            let out = folder.put("training.parquet", "");
            let summary = retrieve(&spine, &folder.out, &out, ages).expect("a fine list");
            let answer = read(&out);
            assert_eq!(answer.get_column_names()[..3], ["time", "user_id", "note"]);
            let mut missing = 0;
            for (place, &(user, asked)) in asked.iter().enumerate() {
                let wanted = slowly(&loans, user, asked, ages);
                missing += u64::from(wanted[0].is_none());
                assert_eq!(row(&answer, place), wanted, "seed {seed}, user {user} on {}", text(asked));
            }
            assert_eq!((summary.rows, summary.missing, summary.beyond), (100, missing, 0), "seed {seed}");
        }
    }
}

/// Retrieves every user at a day from a store of a later day, and wants the store of that very day.
fn agrees_with_as_of(loans: &Path, early: &str, late: &str) -> Folder {
    let folder = Folder::new();
    let then = folder.put("then.parquet", "");
    build(&[loans.to_owned()], &Options::at(early.parse().expect("a day")), &then).expect("fine loans");
    folder.build(&[loans.to_owned()], late).expect("fine loans");
    let known: Vec<Latest> =
        latest(&Reader::open(&then).expect("a store")).collect::<Result<_, _>>().expect("it reads");
    let all = latest(&Reader::open(&folder.out).expect("a store")).collect::<Result<Vec<_>, _>>().expect("it reads");
    // In the order of neither store.
    let lines: Vec<_> = all.iter().rev().map(|user| format!("{},{early}T23:59:59Z", user.id)).collect();
    let spine = folder.put("spine.csv", format!("id,timestamp\n{}\n", lines.join("\n")));
    let out = folder.put("training.parquet", "");
    let summary = retrieve(&spine, &folder.out, &out, Ages::AsOf).expect("a fine list");
    assert_eq!(summary.rows - summary.missing, known.len() as u64, "users without a loan until then are null");

    let answer = read(&out);
    let mut known = known.into_iter().rev().peekable();
    for (place, user) in all.iter().rev().enumerate() {
        let wanted = match known.next_if(|latest| latest.id == user.id) {
            Some(Latest { event_day, values, .. }) => {
                let values = values.into_iter().map(|value| (!value.is_nan()).then_some(value));
                [Some(f64::from(event_day))].into_iter().chain(values).collect()
            }
            None => vec![None; 6],
        };
        assert_eq!(row(&answer, place), wanted, "user {}", user.id);
    }
    assert_eq!(known.next(), None);
    folder
}

#[test]
fn a_day_gives_what_the_store_of_that_day_holds() {
    let folder = Folder::new();
    let loans = folder.put("loans.csv", "");
    sample::write(300, 7, &loans, |_| {}).expect("a sample");
    agrees_with_as_of(&loans, "2020-06-30", "2021-12-27");
}

#[test]
fn the_published_table_of_the_middle_of_2020_is_retrieved() {
    let Some(loans) = shared("dataset_credit_risk.csv.gz") else { return };
    let folder = agrees_with_as_of(&loans, "2020-06-30", "2021-12-27");
    let users = [5_008_804, 5_008_806, 5_008_832, 5_021_985, 5_137_035];
    let lines = users.map(|user: i64| format!("{user},2020-06-30"));
    let spine = folder.put("spine.csv", format!("user_id,time\n{}\n", lines.join("\n")));
    let out = folder.put("training.parquet", "");
    retrieve(&spine, &folder.out, &out, Ages::AsOf).expect("a fine list");
    let answer = read(&out);
    for (place, (nb, average, age, years, loan_date)) in [
        (10.0, 125.243_053, 31.0, 11.0, "2020-04-20"),
        (25.0, 139.054_883, 57.0, 1.0, "2020-06-05"),
        (27.0, 125.980_104, 26.0, 2.0, "2020-06-08"),
        (7.0, 157.319_276, 29.0, 10.0, "2020-04-24"),
        (28.0, 123.256_928, 24.0, 4.0, "2020-06-29"),
    ]
    .into_iter()
    .enumerate()
    {
        let found = row(&answer, place);
        for (found, wanted) in found.iter().zip([f64::from(day(loan_date)), nb, average, age, years]) {
            let found = found.expect("a value");
            assert!((found - wanted).abs() < 1e-6, "user {}: {found} is not {wanted}", users[place]);
        }
    }
}

/// A store of one loan of user 7, and a list.
fn small(list: &str) -> (Folder, PathBuf) {
    let folder = Folder::new();
    let input = folder.put("loans.csv", file(&[common::loan(1, 7, "2020-02-01", "100")]));
    folder.build(&[input], "2020-06-30").expect("a fine file");
    let spine = folder.put("spine.csv", list);
    (folder, spine)
}

#[test]
fn csv_carries_other_columns_through_as_they_are() {
    let (folder, spine) =
        small("note,user_id,time,weight\n\"a, \"\"b\"\"\",7,2020-02-01,007.50\n,8,2020-02-01,\nx,7,2020-01-31,1e3\n");
    let out = folder.put("training.csv", "");
    retrieve(&spine, &folder.out, &out, Ages::Event).expect("a fine list");
    let wanted = "note,user_id,time,weight,loan_date,nb_previous_loans,avg_amount_loans_previous,age,years_on_the_job,flag_own_car\n\
                  \"a, \"\"b\"\"\",7,2020-02-01,007.50,2020-02-01,0,,30,5,0\n\
                  ,8,2020-02-01,,,,,,,\n\
                  x,7,2020-01-31,1e3,,,,,,\n";
    assert_eq!(std::fs::read_to_string(out).expect("it was written"), wanted);
}

#[test]
fn times_beyond_the_store_are_counted() {
    let (folder, spine) = small("id,time\n7,2020-06-30\n7,2020-07-01\n");
    let out = folder.put("training.csv", "");
    let summary = retrieve(&spine, &folder.out, &out, Ages::AsOf).expect("a fine list");
    assert_eq!((summary.missing, summary.beyond), (0, 1));
}

#[test]
fn what_cannot_be_answered_is_refused_and_nothing_is_written() {
    let check = |list: &str, out: &str, said: &str| {
        let (folder, spine) = small(list);
        let before = folder.names();
        let out = folder.out.with_file_name(out);
        let error = retrieve(&spine, &folder.out, &out, Ages::AsOf).expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(folder.names(), before);
    };
    check("id,time,age\n7,2020-06-30,3\n", "training.csv", "has a column `age`");
    check("id,time,loan_date\n7,2020-06-30,3\n", "training.csv", "has a column `loan_date`");
    check("id,time\n7,2020-06-30\n", "training.txt", "name the output .parquet or .csv");
    check("id,time\n7,tomorrow\n", "training.csv", "row 1: `time` is `tomorrow`");
    check("id,time\n7,2020-06-30\n", "spine.csv", "it is an input as well");
    check("id,time\n7,2020-06-30\n", "features.parquet", "it is an input as well");

    let (folder, spine) = small("id,time\n7,2020-06-30\n");
    let error = retrieve(&spine, &spine, &folder.out, Ages::AsOf).expect_err("the list is no store");
    assert!(matches!(error, RetrieveError::Offline(_)), "{error}");
}

#[test]
fn the_label_is_never_retrieved() {
    let (folder, spine) = small("id,time\n7,2020-06-30\n");
    let out = folder.put("training.parquet", "");
    retrieve(&spine, &folder.out, &out, Ages::AsOf).expect("a fine list");
    assert!(read(&out).column("status").is_err());
}

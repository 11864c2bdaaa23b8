//! The real loan file against the published features: the tables of users, the counts, and every user's latest row.
//! Skipped, with a word, where the file is absent.

mod common;

use std::collections::HashMap;
use std::io::Read as _;

use common::{Folder, shared};
use contract::date::Date;
use contract::view::Ages;
use feature_job::features::build::Summary;
use feature_job::offline::Table;

fn built(as_of: &str) -> Option<(Summary, Table)> {
    let folder = Folder::new();
    let input = shared("dataset_credit_risk.csv.gz")?;
    let summary = folder.build(&[input], as_of).expect("the real file is fine");
    Some((summary, Table::read(&folder.out).expect("our own file")))
}

/// Each user's latest row: event day, the five features, the label.
fn latest(table: &Table, ages: Ages) -> HashMap<i64, (i32, Vec<f64>, u8)> {
    let rows = table.rows(ages);
    let of = |row: usize| (table.event_days[row], rows[row * 5..][..5].to_vec(), table.labels[row]);
    table.latest().into_iter().map(|row| (table.ids[row], of(row))).collect()
}

fn assert_row(found: &[f64], wanted: [f64; 5], id: i64) {
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() < 1e-6, "user {id}: {found} is not {wanted}");
    }
}

fn nulls(summary: &Summary, column: &str) -> usize {
    summary.nulls.iter().find(|(name, _)| name == column).map_or(0, |(_, count)| *count)
}

#[test]
fn the_published_table_holds() {
    let Some((summary, table)) = built("2021-12-27") else { return };
    let Summary { manifest, .. } = &summary;
    assert_eq!((manifest.rows, manifest.entities, manifest.excluded()), (777_715, 36_457, 0));
    assert_eq!(777_715 - nulls(&summary, "years_on_the_job"), 649_743);
    assert_eq!(777_715 - nulls(&summary, "avg_amount_loans_previous"), 741_258);
    assert_eq!(table.labels.iter().filter(|label| **label == 1).count(), 11_575);

    let latest_rows = latest(&table, Ages::AsOf);
    for (id, row) in [
        (5_008_804, [15.0, 128.906_371_169_314_64, 33.0, 12.0, 1.0]),
        (5_008_806, [29.0, 136.446_864_013_517_28, 59.0, 3.0, 1.0]),
        (5_008_832, [34.0, 128.791_886_347_776_09, 27.0, 4.0, 0.0]),
        (5_021_985, [9.0, 153.125_453_875_354_4, 30.0, 11.0, 1.0]),
        (5_137_035, [33.0, 126.867_273_914_167_06, 26.0, 6.0, 0.0]),
    ] {
        assert_row(&latest_rows[&id].1, row, id);
    }

    let event = latest(&table, Ages::Event);
    for (id, age, years) in [(5_008_804, 32.0, 11.0), (5_008_806, 58.0, 2.0), (5_008_832, 26.0, 3.0)] {
        assert_eq!((event[&id].1[2], event[&id].1[3]), (age, years), "user {id}, on the day of the loan");
    }
    every_user_as_published(&table, &latest_rows);
}

/// The publisher counted strictly earlier dates, so that users who tie on their last date differ in the loan features.
fn every_user_as_published(table: &Table, latest_rows: &HashMap<i64, (i32, Vec<f64>, u8)>) {
    let Some(path) = shared("published_latest_features.csv.gz") else { return };
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("the published features open");
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).expect("they unpack");

    let days: Vec<_> = table.ids.iter().zip(&table.event_days).collect();
    let tied = |row: usize| row > 0 && days[row - 1] == days[row];
    let tied: HashMap<i64, bool> = table.latest().into_iter().map(|row| (table.ids[row], tied(row))).collect();

    let (mut users, mut compared) = (0, 0);
    for line in text.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let id: i64 = fields[0].parse().expect("an id");
        let number = |place: usize| fields[place].parse().unwrap_or(f64::NAN);
        let (_, row, label) = &latest_rows[&id];
        let same = |place: usize| {
            let (found, wanted) = (row[place], number(place + 1));
            assert!(
                (found - wanted).abs() < 1e-6 || (found.is_nan() && wanted.is_nan()),
                "user {id}, feature {place}: {found} is not {wanted}"
            );
        };
        [2, 3, 4].into_iter().for_each(same);
        assert_eq!(f64::from(*label), number(6), "user {id}");
        if !tied[&id] {
            [0, 1].into_iter().for_each(same);
            compared += 1;
        }
        users += 1;
    }
    assert_eq!((users, compared), (36_457, 35_936));
}

#[test]
fn the_table_of_the_middle_of_2020_holds() {
    let Some((summary, table)) = built("2020-06-30") else { return };
    let Summary { manifest, .. } = &summary;
    assert_eq!((manifest.rows, manifest.entities, manifest.excluded()), (582_363, 36_309, 777_715 - 582_363));
    assert_eq!(582_363 - nulls(&summary, "avg_amount_loans_previous"), 546_054);
    assert_eq!(582_363 - nulls(&summary, "years_on_the_job"), 435_380);
    let latest = latest(&table, Ages::AsOf);
    for (id, nb, average, age, years, day) in [
        (5_008_804, 10.0, 125.243_053, 31.0, 11.0, "2020-04-20"),
        (5_008_806, 25.0, 139.054_883, 57.0, 1.0, "2020-06-05"),
        (5_008_832, 27.0, 125.980_104, 26.0, 2.0, "2020-06-08"),
        (5_021_985, 7.0, 157.319_276, 29.0, 10.0, "2020-04-24"),
        (5_137_035, 28.0, 123.256_928, 24.0, 4.0, "2020-06-29"),
    ] {
        let (event, row, _) = &latest[&id];
        assert_row(row, [nb, average, age, years, row[4]], id);
        assert_eq!(*event, day.parse::<Date>().expect("a day").days(), "user {id}");
    }
}

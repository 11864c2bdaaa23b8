//! Every user's latest loan, read a row group at a time: wherever the groups end, it is what the whole store says.

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Folder, file, loan};
use contract::view::Ages;
use feature_job::features::build;
use feature_job::offline::{Latest, OfflineError, Reader, Table, latest};
use feature_job::publish::{Options, PublishError, Summary, publish};
use polars::prelude::*;

/// A store of four users with one to three loans, two of a day among them.
fn store() -> Folder {
    let lines = [
        loan(1, 1, "2020-01-01", "100"),
        loan(2, 1, "2020-02-01", "200"),
        loan(3, 1, "2020-02-01", "300"),
        loan(4, 2, "2020-01-05", "100"),
        loan(5, 3, "2020-01-06", "100"),
        loan(6, 3, "2020-01-07", "100"),
        loan(7, 4, "2020-01-08", "100"),
    ];
    let folder = Folder::new();
    let input = folder.put("loans.csv", file(&lines));
    folder.build(&[input], "2021-01-01").expect("fine loans");
    folder
}

/// Writes a changed store, in row groups of this size.
fn rewrite(store: &Path, rows: usize, change: impl FnOnce(LazyFrame) -> LazyFrame) -> PathBuf {
    let frame = ParquetReader::new(File::open(store).expect("the store")).finish().expect("Parquet");
    let content = Reader::open(store).expect("our own file").content().pairs();
    let out = store.with_file_name(format!("groups-of-{rows}.parquet"));
    ParquetWriter::new(File::create(&out).expect("a file"))
        .with_row_group_size(Some(rows))
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(content)))
        .finish(&mut change(frame.lazy()).collect().expect("a frame"))
        .expect("a write");
    out
}

fn read(path: &Path) -> Result<Vec<(i64, i32, Vec<u64>)>, OfflineError> {
    let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect();
    let plain = |Latest { id, event_day, values }: Latest| (id, event_day, bits(values));
    latest(&Reader::open(path)?).map(|latest| latest.map(plain)).collect()
}

/// Publishes to a port that nobody listens at: had anything been sent, that would be the error.
fn send(store: &Path) -> Result<Summary, PublishError> {
    let host = "http://127.0.0.1:9".parse().expect("an address");
    let options = Options { token: None, batch_records: 1, patience: Duration::ZERO, restart: false };
    publish(store, &host, &options, |_, _| {})
}

#[test]
fn groups_may_end_anywhere() {
    let folder = store();
    let table = Table::read(&folder.out).expect("our own file");
    let rows = table.rows(Ages::AsOf);
    let row = |row: usize| (table.ids[row], table.event_days[row], rows[row * 5..][..5].iter().map(|v| v.to_bits()));
    let wanted: Vec<_> = table.latest().into_iter().map(row).map(|(id, day, bits)| (id, day, bits.collect())).collect();
    assert_eq!(wanted.len(), 4);
    for rows in 1..=8 {
        let path = rewrite(&folder.out, rows, |frame| frame);
        assert_eq!(read(&path).expect("a fine store"), wanted, "in groups of {rows}");
        assert_eq!(
            Reader::open(&path).expect("a store").digest().expect("it reads"),
            Table::read(&path).expect("a store").digest
        );
    }
}

#[test]
fn a_store_that_is_not_sorted_is_refused() {
    let folder = store();
    for rows in [1, 8] {
        let path = rewrite(&folder.out, rows, LazyFrame::reverse);
        assert!(matches!(read(&path), Err(OfflineError::Column { .. })), "in groups of {rows}");
    }
}

#[test]
fn a_store_with_ages_of_the_loans_own_days_is_not_published() {
    let folder = store();
    let options = build::Options { ages: Ages::Event, ..build::Options::at("2021-01-01".parse().expect("a day")) };
    build::build(&[folder.input("loans.csv")], &options, &folder.out).expect("fine loans");
    assert!(matches!(send(&folder.out), Err(PublishError::Ages(_))));
}

#[test]
fn a_store_with_a_value_that_may_not_be_served_is_not_published_by_half() {
    let folder = store();
    let last = col("id").eq(lit(4));
    let damaged = when(last).then(lit(-5i64)).otherwise(col("age")).alias("age");
    let path = rewrite(&folder.out, 1, |frame| frame.with_column(damaged));
    let error = send(&path).expect_err("an age below 0");
    assert!(matches!(error, PublishError::Record { id: 4, .. }), "{error}");
}

//! The store on a real disk: what survives a restart, what wins, and what a damaged value answers.

use std::sync::Arc;

use super::*;

fn view() -> Digest {
    Digest::of(b"the view")
}

fn record(id: u64, event_time: &str, as_of: &str, value: f64) -> FeatureRecord {
    FeatureRecord {
        entity: EntityId::try_from(id).expect("an id"),
        event_time: event_time.parse().expect("a day"),
        as_of: as_of.parse().expect("a day"),
        view: view(),
        values: vec![value],
    }
}

fn opened(dir: &Path) -> Store {
    Store::open(dir, view()).expect("a folder of our own")
}

fn value_of(store: &Store, id: u64) -> Option<f64> {
    let entity = EntityId::try_from(id).expect("an id");
    store.get(entity).expect("a sound record").map(|record| record.values[0])
}

#[test]
fn a_restart_finds_what_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = opened(dir.path());
    assert!(store.is_empty());
    let batch: Vec<_> = (0..1000).map(|id| record(id, "2020-01-01", "2021-01-01", id as f64)).collect();
    assert_eq!(store.put_batch(&batch).expect("a write"), PutOutcome { accepted: 1000, stale: 0 });
    drop(store);
    let store = opened(dir.path());
    assert_eq!(store.len(), 1000);
    assert_eq!(value_of(&store, 999), Some(999.0));
    assert_eq!(value_of(&store, 1000), None);
    assert!(store.size_on_disk().expect("a size") > 0);
}

#[test]
fn who_is_removed_is_gone_after_a_restart_and_no_longer_counted() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = opened(dir.path());
    store
        .put_batch(&[record(1, "2020-01-01", "2021-01-01", 1.0), record(2, "2020-01-01", "2021-01-01", 2.0)])
        .expect("a write");
    let removed = |id: u64| store.remove(EntityId::try_from(id).expect("an id")).expect("a write");
    assert_eq!([removed(1), removed(1), removed(3)], [true, false, false]);
    assert_eq!((store.len(), value_of(&store, 1), value_of(&store, 2)), (1, None, Some(2.0)));
    // An older record is no longer stale: there is nothing newer.
    assert_eq!(store.put_batch(&[record(1, "2019-01-01", "2021-01-01", 0.5)]).expect("a write").accepted, 1);
    removed(1);
    drop(store);
    let store = opened(dir.path());
    assert_eq!((store.len(), value_of(&store, 1)), (1, None));
}

#[test]
fn a_lock_whose_holder_is_on_its_way_out_is_waited_for() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = opened(dir.path());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(200));
            drop(store);
        });
        assert!(opened(dir.path()).is_empty());
    });
}

#[test]
fn newer_wins_equal_overwrites_older_is_stale() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = opened(dir.path());
    let check = |event_time: &str, as_of: &str, value: f64, accepted: bool| {
        let outcome = store.put_batch(&[record(7, event_time, as_of, value)]).expect("a write");
        assert_eq!(outcome.accepted == 1, accepted, "{event_time} {as_of}");
        assert_eq!(outcome.accepted + outcome.stale, 1);
        assert_eq!(value_of(&store, 7) == Some(value), accepted, "{event_time} {as_of}");
        assert_eq!(store.len(), 1);
    };
    check("2020-06-01", "2021-01-01", 1.0, true);
    check("2020-06-01", "2021-01-01", 2.0, true);
    check("2020-06-01", "2020-12-31", 3.0, false);
    check("2020-05-31", "2022-01-01", 4.0, false);
    check("2020-06-01", "2021-01-02", 5.0, true);
    check("2020-06-02", "2020-06-02", 6.0, true);
}

#[test]
fn a_user_twice_in_a_batch_counts_in_order() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = opened(dir.path());
    let batch = [
        record(7, "2020-06-01", "2021-01-01", 1.0),
        record(7, "2020-06-02", "2021-01-01", 2.0),
        record(7, "2020-06-01", "2021-01-01", 3.0),
        record(8, "2020-06-01", "2021-01-01", 4.0),
    ];
    assert_eq!(store.put_batch(&batch).expect("a write"), PutOutcome { accepted: 3, stale: 1 });
    assert_eq!((value_of(&store, 7), value_of(&store, 8), store.len()), (Some(2.0), Some(4.0), 2));
    // Older than what is stored, twice: the first must not become the measure of the second.
    let late = [record(7, "2020-05-02", "2021-01-01", 5.0), record(7, "2020-05-03", "2021-01-01", 6.0)];
    assert_eq!(store.put_batch(&late).expect("a write"), PutOutcome { accepted: 0, stale: 2 });
    assert_eq!(value_of(&store, 7), Some(2.0));
}

#[test]
fn a_damaged_record_is_an_error_until_it_is_published_again() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = opened(dir.path());
    let newer = record(7, "2020-06-01", "2021-01-01", 1.0);
    let mut bytes = value::encode(&newer);
    bytes[50] ^= 1;
    store.records.insert(value::key(newer.entity), bytes).expect("a write behind the store's back");
    let error = store.get(newer.entity).expect_err("a damaged record");
    assert!(matches!(error, StoreError::Corrupt { fault: ValueFault::Checksum, .. }), "{error}");
    let outcome = store.put_batch(&[record(7, "2019-01-01", "2021-01-01", 2.0)]).expect("a write");
    assert_eq!(outcome, PutOutcome { accepted: 1, stale: 0 });
    assert_eq!(value_of(&store, 7), Some(2.0));
}

#[test]
fn a_record_of_another_view_gives_way() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let earlier = Store::open(dir.path(), Digest::of(b"the earlier view")).expect("a folder of our own");
    let other = FeatureRecord { view: Digest::of(b"the earlier view"), ..record(7, "2020-06-01", "2021-01-01", 1.0) };
    earlier.put_batch(&[other]).expect("a write");
    drop(earlier);
    let store = opened(dir.path());
    let outcome = store.put_batch(&[record(7, "2020-05-01", "2021-01-01", 2.0)]).expect("a write");
    assert_eq!(outcome, PutOutcome { accepted: 1, stale: 0 });
    assert_eq!((value_of(&store, 7), store.len()), (Some(2.0), 1));
}

#[test]
fn writers_at_the_same_time_keep_the_newest() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(opened(dir.path()));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                for day in 1..=20 {
                    let event_time = format!("2020-01-{:02}", (day * 7 + writer * 5) % 28 + 1);
                    let value: f64 = event_time[8..].parse().expect("a day of the month");
                    let batch: Vec<_> = (0..50).map(|id| record(id, &event_time, "2021-01-01", value)).collect();
                    store.put_batch(&batch).expect("a write");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().expect("no writer panics");
    }
    let newest = (0..8).flat_map(|w| (1..=20).map(move |d| (d * 7 + w * 5) % 28 + 1)).max().expect("some day");
    assert_eq!(store.len(), 50);
    for id in 0..50 {
        assert_eq!(value_of(&store, id), Some(f64::from(newest)), "user {id}");
    }
}

#[test]
fn a_folder_in_use_or_in_the_way_is_named() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let _held = opened(dir.path());
    let error = Store::open(dir.path(), view()).err().expect("the folder is in use");
    assert!(matches!(&error, StoreError::Locked(found) if found == dir.path()), "{error:?}");
    let file = dir.path().join("a-file");
    std::fs::write(&file, "no folder").expect("a file");
    let error = Store::open(&file, view()).err().expect("a file is no store");
    assert!(error.to_string().contains("a-file"), "{error}");
}

//! The job's Parquet files read back, and what a host serves held against the store that was published to it.

use std::fs::File;
use std::path::Path;

use polars::prelude::{DataFrame, DataType};
use polars_io::prelude::{ParquetReader, SerReader as _};

use crate::host::Host;
use crate::workshop::Workshop;

/// Demands that every user of `features.parquet` is served with the bits of the latest row; gives how many there are.
pub fn check_served(workshop: &Workshop, host: &Host) -> u64 {
    let store = read(&workshop.path("features.parquet"));
    let ids = store.column("id").expect("ids").i64().expect("whole numbers").clone();
    let names = ["nb_previous_loans", "avg_amount_loans_previous", "age", "years_on_the_job", "flag_own_car"];
    let columns = names.map(|name| store.column(name).expect("a feature").cast(&DataType::Float64).expect("numbers"));
    let mut users = 0;
    for row in 0..store.height() {
        // Rows are sorted by user and day, so that a user's latest stands before the next user's first.
        if row + 1 < store.height() && ids.get(row) == ids.get(row + 1) {
            continue;
        }
        let user = ids.get(row).expect("an id");
        let answer = host.get(&format!("/v1/users/{user}/features"));
        assert_eq!(answer.status, 200, "user {user}: {}", answer.body);
        for (name, column) in names.iter().zip(&columns) {
            let stored = column.f64().expect("floats").get(row).filter(|value| !value.is_nan());
            let served = answer.body["features"][name].as_f64();
            assert_eq!(served.map(f64::to_bits), stored.map(f64::to_bits), "{name} of user {user}: {}", answer.body);
        }
        users += 1;
    }
    users
}

/// Gives how many rows a Parquet file has.
pub fn rows(path: &Path) -> usize {
    read(path).height()
}

fn read(path: &Path) -> DataFrame {
    let file = File::open(path).expect("the file");
    ParquetReader::new(file).finish().expect("a Parquet file")
}

//! Batch scores, read back from the Parquet file that `feature-job score` writes.

use std::collections::HashMap;
use std::fs::File;

use polars_io::prelude::{ParquetReader, SerReader as _};

use crate::workshop::Workshop;

/// Each user's score.
pub type Scores = HashMap<i64, f64>;

/// Scores the workshop's users with a module and reads the result back.
pub fn read_scores(workshop: &Workshop, module: &str) -> Scores {
    workshop.feature_job(["score", "--module", module, "--features", "features.parquet", "--out", "scores.parquet"]);
    let file = File::open(workshop.path("scores.parquet")).expect("the scores");
    let table = ParquetReader::new(file).finish().expect("a Parquet file");
    let ids = table.column("id").expect("ids").i64().expect("whole numbers");
    let scores = table.column("score").expect("scores").f64().expect("floats");
    let pairs = ids.into_no_null_iter().zip(scores.into_no_null_iter());
    let scores: Scores = pairs.collect();
    assert_eq!(scores.len(), table.height(), "each user stands there once");
    scores
}

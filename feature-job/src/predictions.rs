//! `predictions`: what a host logged, as a Parquet file for whoever asks how a model did.
//!
//! # Shape
//! One row a prediction, in the order of the log: `time` datetime without a zone, in UTC, `request_id` str, `user_id` i64, `event_time` date, `as_of`
//! date, a f64 for each feature under its name, `probability` f64, `decision` str, `threshold` f64, `model` str, `version` i64,
//! `digest` str, `role` str. Null where the log has null.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read as _, Take};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use contract::prediction::{self, Line, LoggedPrediction};
use contract::view::FeatureView;
use polars::prelude::*;
use polars_io::prelude::{ParquetCompression, ParquetWriter};

use crate::answer;
use crate::atomic;

/// The rows of a row group, which are held at a time.
const GROUP_ROWS: usize = 100_000;

/// What `predictions` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Turns the log that `countersign serve --prediction-log DIR` writes into one Parquet file. A last line that a crash cut off is left
out and counted; any other line that is no prediction ends it.

Example:
  feature-job predictions --log /var/lib/countersign/predictions --out predictions.parquet")]
pub struct PredictionsArgs {
    /// Log files, or folders of them
    #[arg(long, value_name = "LOG", required = true, num_args = 1..)]
    log: Vec<PathBuf>,
    /// The Parquet file to write; replaced whole if it is there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl PredictionsArgs {
    /// Writes the file, and says what is in it.
    ///
    /// # Errors
    /// A log that cannot be read, or a file that cannot be written.
    pub fn run(self) -> anyhow::Result<()> {
        let files = prediction::files(&self.log).context("cannot read the logs")?;
        let inputs: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        atomic::ready(&self.out, &inputs)?;
        // What a running host adds from here on is for the next time.
        let files = files.into_iter().map(LogFile::look).collect::<anyhow::Result<Vec<_>>>()?;
        // The columns are known when all of it was read; so it is read twice, and never held whole.
        let mut found = BTreeSet::new();
        each(&files, |prediction| {
            found.extend(prediction.features.into_keys());
            Ok(())
        })?;
        let (count, torn) = write(&self.out, &files, &names(found))?;
        let (count, cut) = (answer::counted(count, "prediction"), answer::counted(torn, "line"));
        answer::tell(format_args!("{count} of {} files, {cut} cut off -> {}", files.len(), self.out.display()))?;
        Ok(())
    }
}

/// A file of a log as it was at the beginning.
struct LogFile {
    path: PathBuf,
    bytes: u64,
}

impl LogFile {
    fn look(path: PathBuf) -> anyhow::Result<Self> {
        let bytes = path.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
        Ok(Self { path, bytes })
    }

    fn open(&self) -> anyhow::Result<BufReader<Take<File>>> {
        let file = File::open(&self.path).with_context(|| {
            let path = self.path.display();
            format!("cannot read {path}, which was there a moment ago: if a host has removed it for newer ones, run this again")
        })?;
        Ok(BufReader::new(file.take(self.bytes)))
    }
}

/// Reads every prediction of the logs, in order; gives how many lines were cut off.
fn each(files: &[LogFile], mut take: impl FnMut(LoggedPrediction) -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let mut torn = 0;
    for log in files {
        let path = &log.path;
        let said = || format!("cannot read {}", path.display());
        let mut file = log.open()?;
        let (mut buffer, mut number) = (Vec::new(), 0_u64);
        while let Some(line) = prediction::next_line(&mut file, &mut buffer).with_context(said)? {
            number += 1;
            match line {
                Line::Prediction(prediction) => take(*prediction)?,
                Line::Torn => torn += 1,
                Line::Unread => bail!("{}: line {number} is no prediction", path.display()),
            }
        }
    }
    Ok(torn)
}

/// Gives how many predictions were written, and how many lines were cut off.
fn write(out: &Path, files: &[LogFile], names: &[String]) -> anyhow::Result<(u64, u64)> {
    atomic::write(out, |file| {
        let schema = frame(&[], names)?.schema().clone();
        let mut writer = ParquetWriter::new(file).with_compression(ParquetCompression::Zstd(None)).batched(&schema)?;
        let (mut group, mut count) = (Vec::with_capacity(GROUP_ROWS), 0);
        let torn = each(files, |prediction| {
            count += 1;
            group.push(prediction);
            if group.len() == GROUP_ROWS {
                writer.write_batch(&frame(&group, names)?)?;
                group.clear();
            }
            Ok(())
        })?;
        // A file without rows has its columns all the same.
        if !group.is_empty() || count == 0 {
            writer.write_batch(&frame(&group, names)?)?;
        }
        writer.finish()?;
        Ok((count, torn))
    })
}

fn frame(predictions: &[LoggedPrediction], names: &[String]) -> PolarsResult<DataFrame> {
    let texts = |name: &str, of: fn(&LoggedPrediction) -> String| {
        Column::from(Series::new(name.into(), predictions.iter().map(of).collect::<Vec<_>>()))
    };
    let floats = |name: &str, of: &dyn Fn(&LoggedPrediction) -> Option<f64>| {
        Column::from(Series::new(name.into(), predictions.iter().map(of).collect::<Vec<_>>()))
    };
    let days = |name: &str, of: fn(&LoggedPrediction) -> Option<i32>| {
        Series::new(name.into(), predictions.iter().map(of).collect::<Vec<_>>()).cast(&DataType::Date).map(Column::from)
    };
    let whole = |name: &str, of: fn(&LoggedPrediction) -> Option<i64>| {
        Series::new(name.into(), predictions.iter().map(of).collect::<Vec<_>>())
    };
    let time = whole("time", LoggedPrediction::micros).cast(&DataType::Datetime(TimeUnit::Microseconds, None))?;
    let mut columns = vec![
        time.into(),
        texts("request_id", |prediction| prediction.request_id.clone()),
        whole("user_id", |prediction| prediction.user_id.map(|user| user.get().cast_signed())).into(),
        days("event_time", |prediction| prediction.event_time.map(|day| day.days()))?,
        days("as_of", |prediction| prediction.as_of.map(|day| day.days()))?,
    ];
    for name in names {
        columns.push(floats(name, &|prediction| prediction.features.get(name)?.as_ref()?.as_f64()));
    }
    columns.extend([
        floats("probability", &|prediction| Some(prediction.probability)),
        texts("decision", |prediction| prediction.decision.clone()),
        floats("threshold", &|prediction| Some(prediction.threshold)),
        texts("model", |prediction| prediction.model.name.to_string()),
        whole("version", |prediction| Some(prediction.model.version.get().cast_signed())).into(),
        texts("digest", |prediction| prediction.model.digest.to_string()),
        texts("role", |prediction| prediction.model.role.clone()),
    ]);
    DataFrame::new(predictions.len(), columns)
}

/// Gives the features in the order of today's view, then those that earlier views had.
fn names(found: BTreeSet<String>) -> Vec<String> {
    let known: Vec<String> =
        FeatureView::credit_risk().features.iter().map(|feature| feature.name.to_string()).collect();
    let others: Vec<String> = found.into_iter().filter(|name| !known.contains(name)).collect();
    [known, others].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = concat!(
        r#"{"time":"2026-01-02T03:04:05.000006Z","request_id":"a","user_id":7,"event_time":"2020-12-30","as_of":"2021-12-27","#,
        r#""features":{"age":30},"probability":0.5,"decision":"approve","threshold":0.6,"model":{"name":"credit-risk","version":1,"#,
        r#""digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","role":"live"}}"#,
        "\n"
    );

    #[test]
    fn what_a_host_adds_or_removes_meanwhile_does_not_come_between_two_readings() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("predictions-000001.ndjson");
        std::fs::write(&path, LINE).expect("a file");
        let log = [LogFile::look(path.clone()).expect("it is there")];
        std::fs::write(&path, LINE.repeat(3)).expect("a file that grows");
        let mut read = 0;
        let count = |read: &mut u32| {
            each(&log, |_| {
                *read += 1;
                Ok(())
            })
        };
        assert_eq!(count(&mut read).expect("whole lines"), 0);
        assert_eq!(read, 1, "the line that was there at the beginning");
        std::fs::remove_file(&path).expect("the file");
        let error = count(&mut read).expect_err("it is gone");
        assert!(error.to_string().contains("run this again"), "{error}");
    }
}

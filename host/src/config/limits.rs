//! The bounds of the HTTP side: each with its default, the values it may take, and the reason for both.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::file::{self, Links, ReadError};
use toml::{Table, Value};

/// The most bytes of a file of settings.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why a file of settings cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It cannot be read.
    #[error("--config {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: ReadError,
    },
    /// It is no TOML, or no UTF-8.
    #[error("--config {path}: {said}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        said: String,
    },
    /// It names something that is not a setting.
    #[error("--config {path}: there is no setting `{name}`: `countersign config` shows those there are")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A value is not one that the setting may take.
    #[error("--config {path}: {name} = {value}: use a whole number from {min} to {max}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The setting.
        name: &'static str,
        /// The value, as it stands.
        value: String,
        /// The least it may be.
        min: u64,
        /// The most it may be.
        max: u64,
    },
}

/// A value as a file has it: a whole number.
trait Number: Sized {
    fn from_number(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Number for usize {
    fn from_number(number: u64) -> Self {
        number.try_into().unwrap_or(usize::MAX)
    }
    fn number(&self) -> u64 {
        *self as u64
    }
}

impl Number for u32 {
    fn from_number(number: u64) -> Self {
        number.try_into().unwrap_or(u32::MAX)
    }
    fn number(&self) -> u64 {
        u64::from(*self)
    }
}

impl Number for Duration {
    fn from_number(number: u64) -> Self {
        Self::from_millis(number)
    }
    fn number(&self) -> u64 {
        self.as_millis().try_into().unwrap_or(u64::MAX)
    }
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $field:ident as $name:literal: $kind:ty = $default:expr, $min:expr, $max:expr;)+) => {
        /// The bounds of the HTTP side.
        #[derive(Debug, Clone)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $field: $kind,)+
            /// How old a user's features may be, where that is bounded.
            pub features_age_max: Option<Duration>,
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: <$kind>::from_number($default),)+ features_age_max: None }
            }
        }

        impl Limits {
            /// Takes one setting of a file.
            fn set(&mut self, path: &Path, name: &str, value: &Value) -> Result<(), SettingsError> {
                let path = path.to_owned();
                match name {
                    $($name => {
                        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
                        let number = number.filter(|number| ($min..=$max).contains(number)).ok_or_else(|| {
                            SettingsError::Value { path, name: $name, value: value.to_string(), min: $min, max: $max }
                        })?;
                        self.$field = <$kind>::from_number(number);
                        Ok(())
                    })+
                    other => Err(SettingsError::Unknown { path, name: other.escape_default().to_string() }),
                }
            }

            /// Gives every setting as a file of settings has it, each with its reason and its default.
            pub fn document(&self) -> String {
                let mut text = String::new();
                $({
                    $(let _ = writeln!(text, "#{}", $doc);)+
                    let (default, min, max): (u64, u64, u64) = ($default, $min, $max);
                    let _ = writeln!(text, "# Default {default}, from {min} to {max}.\n{} = {}\n", $name, self.$field.number());
                })+
                text
            }
        }
    };
}

limits! {
    /// Most bytes of a request's body. 10,000 records of the present view take 3 MB.
    body_bytes_max as "body_bytes_max": usize = 8 << 20, 1 << 10, 256 << 20;
    /// Most bytes of all bodies in memory at a time, sent or in work: eight of the largest. More are told to wait.
    bodies_bytes_max as "bodies_bytes_max": usize = 64 << 20, 1 << 20, 4 << 30;
    /// Most feature records of one batch: a batch is checked and held in memory whole.
    records_max as "records_max": usize = 10_000, 1, 100_000;
    /// Most batches of records in work at a time: each is on disk before it is answered. More are told to wait.
    writes_max as "writes_max": usize = 8, 1, 64;
    /// Most users or rows that one request asks about: a few milliseconds of work, 5 MB of answer.
    rows_max as "rows_max": usize = 10_000, 1, 100_000;
    /// Most requests about many rows that wait for the batch threads. More are told to come again.
    batches_max as "batches_max": usize = 64, 1, 4_096;
    /// Most connections of a port at a time: 20 KB each. More are told so and closed.
    connections_max as "connections_max": usize = 4_096, 1, 100_000;
    /// Most requests in work at a time. More are told to come again (503): a request that waits long is of no use, and to answer it
    /// late would only keep the next one waiting.
    requests_max as "requests_max": usize = 512, 1, 100_000;
    /// Most requests a second of one token, or of one address where no tokens are asked for; 0 sets no bound. More are told when to come
    /// again (429). There is none by default: the host serves a few services of the same house, and `requests_max` protects it.
    client_requests_per_second as "client_requests_per_second": u32 = 0, 0, 1_000_000;
    /// Most predictions that wait to be logged: a second or two of them, 20 MB. More are not logged, or not answered where the log is
    /// required.
    prediction_log_queue as "prediction_log_queue": usize = 65_536, 16, 10_000_000;
    /// Bytes after which the next file of the prediction log begins: some 130,000 predictions.
    prediction_log_file_bytes as "prediction_log_file_bytes": usize = 64 << 20, 1 << 10, 16 << 30;
    /// Most files of the prediction log, the oldest gone first: 4 GiB with the bytes above. Copy them away before that, to keep them.
    prediction_log_files as "prediction_log_files": usize = 64, 2, 1_000_000;
    /// Milliseconds from a connection's beginning, or from a request's first byte, to the end of the request's head. Longer is a
    /// client that holds a place and does nothing.
    head as "head_ms": Duration = 4_000, 100, 600_000;
    /// Milliseconds that a connection may idle between two requests: what pools of connections expect.
    idle as "idle_ms": Duration = 75_000, 100, 3_600_000;
    /// Milliseconds to the end of a request's body: 8 MiB at 280 kB/s.
    body as "body_ms": Duration = 30_000, 100, 600_000;
    /// Milliseconds that a client may leave its answer unread.
    write_stall as "write_stall_ms": Duration = 15_000, 100, 600_000;
    /// Milliseconds that requests under way get to finish when the host is told to stop. What stops it kills it after 30 seconds, by
    /// custom, and the last flush of the store must come before.
    drain as "drain_ms": Duration = 20_000, 0, 600_000;
}

impl Limits {
    /// Reads a file of settings; what it does not name keeps its default.
    ///
    /// # Errors
    /// [`SettingsError`], which names what cannot be followed.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let form = |said: String| SettingsError::Form { path: path.to_owned(), said };
        let bytes = file::read(path, FILE_BYTES_MAX, Links::Follow);
        let bytes = bytes.map_err(|cause| SettingsError::Read { path: path.to_owned(), cause })?;
        let text = String::from_utf8(bytes).map_err(|_| form("it is no UTF-8".to_owned()))?;
        let table: Table =
            text.parse().map_err(|error: toml::de::Error| form(error.to_string().trim_end().to_owned()))?;
        let mut limits = Self::default();
        for (name, value) in &table {
            limits.set(path, name, value)?;
        }
        if limits.prediction_log_queue < limits.rows_max {
            return Err(form(
                "prediction_log_queue is less than rows_max: a request of so many rows could never be logged"
                    .to_owned(),
            ));
        }
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<Limits, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("limits.toml");
        std::fs::write(&path, text).expect("a file");
        Limits::load(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_shown_can_be_read_again_and_says_why() {
        let changed = loaded("rows_max = 7\nhead_ms = 250").expect("settings");
        assert_eq!((changed.rows_max, changed.head, changed.writes_max), (7, Duration::from_millis(250), 8));
        let document = changed.document();
        let again = loaded(&document).expect("its own document");
        assert_eq!(format!("{again:?}"), format!("{changed:?}"));
        let comments = document.lines().filter(|line| line.starts_with("# Default ")).count();
        assert_eq!(comments, document.lines().filter(|line| line.contains(" = ")).count());
        assert!(document.contains("# Default 67108864, from 1048576 to 4294967296.\nbodies_bytes_max"), "{document}");
        assert!(document.contains("# Default 10000, from 1 to 100000.\nrows_max = 7\n"), "{document}");
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        let said = |text: &str| loaded(text).expect_err(text);
        assert!(said("rows = 7").contains("no setting `rows`"));
        for value in ["0", "-1", "1.5", "\"7\"", "100001"] {
            let said = said(&format!("rows_max = {value}"));
            assert!(said.contains("rows_max") && said.contains("from 1 to 100000"), "{said}");
        }
        assert!(said("rows_max = ").contains("limits.toml"));
        assert!(said("prediction_log_queue = 16").contains("less than rows_max"));
        assert!(
            Limits::load(Path::new("nowhere.toml")).expect_err("no file").to_string().contains("--config nowhere.toml")
        );
    }
}

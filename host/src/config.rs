//! What `countersign serve` is told: flags, then environment, checked whole before anything is opened.

mod error;
mod limits;
mod verb;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use contract::ids::ModelName;

pub use error::ConfigError;
pub use limits::{Limits, SettingsError};
pub use verb::ConfigArgs;

use crate::mirror::{Mirror, Place};
use crate::registry::FailureLimits;

/// The time between two looks at a folder, and at an object store, where every look is a request that is paid for.
const POLL_MS: u64 = 1_000;
const STORE_POLL_MS: u64 = 10_000;
/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// The flags of `countersign serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Registry, a folder or an object store such as `s3://BUCKET/PREFIX`; approved modules are picked up from its `approved/`
    #[arg(long, value_name = "DIR|URL", default_value = "modules", env = "COUNTERSIGN_MODULES")]
    pub modules: PathBuf,
    /// Trust policy, a local file: whose signatures count [default: trust.toml in the folder of --modules]
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_TRUST")]
    pub trust: Option<PathBuf>,
    /// Folder of the host's own data: the features, and the ledger of versions
    #[arg(long, value_name = "DIR", env = "COUNTERSIGN_DATA")]
    pub data: PathBuf,
    /// Model to serve where a request names none [default: the one that was live first]
    #[arg(long, value_name = "NAME", env = "COUNTERSIGN_DEFAULT_MODEL")]
    pub default_model: Option<ModelName>,
    /// Start a new ledger of versions where the old one is lost
    #[arg(long)]
    pub new_ledger: bool,
    /// Address to listen on; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", env = "COUNTERSIGN_LISTEN")]
    pub listen: SocketAddr,
    /// Address for orders alone (traffic, rollback), which --listen then does not take
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_ADMIN_LISTEN")]
    pub admin_listen: Option<SocketAddr>,
    /// Certificate chain in PEM, to speak TLS; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "COUNTERSIGN_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "COUNTERSIGN_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// File of the tokens that callers show, from `countersign tokens add`; without it only the host's health is served
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_TOKENS")]
    pub tokens: Option<PathBuf>,
    /// Serve everything to whoever reaches the host, which is this machine only: --listen must be a loopback address
    #[arg(long)]
    pub insecure_loopback: bool,
    /// Milliseconds between two looks at the registry [default: 1000, for file systems that send no events; 10000 for an
    /// object store]
    #[arg(long, value_name = "MS", env = "COUNTERSIGN_POLL_MS")]
    pub poll_ms: Option<u64>,
    /// Share of its last 200 calls, in percent, that a version may fail; past it the one before serves instead
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, env = "COUNTERSIGN_FAILURES_PERCENT")]
    pub failures_percent: f64,
    /// Folder to log every prediction in, with what it was made from, as lines of JSON [default: none is logged]
    #[arg(long, value_name = "DIR", env = "COUNTERSIGN_PREDICTION_LOG")]
    pub prediction_log: Option<PathBuf>,
    /// Refuse a prediction that cannot be logged, rather than answer it and count the loss
    #[arg(long, requires = "prediction_log", env = "COUNTERSIGN_PREDICTION_LOG_REQUIRED")]
    pub prediction_log_required: bool,
    /// Days after which a user's features are too old to be predicted from [default: they do not age]
    #[arg(long, value_name = "DAYS", env = "COUNTERSIGN_FEATURES_AGE_MAX_DAYS")]
    pub features_age_max_days: Option<u32>,
    /// How the log is written, to standard error: lines for people, or an object of JSON a line
    #[arg(long, value_enum, default_value = "text", env = "COUNTERSIGN_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// Collector of OpenTelemetry to send traces to, by OTLP over HTTP, such as http://127.0.0.1:4318 [default: nothing is
    /// traced]
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// File of bounds, as `countersign config` prints it [default: the bounds that it prints]
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Most milliseconds that requests under way get to finish after SIGTERM; a second signal ends at once [default: the
    /// `drain_ms` of --config]
    #[arg(long, value_name = "MS", env = "COUNTERSIGN_DRAIN_MS")]
    pub drain_ms: Option<u64>,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// An object of JSON a line, for programs.
    Json,
}

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the registry; with an object store, that of its local copies.
    pub modules: PathBuf,
    /// The object store that modules come from, if they do.
    pub store: Option<Place>,
    /// The file of the trust policy.
    pub trust: PathBuf,
    /// The folder of the host's own data.
    pub data: PathBuf,
    /// The model to serve where a request names none.
    pub default_model: Option<ModelName>,
    /// Whether a lost ledger is begun anew.
    pub new_ledger: bool,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address for orders, where it is another.
    pub admin_listen: Option<SocketAddr>,
    /// The certificate chain and its key, where TLS is spoken.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// How callers are told apart.
    pub callers: Callers,
    /// The time between two looks at the registry.
    pub poll: Duration,
    /// From where on a version that fails is taken out of service.
    pub failures: FailureLimits,
    /// The folder of the prediction log, where there is one, and whether it must be kept.
    pub prediction_log: Option<(PathBuf, bool)>,
    /// How the log is written.
    pub log_format: LogFormat,
    /// The collector of traces, where there is one.
    pub collector: Option<String>,
    /// The bounds of the HTTP side.
    pub limits: Limits,
}

/// How callers are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callers {
    /// By the tokens in this file.
    Tokens(PathBuf),
    /// Not at all, on a loopback address.
    Insecure,
    /// Nobody comes in.
    Nobody,
}

impl Config {
    /// Checks the flags, all of them, and opens nothing.
    ///
    /// # Errors
    /// [`ConfigError`], for the first flag that cannot be followed.
    pub fn from_args(args: ServeArgs) -> Result<Self, ConfigError> {
        let ServeArgs { modules, trust, data, default_model, new_ledger, listen, .. } = args;
        let ServeArgs {
            admin_listen,
            tls_cert,
            tls_key,
            tokens,
            insecure_loopback,
            poll_ms,
            failures_percent,
            prediction_log,
            prediction_log_required,
            features_age_max_days,
            log_format,
            otlp_endpoint,
            config,
            drain_ms,
            ..
        } = args;
        let exposed = [Some(listen), admin_listen].into_iter().flatten().find(|address| !address.ip().is_loopback());
        for (flag, path) in [("--tls-cert", &tls_cert), ("--tls-key", &tls_key)] {
            if let Some(path) = path.clone().filter(|path| !path.is_file()) {
                return Err(ConfigError::NoFile { flag, path });
            }
        }
        let callers = match (tokens, insecure_loopback) {
            (Some(_), true) => return Err(ConfigError::TokensAndInsecure),
            (None, true) if let Some(exposed) = exposed => return Err(ConfigError::Exposed(exposed)),
            (Some(path), false) if !path.is_file() => return Err(ConfigError::NoFile { flag: "--tokens", path }),
            (Some(path), false) => Callers::Tokens(path),
            (None, true) => Callers::Insecure,
            (None, false) => Callers::Nobody,
        };
        let store = place(&modules)?;
        let poll_ms = poll_ms.unwrap_or(if store.is_some() { STORE_POLL_MS } else { POLL_MS });
        let poll = checked_time("--poll-ms", poll_ms, 10, 3_600_000)?;
        let mut limits = config.as_deref().map(Limits::load).transpose()?.unwrap_or_default();
        if let Some(drain_ms) = drain_ms {
            limits.drain = checked_time("--drain-ms", drain_ms, 0, 600_000)?;
        }
        if !(0.0..=100.0).contains(&failures_percent) {
            return Err(ConfigError::Percent { flag: "--failures-percent", value: failures_percent });
        }
        let modules = if store.is_some() { Mirror::folder(&data) } else { modules };
        if store.is_none() && !modules.is_dir() {
            return Err(ConfigError::NoFolder { flag: "--modules", path: modules });
        }
        let trust = match (trust, &store) {
            (Some(trust), _) => trust,
            (None, None) => modules.join("trust.toml"),
            (None, Some(_)) => return Err(ConfigError::TrustNeeded),
        };
        if !trust.is_file() {
            return Err(ConfigError::NoFile { flag: "--trust", path: trust });
        }
        if data.exists() && !data.is_dir() {
            return Err(ConfigError::DataInTheWay(data));
        }
        // Set and empty means the same as not set, by custom of these variables.
        let collector = otlp_endpoint.filter(|url| !url.is_empty());
        if let Some(url) = collector.as_ref().filter(|url| !is_web(url)) {
            return Err(ConfigError::Collector(url.clone()));
        }
        limits.features_age_max = features_age_max_days.map(|days| Duration::from_secs(u64::from(days) * DAY_S));
        let failures = FailureLimits { share_max: failures_percent / 100.0, ..FailureLimits::default() };
        Ok(Self {
            modules,
            store,
            trust,
            data,
            default_model,
            new_ledger,
            listen,
            admin_listen,
            tls: tls_cert.zip(tls_key),
            callers,
            poll,
            failures,
            prediction_log: prediction_log.map(|folder| (folder, prediction_log_required)),
            log_format,
            collector,
            limits,
        })
    }

    /// Gives the folder of the feature store.
    pub fn store_dir(&self) -> PathBuf {
        self.data.join("features")
    }
}

/// Reads a URL; a path is none.
fn place(modules: &Path) -> Result<Option<Place>, ConfigError> {
    let Some(url) = modules.to_str().filter(|text| text.contains("://")) else { return Ok(None) };
    let refused = |cause| {
        // Between the slashes and the last @ there may be a secret.
        let shown = match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://...@{rest}"),
            _ => url.to_owned(),
        };
        ConfigError::Place { url: shown, cause }
    };
    url.parse().map(Some).map_err(refused)
}

fn is_web(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn checked_time(flag: &'static str, value: u64, min: u64, max: u64) -> Result<Duration, ConfigError> {
    if (min..=max).contains(&value) {
        Ok(Duration::from_millis(value))
    } else {
        Err(ConfigError::Time { flag, value, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registry folder with a trust policy, and flags that fit it.
    fn fitting() -> (tempfile::TempDir, ServeArgs) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("trust.toml"), "").expect("a file");
        let args = ServeArgs {
            modules: dir.path().to_owned(),
            trust: None,
            data: dir.path().join("data"),
            listen: "127.0.0.1:0".parse().expect("an address"),
            admin_listen: None,
            tls_cert: None,
            tls_key: None,
            tokens: None,
            insecure_loopback: false,
            poll_ms: None,
            default_model: None,
            new_ledger: false,
            failures_percent: 5.0,
            prediction_log: None,
            prediction_log_required: false,
            features_age_max_days: None,
            log_format: LogFormat::Text,
            otlp_endpoint: None,
            config: None,
            drain_ms: None,
        };
        (dir, args)
    }

    #[test]
    fn flags_that_fit_are_taken_and_nothing_is_made() {
        let (dir, args) = fitting();
        let config = Config::from_args(args).expect("fitting flags");
        assert_eq!(config.trust, dir.path().join("trust.toml"));
        assert!(!config.data.exists(), "checking must not make the folder");
    }

    #[test]
    fn an_object_store_has_its_copies_among_the_data_and_a_rhythm_of_its_own() {
        let (dir, mut args) = fitting();
        let folder = Config::from_args(args.clone()).expect("fitting flags");
        assert_eq!((folder.poll, folder.store.is_some()), (Duration::from_secs(1), false));
        args.modules = "s3://bucket/credit".into();
        args.trust = Some(dir.path().join("trust.toml"));
        let store = Config::from_args(args).expect("fitting flags");
        assert_eq!((store.poll, store.store.is_some()), (Duration::from_secs(10), true));
        assert_eq!(store.modules, dir.path().join("data/mirror"));
    }

    #[test]
    fn flags_that_do_not_fit_are_named() {
        let check = |flag: &str, change: &dyn Fn(&mut ServeArgs)| {
            let (_dir, mut args) = fitting();
            change(&mut args);
            let error = Config::from_args(args).expect_err(flag).to_string();
            assert!(error.starts_with(flag), "{error}");
        };
        for address in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80"] {
            check(&format!("--listen {address} with --insecure"), &|args| {
                args.listen = address.parse().expect("an address");
                args.insecure_loopback = true;
            });
        }
        check("--tokens", &|args| args.tokens = Some(args.modules.join("nowhere")));
        check("--insecure-loopback with --tokens", &|args| {
            args.insecure_loopback = true;
            args.tokens = Some(args.modules.join("trust.toml"));
        });
        check("--poll-ms 0", &|args| args.poll_ms = Some(0));
        check("--drain-ms 600001", &|args| args.drain_ms = Some(600_001));
        check("--failures-percent NaN", &|args| args.failures_percent = f64::NAN);
        check("--failures-percent 101", &|args| args.failures_percent = 101.0);
        check("--modules", &|args| args.modules = args.modules.join("nowhere"));
        check("--modules ftp://somewhere", &|args| args.modules = "ftp://somewhere".into());
        check("--modules s3://...@bucket", &|args| args.modules = "s3://key:secret@bucket".into());
        check("--trust is needed", &|args| args.modules = "s3://bucket/credit".into());
        check("--trust", &|args| args.trust = Some(args.modules.join("nowhere")));
        check("--config", &|args| args.config = Some(args.modules.join("nowhere")));
        check("--data", &|args| args.data = args.modules.join("trust.toml"));
    }
}

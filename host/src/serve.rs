//! `countersign serve`: check, open, serve, drain.

mod models;

use std::future::Future;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use contract::view::FeatureView;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use crate::access::{Gate, TokenFile};
use crate::config::{Callers, Config, ServeArgs};
use crate::engine::{Engine, EngineLimits};
use crate::http::server::{self, Entrance};
use crate::http::tls::Certificates;
use crate::http::{App, Side};
use crate::mirror::{Mirror, MirrorLimits};
use crate::prediction_log::{LogLimits, PredictionLog};
use crate::registry::{Registry, RegistryConfig};
use crate::store::Store;
use crate::telemetry::Telemetry;

/// The open files of a host beside its connections: the store's, the registry's, the runtime's.
const OPEN_FILES_BESIDE: u64 = 128;

/// The connections that the system holds for us until they are taken, as far as it allows. A burst of more than the usual 1,024 would have
/// some wait for seconds, until they are offered again.
const BACKLOG: u32 = 4_096;

impl ServeArgs {
    /// Serves until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// [`ConfigError`](crate::config::ConfigError) before anything is opened; then whatever cannot be opened.
    pub fn run(self) -> anyhow::Result<()> {
        let config = Config::from_args(self)?;
        let telemetry = Telemetry::start(config.log_format, config.collector.as_deref())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let served = runtime.context("cannot start the server's threads")?.block_on(serve(config));
        telemetry.stop();
        served
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    raise_open_files(config.limits.connections_max);
    // Before anything is opened: a signal that comes early is obeyed as soon as serving would begin.
    let stop = stop_signal().context("cannot listen for signals")?;
    let side = if config.admin_listen.is_some() { Side::WithoutOrders } else { Side::Whole };
    let tls = tls(config.tls.as_ref())?;
    let mut entrances = vec![entrance(config.listen, side, tls.clone())?];
    if let Some(address) = config.admin_listen {
        entrances.push(entrance(address, Side::Whole, tls)?);
    }

    let callers = config.callers.clone();
    let gate = gate(&callers)?;
    let view = FeatureView::credit_risk();
    let data = &config.data;
    std::fs::create_dir_all(data).with_context(|| format!("cannot make the folder of --data, {}", data.display()))?;
    let store = Arc::new(Store::open(&config.store_dir(), view.digest())?);
    let engine = Engine::new(EngineLimits::default()).context("cannot start the engine")?;
    // Before the registry opens, so that it finds at its start what the store holds.
    let mirror = match &config.store {
        Some(place) => Some(
            Mirror::start(place, data, config.poll, MirrorLimits::default())
                .await
                .with_context(|| format!("cannot keep local copies of modules in {}", config.modules.display()))?,
        ),
        None => None,
    };
    let registry = Arc::new(Registry::open(registry_config(&config, view, &store), engine.clone())?);
    tracing::info!(users = store.len(), data = %data.display(), modules = %config.modules.display(), "opened");

    let models = models::Served::new(Arc::clone(&registry), engine, mirror.as_ref().map(Mirror::figures));
    let log = prediction_log(&config)?;
    let app = App::new(Arc::clone(&store), Arc::new(models), gate, log.clone(), view, config.limits);
    let app = app.context("cannot start the threads for batches")?;
    for (entrance, what) in entrances.iter().zip(["listening on", "orders on"]) {
        let address = entrance.listener.local_addr().context("the port has no address")?;
        let encrypted = entrance.tls.is_some();
        warn_of_exposure(&callers, address, encrypted);
        // The port takes connections already. Whoever started this host waits for the line; if nobody reads it, no matter.
        let _ = writeln!(io::stdout(), "{what} {}://{address}", if encrypted { "https" } else { "http" });
    }
    server::serve(entrances, app, stop).await;

    if let Some(log) = log {
        log.stop();
    }
    drop(mirror);
    registry.shutdown();
    store.flush().context("the last flush of the store")?;
    tracing::info!("stopped");
    Ok(())
}

/// Asks the system for as many open files as it gives: each connection is one, and its usual bound of 1,024 is another time's.
fn raise_open_files(connections_max: usize) {
    let bound = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: bound.maximum, ..bound }) {
        tracing::warn!(%error, "the bound on open files could not be raised");
    }
    let needed = connections_max as u64 + OPEN_FILES_BESIDE;
    if let Some(open) = getrlimit(Resource::Nofile).current.filter(|open| *open < needed) {
        tracing::warn!(
            "the system allows {open} open files, and connections_max = {connections_max} takes {needed}: raise the one (ulimit -n) or lower the other"
        );
    }
}

/// Opens the file of tokens, and follows it.
fn gate(callers: &Callers) -> anyhow::Result<Gate> {
    Ok(match callers {
        Callers::Insecure => Gate::Open,
        Callers::Nobody => Gate::Closed,
        Callers::Tokens(path) => {
            let file = TokenFile::open(path)?;
            // It ends with the process: whoever stops the host waits for no file.
            tokio::spawn(Arc::clone(&file).follow());
            Gate::Tokens(file)
        }
    })
}

/// Says what an operator may not have meant.
fn warn_of_exposure(callers: &Callers, address: SocketAddr, encrypted: bool) {
    match callers {
        Callers::Nobody => {
            tracing::warn!(
                "only the host's health is served: give --tokens FILE, or --insecure-loopback on one machine"
            );
        }
        Callers::Tokens(_) if !encrypted && !address.ip().is_loopback() => {
            tracing::warn!(%address, "tokens and answers cross the network in the clear: use --tls-cert, or put TLS before this port");
        }
        Callers::Tokens(_) | Callers::Insecure => {}
    }
}

/// Begins the log of predictions, where one is kept.
fn prediction_log(config: &Config) -> anyhow::Result<Option<Arc<PredictionLog>>> {
    let Some((folder, required)) = &config.prediction_log else { return Ok(None) };
    let limits = LogLimits {
        queue_max: config.limits.prediction_log_queue,
        file_bytes: config.limits.prediction_log_file_bytes as u64,
        files_max: config.limits.prediction_log_files,
        required: *required,
    };
    Ok(Some(PredictionLog::open(folder, limits)?))
}

/// Opens a port.
fn entrance(address: SocketAddr, side: Side, tls: Option<TlsAcceptor>) -> anyhow::Result<Entrance> {
    let listener = listen(address).with_context(|| {
        format!("cannot listen on {address}: stop what uses it, or choose another address with --listen")
    })?;
    Ok(Entrance { listener, side, tls })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A port that a host before this one has just left is free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Reads the certificate, and follows it.
fn tls(files: Option<&(PathBuf, PathBuf)>) -> anyhow::Result<Option<TlsAcceptor>> {
    let Some((chain, key)) = files else { return Ok(None) };
    let certificates = Certificates::open(chain, key).context("cannot speak TLS")?;
    tokio::spawn(Arc::clone(&certificates).follow());
    Ok(Some(certificates.acceptor().context("cannot speak TLS")?))
}

fn registry_config(config: &Config, view: &FeatureView, store: &Store) -> RegistryConfig {
    let defaults = RegistryConfig::new(&config.modules, &config.data, view.digest());
    RegistryConfig {
        trust_path: config.trust.clone(),
        default_model: config.default_model.clone(),
        // The store and the ledger are made together: features without a ledger show that it was there.
        ledger_expected: !store.is_empty() && !config.new_ledger,
        // A store's rhythm is the mirror's; its copies are a folder like any other.
        poll_interval: if config.store.is_some() { defaults.poll_interval } else { config.poll },
        failures: config.failures,
        ..defaults
    }
}

/// Waits for the first signal; the second ends the process at once, since who sends it does not want to wait.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut signals =
        Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    Ok(async move {
        let (name, _) = signals.next().await;
        tracing::info!("{name}: finishing what is under way");
        tokio::spawn(async move {
            let (name, status) = signals.next().await;
            // Nothing acknowledged is lost: a batch is flushed before it is answered.
            tracing::warn!("{name} again: ending at once");
            std::process::exit(status);
        });
    })
}

/// The signals that stop the host.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Waits for the next one; gives its name and the exit status that stands for it by custom, 128 and its number.
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", 143),
            _ = self.interrupt.recv() => ("SIGINT", 130),
        }
    }
}

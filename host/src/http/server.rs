//! Connections: how many, for how long, and how they end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::problem::Problem;
use super::stall::StallBound;
use super::{App, router};
use crate::config::Limits;

/// Connections past the bound that are still told so; more are closed without a word.
const REFUSALS_MAX: usize = 64;
/// Most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// The pause after a failed accept: the usual cause is too many open files, and only time helps.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is there, then finishes what is under way, for at most the bound of the drain.
pub async fn serve(listener: TcpListener, app: Arc<App>, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let door = Door::new(&app, stopped);
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => door.admit(stream, &mut connections),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report(ended),
        }
    }
    // The port closes first: whoever comes now is refused by the system and can go elsewhere.
    drop(listener);
    drop(stopping);
    drain(&app, connections).await;
}

/// Waits for connections and writes to end.
async fn drain(app: &App, mut connections: JoinSet<()>) {
    let Limits { drain, writes_max, .. } = app.limits;
    tracing::info!(connections = connections.len(), "draining");
    let ended = timeout(drain, async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    });
    if ended.await.is_err() {
        tracing::warn!(connections = connections.len(), "the drain took too long; closing what is left");
        connections.shutdown().await;
    }
    // Writes have left their connections; each takes one flush of the disk, so that this wait is short.
    let all = u32::try_from(writes_max).unwrap_or(u32::MAX);
    let _free = app.writes.acquire_many(all).await;
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection panicked");
    }
}

/// What every new connection needs.
struct Door {
    router: Router,
    limits: Limits,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    /// Closed when the host stops.
    stopped: watch::Receiver<()>,
}

impl Door {
    fn new(app: &Arc<App>, stopped: watch::Receiver<()>) -> Self {
        let limits = app.limits.clone();
        let places = Arc::new(Semaphore::new(limits.connections_max));
        let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
        Self { router: router(Arc::clone(app)), limits, places, refusals, stopped }
    }

    fn admit(&self, stream: TcpStream, connections: &mut JoinSet<()>) {
        // Answers are small and written whole; waiting to fill a packet would only add to the latency.
        let _ = stream.set_nodelay(true);
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let service = TowerToHyperService::new(self.router.clone());
            let connection = connection(stream, service, true, self.limits.clone(), self.stopped.clone());
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
        } else if let Ok(place) = Arc::clone(&self.refusals).try_acquire_owned() {
            let connections_max = self.limits.connections_max;
            let refuse = service_fn(move |_: Request<Incoming>| async move {
                Ok::<_, Infallible>(Problem::ConnectionsBusy { connections_max }.into_response())
            });
            let connection = connection(stream, refuse, false, self.limits.clone(), self.stopped.clone());
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
        }
    }
}

/// Serves one connection to its end.
async fn connection<S>(
    stream: TcpStream,
    service: S,
    keep_alive: bool,
    limits: Limits,
    mut stopped: watch::Receiver<()>,
) where
    S: HttpService<Incoming, ResBody = Body, Error = Infallible>,
    S: hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let stream = TokioIo::new(StallBound::new(stream, limits.write_stall));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(keep_alive)
        .serve_connection(stream, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // It can only fail, when the sender is dropped: that is the sign to stop.
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients that leave, stall or speak no HTTP are everyday; hyper has answered what can be answered.
        tracing::debug!(error = super::problem::chain(&error), "a connection ended early");
    }
}

//! Connections: how many, for how long, and how they end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::problem::Problem;
use super::stall::{Busy, Patience, StallBound};
use super::{App, Side, router};

/// Connections past the bound that are still told so; more are closed without a word.
const REFUSALS_MAX: usize = 64;
/// Most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// The pause after a failed accept: the usual cause is too many open files, and only time helps.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// From where a connection comes.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// How long a connection that is quiet is kept when the host stops: a request may be on its way, and a client that gets its
/// connection closed instead of an answer does not know whether it was heard.
const LINGER: Duration = Duration::from_millis(500);

/// A port, and what is served there.
pub struct Entrance {
    /// Where connections come in.
    pub listener: TcpListener,
    /// Which routes are served.
    pub side: Side,
    /// What shakes hands first, where the port speaks TLS.
    pub tls: Option<TlsAcceptor>,
}

/// Serves until `stop` is there, then finishes what is under way, for at most the bound of the drain.
pub async fn serve(entrances: Vec<Entrance>, app: Arc<App>, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(());
    let mut open = JoinSet::new();
    for Entrance { listener, side, tls } in entrances {
        let router = router(Arc::clone(&app), side);
        let (limits, stopped) = (&app.limits, stopped.clone());
        // Each port has places of its own: whoever fills the one keeps no order from the other.
        let places = Arc::new(Semaphore::new(limits.connections_max));
        let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
        let (closing, closed) = watch::channel(());
        let door = Door { app: Arc::clone(&app), router, tls, places, refusals, closed };
        open.spawn(door.keep(listener, stopped, closing));
    }
    stop.await;
    drop(stopping);
    while let Some(closed) = open.join_next().await {
        report(closed);
    }
    // Writes have left their connections; each takes one flush of the disk, so that this wait is short.
    let all = u32::try_from(app.limits.writes_max).unwrap_or(u32::MAX);
    let _free = app.writes.acquire_many(all).await;
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection panicked");
    }
}

/// What every new connection of a port needs.
struct Door {
    app: Arc<App>,
    router: Router,
    tls: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    /// Its sender is dropped when the port is closed. Not before: a client that is told to close its connection opens another at once.
    closed: watch::Receiver<()>,
}

impl Door {
    /// Takes connections until the host stops, then tells them and waits for them to end.
    async fn keep(self, listener: TcpListener, mut stopped: watch::Receiver<()>, closing: watch::Sender<()>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                // It can only fail, when the sender is dropped: that is the sign to stop.
                _ = stopped.changed() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, Peer(peer), &mut connections),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = connections.join_next() => report(ended),
            }
        }
        self.close(listener, &mut connections);
        drop(closing);
        tracing::info!(connections = connections.len(), "draining");
        let ended = timeout(self.app.limits.drain, async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        });
        if ended.await.is_err() {
            tracing::warn!(connections = connections.len(), "the drain took too long; closing what is left");
            connections.shutdown().await;
        }
    }

    /// Closes the port: who has connected already is served, and who comes now is refused by the system and can go elsewhere.
    fn close(&self, listener: TcpListener, connections: &mut JoinSet<()>) {
        // Asked of the system itself: the runtime may not have heard yet of who came last.
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, peer)) = listener.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            match stream {
                Ok(stream) => self.admit(stream, Peer(peer), connections),
                Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: Peer, connections: &mut JoinSet<()>) {
        // Answers are small and written whole; waiting to fill a packet would only add to the latency.
        let _ = stream.set_nodelay(true);
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            self.open(stream, peer, TowerToHyperService::new(self.router.clone()), true, place, connections);
        } else if let Ok(place) = Arc::clone(&self.refusals).try_acquire_owned() {
            let app = Arc::clone(&self.app);
            let refuse = service_fn(move |_: Request<Incoming>| {
                app.metrics.turned_away("connections_busy");
                let connections_max = app.limits.connections_max;
                async move { Ok::<_, Infallible>(Problem::ConnectionsBusy { connections_max }.plainly()) }
            });
            self.open(stream, peer, refuse, false, place, connections);
        }
    }

    fn open<S>(
        &self,
        stream: TcpStream,
        peer: Peer,
        service: S,
        keep_alive: bool,
        place: OwnedSemaphorePermit,
        connections: &mut JoinSet<()>,
    ) where
        S: HttpService<Incoming, ResBody = Body, Error = Infallible> + Send + 'static,
        S: hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
        <S as hyper::service::Service<Request<Incoming>>>::Future: Send,
    {
        let (app, closed, tls) = (Arc::clone(&self.app), self.closed.clone(), self.tls.clone());
        connections.spawn(async move {
            let limits = &app.limits;
            let (busy, closing) = (Busy::default(), closed.clone());
            let patience = Patience { head: limits.head, idle: limits.idle, write: limits.write_stall };
            let stream = StallBound::new(stream, patience, busy.clone());
            // From here to its answer a request is in work, and no head is waited for.
            let service = service_fn(move |mut request: Request<Incoming>| {
                busy.set(true);
                request.extensions_mut().insert(peer);
                let (busy, closing, answer) = (busy.clone(), closing.clone(), service.call(request));
                async move {
                    let mut answer = answer.await;
                    busy.set(false);
                    // The sender is gone where the host stops.
                    if let (Ok(answer), Err(_)) = (&mut answer, closing.has_changed()) {
                        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                    }
                    answer
                }
            });
            match tls {
                None => connection(&app, stream, service, keep_alive, closed).await,
                Some(tls) => match timeout(limits.head, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(&app, stream, service, keep_alive, closed).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a caller and we found no way to speak TLS"),
                    Err(_) => tracing::debug!("a caller did not finish the TLS handshake in time"),
                },
            }
            drop(place);
        });
    }
}

/// Serves one connection to its end.
async fn connection<I, S>(app: &App, stream: I, service: S, keep_alive: bool, mut closed: watch::Receiver<()>)
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: HttpService<Incoming, ResBody = Body, Error = Infallible>,
    S: hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let connection = http1::Builder::new()
        // The stream bounds the wait for a head, and for the next request.
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(keep_alive)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Clients are told with their next answer; who sends nothing is closed after a while.
        _ = closed.changed() => match timeout(LINGER, connection.as_mut()).await {
            Ok(ended) => ended,
            Err(_) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = ended {
        // What is no HTTP never becomes a request that is counted.
        if error.is_parse() {
            app.metrics.turned_away("unreadable");
        }
        // Clients that leave, stall or speak no HTTP are everyday; hyper has answered what can be answered.
        tracing::debug!(error = super::problem::chain(&error), "a connection ended early");
    }
}

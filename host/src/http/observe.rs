//! Around every route: lets in who may come in, counts the answer, turns a panic into one, and tells a fault in the route's
//! own form.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN};
use axum::http::{Method, Response};
use axum::response::IntoResponse;
use axum::routing::MethodRouter;
use tokio::sync::OwnedSemaphorePermit;
use tower_layer::Layer;
use tower_service::Service;
use tracing::{Instrument as _, Span};

use super::identity::{REQUEST_ID, RequestId};
use super::problem::Problem;
use super::rates::Client;
use super::routes::Form;
use super::server::Peer;
use super::{App, metrics, spans};
use crate::access::{Access, Role};

/// What holds for a path.
#[derive(Clone)]
pub struct Path {
    /// The path's template, under which it is counted.
    pub template: &'static str,
    /// Whom each of its methods is for.
    pub methods: Vec<(Method, Access)>,
    /// How it tells a fault.
    pub form: Form,
}

/// Puts all that around the methods of a path.
pub fn observed(path: Path, app: &Arc<App>, methods: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    methods.layer(Around { app: Arc::clone(app), path: Arc::new(path) })
}

/// A layer, and not axum's function for one: that boxes the service and its answer once more for every request.
#[derive(Clone)]
struct Around {
    app: Arc<App>,
    path: Arc<Path>,
}

impl<S> Layer<S> for Around {
    type Service = Observed<S>;
    fn layer(&self, inner: S) -> Observed<S> {
        Observed { around: self.clone(), inner }
    }
}

/// A route with all that around it.
#[derive(Clone)]
pub struct Observed<S> {
    around: Around,
    inner: S,
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let start = Instant::now();
        let Around { app, path } = self.around.clone();
        let id = RequestId::of(request.headers());
        let span = spans::request(request.method(), path.template, &id, request.headers());
        let admitted = path.admitted(&app, request, &id).map(|(request, place)| (self.inner.call(request), place));
        let answer = async move {
            let response = match admitted {
                Ok((answer, _place)) => caught(answer).await,
                Err(problem) => problem.into_response(),
            };
            let mut response = path.told(response, &id);
            if let Some(id) = id.header() {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            app.metrics.answered(path.template, response.status(), start.elapsed());
            spans::answered(&Span::current(), response.status());
            Ok(response)
        };
        Box::pin(answer.instrument(span))
    }
}

impl Path {
    /// Lets a request in, with whose token it carries, and gives it a place.
    fn admitted(
        &self,
        app: &App,
        mut request: Request,
        id: &RequestId,
    ) -> Result<(Request, Option<OwnedSemaphorePermit>), Problem> {
        request.extensions_mut().insert(id.clone());
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let access = self.methods.iter().find(|(taken, _)| taken == method).map(|(_, access)| *access);
        // A method that the path does not take is told so, whoever asks; and health is told whatever else is asked for.
        let Some(access) = access.filter(|access| *access != Access::Health) else { return Ok((request, None)) };
        let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        // A path that is a whole URL names the host before any header does.
        let host = request.uri().authority().map(|authority| authority.as_str().as_bytes()).or(header(HOST));
        app.gate.admit_origin(header(ORIGIN), host)?;
        let authorization = request.headers().get(AUTHORIZATION);
        let principal = app.gate.admit(access, authorization.map(|value| value.as_bytes()))?;
        if let Some(rates) = &app.rates {
            let peer = || request.extensions().get::<Peer>().map(|peer| Client::Address(peer.0.ip()));
            let client = principal.as_ref().map(|principal| Client::Token(principal.sha256)).or_else(peer);
            if let Some(client) = client {
                rates.count(client).map_err(|wait| Problem::TooFast { wait })?;
            }
        }
        // Orders are few, and never wait for what they are to mend.
        let place = match access {
            Access::Only(Role::Admin) => None,
            _ if self.template == metrics::PATH => None,
            _ => {
                let requests_max = app.limits.requests_max;
                let place = Arc::clone(&app.requests).try_acquire_owned();
                Some(place.map_err(|_| Problem::RequestsBusy { requests_max })?)
            }
        };
        if let Some(principal) = principal {
            request.extensions_mut().insert(principal);
        }
        Ok((request, place))
    }

    /// Tells a fault in the form of this path.
    fn told(&self, mut response: Response<Body>, id: &RequestId) -> Response<Body> {
        match response.extensions_mut().remove::<Arc<Problem>>() {
            Some(problem) => {
                problem.log(self.template, &id.0);
                (self.form.tell)(&problem)
            }
            None => response,
        }
    }
}

async fn caught(answer: impl Future<Output = Result<Response<Body>, Infallible>>) -> Response<Body> {
    let mut answer = pin!(answer);
    // A panicking handler is dropped and never polled again; what requests share is atomics and locks without data.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
        Ok(Poll::Ready(Err(never))) => match never {},
        Ok(Poll::Pending) => Poll::Pending,
        // The panic hook has written the message and the place to the log.
        Err(_) => Poll::Ready(Problem::Internal.into_response()),
    })
    .await
}

//! Around every route: lets in who may come in, counts the answer, turns a panic into one, and tells a fault in the route's
//! own form.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{Method, Response};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::MethodRouter;
use tokio::sync::SemaphorePermit;

use super::App;
use super::identity::{REQUEST_ID, RequestId};
use super::problem::Problem;
use super::rates::Client;
use super::routes::Form;
use super::server::Peer;
use crate::access::Access;

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
    let (app, path) = (Arc::clone(app), Arc::new(path));
    methods.layer(from_fn(move |request: Request, next: Next| {
        let (app, path) = (Arc::clone(&app), Arc::clone(&path));
        async move {
            let start = Instant::now();
            let id = RequestId::of(request.headers());
            let response = match path.admitted(&app, request, &id) {
                Ok((request, _place)) => caught(request, next).await,
                Err(problem) => problem.into_response(),
            };
            let mut response = path.told(response, &id);
            if let Some(id) = id.header() {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            app.metrics.answered(path.template, response.status(), start.elapsed());
            response
        }
    }))
}

impl Path {
    /// Lets a request in, with whose token it carries, and gives it a place.
    fn admitted<'a>(
        &self,
        app: &'a App,
        mut request: Request,
        id: &RequestId,
    ) -> Result<(Request, Option<SemaphorePermit<'a>>), Problem> {
        request.extensions_mut().insert(id.clone());
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let access = self.methods.iter().find(|(taken, _)| taken == method).map(|(_, access)| *access);
        // A method that the path does not take is told so, whoever asks; and health is told whatever else is asked for.
        let Some(access) = access.filter(|access| *access != Access::Health) else { return Ok((request, None)) };
        let authorization = request.headers().get(AUTHORIZATION);
        let principal = app.gate.admit(access, authorization.map(|value| value.as_bytes()))?;
        if let Some(rates) = &app.rates {
            let peer = || request.extensions().get::<Peer>().map(|peer| Client::Address(peer.0.ip()));
            let client = principal.as_ref().map(|principal| Client::Token(principal.sha256)).or_else(peer);
            if let Some(client) = client {
                rates.count(client).map_err(|wait| Problem::TooFast { wait })?;
            }
        }
        let requests_max = app.limits.requests_max;
        let place = app.requests.try_acquire().map_err(|_| Problem::RequestsBusy { requests_max })?;
        if let Some(principal) = principal {
            request.extensions_mut().insert(principal);
        }
        Ok((request, Some(place)))
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

async fn caught(request: Request, next: Next) -> Response<Body> {
    let mut answer = pin!(next.run(request));
    // A panicking handler is dropped and never polled again; what requests share is atomics and locks without data.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(poll) => poll,
        // The panic hook has written the message and the place to the log.
        Err(_) => Poll::Ready(Problem::Internal.into_response()),
    })
    .await
}

//! Around every route: counts the answer, and turns a panic into one.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::MethodRouter;

use super::App;
use super::problem::Problem;

/// Puts the counting and the catching around a route, which is counted under its template.
pub fn observed(route: &'static str, app: &Arc<App>, methods: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    let app = Arc::clone(app);
    methods.layer(from_fn(move |request: Request, next: Next| {
        let app = Arc::clone(&app);
        async move {
            let start = Instant::now();
            let response = caught(request, next).await;
            app.metrics.answered(route, response.status(), start.elapsed());
            response
        }
    }))
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

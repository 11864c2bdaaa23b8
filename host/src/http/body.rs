//! Reads a request's body within its bounds of size and time, as bytes or as a JSON object.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::App;
use super::problem::Problem;

/// How much of a refused body is read and thrown away, as a multiple of the bound. A client that writes before it reads
/// would otherwise meet a closed connection and never see why.
const DISCARD_FACTOR: usize = 4;

/// Reads the whole body. Each byte of it takes a permit of `room`, which bounds the bodies in memory altogether; the
/// permits come back with the bytes, to be dropped with them. A client that sends slowly takes little room.
///
/// # Errors
/// [`Problem::BodyTooLarge`], [`Problem::BodyTimeout`], [`Problem::BodyBroken`], or [`Problem::BodiesBusy`] where the room
/// is taken.
pub async fn read_within(
    mut body: Body,
    bytes_max: usize,
    within: Duration,
    room: &Arc<Semaphore>,
) -> Result<(Vec<u8>, OwnedSemaphorePermit), Problem> {
    timeout(within, collect(&mut body, bytes_max, room)).await.map_err(|_| Problem::BodyTimeout)?
}

/// Reads a body that is a JSON object; none where there is no body. `refused` says what the route calls one that is not.
///
/// # Errors
/// [`Problem::NotJson`], what `refused` makes of a bad body, or as [`read_within`].
pub async fn object<T: DeserializeOwned>(
    app: &App,
    request: Request,
    bytes_max: usize,
    refused: fn(String) -> Problem,
) -> Result<Option<T>, Problem> {
    let (bytes, _room) = json(app, request, bytes_max).await?;
    parse(&bytes, refused)
}

/// Lets a request for the batch threads through where there is room for it. Its body is not held and parsed only to be refused: under
/// overload that is what most of the work would be.
///
/// # Errors
/// [`Problem::BatchesBusy`].
pub async fn check_room(app: &App, request: Request) -> Result<Request, Problem> {
    match app.batches.check_room() {
        Ok(()) => Ok(request),
        Err(busy) => {
            discard(request.into_body(), app.limits.body_bytes_max, app.limits.body).await;
            Err(busy)
        }
    }
}

/// Reads the bytes of a body that says it is JSON, and the permits that come back with them.
///
/// # Errors
/// [`Problem::NotJson`], or as [`read_within`].
pub async fn json(app: &App, request: Request, bytes_max: usize) -> Result<(Vec<u8>, OwnedSemaphorePermit), Problem> {
    let (head, body) = request.into_parts();
    let json = match head.headers.get(CONTENT_TYPE).map(|value| value.to_str()) {
        None => true,
        Some(Err(_)) => false,
        Some(Ok(text)) => {
            text.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        }
    };
    if !json {
        discard(body, bytes_max, app.limits.body).await;
        return Err(Problem::NotJson);
    }
    read_within(body, bytes_max, app.limits.body, &app.bodies).await
}

/// Reads a JSON object; none where there is nothing.
///
/// # Errors
/// What `refused` makes of anything else.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], refused: fn(String) -> Problem) -> Result<Option<T>, Problem> {
    match bytes.trim_ascii().first() {
        None => return Ok(None),
        // A list of values in order would be taken for the object, and nobody could tell what it meant.
        Some(b'{') => {}
        Some(_) => return Err(refused("it is no JSON object".to_owned())),
    }
    serde_json::from_slice(bytes).map(Some).map_err(|error| refused(error.to_string()))
}

/// Reads and throws away what a client sends with a request that is refused unread, within the same bounds.
pub async fn discard(mut body: Body, bytes_max: usize, within: Duration) {
    let mut left = bytes_max.saturating_mul(DISCARD_FACTOR);
    // What comes of it does not matter: the answer is known already.
    let _ = timeout(within, async {
        while let Some(Ok(block)) = next(&mut body).await {
            left = left.saturating_sub(block.len());
            if left == 0 {
                return;
            }
        }
    })
    .await;
}

async fn collect(
    body: &mut Body,
    bytes_max: usize,
    room: &Arc<Semaphore>,
) -> Result<(Vec<u8>, OwnedSemaphorePermit), Problem> {
    let take = |count: usize| {
        let count = u32::try_from(count).map_err(|_| Problem::BodiesBusy)?;
        Arc::clone(room).try_acquire_many_owned(count).map_err(|_| Problem::BodiesBusy)
    };
    // What the client announces is only believed up to a block: the memory comes with the bytes.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(announced.min(1 << 16));
    let mut taken = take(0)?;
    let mut refused = None;
    let mut length = 0_usize;
    while let Some(block) = next(body).await {
        let block = block.map_err(|_| Problem::BodyBroken)?;
        length = length.saturating_add(block.len());
        if length > bytes_max.saturating_mul(DISCARD_FACTOR) {
            break;
        }
        if refused.is_none() {
            let more = if length > bytes_max { Err(Problem::BodyTooLarge { bytes_max }) } else { take(block.len()) };
            match more {
                Ok(more) => {
                    taken.merge(more);
                    bytes.extend_from_slice(&block);
                }
                // The rest is read and thrown away; what there is gives its room back at once.
                Err(problem) => {
                    refused = Some(problem);
                    bytes = Vec::new();
                    drop(taken.split(taken.num_permits()));
                }
            }
        }
    }
    if length > bytes_max {
        return Err(Problem::BodyTooLarge { bytes_max });
    }
    refused.map_or(Ok((bytes, taken)), Err)
}

async fn next(body: &mut Body) -> Option<Result<axum::body::Bytes, axum::Error>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            // A frame without data holds trailers, which mean nothing here.
            Ok(frame) => {
                if let Ok(block) = frame.into_data() {
                    return Some(Ok(block));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

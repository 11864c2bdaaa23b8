//! Reads a request's body within its bounds of size and time.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use tokio::time::timeout;

use super::problem::Problem;

/// How much of a refused body is read and thrown away, as a multiple of the bound. A client that writes before it reads
/// would otherwise meet a closed connection and never see why.
const DISCARD_FACTOR: usize = 4;

/// Reads the whole body.
///
/// # Errors
/// [`Problem::BodyTooLarge`], [`Problem::BodyTimeout`] or [`Problem::BodyBroken`].
pub async fn read(mut body: Body, bytes_max: usize, within: Duration) -> Result<Vec<u8>, Problem> {
    timeout(within, collect(&mut body, bytes_max)).await.map_err(|_| Problem::BodyTimeout)?
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

async fn collect(body: &mut Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    // What the client announces is only believed up to a block: the memory comes with the bytes.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(announced.min(1 << 16));
    let mut length = 0_usize;
    while let Some(block) = next(body).await {
        let block = block.map_err(|_| Problem::BodyBroken)?;
        length = length.saturating_add(block.len());
        if length > bytes_max.saturating_mul(DISCARD_FACTOR) {
            break;
        }
        if length > bytes_max {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&block);
        }
    }
    if length > bytes_max { Err(Problem::BodyTooLarge { bytes_max }) } else { Ok(bytes) }
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

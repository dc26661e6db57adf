//! The body of a call, read whole but never past its limit, and never for long.
//!
//! What stands in memory is counted for all hooks together; where there is no room left, a call is
//! asked to come again. What is beyond the limit is thrown away while it comes, for a little while, so
//! that the caller hears the answer and not a broken connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Memory for bodies of all hooks: sixteen of the longest, hundreds of usual ones.
const ROOM_BYTES: usize = 256 << 20;
/// Room is taken in pieces of this size.
const PIECE_BYTES: usize = 64 << 10;
/// What any body may take, and what it may take more for each megabyte of its limit.
const WHOLE: Duration = Duration::from_secs(15);
const PER_MEGABYTE: Duration = Duration::from_secs(10);
/// What is too long is thrown away up to this length and for this long.
const DRAINED_BYTES: usize = 16 << 20;
const DRAINED_FOR: Duration = Duration::from_secs(3);

/// The memory that bodies of all hooks share.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Room {
        Room(Arc::new(Semaphore::new(ROOM_BYTES / PIECE_BYTES)))
    }
}

/// A body, and the room it takes as long as it is there.
#[derive(Debug)]
pub(super) struct Held {
    /// The bytes as they came.
    pub bytes: Vec<u8>,
    _room: Vec<OwnedSemaphorePermit>,
}

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    /// Longer than the hook takes.
    #[error("the body is too long")]
    TooLong,
    /// It did not come in time.
    #[error("the body came too slowly")]
    TooSlow,
    /// The connection or its framing broke.
    #[error("the body broke off")]
    Broken,
    /// Other bodies fill the memory.
    #[error("other bodies fill the memory")]
    NoRoom,
}

/// Reads a body of at most `most` bytes, in which no pause is longer than `pause`.
pub(super) async fn read(
    mut body: Body,
    most: usize,
    pause: Duration,
    room: &Room,
) -> Result<Held, BodyError> {
    // A lower bound that the caller stated, so that a body that must be too long is not begun.
    if body.size_hint().lower() > most as u64 {
        drain(&mut body).await;
        return Err(BodyError::TooLong);
    }
    let megabytes = u32::try_from(most >> 20).unwrap_or(u32::MAX);
    let by = Instant::now() + WHOLE + PER_MEGABYTE.saturating_mul(megabytes);
    let mut held = Held { bytes: Vec::new(), _room: Vec::new() };
    let mut room_bytes = 0;
    loop {
        let next = timeout_at(by.min(Instant::now() + pause), frame(&mut body)).await;
        let data = match next.map_err(|_| BodyError::TooSlow)? {
            None => return Ok(held),
            Some(data) => data.map_err(|_| BodyError::Broken)?,
        };
        if data.len() > most - held.bytes.len() {
            drop(held);
            drain(&mut body).await;
            return Err(BodyError::TooLong);
        }
        while room_bytes < held.bytes.len() + data.len() {
            let piece = room.0.clone().try_acquire_owned().map_err(|_| BodyError::NoRoom)?;
            held._room.push(piece);
            room_bytes += PIECE_BYTES;
        }
        held.bytes.extend_from_slice(&data);
    }
}

/// The next piece of a body; trailers are passed over.
async fn frame(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) => return Some(Ok(data)),
                Err(_trailers) => {}
            },
            Err(error) => return Some(Err(error)),
        }
    }
}

async fn drain(body: &mut Body) {
    let by = Instant::now() + DRAINED_FOR;
    let mut length = 0;
    while length < DRAINED_BYTES
        && let Ok(Some(Ok(data))) = timeout_at(by, frame(body)).await
    {
        length += data.len();
    }
}

//! The whole body of a request, read to its end before anything is answered, so that a refused body
//! never leaves the connection in the middle of a message.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody};

/// A body beyond this many times what is taken is not read to its end.
const DRAINED_TIMES: usize = 16;

/// The whole body; `None` when it is larger than `max_bytes`.
pub(super) async fn read(mut body: Body, max_bytes: usize) -> Option<Bytes> {
    let mut first = Bytes::new();
    let mut joined = Vec::new();
    let mut length = 0;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        // A request that broke off has no reader left; whatever is answered goes nowhere.
        let Ok(data) = frame.ok()?.into_data() else { continue };
        length += data.len();
        if length > DRAINED_TIMES * max_bytes {
            return None;
        }
        if length > max_bytes {
            joined = Vec::new();
        } else if first.is_empty() {
            first = data;
        } else {
            joined.extend_from_slice(&data);
        }
    }
    if length > max_bytes {
        return None;
    }
    if joined.is_empty() {
        return Some(first);
    }
    Some(Bytes::from([&first[..], &joined].concat()))
}

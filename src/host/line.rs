//! JSON values, one a line, on a socket; nothing longer than a bound is ever held.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::HostError;
use super::protocol::MOST_BYTES;

/// The next line; `None` when the other side has ended, also in the middle of a line.
pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>, HostError> {
    let mut line = Vec::new();
    let read = from.take(MOST_BYTES).read_until(b'\n', &mut line).await;
    match read {
        Ok(_) if line.ends_with(b"\n") => Ok(Some(line)),
        Ok(count) if count as u64 >= MOST_BYTES => Err(HostError::Nonsense("a line is too long")),
        // A connection that breaks is one that has ended.
        Ok(_) | Err(_) => Ok(None),
    }
}

/// The value of a line.
pub(super) fn parse<T: DeserializeOwned>(line: &[u8], what: &'static str) -> Result<T, HostError> {
    serde_json::from_slice(line).map_err(|_| HostError::Nonsense(what))
}

/// Writes a value; false when the other side no longer reads.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), value: &impl Serialize) -> bool {
    let Ok(mut line) = serde_json::to_vec(value) else { return false };
    line.push(b'\n');
    to.write_all(&line).await.is_ok() && to.flush().await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_is_too_long_or_not_ended_is_none() {
        let long = vec![b'x'; usize::try_from(MOST_BYTES).unwrap() + 1];

        assert!(matches!(read(&mut long.as_slice()).await, Err(HostError::Nonsense(_))));
        assert!(matches!(read(&mut b"{}".as_slice()).await, Ok(None)));
        assert!(matches!(read(&mut b"{}\nx".as_slice()).await, Ok(Some(line)) if line == b"{}\n"));
    }
}

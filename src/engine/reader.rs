//! Reading the input on its own thread, no faster than the engine asks.
//!
//! The driver gives credits, one for a chunk; a chunk goes straight to the workers. When the job stops
//! early the reader only counts what is left, so that the summary can account for every record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use tokio::sync::mpsc::UnboundedSender;

use super::driver::Message;
use super::worker::Work;
use crate::intake::{InputError, Records};

/// Records in one chunk: enough that handing it over costs nothing per record, few enough that all
/// cores have some.
const CHUNK_RECORDS: usize = 512;
/// Bytes in one chunk, for long records.
const CHUNK_BYTES: usize = 1 << 20;

/// What became of a credit.
#[derive(Debug)]
pub(super) enum Read {
    /// A chunk went to the workers; its plan will follow.
    Chunk,
    /// The input is at its end after this many records.
    End { records: u64 },
    /// The input can no longer be read.
    Broken(InputError),
}

/// A handle on the reading thread.
#[derive(Debug)]
pub(super) struct Reader {
    credits: Option<mpsc::Sender<()>>,
    count_only: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
    at_end: bool,
}

impl Reader {
    /// Starts to read, as far as credits allow.
    pub(super) fn start(
        mut records: Records,
        work: mpsc::Sender<Work>,
        messages: UnboundedSender<Message>,
    ) -> std::io::Result<Reader> {
        let (credits, granted) = mpsc::channel();
        let count_only = Arc::new(AtomicBool::new(false));
        let counting = Arc::clone(&count_only);
        let body = move || {
            let mut number = 0;
            let mut read = 0;
            while granted.recv().is_ok() {
                let answer = loop {
                    match records.next_chunk(CHUNK_RECORDS, CHUNK_BYTES) {
                        Ok(Some(chunk)) => {
                            read += chunk.len() as u64;
                            if counting.load(Ordering::Relaxed) {
                                continue;
                            }
                            if work.send(Work::Plan { number, chunk }).is_err() {
                                return;
                            }
                            number += 1;
                            break Read::Chunk;
                        }
                        Ok(None) => break Read::End { records: read },
                        Err(error) => break Read::Broken(error),
                    }
                };
                let goes_on = matches!(answer, Read::Chunk);
                if messages.send(Message::Read(answer)).is_err() || !goes_on {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("read".into()).spawn(body)?;
        Ok(Reader { credits: Some(credits), count_only, thread: Some(thread), at_end: false })
    }

    /// Asks for one more chunk.
    pub(super) fn ask(&self) -> bool {
        !self.at_end && self.credits.as_ref().is_some_and(|credits| credits.send(()).is_ok())
    }

    /// From now on only counts.
    pub(super) fn count_only(&self) {
        self.count_only.store(true, Ordering::Relaxed);
    }

    /// Notes that the input is at its end.
    pub(super) fn note_end(&mut self) {
        self.at_end = true;
    }

    /// Whether the input is at its end.
    pub(super) fn is_at_end(&self) -> bool {
        self.at_end
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.credits = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the reader stopped unexpectedly");
        }
    }
}

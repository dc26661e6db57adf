//! A connection to the process that owns a store.

use std::path::Path;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::sync::CancellationToken;

use super::command::{Answer, Command, Heard};
use super::error::HostError;
use super::protocol::{Ask, Greeting, PROTOCOL, RELEASE, Reply, SettingsName, Word};
use super::{line, socket};

/// How long an owner may take to greet: it does so at once, unless it is stopped or not ours.
const GREETING: Duration = Duration::from_secs(5);

/// A connection to the process that owns a store, over which one command can be carried out.
#[derive(Debug)]
pub struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    greeting: Greeting,
}

impl Connection {
    /// Connects; `None` when nobody answers. Refused when the owner is another release.
    pub async fn to(store: &Path) -> Result<Option<Connection>, HostError> {
        let Some(stream) = socket::connect(store).await else { return Ok(None) };
        Connection::over(stream).await
    }

    async fn over(stream: UnixStream) -> Result<Option<Connection>, HostError> {
        let (reader, writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let Ok(greeting) = tokio::time::timeout(GREETING, line::read(&mut reader)).await else {
            return Ok(None);
        };
        let Some(greeting) = greeting? else { return Ok(None) };
        let greeting: Greeting = line::parse(&greeting, "the greeting cannot be read")?;
        greeting.check()?;
        Ok(Some(Connection { reader, writer, greeting }))
    }

    /// The process that owns the store.
    pub fn owner(&self) -> u32 {
        self.greeting.pid
    }

    /// Refuses an owner with other settings, or with the same file as it was before somebody changed it.
    pub fn check_settings(&self, ours: &SettingsName) -> Result<(), HostError> {
        self.greeting.settings.check(ours, self.greeting.pid)
    }

    /// Has a command carried out; `None` when the owner went away before that. When `stop` is
    /// cancelled the owner is asked to stop in order, and its answer is waited for.
    pub async fn execute(
        mut self,
        command: Command,
        stop: &CancellationToken,
        mut hear: impl FnMut(Heard),
    ) -> Result<Option<Answer>, HostError> {
        let ask = Ask { privaflow: RELEASE.to_owned(), protocol: PROTOCOL, command };
        if !line::write(&mut self.writer, &ask).await {
            return Ok(None);
        }
        let (replies, mut coming) = tokio::sync::mpsc::channel(16);
        let mut reader = self.reader;
        // A line must not be lost half-way, so it is read where nothing interrupts it.
        let reading = tokio::spawn(async move {
            loop {
                let read = line::read(&mut reader).await;
                let goes_on = matches!(read, Ok(Some(_)));
                if replies.send(read).await.is_err() || !goes_on {
                    return;
                }
            }
        });
        let mut is_stopping = false;
        let end = loop {
            let read = tokio::select! {
                read = coming.recv() => read,
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    // An owner that is gone is noticed by the next line.
                    line::write(&mut self.writer, &Word::Stop).await;
                    continue;
                }
            };
            let reply = match read {
                Some(Ok(Some(line))) => line::parse::<Reply>(&line, "an answer cannot be read"),
                Some(Err(error)) => Err(error),
                Some(Ok(None)) | None => break Ok(None),
            };
            match reply {
                Ok(Reply::Heard(heard)) => hear(heard),
                Ok(Reply::Answer(answer)) => break Ok(Some(answer)),
                Ok(Reply::Refused(refusal)) => break Err(HostError::Refused(refusal)),
                Ok(Reply::Left) => break Ok(None),
                Err(error) => break Err(error),
            }
        };
        reading.abort();
        end
    }
}

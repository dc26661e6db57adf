//! Taking in what other processes hand over, one task for each of them.
//!
//! Nothing that comes through the socket can hold up a job: who says nothing, nonsense, or too much is
//! refused or left; who no longer reads is gone, and its job is stopped in order, as if it had been
//! killed where it ran.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::command::{Answer, Command, Heard, Talk};
use super::error::{HostError, Kind, Refusal};
use super::line;
use super::owner::Host;
use super::prepare::SPOOLED;
use super::protocol::{Ask, Asker, Greeting, PROTOCOL, RELEASE, Reply, Word};
use super::socket::Socket;

/// Connections at a time. Most commands are done at once, and must not wait for those that carry jobs.
const MOST_CONNECTIONS: usize = 256;

/// Those of them that may carry a job at a time, which has threads of its own.
const MOST_JOBS: usize = 64;

/// How long somebody who connected may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long somebody may not read what it is told before it counts as gone.
const DEAF: Duration = Duration::from_secs(60);

/// A host that listens.
#[derive(Debug)]
pub struct Listening {
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Host {
    /// Listens in the store for what other processes hand over, and watches the emergency stop.
    pub fn listen(self: &Arc<Self>) -> Listening {
        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        sweep(self.store().path());
        match Socket::listen(self.store().path()) {
            Ok(socket) => drop(tasks.spawn(accept(Arc::clone(self), socket, closing.clone()))),
            // The work of this process needs nobody else.
            Err(error) => {
                let why = error.refusal().text;
                tracing::warn!("other processes cannot hand over to this one: {why}");
            }
        }
        let (host, until) = (Arc::clone(self), closing.clone());
        tasks.spawn(async move { until.run_until_cancelled(host.watch_brake()).await });
        tasks.close();
        Listening { closing, tasks }
    }
}

/// Removes inputs that a process left behind which was killed while it handed over. Those of a process that
/// lives, which may be this one, are locked.
fn sweep(store: &Path) {
    let entries = std::fs::read_dir(store).into_iter().flatten().map_while(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(SPOOLED)) {
        let path = entry.path();
        let lock = File::open(&path).map(|file| file.try_lock());
        if let Ok(Err(TryLockError::WouldBlock)) = lock {
            continue;
        }
        if let Err(error) = std::fs::remove_file(path) {
            tracing::warn!(%error, "a spooled input was not removed");
        }
    }
}

impl Listening {
    /// Leaves who is still connected, and removes the socket.
    pub async fn close(self) {
        self.closing.cancel();
        self.tasks.wait().await;
    }
}

async fn accept(host: Arc<Host>, socket: Socket, closing: CancellationToken) {
    let (places, jobs) = (Arc::new(Semaphore::new(MOST_CONNECTIONS)), Arc::new(Semaphore::new(MOST_JOBS)));
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = closing.cancelled() => break,
            accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, socket.listener.accept().await)
            } => accepted,
        };
        match accepted {
            (Ok(place), Ok((stream, _))) => {
                let (host, jobs, closing) = (Arc::clone(&host), Arc::clone(&jobs), closing.clone());
                tasks.spawn(async move {
                    serve(host, stream, jobs, closing).await;
                    drop(place);
                });
            }
            // Out of files, most likely: it passes, and meanwhile who asks waits.
            (_, Err(error)) => {
                tracing::warn!(%error, "nobody can be taken in: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            (Err(_), Ok(_)) => break,
        }
    }
    // Before the store is let go: the next owner puts its own socket here.
    drop(socket);
    tasks.close();
    tasks.wait().await;
}

async fn serve(host: Arc<Host>, stream: UnixStream, jobs: Arc<Semaphore>, closing: CancellationToken) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let greeting = Greeting {
        privaflow: RELEASE.to_owned(),
        protocol: PROTOCOL,
        pid: std::process::id(),
        settings: host.settings_name().clone(),
    };
    if !line::write(&mut writer, &greeting).await {
        return;
    }
    let said = tokio::select! {
        () = closing.cancelled() => return,
        said = tokio::time::timeout(PATIENCE, line::read(&mut reader)) => said,
    };
    let command = match said {
        Ok(Ok(Some(line))) => command(&line),
        Ok(Err(error)) => Err(error),
        // It said nothing, or nothing more.
        Ok(Ok(None)) | Err(_) => return,
    };
    let last = match command {
        Ok(command) => carry_out(&host, command, reader, &mut writer, &jobs).await,
        Err(error) => Reply::Refused(error.refusal()),
    };
    tell(&mut writer, &last).await;
}

/// What is asked, if we can know what it means.
fn command(line: &[u8]) -> Result<Command, HostError> {
    let asker: Asker = line::parse(line, "the command cannot be read")?;
    let theirs = Greeting {
        privaflow: asker.privaflow,
        protocol: asker.protocol,
        pid: 0,
        settings: super::SettingsName { path: None, digest: [0; 32] },
    };
    if theirs.check().is_err() {
        return Err(HostError::Nonsense("the command is of another release"));
    }
    let ask: Ask = line::parse(line, "the command is not known")?;
    Ok(ask.command)
}

async fn carry_out(
    host: &Arc<Host>,
    command: Command,
    reader: BufReader<OwnedReadHalf>,
    writer: &mut OwnedWriteHalf,
    jobs: &Arc<Semaphore>,
) -> Reply {
    let Some(guest) = host.admission().admit() else { return Reply::Left };
    let (sender, mut heard) = mpsc::unbounded_channel();
    let asked_to_stop = CancellationToken::new();
    let stop = host.stop().child_token();
    let mut work = {
        let (host, stop, jobs) = (Arc::clone(host), stop.clone(), Arc::clone(jobs));
        tokio::spawn(async move {
            let talk = Talk::to(sender);
            let _place = match command.is_long() {
                true => Some(place_of(jobs, &talk, &stop).await?),
                false => None,
            };
            host.execute(command, &talk, stop).await
        })
    };
    let listening = tokio::spawn(listen(reader, asked_to_stop.clone(), stop.clone()));
    let mut is_gone = false;
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            Some(next) = heard.recv(), if !is_gone => {
                if !tell(writer, &Reply::Heard(latest(next, &mut heard))).await {
                    is_gone = true;
                    stop.cancel();
                }
            }
        }
    };
    listening.abort();
    while let Ok(next) = heard.try_recv() {
        is_gone = is_gone || !tell(writer, &Reply::Heard(next)).await;
    }
    drop(guest);
    let owner_leaves = host.stop().is_cancelled() && !asked_to_stop.is_cancelled();
    match result {
        Ok(Ok(Answer::Job(report))) if owner_leaves && report.is_interrupted() => Reply::Left,
        Ok(Err(error)) if owner_leaves && error.kind() == Kind::Interrupted => Reply::Left,
        Ok(Ok(answer)) => Reply::Answer(answer),
        Ok(Err(error)) => Reply::Refused(error.refusal()),
        Err(_) => {
            let text = "the process that owns the store failed; run the same command again".to_owned();
            Reply::Refused(Refusal { text, kind: Kind::GaveUp })
        }
    }
}

/// A place for a command that may take long.
async fn place_of(
    jobs: Arc<Semaphore>,
    talk: &Talk,
    stop: &CancellationToken,
) -> Result<Option<OwnedSemaphorePermit>, HostError> {
    if let Ok(place) = Arc::clone(&jobs).try_acquire_owned() {
        return Ok(Some(place));
    }
    talk.say(format!("{MOST_JOBS} jobs were handed over already: this waits until one of them is over"));
    tokio::select! {
        // It is never closed.
        place = jobs.acquire_owned() => Ok(place.ok()),
        () = stop.cancelled() => Err(HostError::Interrupted),
    }
}

/// Of figures that came meanwhile only the last is worth telling.
fn latest(first: Heard, heard: &mut mpsc::UnboundedReceiver<Heard>) -> Heard {
    let mut next = first;
    while let Heard::Progress(_) = next {
        match heard.try_recv() {
            Ok(newer) => next = newer,
            Err(_) => break,
        }
    }
    next
}

/// Hears out who asked; an end of it says only that it has nothing more to say.
async fn listen(
    mut reader: BufReader<OwnedReadHalf>,
    asked_to_stop: CancellationToken,
    stop: CancellationToken,
) {
    while let Ok(Some(line)) = line::read(&mut reader).await {
        if let Ok(Word::Stop) = line::parse(&line, "a word cannot be read") {
            asked_to_stop.cancel();
            stop.cancel();
        }
    }
}

/// False when nobody takes it.
async fn tell(writer: &mut OwnedWriteHalf, reply: &Reply) -> bool {
    matches!(tokio::time::timeout(DEAF, line::write(writer, reply)).await, Ok(true))
}

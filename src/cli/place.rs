//! Where a command is carried out: here, if this process can own the store, else by the process that
//! owns it.
//!
//! Nothing depends on who came first. An owner stays until what others handed over is done; who handed
//! over takes the store when the owner goes away before that.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::progress::Bar;
use super::{Failure, output, pauses, setup, store};
use crate::config::{Loaded, Settings};
use crate::host::{Answer, Clients, Command, Connection, Host, HostError, SettingsName, Talk, profiles};
use crate::journal::{Masters, Reader, Store, StoreError};
use crate::workflow::{Known, Workflow};

/// How long a store may be in use by a process that answers nobody: one that begins, leaves, or decides
/// something does not take so long.
const SILENT: Duration = Duration::from_secs(30);

/// How often such a store is tried.
const AGAIN: Duration = Duration::from_millis(20);

/// The settings of this process, and the store they name.
pub(super) struct Home {
    pub settings: Settings,
    pub known: Known,
    /// One for each profile in this process.
    pub clients: Arc<Clients>,
    name: SettingsName,
}

impl Home {
    /// As the settings say.
    pub(super) fn of(loaded: &Loaded) -> Home {
        Home {
            settings: loaded.settings.clone(),
            known: setup::known(loaded),
            clients: Arc::new(Clients::new(loaded.settings.clone())),
            name: setup::name(loaded),
        }
    }

    /// Of somebody who has no settings.
    pub(super) fn without(settings: Settings) -> Home {
        Home {
            clients: Arc::new(Clients::new(settings.clone())),
            settings,
            known: Known::default(),
            name: SettingsName { path: None, digest: [0; 32] },
        }
    }

    /// The owner of the store.
    pub(super) fn host(&self, store: Store, stop: CancellationToken) -> Arc<Host> {
        self.host_with(store, self.failures(), stop)
    }

    /// The owner of a store whose failures files stand elsewhere.
    pub(super) fn host_with(&self, store: Store, failures: PathBuf, stop: CancellationToken) -> Arc<Host> {
        Host::new(store, Arc::clone(&self.clients), self.name.clone(), self.known.clone(), failures, stop)
    }

    /// The names of the profiles a workflow may use.
    pub(super) fn profiles_of(&self, workflow: &Workflow) -> Vec<String> {
        profiles(&self.settings, workflow).map(|profile| profile.name.clone()).collect()
    }

    fn failures(&self) -> PathBuf {
        self.settings.store.join("failures")
    }

    /// The failures file of an answer, as its path is from here.
    fn seen_from_here(&self, answer: &mut Answer) {
        let summary = match answer {
            Answer::Job(report) => &mut report.summary,
            Answer::Summary(summary) => summary,
            Answer::Result(_) => return,
        };
        if let Some(name) = summary.failures.as_ref().and_then(|path| path.file_name()) {
            summary.failures = Some(self.failures().join(name));
        }
    }
}

/// The way to a store: through the process that owns it, or as its owner.
pub(super) struct Door {
    store: PathBuf,
    masters: Masters,
    /// Since when it is in use and nobody answers.
    silent: Option<Instant>,
    /// For how long that may be so.
    patience: Duration,
}

impl Door {
    pub(super) fn of(settings: &Settings) -> Door {
        let masters = setup::masters(settings);
        Door { store: settings.store.clone(), masters, silent: None, patience: SILENT }
    }

    /// Whoever owns the store, if somebody answers.
    pub(super) async fn knock(&mut self) -> Result<Option<Connection>, Failure> {
        let connection = Connection::to(&self.store).await?;
        if connection.is_some() {
            self.silent = None;
        }
        Ok(connection)
    }

    /// The store, for this process; `None` after a moment when it is in use.
    pub(super) async fn take(&mut self, stop: &CancellationToken) -> Result<Option<Store>, Failure> {
        match Store::open_with(&self.store, self.masters.clone()) {
            Ok(store) => Ok(Some(store)),
            Err(error @ StoreError::InUse { .. }) => {
                if self.silent.get_or_insert_with(Instant::now).elapsed() >= self.patience {
                    return Err(Failure::wrong(error));
                }
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => Ok(None),
                    () = stop.cancelled() => Err(HostError::Interrupted.into()),
                }
            }
            Err(error) => Err(Failure::wrong(error)),
        }
    }
}

/// A command for the process that owns the store.
pub(super) struct Beside<'h> {
    pub home: &'h Home,
    pub connection: Connection,
    pub bar: Bar,
    /// Of the job, for a word when they are paused.
    pub profiles: Vec<String>,
}

impl Beside<'_> {
    /// Has it carried out; `None` when the owner went away before that.
    pub(super) async fn execute(
        self,
        command: Command,
        stop: &CancellationToken,
    ) -> Result<Option<Answer>, Failure> {
        let Beside { home, connection, bar, profiles } = self;
        connection.check_settings(home.settings_name())?;
        let owner = connection.owner();
        store::warn_if_restored(&Reader::open(&home.settings.store)?)?;
        bar.say(&format!("process {owner} owns the store and carries this out"));
        let bar = RefCell::new(bar);
        let mut pauses = pauses::Watch::of(&home.settings.store, profiles);
        let working = connection.execute(command, stop, |heard| bar.borrow_mut().hear(heard));
        let mut working = std::pin::pin!(working);
        let answer = loop {
            tokio::select! {
                answer = &mut working => break answer,
                word = pauses.next() => bar.borrow().say(&word),
            }
        };
        bar.borrow().finish();
        let mut answer = answer?;
        match &mut answer {
            Some(answer) => home.seen_from_here(answer),
            None => {
                bar.borrow().say(&format!("process {owner} left the store before this was over; going on"))
            }
        }
        Ok(answer)
    }
}

impl Home {
    fn settings_name(&self) -> &SettingsName {
        &self.name
    }
}

/// Does something as the owner of a store, takes in meanwhile what other processes hand over, and stays
/// until that is done.
pub(super) async fn own<T>(
    host: Arc<Host>,
    profiles: Vec<String>,
    bar: Bar,
    work: impl AsyncFnOnce(&Host, &Talk) -> Result<T, HostError>,
    show: impl FnOnce(T) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let listening = host.listen();
    let code = alone(Arc::clone(&host), profiles, bar, work, show).await;
    if let Err(failure) = &code {
        failure.print();
    }
    let guests = host.guests();
    if guests > 0 {
        let handed_over = output::counted(guests as u64, "command");
        anstream::eprintln!("staying for {handed_over} that other processes handed over");
    }
    host.stay_for_guests().await;
    listening.close().await;
    code.or_else(|failure| Ok(failure.code()))
}

/// Does something as the owner of a store, for this process only.
pub(super) async fn alone<T>(
    host: Arc<Host>,
    profiles: Vec<String>,
    mut bar: Bar,
    work: impl AsyncFnOnce(&Host, &Talk) -> Result<T, HostError>,
    show: impl FnOnce(T) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    store::warn_if_restored(host.store().reader())?;
    host.write_owed_certificates().await;
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let talk = Talk::to(sender);
    let mut pauses = pauses::Watch::of(host.store().path(), profiles);
    let result = {
        let mut working = std::pin::pin!(work(&host, &talk));
        loop {
            tokio::select! {
                result = &mut working => break result,
                Some(next) = heard.recv() => bar.hear(next),
                word = pauses.next() => bar.say(&word),
            }
        }
    };
    while let Ok(next) = heard.try_recv() {
        bar.hear(next);
    }
    bar.finish();
    show(result?)
}

/// Has a command carried out: here if the store is free, else by the process that owns it. What takes
/// long takes in meanwhile what others hand over.
pub(super) async fn execute(
    home: &Home,
    command: Command,
    profiles: Vec<String>,
    size_bytes: u64,
    stop: CancellationToken,
    show: impl FnOnce(Answer, super::show::Logged) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let same = || Ok(command.clone());
    execute_anew(home, same, profiles, size_bytes, stop, show).await
}

/// The same with a command that is made anew for everybody who is asked to carry it out.
pub(super) async fn execute_anew(
    home: &Home,
    mut command: impl FnMut() -> Result<Command, Failure>,
    profiles: Vec<String>,
    size_bytes: u64,
    stop: CancellationToken,
    show: impl FnOnce(Answer, super::show::Logged) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    use super::show::Logged;
    let mut door = Door::of(&home.settings);
    loop {
        if let Some(connection) = door.knock().await? {
            let beside = Beside { home, connection, bar: Bar::of(size_bytes), profiles: profiles.clone() };
            match beside.execute(command()?, &stop).await? {
                Some(answer) => return show(answer, Logged::Elsewhere),
                None => continue,
            }
        }
        let Some(store) = door.take(&stop).await? else { continue };
        let host = home.host(store, stop.clone());
        let command = command()?;
        let is_long = command.is_long();
        let bar = Bar::of(size_bytes);
        let work = async |host: &Host, talk: &Talk| host.execute(command, talk, stop).await;
        let show = |answer| show(answer, Logged::Here);
        return match is_long {
            true => own(host, profiles, bar, work, show).await,
            false => alone(host, profiles, bar, work, show).await,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn settings_in(store: &Path) -> Settings {
        Settings { store: store.to_owned(), ..Settings::default_in(store) }
    }

    #[tokio::test]
    async fn a_store_that_is_in_use_by_a_process_that_answers_nobody_is_given_up_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let _silent = Store::open(folder.path()).unwrap();
        let mut door = Door { patience: Duration::ZERO, ..Door::of(&settings_in(folder.path())) };
        let stop = CancellationToken::new();

        let failure = door.take(&stop).await.err().unwrap();

        assert!(failure.to_string().contains("is in use by process"), "{failure}");
        assert_eq!(failure.code(), ExitCode::from(2));
    }

    #[tokio::test]
    async fn whoever_waits_for_a_store_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let _silent = Store::open(folder.path()).unwrap();
        let (mut door, stop) = (Door::of(&settings_in(folder.path())), CancellationToken::new());
        assert!(matches!(door.take(&stop).await, Ok(None)));

        stop.cancel();
        while let Ok(None) = door.take(&stop).await {}

        assert!(door.take(&stop).await.is_err());
    }
}

//! Where a subcommand finds the directory: in the store, or in a sandbox that is read first.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::command::{Where, Whom};
use crate::cli::place::Home;
use crate::cli::{Common, Failure, setup};
use crate::clock::{Clock, SharedClock, SystemClock};
use crate::config::{
    self, Connection, Credential, Host, Profile, Reach, Scheme, Settings, System, Token, TokenForm,
};
use crate::directory::{Approvers, Directory, Filter, Sync, Synced};
use crate::host::{approvers_of, staff_profiles};
use crate::journal::{Reader, Store, StoreError};
use crate::sandbox::OneTrust;
use crate::sandbox::onetrust::Options;
use crate::secret::Secret;
use crate::server::Shelf;
use crate::source::closest;
use crate::workflow::Retry;

/// The directories of the tenants that are meant.
pub(super) struct Place {
    pub home: Home,
    pub rules: config::Directory,
    /// Each with the profile that reads it.
    pub directories: Vec<(Profile, Directory)>,
    /// What keeps a sandbox alive.
    _sandbox: Option<(OneTrust, Arc<Store>)>,
}

impl Place {
    /// As the last sync left them, or of a sandbox as it is now.
    pub(super) async fn open(common: &Common, at: &Where) -> Result<Place, Failure> {
        if at.sandbox {
            let (sandbox, home) = sandbox().await?;
            let store = Arc::new(Store::temporary().map_err(Failure::wrong)?);
            let rules = config::Directory::default();
            let mut directories = Vec::new();
            for profile in home.settings.profiles.values() {
                read_into(&store, &home, profile, &rules, &|_| {}).await?;
                let directory = Directory::read(store.reader(), &profile.workspace, &rules)?;
                directories.push((profile.clone(), directory));
            }
            return Ok(Place { home, rules, directories, _sandbox: Some((sandbox, store)) });
        }
        let home = Home::of(&setup::settings(common)?);
        let rules = home.settings.directory.clone().unwrap_or_default();
        let reader = match Reader::open_with(&home.settings.store, setup::masters(&home.settings)) {
            Ok(reader) => reader,
            Err(StoreError::Missing { .. }) => return Err(never_read()),
            Err(error) => return Err(Failure::wrong(error)),
        };
        let mut directories = Vec::new();
        for profile in profiles(&home.settings, at)? {
            let directory = Directory::read(&reader, &profile.workspace, &rules)?;
            directories.push((profile.clone(), directory));
        }
        if directories.iter().all(|(_, directory)| directory.synced.is_none() && !directory.is_under_way) {
            return Err(never_read());
        }
        Ok(Place { home, rules, directories, _sandbox: None })
    }
}

impl Place {
    /// Whom the workflows of the settings ask, by workflow; a sandbox has none, and neither has who only reads
    /// the staff.
    pub(super) fn approvers_by_workflow(&self) -> Vec<(String, Approvers)> {
        if self._sandbox.is_some() || !self.home.settings.workflows.exists() {
            return Vec::new();
        }
        let shelf = Shelf::of(&self.home.settings.workflows, self.home.known.clone());
        let shown = shelf.shown();
        let asked = shown
            .workflows
            .iter()
            .map(|(name, placed)| (name.clone(), Approvers::of(&approvers_of(&placed.workflow))));
        asked.filter(|(_, approvers)| !approvers.is_empty()).collect()
    }

    /// The same of all workflows together.
    pub(super) fn approvers(&self) -> Approvers {
        let all = self.approvers_by_workflow().into_iter().map(|(_, approvers)| approvers);
        all.fold(Approvers::default(), Approvers::and)
    }
}

/// Nobody can be shown.
fn never_read() -> Failure {
    Failure::Usage("the directory was never read: run `privaflow directory sync` first".to_owned())
}

/// The profiles that are meant, of those in the settings.
pub(super) fn profiles<'s>(settings: &'s Settings, at: &Where) -> Result<Vec<&'s Profile>, Failure> {
    let named: Vec<String> = at.profile.iter().cloned().collect();
    let found = staff_profiles(settings, &named);
    if !found.is_empty() {
        return Ok(found);
    }
    let known = settings.profiles.values().filter(|profile| profile.system == System::OneTrust);
    Err(Failure::Usage(match &at.profile {
        Some(name) => {
            let near = closest(name, known.map(|profile| profile.name.as_str()));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("there is no profile `{name}` of OneTrust in the settings{hint}")
        }
        None => "the settings have no profile of OneTrust: add one with `system: onetrust`, or try --sandbox"
            .to_owned(),
    }))
}

/// A sandbox, and settings with a profile of it.
pub(super) async fn sandbox() -> Result<(OneTrust, Home), Failure> {
    let onetrust =
        OneTrust::start(Options { seed: 1, ..Options::default() }).await.map_err(Failure::wrong)?;
    let token = |text: &str| Token::fixed(Secret::new(text.to_owned()));
    let (client_id, client_secret) = onetrust.credential();
    let profile = Profile {
        name: "sandbox".to_owned(),
        workspace: "sandbox".to_owned(),
        system: System::OneTrust,
        reach: Reach::Service {
            connection: Box::new(
                Connection::new(Scheme::Http, Host::from(onetrust.address())).map_err(Failure::wrong)?,
            ),
            credential: Box::new(Credential::OAuth2 {
                client_id: token(&client_id),
                client_secret: token(&client_secret),
                form: TokenForm::default(),
            }),
        },
        share: Profile::SHARE,
        limits: Default::default(),
    };
    let mut settings = Settings::default_in(std::path::Path::new(""));
    settings.profiles.insert(profile.name.clone(), profile);
    Ok((onetrust, Home::without(settings)))
}

/// Reads a tenant into a store of this process.
pub(super) async fn read_into(
    store: &Arc<Store>,
    home: &Home,
    profile: &Profile,
    rules: &config::Directory,
    say: &(dyn Fn(&str) + Send + std::marker::Sync),
) -> Result<Synced, Failure> {
    let clock: SharedClock = Arc::new(SystemClock);
    let sync = Sync {
        api: home.clients.api(profile, Arc::clone(&clock))?,
        store: Arc::clone(store),
        clock,
        policy: home.settings.retries.policy(&Retry::default()),
        tenant: profile.workspace.clone(),
        profile: profile.name.clone(),
        rules,
        say,
    };
    Ok(Box::pin(sync.run()).await?)
}

/// What people must be, as the arguments say.
pub(super) fn filter(whom: &Whom, approvers: Approvers) -> Result<Filter, Failure> {
    let unseen_for = whom.not_seen_for.map(jiff::SignedDuration::try_from).transpose();
    let may_approve = whom.can_approve && approvers.is_empty();
    Ok(Filter {
        role: whom.role.clone(),
        group: whom.group.clone(),
        organization: whom.organisation.clone(),
        active: match (whom.active || may_approve, whom.inactive) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        },
        unseen_for: unseen_for.map_err(Failure::wrong)?,
        // Where no workflow names anybody, whoever may touch privacy requests may let them go on.
        touches_requests: whom.touches_requests || may_approve,
        approvers: (whom.can_approve && !approvers.is_empty()).then_some(approvers),
        gone: whom.gone,
    })
}

/// The present moment.
pub(super) fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(SystemClock.now_ms()).unwrap_or_default()
}

/// Waits for something or for a signal.
pub(super) async fn unless_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        () = stop.cancelled() => Err(Failure::Interrupted("interrupted; the same command begins anew".to_owned())),
        done = work => done,
    }
}

//! A tenant of the look-alike, what asks it, and the store that its staff is kept in.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use privaflow::clock::{Clock, SystemClock};
use privaflow::config::{self, Settings};
use privaflow::directory::{Directory, DirectoryError, Sync, Synced};
use privaflow::journal::Store;
use privaflow::onetrust::{Api, Limits, Rates};
use privaflow::sandbox::OneTrust;
use privaflow::sandbox::onetrust::{Credential, Limits as SandboxLimits, Options, StaffChange};
use privaflow::workflow::Policy;
use tokio_util::sync::CancellationToken;

pub const USERS: &str = "/api/access/v2/users";

/// A tenant, what asks it, and where it is kept.
pub struct Desk {
    pub onetrust: OneTrust,
    pub api: Api,
    pub store: Arc<Store>,
    pub rules: config::Directory,
    _folder: tempfile::TempDir,
}

pub fn options(scopes: &[&str]) -> Options {
    Options {
        credentials: vec![Credential::new("id", "secret", scopes)],
        api_keys: vec![("key".to_owned(), scopes.iter().map(|scope| (*scope).to_owned()).collect())],
        limits: SandboxLimits::off(),
        ..Options::default()
    }
}

impl Desk {
    /// With a client that asks for tokens.
    pub async fn with(options: Options) -> Desk {
        let oauth2 = "oauth2: { client_id: { file: id }, client_secret: { file: secret } }";
        Desk::by(options, oauth2).await
    }

    pub async fn by(options: Options, credential: &str) -> Desk {
        let onetrust = OneTrust::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("id", "id"), ("secret", "secret"), ("key", "key")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        // What the service allows is held there; here nothing waits.
        let limits = "endpoint: { requests: 1000000, per: 1s }, account: { requests: 1000000, per: 1s }";
        let text = format!(
            "profiles:\n  p: {{ system: onetrust, host: \"{}\", scheme: http, {credential}, share: 1, limits: {{ {limits} }} }}\n",
            onetrust.address()
        );
        let profile = Settings::read(&text, folder.path()).settings.unwrap().profiles["p"].clone();
        let client = crate::fake::client_of(&profile);
        let api = Api::new(client, Arc::new(Limits::new(Rates::of(&profile))), Arc::new(SystemClock));
        let store = Arc::new(Store::temporary().unwrap());
        Desk { onetrust, api, store, rules: config::Directory::default(), _folder: folder }
    }

    pub async fn sync(&self) -> Result<Synced, DirectoryError> {
        self.sync_saying(&|_| {}).await
    }

    pub async fn sync_saying(
        &self,
        say: &(dyn Fn(&str) + Send + std::marker::Sync),
    ) -> Result<Synced, DirectoryError> {
        let policy = Policy { base: Duration::from_millis(1), ..Policy::default() };
        let sync = Sync {
            api: self.api.clone(),
            store: Arc::clone(&self.store),
            clock: Arc::new(SystemClock),
            policy,
            tenant: "acme".to_owned(),
            profile: "p".to_owned(),
            rules: &self.rules,
            say,
        };
        Box::pin(sync.run()).await
    }

    /// Reads until somebody says this word, and is gone then, as a process that is killed.
    pub async fn sync_killed_at(&self, word: &str) {
        let stop = CancellationToken::new();
        let (token, word) = (stop.clone(), word.to_owned());
        let say = move |said: &str| {
            if said == word {
                token.cancel();
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            synced = self.sync_saying(&say) => panic!("it came to its end: {synced:?}"),
        }
    }

    pub fn directory(&self) -> Directory {
        Directory::read(self.store.reader(), "acme", &self.rules).unwrap()
    }

    pub fn change(&self, change: serde_json::Value) {
        let change: StaffChange = serde_json::from_value(change).unwrap();
        assert!(self.onetrust.change_staff(change));
    }

    pub fn asked(&self, path: &str) -> u64 {
        self.onetrust.calls().paths.iter().find(|(known, _)| *known == path).map_or(0, |(_, count)| *count)
    }
}

pub fn now() -> Timestamp {
    Timestamp::from_millisecond(SystemClock.now_ms()).unwrap()
}

/// What could not be learned, and which scope would tell.
pub fn gaps(synced: &Synced) -> Vec<String> {
    synced.told.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.any_of.join(" or "))).collect()
}

pub const ALL: [&str; 3] = ["ORGANIZATION", "SCIM", "USER"];

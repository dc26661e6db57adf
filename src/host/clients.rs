//! One client for each profile and one set of limits for each account, in a whole process.
//!
//! Every job and every poller that uses a profile goes through the same client, so there is one token
//! and one flight for it; OneTrust counts all that an account is asked, so all of it is counted in one
//! place. Nothing is connected to before something is sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::HostError;
use crate::clock::Clock;
use crate::config::{Credential, Profile, Reach, Settings, System};
use crate::engine::Service;
use crate::folder::Files;
use crate::onetrust::{self, Api, Limits, Rates};
use crate::wire::{Client, Timeouts};
use crate::workflow::Workflow;

/// The clients of a process.
#[derive(Debug)]
pub struct Clients {
    settings: Settings,
    /// By profile.
    clients: Mutex<HashMap<String, Client>>,
    /// By workspace.
    accounts: Mutex<HashMap<String, Arc<Limits>>>,
}

impl Clients {
    /// Of the profiles that the settings have.
    pub fn new(settings: Settings) -> Clients {
        Clients { settings, clients: Mutex::default(), accounts: Mutex::default() }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The profiles a workflow may use, ready to be used; their credentials are read now. Those that it
    /// only reports to are read when a run reports: one that came from a file never does.
    pub async fn services(&self, workflow: &Workflow) -> Result<Vec<Arc<Service>>, HostError> {
        let mut services = Vec::new();
        for profile in super::profiles(&self.settings, workflow) {
            if profile.system == System::Braze || super::services::is_called(workflow, profile) {
                profile.check().await?;
            }
            services.push(Arc::new(self.service(profile)?));
        }
        if services.is_empty() {
            return Err(HostError::NoProfile);
        }
        Ok(services)
    }

    /// A profile, ready to be used; its credential is read when it is first needed.
    pub fn service(&self, profile: &Profile) -> Result<Service, HostError> {
        let account = match profile.system {
            System::OneTrust => Some(self.account(profile)),
            System::Braze | System::Folder => None,
        };
        let limits = profile.limits.iter();
        Ok(Service {
            name: profile.name.clone(),
            system: profile.system.word().to_owned(),
            workspace: profile.workspace.clone(),
            client: self.client(profile)?,
            share: profile.share,
            limits: limits.map(|(id, limit)| (id.clone(), (limit.requests, limit.per))).collect(),
            account,
            any_name: false,
        })
    }

    /// What asks OneTrust by a profile, in real time.
    pub fn api(&self, profile: &Profile, clock: Arc<dyn Clock>) -> Result<Api, HostError> {
        Ok(Api::new(self.client(profile)?, self.account(profile), clock))
    }

    /// The client of a profile.
    pub fn client(&self, profile: &Profile) -> Result<Client, HostError> {
        let mut clients = locked(&self.clients);
        if let Some(client) = clients.get(&profile.name) {
            return Ok(client.clone());
        }
        let client = match &profile.reach {
            Reach::Folder(path) => Client::of_folder(Files::of(path)),
            Reach::Service { connection, credential } => match (profile.system, &**credential) {
                (System::OneTrust, _) => onetrust::client(connection, credential, Timeouts::default())?,
                (_, Credential::Token(token)) => Client::new(connection, token.clone(), Timeouts::default())?,
                (_, Credential::OAuth2 { .. }) => return Err(HostError::NoToken(profile.name.clone())),
            },
        };
        clients.insert(profile.name.clone(), client.clone());
        Ok(client)
    }

    /// The limits of the account that a profile belongs to.
    fn account(&self, profile: &Profile) -> Arc<Limits> {
        let mut accounts = locked(&self.accounts);
        let rates = Rates::of(profile);
        match accounts.get(&profile.workspace) {
            Some(limits) => {
                limits.lower_to(rates);
                Arc::clone(limits)
            }
            None => {
                let limits = Arc::new(Limits::new(rates));
                accounts.insert(profile.workspace.clone(), Arc::clone(&limits));
                limits
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::wire::Grant;

    fn settings(profiles: &str) -> Settings {
        let reading = Settings::read(&format!("profiles:\n{profiles}"), std::path::Path::new(""));
        assert!(reading.mistakes.is_empty(), "{:?}", reading.mistakes);
        reading.settings.unwrap()
    }

    #[tokio::test]
    async fn profiles_of_one_account_are_counted_together_whoever_asks() {
        let settings = settings(
            "  a: { system: onetrust, workspace: acme, host: h.example, token: { env: K }, share: 1, limits: { endpoint: { requests: 9, per: 1h } } }\n  \
             b: { system: onetrust, workspace: acme, host: h.example, token: { env: L }, share: 1, limits: { endpoint: { requests: 3, per: 1h } } }\n  \
             c: { system: onetrust, host: h.example, token: { env: M } }\n",
        );
        let (clients, clock) = (Clients::new(settings.clone()), Arc::new(SystemClock));
        let service = |name: &str| clients.service(&settings.profiles[name]).unwrap();

        let [a, b, c] = ["a", "b", "c"].map(|name| service(name).account.unwrap());
        clients.api(&settings.profiles["a"], clock).unwrap();

        assert!(Arc::ptr_eq(&a, &b) && !Arc::ptr_eq(&a, &c));
        let mut now = std::time::Duration::from_secs(1_800_000_000);
        let end = now + std::time::Duration::from_secs(3600);
        let mut granted = 0;
        while now < end {
            match a.reserve("GET /x", now) {
                Grant::Now => {
                    a.settle("GET /x", now, now);
                    granted += 1;
                }
                Grant::At(at) => now = at,
            }
        }
        assert_eq!(granted, 3);
    }

    #[test]
    fn braze_takes_no_client_that_asks_for_tokens() {
        let mut settings =
            settings("  a: { system: braze, host: rest.fra-01.braze.eu, token: { env: K } }\n");
        let profile = settings.profiles.get_mut("a").unwrap();
        let Reach::Service { credential, .. } = &mut profile.reach else { panic!() };
        let Credential::Token(token) = *credential.clone() else { panic!() };
        **credential = Credential::OAuth2 {
            client_id: token.clone(),
            client_secret: token,
            form: crate::config::TokenForm::Multipart,
        };

        let profile = profile.clone();
        assert!(matches!(Clients::new(settings).service(&profile), Err(HostError::NoToken(_))));
    }
}

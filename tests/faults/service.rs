//! The sandbox as the service that goes wrong, and what it holds about people.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use privaflow::clock::{Clock, SystemClock};
use privaflow::sandbox::{Faults, Identifiers, Limits, Options, Profile, Sandbox};
use serde_json::{Value, json};

use crate::folder::KEY;

/// A sandbox on a runtime of its own, which outlives every process that works against it.
pub struct Braze {
    pub sandbox: Sandbox,
    _runtime: tokio::runtime::Runtime,
}

impl Braze {
    /// On the machine's clock.
    pub fn with(seed: u64, faults: Faults) -> Braze {
        Braze::on(Arc::new(SystemClock), seed, faults)
    }

    /// Where deletions show soon and nothing is limited: no test waits for either.
    pub fn eager(seed: u64, faults: Faults) -> Braze {
        let deletion_lag = Duration::from_millis(300);
        Braze::start(Options { seed, faults, deletion_lag, limits: Limits::off(), ..Options::default() })
    }

    pub fn on(clock: Arc<dyn Clock>, seed: u64, faults: Faults) -> Braze {
        Braze::start(Options { clock, seed, faults, ..Options::default() })
    }

    /// Where other limits hold.
    pub fn under(clock: Arc<dyn Clock>, limits: Limits) -> Braze {
        Braze::start(Options { clock, limits, ..Options::default() })
    }

    fn start(options: Options) -> Braze {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let options = Options { token: Some(KEY.to_owned()), ..options };
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        Braze { sandbox, _runtime: runtime }
    }

    /// Adds somebody by external id.
    pub fn seed(&self, external_id: &str) {
        self.add(Some(external_id), None);
    }

    pub fn add(&self, external_id: Option<&str>, email: Option<&str>) {
        let identifiers = Identifiers {
            external_id: external_id.map(str::to_owned),
            email: email.map(str::to_owned),
            ..Identifiers::default()
        };
        assert!(self.sandbox.add_profile(&identifiers));
    }

    /// Who is there, by external id.
    pub fn people(&self) -> BTreeMap<String, Profile> {
        let live = self.sandbox.profiles().into_iter().filter(|profile| !profile.deleted);
        live.filter_map(|profile| Some((profile.external_id.clone()?, profile))).collect()
    }

    /// How often each person's events and purchases were counted.
    pub fn counted(&self) -> BTreeMap<String, usize> {
        let people = self.people().into_iter();
        people.map(|(id, profile)| (id, profile.events.len().max(profile.purchases.len()))).collect()
    }

    /// How many HTTP requests came.
    pub fn requests(&self) -> u64 {
        self.sandbox.requests().total
    }
}

/// The counts of a summary that say what became of people, without those that say how.
pub fn truth(summary: &Value) -> Value {
    let names = [
        "requests",
        "done",
        "skipped",
        "failed",
        "waiting",
        "accepted",
        "verified",
        "skipped_by",
        "failed_by",
        "waiting_by",
        "unmapped",
    ];
    let counts = names.map(|name| (name.to_owned(), summary[name].clone()));
    Value::Object(counts.into_iter().collect())
}

/// A consent record that sets the e-mail state of a person.
pub fn consent(id: &str, external_id: &str, status: &str) -> Value {
    json!({
        "id": id, "kind": "consent", "subject": { "external_id": external_id },
        "consents": [{ "purpose": "Marketing e-mail", "status": status }],
    })
}

/// The e-mail state that a status comes to.
pub fn state_of(status: &str) -> &'static str {
    match status {
        "ACTIVE" => "opted_in",
        _ => "unsubscribed",
    }
}

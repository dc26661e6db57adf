//! A job against the sandbox in this process: its people, its clock, its profile.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Failure;
use crate::clock::{Clock, SystemClock, VirtualClock};
use crate::config::{Connection, Host, Scheme, Token};
use crate::engine::{Service, each_request};
use crate::intake::Input;
use crate::sandbox::{AliasName, Identifiers, Options, Sandbox};
use crate::secret::Secret;
use crate::wire::{Client, Timeouts};
use crate::workflow::Workflow;

/// A sandbox that holds a profile for each subject of an input.
pub(super) struct Trial {
    sandbox: Sandbox,
    clock: Arc<VirtualClock>,
}

impl Trial {
    /// Starts a sandbox and reads the input once for its people.
    pub(super) async fn start(workflow: &Arc<Workflow>, input: &Input) -> Result<Trial, Failure> {
        let trial = Trial::empty().await?;
        trial.seed(workflow, input)?;
        Ok(trial)
    }

    /// Starts a sandbox without anybody in it.
    pub(super) async fn empty() -> Result<Trial, Failure> {
        let clock = Arc::new(VirtualClock::at(SystemClock.now_ms()));
        let options = Options { clock: Arc::clone(&clock) as Arc<dyn Clock>, seed: 1, ..Options::default() };
        let sandbox = Sandbox::start(options).await.map_err(Failure::wrong)?;
        Ok(Trial { sandbox, clock })
    }

    /// Makes a profile of everybody in an input.
    pub(super) fn seed(&self, workflow: &Arc<Workflow>, input: &Input) -> Result<(), Failure> {
        let records = input.records().map_err(Failure::wrong)?;
        each_request(workflow, records, |request| {
            if let Some(Value::Object(subject)) = request.scope.get("subject") {
                self.sandbox.seed_subject(&identifiers(subject));
            }
        })
        .map_err(Failure::wrong)
    }

    /// The sandbox's clock; it stands still until the engine moves it.
    pub(super) fn clock(&self) -> Arc<VirtualClock> {
        Arc::clone(&self.clock)
    }

    /// A profile that goes to the sandbox, whatever name a workflow uses.
    pub(super) fn service(&self) -> Result<Service, Failure> {
        let host = Host::parse(&self.sandbox.address().to_string()).map_err(Failure::wrong)?;
        let connection = Connection::new(Scheme::Http, host).map_err(Failure::wrong)?;
        let token = Token::fixed(Secret::new(self.sandbox.token().to_owned()));
        Ok(Service {
            name: "sandbox".to_owned(),
            system: "braze".to_owned(),
            workspace: "sandbox".to_owned(),
            client: Client::new(&connection, token, Timeouts::default()).map_err(Failure::wrong)?,
            share: 1.0,
            limits: std::collections::HashMap::new(),
            account: None,
            any_name: true,
        })
    }

    /// Stops the sandbox.
    pub(super) async fn stop(self) {
        self.sandbox.stop().await;
    }
}

fn identifiers(subject: &Map<String, Value>) -> Identifiers {
    let text = |member: &str| subject.get(member).and_then(Value::as_str).map(str::to_owned);
    let aliases = subject.get("aliases").and_then(Value::as_array).into_iter().flatten();
    let aliases = aliases.filter_map(|alias| {
        let text = |member: &str| alias.get(member).and_then(Value::as_str).map(str::to_owned);
        Some(AliasName { alias_name: text("alias_name")?, alias_label: text("alias_label")? })
    });
    Identifiers {
        external_id: text("external_id"),
        email: text("email"),
        phone: text("phone"),
        braze_id: text("braze_id"),
        aliases: aliases.collect(),
    }
}

//! The sandbox in this process: its people, its clock, its profiles.
//!
//! One profile of each system stands for whatever name a workflow uses. Everything goes by one clock.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{Failure, story};
use crate::clock::{Clock, SystemClock, VirtualClock};
use crate::config::{
    Connection, Credential, Host, Profile, Reach, Scheme, Settings, System, Token, TokenForm,
};
use crate::engine::{Service, each_request};
use crate::folder::Files;
use crate::host::Clients;
use crate::intake::Input;
use crate::onetrust::Api;
use crate::sandbox::{AliasName, Identifiers, Options, Scene, onetrust};
use crate::secret::Secret;
use crate::wire::Client;
use crate::workflow::{ConsentTrigger, Workflow};

/// How often is looked whether something changed in the sandbox's OneTrust.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A sandbox that holds a profile for each subject of an input.
pub(super) struct Trial {
    scene: Scene,
    clock: Arc<VirtualClock>,
}

impl Trial {
    /// Starts a sandbox and reads the input once for its people.
    pub(super) async fn start(workflow: &Arc<Workflow>, input: &Input) -> Result<Trial, Failure> {
        let trial = Trial::with(VirtualClock::at(SystemClock.now_ms())).await?;
        trial.seed(workflow, input)?;
        Ok(trial)
    }

    /// Starts a sandbox without anybody in it, whose time goes on by itself.
    pub(super) async fn empty() -> Result<Trial, Failure> {
        Trial::with(VirtualClock::going_on_from(SystemClock.now_ms())).await
    }

    async fn with(clock: VirtualClock) -> Result<Trial, Failure> {
        let clock = Arc::new(clock);
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let braze = Options { clock: Arc::clone(&shared), seed: 1, ..Options::default() };
        let onetrust = onetrust::Options { clock: shared, seed: 1, ..onetrust::Options::default() };
        let scene = Scene::start(braze, onetrust).await.map_err(Failure::wrong)?;
        Ok(Trial { scene, clock })
    }

    /// Makes a profile of everybody in an input, and the subtask that a record says it comes from.
    pub(super) fn seed(&self, workflow: &Arc<Workflow>, input: &Input) -> Result<(), Failure> {
        let records = input.records().map_err(Failure::wrong)?;
        each_request(workflow, records, |request| {
            if let Some(Value::Object(subject)) = request.scope.get("subject") {
                self.scene.braze().seed_subject(&identifiers(subject));
            }
            let source = request.scope.get("request").and_then(|request| request.get("source"));
            let text = |member: &str| source.and_then(|source| source.get(member)).and_then(Value::as_str);
            if let (Some("onetrust"), Some(reference)) = (text("system"), text("ref")) {
                self.scene.onetrust().seed_subtask(reference, text("subtask_id"));
            }
        })
        .map_err(Failure::wrong)
    }

    /// Lets people ask OneTrust for what starts these workflows, some at once and others now and then.
    pub(super) fn play(&mut self, workflows: &[Arc<Workflow>]) {
        self.scene.play(story::of(workflows));
    }

    /// Tells in the log how subtasks stand in its OneTrust, whenever one changes, until `stop`.
    pub(super) fn tell(&self, stop: CancellationToken) {
        let onetrust = self.scene.watched();
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            let mut told = 0;
            loop {
                for change in onetrust.changes_after(told) {
                    told = change.number;
                    if let ("subtask.status", Some(request)) = (change.what, &change.request) {
                        let comment = change.comment.map(|comment| format!(": {comment}"));
                        tracing::info!(
                            request,
                            "the sandbox's OneTrust: the subtask of request {request} is {}{}",
                            change.value,
                            comment.unwrap_or_default()
                        );
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }));
    }

    /// Lets some people say yes and some no to what a trigger takes.
    pub(super) fn say(&self, trigger: &ConsentTrigger) {
        let statement = story::statement(trigger);
        for number in 0..20 {
            self.scene.say(&statement, if number % 2 == 0 { "CONFIRMED" } else { "WITHDRAWN" });
        }
    }

    /// The sandbox's clock.
    pub(super) fn clock(&self) -> Arc<VirtualClock> {
        Arc::clone(&self.clock)
    }

    /// A profile of each system, as settings would have it.
    pub(super) fn profiles(&self) -> Result<[Profile; 2], Failure> {
        let fixed = |text: &str| Token::fixed(Secret::new(text.to_owned()));
        let (id, secret) = self.scene.onetrust().credential();
        let oauth2 = Credential::OAuth2 {
            client_id: fixed(&id),
            client_secret: fixed(&secret),
            form: TokenForm::Multipart,
        };
        let braze = self.scene.braze();
        Ok([
            profile(System::Braze, braze.address(), Credential::Token(fixed(braze.token())))?,
            profile(System::OneTrust, self.scene.onetrust().address(), oauth2)?,
        ])
    }

    /// The same, ready to be used under whatever name a workflow gives them.
    pub(super) fn services(&self) -> Result<Vec<Arc<Service>>, Failure> {
        let clients = Clients::new(Settings::default_in(Path::new("")));
        let service = |profile: &Profile| {
            let service = clients.service(profile).map_err(Failure::wrong)?;
            // The limits of an account are held in real time, which has no meaning here.
            Ok(Arc::new(Service { account: None, any_name: true, ..service }))
        };
        let mut services = self.profiles()?.iter().map(service).collect::<Result<Vec<_>, Failure>>()?;
        services.push(Arc::new(folder()));
        Ok(services)
    }

    /// What asks its OneTrust.
    pub(super) fn onetrust(&self) -> Result<Api, Failure> {
        let clients = Clients::new(Settings::default_in(Path::new("")));
        let [_, profile] = self.profiles()?;
        clients.api(&profile, self.clock()).map_err(Failure::wrong)
    }

    /// Stops the sandbox.
    pub(super) async fn stop(self) {
        self.scene.stop().await;
    }
}

/// A folder that keeps nothing.
fn folder() -> Service {
    Service {
        name: format!("sandbox-{}", System::Folder),
        system: System::Folder.word().to_owned(),
        workspace: "sandbox".to_owned(),
        client: Client::of_folder(Files::nowhere()),
        share: 1.0,
        limits: HashMap::new(),
        account: None,
        any_name: true,
    }
}

fn profile(
    system: System,
    address: std::net::SocketAddr,
    credential: Credential,
) -> Result<Profile, Failure> {
    let host = Host::parse(&address.to_string()).map_err(Failure::wrong)?;
    Ok(Profile {
        // A process has one client for each name.
        name: match system {
            System::Braze => "sandbox".to_owned(),
            System::OneTrust | System::Folder => format!("sandbox-{system}"),
        },
        system,
        workspace: "sandbox".to_owned(),
        reach: Reach::Service {
            connection: Box::new(Connection::new(Scheme::Http, host).map_err(Failure::wrong)?),
            credential: Box::new(credential),
        },
        share: 1.0,
        limits: indexmap::IndexMap::new(),
    })
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
        device_ids: Vec::new(),
    }
}

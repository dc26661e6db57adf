//! Braze and OneTrust side by side, with the same made-up people in both.
//!
//! Each half stays what it is and knows nothing of the other. Whoever makes a request here is in Braze
//! first, so that a request is never found before its person.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::onetrust::{self, AddError, ConsentChange, NewRequest, NewSubtask, TaskType};
use super::people::{Identity, Person};
use super::{OneTrust, Options, Sandbox, SandboxError};

/// Both look-alikes. Dropping it stops them too, without waiting.
pub struct Scene {
    cast: Cast,
    play: Option<JoinHandle<()>>,
}

/// What a play needs of a scene.
#[derive(Clone)]
struct Cast {
    braze: Arc<Sandbox>,
    onetrust: Arc<OneTrust>,
    seed: u64,
    next: Arc<AtomicU64>,
}

/// What happens in a scene by itself.
#[derive(Debug, Clone)]
pub struct Story {
    /// Requests of these kinds, in turn.
    pub tasks: Vec<Task>,
    /// Statements of these kinds, in turn; every second one is a refusal.
    pub statements: Vec<Statement>,
    /// How many of each kind happen at once, at the start.
    pub at_start: usize,
    /// How long until the next one, in real time.
    pub every: Duration,
}

/// A kind of request with one open subtask.
#[derive(Debug, Clone)]
pub struct Task {
    /// The name of the subtask.
    pub name: String,
    /// The integration, which makes it a system subtask.
    pub system: Option<String>,
    /// The display name of the request's type.
    pub request_type: String,
    /// The stage of the request; `In Progress` when absent.
    pub stage: Option<String>,
    /// Custom fields by label, and which of the person's names each holds.
    pub fields: Vec<(String, Identity)>,
}

/// A kind of consent that changes.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The name of the purpose.
    pub purpose: String,
    /// Its id; one that follows from the name when absent.
    pub purpose_id: Option<String>,
    /// What OneTrust knows the person by.
    pub identifier: Identity,
    /// Data elements by name, and which of the person's names each holds.
    pub elements: Vec<(String, Identity)>,
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene")
            .field("braze", &self.cast.braze)
            .field("onetrust", &self.cast.onetrust)
            .finish_non_exhaustive()
    }
}

impl Default for Task {
    fn default() -> Task {
        Task {
            name: "Delete from Braze".to_owned(),
            system: None,
            request_type: "Erasure".to_owned(),
            stage: None,
            fields: vec![("Customer number".to_owned(), Identity::ExternalId)],
        }
    }
}

impl Default for Story {
    /// Erasures, access requests and a newsletter: three of each, and another every ten seconds.
    fn default() -> Story {
        let access = Task {
            name: "Export from Braze".to_owned(),
            request_type: "Access".to_owned(),
            ..Task::default()
        };
        let newsletter = Statement {
            purpose: "Newsletter".to_owned(),
            purpose_id: None,
            identifier: Identity::Email,
            elements: vec![("Customer number".to_owned(), Identity::ExternalId)],
        };
        Story {
            tasks: vec![Task::default(), access],
            statements: vec![newsletter],
            at_start: 3,
            every: Duration::from_secs(10),
        }
    }
}

impl Scene {
    /// Starts both; people follow from the seed of the Braze half.
    pub async fn start(braze: Options, onetrust: onetrust::Options) -> Result<Scene, SandboxError> {
        let seed = braze.seed;
        let (braze, onetrust) = (Sandbox::start(braze).await?, OneTrust::start(onetrust).await?);
        let (braze, onetrust) = (Arc::new(braze), Arc::new(onetrust));
        Ok(Scene { cast: Cast { braze, onetrust, seed, next: Arc::default() }, play: None })
    }

    /// The Braze half.
    pub fn braze(&self) -> &Sandbox {
        &self.cast.braze
    }

    /// The OneTrust half.
    pub fn onetrust(&self) -> &OneTrust {
        &self.cast.onetrust
    }

    /// The OneTrust half, for somebody who watches it on their own.
    pub fn watched(&self) -> Arc<OneTrust> {
        Arc::clone(&self.cast.onetrust)
    }

    /// Somebody new makes a request; its reference.
    pub fn open(&self, task: &Task) -> Result<String, AddError> {
        self.cast.open(task)
    }

    /// Somebody new says something about a purpose; `transaction` is a transaction type of OneTrust's.
    pub fn say(&self, statement: &Statement, transaction: &str) {
        self.cast.say(statement, transaction);
    }

    /// Lets a story happen from now on; it takes the place of an earlier one.
    pub fn play(&mut self, story: Story) {
        if let Some(earlier) = self.play.take() {
            earlier.abort();
        }
        let cast = self.cast.clone();
        let kinds = story.tasks.len() + story.statements.len();
        (0..kinds * story.at_start).for_each(|number| cast.act(&story, number));
        if kinds == 0 {
            return;
        }
        // A clock cannot tick in no time.
        let every = story.every.max(Duration::from_millis(1));
        let mut number = kinds * story.at_start;
        self.play = Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                cast.act(&story, number);
                number += 1;
            }
        }));
    }

    /// Ends the story, lets answers under way go out for up to a second, and stops both.
    pub async fn stop(mut self) {
        if let Some(play) = self.play.take() {
            play.abort();
            // Whether it ended by itself or not, it holds nothing any more.
            drop(play.await);
        }
        let Cast { braze, onetrust, .. } = self.cast.clone();
        drop(self);
        if let Some(braze) = Arc::into_inner(braze) {
            braze.stop().await;
        }
        if let Some(onetrust) = Arc::into_inner(onetrust) {
            onetrust.stop().await;
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(play) = self.play.take() {
            play.abort();
        }
    }
}

impl Cast {
    /// The next thing of a story.
    fn act(&self, story: &Story, number: usize) {
        let kinds = story.tasks.len() + story.statements.len();
        let kind = number.checked_rem(kinds).unwrap_or_default();
        if let Some(task) = story.tasks.get(kind) {
            if let Err(error) = self.open(task) {
                tracing::warn!(%error, "the sandbox could not make up a request");
            }
        } else if let Some(statement) = story.statements.get(kind - story.tasks.len()) {
            let is_yes = number.checked_div(kinds).unwrap_or_default().is_multiple_of(2);
            self.say(statement, if is_yes { "CONFIRMED" } else { "WITHDRAWN" });
        }
    }

    /// Somebody who was not there before, with a profile in Braze.
    fn somebody(&self) -> Person {
        let person = Person::new(self.seed, self.next.fetch_add(1, Ordering::Relaxed));
        self.braze.seed_subject(&person.identifiers);
        person
    }

    fn open(&self, task: &Task) -> Result<String, AddError> {
        let person = self.somebody();
        let subtask = NewSubtask {
            name: Some(task.name.clone()),
            kind: if task.system.is_some() { TaskType::System } else { TaskType::Manual },
            system_name: task.system.clone(),
            ..NewSubtask::default()
        };
        self.onetrust.add_request(NewRequest {
            first_name: Some(person.first_name.to_owned()),
            last_name: Some(person.last_name.to_owned()),
            email: Some(person.named(Identity::Email)),
            stage: task.stage.clone(),
            request_types: Some(vec![task.request_type.clone()]),
            fields: task.fields.iter().map(|(label, name)| (label.clone(), person.named(*name))).collect(),
            subtasks: Some(vec![subtask]),
            ..NewRequest::default()
        })
    }

    fn say(&self, statement: &Statement, transaction: &str) {
        let person = self.somebody();
        let element = |(name, identity): &(String, Identity)| (name.clone(), person.named(*identity).into());
        self.onetrust.change_consent(ConsentChange {
            identifier: person.named(statement.identifier),
            purpose: statement.purpose.clone(),
            purpose_id: statement.purpose_id.clone(),
            transaction: transaction.to_owned(),
            data_elements: statement.elements.iter().map(element).collect(),
            ..ConsentChange::default()
        });
    }
}

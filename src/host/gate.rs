//! The gate after erasures and the hold list, as people ask for them.
//!
//! What was typed is hashed here and goes no further. Runs that a hold kept from erasing are let go when
//! somebody is taken off the list: their jobs go on with them, and whoever is still held waits again.

use serde_json::{Value, json};

use super::command::{GateCommand, HoldCommand, Talk, Typed};
use super::deciding::GivesUp;
use super::error::HostError;
use super::owner::Host;
use crate::engine::{self, EngineError};
use crate::job::{Answer, Decision, JobId, Position};
use crate::journal::{Erased, GateAsked, Held, Hold, Released, StoreError};
use crate::ledger::{moment, to_hex};
use crate::plan::PersonKey;
use crate::request::Named;

impl Typed {
    fn held(&self) -> Held {
        let Typed(text) = self;
        // Whoever asks refuses what is not understood; an earlier release took it as an id.
        let named = Named::parse(text).unwrap_or_else(|_| Named::Any(text.clone()));
        Held { people: PersonKey::like(&named), identifiers: named.identifiers() }
    }
}

impl Host {
    pub(super) async fn gate(&self, command: GateCommand) -> Result<Value, HostError> {
        let store = std::sync::Arc::clone(self.store());
        let quiet_ms = i64::try_from(self.clients().settings().quiet.as_millis()).unwrap_or(i64::MAX);
        let now_ms = self.now_ms();
        let done = tokio::task::spawn_blocking(move || match command {
            GateCommand::List { subject, workspaces, since_ms, before_ms, limit } => {
                let spaces: Vec<_> =
                    workspaces.iter().map(|name| (name.as_str(), store.marks().space(name))).collect();
                let found = match &subject {
                    Some(subject) => {
                        let (held, mut found) = (subject.held(), Vec::new());
                        for (_, space) in &spaces {
                            found.extend(store.marks().gate_of(space, &held)?);
                        }
                        // What an earlier release wrote names no workspace, and was asked for in this one.
                        found
                    }
                    None => {
                        let tags = spaces.iter().map(|(_, space)| space.tag()).chain([0]).collect();
                        let asked = GateAsked { tags: Some(tags), since_ms, before_ms, limit };
                        store.marks().gate_entries(&asked)?
                    }
                };
                let name =
                    |tag: u64| spaces.iter().find(|(_, space)| space.tag() == tag).map(|(name, _)| *name);
                let entries: Vec<Value> =
                    found.iter().map(|entry| shown(entry, name(entry.tag), quiet_ms)).collect();
                Ok(Value::Array(entries))
            }
            GateCommand::Release { subjects, workspaces, reason, by } => {
                let people = subjects.iter().map(Typed::held).collect();
                let Released { identifiers, erasures, alone, unknown } =
                    store.release(workspaces, people, reason, by, now_ms)?;
                Ok(json!({
                    "released": identifiers, "erasures": erasures, "alone": alone, "unknown": unknown,
                }))
            }
        });
        done.await.map_err(|_| EngineError::Stopped("looking through the gate"))?.map_err(store_error)
    }

    pub(super) async fn hold(&self, command: HoldCommand, talk: &Talk) -> Result<Value, HostError> {
        let now_ms = self.now_ms();
        match command {
            HoldCommand::Add { subject, reason, until_ms, by } => {
                let hold = self.store().add_hold(subject.held(), reason, until_ms, by, now_ms)?;
                Ok(json!({ "hold": hold }))
            }
            HoldCommand::List => {
                let holds = self.store().all_holds();
                Ok(holds.iter().map(|hold| listed(hold, now_ms)).collect())
            }
            HoldCommand::Remove { subject, by } => {
                let removed = self.store().remove_holds(subject.held(), by.clone(), now_ms)?;
                let runs = match removed.is_empty() {
                    true => Vec::new(),
                    false => self.let_go_all(&by, None, now_ms, talk).await?,
                };
                Ok(json!({ "removed": removed, "let_go": runs }))
            }
        }
    }

    /// Lets every run go on that a hold, or doubt about a restored gate, kept back: each is looked at again, and
    /// waits again if it must. Gives their names.
    pub(crate) async fn let_go_all(
        &self,
        by: &str,
        reason: Option<&str>,
        at_ms: i64,
        talk: &Talk,
    ) -> Result<Vec<String>, HostError> {
        let mut runs = Vec::new();
        for job in self.store().reader().all_open_jobs()? {
            let let_go = self.let_go(job, by, reason, at_ms, talk).await?;
            if !let_go.is_empty() {
                self.note_let_go(job);
            }
            runs.extend(let_go.into_iter().map(|position| format!("{job}:{position}")));
        }
        Ok(runs)
    }

    /// Whether a hold ended by itself after one moment and up to another, both in Unix milliseconds.
    pub(crate) fn a_hold_ended(&self, from_ms: i64, to_ms: i64) -> bool {
        let ended = |until_ms: i64| from_ms < until_ms && until_ms <= to_ms;
        self.store().all_holds().iter().filter_map(|hold| hold.until_ms).any(ended)
    }

    async fn let_go(
        &self,
        job: JobId,
        by: &str,
        reason: Option<&str>,
        at_ms: i64,
        talk: &Talk,
    ) -> Result<Vec<Position>, HostError> {
        let positions: Vec<Position> = self.store().reader().state(job)?.on_hold().collect();
        if !positions.is_empty() {
            let stopped = self.stop_job(job, GivesUp::Nothing, talk).await?;
            let (by, answer) = (by.to_owned(), Answer::LetGo);
            let reason = reason.map(str::to_owned);
            let decision = Decision { at_ms, by, positions: positions.clone(), answer, reason };
            engine::answer(self.store(), job, decision).await?;
            drop(stopped);
        }
        Ok(positions)
    }
}

fn store_error(error: StoreError) -> HostError {
    EngineError::from(error).into()
}

fn shown(entry: &Erased, workspace: Option<&str>, quiet_ms: i64) -> Value {
    let release = entry.release.as_ref();
    json!({
        "key": to_hex(&entry.key),
        "workspace": workspace,
        "erased_at": moment(entry.at_ms),
        "refuses_until": moment(entry.at_ms.saturating_add(quiet_ms)),
        "released_at": release.map(|release| moment(release.at_ms)),
        "released_by": release.map(|release| &release.by),
        "reason": release.map(|release| &release.reason),
    })
}

fn listed(hold: &Hold, now_ms: i64) -> Value {
    json!({
        "hold": hold.id,
        "since": moment(hold.at_ms),
        "by": hold.by,
        "reason": hold.reason,
        "until": hold.until_ms.map(moment),
        "in_force": hold.is_in_force(now_ms),
    })
}

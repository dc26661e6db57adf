//! How one canary is taken through: made, looked for, sent in, and looked for again.
//!
//! Whoever is found under what it is known by and is not its own profile may be a real person: then it goes no
//! further and nobody is erased. A Braze id is looked up by itself before it counts as its own. Its request says which profiles are its own, and the run refuses to erase any other.
//! What is remembered of it, and what becomes of one that failed, is the work of `canary`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::canary::{Act, CanaryState, SOMEBODY_ELSE, UnderWay, millis};
use super::command::Talk;
use super::error::HostError;
use super::owner::{Host, Job};
use crate::catalogue;
use crate::clock::{Clock, SystemClock};
use crate::config::Canary;
use crate::engine::{Asker, Fates, Patience, Told};
use crate::intake::Input;
use crate::job::{JobId, Pause};
use crate::journal::{Arrival, CANARY_ORIGIN, Most, StoreError, canary_queue};
use crate::onetrust;
use crate::plan::Call;
use crate::run::{CANARY_PROFILES, NOT_THE_CANARY};
use crate::workflow::Workflow;

/// How often is looked whether the job is over.
const LOOK: Duration = Duration::from_millis(250);
/// The first and the longest pause between two looks for the person.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A window with one record.
const ONE: Most = Most { records: 1, bytes: 1 << 20 };

/// How far one came, and why no further.
pub(super) struct Short(pub &'static str, pub String);

/// Why one is taken no further.
pub(super) enum Stop {
    Short(Short),
    Host(HostError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Host(error.into())
    }
}

fn short(step: &'static str, why: impl Into<String>) -> Stop {
    Stop::Short(Short(step, why.into()))
}

/// What takes one through.
pub(super) struct Bird<'b> {
    pub host: &'b Host,
    pub canary: &'b Canary,
    pub asker: Asker,
    pub stop: &'b CancellationToken,
}

/// Who is found under what the canary is known by.
#[derive(Default)]
struct Found {
    /// Its own profiles, by their Braze ids.
    own: Vec<String>,
    /// Profiles with another external id, or none.
    is_somebody_else: bool,
}

/// A member of a look, and its value.
type Asked = (&'static str, Value);

impl Bird<'_> {
    /// Takes it through; gives how far it came if it did not come through.
    pub(super) async fn fly(
        &self,
        workflow: &Arc<Workflow>,
        state: &mut CanaryState,
        act: Act<'_>,
    ) -> Result<(), Stop> {
        let Some(mut under_way) = state.under_way.clone() else { return Ok(()) };
        if !workflow.irreversible {
            return Err(short("create", "workflow_erases_nobody"));
        }
        if !under_way.is_sent {
            // Before it is made: whoever has its name or address already is somebody else.
            self.found("create").await?;
            under_way = UnderWay { is_made: true, ..under_way };
            state.under_way = Some(under_way.clone());
            self.host.note(state, None)?;
            self.create().await?;
            let profiles = self.appears().await?;
            under_way = UnderWay { is_sent: true, profiles, ..under_way };
            state.under_way = Some(under_way.clone());
            self.host.note(state, None)?;
        }
        let arrival = self.arrival(&under_way);
        match act {
            Act::Pipe(take) => take(arrival)?,
            Act::Here => {
                self.host.store().accept(vec![arrival], None)?;
                self.carry_out(workflow).await?;
            }
        }
        self.wait_for_job(&under_way).await?;
        self.disappears().await
    }

    async fn create(&self) -> Result<(), Stop> {
        let mut attributes = json!({ "external_id": self.canary.external_id, "privaflow_canary": true });
        if let (Some(email), Some(members)) = (&self.canary.email, attributes.as_object_mut()) {
            members.insert("email".to_owned(), email.as_str().into());
        }
        self.ask("create", "braze/users.track", &json!({ "attributes": [attributes] })).await.map(drop)
    }

    /// Looks until the person is there, with one profile; gives its Braze id.
    async fn appears(&self) -> Result<Vec<String>, Stop> {
        let mut looks = Looks::begin();
        loop {
            let Found { own, .. } = self.found("appear").await?;
            let why = match own.as_slice() {
                [only] if self.is_own("appear", only).await? => return Ok(own),
                [] | [_] => "never_seen",
                [_, _, ..] => "several_profiles",
            };
            self.rest_between(&mut looks, "appear", why).await?;
        }
    }

    /// Whether this Braze id is that of its own profile, asked for by itself: an answer with another's would get them
    /// erased. No when nobody is found by it yet.
    async fn is_own(&self, step: &'static str, braze_id: &str) -> Result<bool, Stop> {
        let with = json!({ "braze_id": braze_id, "fields_to_export": ["braze_id", "external_id"] });
        let answer = self.ask(step, "braze/users.export.ids", &with).await?;
        let is = |user: &Value, member: &str, own: &str| user.get(member).is_some_and(|value| value == own);
        match answer.get("users").and_then(Value::as_array).map(Vec::as_slice) {
            None | Some([]) => Ok(false),
            Some([user])
                if is(user, "braze_id", braze_id) && is(user, "external_id", &self.canary.external_id) =>
            {
                Ok(true)
            }
            Some(_) => Err(short(step, SOMEBODY_ELSE)),
        }
    }

    /// Looks until the person is gone.
    async fn disappears(&self) -> Result<(), Stop> {
        let mut looks = Looks::begin();
        while !self.look("verify").await?.own.is_empty() {
            self.rest_between(&mut looks, "verify", "still_there").await?;
        }
        Ok(())
    }

    /// Who is found, unless somebody else is among them.
    async fn found(&self, step: &'static str) -> Result<Found, Stop> {
        let found = self.look(step).await?;
        if found.is_somebody_else { Err(short(step, SOMEBODY_ELSE)) } else { Ok(found) }
    }

    /// Looks once, by everything that it is known by.
    async fn look(&self, step: &'static str) -> Result<Found, Stop> {
        let by_address = self.canary.email.as_deref().map(|email| ("email_address", Value::from(email)));
        self.look_by(step, std::iter::once(self.name()).chain(by_address).collect()).await
    }

    /// What nobody else has.
    fn name(&self) -> Asked {
        ("external_ids", json!([self.canary.external_id]))
    }

    async fn look_by(&self, step: &'static str, by: Vec<Asked>) -> Result<Found, Stop> {
        let own = Value::from(self.canary.external_id.as_str());
        let mut found = Found::default();
        for (member, asked) in by {
            let mut with = json!({ "fields_to_export": ["braze_id", "external_id"] });
            with.as_object_mut()
                .into_iter()
                .for_each(|with| drop(with.insert(member.to_owned(), asked.clone())));
            let answer = self.ask(step, "braze/users.export.ids", &with).await?;
            for user in answer.get("users").and_then(Value::as_array).into_iter().flatten() {
                match user.get("braze_id").and_then(Value::as_str) {
                    Some(id) if user.get("external_id") == Some(&own) => {
                        if !found.own.iter().any(|known| known == id) {
                            found.own.push(id.to_owned());
                        }
                    }
                    Some(_) | None => found.is_somebody_else = true,
                }
            }
        }
        Ok(found)
    }

    /// Rests between two looks, unless it took too long.
    async fn rest_between(
        &self,
        looks: &mut Looks,
        step: &'static str,
        why: &'static str,
    ) -> Result<(), Stop> {
        if looks.began.elapsed() + looks.pause > self.canary.within {
            return Err(short(step, why));
        }
        self.rest(looks.pause).await?;
        looks.pause = (looks.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// The request, like any that comes in.
    fn arrival(&self, under_way: &UnderWay) -> Arrival {
        let at = Timestamp::from_millisecond(under_way.began_ms).unwrap_or_default().to_string();
        let id = format!("privaflow-canary:{at}");
        let mut subject = json!({ "external_id": self.canary.external_id });
        if let (Some(email), Some(members)) = (&self.canary.email, subject.as_object_mut()) {
            members.insert("email".to_owned(), email.as_str().into());
        }
        let record = json!({
            "id": id, "kind": "deletion", "received_at": at, "subject": subject,
            "source": { "system": "canary", "ref": id }, "fields": { CANARY_PROFILES: under_way.profiles },
        });
        let workflow = canary_queue(&self.canary.workflow);
        Arrival {
            key: onetrust::key(&workflow, &id),
            workflow,
            origin: CANARY_ORIGIN.to_owned(),
            turn: None,
            due_ms: None,
            received_ms: under_way.began_ms,
            record: record.to_string().into_bytes(),
        }
    }

    /// Carries out what waits in the queue of the canary.
    async fn carry_out(&self, workflow: &Arc<Workflow>) -> Result<(), Stop> {
        let (store, queue) = (self.host.store(), canary_queue(&self.canary.workflow));
        let left = store.open_windows()?.into_iter().filter(|window| window.workflow == queue);
        let new = store.take_window(&queue, ONE, SystemClock.now_ms())?;
        for window in left.chain(new) {
            let input = Input::of_window(window.id, store.window_text(window.id)?).of_canary();
            let services = self.host.clients().services(workflow).await.map_err(Stop::Host)?;
            let job = Job {
                workflow: Arc::clone(workflow),
                input,
                services,
                patience: Patience::Until(self.canary.within),
                virtual_clock: None,
                stop: self.stop.child_token(),
                goes_on_with: None,
            };
            let (talk, _) = tokio::sync::mpsc::unbounded_channel();
            let carried = Box::pin(self.host.carry_out(job, &Talk::to(talk))).await;
            carried.map_err(Stop::Host)?;
        }
        Ok(())
    }

    /// Waits until the request is over, and well.
    async fn wait_for_job(&self, under_way: &UnderWay) -> Result<(), Stop> {
        let until_ms = under_way.began_ms.saturating_add(millis(self.canary.alert_after));
        loop {
            if let Some(job) = self.host.store().canary_job(under_way.after_job)? {
                let is_closed = self.host.store().job(job)?.status.is_closed();
                let totals = self.host.store().state(job)?.totals();
                // It is over only when a person says so, and that is the news.
                if !is_closed && totals.waiting_by.contains_key(&Pause::NeedsAttention) {
                    return Err(short("act", "needs_attention"));
                }
                if !is_closed {
                    self.rest_until(until_ms).await?;
                    continue;
                }
                if self.would_erase_others(job)? {
                    return Err(short("act", SOMEBODY_ELSE));
                }
                let failed = totals.failed_by.keys().map(|fail| fail.word());
                let skipped = totals.skipped_by.keys().map(|skip| skip.word());
                let mut words = failed.chain(skipped);
                return match words.next() {
                    None if totals.done > 0 => Ok(()),
                    word => Err(short("act", word.unwrap_or("nothing_done"))),
                };
            }
            self.rest_until(until_ms).await?;
        }
    }

    /// Whether its run found somebody else, and was kept from erasing them.
    fn would_erase_others(&self, job: JobId) -> Result<bool, Stop> {
        let store = self.host.store();
        let fates = Fates::of(store.reader(), store.job(job)?)?;
        let mut is_any = false;
        let seen = fates.each::<StoreError>(|fate| {
            is_any |= fate.failure.is_some_and(|failure| failure.code == NOT_THE_CANARY);
            Ok(if is_any { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) })
        });
        seen.map(|_| is_any).map_err(Stop::from)
    }

    /// Rests a little, unless it is too late for that.
    async fn rest_until(&self, until_ms: i64) -> Result<(), Stop> {
        match SystemClock.now_ms() >= until_ms {
            true => Err(short("act", "never_over")),
            false => self.rest(LOOK).await,
        }
    }

    /// Nobody is left behind, if that is possible now; whether it was. Only its own name is erased, and only if it
    /// leads to nobody else.
    pub(super) async fn clean_up(&self) -> bool {
        match self.erase_name().await {
            Ok(()) => true,
            Err(stop) => {
                if let Stop::Short(Short(_, why)) = stop {
                    tracing::warn!("the canary that did not come through could not be erased: {why}");
                }
                false
            }
        }
    }

    async fn erase_name(&self) -> Result<(), Stop> {
        let step = "clean_up";
        let found = self.look_by(step, vec![self.name()]).await?;
        for own in &found.own {
            if !self.is_own(step, own).await? {
                return Err(short(step, "never_seen"));
            }
        }
        if found.is_somebody_else {
            return Err(short(step, SOMEBODY_ELSE));
        }
        let with = json!({ "external_ids": [self.canary.external_id] });
        self.ask(step, "braze/users.delete", &with).await.map(drop)
    }

    async fn ask(&self, step: &'static str, action: &str, with: &Value) -> Result<Value, Stop> {
        let action = catalogue::find(action).ok_or_else(|| short(step, "unknown_action"))?;
        let call = Call::new(action, with).map_err(|refusal| short(step, refusal.code))?;
        let asked = tokio::select! {
            asked = self.asker.ask(0, std::slice::from_ref(&call)) => asked,
            () = self.stop.cancelled() => return Err(Stop::Host(HostError::Interrupted)),
        };
        match asked.map_err(|stopped| short(step, stopped.why))?.pop() {
            Some(Told::Answer(answer)) => Ok(answer),
            Some(Told::Nothing(why)) => Err(short(step, why)),
            None => Err(short(step, "no_answer")),
        }
    }

    async fn rest(&self, pause: Duration) -> Result<(), Stop> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.stop.cancelled() => Err(Stop::Host(HostError::Interrupted)),
        }
    }
}

/// Looks for the person, further and further apart.
struct Looks {
    began: tokio::time::Instant,
    pause: Duration,
}

impl Looks {
    fn begin() -> Looks {
        Looks { began: tokio::time::Instant::now(), pause: FIRST_PAUSE }
    }
}

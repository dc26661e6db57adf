//! What entries of the ledger say of one request, as a story.
//!
//! Accepted is not verified: of a request that was given up, only a look that found nobody proves its erasure. What an
//! entry means for other requests is not told.

use std::collections::BTreeSet;

use super::certificate::{Ended, Line, Told};
use super::chain::Chain;
use super::entry::Entry;
use super::fact::Fact;
use super::hex::to_hex;
use super::outcome::{Answered, Asked, Outcome};
use super::proof::Proof;
use super::watched::watched;

/// Folds entries into a story.
pub(super) struct Teller {
    pub results: Vec<Ended>,
    pub story: Vec<Line>,
    pub asked: Vec<Asked>,
    pub trial: Option<&'static str>,
    /// When the last erasure was accepted.
    pub erased_at: Option<String>,
    /// An erasure left, and was given up before it was answered.
    may_be_erased: bool,
    /// Runs of which a write was accepted.
    written: BTreeSet<String>,
}

impl Teller {
    pub fn new(runs: &[String]) -> Teller {
        let open = |run: &String| Ended {
            run: run.clone(),
            result: "open".to_owned(),
            reason: None,
            accepted: false,
            verified: false,
        };
        let results = runs.iter().map(open).collect();
        Teller {
            results,
            story: Vec::new(),
            asked: Vec::new(),
            trial: None,
            erased_at: None,
            may_be_erased: false,
            written: BTreeSet::new(),
        }
    }

    pub fn hear(&mut self, told: Told) {
        let Told { chain, entry: Entry { at, fact, .. }, proof } = told;
        let Some(fact) = fact else { return };
        let mut say = |what: &str, text: String, request_id: Option<String>| {
            self.story.push(Line {
                at: at.clone(),
                what: what.to_owned(),
                text,
                request_id,
                entry: chain.seq,
                hash: to_hex(&chain.hash),
                proof: proof.clone(),
            });
        };
        match &fact {
            Fact::Opened { job, workflow, sandbox, shadow, .. } => {
                if *sandbox {
                    self.trial = Some("sandbox");
                } else if *shadow {
                    self.trial = Some("shadow");
                }
                say("began", format!("Work on {job} began: workflow {workflow}."), None);
            }
            Fact::Planned { action, workspace, runs, asked, attempt, .. } => {
                let is_own = |run: &String| self.results.iter().any(|ended| ended.run == *run);
                if runs.iter().any(is_own) {
                    let again = if *attempt > 0 { ", again" } else { "" };
                    say("planned", format!("{action} was about to be sent to {workspace}{again}."), None);
                }
                let own = asked.iter().filter(|asked| is_own(&asked.run));
                self.asked.extend(own.cloned());
            }
            Fact::Answered(answered) => self.answered(chain, &at, answered, proof),
            Fact::Ended { asked, .. } => {
                let is_own = |asked: &&Asked| self.results.iter().any(|ended| ended.run == asked.run);
                self.asked.extend(asked.iter().filter(is_own).cloned());
                let own = outcomes_of(&fact, proof.as_ref());
                own.into_iter().for_each(|outcome| self.ended(chain, &at, &outcome, proof.clone()));
            }
            Fact::Passed { .. } => say(
                "passed",
                "A call was not made: what it would have written was older than what is there, or the person was \
                 erased since."
                    .to_owned(),
                None,
            ),
            Fact::Waiting { step, until, .. } => say("waiting", format!("Waits at {step} until {until}."), None),
            Fact::Held { counted, allowed, .. } => say(
                "held",
                format!("The guard held the job before its first call: it counted {counted}, and allows {allowed}."),
                None,
            ),
            Fact::Approved { by, .. } => say("approved", format!("{by} let the job go on."), None),
            Fact::Cancelled { job, by } => {
                say("cancelled", format!("{by} ended the job."), None);
                self.cancelled(job);
            }
            Fact::Reopened { by, .. } => say("reopened", format!("{by} had it tried again."), None),
            Fact::Decided { by, answer, .. } => {
                say("decided", format!("{by} was asked, and answered `{answer}`."), None);
            }
            Fact::Presumed { .. } => {
                say(
                    "presumed_erased",
                    "It was put on hold, refused later, or given up before its erasure was answered. Whether it took \
                     effect is not known; older changes of the person are refused as if it had."
                        .to_owned(),
                    None,
                );
                self.may_be_erased = true;
            }
            Fact::Received { origin, .. } => {
                say("received", format!("The request was received and written down ({origin})."), None);
            }
            Fact::Watched { job, look, people, gone, missing, .. } => {
                say("watched", watched(&fact, self.may_be_erased), None);
                if missing.is_none() {
                    let own = look.as_deref().and_then(|look| self.is_gone_in(look));
                    self.looked_at(job, own.unwrap_or(*people > 0 && gone == people));
                }
            }
            Fact::Stopped { .. }
            | Fact::Key { .. }
            | Fact::Released { .. }
            | Fact::Hold { .. }
            | Fact::Canary { .. }
            | Fact::Pruned { .. }
            | Fact::Forgotten { .. }
            | Fact::Restored { .. }
            | Fact::Day { .. }
            | Fact::Head { .. } => {}
        }
    }

    fn answered(&mut self, chain: Chain, at: &str, answered: &Answered, proof: Option<Proof>) {
        let outcomes = outcomes_of(&Fact::Answered(answered.clone()), proof.as_ref());
        let own: Vec<Outcome> = outcomes
            .into_iter()
            .filter(|outcome| self.results.iter().any(|ended| ended.run == outcome.run))
            .collect();
        let (what, text) = self.meaning(at, answered, own.first());
        self.story.push(Line {
            at: at.to_owned(),
            what: what.to_owned(),
            text,
            request_id: answered.request_id.clone(),
            entry: chain.seq,
            hash: to_hex(&chain.hash),
            proof: proof.clone(),
        });
        if answered.missing.is_none() && matches!(answered.effect.as_deref(), Some("set" | "irreversible")) {
            let written = own.iter().filter(|outcome| outcome.accepted);
            self.written.extend(written.map(|outcome| outcome.run.clone()));
        }
        own.iter().for_each(|outcome| self.ended(chain, at, outcome, proof.clone()));
    }

    /// What a job that was given up means for requests of which nothing was written down one by one.
    fn cancelled(&mut self, job: &str) {
        let is_left = |ended: &&mut Ended| matches!(ended.result.as_str(), "open" | "waiting");
        for ended in self.results.iter_mut().filter(|ended| is_of(&ended.run, job)).filter(is_left) {
            "failed".clone_into(&mut ended.result);
            ended.reason = Some(CANCELLED.to_owned());
            ended.accepted |= self.written.contains(&ended.run);
        }
    }

    /// Whether a look found nobody of the request, if its own run is told.
    fn is_gone_in(&self, look: &str) -> Option<bool> {
        let Ended { result, reason, accepted, .. } =
            self.results.iter().find(|ended| is_of(&ended.run, look))?;
        Some(match (result.as_str(), reason.as_deref()) {
            ("done", _) => !accepted,
            ("skipped", Some(reason)) => NOBODY.contains(&reason),
            _ => false,
        })
    }

    /// What a look at requests of a job says of one that was given up after it erased, or may have.
    fn looked_at(&mut self, job: &str, is_gone: bool) {
        let may_be_erased = self.may_be_erased;
        let is_given_up = |ended: &&mut Ended| {
            ended.reason.as_deref() == Some(CANCELLED) && (ended.accepted || may_be_erased)
        };
        let own = self.results.iter_mut().filter(|ended| is_of(&ended.run, job)).filter(is_given_up);
        own.for_each(|ended| ended.verified = is_gone);
    }

    /// What an exchange meant for the request.
    fn meaning(
        &mut self,
        at: &str,
        answered: &Answered,
        outcome: Option<&Outcome>,
    ) -> (&'static str, String) {
        let action = answered.action.as_deref().unwrap_or("a call");
        let place = answered.workspace.as_deref().unwrap_or("the service");
        match answered.missing.as_deref() {
            Some("no_answer") => {
                return (
                    "unanswered",
                    format!("{place} did not answer {action}: whether it was carried out is not known."),
                );
            }
            Some("never_left") => {
                return ("not_sent", format!("{action} was not sent: the profile was stopped."));
            }
            Some(_) => return ("not_sent", format!("{action} was not sent: the job only looks.")),
            None => {}
        }
        let status = answered.status.unwrap_or_default();
        if outcome.is_none() && (200..300).contains(&status) {
            return (
                "accepted_late",
                format!("{place} accepted {action} (HTTP {status}), after the request had ended."),
            );
        }
        let Some(outcome) = outcome else {
            return (
                "tried",
                format!("{place} did not carry out {action} (HTTP {status}); it is tried again."),
            );
        };
        let effect = answered.effect.as_deref();
        // Of a request that ended, `accepted` speaks of all its writes, this one included. What was only asked was
        // answered, also where the request failed for what the answer says.
        let is_accepted = (200..300).contains(&status)
            && (effect == Some("read") || outcome.result.as_deref() != Some("failed"));
        match (effect, outcome.found) {
            _ if !is_accepted => ("refused", format!("{place} did not accept {action} (HTTP {status}).")),
            (Some("read"), Some(0)) if self.erased_at.is_some() || self.may_be_erased => {
                ("verified_absent", format!("{place} was asked again and has no such profile any more."))
            }
            (Some("read"), Some(count)) if self.erased_at.is_some() || self.may_be_erased => {
                ("still_found", format!("{place} was asked again and still has {}.", profiles(count)))
            }
            (Some("read"), Some(0)) => ("found", format!("{place} was asked and has no such profile.")),
            (Some("read"), Some(count)) => {
                ("found", format!("{place} was asked and has {}.", profiles(count)))
            }
            (Some("read"), None) => ("read", format!("{place} answered {action}.")),
            (Some("report"), _) => {
                let what = match action {
                    "onetrust/subtask.complete" => "that the request is completed",
                    "onetrust/subtask.status" => "how the request stands",
                    _ => "something about the request",
                };
                ("reported", format!("{place} was told {what} ({action}, HTTP {status})."))
            }
            (Some("irreversible"), _) => {
                self.erased_at = Some(at.to_owned());
                (
                    "accepted",
                    format!("{place} accepted {action} (HTTP {status}); accepted is not yet verified."),
                )
            }
            (Some(_) | None, _) => ("accepted", format!("{place} accepted {action} (HTTP {status}).")),
        }
    }

    fn ended(&mut self, chain: Chain, at: &str, outcome: &Outcome, proof: Option<Proof>) {
        let Some(ended) = self.results.iter_mut().find(|ended| ended.run == outcome.run) else { return };
        let Some(result) = &outcome.result else { return };
        ended.result.clone_from(result);
        ended.reason.clone_from(&outcome.reason);
        (ended.accepted, ended.verified) = (outcome.accepted, outcome.verified);
        let reason = outcome.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let proved = match (outcome.verified, outcome.accepted) {
            (true, _) => ", verified",
            (false, true) => ", accepted and not verified",
            (false, false) => "",
        };
        let verb = if result == "waiting" { "The request is" } else { "The request ended as" };
        let line = |what: &str, text: String| Line {
            at: at.to_owned(),
            what: what.to_owned(),
            text,
            request_id: None,
            entry: chain.seq,
            hash: to_hex(&chain.hash),
            proof: proof.clone(),
        };
        self.story.push(line(result, format!("{verb} {result}{reason}{proved}.")));
        let is_forgotten = outcome.reason.as_deref() == Some(FORGOTTEN);
        if is_forgotten && (self.erased_at.is_some() || self.may_be_erased) {
            let text = "The person was forgotten, and with that what is needed to look for them: nobody will look \
                        whether they are gone, or come back.";
            self.story.push(line("not_looked_for", text.to_owned()));
        }
    }
}

/// Why a request ended that a person gave up, and one whose person was forgotten (`job::Fail`).
const CANCELLED: &str = "cancelled";
const FORGOTTEN: &str = "forgotten";
/// Why a request of a look is skipped that found nobody (`job::Skip`).
const NOBODY: [&str; 3] = ["no_profile", "condition", "no_match"];

/// Whether a run is one of a job.
fn is_of(run: &str, job: &str) -> bool {
    run.strip_prefix(job).is_some_and(|rest| rest.starts_with(':'))
}

fn profiles(count: u64) -> String {
    if count == 1 { "1 profile".to_owned() } else { format!("{count} profiles") }
}

/// What a fact says of few requests, or of the one in a proof.
fn outcomes_of(fact: &Fact, proof: Option<&Proof>) -> Vec<Outcome> {
    let Some(proof) = proof else { return fact.outcomes().to_vec() };
    let (step, result) = match proof.words.strip_prefix("step ") {
        Some(step) => (Some(step.to_owned()), None),
        None => (None, Some(proof.words.as_str())),
    };
    let mut words = result.unwrap_or_default().split(' ').map(str::to_owned);
    vec![Outcome {
        run: proof.run.clone(),
        step,
        accepted: proof.accepted,
        verified: proof.verified,
        result: result.and_then(|_| words.next()),
        reason: result.and_then(|_| words.next()),
        ..Outcome::default()
    }]
}

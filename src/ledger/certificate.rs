//! What was asked, what was done when, what was verified and what remains: one request, for the file of a
//! privacy officer.
//!
//! It is made of entries of the ledger and of nothing else, names each of them by number and hash, and is
//! signed with the key of the ledger. What it does not know it does not say.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::chain::Chain;
use super::entry::{Entry, moment, sign, signed};
use super::fact::Fact;
use super::hex::{from_hex, to_hex};
use super::outcome::{Answered, Asked, Outcome};
use super::proof::Proof;
use super::remains::{Remains, remains};
use super::signature::{PublicKey, Signer};
use super::watched::watched;

/// What the ledger has of one request, in order.
#[derive(Debug)]
pub struct Told {
    /// Where the chain stands with the entry.
    pub chain: Chain,
    /// The entry.
    pub entry: Entry,
    /// Of an entry about many: what it says of this request.
    pub proof: Option<Proof>,
}

/// The certificate of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The format: 1.
    pub privaflow_certificate: u32,
    /// The id of the request, or its run when it has none that may be shown.
    pub request: String,
    /// When it was made.
    pub issued_at: String,
    /// `sandbox` or `shadow`: nothing of it went to a real service, or nothing was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<String>,
    /// What was asked.
    pub asked: Vec<Asked>,
    /// What it came to, run by run.
    pub results: Vec<Ended>,
    /// What happened, in order.
    pub story: Vec<Line>,
    /// What Braze keeps after an erasure, and for how long.
    pub remains: Vec<Remains>,
    /// The last entry of the ledger when it was made, and its hash.
    pub ledger: Standing,
    /// Fingerprint of the key that signed it.
    pub key: String,
    /// The key, in hexadecimal digits: compare it with the one that you kept.
    pub public_key: String,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The run.
    pub run: String,
    /// `done`, `skipped`, `failed`, `waiting`, or `open` when it is not over.
    pub result: String,
    /// Why; done needs no reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A write was accepted.
    pub accepted: bool,
    /// A later read proved it.
    pub verified: bool,
}

/// Something that happened, and the entry that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: String,
    /// In a word: `began`, `planned`, `found`, `accepted`, `verified_absent`, `reported`, …
    pub what: String,
    /// In a sentence.
    pub text: String,
    /// The service's own id of the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Number of the entry.
    pub entry: u64,
    /// Its hash.
    pub hash: String,
    /// Of an entry about many: that it says this of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// Where the ledger stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The last entry.
    pub of: u64,
    /// Its hash.
    pub hash: String,
}

impl Certificate {
    /// Of what the ledger has of a request.
    pub fn of(
        request: String,
        runs: &[String],
        told: Vec<Told>,
        at: (Chain, i64),
        key: PublicKey,
    ) -> Certificate {
        let ((chain, at_ms), mut teller) = (at, Teller::new(runs));
        for told in told {
            teller.hear(told);
        }
        Certificate {
            privaflow_certificate: 1,
            request,
            issued_at: moment(at_ms),
            trial: teller.trial.map(str::to_owned),
            asked: teller.asked,
            results: teller.results,
            remains: teller.erased_at.as_deref().map(remains).unwrap_or_default(),
            story: teller.story,
            ledger: Standing { of: chain.seq, hash: to_hex(&chain.hash) },
            key: key.fingerprint(),
            public_key: key.hex(),
        }
    }

    /// Its bytes, one line of JSON with the signature as its last member.
    pub fn signed(&self, signer: &Signer) -> Result<Vec<u8>, serde_json::Error> {
        Ok(sign(serde_json::to_vec(self)?, signer))
    }

    /// Reads a certificate that one of the keys signed, with the entries that an export must have; `None`
    /// when it is none, or was changed since.
    pub fn verified(text: &[u8], keys: &[PublicKey]) -> Option<(Certificate, Vec<Chain>)> {
        let (unsigned, signature) = signed(text.trim_ascii())?;
        let certificate: Certificate = serde_json::from_slice(&unsigned).ok()?;
        let key = keys.iter().find(|key| key.fingerprint() == certificate.key)?;
        key.has_signed(&unsigned, signature).then_some(())?;
        let Standing { of, hash } = &certificate.ledger;
        let entries = certificate.story.iter().map(|line| (line.entry, &line.hash)).chain([(*of, hash)]);
        let entries: Option<BTreeSet<_>> = entries.map(|(seq, hash)| Some((seq, from_hex(hash)?))).collect();
        for line in &certificate.story {
            if let Some(proof) = &line.proof {
                let proved = proof.check().ok()?;
                (proved.chain.seq == line.entry && to_hex(&proved.chain.hash) == line.hash).then_some(())?;
            }
        }
        let entries = entries?.into_iter().map(|(seq, hash)| Chain { seq, hash }).collect();
        Some((certificate, entries))
    }
}

/// Folds entries into a story.
struct Teller {
    results: Vec<Ended>,
    story: Vec<Line>,
    asked: Vec<Asked>,
    trial: Option<&'static str>,
    /// When the last erasure was accepted.
    erased_at: Option<String>,
}

impl Teller {
    fn new(runs: &[String]) -> Teller {
        let open = |run: &String| Ended {
            run: run.clone(),
            result: "open".to_owned(),
            reason: None,
            accepted: false,
            verified: false,
        };
        let results = runs.iter().map(open).collect();
        Teller { results, story: Vec::new(), asked: Vec::new(), trial: None, erased_at: None }
    }

    fn hear(&mut self, told: Told) {
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
            Fact::Cancelled { by, .. } => say("cancelled", format!("{by} ended the job."), None),
            Fact::Reopened { by, .. } => say("reopened", format!("{by} had it tried again."), None),
            Fact::Decided { by, answer, .. } => {
                say("decided", format!("{by} was asked, and answered `{answer}`."), None);
            }
            Fact::Presumed { .. } => say(
                "presumed_erased",
                "It was given up before its erasure was answered. Whether it took effect is not known; older changes \
                 of the person are refused as if it had."
                    .to_owned(),
                None,
            ),
            Fact::Received { origin, .. } => {
                say("received", format!("The request was received and written down ({origin})."), None);
            }
            Fact::Watched { .. } => say("watched", watched(&fact), None),
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
        own.iter().for_each(|outcome| self.ended(chain, at, outcome, proof.clone()));
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
        // Of a request that ended, `accepted` speaks of all its writes, this one included.
        let is_accepted = (200..300).contains(&status) && outcome.result.as_deref() != Some("failed");
        let effect = answered.effect.as_deref();
        match (effect, outcome.found) {
            _ if !is_accepted => ("refused", format!("{place} did not accept {action} (HTTP {status}).")),
            (Some("read"), Some(0)) if self.erased_at.is_some() => {
                ("verified_absent", format!("{place} was asked again and has no such profile any more."))
            }
            (Some("read"), Some(count)) if self.erased_at.is_some() => {
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
        self.story.push(Line {
            at: at.to_owned(),
            what: result.clone(),
            text: format!("{verb} {result}{reason}{proved}."),
            request_id: None,
            entry: chain.seq,
            hash: to_hex(&chain.hash),
            proof,
        });
    }
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

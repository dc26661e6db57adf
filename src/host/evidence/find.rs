//! Where the ledger speaks of a run: one by one, or as a leaf of a batch.
//!
//! Leaves are made again from the events of the journal, so they are found as long as the job was not pruned.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::job::{Ended, Event, Fail, IdEntry, RunId, Verdict, WindowId};
use crate::journal::{JobRecord, Reader, StoreError};
use crate::ledger::{Answered, Chain, Digests, Entry, Fact, Proof, Told, said};
use crate::request::{Identity, identity};

/// Entries read together.
const TOGETHER: u32 = 1024;
/// How far a clock may have been set back since a job began.
const CLOCKS_MS: i64 = 24 * 3_600_000;
/// How long before its job a request mostly came in.
const LATELY_MS: i64 = 2 * CLOCKS_MS;

/// What the ledger has of some runs, and of their jobs as a whole, in order.
pub fn entries_of(reader: &Reader, runs: &[RunId]) -> Result<Vec<Told>, StoreError> {
    let mut presumed = HashSet::new();
    let mut leaves = leaves_of(reader, runs, &mut presumed)?;
    let over = over_of(&leaves);
    let (jobs, names): (Vec<String>, Vec<String>) =
        runs.iter().map(|run| (run.job.to_string(), run.to_string())).unzip();
    let mut found = Vec::new();
    // Batches that carry one of them alone: what their service did not carry out names nobody.
    let mut batches: HashSet<(String, u64)> = HashSet::new();
    // Nothing is said of a job before it began.
    let known: Vec<JobRecord> =
        reader.jobs()?.into_iter().filter(|job| runs.iter().any(|run| run.job == job.id)).collect();
    // Of a job that was pruned nobody knows when that was.
    let is_known = runs.iter().all(|run| known.iter().any(|job| job.id == run.job));
    let began_ms = known.iter().map(|job| job.started_ms).min().filter(|_| is_known).unwrap_or(0);
    let first = reader.ledger_since(began_ms.saturating_sub(CLOCKS_MS))?.saturating_sub(1);
    let mut before = reader.ledger_at(first)?.unwrap_or_default();
    loop {
        let rows = reader.ledger(before.seq, TOGETHER)?;
        for row in &rows {
            let chain = Chain { seq: row.seq, hash: row.hash };
            let entry = Entry::of_bytes(&row.entry);
            if let Some(Entry { fact: Some(fact), .. }) = &entry
                && fact.job().is_some_and(|job| jobs.iter().any(|own| own == job))
            {
                let proofs = fact.grouped().and_then(|(event, _)| leaves.remove(&event)).unwrap_or_default();
                if let Fact::Planned { job, batch, runs, .. } = fact
                    && runs.iter().any(|run| names.contains(run))
                {
                    batches.insert((job.clone(), *batch));
                }
                let is_untold = |answered: &Answered| {
                    answered.outcomes.is_empty()
                        && answered.tree.is_none()
                        && batches.contains(&(answered.job.clone(), answered.batch))
                };
                let is_told = is_about(fact, &names) && is_of_span(fact, runs, &over)
                    || is_presumed_among_many(fact, &presumed)
                    || matches!(fact, Fact::Answered(answered) if is_untold(answered));
                for (run, event) in proofs {
                    let blinds = reader.blinds(run.job, fact.grouped().map_or(0, |(number, _)| number))?;
                    let place = (before, row.entry.as_slice());
                    let proof = Proof::of(&event, run.position, &blinds, run.to_string(), place);
                    if let (Some(proof), Some(entry)) = (proof, entry.clone()) {
                        found.push(Told { chain, entry, proof: Some(proof) });
                    }
                }
                if let Some(entry) = entry.filter(|_| is_told) {
                    found.push(Told { chain, entry, proof: None });
                }
            }
            before = chain;
        }
        if rows.len() < TOGETHER as usize {
            break;
        }
    }
    let digests = digests_of(&found, &names);
    let is_from_outside = |job: &JobRecord| job.input_path.parse::<WindowId>().is_ok();
    if !is_known || known.iter().any(is_from_outside) {
        // Mostly just before its job; but what came in may have waited for ever so long.
        let lately = reader.ledger_since(began_ms.saturating_sub(LATELY_MS))?.saturating_sub(1);
        let mut received = received(reader, lately, &digests)?;
        if received.is_empty() {
            received = self::received(reader, 0, &digests)?;
        }
        found.extend(received);
    }
    found.sort_by_key(|told| told.chain.seq);
    Ok(found)
}

/// The entries behind `after` that say that one of these requests came in.
fn received(reader: &Reader, after: u64, digests: &HashSet<String>) -> Result<Vec<Told>, StoreError> {
    let mut received = Vec::new();
    each(reader, after, |chain, entry| {
        if let Some(Fact::Received { digests: own, .. }) = &entry.fact
            && own.iter().any(|own| digests.contains(own))
        {
            received.push(Told { chain, entry: entry.clone(), proof: None });
        }
    })?;
    Ok(received)
}

/// By what the ledger knows the requests of some runs.
fn digests_of(told: &[Told], names: &[String]) -> HashSet<String> {
    let mut digests = HashSet::new();
    for fact in told.iter().filter_map(|told| told.entry.fact.as_ref()) {
        if let Fact::Planned { asked, .. } = fact {
            let own = asked.iter().filter(|asked| names.contains(&asked.run));
            digests.extend(own.map(|asked| asked.request.clone()));
        }
        let own = fact.outcomes().iter().filter(|outcome| names.contains(&outcome.run));
        digests.extend(own.filter_map(|outcome| outcome.request.clone()));
    }
    digests
}

/// The events that say something of these runs, by their number; with those that were given up before an erasure
/// of theirs was answered.
fn leaves_of(
    reader: &Reader,
    runs: &[RunId],
    presumed: &mut HashSet<RunId>,
) -> Result<HashMap<i64, Vec<(RunId, Event)>>, StoreError> {
    let mut found: HashMap<i64, Vec<(RunId, Event)>> = HashMap::new();
    for run in runs {
        for recorded in reader.events(run.job) {
            let recorded = recorded?;
            if matches!(&recorded.event, Event::Presumed(all) if all.positions.contains(&run.position)) {
                presumed.insert(*run);
            }
            if said(&recorded.event).any(|said| said.position == run.position) {
                found.entry(recorded.number).or_default().push((*run, recorded.event));
            }
        }
    }
    Ok(found)
}

/// With which event each of these runs was done last, or given up, as far as the journal has it.
fn over_of(leaves: &HashMap<i64, Vec<(RunId, Event)>>) -> HashMap<RunId, i64> {
    let mut over: HashMap<RunId, i64> = HashMap::new();
    let is_looked_at = |ended: &Ended| matches!(ended.verdict, Verdict::Done | Verdict::Failed(Fail::Cancelled));
    for (number, said) in leaves {
        for (run, event) in said {
            if event.ends().iter().any(|ended| ended.position == run.position && is_looked_at(ended)) {
                let last = over.entry(*run).or_insert(*number);
                *last = (*last).max(*number);
            }
        }
    }
    over
}

/// Whether a look was one at one of these runs, as far as that is known; true for any other fact.
fn is_of_span(fact: &Fact, runs: &[RunId], over: &HashMap<RunId, i64>) -> bool {
    let Fact::Watched { job, events: Some((from, to)), .. } = fact else { return true };
    let own = runs.iter().filter(|run| run.job.to_string() == *job);
    let mut own = own.map(|run| over.get(run));
    own.any(|over| over.is_none_or(|over| from < over && over <= to))
}

/// Whether a fact names only the first of those that were given up, and one of these runs is among the others.
fn is_presumed_among_many(fact: &Fact, presumed: &HashSet<RunId>) -> bool {
    let Fact::Presumed { job, requests, runs, .. } = fact else { return false };
    *requests > runs.len() as u64 && presumed.iter().any(|run| run.job.to_string() == *job)
}

/// Whether a fact of their jobs concerns runs one by one, or their jobs as a whole.
fn is_about(fact: &Fact, names: &[String]) -> bool {
    let is_own = |run: &String| names.contains(run);
    match fact {
        Fact::Planned { runs, .. } => runs.iter().any(is_own),
        Fact::Reopened { runs, .. } | Fact::Decided { runs, .. } | Fact::Presumed { runs, .. } => {
            runs.iter().any(is_own)
        }
        Fact::Waiting { run, .. } => is_own(run),
        Fact::Answered(_) | Fact::Ended { .. } | Fact::Passed { .. } => {
            fact.outcomes().iter().any(|outcome| is_own(&outcome.run))
        }
        Fact::Opened { .. }
        | Fact::Held { .. }
        | Fact::Approved { .. }
        | Fact::Cancelled { .. }
        | Fact::Stopped { .. }
        | Fact::Watched { .. } => true,
        Fact::Key { .. }
        | Fact::Canary { .. }
        | Fact::Received { .. }
        | Fact::Released { .. }
        | Fact::Hold { .. }
        | Fact::Pruned { .. }
        | Fact::Forgotten { .. }
        | Fact::Restored { .. }
        | Fact::Day { .. }
        | Fact::Head { .. } => false,
    }
}

/// The runs of a request, by its id: those that the ledger names, and those of bulk jobs that are still in the
/// journal.
pub fn runs_of(reader: &Reader, request: &str) -> Result<BTreeSet<RunId>, StoreError> {
    let jobs = reader.jobs()?;
    let digests = reader.pseudonyms()?;
    let key = |workflow: &str| identity(workflow, Identity::Id(request));
    let mut names: BTreeSet<String> = jobs.iter().map(|job| job.workflow_name.clone()).collect();
    let mut found = BTreeSet::new();
    // Of a job that was pruned, the ledger still knows the workflow.
    each(reader, 0, |_, entry| {
        if let Some(Fact::Opened { workflow, .. }) = &entry.fact {
            names.insert(workflow.clone());
        }
    })?;
    let own: HashSet<String> = names.iter().map(|name| digests.request(&key(name))).collect();
    each(reader, 0, |_, entry| {
        let Some(fact) = &entry.fact else { return };
        let asked = match fact {
            Fact::Planned { asked, .. } => asked.as_slice(),
            _ => &[],
        };
        let asked = asked.iter().filter(|asked| own.contains(&asked.request)).map(|asked| &asked.run);
        let is_own = |request: &Option<String>| request.as_ref().is_some_and(|request| own.contains(request));
        let ended =
            fact.outcomes().iter().filter(|outcome| is_own(&outcome.request)).map(|outcome| &outcome.run);
        found.extend(asked.chain(ended).filter_map(|run| run.parse::<RunId>().ok()));
    })?;
    for job in jobs {
        let kept = IdEntry { key: key(&job.workflow_name), content: 0 }.kept();
        for recorded in reader.events(job.id) {
            let event = recorded?.event;
            let own = event.ends().iter().filter(|ended| ended.id.kept() == kept);
            found.extend(own.map(|ended| RunId { job: job.id, position: ended.position }));
        }
    }
    Ok(found)
}

/// Where the ledger stands.
pub(super) fn last(reader: &Reader) -> Result<Chain, StoreError> {
    let seq = reader.ledger_since(i64::MAX)?.saturating_sub(1);
    Ok(reader.ledger_at(seq)?.unwrap_or_default())
}

fn each(reader: &Reader, after: u64, mut see: impl FnMut(Chain, &Entry)) -> Result<(), StoreError> {
    let mut last = after;
    loop {
        let rows = reader.ledger(last, TOGETHER)?;
        for row in &rows {
            if let Some(entry) = Entry::of_bytes(&row.entry) {
                see(Chain { seq: row.seq, hash: row.hash }, &entry);
            }
            last = row.seq;
        }
        if rows.len() < TOGETHER as usize {
            return Ok(());
        }
    }
}

//! The course that a run takes up to its only call, for all records that look alike to the workflow.
//!
//! Most records of a file differ in who they are about and hardly in what they ask for, so the same
//! conditions come to the same over and over. The first record of a kind is carried out as ever; what
//! it came to, short of who it is about, serves the others. A record that looks like no other, or whose
//! run does anything but make one call or none, is carried out as ever, and so is one whose call cannot
//! be cast.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde_json::{Map, Value};

use super::ending::Ending;
use super::facts::Program;
use super::finish::Finish;
use super::looks::{Looks, is_of_record};
use super::machine::{Next, Prepared, Run};
use super::times::Times;
use super::unmapped::count_unmapped;
use crate::job::Position;
use crate::plan::{Call, KnownBy, Mold};
use crate::template::{Extra, Scope};
use crate::workflow::StepKind;

/// Most courses that are kept.
const MOST_COURSES: usize = 1024;
/// Longest key; those of records with long lists are hardly ever met again.
const LONGEST_KEY: usize = 512;
/// Records after which courses are given up that hardly any record takes.
const TRIAL: u64 = 8192;

/// What alike records have in common.
#[derive(Debug)]
pub struct Course {
    leads: Leads,
    unmapped: Vec<(String, u64)>,
}

#[derive(Debug)]
enum Leads {
    ToItsEnd(Finish),
    ToOneCall(Box<OneCall>),
}

#[derive(Debug)]
struct OneCall {
    step: u32,
    profile: Option<Arc<str>>,
    mold: Mold,
    /// The number under which its [`Ending`] was handed out.
    ending: u32,
}

/// Where a course led.
#[derive(Debug)]
pub enum Led {
    /// The run is over without a call.
    Ended(Finish),
    /// A call, and the number of how it ends; nothing of the person need be kept.
    Call(Prepared, u32),
}

/// The courses that records took so far.
pub struct Courses {
    looks: Option<Looks>,
    known: HashMap<Box<[u8]>, Option<Course>, RandomState>,
    /// Of the record that was asked for last; `None` if it has none.
    key: Option<Vec<u8>>,
    spare_key: Vec<u8>,
    asked: u64,
    met: u64,
}

impl Courses {
    /// No course is known yet.
    pub fn new(program: &Program) -> Courses {
        let workflow = &program.workflow;
        // What a run reads of itself is another for each.
        let is_of_one = program.reads("run");
        // Before and behind its steps a run can have more to do.
        let goes_on = program.may_report() || !workflow.on_failure.is_empty();
        // Looks must know in which of them somebody was erased.
        let tells_where = is_watched(program) && !program.spaces().is_one("braze");
        Courses {
            looks: Looks::of(workflow).filter(|_| !is_of_one && !goes_on && !tells_where),
            known: HashMap::default(),
            key: None,
            spare_key: Vec::new(),
            asked: 0,
            met: 0,
        }
    }

    /// The course of a record, if one like it came before.
    pub fn find(&mut self, members: &Map<String, Value>) -> Option<&Course> {
        if let Some(key) = self.key.take() {
            self.spare_key = key;
        }
        let looks = self.looks.as_ref()?;
        if self.asked >= TRIAL && self.met < self.asked / 2 {
            self.looks = None;
            self.known = HashMap::default();
            return None;
        }
        self.asked += 1;
        self.spare_key.clear();
        looks.key(members, &mut self.spare_key)?;
        match self.known.get(self.spare_key.as_slice()) {
            Some(course) => {
                self.met += 1;
                course.as_ref()
            }
            None => {
                self.key = Some(std::mem::take(&mut self.spare_key));
                None
            }
        }
    }

    /// Notes what the run came to of the record that was asked for last, when it came before none that
    /// is alike. Its ending is handed to `number`, which says under what number it can be asked for.
    pub fn note(&mut self, program: &Program, run: &Run, next: &Next, number: impl FnOnce(Ending) -> u32) {
        let Some(key) = self.key.take() else { return };
        if self.known.len() < MOST_COURSES && key.len() <= LONGEST_KEY {
            let leads = leads_of(program, run, next, number);
            let course =
                leads.map(|leads| Course { leads, unmapped: unmapped_of(program, run.scope.data()) });
            self.known.insert(key.clone().into_boxed_slice(), course);
        }
        self.spare_key = key;
    }
}

impl Course {
    /// Adds what the workflow does not map of such a record.
    pub fn count_unmapped(&self, counts: &mut BTreeMap<String, u64>) {
        for (name, count) in &self.unmapped {
            match counts.get_mut(name) {
                Some(number) => *number += count,
                None => drop(counts.insert(name.clone(), *count)),
            }
        }
    }

    /// Where it leads a record; `None` if its call cannot be cast, or names somebody whom looks must be told of. The
    /// record is in `scope` and nothing else.
    pub fn follow(
        &self,
        program: &Program,
        position: Position,
        scope: &Scope,
        times: Option<&mut Times>,
    ) -> Option<Led> {
        match &self.leads {
            Leads::ToItsEnd(finish) => Some(Led::Ended(finish.clone())),
            Leads::ToOneCall(one) => {
                let mut call = Box::new(one.mold.cast(scope, &Extra::default())?);
                if is_watched(program) && !is_named(&call, scope) {
                    return None;
                }
                if let Some(times) = times {
                    times.date(program, position, &mut call);
                }
                let profile = one.profile.clone();
                Some(Led::Call(Prepared { step: one.step, profile, call }, one.ending))
            }
        }
    }
}

/// Whether people whom it erases are looked for again.
fn is_watched(program: &Program) -> bool {
    program.workflow.irreversible && program.workflow.watch.is_some()
}

/// Whether the request names everybody whom a call does.
fn is_named(call: &Call, scope: &Scope) -> bool {
    let subject = scope.get("subject").map(KnownBy::read).unwrap_or_default();
    call.people().iter().all(|person| subject.all().any(|named| named == *person))
}

fn unmapped_of(program: &Program, members: &Map<String, Value>) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::new();
    if let Some(words) = &program.workflow.words {
        count_unmapped(members, words, &mut counts);
    }
    counts.into_iter().collect()
}

/// Where alike records are led; `None` if that depends on more than what was looked at.
fn leads_of(program: &Program, run: &Run, next: &Next, number: impl FnOnce(Ending) -> u32) -> Option<Leads> {
    // Which calls an action made of others makes depends on everything that names the person.
    if !run.log.is_empty() || run.was_inside {
        return None;
    }
    match next {
        Next::Ended(finish) if finish.failure.is_none() => Some(Leads::ToItsEnd(finish.clone())),
        Next::Ended(_) | Next::Wait { .. } | Next::Approval { .. } => None,
        Next::Call(Prepared { step: number_of_step, profile, call: _ }) => {
            let step = run.current(program)?;
            if !matches!(step.kind, StepKind::Action { .. })
                || step.profile.is_some()
                || !run.is_last_call(program)
            {
                return None;
            }
            let mold = program.mold(*number_of_step)?;
            let mold = mold.settled(&run.scope, &run.extra, &is_of_record)?;
            let ending = number(Ending::of(run, program));
            Some(Leads::ToOneCall(Box::new(OneCall {
                step: *number_of_step,
                profile: profile.clone(),
                mold,
                ending,
            })))
        }
    }
}

impl std::fmt::Debug for Courses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courses").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

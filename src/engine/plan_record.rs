//! One record into its run and the run's first call; one answer into what comes next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::fresh::FUTURE_MS;
use super::history::FUTURE_TIME;
use super::look::request_of;
use super::relay::{parked, sent_without_answer};
use super::replay::{kept, replay, replay_to_call, skip_accepted, try_again};
use super::runs::{About, Live};
use super::task::{Kept, Task, Unusable};
use super::thin::Carried;
use super::witness;
use super::worker::{Advanced, First, Going, Gone, Heard, Made, Planned, PlannedChunk, Work};
use crate::intake::RawRecord;
use crate::job::{Ended, Fail, IdEntry, Skip, StepAnswer, Verdict};
use crate::ledger::FEW;
use crate::request::{BadRecord, Identity, Kind, Request, Spare, Warnings, identity};
use crate::run::{Courses, Ending, Finish, Led, Next, Prepared, Run, Times, Trouble, count_unmapped};
use crate::template::Scope;

/// Most scopes that are kept for later runs.
const MOST_SCOPES: usize = 256;

/// Why a record is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why<'a> {
    /// It stands next in the file.
    ItsTurn,
    /// An earlier process may have sent its call, and it is sent again.
    SentAgain,
    /// An earlier process may have sent its call, and it is not: only what it said is asked.
    SentOnce,
    /// A call of it was abandoned, when it had been told this much.
    Abandoned(&'a [StepAnswer]),
}

/// Plans records, keeping scopes to plan them in.
pub(super) struct Planner<'t> {
    task: &'t Task,
    /// Scopes of runs that are over, with nothing of a person in them.
    scopes: Vec<Scope>,
    spare: Spare,
    courses: Courses,
    /// How the runs end of new courses, until the driver is told.
    endings: Vec<(u32, Ending)>,
}

impl<'t> Planner<'t> {
    /// A planner for a job.
    pub(super) fn new(task: &'t Arc<Task>) -> Planner<'t> {
        let courses = Courses::new(&task.program);
        Planner { task, scopes: Vec::new(), spare: Spare::default(), courses, endings: Vec::new() }
    }

    /// Does what is asked.
    pub(super) fn carry_out(&mut self, work: Work) -> Made {
        match work {
            Work::Plan { number, chunk } => {
                let mut unmapped = BTreeMap::new();
                let is_few = chunk.len() <= FEW;
                let plan = |record| self.plan(record, (Why::ItsTurn, is_few), &mut unmapped);
                let mut records: Vec<Planned> = chunk.records().map(plan).collect();
                // What cannot be asked now is asked by the driver, which says why.
                let looked = self.task.indexes.as_ref().and_then(|indexes| indexes.look(&mut records).ok());
                let input_bytes = chunk.input_bytes();
                let endings = std::mem::take(&mut self.endings);
                Made::Planned(PlannedChunk { number, records, endings, looked, unmapped, input_bytes })
            }
            Work::Advance { batch, runs, now_ms } => {
                let runs = runs.into_iter().map(|going| self.advance(going, now_ms)).collect();
                Made::Advanced(Advanced { batch, runs })
            }
        }
    }

    /// A record as the guard looks at it: nothing when it is over before any call.
    pub(super) fn request(
        &self,
        record: RawRecord<'_>,
    ) -> Option<serde_json::Map<String, serde_json::Value>> {
        let position = record.position();
        // What is odd about it is noted when it is planned, and only then.
        let request =
            request_of(&self.task.program, record, &mut Warnings::default(), &mut Spare::default()).ok()?;
        let is_taken = self.task.kinds.as_ref().is_none_or(|kinds| kinds.contains(&request.kind));
        let is_over = self.task.past.is_finished(position);
        (is_taken && !is_over).then_some(request.scope)
    }

    /// A record whose call an earlier process may have sent: it is carried out before all others.
    pub(super) fn plan_again(&mut self, record: RawRecord<'_>) -> Planned {
        self.plan(record, (Why::SentAgain, false), &mut BTreeMap::new())
    }

    /// The call that an earlier process may have sent for a record, and that must not be repeated.
    pub(super) fn sent_call(&mut self, record: RawRecord<'_>) -> Option<Prepared> {
        match self.plan(record, (Why::SentOnce, false), &mut BTreeMap::new()).first {
            First::Goes { next: Next::Call(prepared), .. } => Some(prepared),
            First::Goes { .. } | First::Finished | First::Held(_) | First::Asked | First::Ended(_) => None,
        }
    }

    /// The call that a record made when it had been told this much, whatever became of the record.
    pub(super) fn abandoned_call(&mut self, record: RawRecord<'_>, told: &[StepAnswer]) -> Option<Prepared> {
        match self.plan(record, (Why::Abandoned(told), false), &mut BTreeMap::new()).first {
            First::Goes { next: Next::Call(prepared), .. } => Some(prepared),
            First::Goes { .. } | First::Finished | First::Held(_) | First::Asked | First::Ended(_) => None,
        }
    }

    fn plan(
        &mut self,
        record: RawRecord<'_>,
        (why, is_few): (Why<'_>, bool),
        unmapped: &mut BTreeMap<String, u64>,
    ) -> Planned {
        let task = self.task;
        let position = record.position();
        let workflow = &task.program.workflow.name;
        let place = Identity::Place { input: &task.input_digest, position };
        let request = match task.request_of(record, &mut self.spare) {
            Ok(request) => request,
            Err(bad) => {
                let id = IdEntry { key: identity(workflow, place), content: 0 };
                let about = About::of(position, record.line(), None, id);
                let first = if task.past.is_finished(position) {
                    First::Finished
                } else {
                    First::Ended(unusable(&bad))
                };
                return Planned { about, first };
            }
        };
        // What is taken up again goes its own way.
        let is_plain = task.seeks.is_none()
            && !task.is_canary
            && why == Why::ItsTurn
            && !task.past.is_reopened(position)
            && task.past.answers(position).is_empty();
        let course = if is_plain { self.courses.find(&request.scope) } else { None };
        match (course, &task.program.workflow.words) {
            (Some(course), _) => course.count_unmapped(unmapped),
            (None, Some(words)) => count_unmapped(&request.scope, words, unmapped),
            (None, None) => {}
        }
        let named = request.id.as_deref().map_or(place, Identity::Id);
        let id = IdEntry { key: identity(workflow, named), content: request.digest.0 };
        let Request { id: given, kind, scope: mut members, .. } = request;
        let (line, received, sought) = (record.line(), None, None);
        let mut about = About { received, sought, ..About::of(position, line, given, id) };
        let is_abandoned = matches!(why, Why::Abandoned(_));
        let is_over = task.past.is_finished(position) && !is_abandoned;
        if is_over || (why == Why::ItsTurn && task.past.is_again(position)) {
            return Planned { about, first: First::Finished };
        }
        if matches!(why, Why::ItsTurn | Why::SentAgain) && task.past.is_held(position) {
            let why = task.past.is_unexplained(position).then(|| Box::new(sent_without_answer(&about, None)));
            return Planned { about, first: First::Held(why) };
        }
        if why == Why::ItsTurn && task.past.is_asked(position) {
            return Planned { about, first: First::Asked };
        }
        if is_few {
            about.received = witness::received(position, id.key, kind, &members);
        }
        let unwanted = task.kinds.as_ref().filter(|taken| !taken.contains(&kind));
        let unwanted = unwanted.map(|taken| kind_mismatch(kind, taken));
        if let Some(trouble) = &unwanted
            && !task.program.tells_of_failures(&members)
        {
            let first = First::Ended(failed(trouble.reason, &trouble.code, trouble.message.clone()));
            return Planned { about, first };
        }
        let mut times = task.sets_states.then(|| Times::of(&members, task.started_ms, position));
        if let Some(asked_ms) = task.past.asked_again_ms(position) {
            // A person let it go on: as of that moment, however far ahead it says it is.
            times = times.map(|times| times.at_most(asked_ms));
        } else if why == Why::ItsTurn
            && let Some(times) = &times
            && times.newest().at_ms() > task.opened_ms.saturating_add(FUTURE_MS)
        {
            let was_told = task.past.was_ahead(position);
            let ended = (!was_told).then(|| Box::new(from_the_future(&about)));
            return Planned { about, first: First::Held(ended) };
        }
        let Ok(sought) = task.sought(position) else {
            return Planned { about, first: First::Ended(unusable(&Unusable::Forgotten)) };
        };
        let people = if task.takes_turns { super::turns::people(&members) } else { Box::default() };
        if !is_few && course.is_none() {
            about.received = witness::received(position, id.key, kind, &members);
        }
        if let Some(course) = course {
            let scope = Scope::new(members);
            let led = course.follow(&task.program, position, &scope, times.as_mut());
            members = scope.into_data();
            if let Some(mut led) = led {
                if let Led::Call(prepared, _) = &mut led
                    && task.program.workflow.irreversible
                {
                    prepared.call.cover(&super::turns::people(&members), |_| false, Vec::new());
                }
                self.spare.keep(serde_json::Value::Object(members));
                let first = match led {
                    Led::Ended(finish) => First::Ended(finish),
                    Led::Call(prepared, ending) => First::Goes {
                        run: Carried::Ending(ending),
                        is_thin: true,
                        again: false,
                        people,
                        next: Next::Call(prepared),
                    },
                };
                return Planned { about, first };
            }
        }
        // Only a record that a person wants tried again may have to begin twice.
        let once_more = task.past.is_reopened(position).then(|| members.clone());
        let mut scope = self.scopes.pop().unwrap_or_else(|| task.program.scope());
        Run::take_emptied(&mut scope, |emptied| self.spare.keep(emptied));
        let mut run = Run::start_in(&task.program, scope, position, &mut members);
        self.spare.keep(serde_json::Value::Object(members));
        run = run.tried_again(task.past.asked_again_ms(position)).looking_for(&task.program, sought);
        if let Some(times) = times {
            run = run.dated(times);
        }
        if let Some(trouble) = unwanted {
            run.fail_at_once(trouble);
        }
        let mut next = run.next(&task.program, task.started_ms);
        if is_plain {
            self.courses.note(&task.program, &run, &next, |ending| {
                let number = task.endings.fetch_add(1, Ordering::Relaxed);
                self.endings.push((number, ending));
                number
            });
        }
        match why {
            Why::Abandoned(told) => replay_to_call(task, &mut run, &mut next, told),
            Why::ItsTurn | Why::SentAgain | Why::SentOnce => {
                replay(task, &mut run, &mut next, &kept(task, position));
            }
        }
        if let Some(members) = once_more.filter(|_| !is_abandoned) {
            try_again(task, &members, &mut run, &mut next);
        }
        if !is_abandoned {
            self.say(&mut run, &about);
        }
        match next {
            Next::Ended(finish) => {
                about.sought = run.to_be_sought().map(Box::new);
                self.keep(run.into_scope());
                Planned { about, first: First::Ended(finish) }
            }
            next => {
                let is_thin = matches!(next, Next::Call(_)) && run.is_last_call(&task.program);
                if is_thin {
                    about.received = about.received.filter(|_| is_few);
                    about.sought = run.to_be_sought().map(Box::new);
                    self.keep(run.forget());
                } else {
                    run.slim(&task.program, |emptied| self.spare.keep(emptied));
                }
                Planned {
                    about,
                    first: First::Goes {
                        run: Carried::Run(Box::new(run)),
                        is_thin,
                        again: why == Why::SentAgain,
                        people,
                        next,
                    },
                }
            }
        }
    }

    fn keep(&mut self, scope: Scope) {
        if self.scopes.len() < MOST_SCOPES {
            self.scopes.push(scope);
        }
    }

    fn advance(&mut self, going: Going, now_ms: i64) -> Gone {
        let Going { slot, mut live, heard } = going;
        let program = &self.task.program;
        let Live { run: Carried::Run(run), is_thin, about, .. } = &mut *live else {
            unreachable!("a run of which only the end is carried has nothing to be told")
        };
        let (mut found, mut deserted) = (None, None);
        let step = match heard {
            Heard::Nothing => None,
            Heard::Answer(answer) => {
                let step = self.remember(run, &Kept::Answer(&answer));
                found = witness::found(run, &answer);
                run.answer(program, answer);
                deserted = run.take_deserted();
                Some(step)
            }
            Heard::Passed(why) => {
                let step = self.remember(run, &Kept::Passed(why));
                run.pass(program, why);
                Some(step)
            }
        };
        let mut next = run.next(program, now_ms);
        skip_accepted(self.task, run, &mut next);
        let is_over = matches!(next, Next::Ended(_));
        if matches!(next, Next::Call(_)) && run.is_last_call(program) {
            *is_thin = true;
        }
        if is_over || *is_thin {
            about.sought = run.to_be_sought().map(Box::new);
            if let Next::Ended(Finish { verdict: Verdict::Skipped(Skip::NoProfile), .. }) = &next {
                about.nobody = run.named_people().into();
            }
            let scope = run.forget();
            self.keep(scope);
        } else {
            run.slim(program, |emptied| self.spare.keep(emptied));
        }
        self.say(run, about);
        Gone { slot, live, step, found, deserted, next }
    }

    /// What the journal keeps of an answer: sealed, since it may hold personal data.
    fn remember(&self, run: &Run, kept: &Kept<'_>) -> StepAnswer {
        let step = run.path(&self.task.program);
        let output = self.task.seal(run.position(), &step, kept);
        let (accepted, at_ms) = match kept {
            Kept::Answer(answer) => (answer.result.is_ok(), answer.at_ms),
            Kept::Passed(_) => (false, self.task.opened_ms),
        };
        StepAnswer { position: run.position(), accepted, at_ms, output, step }
    }

    fn say(&self, run: &mut Run, about: &About) {
        for line in run.take_log() {
            let position = about.position;
            tracing::info!(job = %self.task.job, position, "record {position} of {}: {line}", self.task.job);
        }
    }
}

fn failed(reason: Fail, code: &str, message: String) -> Finish {
    Finish {
        verdict: Verdict::Failed(reason),
        accepted: false,
        verified: false,
        tolerated: false,
        failure: Some(Trouble { reason, code: code.to_owned(), step: None, message }),
    }
}

/// Why a record waits whose change lies in the future: a clock is wrong, and a change that counts as
/// newer than all others until then would hold them back. When the clock is right again, or that moment has
/// come, it goes on with its job.
fn from_the_future(about: &About) -> Ended {
    let message = format!(
        "its time lies more than {} minutes in the future: if this machine's clock is wrong, set it right, and `jobs resume` goes on with it; if the change is true, `runs retry` carries it out as of that moment",
        FUTURE_MS / 60_000
    );
    parked(about, None, FUTURE_TIME, message)
}

/// Why a workflow does not take a request of this kind.
pub(super) fn kind_mismatch(kind: Kind, taken: &[Kind]) -> Trouble {
    let kinds: Vec<_> = taken.iter().map(|kind| kind.word()).collect();
    let message = format!(
        "the request is of kind `{}`, and the workflow takes only {}: send it to another workflow, or name the kind in `on.file.kinds`",
        kind.word(),
        kinds.join(", ")
    );
    let code = Fail::KindMismatch.word().to_owned();
    Trouble { reason: Fail::KindMismatch, code, step: None, message }
}

/// How a record ends that is no request.
pub(super) fn unusable(why: &Unusable) -> Finish {
    match why {
        Unusable::Record(_) => failed(Fail::WrongType, BadRecord::CODE, why.to_string()),
        Unusable::Forgotten => failed(Fail::Forgotten, Fail::Forgotten.word(), why.to_string()),
        Unusable::Map(_) => failed(Fail::Template, Fail::Template.word(), why.to_string()),
    }
}

#[cfg(test)]
mod tests;

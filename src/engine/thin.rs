//! What is carried of a run until its last answer: the run itself, or only how it ends.
//!
//! Records that take the same course end the same way, so a worker says once how, and gives each of them
//! the number of it.

use super::driver::Driver;
use crate::catalogue::Refusal;
use crate::job::Skip;
use crate::run::{Ending, Finish, Program, Run};

/// What is carried of a run.
#[derive(Debug)]
pub(super) enum Carried {
    /// The run itself.
    Run(Box<Run>),
    /// The number of how it ends.
    Ending(u32),
}

impl Carried {
    /// The run, of one that goes on.
    pub(super) fn run(&self) -> Option<&Run> {
        match self {
            Carried::Run(run) => Some(run),
            Carried::Ending(_) => None,
        }
    }

    /// The run, of one that goes on.
    pub(super) fn run_mut(&mut self) -> Option<&mut Run> {
        match self {
            Carried::Run(run) => Some(run),
            Carried::Ending(_) => None,
        }
    }
}

/// How runs end, by number.
#[derive(Debug, Default)]
pub(super) struct Endings {
    known: Vec<Option<Ending>>,
}

impl Endings {
    /// Takes in what a worker says for the first time.
    pub(super) fn learn(&mut self, endings: Vec<(u32, Ending)>) {
        for (number, ending) in endings {
            let at = number as usize;
            if self.known.len() <= at {
                self.known.resize_with(at + 1, || None);
            }
            if let Some(place) = self.known.get_mut(at) {
                *place = Some(ending);
            }
        }
    }

    fn get(&self, number: u32) -> &Ending {
        let ending = self.known.get(number as usize).and_then(Option::as_ref);
        ending.expect("a worker hands an ending over with the first chunk that names it")
    }

    /// Whether a write of a run was accepted before the call that it stands at.
    pub(super) fn has_written(&self, carried: &Carried) -> bool {
        match carried {
            Carried::Run(run) => run.has_written(),
            Carried::Ending(number) => self.get(*number).has_written(),
        }
    }

    /// How a run ends whose last call was accepted.
    pub(super) fn accepted(&self, carried: &mut Carried, program: &Program) -> Finish {
        match carried {
            Carried::Run(run) => run.finish_accepted(program),
            Carried::Ending(number) => self.get(*number).accepted(),
        }
    }

    /// How a run ends whose last call was refused.
    pub(super) fn refused(&self, carried: &mut Carried, program: &Program, refusal: Refusal) -> Finish {
        match carried {
            Carried::Run(run) => run.finish_refused(program, refusal),
            Carried::Ending(number) => self.get(*number).refused(refusal),
        }
    }

    /// How a run ends whose last call was not made.
    pub(super) fn passed(&self, carried: &mut Carried, program: &Program, why: Skip) -> Finish {
        match carried {
            Carried::Run(run) => run.finish_passed(program, why),
            Carried::Ending(number) => self.get(*number).passed(why),
        }
    }
}

impl Driver {
    /// Path of the step that a run stands at.
    pub(super) fn path_of(&self, carried: &Carried) -> String {
        match carried {
            Carried::Run(run) => run.path(&self.task.program),
            Carried::Ending(number) => self.endings.get(*number).path().to_owned(),
        }
    }
}

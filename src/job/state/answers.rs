//! What unfinished records remember, all at once.

use super::State;
use crate::job::StepAnswer;

impl State {
    /// What was remembered of each unfinished record that remembers anything.
    pub fn open_answers(&self) -> impl Iterator<Item = &[StepAnswer]> {
        self.answers.keys().map(|position| self.answers_of(*position)).filter(|answers| !answers.is_empty())
    }
}

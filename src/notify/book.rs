//! What a channel was told and what it has yet to be told.
//!
//! It holds no clock and no connection. What is told is marked only with what stood in the message, so
//! that what came meanwhile is told in the next one. It is bounded: of very many jobs the oldest that
//! were told are forgotten first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::standing::{Counts, Late, Standing};
use super::word::Word;
use crate::workflow::Occasion;

/// Jobs and deadlines that a book remembers, each; a book is written whole when it changes.
const MOST_ENTRIES: usize = 2_000;

/// What a channel was told and has yet to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Book {
    jobs: BTreeMap<String, Job>,
    late: BTreeMap<String, Deadline>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Job {
    workflow: Word,
    now: Counts,
    told: Counts,
    at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Deadline {
    workflow: Word,
    due_ms: i64,
    is_told: bool,
}

/// What a message tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct News {
    /// By job: what failed or waits and nobody was told of.
    pub jobs: Vec<(Word, Word, Counts)>,
    /// Requests whose deadline is near, the nearest first.
    pub late: Vec<Late>,
}

impl News {
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.late.is_empty()
    }
}

impl Book {
    /// Notes how a job stands; says whether there is anything new to keep.
    pub fn note(&mut self, standing: &Standing, occasions: &[Occasion], now_ms: i64) -> bool {
        let now = standing.counts.on(occasions);
        let name = standing.job.as_str();
        let Some(job) = self.jobs.get_mut(name) else {
            if now.is_empty() {
                return false;
            }
            let (workflow, told) = (standing.workflow.clone(), Counts::default());
            self.jobs.insert(name.to_owned(), Job { workflow, now, told, at_ms: now_ms });
            self.forget_old();
            return true;
        };
        let is_new = job.now != now;
        // What is over is told again when it comes again.
        job.told = job.told.common(&now);
        job.now = now;
        job.at_ms = now_ms;
        is_new
    }

    /// Notes that a deadline is near; says whether that is new.
    pub fn note_late(&mut self, late: &Late) -> bool {
        let deadline = Deadline { workflow: late.workflow.clone(), due_ms: late.due_ms, is_told: false };
        match self.late.get_mut(&late.request) {
            Some(known) if known.due_ms == late.due_ms => false,
            // Another deadline is other news.
            Some(known) => {
                *known = deadline;
                true
            }
            None => {
                self.late.insert(late.request.clone(), deadline);
                self.forget_old();
                true
            }
        }
    }

    /// What nobody was told yet.
    pub fn news(&self) -> News {
        let jobs = self.jobs.iter().filter_map(|(name, job)| {
            let more = job.now.beyond(&job.told);
            (!more.is_empty()).then(|| (job.workflow.clone(), Word::of(name), more))
        });
        let late = self.late.iter().filter(|(_, deadline)| !deadline.is_told);
        let late = late.map(|(request, deadline)| Late {
            workflow: deadline.workflow.clone(),
            request: request.clone(),
            due_ms: deadline.due_ms,
        });
        let mut news = News { jobs: jobs.collect(), late: late.collect() };
        news.jobs.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        news.late.sort_by_key(|late| late.due_ms);
        news
    }

    /// Marks what a message told.
    pub fn told(&mut self, news: &News) {
        for (_, name, more) in &news.jobs {
            if let Some(job) = self.jobs.get_mut(name.as_str()) {
                for (told, more) in [
                    (&mut job.told.failed, &more.failed),
                    (&mut job.told.waiting, &more.waiting),
                    (&mut job.told.came_back, &more.came_back),
                ] {
                    for (word, count) in more {
                        *told.entry(word.clone()).or_default() += count;
                    }
                }
                job.told = job.told.common(&job.now);
            }
        }
        for late in &news.late {
            if let Some(deadline) = self.late.get_mut(&late.request)
                && deadline.due_ms == late.due_ms
            {
                deadline.is_told = true;
            }
        }
    }

    /// Takes up what an earlier process left. What was noted since counts as it stands now.
    pub fn take_up(&mut self, earlier: Book) {
        for (name, mut job) in earlier.jobs {
            if let Some(noted) = self.jobs.remove(&name) {
                job.told = job.told.common(&noted.now);
                job.now = noted.now;
                job.at_ms = noted.at_ms;
            }
            self.jobs.insert(name, job);
        }
        for (request, deadline) in earlier.late {
            let known = self.late.entry(request).or_insert_with(|| deadline.clone());
            if known.due_ms == deadline.due_ms {
                known.is_told |= deadline.is_told;
            }
        }
        self.forget_old();
    }

    /// Nothing was noted or told.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.late.is_empty()
    }

    fn forget_old(&mut self) {
        while self.jobs.len() > MOST_ENTRIES {
            let oldest = self.jobs.iter().min_by_key(|(_, job)| (job.now != job.told, job.at_ms));
            let Some(name) = oldest.map(|(name, _)| name.clone()) else { break };
            self.jobs.remove(&name);
        }
        while self.late.len() > MOST_ENTRIES {
            let oldest = self.late.iter().min_by_key(|(_, late)| (!late.is_told, late.due_ms));
            let Some(request) = oldest.map(|(request, _)| request.clone()) else { break };
            self.late.remove(&request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(job: &str, failed: u64, waiting: u64) -> Standing {
        let counts = |word: &str, count| {
            let some = (count > 0).then(|| (Word::of(word), count));
            some.into_iter().collect()
        };
        let (failed, waiting) = (counts("refused", failed), counts("approval", waiting));
        let counts = Counts { failed, waiting, came_back: BTreeMap::new() };
        Standing { workflow: Word::of("erase"), job: Word::of(job), counts }
    }

    fn told(book: &mut Book) -> Vec<(String, u64, u64)> {
        let news = book.news();
        book.told(&news);
        let sum = |counts: &BTreeMap<Word, u64>| counts.values().sum();
        news.jobs
            .iter()
            .map(|(_, job, more)| (job.to_string(), sum(&more.failed), sum(&more.waiting)))
            .collect()
    }

    #[test]
    fn only_what_is_new_is_told_and_nothing_twice() {
        let mut book = Book::default();

        assert!(book.note(&standing("job-1", 2, 1), &Occasion::ALL, 0));
        assert_eq!(told(&mut book), [("job-1".to_owned(), 2, 1)]);
        assert!(!book.note(&standing("job-1", 2, 1), &Occasion::ALL, 1));
        assert_eq!(told(&mut book), []);
        book.note(&standing("job-1", 5, 0), &Occasion::ALL, 2);
        assert_eq!(told(&mut book), [("job-1".to_owned(), 3, 0)]);
        // One that waits again after it did not is news.
        book.note(&standing("job-1", 5, 1), &Occasion::ALL, 3);
        assert_eq!(told(&mut book), [("job-1".to_owned(), 0, 1)]);
    }

    #[test]
    fn what_comes_while_a_message_is_on_its_way_is_told_in_the_next() {
        let mut book = Book::default();
        book.note(&standing("job-1", 2, 0), &Occasion::ALL, 0);
        let on_its_way = book.news();

        book.note(&standing("job-1", 7, 0), &Occasion::ALL, 1);
        book.told(&on_its_way);

        assert_eq!(told(&mut book), [("job-1".to_owned(), 5, 0)]);
    }

    #[test]
    fn a_book_tells_after_a_restart_what_was_not_told_before() {
        let mut book = Book::default();
        book.note(&standing("job-1", 2, 0), &Occasion::ALL, 0);
        book.note_late(&Late::of("erase", b"r-1", 5));

        let mut again: Book = serde_json::from_str(&serde_json::to_string(&book).unwrap()).unwrap();

        assert_eq!((again.news().late.len(), told(&mut again)), (1, vec![("job-1".to_owned(), 2, 0)]));
        assert!(!again.note_late(&Late::of("erase", b"r-1", 5)));
        assert!(again.news().is_empty());
        assert!(again.note_late(&Late::of("erase", b"r-1", 4)));
    }

    #[test]
    fn what_nobody_asked_for_is_not_told() {
        let mut book = Book::default();

        assert!(!book.note(&standing("job-1", 0, 3), &[Occasion::Failure], 0));
        assert!(book.news().is_empty());
    }

    #[test]
    fn of_very_many_jobs_those_that_were_told_are_forgotten_first() {
        let mut book = Book::default();
        book.note(&standing("job-0", 1, 0), &Occasion::ALL, 0);
        for number in 1..=MOST_ENTRIES {
            if number == 10 {
                told(&mut book);
            }
            book.note(&standing(&format!("job-{number}"), 1, 0), &Occasion::ALL, number as i64);
        }

        assert_eq!(book.jobs.len(), MOST_ENTRIES);
        assert!(!book.jobs.contains_key("job-0") && book.jobs.contains_key("job-1"));
        assert_eq!(told(&mut book).len(), MOST_ENTRIES - 9);
    }
}

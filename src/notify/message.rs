//! What a message says, for people and for programs.
//!
//! It is made of words, numbers, times and digests only, and says what to type next.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::book::News;
use super::standing::{IN_THE_AIR, Late};
use super::word::Word;

/// Jobs and requests that a text names; more are counted.
const MOST_LINES: usize = 20;

/// A message, in the two ways it is sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    /// One line.
    pub subject: String,
    /// What people read, the subject aside.
    pub text: String,
    /// What programs read.
    pub json: Value,
}

impl Message {
    /// The message that tells some news.
    pub fn of(news: &News) -> Message {
        let sum = |pick: fn(&super::Counts) -> &BTreeMap<Word, u64>| {
            news.jobs.iter().flat_map(|(_, _, counts)| pick(counts).values()).sum::<u64>()
        };
        let (failed, waiting) = (sum(|counts| &counts.failed), sum(|counts| &counts.waiting));
        let late = news.late.len() as u64;
        let came_back = sum(|counts| &counts.came_back);
        let parts = [
            (failed, "failed"),
            (waiting, "waiting for you"),
            (came_back, "not gone for good"),
            (late, "due soon"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        Message {
            subject: format!("privaflow: {}", parts.join(", ")),
            text: text(news),
            json: json(news, failed, waiting, came_back),
        }
    }
}

fn text(news: &News) -> String {
    let mut text = String::new();
    for (workflow, job, counts) in news.jobs.iter().take(MOST_LINES) {
        for (what, counts, state) in [
            ("failed", &counts.failed, "failed"),
            ("waiting for you", &counts.waiting, "waiting"),
            ("erased and not gone for good", &counts.came_back, ""),
        ] {
            if counts.is_empty() {
                continue;
            }
            let sum: u64 = counts.values().sum();
            let by: Vec<String> = counts.iter().map(|(word, count)| format!("{word} {count}")).collect();
            add(&mut text, format_args!("{workflow}, {job}: {sum} {what} ({})", by.join(", ")));
            match job.as_str() {
                "canary" => add(&mut text, format_args!("  privaflow canary show")),
                look if look.contains("-watch-") => add(&mut text, format_args!("  privaflow watch list")),
                job if counts.keys().any(|word| word.as_str() == IN_THE_AIR) => {
                    add(
                        &mut text,
                        format_args!("  privaflow jobs resume {job}, or privaflow jobs cancel {job}"),
                    );
                }
                job => add(&mut text, format_args!("  privaflow runs list --job {job} --state {state}")),
            }
        }
    }
    if let Some(more) = news.jobs.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
        add(&mut text, format_args!("and in {more} more jobs: privaflow jobs list"));
    }
    for Late { workflow, request, due_ms } in news.late.iter().take(MOST_LINES) {
        let due = due(*due_ms);
        add(
            &mut text,
            format_args!("{workflow}: a request is due on {due} and not over (request {request})"),
        );
    }
    if let Some(more) = news.late.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
        add(&mut text, format_args!("and {more} more requests are due soon"));
    }
    if !news.late.is_empty() {
        add(&mut text, format_args!("  privaflow runs list --due 3d"));
    }
    text
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    writeln!(text, "{line}").ok();
}

fn json(news: &News, failed: u64, waiting: u64, came_back: u64) -> Value {
    let jobs = news.jobs.iter().map(|(workflow, job, counts)| {
        json!({
            "workflow": workflow, "job": job, "failed": counts.failed, "waiting": counts.waiting,
            "came_back": counts.came_back,
        })
    });
    let late = news
        .late
        .iter()
        .map(|late| json!({"workflow": late.workflow, "request": late.request, "due_at": due(late.due_ms)}));
    json!({
        "failed": failed,
        "waiting": waiting,
        "came_back": came_back,
        "due_soon": news.late.len(),
        "jobs": jobs.collect::<Vec<_>>(),
        "deadlines": late.collect::<Vec<_>>(),
    })
}

fn due(due_ms: i64) -> String {
    Timestamp::from_millisecond(due_ms).map(|due| due.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Standing;
    use crate::notify::book::Book;
    use crate::workflow::Occasion;

    #[test]
    fn who_came_back_is_told_once_with_what_to_type_next_and_a_silent_canary_too() {
        let mut book = Book::default();
        let found = [("came_back", 2), ("erased_again", 0), ("unknown", 1)];
        let look = Standing::of_look("erase", "job-1-watch-7d", &found, &BTreeMap::new());
        assert!(!book.note(&look, &[Occasion::Failure], 0), "nobody asked for it");
        assert!(book.note(&look, &Occasion::ALL, 0));
        assert!(book.note(&Standing::of_canary("erase", &[("silent", 1)]), &Occasion::ALL, 0));

        let news = book.news();
        let message = Message::of(&news);

        assert_eq!(message.subject, "privaflow: 1 failed, 3 not gone for good");
        let expected = "erase, canary: 1 failed (silent 1)\n  privaflow canary show\nerase, job-1-watch-7d: 3 erased and not gone \
                        for good (came_back 2, unknown 1)\n  privaflow watch list\n";
        assert_eq!(message.text, expected);
        assert_eq!((&message.json["came_back"], &message.json["failed"]), (&json!(3), &json!(1)));
        book.told(&news);
        book.note(&look, &Occasion::ALL, 1);
        assert!(book.news().is_empty());
    }
    #[test]
    fn a_job_in_the_way_of_others_is_told_of_with_both_ways_out() {
        let mut book = Book::default();
        assert!(book.note(&Standing::in_the_way("erase", "job-1"), &[Occasion::Waiting], 0));

        let message = Message::of(&book.news());

        assert_eq!(message.subject, "privaflow: 1 waiting for you");
        let expected = "erase, job-1: 1 waiting for you (in_the_air 1)\n  privaflow jobs resume job-1, or privaflow \
                        jobs cancel job-1\n";
        assert_eq!(message.text, expected);
    }
}

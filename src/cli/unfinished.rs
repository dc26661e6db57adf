//! What the warning of a restored store says of what was not over in the store that it replaced.
//!
//! It names workflows, inputs and numbers, never anybody. The rule that keeps it right: everything that nobody
//! will carry out by itself is named, with the way to have it carried out.

use serde_json::{Value, json};

use super::output::{counted, plain};
use crate::job::JobId;
use crate::journal::{Came, LeftJob, Unfinished};

/// How many jobs are named; the output as JSON names all.
const MOST_NAMED: usize = 20;

/// All of it for a program; moments as `moment` writes them.
pub(super) fn json(unfinished: &Unfinished, moment: impl Fn(i64) -> String) -> Value {
    let Unfinished { queued, lost, given_up, jobs, open, cancelled, is_partial } = unfinished;
    let came = |came: &[Came]| {
        let one = |Came { workflow, requests, since_ms }: &Came| json!({ "workflow": workflow, "requests": requests, "since": moment(*since_ms) });
        came.iter().map(one).collect::<Vec<_>>()
    };
    let job = |LeftJob { job, workflow, input, open, over, failed, is_known }: &LeftJob| {
        json!({
            "job": job.to_string(), "workflow": workflow, "input": input, "open": open, "over": over,
            "failed": failed, "opened_again": is_known,
        })
    };
    json!({
        "queued": came(queued), "lost": came(lost), "given_up": given_up,
        "jobs": jobs.iter().map(job).collect::<Vec<_>>(),
        "open": open.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "cancelled": cancelled.iter().map(ToString::to_string).collect::<Vec<_>>(), "partial": is_partial,
    })
}

/// Sentences, each with a space before it; none when nothing was left.
pub(super) fn words(unfinished: &Unfinished, moment: impl Fn(i64) -> String) -> String {
    let Unfinished { queued, lost, given_up, jobs, open: _, cancelled, is_partial } = unfinished;
    let came = |came: &[Came]| {
        let one = |Came { workflow, requests, since_ms }: &Came| {
            format!("{} for {workflow} (the first of {})", counted(*requests, "request"), moment(*since_ms))
        };
        came.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let mut words = String::new();
    if !queued.is_empty() {
        words += &format!(
            " Taken over from what came in since and was not over: {}; `serve` carries them out from the start, and \
             what was sent of them may be sent again.",
            came(queued)
        );
    }
    if !lost.is_empty() {
        words += &format!(
            " NOT taken over of what came in, and carried out by nobody: {}; have them sent again.",
            came(lost)
        );
    }
    if *given_up > 0 {
        words += &format!(" {} that came in since and were given up stay so.", counted(*given_up, "request"));
    }
    if !jobs.is_empty() {
        let named: Vec<String> = jobs.iter().take(MOST_NAMED).map(job).collect();
        let more = match jobs.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {} (`--output json` names all)", counted(more as u64, "more job")),
        };
        words += &format!(
            " NOT taken over, and carried out by nobody until you run them again (what is done starts nothing again): \
             {}{more}.",
            named.join("; ")
        );
    }
    if !cancelled.is_empty() {
        let named: Vec<String> = cancelled.iter().map(ToString::to_string).collect();
        words += &format!(
            " Cancelled since, and open again, so that `serve` goes on with them unless you cancel them: {}.",
            named.join(", ")
        );
    }
    if *is_partial {
        words += " NOT known, or not all of it: what came in by hooks, feeds and schedules since, and which jobs were \
                  not over; have the requests of that time sent again, deletions before all.";
    }
    words
}

/// Which jobs are open in the restored store, as sentences: `as_copied` as the backup has them, the others as they
/// stood in the store that was replaced.
pub(super) fn open_words(as_copied: &[JobId], unfinished: &Unfinished) -> String {
    let named = |jobs: &[JobId]| jobs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let how = "`serve` goes on with what came in, `privaflow jobs resume` with the others.";
    let taken = match unfinished.open.as_slice() {
        [] => String::new(),
        jobs => format!("taken over as they stood in the store that was replaced: {}", named(jobs)),
    };
    match (as_copied, taken.is_empty()) {
        ([], true) => "No job is open.".to_owned(),
        ([], false) => format!("Open jobs, {taken}; {how}"),
        (jobs, true) => {
            format!("Open jobs, as the backup has them and perhaps further on since: {}; {how}", named(jobs))
        }
        (jobs, false) => format!(
            "Open jobs, as the backup has them and perhaps further on since: {}; {taken}; {how}",
            named(jobs)
        ),
    }
}

fn job(LeftJob { job, workflow, input, open, over, failed, is_known }: &LeftJob) -> String {
    let mut left = Vec::new();
    match open {
        Some(0) => {}
        Some(open) => left.push(format!("{} not over", counted(*open, "request"))),
        None => left.push(format!("{over} over, and nobody knows how many are not")),
    }
    if *failed > 0 {
        left.push(format!("{failed} failed"));
    }
    if *is_known {
        left.push(format!("opened again since: `privaflow jobs retry {job} --failed`"));
    }
    let input = if input == "-" { "standard input".to_owned() } else { plain(input) };
    format!("{job} of {workflow} on {input} ({})", left.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_jobs_are_told_by_where_they_come_from() {
        let unfinished = |open: &[i64]| Unfinished {
            open: open.iter().map(|number| JobId(*number)).collect(),
            ..Unfinished::default()
        };

        assert_eq!(open_words(&[], &unfinished(&[])), "No job is open.");
        let taken = open_words(&[], &unfinished(&[3]));
        assert!(
            taken.starts_with("Open jobs, taken over as they stood in the store that was replaced: job-3; `serve`"),
            "{taken}"
        );
        let both = open_words(&[JobId(1)], &unfinished(&[3]));
        assert!(both.contains("perhaps further on since: job-1; taken over as they stood"), "{both}");
        assert!(!open_words(&[JobId(1)], &unfinished(&[])).contains("taken over"));
    }

    #[test]
    fn whatever_nobody_carries_out_is_named() {
        let job = |number, open, failed| LeftJob {
            job: JobId(number),
            workflow: "erase".to_owned(),
            input: "monday.csv".to_owned(),
            open,
            over: 1,
            failed,
            is_known: number == 3,
        };
        let came = |workflow: &str| Came { workflow: workflow.to_owned(), requests: 2, since_ms: 7 };
        let unfinished = Unfinished {
            queued: vec![came("consent")],
            lost: vec![came("erase")],
            given_up: 1,
            jobs: vec![job(1, Some(4), 0), job(2, None, 1), job(3, Some(0), 2)],
            open: vec![JobId(8)],
            cancelled: vec![JobId(9)],
            is_partial: true,
        };

        let words = words(&unfinished, |ms| format!("{ms} ms"));

        for part in [
            "2 requests for consent (the first of 7 ms); `serve` carries them out",
            "carried out by nobody: 2 requests for erase (the first of 7 ms)",
            "1 request that came in since",
            "job-1 of erase on monday.csv (4 requests not over); job-2 of erase on monday.csv (1 over, and nobody \
             knows how many are not, 1 failed); job-3 of erase on monday.csv (2 failed, opened again since: `privaflow jobs retry job-3 --failed`).",
            "unless you cancel them: job-9.",
            "NOT known, or not all of it: what came in",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert_eq!(super::words(&Unfinished::default(), |_| String::new()), "");
    }
}

//! What a person can do about a run now: the exact commands, and what each does.

use super::fate::{FUTURE_TIME, Fate, PARKED_ELSEWHERE, STILL_THERE};
use crate::job::{FORGETFUL, ON_HOLD, Pause, RunId, Verdict};

/// A command and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// As it is typed.
    pub command: String,
    /// In a few words.
    pub does: &'static str,
}

/// What can be done about a run; nothing about one that is done or skipped.
pub fn ways(run: RunId, fate: &Fate) -> Vec<Way> {
    let of_run = |command: &str, does| Way { command: format!("privaflow runs {command}"), does };
    let of_job = |command: &str, does| Way { command: format!("privaflow jobs {command} {}", run.job), does };
    let retry = |does| of_run(&format!("retry {run}"), does);
    let cancel = of_run(&format!("cancel {run}"), "gives this request up: it counts as failed");
    match fate.verdict {
        Verdict::Done | Verdict::Skipped(_) => Vec::new(),
        Verdict::Failed(_) if fate.is_perhaps_sent => {
            let again = format!("retry {run} --even-if-sent");
            vec![of_run(&again, "carries it out again, even what may have taken effect: look first")]
        }
        Verdict::Failed(_) => {
            vec![retry("carries it out again; what was accepted before is not sent again")]
        }
        Verdict::Waiting(Pause::NeedsAttention) => match fate.code() {
            Some(ON_HOLD) => vec![
                Way {
                    command: "privaflow hold list".to_owned(),
                    does: "shows the holds; `hold remove` lets what it holds go on",
                },
                cancel,
            ],
            Some(FORGETFUL) => vec![
                Way {
                    command: "privaflow store restore --acknowledge".to_owned(),
                    does: "says that you have dealt with the erasures that the restored store does not know",
                },
                cancel,
            ],
            Some(FUTURE_TIME) => vec![retry("carries it out all the same"), cancel],
            Some(STILL_THERE) => {
                vec![
                    retry("looks again, and deletes what is still there, unless they gave a newer consent"),
                    cancel,
                ]
            }
            Some(PARKED_ELSEWHERE) => {
                vec![retry("looks again, once the other request is settled"), cancel]
            }
            _ => {
                let again = format!("retry {run} --even-if-sent");
                vec![of_run(&again, "sends the call again, even if it took effect: look first"), cancel]
            }
        },
        Verdict::Waiting(Pause::Guard) => {
            vec![of_job("approve", "lets the whole job go on"), of_job("cancel", "gives the whole job up")]
        }
        Verdict::Waiting(Pause::Approval) => vec![
            of_run(&format!("approve {run}"), "lets it go on"),
            of_run(&format!("reject {run}"), "says no: it fails"),
            cancel,
        ],
        Verdict::Waiting(Pause::Wait | Pause::Retry) => {
            vec![of_job("resume", "goes on where the job stopped"), cancel]
        }
    }
}

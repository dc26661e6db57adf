//! Reads `watch`: when it is looked again whether erased people are still gone, and what is done then.
//!
//! A profile can come back long after it was erased: an app that still sends, another tool, a backup that
//! was put back. How it is looked is the file's own way of finding people, see [`look()`](super::look());
//! whether that can be told from the file is checked here, so that nobody waits thirty days for nothing.

use std::time::Duration;

use super::look;
use super::look_opt_out::loses_opt_outs;
use super::reader::Reader;
use crate::source::{Mistake, Node, Severity, duration_word};

/// Seconds of a day.
const DAY: u64 = 24 * 3600;
/// When is looked unless the file says otherwise.
pub(super) const AFTER: [Duration; 3] =
    [Duration::from_secs(DAY), Duration::from_secs(7 * DAY), Duration::from_secs(30 * DAY)];
/// Looks at most: each asks for everybody again.
const MOST_LOOKS: usize = 12;
/// The last look at most so late: so long the requests of what came in from outside are kept.
const LATEST: Duration = Duration::from_secs(400 * DAY);

/// When it is looked again, and what is done with who came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// How long after the job was over, in order; default 1, 7 and 30 days.
    pub after: Vec<Duration>,
    /// What is done with who came back.
    pub again: Again,
}

/// What is done with who came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It is said, and nothing is done. The default.
    Report,
    /// It is said, and they are erased again, unless they gave a newer consent since.
    Erase,
}

impl Again {
    const ALL: [Again; 2] = [Again::Report, Again::Erase];

    /// As a workflow names it.
    pub fn word(self) -> &'static str {
        match self {
            Again::Report => "report",
            Again::Erase => "erase",
        }
    }
}

/// Reads `watch`; `None` after a mistake.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node, is_irreversible: bool) -> Option<Watch> {
    reader.map("watch", node, &["after", "again"])?;
    if !is_irreversible {
        let message = "`watch` has nothing to look at: no step erases anybody";
        reader.add(
            Mistake::error("nothing_to_watch", node.head(), message)
                .help("leave it out, or erase with a step such as `uses: braze/users.delete`"),
        );
    }
    let after = match node.get("after") {
        None => Some(AFTER.to_vec()),
        Some(node) => after(reader, node),
    };
    let again = match node.get("again") {
        None => Some(Again::Report),
        Some(node) => again(reader, node),
    };
    Some(Watch { after: after?, again: again? }).filter(|_| is_irreversible)
}

fn after(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Duration>> {
    let items = reader.list("watch.after", node)?;
    let bad = |reader: &mut Reader<'_>, node: &Node, message: String, help: &str| {
        reader.add(Mistake::error("bad_value", node.at.clone(), message).help(help));
    };
    if items.is_empty() || items.len() > MOST_LOOKS {
        let message = format!("`watch.after` has {} looks", items.len());
        bad(reader, node, message, "name one to twelve, such as `[1d, 7d, 30d]`");
        return None;
    }
    let mut after: Vec<Duration> = Vec::with_capacity(items.len());
    for item in items {
        let Some(pause) = reader.pause("watch.after[…]", item) else { continue };
        let word = duration_word(pause);
        if pause > LATEST {
            bad(reader, item, format!("`{word}` is too late to look"), "look at most 400 days later: `400d`");
        } else if after.last().is_some_and(|last| pause <= *last) {
            let message = format!("the look after `{word}` would not come behind the one before it");
            bad(reader, item, message, "name the looks in their order, each once");
        } else {
            after.push(pause);
        }
    }
    (after.len() == items.len()).then_some(after)
}

fn again(reader: &mut Reader<'_>, node: &Node) -> Option<Again> {
    let word = reader.string("watch.again", node)?;
    let found = Again::ALL.into_iter().find(|again| again.word() == word);
    if found.is_none() {
        let message = format!("`watch.again` cannot be `{word}`");
        let mistake = Mistake::error("bad_value", node.at.clone(), message);
        let suggested = mistake.clone().suggest(word, Again::ALL.map(Again::word));
        reader.add(match suggested.help {
            Some(_) => suggested,
            None => mistake.help("write `report` or `erase`"),
        });
    }
    found
}

/// Tells when the workflow's looks could not be made of it.
pub(super) fn check(reader: &mut Reader<'_>, root: &Node, name: &str) {
    let Some(node) = root.get("watch") else { return };
    let mistake = match look::look(name, reader.text, 0) {
        Err(look::NoLook::Step { at, what }) => {
            let message = format!("`watch` cannot tell whether people came back: {what}");
            Mistake::error("nothing_to_watch", at, message).help(
                "find people first, and give the step that erases an `if` that is false when nobody is there",
            )
        }
        Err(look::NoLook::Again { at, what }) => {
            let message = format!("`again: erase` could erase somebody else: {what}");
            Mistake::error("nothing_to_watch", at, message).help(
                "write `again: report`, or find people with `privaflow/find_profiles` in the same `profile` and delete just its `braze_ids`",
            )
        }
        Err(look::NoLook::Nothing) => return,
        Ok(source) => {
            let (workflow, mistakes) = super::load(&source, reader.known);
            let error = mistakes.iter().find(|mistake| mistake.severity == Severity::Error);
            match (workflow, error) {
                (Some(_), _) | (None, None) if loses_opt_outs(root, &source) => {
                    let message = "`again: erase` does not set `unsubscribed` again: Braze forgets it with a profile that a look erases";
                    Mistake::warning("opt_out_lost", node.head(), message).help(
                        "find people with `privaflow/find_profiles`, delete just its `braze_ids` in a step with an `id`, and have the step of `braze/email.status` behind it, outside of loops; or write `again: report`",
                    )
                }
                (Some(_), _) | (None, None) => return,
                (None, Some(error)) => {
                    let message = format!("`watch` cannot look with these steps: {}", error.message);
                    Mistake::error("nothing_to_watch", node.head(), message).help(
                        "a look keeps what finds people and leaves out what writes: nothing may read what those steps came to",
                    )
                }
            }
        }
    };
    reader.add(mistake);
}

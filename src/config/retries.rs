//! The `retries` of a settings file: named policies for calls that are tried again.
//!
//! What is not said is taken from the policy `default`, and else built in; that is decided where the
//! words of a policy are at home, in `workflow`.

use super::section::Mistakes;
use crate::source::{Mistake, Node};
use crate::workflow::{Policies, Said};

/// Reads `retries`.
pub(super) fn read(node: &Node, mistakes: &mut Mistakes) -> Policies {
    let mut policies = Vec::new();
    for entry in mistakes.entries(node, "retries") {
        if !is_name(&entry.key) {
            let message = format!("`{}` is no name for a policy", entry.key);
            mistakes.add(
                Mistake::error("bad_name", entry.key_at.clone(), message)
                    .help("use lower-case letters, digits, `-` and `_`, a letter first"),
            );
            continue;
        }
        let section = mistakes.section(&entry.value, &entry.key, &Said::KEYS);
        let said = Said {
            attempts: section.get("attempts").and_then(|node| mistakes.count(node, "attempts")),
            at_most: section.get("at_most").and_then(|node| mistakes.duration(node, "at_most")),
            base: section.get("base").and_then(|node| mistakes.duration(node, "base")),
            cap: section.get("cap").and_then(|node| mistakes.duration(node, "cap")),
        };
        if let (Some(base), Some(cap), Some(node)) = (said.base, said.cap, section.get("cap"))
            && cap < base
        {
            mistakes.add(
                Mistake::error("bad_value", node.at.clone(), "`cap` is less than `base`")
                    .help("pauses grow from `base` to `cap`: `base: 500ms, cap: 30s`"),
            );
        }
        policies.push((entry.key.clone(), said));
    }
    Policies::of(policies)
}

/// As ids are: so that a name is never taken for a number of attempts.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits)
}

//! The `canary` of a settings file: a person who does not exist, taken through a workflow again and again.
//!
//! Whatever the workflow erases for that person is erased, so who it is must be plain: a name that nobody
//! real can have is asked for, and checked.

use std::time::Duration;

use indexmap::IndexMap;

use super::section::{Mistakes, Section};
use super::{Channel, Profile, System};
use crate::source::{Content, Mistake, Node, closest, duration_word};

const KEYS: [&str; 7] = ["workflow", "profile", "every", "subject", "alert_after", "within", "to"];
const SUBJECT: [&str; 2] = ["external_id", "email"];

/// Begins every identifier of a canary: nobody real is called so.
pub const CANARY_NAME: &str = "privaflow-canary";

const EVERY: Duration = Duration::from_secs(3600);
const ALERT_AFTER: Duration = Duration::from_secs(2 * 3600);
const WITHIN: Duration = Duration::from_secs(15 * 60);

/// A person who does not exist, taken through a workflow again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Name of the workflow, one that erases.
    pub workflow: String,
    /// The profile of Braze at which the person is made, and looked for afterwards.
    pub profile: String,
    /// How long after the beginning of one the next begins; default one hour.
    pub every: Duration,
    /// Begins with [`CANARY_NAME`].
    pub external_id: String,
    /// Its part before the `@` begins with [`CANARY_NAME`].
    pub email: Option<String>,
    /// How long after the last good one people are told; default two hours.
    pub alert_after: Duration,
    /// How long Braze may take to show the person, and to show them no more; default fifteen minutes.
    pub within: Duration,
    /// The channels in which people are told.
    pub to: Vec<String>,
}

/// Reads `canary`; `None` after a mistake.
pub(super) fn read(
    node: &Node,
    profiles: &IndexMap<String, Profile>,
    channels: &IndexMap<String, Channel>,
    mistakes: &mut Mistakes,
) -> Option<Canary> {
    let section = mistakes.section(node, "canary", &KEYS);
    let workflow = required(&section, "workflow", mistakes).and_then(|node| mistakes.text(node, "workflow"));
    let profile = required(&section, "profile", mistakes).and_then(|node| profile(node, profiles, mistakes));
    let subject = required(&section, "subject", mistakes).and_then(|node| subject(node, mistakes));
    let mut pause = |key: &'static str, usual: Duration| match section.get(key) {
        None => Some(usual),
        Some(node) => mistakes.duration(node, key),
    };
    let (every, alert_after) = (pause("every", EVERY), pause("alert_after", ALERT_AFTER));
    let within = pause("within", WITHIN);
    let to = section.get("to").map_or(Some(Vec::new()), |node| to(node, channels, mistakes));
    if let (Some(every), Some(alert_after), Some(node)) =
        (every, alert_after, section.get("alert_after").or(section.get("every")))
        && alert_after < every
    {
        let message = format!("`alert_after` is {}, before the next one is due", duration_word(alert_after));
        let help = format!("let it be more than `every`, which is {}", duration_word(every));
        mistakes.add(Mistake::error("bad_value", node.at.clone(), message).help(help));
    }
    let (external_id, email) = subject?;
    Some(Canary {
        workflow: workflow?.to_owned(),
        profile: profile?,
        every: every?,
        external_id,
        email,
        alert_after: alert_after?,
        within: within?,
        to: to?,
    })
}

fn required<'n>(section: &Section<'n>, key: &str, mistakes: &mut Mistakes) -> Option<&'n Node> {
    let found = section.get(key);
    if found.is_none() {
        let message = format!("`canary` has no `{key}`");
        mistakes.add(Mistake::error("missing_key", section.at(), message));
    }
    found
}

fn profile(node: &Node, profiles: &IndexMap<String, Profile>, mistakes: &mut Mistakes) -> Option<String> {
    let name = mistakes.text(node, "profile")?;
    let braze = profiles.values().filter(|profile| profile.system == System::Braze);
    let names: Vec<&str> = braze.map(|profile| profile.name.as_str()).collect();
    if !names.contains(&name) {
        let message = format!("there is no profile `{name}` of Braze under `profiles`");
        let mistake = Mistake::error("unknown_profile", node.at.clone(), message);
        mistakes.add(mistake.suggest(name, names));
        return None;
    }
    Some(name.to_owned())
}

fn subject(node: &Node, mistakes: &mut Mistakes) -> Option<(String, Option<String>)> {
    let section = mistakes.section(node, "subject", &SUBJECT);
    let mut named = |key: &str| {
        let node = section.get(key)?;
        let value = mistakes.text(node, key)?;
        if !value.starts_with(CANARY_NAME) || (key == "email" && !value.contains('@')) {
            let message = format!("`{key}` of a canary could be somebody's");
            let help = match key {
                "email" => format!("begin it with `{CANARY_NAME}`, such as `{CANARY_NAME}@example.com`"),
                _ => format!("begin it with `{CANARY_NAME}`, such as `{CANARY_NAME}-1`"),
            };
            mistakes.add(Mistake::error("bad_value", node.at.clone(), message).help(help));
            return None;
        }
        Some(value.to_owned())
    };
    let (external_id, email) = (named("external_id"), named("email"));
    if section.get("external_id").is_none() {
        let mistake = Mistake::error("missing_key", section.at(), "`subject` has no `external_id`");
        mistakes.add(mistake.help(format!("add `external_id: {CANARY_NAME}-1`")));
    }
    (section.get("email").is_none() || email.is_some()).then_some((external_id?, email))
}

fn to(node: &Node, channels: &IndexMap<String, Channel>, mistakes: &mut Mistakes) -> Option<Vec<String>> {
    let Content::List(items) = &node.content else {
        let mistake = Mistake::error("wrong_type", node.at.clone(), "`to` must be a list of channels");
        mistakes.add(mistake.help("write `to: [ops-mail]`"));
        return None;
    };
    let mut names = Vec::with_capacity(items.len());
    for item in items {
        let Some(name) = mistakes.text(item, "to[…]") else { continue };
        if !channels.contains_key(name) {
            let near = closest(name, channels.keys().map(String::as_str));
            let message = format!("there is no channel `{name}` under `notify`");
            let mistake = Mistake::error("unknown_channel", item.at.clone(), message);
            mistakes.add(match near {
                Some(near) => mistake.help(format!("did you mean `{near}`?")),
                None => mistake.help("add it under `notify`"),
            });
            continue;
        }
        names.push(name.to_owned());
    }
    (names.len() == items.len()).then_some(names)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Settings;

    fn read(canary: &str) -> Result<Canary, Vec<String>> {
        let text = format!(
            "profiles: {{ eu: {{ system: braze, host: rest.fra-01.braze.eu, token: {{ env: K }} }} }}\n\
             notify: {{ ops: {{ slack: {{ url: {{ env: U }} }} }} }}\ncanary: {canary}\n"
        );
        let reading = Settings::read(&text, Path::new(""));
        let mistakes: Vec<String> = reading.mistakes.into_iter().map(|mistake| mistake.message).collect();
        reading.settings.and_then(|settings| settings.canary).ok_or(mistakes)
    }

    #[test]
    fn a_canary_has_a_workflow_a_profile_and_a_name_that_nobody_has() {
        let canary =
            read("{ workflow: w, profile: eu, subject: { external_id: privaflow-canary-1 }, to: [ops] }");

        let canary = canary.unwrap();
        assert_eq!((canary.every, canary.alert_after), (EVERY, ALERT_AFTER));
        assert_eq!(
            (canary.external_id.as_str(), canary.email, canary.to.len()),
            ("privaflow-canary-1", None, 1)
        );
    }

    #[test]
    fn nobody_real_can_be_a_canary_and_everything_wrong_is_told_at_once() {
        let mistakes = read(
            "{ workflow: w, profile: us, every: 3h, subject: { external_id: u-1, email: ada@example.com }, to: [opps] }",
        );

        let mistakes = mistakes.unwrap_err().join("; ");
        for said in [
            "no profile `us`",
            "`external_id` of a canary",
            "`email` of a canary",
            "no channel `opps`",
            "`alert_after` is 2h",
        ] {
            assert!(mistakes.contains(said), "{said}: {mistakes}");
        }
    }
}

//! Which profile of OneTrust a trigger looks at.
//!
//! A profile that the settings do not have is no mistake of the workflow, which can be run on files all
//! the same: it is a warning here, and `serve` says loudly which trigger starts nothing.

use super::action;
use super::reader::Reader;
use crate::source::{Mistake, Node};

/// What triggers look at.
const SYSTEM: &str = "onetrust";
/// The code of the warning that a trigger starts nothing with these settings; who runs a workflow on a file
/// need not hear it.
pub const IDLE_TRIGGER: &str = "idle_trigger";

/// The profile that is asked: the trigger's, the workflow's, or the only one of the settings.
pub(super) fn profile(reader: &mut Reader<'_>, on: &str, node: &Node) -> Option<String> {
    // Without settings, as in the sandbox, any name is as good as another.
    let known = reader.known.profiles.as_ref();
    let fitting: Option<Vec<&str>> = known.map(|known| {
        known.iter().filter(|(_, system)| system == SYSTEM).map(|(name, _)| name.as_str()).collect()
    });
    if let Some(profile) = node.get("profile") {
        let name = reader.string(&format!("{on}.profile"), profile)?;
        let is_of_another = known
            .is_some_and(|known| known.iter().any(|(profile, system)| profile == name && system != SYSTEM));
        if is_of_another {
            action::check_profile(reader, name, SYSTEM, profile);
        } else if let Some(fitting) = fitting.filter(|fitting| !fitting.contains(&name)) {
            reader.add(idle(profile, Some(name), &fitting));
        }
        return Some(name.to_owned());
    }
    if let Some(name) = reader.profiles.get(SYSTEM) {
        return Some(name.clone());
    }
    match fitting.as_deref() {
        Some([only]) => Some((*only).to_owned()),
        Some([]) => {
            reader.add(idle(node, None, &[]));
            Some(SYSTEM.to_owned())
        }
        Some(_) => {
            action::check_default_profile(reader, SYSTEM, node);
            None
        }
        None => Some(SYSTEM.to_owned()),
    }
}

/// A trigger that cannot look anywhere.
fn idle(node: &Node, name: Option<&str>, fitting: &[&str]) -> Mistake {
    let message = match name {
        Some(name) if !fitting.is_empty() => format!("the settings have no profile `{name}`"),
        _ => format!("the settings have no profile of `{SYSTEM}`"),
    };
    let mistake = Mistake::warning(IDLE_TRIGGER, node.head(), message).label("starts nothing");
    let suggested = mistake.clone().suggest(name.unwrap_or_default(), fitting.iter().copied());
    match (suggested.help.is_some(), fitting) {
        (true, _) => suggested,
        (false, []) => mistake.help("add one under `profiles` of `privaflow.yaml`, or take the trigger out"),
        (false, fitting) => {
            let names: Vec<String> = fitting.iter().map(|name| format!("`{name}`")).collect();
            mistake.help(format!("the profiles of `{SYSTEM}` are {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::source::{Mistake, Severity, Source};
    use crate::workflow::{Known, load};

    #[test]
    fn a_trigger_without_its_profile_warns_and_leaves_files_to_be_run() {
        let text = "workflow: w\non: { file: {}, onetrust_subtask: { profile: portal, names: [x] } }\nreport: none\nsteps: [stop: x]\n";
        let load = |profiles: &[(&str, &str)]| {
            let profiles = profiles.iter().map(|(name, system)| ((*name).to_owned(), (*system).to_owned()));
            let known = Known { profiles: Some(profiles.collect()), ..Known::default() };
            let (workflow, mistakes) = load(&Source::new("w.yaml", text), &known);
            (workflow.is_some_and(|workflow| workflow.on.onetrust_subtask.is_some()), mistakes)
        };

        let (without, warned) = load(&[("other", "braze")]);
        let (misspelt, told) = load(&[("portals", "onetrust")]);
        let (of_another, refused) = load(&[("portal", "braze")]);

        let one = |mistakes: &[Mistake]| {
            let [one] = mistakes else { panic!("{mistakes:?}") };
            (one.severity, one.code, one.help.clone().unwrap_or_default())
        };
        assert!(without && misspelt && !of_another);
        let (severity, code, help) = one(&warned);
        assert_eq!((severity, code), (Severity::Warning, super::IDLE_TRIGGER), "{help}");
        let (severity, code, help) = one(&told);
        assert_eq!((severity, code), (Severity::Warning, super::IDLE_TRIGGER));
        assert!(help.contains("`portals`"), "{help}");
        assert_eq!(one(&refused).1, "wrong_system");
    }
}

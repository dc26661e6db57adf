//! Whose people a workflow means, for commands that read all of them.

use std::time::Duration;

use super::Failure;
use crate::config::{Profile, Settings, System};
use crate::workflow::{ConsentRules, ConsentTrigger, Feed, Workflow};

/// Whose list of people is read, and how people are named in it: as the workflow's trigger says.
pub(super) fn trigger(
    workflow: &Workflow,
    settings: &Settings,
    named: Option<&str>,
) -> Result<ConsentTrigger, Failure> {
    let mut trigger = match &workflow.on.onetrust_consent {
        Some(trigger) => trigger.clone(),
        None => {
            let mut all = settings.profiles.values().filter(|profile| profile.system == System::OneTrust);
            match (named, all.next(), all.next()) {
                (Some(named), _, _) => of_profile(named),
                (None, Some(only), None) => of_profile(&only.name),
                (None, None, _) => {
                    return Err(Failure::Usage(
                        "the settings have no profile of OneTrust: add one, or give the records with --input"
                            .to_owned(),
                    ));
                }
                (None, Some(_), Some(_)) => {
                    return Err(Failure::Usage(
                        "the settings have several profiles of OneTrust: say which one with --profile"
                            .to_owned(),
                    ));
                }
            }
        }
    };
    if let Some(named) = named {
        named.clone_into(&mut trigger.profile);
    }
    Ok(trigger)
}

/// Nothing is said of how people are named: by e-mail address.
pub(super) fn of_profile(profile: &str) -> ConsentTrigger {
    ConsentTrigger {
        profile: profile.to_owned(),
        feed: Feed::Profiles,
        every: Duration::from_secs(60),
        overlap: Duration::ZERO,
        look_back: Duration::ZERO,
        start: None,
        all_preferences: false,
        rules: ConsentRules::default(),
    }
}

/// The profile that a trigger names.
pub(super) fn profile<'s>(settings: &'s Settings, trigger: &ConsentTrigger) -> Result<&'s Profile, Failure> {
    let found = settings.profiles.get(&trigger.profile).filter(|profile| profile.system == System::OneTrust);
    found
        .ok_or_else(|| Failure::Usage(format!("the settings have no OneTrust profile `{}`", trigger.profile)))
}

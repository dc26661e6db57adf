//! Triggers that start nothing, because the settings do not have the profile that they look at.
//!
//! Such a workflow can be used in every other way, so it stops nobody. Where the settings have other
//! profiles of OneTrust the name is most likely misspelt, and the server says that it is not ready; where
//! they have none, nobody expects it to look there.

use serde_json::{Value, json};

use crate::config::{Settings, System};
use crate::workflow::Workflow;

/// A trigger that starts nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// The workflow's name.
    pub workflow: String,
    /// As the workflow names it: `onetrust_subtask`.
    pub trigger: &'static str,
    /// The profile that is not in the settings, or is not of OneTrust.
    pub profile: String,
    /// The settings have other profiles of OneTrust.
    pub is_misspelt: bool,
}

impl Idle {
    /// The triggers of a workflow that start nothing with these settings.
    pub fn of(workflow: &Workflow, settings: &Settings) -> Vec<Idle> {
        let subtask = workflow.on.onetrust_subtask.as_ref().map(|on| ("onetrust_subtask", &on.profile));
        let consent = workflow.on.onetrust_consent.as_ref().map(|on| ("onetrust_consent", &on.profile));
        let is_onetrust = |name: &String| {
            settings.profiles.get(name).is_some_and(|profile| profile.system == System::OneTrust)
        };
        let is_misspelt = settings.profiles.keys().any(is_onetrust);
        let idle = [subtask, consent].into_iter().flatten().filter(|(_, profile)| !is_onetrust(profile));
        let idle = idle.map(|(trigger, profile)| Idle {
            workflow: workflow.name.clone(),
            trigger,
            profile: profile.clone(),
            is_misspelt,
        });
        idle.collect()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({ "workflow": self.workflow, "trigger": self.trigger, "profile": self.profile })
    }

    /// Says it in the log.
    pub(super) fn tell(&self) {
        let Idle { workflow, trigger, profile, is_misspelt } = self;
        match is_misspelt {
            true => tracing::error!(
                workflow,
                profile,
                "`{trigger}` of workflow {workflow} starts nothing: profile {profile} is not in the settings, which have others of OneTrust"
            ),
            false => tracing::warn!(
                workflow,
                profile,
                "`{trigger}` of workflow {workflow} starts nothing: the settings have no profile of OneTrust"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::Source;
    use crate::workflow::{Known, load};

    #[test]
    fn a_trigger_is_idle_without_its_profile_and_misspelt_beside_others() {
        let text = "workflow: w\non:\n  onetrust_subtask: { profile: portal, names: [x] }\n  onetrust_consent: { profile: consents }\nreport: none\nsteps: [stop: x]\n";
        let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
        let workflow = workflow.unwrap_or_else(|| panic!("{mistakes:?}"));
        let idle = |profiles: &str| {
            let text = format!("profiles:\n{profiles}");
            let settings = Settings::read(&text, Path::new("")).settings.unwrap();
            let idle = Idle::of(&workflow, &settings).into_iter();
            idle.map(|idle| (idle.trigger, idle.is_misspelt)).collect::<Vec<_>>()
        };
        let portal = "  portal: { system: onetrust, host: h.example, token: { env: K } }\n";

        assert_eq!(idle(portal), [("onetrust_consent", true)]);
        assert_eq!(idle(&format!("{portal}{}", portal.replace("portal", "consents"))), []);
        let braze = "  portal: { system: braze, host: rest.fra-01.braze.eu, token: { env: K } }\n";
        assert_eq!(idle(braze), [("onetrust_subtask", false), ("onetrust_consent", false)]);
    }
}

//! Workspaces of the profiles that a job uses.
//!
//! What is known of a person in one workspace says nothing of another one, however alike it looks: external ids,
//! aliases, even addresses may be other people's there. Which profile belongs to which workspace the settings
//! say; here it is kept for the runs of a job, which know profiles by their names alone.

use std::sync::Arc;

/// The profiles of a job with their workspaces; without any, each profile is taken for a workspace of its own.
#[derive(Debug, Default)]
pub struct Spaces(Vec<Known>);

#[derive(Debug)]
struct Known {
    system: String,
    profile: String,
    workspace: Arc<str>,
    takes_any_name: bool,
}

impl Spaces {
    /// Adds a profile of a system; the sandbox's takes any name.
    pub fn add(&mut self, system: &str, profile: &str, workspace: &str, takes_any_name: bool) {
        let known = self.0.iter().find(|known| *known.workspace == *workspace);
        let workspace = known.map_or_else(|| Arc::from(workspace), |known| Arc::clone(&known.workspace));
        let (system, profile) = (system.to_owned(), profile.to_owned());
        self.0.push(Known { system, profile, workspace, takes_any_name });
    }

    /// The workspace of a profile, by its name, or of the only one of a system.
    pub(super) fn of(&self, system: &str, profile: Option<&str>) -> Arc<str> {
        let mut own = self.0.iter().filter(|known| known.system == system);
        let found = match profile {
            Some(name) => own.find(|known| known.takes_any_name || known.profile == name),
            None => own.next(),
        };
        found.map_or_else(|| Arc::from(profile.unwrap_or_default()), |known| Arc::clone(&known.workspace))
    }

    /// Whether a system has one workspace here, or none that is known.
    pub(super) fn is_one(&self, system: &str) -> bool {
        let mut own = self.0.iter().filter(|known| known.system == system).map(|known| &known.workspace);
        own.next().is_none_or(|first| own.all(|other| other == first))
    }

    /// Whether a workspace is one of them.
    pub(super) fn has(&self, workspace: &str) -> bool {
        self.0.iter().any(|known| *known.workspace == *workspace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_one_workspace_are_one_place() {
        let mut spaces = Spaces::default();
        spaces.add("braze", "reads", "eu", false);
        spaces.add("braze", "deletes", "eu", false);
        spaces.add("onetrust", "portal", "acme", false);
        assert!(spaces.is_one("braze"));
        assert_eq!(spaces.of("braze", Some("reads")), spaces.of("braze", Some("deletes")));

        spaces.add("braze", "us", "us", false);
        assert!(!spaces.is_one("braze") && spaces.has("us") && !spaces.has("deletes"));
        assert_ne!(spaces.of("braze", Some("reads")), spaces.of("braze", Some("us")));
    }

    #[test]
    fn the_only_profile_needs_no_name_and_the_sandbox_takes_any() {
        let mut spaces = Spaces::default();
        spaces.add("braze", "sandbox", "sandbox", true);

        assert_eq!(spaces.of("braze", None), spaces.of("braze", Some("whatever")));
        assert_eq!(&*Spaces::default().of("braze", Some("eu")), "eu");
    }
}

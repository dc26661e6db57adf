//! What `profiles list` tells of a profile: everything that helps, nothing that is secret.

use serde::Serialize;

use super::{Credential, Presence, Profile};

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// As the settings name it.
    pub profile: String,
    /// `braze`, `onetrust` or `folder`.
    pub system: &'static str,
    /// With the port, if one was given; of a folder its path.
    pub host: String,
    /// Whose limits it uses.
    pub workspace: String,
    /// Part of each limit.
    pub share: f64,
    /// How the credential is found: `env BRAZE_API_KEY`; of a folder nothing.
    pub token: String,
    /// Whether the credential seems to be there now.
    pub present: bool,
    /// What is missing, if something is.
    pub missing: Option<String>,
}

impl Profile {
    /// The profile as it is listed. Looks whether the credential is there; starts no command.
    pub fn listed(&self) -> Listed {
        let tokens = match self.credential() {
            None => Vec::new(),
            Some(Credential::Token(token)) => vec![token],
            Some(Credential::OAuth2 { client_id, client_secret, form: _ }) => vec![client_id, client_secret],
        };
        let missing = tokens.iter().find_map(|token| match token.presence() {
            Presence::There => None,
            Presence::Missing(what) => Some(what),
        });
        let found: Vec<String> = tokens.iter().map(|token| token.source().describe()).collect();
        Listed {
            profile: self.name.clone(),
            system: self.system.word(),
            host: self.place(),
            workspace: self.workspace.clone(),
            share: self.share,
            token: found.join(" + "),
            present: missing.is_none(),
            missing,
        }
    }
}

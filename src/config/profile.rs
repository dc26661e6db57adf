//! A profile: the address of one system, what may be asked of it, and where its credential is found.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

use super::{Connection, Token, TokenError};

/// A service we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum System {
    /// The mail platform.
    Braze,
    /// The request portal.
    OneTrust,
    /// A folder of this machine, for what is handed over as files.
    Folder,
}

impl System {
    /// Every system.
    pub const ALL: [System; 3] = [System::Braze, System::OneTrust, System::Folder];

    /// The word of settings and of `uses`.
    pub fn word(self) -> &'static str {
        match self {
            System::Braze => "braze",
            System::OneTrust => "onetrust",
            System::Folder => "folder",
        }
    }

    /// The system a word names.
    pub fn of(word: &str) -> Option<System> {
        System::ALL.into_iter().find(|system| system.word() == word)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How we prove who we are.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A key that goes into a header as it is.
    Token(Token),
    /// A client that asks for short-lived tokens.
    OAuth2 {
        /// Its name.
        client_id: Token,
        /// Its password.
        client_secret: Token,
        /// How it asks.
        form: TokenForm,
    },
}

/// How a token is asked for. OneTrust documents both (OneTrust's OpenAPI, `GetOAuthToken`; OneTrust
/// docs, recipe "Generate OAuth access token").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenForm {
    /// `multipart/form-data`.
    #[default]
    Multipart,
    /// `application/x-www-form-urlencoded`.
    Urlencoded,
}

/// A limit that replaces the documented one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests in one window.
    pub requests: u32,
    /// Length of the window.
    pub per: Duration,
}

/// How a system is reached.
#[derive(Debug, Clone)]
pub enum Reach {
    /// Over the network.
    Service {
        /// Where it is.
        connection: Box<Connection>,
        /// How we prove who we are.
        credential: Box<Credential>,
    },
    /// It is a folder; its owner decides who may read it.
    Folder(PathBuf),
}

/// Address and credential of one system.
#[derive(Debug, Clone)]
pub struct Profile {
    /// As the settings and the workflows name it.
    pub name: String,
    /// Whose API it is.
    pub system: System,
    /// Owns limits, lanes and external ids; profiles with the same workspace share them.
    pub workspace: String,
    /// How it is reached.
    pub reach: Reach,
    /// Part of each limit that may be used: more than 0, at most 1.
    pub share: f64,
    /// By action id; each replaces the limit of that action's whole pool. Of OneTrust also `account` and
    /// `endpoint`.
    pub limits: IndexMap<String, Limit>,
}

impl Profile {
    /// The share when the settings do not say: a fifth is left to whoever else uses the workspace.
    pub const SHARE: f64 = 0.8;

    /// Names under `limits` that are no actions: OneTrust limits the whole account, and each endpoint.
    pub const LIMIT_OF_ACCOUNT: &str = "account";
    /// See [`Profile::LIMIT_OF_ACCOUNT`].
    pub const LIMIT_OF_ENDPOINT: &str = "endpoint";

    /// Reads the credential now, so that a missing one is told before anything is done.
    pub async fn check(&self) -> Result<(), TokenError> {
        match self.credential() {
            None => Ok(()),
            Some(Credential::Token(token)) => token.check().await,
            Some(Credential::OAuth2 { client_id, client_secret, form: _ }) => {
                client_id.check().await?;
                client_secret.check().await
            }
        }
    }

    /// Where it is, if it is reached over the network.
    pub fn connection(&self) -> Option<&Connection> {
        match &self.reach {
            Reach::Service { connection, credential: _ } => Some(&**connection),
            Reach::Folder(_) => None,
        }
    }

    /// How we prove who we are, if anybody asks.
    pub fn credential(&self) -> Option<&Credential> {
        match &self.reach {
            Reach::Service { connection: _, credential } => Some(&**credential),
            Reach::Folder(_) => None,
        }
    }

    /// The folder that it is.
    pub fn folder(&self) -> Option<&Path> {
        match &self.reach {
            Reach::Folder(path) => Some(path),
            Reach::Service { .. } => None,
        }
    }

    /// Where it is, for people: a host, or a folder.
    pub fn place(&self) -> String {
        match &self.reach {
            Reach::Service { connection, credential: _ } => connection.host().to_string(),
            Reach::Folder(path) => path.display().to_string(),
        }
    }
}

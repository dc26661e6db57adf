//! A credential that is read when it is needed, remembered, and read again when it is refused.
//!
//! However many callers were refused with the same value, it is read again once; all get the new one.
//! The value is never in a message, and an error always says whose credential it is.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::source::{Presence, TokenSource, said};
use crate::secret::Secret;

/// After a second look found the same value, it is not looked at again for this long: hundreds of
/// refused requests may come back together, and a command may ask a person.
const REST: Duration = Duration::from_secs(5);

/// A handle on one credential; clone it freely.
#[derive(Clone)]
pub struct Token {
    shared: Arc<Shared>,
}

struct Shared {
    owner: String,
    source: TokenSource,
    /// Held while reading, on purpose: whoever comes meanwhile waits for the same value.
    state: Mutex<Option<Known>>,
}

struct Known {
    generation: Generation,
    secret: Secret,
    looked_again: Option<Instant>,
}

/// Which value of a credential: another one each time it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

/// Why there is no credential. `owner` is `the token of profile x`.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The environment does not have it.
    #[error("the environment variable `{name}` is not set; it holds {owner}")]
    Unset {
        /// The variable.
        name: String,
        /// Whose it is.
        owner: String,
    },
    /// The file cannot be read.
    #[error("cannot read {path}, which holds {owner}: {}", said(source))]
    Unreadable {
        /// As resolved.
        path: PathBuf,
        /// Whose it is.
        owner: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// The command is not there or cannot be run.
    #[error("cannot run `{program}`, which prints {owner}: {}", said(source))]
    NotStarted {
        /// Without its arguments.
        program: String,
        /// Whose it is.
        owner: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// The command did not end well.
    #[error("`{program}`, which prints {owner}, ended with {status}; run it by hand to see why")]
    Failed {
        /// Without its arguments.
        program: String,
        /// Whose it is.
        owner: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The command did not end.
    #[error("`{program}`, which prints {owner}, did not end in 30 seconds")]
    TooSlow {
        /// Without its arguments.
        program: String,
        /// Whose it is.
        owner: String,
    },
    /// There, but with nothing in it.
    #[error("{owner} is empty ({from})")]
    Empty {
        /// Where it was looked for.
        from: String,
        /// Whose it is.
        owner: String,
    },
    /// Nothing could be started to read it with.
    #[error("cannot read {owner}: {}", said(source))]
    NoThread {
        /// Whose it is.
        owner: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// It could not be a part of a header.
    #[error("{owner} is not one line of plain ASCII, so it cannot be sent")]
    NotText {
        /// Whose it is.
        owner: String,
    },
}

impl Token {
    /// A credential found at `source`; nothing is read yet. `owner` completes "… holds": `the token
    /// of profile x`.
    pub fn new(owner: impl Into<String>, source: TokenSource) -> Token {
        Token { shared: Arc::new(Shared { owner: owner.into(), source, state: Mutex::new(None) }) }
    }

    /// A credential that is known already, for a stand-in of a service.
    pub fn fixed(secret: Secret) -> Token {
        Token::new("the built-in token", TokenSource::Fixed(secret))
    }

    /// Where it is found.
    pub fn source(&self) -> &TokenSource {
        &self.shared.source
    }

    /// Whether it seems to be there, without reading it.
    pub fn presence(&self) -> Presence {
        self.shared.source.presence()
    }

    /// Reads it now, so that a mistake is told before anything is done.
    pub async fn check(&self) -> Result<(), TokenError> {
        self.read().await.map(|_| ())
    }

    /// The value, read at the first call.
    pub async fn read(&self) -> Result<(Generation, Secret), TokenError> {
        let mut state = self.shared.state.lock().await;
        if let Some(known) = &*state {
            return Ok((known.generation, known.secret.clone()));
        }
        let secret = self.shared.source.read(&self.shared.owner).await?;
        let generation = Generation(0);
        *state = Some(Known { generation, secret: secret.clone(), looked_again: None });
        Ok((generation, secret))
    }

    /// The value, for somebody who waits for nothing else meanwhile: it blocks as long as a command takes.
    pub fn read_blocking(&self) -> Result<Secret, TokenError> {
        let failed = |source| TokenError::NoThread { owner: self.shared.owner.clone(), source };
        let token = self.clone();
        // A thread of its own, because a runtime cannot begin within another one.
        let reading = std::thread::Builder::new().name("secret".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(token.read()))
        });
        let read = reading.map_err(failed)?.join();
        let read = read.unwrap_or_else(|_| Err(std::io::Error::other("the thread that reads it stopped")));
        read.map_err(failed)?.map(|(_, secret)| secret)
    }

    /// The value after `refused` was refused: read again, unless somebody did so in the meantime.
    /// The same generation comes back when the value is still the same.
    pub async fn renew(&self, refused: Generation) -> Result<(Generation, Secret), TokenError> {
        let mut state = self.shared.state.lock().await;
        if let Some(known) = &*state {
            let is_resting = known.looked_again.is_some_and(|last| last.elapsed() < REST);
            if known.generation != refused || is_resting {
                return Ok((known.generation, known.secret.clone()));
            }
        }
        let secret = match self.shared.source.read(&self.shared.owner).await {
            Ok(secret) => secret,
            Err(error) => {
                if let Some(known) = &mut *state {
                    known.looked_again = Some(Instant::now());
                }
                return Err(error);
            }
        };
        let is_same = state.as_ref().is_some_and(|known| known.secret.expose() == secret.expose());
        let generation = if is_same { refused } else { Generation(refused.0 + 1) };
        let looked_again = is_same.then(Instant::now);
        *state = Some(Known { generation, secret: secret.clone(), looked_again });
        Ok((generation, secret))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("source", &self.shared.source.describe()).finish_non_exhaustive()
    }
}

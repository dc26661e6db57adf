//! The headers that prove who we are: made once per token, and made anew in one flight.
//!
//! Whoever comes while a token is read or asked for again waits for it and leaves with the new one;
//! those who waited through a failure share it. All moments are steady time, so a clock that jumps
//! neither ends a token nor keeps it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::broken::NotSent;
use super::grant::{GrantError, Granted};
use super::http::Http;
use super::oauth2::{ClientCredentials, Credential};
use crate::config::{Generation, Headers, Token};
use crate::secret::Secret;

/// After a failure, and after a token that was asked for because of a 401, nobody asks again for so
/// long: hundreds of refused requests may come back together.
const REST: Duration = Duration::from_secs(5);

/// What every request of a profile carries.
pub(super) struct Bearer {
    credential: Credential,
    headers: Headers,
    /// `None` before the first, and while another one is made: then only who holds `state` knows.
    known: RwLock<Option<Known>>,
    /// Held while a token is read or asked for, on purpose.
    state: Mutex<State>,
}

/// The headers of one token.
#[derive(Clone)]
pub(super) struct Known {
    /// Another one each time the token changes.
    pub number: u64,
    pub headers: HeaderMap,
    renew_at: Option<Instant>,
}

#[derive(Default)]
struct State {
    number: u64,
    generation: Option<Generation>,
    granted: Option<Granted>,
    /// The last answer was a failure.
    failed: Option<Failed>,
    /// When a token was last asked for because of a 401.
    forced: Option<Instant>,
}

struct Failed {
    at: Instant,
    until: Instant,
    error: Arc<GrantError>,
}

impl Bearer {
    pub fn new(credential: Credential, headers: Headers) -> Bearer {
        Bearer { credential, headers, known: RwLock::new(None), state: Mutex::default() }
    }

    /// The headers with the current token.
    pub async fn current(&self, http: &Http) -> Result<Known, NotSent> {
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        let came = Instant::now();
        let mut state = self.state.lock().await;
        match self.fresh() {
            Some(known) => Ok(known),
            None => self.make(&mut state, Why::Needed, came, http).await,
        }
    }

    /// The headers after those of `refused` were refused: of another token, unless there is none; then
    /// the same number comes back.
    pub async fn after(&self, refused: u64, http: &Http) -> Result<Known, NotSent> {
        let came = Instant::now();
        let mut state = self.state.lock().await;
        match self.fresh() {
            Some(known) if known.number != refused => Ok(known),
            _ => self.make(&mut state, Why::Refused, came, http).await,
        }
    }

    /// What was said of us with the current token; `None` for a key.
    pub async fn granted(&self, http: &Http) -> Result<Option<Granted>, NotSent> {
        self.current(http).await?;
        Ok(self.state.lock().await.granted.clone())
    }

    fn fresh(&self) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|known| known.renew_at.is_none_or(|at| Instant::now() < at)).cloned()
    }

    fn replace(&self, new: Option<Known>) -> Option<Known> {
        std::mem::replace(&mut *self.known.write().unwrap_or_else(PoisonError::into_inner), new)
    }

    /// From here on others wait, until there are headers again.
    async fn make(&self, state: &mut State, why: Why, came: Instant, http: &Http) -> Result<Known, NotSent> {
        let before = self.replace(None);
        let made = match &self.credential {
            Credential::Token(token) => self.read(state, token, why).await,
            Credential::Client(client) => self.ask(state, client, why, came, http).await,
        };
        match made {
            Ok(known) => {
                self.replace(Some(known.clone()));
                Ok(known)
            }
            Err(error) => {
                self.replace(before);
                Err(error)
            }
        }
    }

    async fn read(&self, state: &mut State, token: &Token, why: Why) -> Result<Known, NotSent> {
        let (generation, secret) = match (why, state.generation) {
            (Why::Refused, Some(generation)) => token.renew(generation).await?,
            (Why::Refused | Why::Needed, _) => token.read().await?,
        };
        if state.generation != Some(generation) {
            state.number += 1;
            state.generation = Some(generation);
        }
        self.render(state.number, &secret, None)
    }

    async fn ask(
        &self,
        state: &mut State,
        client: &ClientCredentials,
        why: Why,
        came: Instant,
        http: &Http,
    ) -> Result<Known, NotSent> {
        let is_resting = state.forced.is_some_and(|at| at.elapsed() < REST);
        if let (Why::Refused, true, Some(granted)) = (why, is_resting, &state.granted) {
            // A token that was just given is refused, too: another one would not help.
            return self.render(state.number, &granted.secret, Some(granted.asked + granted.renew_after()));
        }
        let shared =
            state.failed.as_ref().filter(|failed| failed.at >= came || Instant::now() < failed.until);
        let error = match shared {
            Some(failed) => Arc::clone(&failed.error),
            None => match client.ask(http, &self.headers).await {
                Ok(granted) => {
                    state.number += 1;
                    state.failed = None;
                    state.forced = matches!(why, Why::Refused).then(Instant::now);
                    let renew_at = granted.asked + granted.renew_after();
                    let known = self.render(state.number, &granted.secret, Some(renew_at));
                    state.granted = Some(granted);
                    return known;
                }
                Err(error) => {
                    let (at, error) = (Instant::now(), Arc::new(error));
                    let until = match &*error {
                        GrantError::Limited { until } => *until,
                        _ => at + REST,
                    };
                    state.failed = Some(Failed { at, until, error: Arc::clone(&error) });
                    error
                }
            },
        };
        match (why, &state.granted) {
            // It was early: the token still counts, and there is time to ask again.
            (Why::Needed, Some(granted)) if !granted.left().is_zero() => {
                tracing::warn!(
                    host = http.host(),
                    "a new token could not be had from {}: {error}",
                    http.host()
                );
                let again = state.failed.as_ref().map_or_else(Instant::now, |failed| failed.until);
                let ends = granted.asked + granted.lifetime;
                self.render(state.number, &granted.secret, Some(again.min(ends)))
            }
            _ => Err(NotSent::Grant(error)),
        }
    }

    fn render(&self, number: u64, secret: &Secret, renew_at: Option<Instant>) -> Result<Known, NotSent> {
        let headers = self.headers.render(secret).ok_or(NotSent::Request)?;
        Ok(Known { number, headers, renew_at })
    }
}

/// Why headers are made.
#[derive(Debug, Clone, Copy)]
enum Why {
    /// There are none, or their token is near its end.
    Needed,
    /// A service said 401.
    Refused,
}

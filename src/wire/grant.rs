//! What a token service answers: a token with what it says of us, or why there is none.
//!
//! Asking for a token changes nothing, so an answer that was lost is only an answer that was lost. No
//! text of an answer is passed on: it can repeat what was sent.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::broken::{NotSent, Unknown};
use super::exchange::Answer;
use crate::config::TokenError;
use crate::secret::Secret;

/// How long a token counts that does not say so; the shortest that OneTrust issues (OneTrust docs,
/// "Managing OAuth 2.0 client credentials").
const UNTOLD: Duration = Duration::from_secs(3600);

/// A token that says it lives shorter is believed so much all the same: nobody asks twice a second.
const SHORTEST: Duration = Duration::from_secs(10);

/// No token lives longer, whatever it says.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);

/// How long nobody asks again after a 429 that does not say.
const REST: Duration = Duration::from_secs(60);

/// Longest token: small enough for a header.
const MOST_BYTES: usize = 16 * 1024;

/// A token, and what its service said of us with it.
#[derive(Clone)]
pub struct Granted {
    pub(super) secret: Secret,
    /// How long it counts.
    pub lifetime: Duration,
    /// When it was asked for.
    pub(super) asked: Instant,
    /// The other members of the answer, as they came: who we are, what we may do.
    pub members: Map<String, Value>,
}

impl Granted {
    /// How long the token still counts.
    pub fn left(&self) -> Duration {
        self.lifetime.saturating_sub(self.asked.elapsed())
    }

    /// How long after it was asked for a new one is asked for.
    pub(super) fn renew_after(&self) -> Duration {
        renew_after(self.lifetime)
    }
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// Nine tenths of its life, and a minute before its end; of a short life a quarter at least.
fn renew_after(lifetime: Duration) -> Duration {
    (lifetime.mul_f64(0.9)).min(lifetime.saturating_sub(Duration::from_secs(60))).max(lifetime / 4)
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The client's name or password cannot be read.
    #[error(transparent)]
    Credential(#[from] TokenError),
    /// The token service was not reached.
    #[error("no token could be asked for: {0}")]
    NotReached(NotSent),
    /// The answer was lost.
    #[error("no token came: {0}")]
    Lost(Unknown),
    /// It does not know the client, or not with this password.
    #[error(
        "the service does not accept the client id with the client secret (HTTP {status}): check both, that they belong to this host, and from which addresses they may be used"
    )]
    Refused {
        /// 400, 401 or 403.
        status: u16,
    },
    /// It did not understand the question.
    #[error(
        "the service did not take the way the token was asked for (HTTP {status}): check the client id, and try `form: urlencoded` under `oauth2`"
    )]
    NotUnderstood {
        /// 400, 415 or 422.
        status: u16,
    },
    /// What answers is another system, or something on the way.
    #[error(
        "what answers is not the token service (HTTP {status}{}): check the host of the profile, and any proxy on the way", if *.page { ", an HTML page" } else { "" }
    )]
    NotTheService {
        /// Any.
        status: u16,
        /// It is a page for people.
        page: bool,
    },
    /// It was asked too often.
    #[error("the service was asked for tokens too often and gives none for now")]
    Limited {
        /// When it may be asked again.
        until: Instant,
    },
    /// It failed.
    #[error("the token service is out of order (HTTP {status})")]
    Unavailable {
        /// 408 or 5xx.
        status: u16,
    },
}

impl GrantError {
    /// Whether asking again comes to the same until a person changes something.
    pub fn is_final(&self) -> bool {
        match self {
            GrantError::Credential(_)
            | GrantError::Refused { .. }
            | GrantError::NotUnderstood { .. }
            | GrantError::NotTheService { .. } => true,
            GrantError::NotReached(_)
            | GrantError::Lost(_)
            | GrantError::Limited { .. }
            | GrantError::Unavailable { .. } => false,
        }
    }
}

/// What an answer to a question of this moment means.
pub(super) fn read(answer: &Answer, asked: Instant) -> Result<Granted, GrantError> {
    let status = answer.status;
    let parsed = serde_json::from_slice::<Value>(&answer.body).ok();
    let is_page = is_page(answer);
    match status {
        200..=299 => granted(parsed, asked).ok_or(GrantError::NotTheService { status, page: is_page }),
        408 | 500..=599 => Err(GrantError::Unavailable { status }),
        429 => {
            let told = answer.header("retry-after").and_then(|text| text.trim().parse().ok());
            let rest = told.map_or(REST, Duration::from_secs).min(LONGEST);
            Err(GrantError::Limited { until: Instant::now() + rest })
        }
        _ if is_page => Err(GrantError::NotTheService { status, page: true }),
        401 | 403 => Err(GrantError::Refused { status }),
        400 if names_the_client(parsed.as_ref()) => Err(GrantError::Refused { status }),
        400 | 415 | 422 => Err(GrantError::NotUnderstood { status }),
        _ => Err(GrantError::NotTheService { status, page: false }),
    }
}

fn is_page(answer: &Answer) -> bool {
    let is_html =
        answer.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    is_html || answer.body.trim_ascii_start().starts_with(b"<")
}

/// The words of RFC 6749, section 5.2, for a client that is not accepted.
fn names_the_client(parsed: Option<&Value>) -> bool {
    let error = parsed.and_then(|body| body.get("error")).and_then(Value::as_str);
    matches!(error, Some("invalid_client" | "unauthorized_client" | "invalid_grant" | "access_denied"))
}

fn granted(parsed: Option<Value>, asked: Instant) -> Option<Granted> {
    let Some(Value::Object(mut members)) = parsed else { return None };
    let Some(Value::String(token)) = members.remove("access_token") else { return None };
    let secret = Secret::new(token);
    let text = secret.expose();
    let can_be_sent =
        !text.is_empty() && text.len() <= MOST_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    let kind = members.get("token_type").and_then(Value::as_str);
    if !can_be_sent || kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return None;
    }
    members.retain(|name, _| !name.ends_with("_token"));
    let lifetime = match members.get("expires_in") {
        Some(Value::Number(seconds)) => seconds.as_f64(),
        Some(Value::String(seconds)) => seconds.trim().parse().ok(),
        _ => None,
    };
    let lifetime = lifetime.and_then(|seconds| Duration::try_from_secs_f64(seconds.clamp(0.0, 1e9)).ok());
    let lifetime = lifetime.map_or(UNTOLD, |told| told.clamp(SHORTEST, LONGEST));
    Some(Granted { secret, lifetime, asked, members })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    fn answer(status: u16, body: &str) -> Answer {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Answer { status, headers: HeaderMap::new(), body, requests: 1 }
    }

    fn of(status: u16, body: &str) -> Result<Granted, GrantError> {
        read(&answer(status, body), Instant::now())
    }

    #[test]
    fn a_token_is_renewed_at_nine_tenths_of_its_life_and_a_minute_before_its_end() {
        let after = |seconds| renew_after(Duration::from_secs(seconds)).as_secs();

        assert_eq!((after(31_536_000), after(3600), after(600)), (28_382_400, 3240, 540));
        assert_eq!((after(500), after(100)), (440, 40));
        assert_eq!((after(60), after(10)), (15, 2));
    }

    #[test]
    fn the_kind_of_a_token_is_compared_without_case_and_another_kind_is_refused() {
        for kind in ["bearer", "Bearer", "BEARER"] {
            let granted = of(200, &format!("{{\"access_token\":\"t\",\"token_type\":\"{kind}\"}}")).unwrap();
            assert_eq!((granted.secret.expose(), granted.lifetime), ("t", UNTOLD));
        }
        let other = of(200, "{\"access_token\":\"t\",\"token_type\":\"mac\"}").unwrap_err();
        assert!(matches!(other, GrantError::NotTheService { page: false, .. }));
    }

    #[test]
    fn a_lifetime_is_a_number_or_its_text_and_never_absurd() {
        let lifetime = |text: &str| {
            of(200, &format!("{{\"access_token\":\"t\",\"expires_in\":{text}}}")).unwrap().lifetime
        };

        assert_eq!(
            (lifetime("3599"), lifetime("\"3599\"")),
            (Duration::from_secs(3599), Duration::from_secs(3599))
        );
        assert_eq!((lifetime("0"), lifetime("-1"), lifetime("1e300")), (SHORTEST, SHORTEST, LONGEST));
        assert_eq!(lifetime("null"), UNTOLD);
    }

    #[test]
    fn what_could_not_be_sent_is_no_token() {
        for token in ["\"\"", "\"a b\"", "\"a\\r\\nX: y\"", "17", "null"] {
            assert!(of(200, &format!("{{\"access_token\":{token}}}")).is_err(), "{token}");
        }
    }

    #[test]
    fn a_wrong_password_a_wrong_question_another_system_and_an_outage_are_told_apart() {
        let kind = |status, body| match of(status, body).unwrap_err() {
            GrantError::Refused { .. } => "refused",
            GrantError::NotUnderstood { .. } => "not understood",
            GrantError::NotTheService { page: true, .. } => "a page",
            GrantError::NotTheService { page: false, .. } => "another system",
            GrantError::Limited { .. } => "limited",
            GrantError::Unavailable { .. } => "out of order",
            _ => "else",
        };

        assert_eq!(kind(401, "\"Unauthorized\""), "refused");
        assert_eq!(kind(400, "{\"error\":\"invalid_client\"}"), "refused");
        assert_eq!(kind(400, "{\"error\":\"unsupported_grant_type\"}"), "not understood");
        assert_eq!(kind(415, ""), "not understood");
        assert_eq!(kind(200, "\n<!DOCTYPE html><html>"), "a page");
        assert_eq!(kind(403, "<html>blocked</html>"), "a page");
        assert_eq!(kind(404, "{\"message\":\"Invalid URL\"}"), "another system");
        assert_eq!(kind(302, ""), "another system");
        assert_eq!(kind(429, ""), "limited");
        assert_eq!(kind(503, "<html>maintenance</html>"), "out of order");
    }

    #[test]
    fn nothing_of_a_token_is_printed_or_kept_among_what_was_said() {
        let body = "{\"access_token\":\"marker\",\"refresh_token\":\"marker\",\"user_name\":\"u\"}";

        let granted = of(200, body).unwrap();

        assert!(!format!("{granted:?}").contains("marker"));
        assert_eq!(granted.members.keys().collect::<Vec<_>>(), ["user_name"]);
    }
}

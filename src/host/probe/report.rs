//! What was found of a profile, and in which words.

use serde::Serialize;

use crate::wire::{Answer, Broken, GrantError, NotSent};

/// How far our clock may be from the service's before it is told.
const CLOCKS_DIFFER_S: i64 = 300;

/// What was found, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that was asked for can be done.
    Fine,
    /// All else is fine, and the clocks are far apart.
    ClockWrong,
    /// The credential is not where the settings say.
    NoCredential,
    /// The host's name has no address.
    NameUnknown,
    /// Nobody answers there.
    NotReached,
    /// No secure connection.
    NoTrust,
    /// The proxy does not let us through.
    ProxyRefused,
    /// The service does not accept the credentials.
    CredentialsRejected,
    /// The credentials are good, and may not do all that is needed.
    ScopeMissing,
    /// Something else answers.
    WrongSystem,
    /// The service answers that it was asked too often.
    Limited,
    /// The service fails.
    OutOfOrder,
}

impl Verdict {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::ClockWrong => "fine, but the clock is wrong",
            Verdict::NoCredential => "the credential is not there",
            Verdict::NameUnknown => "the host's name is not known",
            Verdict::NotReached => "the host does not answer",
            Verdict::NoTrust => "no secure connection",
            Verdict::ProxyRefused => "the proxy does not let us through",
            Verdict::CredentialsRejected => "credentials rejected",
            Verdict::ScopeMissing => "a permission is missing",
            Verdict::WrongSystem => "another system answers",
            Verdict::Limited => "asked too often",
            Verdict::OutOfOrder => "the service fails",
        }
    }

    /// Whether a service refused us or cannot be reached.
    pub fn is_of_the_service(self) -> bool {
        !matches!(self, Verdict::Fine | Verdict::ClockWrong | Verdict::NoCredential)
    }
}

/// Something that is needed and not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What needs it.
    #[serde(rename = "for")]
    pub what: String,
    /// One of these would be enough.
    pub any_of: Vec<String>,
}

/// What was found of one profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// As the settings name it.
    pub profile: String,
    /// `braze` or `onetrust`.
    pub system: &'static str,
    /// With the port, if one was given.
    pub host: String,
    /// In one word.
    pub verdict: Verdict,
    /// What is wrong, and what to do.
    pub message: String,
    /// Who we are there, as the service says.
    pub who: Option<String>,
    /// Whose account it is.
    pub tenant: Option<String>,
    /// What we may do there, if the service says.
    pub scopes: Option<Vec<String>>,
    /// How many seconds the token still counts.
    pub token_ends_in_s: Option<u64>,
    /// What is needed and not allowed.
    pub missing: Vec<Missing>,
    /// How many seconds our clock is ahead of the service's, if that is much.
    pub clock_ahead_s: Option<i64>,
    /// What nobody can read with a credential, and a person has to look at before the first use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preconditions: Vec<String>,
}

impl Report {
    /// The credential opens the door, as far as is known.
    pub(super) fn of(profile: &str, system: &'static str, host: &str) -> Report {
        Report {
            profile: profile.to_owned(),
            system,
            host: host.to_owned(),
            verdict: Verdict::Fine,
            message: "the service accepts the credentials".to_owned(),
            who: None,
            tenant: None,
            scopes: None,
            token_ends_in_s: None,
            missing: Vec::new(),
            clock_ahead_s: None,
            preconditions: Vec::new(),
        }
    }

    /// Something was found that matters more than all else.
    pub(super) fn found(mut self, verdict: Verdict, message: impl Into<String>) -> Report {
        self.verdict = verdict;
        self.message = message.into();
        self
    }

    /// An exchange had no answer.
    pub(super) fn broken(self, broken: &Broken) -> Report {
        match broken {
            Broken::NotSent { why, .. } => self.not_sent(why.first()),
            Broken::Unknown { why, .. } => {
                let message =
                    format!("a connection was made and {why}: check the host, and any proxy on the way");
                self.found(Verdict::NotReached, message)
            }
        }
    }

    /// What stood in the way of the first thing that had to be sent.
    pub(super) fn not_sent(self, why: &NotSent) -> Report {
        let verdict = match why {
            NotSent::Dns => Verdict::NameUnknown,
            NotSent::Refused | NotSent::Connect | NotSent::Request => Verdict::NotReached,
            NotSent::Tls(_) => Verdict::NoTrust,
            NotSent::Proxy => Verdict::ProxyRefused,
            NotSent::Token(_) => Verdict::NoCredential,
            NotSent::Grant(error) => return self.no_token(error),
        };
        let help = match why {
            NotSent::Dns => {
                ": check `host` of the profile for a slip, and that this machine can resolve names"
            }
            NotSent::Refused => ": check `host` and its port, and any firewall on the way",
            NotSent::Connect => ": check any firewall on the way, and whether a `proxy` is needed",
            NotSent::Proxy => ": check `proxy` of the profile, and what it allows",
            NotSent::Tls(_) | NotSent::Request | NotSent::Token(_) | NotSent::Grant(_) => "",
        };
        self.found(verdict, format!("{why}{help}"))
    }

    /// The service gave no token.
    pub(super) fn no_token(self, error: &GrantError) -> Report {
        let verdict = match error {
            GrantError::Credential(_) => Verdict::NoCredential,
            GrantError::NotReached(why) => return self.not_sent(why.first()),
            GrantError::Lost(_) => Verdict::NotReached,
            GrantError::Refused { .. } | GrantError::NotUnderstood { .. } => Verdict::CredentialsRejected,
            GrantError::NotTheService { .. } => Verdict::WrongSystem,
            GrantError::Limited { .. } => Verdict::Limited,
            GrantError::Unavailable { .. } => Verdict::OutOfOrder,
        };
        self.found(verdict, error.to_string())
    }

    /// Looks at the time a service says it is.
    pub(super) fn compare_clocks(&mut self, answer: &Answer, now_ms: i64) {
        let theirs = answer.header("date").and_then(|date| {
            jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok().map(|date| date.as_second())
        });
        let ahead = theirs.map(|theirs| now_ms.div_euclid(1000) - theirs);
        self.clock_ahead_s = ahead.filter(|ahead| ahead.abs() > CLOCKS_DIFFER_S);
    }

    /// All that was asked is known.
    pub(super) fn finish(mut self) -> Report {
        if !self.missing.is_empty() {
            let missing: Vec<String> = self
                .missing
                .iter()
                .map(|missing| format!("{} needs {}", missing.what, missing.any_of.join(" or ")))
                .collect();
            let message = format!("{}: give the credential what is missing", missing.join("; "));
            return self.found(Verdict::ScopeMissing, message);
        }
        if let Some(ahead) = self.clock_ahead_s {
            let way = if ahead > 0 { "ahead of" } else { "behind" };
            let minutes = ahead.unsigned_abs() / 60;
            let message =
                format!("the clock of this machine is {minutes} minutes {way} the service's: set it");
            self.verdict = Verdict::ClockWrong;
            self.message = message;
        }
        self
    }
}

//! A hook: where a request may come in from outside, who may call it, and how often.
//!
//! Every hook asks callers to prove who they are; `none` has to be written out and is only for a
//! server that listens on its own machine. Secrets are found as tokens are: in the environment, in a
//! file, or by a command. Checking a call against all this is the work of `server`.

use std::time::Duration;

use ipnet::IpNet;

use super::Token;

/// What a body of a hook holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The event that OneTrust pushes when a data subject's profile changes, code 3010.
    Event,
    /// Names a subtask of a data-subject request, which is then read in OneTrust.
    Subtask,
    /// A request record of ours, or a list of them.
    Record,
}

impl Shape {
    /// All of them.
    pub const ALL: [Shape; 3] = [Shape::Event, Shape::Subtask, Shape::Record];

    /// The word of the settings.
    pub fn word(self) -> &'static str {
        match self {
            Shape::Event => "event",
            Shape::Subtask => "subtask",
            Shape::Record => "record",
        }
    }

    /// The shape a word names.
    pub fn of(word: &str) -> Option<Shape> {
        Shape::ALL.into_iter().find(|shape| shape.word() == word)
    }
}

/// One hook: `POST /hooks/NAME`.
#[derive(Debug, Clone)]
pub struct Hook {
    /// As the address and the workflows name it, `[a-z0-9-]`.
    pub name: String,
    /// What its bodies hold.
    pub shape: Shape,
    /// The OneTrust that calls it; a hook of shape `subtask` has one.
    pub profile: Option<String>,
    /// How a caller proves who it is.
    pub auth: Auth,
    /// Longest body.
    pub max_bytes: usize,
    /// Calls taken in a minute.
    pub per_minute: u32,
    /// Addresses that may call; none: any.
    pub allow: Vec<IpNet>,
}

impl Hook {
    /// Longest body where the settings do not say: hundreds of times a real event.
    pub const MAX_BYTES: usize = 1_000_000;
    /// Longest body that can be asked for: bodies stand in memory until they are stored.
    pub const MOST_BYTES: usize = 16_000_000;
    /// Calls in a minute where the settings do not say: what OneTrust's own webhooks take.
    pub const PER_MINUTE: u32 = 3_000;
}

/// How a caller proves who it is.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Not at all; only where nobody but this machine can call.
    Nobody,
    /// `Authorization: Bearer …`.
    Bearer(Token),
    /// A header whose whole value is the secret.
    Header {
        /// Lower case.
        name: String,
        /// What it must be.
        value: Token,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// Not a secret.
        username: String,
        /// What goes with it.
        password: Token,
    },
    /// A header with an HMAC-SHA256 of what is sent.
    Hmac(Box<Hmac>),
}

impl Auth {
    /// The secret, if there is one.
    pub fn secret(&self) -> Option<&Token> {
        match self {
            Auth::Nobody => None,
            Auth::Bearer(token) | Auth::Header { value: token, .. } | Auth::Basic { password: token, .. } => {
                Some(token)
            }
            Auth::Hmac(hmac) => Some(&hmac.secret),
        }
    }
}

/// How a signature is sent.
#[derive(Debug, Clone)]
pub struct Hmac {
    /// The key, as it stands.
    pub secret: Token,
    /// Lower case.
    pub header: String,
    /// How the 32 bytes are written.
    pub encoding: Encoding,
    /// Stands before them, such as `sha256=`; may be empty.
    pub prefix: String,
    /// When it was signed, if the caller says so.
    pub timestamp: Option<Signed>,
}

/// How bytes are written in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Two digits a byte, in any case.
    Hex,
    /// Either alphabet, with or without padding.
    Base64,
}

/// The time of a signature, so that what was recorded cannot be sent again later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Its header, lower case: seconds or milliseconds since 1970, or RFC 3339.
    pub header: String,
    /// How far it may be from now, before or after.
    pub tolerance: Duration,
    /// What stands before the body in the signed text, with `None` for the time as sent. Empty when
    /// the body alone is signed: then the time proves nothing to a caller who can change it.
    pub before_body: Vec<Option<String>>,
}

impl Signed {
    /// How far a time may be from now where the settings do not say.
    pub const TOLERANCE: Duration = Duration::from_secs(300);
}

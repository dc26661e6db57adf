//! A channel: where people are told that something failed, waits for them, or will be late.
//!
//! What is told is the work of `notify`; here is where it goes, how it gets in there, and how often.

use std::time::Duration;

use lettre::message::Mailbox;
use url::Url;

use super::{Host, Token};

/// One channel of the settings.
#[derive(Debug, Clone)]
pub struct Channel {
    /// As the settings and the workflows name it, `[a-z0-9-]`.
    pub name: String,
    /// How it is reached.
    pub way: Way,
    /// How long after the first thing to tell a message goes out, with all that came meanwhile.
    pub window: Duration,
    /// Most messages in an hour; more wait and are told together.
    pub per_hour: u32,
}

impl Channel {
    /// The window where the settings do not say: short enough to act on, long enough to group.
    pub const WINDOW: Duration = Duration::from_secs(60);
    /// Messages in an hour where the settings do not say: one every five minutes.
    pub const PER_HOUR: u32 = 12;
}

/// How a channel is reached.
#[derive(Debug, Clone)]
pub enum Way {
    /// Mail, through a server that takes it.
    Smtp(Box<Smtp>),
    /// A POST of our own documented JSON.
    Webhook(Webhook),
    /// A POST of `{"text": …}`, as Slack and others take it.
    Slack(Webhook),
}

/// A mail server and who writes to whom.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Its name or address, and perhaps a port.
    pub host: Host,
    /// How the connection is kept private.
    pub tls: Tls,
    /// A name and what goes with it; never without TLS, but on this machine.
    pub login: Option<(String, Token)>,
    /// Who writes.
    pub from: Mailbox,
    /// Who reads; at least one.
    pub to: Vec<Mailbox>,
}

/// How a connection to a mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// In the clear at first, then TLS or nothing; port 587.
    StartTls,
    /// TLS from the first byte; port 465.
    Always,
    /// In the clear; port 25.
    Never,
}

impl Tls {
    /// The port where the settings name none.
    pub fn port(self) -> u16 {
        match self {
            Tls::StartTls => 587,
            Tls::Always => 465,
            Tls::Never => 25,
        }
    }
}

/// An address that takes a POST.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where it is.
    pub url: Address,
    /// A header that proves who we are, in lower case, and its value after a fixed text.
    pub header: Option<(String, &'static str, Token)>,
}

/// Where a POST goes.
#[derive(Debug, Clone)]
pub enum Address {
    /// Written in the settings.
    Plain(Url),
    /// An address that is itself a secret, as those of Slack are.
    Secret(Token),
}

/// Why an address cannot be posted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No URL.
    #[error("this is not the address of a web server")]
    NotAnAddress,
    /// In the clear on a network.
    #[error("`http://` is only for this machine")]
    Plain,
    /// A password in front of an `@`.
    #[error("the address holds a user or password")]
    HoldsLogin,
}

impl Address {
    /// Reads an address: https, or http on this machine.
    pub fn parse(written: &str) -> Result<Url, AddressError> {
        let url = Url::parse(written).map_err(|_| AddressError::NotAnAddress)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::HoldsLogin);
        }
        match url.scheme() {
            "https" if url.has_host() => Ok(url),
            "http" => {
                let host = url.host_str().and_then(|host| Host::parse(host).ok());
                if host.is_some_and(|host| host.is_loopback()) { Ok(url) } else { Err(AddressError::Plain) }
            }
            _ => Err(AddressError::NotAnAddress),
        }
    }
}

//! Why an exchange has no answer, told apart by what may have happened at the service.
//!
//! The one question that matters is whether the request can have been applied. Only a failure before
//! a connection stood is [`Broken::NotSent`]; everything later is [`Broken::Unknown`], even when it is
//! likely that nothing arrived. No address with its query is kept: a query can name a person.

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use super::grant::GrantError;
use crate::config::TokenError;

/// An exchange without an answer.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Not one byte of the request left: it may be sent again whatever it was.
    #[error("nothing was sent to {host}: {why}")]
    NotSent {
        /// Name or address, with the port.
        host: String,
        /// What stood in the way.
        why: NotSent,
    },
    /// The request, or a part of it, left: it may have been applied.
    #[error("it is not known whether {host} took the request: {why}")]
    Unknown {
        /// Name or address, with the port.
        host: String,
        /// How the answer was lost.
        why: Unknown,
    },
}

/// What stood in the way of sending.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// The host's name has no address.
    #[error("its name cannot be resolved")]
    Dns,
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// No connection, for another reason (no route, no answer in time).
    #[error("no connection could be made")]
    Connect,
    /// No trust: the certificate is not accepted, or the other side does not speak TLS.
    #[error("no secure connection could be made; {0}")]
    Tls(Distrust),
    /// The proxy did not let us through.
    #[error("the proxy did not make a connection")]
    Proxy,
    /// There is no credential to send.
    #[error("the token cannot be read: {0}")]
    Token(#[from] TokenError),
    /// A token was asked for, and there is none. Those who waited for the same answer share it.
    #[error("{0}")]
    Grant(Arc<GrantError>),
    /// The path, or a header with the token in it, cannot be written into a request.
    #[error("the request has a path or a header that HTTP does not allow")]
    Request,
}

/// Why there is no secure connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Nobody whom this machine trusts stands for the certificate.
    #[error("if its certificate is from your own authority, name that in `ca_file`")]
    Authority,
    /// The certificate has expired or does not count yet, or our clock is wrong.
    #[error("by the clock of this machine its certificate does not count now: check the clock first")]
    Time,
    /// The certificate is for another name.
    #[error("its certificate is for another name: check `host`, and any proxy on the way")]
    Name,
    /// It speaks something else.
    #[error("what listens there does not speak TLS: check `host` and its port, and any proxy on the way")]
    NoTls,
}

impl Distrust {
    /// By the words of the TLS library, of which the last cause counts; whatever is not known is for
    /// whoever looks after the certificates.
    fn of<'e>(causes: impl Iterator<Item = &'e (dyn std::error::Error + 'static)>) -> Distrust {
        let words = causes.last().map(ToString::to_string).unwrap_or_default();
        let says = |known: &[&str]| known.iter().any(|known| words.contains(known));
        if says(&["certificate expired", "not valid yet", "Expired", "NotValidYet"]) {
            Distrust::Time
        } else if says(&["not valid for name", "NotValidForName"]) {
            Distrust::Name
        } else if says(&["corrupt message", "unexpected eof", "reset by peer", "unexpected message"]) {
            Distrust::NoTls
        } else {
            Distrust::Authority
        }
    }
}

impl NotSent {
    /// What stood in the way of the first thing that had to be sent: of asking for a token, if that did
    /// not arrive.
    pub fn first(&self) -> &NotSent {
        match self {
            NotSent::Grant(error) => match &**error {
                GrantError::NotReached(why) => why.first(),
                _ => self,
            },
            _ => self,
        }
    }
}

/// How the answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// No whole answer in time.
    #[error("no answer came in time")]
    Timeout,
    /// The connection ended before an answer began.
    #[error("the connection was lost")]
    Reset,
    /// The answer began and then broke off.
    #[error("the answer broke off")]
    BodyCut,
    /// The answer is no HTTP.
    #[error("the answer is not HTTP")]
    Garbled,
    /// The answer is larger than anything a service of ours says.
    #[error("the answer is too large")]
    TooLarge,
}

/// What a failed attempt to send came to.
pub(super) fn while_sending(error: &reqwest::Error, host: &str, route: Route) -> Broken {
    let host = host.to_owned();
    if error.is_builder() {
        return Broken::NotSent { host, why: NotSent::Request };
    }
    if error.is_connect() {
        return Broken::NotSent { host, why: while_connecting(error, route) };
    }
    let why = if error.is_timeout() {
        Unknown::Timeout
    } else if chain(error).any(|cause| cause.to_string().starts_with("invalid HTTP")) {
        Unknown::Garbled
    } else {
        Unknown::Reset
    };
    Broken::Unknown { host, why }
}

/// What a failure came to when the head of the answer was there.
pub(super) fn while_reading(error: &reqwest::Error, host: &str) -> Broken {
    let why = if error.is_timeout() { Unknown::Timeout } else { Unknown::BodyCut };
    Broken::Unknown { host: host.to_owned(), why }
}

/// How the service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Direct,
    Proxy,
}

fn while_connecting(error: &reqwest::Error, route: Route) -> NotSent {
    let kind = chain(error).filter_map(|cause| cause.downcast_ref()).map(innermost).last();
    match (kind, route) {
        // The TLS library reports everything that is wrong with the other side as invalid data.
        (Some(io::ErrorKind::InvalidData), _) => NotSent::Tls(Distrust::of(chain(error))),
        // The connection stood, and ended in the middle of the greeting.
        (Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset), Route::Direct) => {
            NotSent::Tls(Distrust::NoTls)
        }
        (_, Route::Proxy) => NotSent::Proxy,
        (_, Route::Direct)
            if error.is_dns() || chain(error).any(|cause| cause.to_string() == "dns error") =>
        {
            NotSent::Dns
        }
        (Some(io::ErrorKind::ConnectionRefused), Route::Direct) => NotSent::Refused,
        (_, Route::Direct) => NotSent::Connect,
    }
}

/// The kind of the error that others were wrapped around; `source` skips what an `io::Error` holds.
fn innermost(error: &io::Error) -> io::ErrorKind {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()) {
        Some(inner) => innermost(inner),
        None => error.kind(),
    }
}

fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn std::error::Error + 'static)| (*cause).source())
}

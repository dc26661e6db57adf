//! A service's host as people write it in a profile: a name or an address, and perhaps a port.
//!
//! A scheme, a path or a user in it is refused with the way it should be written; nothing is
//! rewritten silently, because a request for erasure must go where its author says.

use std::fmt;
use std::net::SocketAddr;

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// With TLS: the default.
    Https,
    /// In the clear: only on this machine.
    Http,
}

impl Scheme {
    /// The word of settings and addresses.
    pub fn word(self) -> &'static str {
        match self {
            Scheme::Https => "https",
            Scheme::Http => "http",
        }
    }
}

/// A host name or address with an optional port, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    name: url::Host<String>,
    port: Option<u16>,
}

/// Why a text is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It has a scheme, a path, a user or a trailing slash; `plain` is the host in it.
    #[error("`host` is a name or an address with an optional `:port`")]
    TooMuch {
        /// What should have been written, if that can be told.
        plain: Option<String>,
        /// What is too much.
        without: &'static str,
    },
    /// The port is no number from 1 to 65535.
    #[error("`{0}` is not a port (1 to 65535)")]
    Port(String),
    /// Anything else.
    #[error("`{0}` is neither a host name nor an address")]
    Name(String),
}

impl HostError {
    /// The way out.
    pub fn help(&self) -> String {
        match self {
            HostError::TooMuch { plain: Some(plain), without } => {
                format!("write `{plain}`, without {without}")
            }
            HostError::TooMuch { plain: None, without } => format!("leave out {without}"),
            HostError::Port(_) => "write `name:port`, or leave the port out".to_owned(),
            HostError::Name(_) => "write a name such as `rest.fra-01.braze.eu`".to_owned(),
        }
    }
}

impl Host {
    /// Reads what stands in a profile.
    pub fn parse(written: &str) -> Result<Host, HostError> {
        if let Some(without) = too_much(written) {
            let plain = bare(written).and_then(|bare| Host::parse(bare).ok()).map(|host| host.to_string());
            return Err(HostError::TooMuch { plain, without });
        }
        if let Ok(address) = written.parse() {
            return Ok(Host { name: url::Host::Ipv6(address), port: None });
        }
        let (name, port) = split(written);
        let port = match port {
            None => None,
            Some(digits) => match digits.parse::<u16>() {
                Ok(port) if port != 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(port),
                Ok(_) | Err(_) => return Err(HostError::Port(digits.to_owned())),
            },
        };
        let as_written = name;
        let name = url::Host::parse(name).map_err(|_| HostError::Name(written.to_owned()))?;
        match &name {
            // `url` reads `0` and `0x7f.1` as addresses that their author did not write.
            url::Host::Ipv4(address) if address.to_string() != as_written => {
                Err(HostError::Name(written.to_owned()))
            }
            // `url` takes names that no resolver knows, such as those with an underscore in front.
            url::Host::Domain(domain) if !is_name(domain) => Err(HostError::Name(written.to_owned())),
            url::Host::Domain(_) | url::Host::Ipv4(_) | url::Host::Ipv6(_) => Ok(Host { name, port }),
        }
    }

    /// Whether it is this machine: 127.0.0.0/8, ::1 or `localhost`.
    pub fn is_loopback(&self) -> bool {
        match &self.name {
            url::Host::Domain(domain) => domain == "localhost",
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
        }
    }

    /// The port, if one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The name without the port.
    pub fn name(&self) -> String {
        self.name.to_string()
    }
}

impl From<SocketAddr> for Host {
    fn from(address: SocketAddr) -> Host {
        let name = match address {
            SocketAddr::V4(v4) => url::Host::Ipv4(*v4.ip()),
            SocketAddr::V6(v6) => url::Host::Ipv6(*v6.ip()),
        };
        Host { name, port: Some(address.port()) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

fn too_much(written: &str) -> Option<&'static str> {
    if let Some((scheme, _)) = written.split_once("://") {
        return Some(match scheme.to_ascii_lowercase().as_str() {
            "https" => "`https://`",
            "http" => "`http://`",
            _ => "a scheme",
        });
    }
    if written.ends_with('/') && written.matches('/').count() == 1 {
        return Some("the slash at its end");
    }
    // A client of the web reads `\` as `/`: what follows it is no host, whatever `@` stands there.
    if written.contains(['/', '\\', '?', '#']) {
        return Some("a path");
    }
    written.contains('@').then_some("a user or password")
}

/// The host in an address that has too much around it. None where a host stands in front of an `@`
/// too: which of the two was meant is not ours to guess.
fn bare(written: &str) -> Option<&str> {
    let rest = written.split_once("://").map_or(written, |(_, rest)| rest);
    let rest = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    match rest.rsplit_once('@') {
        None => Some(rest),
        Some((user, _)) if user.contains('.') => None,
        Some((_, host)) => Some(host),
    }
}

/// Name and port; an address of IPv6 with a port stands in brackets.
fn split(written: &str) -> (&str, Option<&str>) {
    if written.starts_with('[') {
        return match written.split_once("]:") {
            Some((name, port)) => (&written[..=name.len()], Some(port)),
            None => (written, None),
        };
    }
    match written.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (written, None),
    }
}

fn is_name(domain: &str) -> bool {
    domain.len() <= 253
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(written: &str) -> String {
        Host::parse(written).unwrap_err().help()
    }

    #[test]
    fn names_and_addresses_are_taken_as_written() {
        for written in [
            "rest.fra-01.braze.eu",
            "localhost:8080",
            "10.0.0.1",
            "127.0.0.1:9",
            "[::1]",
            "[::1]:8080",
            "xn--bcher-kva.example",
        ] {
            assert_eq!(Host::parse(written).unwrap().to_string(), written);
        }
    }

    #[test]
    fn an_address_of_ipv6_needs_no_brackets_without_a_port() {
        assert_eq!(Host::parse("::1").unwrap().to_string(), "[::1]");
        assert!(Host::parse("::1").unwrap().is_loopback());
    }

    #[test]
    fn too_much_is_answered_with_what_to_write() {
        assert_eq!(help("https://rest.fra-01.braze.eu"), "write `rest.fra-01.braze.eu`, without `https://`");
        assert_eq!(help("HTTP://h:80/x?y"), "write `h:80`, without `http://`");
        assert_eq!(help("ftp://h"), "write `h`, without a scheme");
        assert_eq!(
            help("rest.fra-01.braze.eu/"),
            "write `rest.fra-01.braze.eu`, without the slash at its end"
        );
        assert_eq!(help("rest.fra-01.braze.eu/users/track"), "write `rest.fra-01.braze.eu`, without a path");
        assert_eq!(help("me:pw@h.example"), "write `h.example`, without a user or password");
        assert_eq!(help("https://"), "leave out `https://`");
    }

    #[test]
    fn no_host_is_proposed_that_hides_behind_another() {
        assert_eq!(help("rest.fra-01.braze.eu\\@evil.com"), "write `rest.fra-01.braze.eu`, without a path");
        assert_eq!(help("rest.fra-01.braze.eu@evil.com"), "leave out a user or password");
        assert_eq!(help("https://rest.fra-01.braze.eu:443@evil.com/"), "leave out `https://`");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for written in [
            "",
            " ",
            "a b",
            "a..b",
            "-a.com",
            "h:",
            "h:0",
            "h:65536",
            "h:+1",
            "h:1:2",
            "[::1",
            "999.1.1.1",
            "0",
            "2130706433",
            "0x7f.1",
            "010.0.0.1",
            "a_b.c",
            "h\r\nX: y",
        ] {
            assert!(Host::parse(written).is_err(), "{written:?}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let is = |written: &str| Host::parse(written).unwrap().is_loopback();

        assert!(is("127.9.9.9") && is("localhost:1") && is("[::1]:1"));
        assert!(!is("127.0.0.1.example.com") && !is("localhost.example") && !is("10.0.0.1"));
    }
}

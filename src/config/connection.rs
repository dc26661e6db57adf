//! Where a service is and how it is spoken to: everything but the credential.

use std::path::PathBuf;

use url::Url;

use super::{Headers, Host, Scheme};

/// The address of a service and the headers it wants.
#[derive(Debug, Clone)]
pub struct Connection {
    scheme: Scheme,
    host: Host,
    base: Url,
    /// Sent with every request.
    pub headers: Headers,
    /// Certificates to trust instead of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Every request goes through it. The environment's proxies are never used.
    pub proxy: Option<Url>,
}

/// Why there can be no such connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Personal data and tokens in the clear on a network.
    #[error("`scheme: http` is only for this machine (127.0.0.0/8, ::1, localhost), and `{0}` is not")]
    Plain(String),
    /// The address cannot be written as a URL.
    #[error("`{host}` cannot be written as an address")]
    Address {
        /// As given.
        host: String,
        /// The parser's word.
        #[source]
        source: url::ParseError,
    },
}

impl Connection {
    /// A connection with the default headers, no proxy and the system's certificates.
    pub fn new(scheme: Scheme, host: Host) -> Result<Connection, ConnectionError> {
        if scheme == Scheme::Http && !host.is_loopback() {
            return Err(ConnectionError::Plain(host.to_string()));
        }
        let base = Url::parse(&format!("{}://{host}/", scheme.word()))
            .map_err(|source| ConnectionError::Address { host: host.to_string(), source })?;
        Ok(Connection { scheme, host, base, headers: Headers::default_set(), ca_file: None, proxy: None })
    }

    /// With TLS, unless it is this machine.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Name or address, perhaps with a port.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Paths are joined to this.
    pub fn base(&self) -> &Url {
        &self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_only_for_this_machine() {
        let plain = |host: &str| Connection::new(Scheme::Http, Host::parse(host).unwrap());

        assert!(plain("127.0.0.2:81").is_ok() && plain("::1").is_ok() && plain("localhost").is_ok());
        assert_eq!(
            plain("rest.fra-01.braze.eu").unwrap_err().to_string(),
            "`scheme: http` is only for this machine (127.0.0.0/8, ::1, localhost), and `rest.fra-01.braze.eu` is not"
        );
    }
}

//! Who calls: the peer of the connection, or whom a trusted proxy names.
//!
//! Anybody can write `X-Forwarded-For`, so it is read only from proxies that the settings trust, from
//! its end towards its beginning, and only up to the first address that is not such a proxy.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The header that proxies append the address of their caller to.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address that counts. `None` when a trusted proxy names something that is no address: then
/// nobody knows.
pub(super) fn caller(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let mut caller = peer.to_canonical();
    if !is_in(caller, trusted) {
        return Some(caller);
    }
    let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    for value in values.into_iter().rev() {
        for written in value.to_str().ok()?.rsplit(',') {
            caller = address(written.trim())?.to_canonical();
            if !is_in(caller, trusted) {
                return Some(caller);
            }
        }
    }
    Some(caller)
}

/// Whether an address is in one of some networks.
pub(super) fn is_in(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// An address, perhaps with a port or in brackets.
fn address(written: &str) -> Option<IpAddr> {
    let bare = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(written);
    bare.parse().ok().or_else(|| written.parse().ok().map(|with_port: std::net::SocketAddr| with_port.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called_by(peer: &str, forwarded: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        caller(peer.parse().unwrap(), &headers, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn the_peer_is_the_caller_unless_it_is_a_trusted_proxy() {
        assert_eq!(called_by("203.0.113.9", &["192.0.2.1"]).unwrap(), "203.0.113.9");
        assert_eq!(called_by("10.0.0.1", &["192.0.2.1"]).unwrap(), "192.0.2.1");
        assert_eq!(called_by("10.0.0.1", &[]).unwrap(), "10.0.0.1");
    }

    #[test]
    fn what_a_caller_wrote_before_the_first_proxy_counts_for_nothing() {
        assert_eq!(called_by("10.0.0.1", &["10.9.9.9, 192.0.2.1, 203.0.113.9"]).unwrap(), "203.0.113.9");
        assert_eq!(called_by("10.0.0.1", &["192.0.2.1", "203.0.113.9, 10.0.0.2"]).unwrap(), "203.0.113.9");
    }

    #[test]
    fn addresses_are_read_with_ports_and_brackets_and_in_either_family() {
        assert_eq!(called_by("10.0.0.1", &["203.0.113.9:4711"]).unwrap(), "203.0.113.9");
        assert_eq!(called_by("fd00::1", &["[2001:db8::7]:80"]).unwrap(), "2001:db8::7");
        assert_eq!(called_by("10.0.0.1", &["[2001:db8::7]"]).unwrap(), "2001:db8::7");
        assert_eq!(called_by("::ffff:10.0.0.1", &["::ffff:203.0.113.9"]).unwrap(), "203.0.113.9");
    }

    #[test]
    fn nobody_knows_the_caller_when_a_trusted_proxy_names_no_address() {
        for nonsense in ["unknown", "", "203.0.113.9,", "203.0.113.9 10.0.0.1", "1.2.3"] {
            assert_eq!(called_by("10.0.0.1", &[nonsense]), None, "{nonsense}");
        }
    }
}

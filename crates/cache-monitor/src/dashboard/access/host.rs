//! The host names that are answered.
//!
//! Invariant: no page of another site can make a browser read the dashboard by pointing its own name to the address of
//! this machine (DNS rebinding). A name is answered only if the operator allowed it. Addresses are safe, because nobody
//! else can redirect them.

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use axum::http::uri::Authority;
use cli_support::usage;

const HTTP_PORT: u16 = 80;

/// The hosts that are answered.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    listening: SocketAddr,
    names: Vec<String>,
}

impl Hosts {
    /// # Errors
    /// A usage error if a name is not a host name.
    pub(crate) fn new(listening: SocketAddr, names: &[String]) -> Result<Self> {
        let names = names.iter().map(|name| checked(name.trim())).collect::<Result<_>>()?;
        Ok(Self { listening, names })
    }

    /// Whether a request with this `Host` header is answered.
    pub(crate) fn allow(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        if authority.as_str().contains('@') {
            return false;
        }
        let name = authority.host();
        if self.names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)) {
            return true;
        }
        authority.port_u16().unwrap_or(HTTP_PORT) == self.listening.port() && self.is_listening(name)
    }

    fn is_listening(&self, name: &str) -> bool {
        let listening = self.listening.ip();
        match name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(asked) => {
                asked == listening || listening.is_unspecified() || (asked.is_loopback() && listening.is_loopback())
            }
            Err(_) => name.eq_ignore_ascii_case("localhost") && (listening.is_loopback() || listening.is_unspecified()),
        }
    }
}

fn checked(name: &str) -> Result<String> {
    match name.parse::<Authority>() {
        Ok(authority) if authority.host() == name => Ok(name.to_owned()),
        _ => Err(usage(format!(
            "--allowed-host {name}: write a name only, such as cache.example.net, without scheme and port"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(listening: &str, names: &[&str]) -> Hosts {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Hosts::new(listening.parse().unwrap(), &names).unwrap()
    }

    #[test]
    fn on_the_loopback_its_names_are_answered_with_their_port() {
        let hosts = hosts("127.0.0.1:8050", &[]);
        for allowed in ["127.0.0.1:8050", "localhost:8050", "LOCALHOST:8050", "[::1]:8050"] {
            assert!(hosts.allow(allowed), "{allowed}");
        }
        for refused in [
            "",
            "localhost",
            "127.0.0.1",
            "localhost:80",
            "evil.example:8050",
            "127.0.0.1.evil.example:8050",
            "10.0.0.1:8050",
            "user@127.0.0.1:8050",
            "localhost:8050:1",
            "localhost.evil:8050",
            "/",
            "*",
        ] {
            assert!(!hosts.allow(refused), "{refused}");
        }
    }

    #[test]
    fn on_all_addresses_any_address_is_answered_and_no_name() {
        let hosts = hosts("0.0.0.0:8050", &["cache.example.net"]);
        for allowed in ["10.0.0.1:8050", "[fe80::1]:8050", "cache.example.net", "Cache.Example.Net:443"] {
            assert!(hosts.allow(allowed), "{allowed}");
        }
        for refused in ["evil.example:8050", "10.0.0.1:8051", "sub.cache.example.net"] {
            assert!(!hosts.allow(refused), "{refused}");
        }
    }

    #[test]
    fn on_one_address_another_is_refused() {
        let hosts = hosts("10.0.0.1:80", &[]);
        assert!(hosts.allow("10.0.0.1") && hosts.allow("10.0.0.1:80"));
        assert!(!hosts.allow("10.0.0.2") && !hosts.allow("localhost") && !hosts.allow("127.0.0.1"));
    }

    #[test]
    fn what_is_no_name_is_wrong_usage() {
        for wrong in ["", "http://x", "x:80", "a b", "u@x", "x/y"] {
            assert!(Hosts::new("127.0.0.1:1".parse().unwrap(), &[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}

//! A setting that lists servers: the sentinels, or the nodes of a cluster.
//!
//! Invariant: a password in the list is never shown.
//!
//! Used by `cluster` and `sentinel`.

use std::net::Ipv6Addr;

use super::error::address::AddressError;

/// A setting that lists addresses.
pub(super) struct Written {
    /// The name of the setting.
    pub(super) setting: &'static str,
    /// The port of an address that gives none.
    pub(super) port: u16,
    /// An example of correct addresses.
    pub(super) example: &'static str,
    /// Advice where to put a login.
    pub(super) login: &'static str,
}

impl Written {
    /// The addresses in a list with commas. Each is `host`, `host:port`, an IPv6 address or `[address]:port`.
    pub(super) fn addresses(&self, written: &str) -> Result<Vec<(String, u16)>, AddressError> {
        let setting = self.setting;
        // Checked on the whole list, because a password may contain commas.
        if let Some((_login, address)) = written.rsplit_once('@') {
            return Err(AddressError::Login { setting, address: address.to_owned(), advice: self.login });
        }
        let address = |written: &str| {
            let wrong = || AddressError::Address { setting, address: written.to_owned(), advice: self.example };
            parse(written, self.port).ok_or_else(wrong)
        };
        let addresses: Vec<&str> = written.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if addresses.is_empty() && !written.trim().is_empty() {
            // Only commas. Treated as an empty list, the setting would be ignored and another server would be used.
            return Err(AddressError::Address { setting, address: written.to_owned(), advice: self.example });
        }
        addresses.into_iter().map(address).collect()
    }
}

fn parse(written: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match written.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            (ipv6(host)?, port)
        }
        None if ipv6(written).is_some() => (written, None),
        None => match written.split_once(':') {
            Some((host, port)) => (name(host)?, Some(port)),
            None => (name(written)?, None),
        },
    };
    Some((host.to_owned(), port.map_or(Ok(default_port), str::parse).ok()?))
}

fn ipv6(written: &str) -> Option<&str> {
    written.parse::<Ipv6Addr>().is_ok().then_some(written)
}

/// A name or an IPv4 address.
fn name(written: &str) -> Option<&str> {
    let is_strange = |c: char| c.is_whitespace() || ":;/@[]".contains(c);
    (!written.is_empty() && !written.contains(is_strange)).then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENTINELS: Written =
        Written { setting: "redis.sentinels", port: 26_379, example: "like s1:26379", login: "elsewhere" };

    fn addresses(written: &str) -> Result<Vec<(String, u16)>, AddressError> {
        SENTINELS.addresses(written)
    }

    fn address(written: &str) -> Result<(String, u16), AddressError> {
        addresses(written).map(|mut addresses| addresses.remove(0))
    }

    #[test]
    fn addresses_have_a_port_or_the_usual_one() {
        for (written, host, port) in [
            ("sentinel-1", "sentinel-1", 26_379),
            ("sentinel-1:5000", "sentinel-1", 5_000),
            ("10.0.0.1:5000", "10.0.0.1", 5_000),
            ("[::1]:5000", "::1", 5_000),
            ("[::1]", "::1", 26_379),
            ("::1", "::1", 26_379),
            ("fe80::1:2", "fe80::1:2", 26_379),
        ] {
            assert_eq!(address(written).unwrap(), (host.to_owned(), port), "{written}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "sentinel-1:",
            "sentinel-1:redis",
            ":5000",
            "redis://sentinel-1:5000",
            "s1:26379;s2:26379",
            "s1;s2",
            "s1:26379 s2:26379",
            "s1 s2",
            "s1:26379:26379",
            "[s1]:26379",
            "[::1",
            "[::1]26379",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lists_have_commas_and_perhaps_blanks() {
        assert_eq!(addresses(" s1, s2:5000,").unwrap(), [("s1".to_owned(), 26_379), ("s2".to_owned(), 5_000)]);
        assert_eq!(addresses(" ").unwrap(), []);
        for commas in [",", " ,, "] {
            assert!(addresses(commas).is_err(), "{commas:?} names nothing and is not nothing");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for written in
            ["user:hunter2@s1:26379", "redis://:hunter2@s1:26379", "a:hunter@hunter2@s1:26379", "a:hunter,2@s1:26379"]
        {
            let refused = addresses(written).unwrap_err();
            assert_eq!(refused.to_string(), "redis.sentinels has a login before \"s1:26379\"");
            assert!(!format!("{refused:?}").contains("hunter"), "{refused:?}");
        }
    }
}

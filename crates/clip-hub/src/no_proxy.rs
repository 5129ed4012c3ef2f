//! The list of hosts that are reached without a proxy, as `NO_PROXY` has it.

use std::net::IpAddr;

/// Hosts that are reached without a proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoProxy {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    hosts: Hosts,
    /// `None` for all ports.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    /// A name, in small letters, and everything below it.
    Domain(String),
    /// Addresses that have this many bits in common with one.
    Network(IpAddr, u32),
}

impl NoProxy {
    /// Reads a list as curl does: entries separated by commas or white space, in upper or lower case.
    ///
    /// - `example.com`, `.example.com` and `*.example.com` stand for that host and all below it;
    /// - `192.0.2.1` and `::1` (or `[::1]`) for an address, `192.0.2.0/24` and `fd00::/8` for a network;
    /// - any of them may end with `:PORT` (an IPv6 address in brackets then) and stands for that port alone;
    /// - `*` stands for all hosts.
    ///
    /// Other entries stand for nothing. Names are not looked up: an address matches only a host that is
    /// written as one.
    pub fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        Self { rules: entries.filter_map(Rule::parse).collect() }
    }

    /// Whether a host, which is a name or an address without brackets, is reached without a proxy at this port.
    pub fn contains(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        self.rules.iter().any(|rule| rule.port.is_none_or(|only| only == port) && rule.hosts.contain(&host, address))
    }
}

impl Rule {
    fn parse(entry: &str) -> Option<Self> {
        // An IPv6 address has colons of its own: it has a port only behind brackets.
        if let Some(rest) = entry.strip_prefix('[') {
            let (address, rest) = rest.split_once(']')?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?.parse().ok()?) };
            let address = IpAddr::V6(address.parse().ok()?);
            return Some(Self { hosts: Hosts::Network(address.to_canonical(), bits(address.to_canonical())), port });
        }
        let (hosts, port) = match entry.split_once(':') {
            Some((hosts, port)) if !port.contains(':') => (hosts, Some(port.parse().ok()?)),
            _ => (entry, None),
        };
        Some(Self { hosts: Hosts::parse(hosts)?, port })
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some((address, prefix)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let prefix = prefix.parse().ok().filter(|prefix| *prefix <= bits(address))?;
            return Some(Self::Network(address, prefix));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Network(address.to_canonical(), bits(address.to_canonical())));
        }
        let name = text.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(text);
        let name = name.strip_prefix('.').unwrap_or(name);
        let name = name.strip_suffix('.').unwrap_or(name);
        (!name.is_empty()).then(|| Self::Domain(name.to_ascii_lowercase()))
    }

    fn contain(&self, host: &str, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::All, _) => true,
            (Self::Domain(name), None) => {
                host.strip_suffix(name.as_str()).is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            (Self::Network(network, prefix), Some(address)) => {
                // An IPv4 address may be written as one of IPv6 (`::ffff:192.0.2.1`).
                let address = if network.is_ipv4() { address.to_canonical() } else { address };
                is_within(address, *network, *prefix)
            }
            _ => false,
        }
    }
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether two addresses of one family have their first bits in common.
fn is_within(address: IpAddr, network: IpAddr, prefix: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).checked_shr(32 - prefix).unwrap_or(0) == 0,
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).checked_shr(128 - prefix).unwrap_or(0) == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(list: &str, direct: &[&str], proxied: &[&str]) {
        let no_proxy = NoProxy::parse(list);
        for host in direct {
            assert!(no_proxy.contains(host, 443), "`{host}` is in `{list}`");
        }
        for host in proxied {
            assert!(!no_proxy.contains(host, 443), "`{host}` is not in `{list}`");
        }
    }

    #[test]
    fn names_and_what_is_below_them() {
        let (direct, proxied) = (
            ["example.com", "a.b.example.com", "EXAMPLE.com", "example.com."],
            ["notexample.com", "com", "example.com.evil", "", "example.org"],
        );
        for list in [
            "example.com",
            ".example.com",
            "*.example.com",
            "Example.COM",
            "example.com.",
            "x,example.com",
            " x , example.com ,",
        ] {
            check(list, &direct, &proxied);
        }
        check("localhost", &["localhost", "a.localhost"], &["127.0.0.1", "::1"]);
    }

    #[test]
    fn everything_and_nothing() {
        check("*", &["example.com", "127.0.0.1", "::1", ""], &[]);
        check("a, *", &["example.com"], &[]);
        for list in [
            "",
            " ",
            ",",
            ".",
            "*.",
            "/",
            ":",
            "[",
            "[]",
            "a/8",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "[::1]x",
            "example.com:no",
            "10.0.0.0/-1",
        ] {
            check(list, &[], &["example.com", "a", "10.0.0.0", "::1", "::", ""]);
        }
    }

    #[test]
    fn lists_may_be_separated_by_white_space() {
        check("one two\tthree\n,four", &["one", "two", "three", "four"], &["five"]);
    }

    #[test]
    fn addresses_and_networks() {
        check("127.0.0.1", &["127.0.0.1", "::ffff:127.0.0.1"], &["127.0.0.2", "1.127.0.0.1", "127.0.0.1.example"]);
        check("10.1.0.0/16", &["10.1.0.0", "10.1.255.255"], &["10.2.0.0", "10.0.255.255", "::"]);
        check("10.1.0.0/32", &["10.1.0.0"], &["10.1.0.1"]);
        check("0.0.0.0/0", &["1.2.3.4"], &["::1", "example.com"]);
        check("::1", &["::1", "0:0:0:0:0:0:0:1"], &["::2"]);
        check("[::1]", &["::1"], &["::2"]);
        check("fd00::/8", &["fd12::1", "FD12::1"], &["fe00::1", "10.0.0.1"]);
        check("::/0", &["::1", "fd00::"], &["10.0.0.1"]);
        check("::ffff:10.0.0.1", &["10.0.0.1"], &["10.0.0.2"]);
    }

    #[test]
    fn ports() {
        for (list, host) in [
            ("example.com:8080", "a.example.com"),
            ("10.0.0.0/8:8080", "10.1.1.1"),
            ("[::1]:8080", "::1"),
            ("*:8080", "x"),
        ] {
            let no_proxy = NoProxy::parse(list);
            assert!(no_proxy.contains(host, 8080) && !no_proxy.contains(host, 443), "{list}");
        }
    }

    proptest! {
        #[test]
        fn a_domain_stands_for_itself_and_all_below(
            domain in "[a-z]{1,8}(\\.[a-z0-9-]{1,8}){0,3}",
            below in "[a-z]{1,8}",
            start in "(|\\.|\\*\\.)",
            port: u16,
        ) {
            let list = NoProxy::parse(&format!("other.example, {start}{domain}"));
            prop_assert!(list.contains(&domain, port));
            let (subdomain, longer) = (format!("{below}.{domain}"), format!("{below}{domain}"));
            prop_assert!(list.contains(&subdomain, port));
            prop_assert!(!list.contains(&longer, port));
        }

        #[test]
        fn a_network_is_its_first_bits(network: u32, address: u32, prefix in 0u32..=32) {
            let list = NoProxy::parse(&format!("{}/{prefix}", Ipv4Addr::from_bits(network)));
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            for address in [address, network ^ (address & !mask), network] {
                let host = Ipv4Addr::from_bits(address);
                prop_assert_eq!(list.contains(&host.to_string(), 1), address & mask == network & mask);
                prop_assert_eq!(list.contains(&host.to_ipv6_mapped().to_string(), 1), address & mask == network & mask);
            }
        }

        #[test]
        fn a_network_of_ipv6_is_its_first_bits(network: u128, address: u128, prefix in 0u32..=128) {
            let list = NoProxy::parse(&format!("{}/{prefix}", Ipv6Addr::from_bits(network)));
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            for address in [address, network ^ (address & !mask), network] {
                let host = Ipv6Addr::from_bits(address).to_string();
                prop_assert_eq!(list.contains(&host, 1), address & mask == network & mask);
            }
        }
    }
}

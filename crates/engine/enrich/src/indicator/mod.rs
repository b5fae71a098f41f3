//! Indicators: the addresses and names in an event that something can be known about.

mod address;
mod name;
mod roles;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use address::AddressClass;
pub use name::NameParts;
pub(crate) use name::is_within;
pub use roles::{Found, Group, Role, find};

/// An indicator in its one form: names in lower case without a final dot, IPv4 addresses that
/// were written as IPv6 (`::ffff:1.2.3.4`) as IPv4.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Indicator {
    /// A domain name of at least two labels.
    Domain(Box<str>),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

/// What an indicator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndicatorType {
    /// A domain name.
    Domain,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
}

impl IndicatorType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Domain, Self::Ipv4, Self::Ipv6];

    /// The name in the `type` field and in addresses of the Silent Push API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    /// The name in ECS (`threat.enrichments.indicator.type`, after STIX).
    pub fn ecs_name(self) -> &'static str {
        match self {
            Self::Domain => "domain-name",
            Self::Ipv4 => "ipv4-addr",
            Self::Ipv6 => "ipv6-addr",
        }
    }
}

impl Indicator {
    /// An address. Brackets and a zone (`[fe80::1%eth0]`) are taken off.
    pub fn address(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let bare = bare.split_once('%').map_or(bare, |(address, _zone)| address);
        bare.parse::<IpAddr>().ok().map(Self::from)
    }

    /// A domain name.
    pub fn domain(text: &str) -> Option<Self> {
        name::normalise(text.trim()).map(|name| Self::Domain(name.into()))
    }

    /// An address, or else a domain name.
    pub fn either(text: &str) -> Option<Self> {
        Self::address(text).or_else(|| Self::domain(text))
    }

    /// The host of a URL: what stands between `scheme://` (with user and password) and the port.
    pub fn host_of_url(url: &str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#', '\\']).next()?;
        let host_and_port = authority.rsplit('@').next()?;
        let host = match host_and_port.strip_prefix('[') {
            Some(v6) => v6.split(']').next()?,
            None => host_and_port.split(':').next()?,
        };
        Self::either(host)
    }

    /// Its type.
    pub fn kind(&self) -> IndicatorType {
        match self {
            Self::Domain(_) => IndicatorType::Domain,
            Self::V4(_) => IndicatorType::Ipv4,
            Self::V6(_) => IndicatorType::Ipv6,
        }
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Domain(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// Whether it means anything outside the network it was seen in. Nothing else is ever told
    /// to a provider elsewhere.
    pub fn is_public(&self) -> bool {
        match self {
            Self::Domain(name) => name::is_public(name),
            Self::V4(address) => AddressClass::of(IpAddr::V4(*address)) == AddressClass::Public,
            Self::V6(address) => AddressClass::of(IpAddr::V6(*address)) == AddressClass::Public,
        }
    }
}

impl From<IpAddr> for Indicator {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl fmt::Display for Indicator {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(name) => to.write_str(name),
            Self::V4(address) => address.fmt(to),
            Self::V6(address) => address.fmt(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(indicator: Option<Indicator>) -> Option<String> {
        indicator.map(|indicator| format!("{} {indicator}", indicator.kind().name()))
    }

    #[test]
    fn addresses_come_to_one_form() {
        for (text, expected) in [
            ("192.0.2.1", Some("ipv4 192.0.2.1")),
            (" ::FFFF:192.0.2.1 ", Some("ipv4 192.0.2.1")),
            ("2001:DB8:0:0::1", Some("ipv6 2001:db8::1")),
            ("[fe80::1%eth0]", Some("ipv6 fe80::1")),
            ("192.0.2.256", None),
            ("192.0.2.1:80", None),
            ("UNKNOWN", None),
        ] {
            assert_eq!(shown(Indicator::address(text)).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_host_is_found_in_urls() {
        for (url, expected) in [
            ("https://user:p@ss@Www.Shop.de:8443/a?b#c", Some("domain www.shop.de")),
            ("http://[2001:db8::1]:80/", Some("ipv6 2001:db8::1")),
            ("http://192.0.2.1?x", Some("ipv4 192.0.2.1")),
            ("http://evil.de\\@good.de/", Some("domain evil.de")),
            ("/index.html", None),
            ("http://localhost/", None),
            ("http:///x", None),
        ] {
            assert_eq!(shown(Indicator::host_of_url(url)).as_deref(), expected, "{url}");
        }
    }
}

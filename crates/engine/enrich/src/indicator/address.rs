//! What kind of address an IP address is, after the special-purpose registries of IANA
//! (RFC 6890 and the registries it set up).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The class of an address. Only [`AddressClass::Public`] ones mean anything outside their own
/// network, and only they are ever asked about elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// Reachable from everywhere.
    Public,
    /// RFC 1918.
    Private,
    /// IPv6's counterpart, fc00::/7 (RFC 4193).
    UniqueLocal,
    /// This host.
    Loopback,
    /// This link.
    LinkLocal,
    /// A group.
    Multicast,
    /// The whole link.
    Broadcast,
    /// No address at all: `0.0.0.0`, `::`.
    Unspecified,
    /// For examples in documents (RFC 5737, 3849, 9637).
    Documentation,
    /// Shared between a carrier and its customers: 100.64.0.0/10 (RFC 6598).
    CarrierGradeNat,
    /// For tests of network devices (RFC 2544, 5180).
    Benchmarking,
    /// An IPv4 address carried in IPv6: NAT64, 6to4, Teredo.
    Translation,
    /// Set aside for anything else.
    Reserved,
}

impl AddressClass {
    /// The name in the `address_class` field.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::UniqueLocal => "unique_local",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link_local",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Unspecified => "unspecified",
            Self::Documentation => "documentation",
            Self::CarrierGradeNat => "carrier_grade_nat",
            Self::Benchmarking => "benchmarking",
            Self::Translation => "translation",
            Self::Reserved => "reserved",
        }
    }

    /// The class of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [0, 0, 0, 0] => Self::Unspecified,
            [255, 255, 255, 255] => Self::Broadcast,
            [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Self::Private,
            [127, ..] => Self::Loopback,
            [169, 254, ..] => Self::LinkLocal,
            [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Self::Documentation,
            [100, 64..=127, ..] => Self::CarrierGradeNat,
            [198, 18..=19, ..] => Self::Benchmarking,
            [224..=239, ..] => Self::Multicast,
            // This network, IETF protocol assignments, 6to4 relays, AMT, AS112, class E.
            [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [192, 52, 193, _] | [192, 31, 196, _] => Self::Reserved,
            [192, 175, 48, _] | [240..=255, ..] => Self::Reserved,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if let Some(address) = address.to_ipv4_mapped() {
            return Self::of_v4(address);
        }
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Unspecified,
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xfc00..=0xfdff, ..] => Self::UniqueLocal,
            [0xff00..=0xffff, ..] => Self::Multicast,
            [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Self::Documentation,
            [0x2001, 2, 0, ..] => Self::Benchmarking,
            [0x64, 0xff9b, ..] | [0x2002, ..] | [0x2001, 0, ..] => Self::Translation,
            // The rest of 2001::/23 is for protocols.
            [0x2001, 0..=0x01ff, ..] => Self::Reserved,
            // Global unicast addresses are given out of 2000::/3 only.
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Reserved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_network_has_its_class() {
        let cases = [
            ("8.8.8.8", AddressClass::Public),
            ("1.1.1.1", AddressClass::Public),
            ("172.15.255.255", AddressClass::Public),
            ("172.16.0.1", AddressClass::Private),
            ("172.32.0.1", AddressClass::Public),
            ("10.1.2.3", AddressClass::Private),
            ("192.168.1.1", AddressClass::Private),
            ("127.8.8.8", AddressClass::Loopback),
            ("169.254.1.1", AddressClass::LinkLocal),
            ("224.0.0.251", AddressClass::Multicast),
            ("255.255.255.255", AddressClass::Broadcast),
            ("250.1.1.1", AddressClass::Reserved),
            ("0.0.0.0", AddressClass::Unspecified),
            ("0.1.2.3", AddressClass::Reserved),
            ("192.0.2.9", AddressClass::Documentation),
            ("198.51.100.9", AddressClass::Documentation),
            ("203.0.113.9", AddressClass::Documentation),
            ("100.63.255.255", AddressClass::Public),
            ("100.64.0.1", AddressClass::CarrierGradeNat),
            ("100.128.0.1", AddressClass::Public),
            ("198.19.255.255", AddressClass::Benchmarking),
            ("192.0.0.8", AddressClass::Reserved),
            ("::", AddressClass::Unspecified),
            ("::1", AddressClass::Loopback),
            ("::ffff:10.0.0.1", AddressClass::Private),
            ("fe80::1", AddressClass::LinkLocal),
            ("fd00::1", AddressClass::UniqueLocal),
            ("ff02::fb", AddressClass::Multicast),
            ("2001:db8::1", AddressClass::Documentation),
            ("3fff:fff::1", AddressClass::Documentation),
            ("3fff:1000::1", AddressClass::Public),
            ("2001:2::1", AddressClass::Benchmarking),
            ("2001:0:1::1", AddressClass::Translation),
            ("2002:c000:201::1", AddressClass::Translation),
            ("64:ff9b::808:808", AddressClass::Translation),
            ("2001:20::1", AddressClass::Reserved),
            ("2001:4860:4860::8888", AddressClass::Public),
            ("2a00:1450::1", AddressClass::Public),
            ("4000::1", AddressClass::Reserved),
        ];
        for (text, class) in cases {
            assert_eq!(AddressClass::of(text.parse().expect("an address")), class, "{text}");
        }
    }
}

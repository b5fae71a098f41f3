//! IP addresses as text that sorts as addresses do: 32 hexadecimal digits, IPv4 mapped into IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address, or none if the text is no address.
pub(crate) fn parse(text: &str) -> Option<Ipv6Addr> {
    Some(match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    })
}

/// The key an address is indexed by.
pub(crate) fn key(address: Ipv6Addr) -> String {
    format!("{:032x}", address.to_bits())
}

/// The first and last address of a network such as `10.0.0.0/8` or `2001:db8::/32`.
pub(crate) fn network(text: &str) -> Option<(Ipv6Addr, Ipv6Addr)> {
    let (address, length) = text.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let (bits, host_bits) = match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => (address.to_ipv6_mapped().to_bits(), 32u32.checked_sub(length)?),
        IpAddr::V6(address) => (address.to_bits(), 128u32.checked_sub(length)?),
    };
    let hosts = if host_bits == 128 { u128::MAX } else { (1u128 << host_bits) - 1 };
    Some((Ipv6Addr::from_bits(bits & !hosts), Ipv6Addr::from_bits(bits | hosts)))
}

/// The address of a key, as people write it.
pub(crate) fn from_key(key: &str) -> String {
    let address = Ipv6Addr::from_bits(u128::from_str_radix(key, 16).unwrap_or_default());
    address.to_ipv4_mapped().map_or_else(|| address.to_string(), |v4: Ipv4Addr| v4.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_addresses_and_come_back() {
        let texts = ["::1", "0.0.0.1", "9.255.0.1", "10.0.0.1", "192.168.0.2", "2001:db8::1"];
        let keys: Vec<String> = texts.iter().map(|text| key(parse(text).expect("address"))).collect();
        assert!(keys.is_sorted());
        assert_eq!(keys.iter().map(|key| from_key(key)).collect::<Vec<_>>(), texts);
        assert_eq!(parse("10.0.0.300"), None);
    }

    #[test]
    fn networks_have_a_first_and_a_last_address() {
        let ends = |text: &str| network(text).map(|(a, b)| (from_key(&key(a)), from_key(&key(b))));
        assert_eq!(ends("10.1.2.3/8"), Some(("10.0.0.0".into(), "10.255.255.255".into())));
        assert_eq!(ends("2001:db8::/127"), Some(("2001:db8::".into(), "2001:db8::1".into())));
        assert_eq!(ends("0.0.0.0/0"), Some(("0.0.0.0".into(), "255.255.255.255".into())));
        assert_eq!(ends("10.0.0.0/33"), None);
    }
}

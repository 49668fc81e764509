//! Whether an address may be connected to.
//!
//! What is not public stands in the registries of special-purpose addresses of IANA (RFC 6890 and its updates). Of IPv6 only
//! global unicast, `2000::/3`, is public at all. Addresses of IPv4 that are carried in ones of IPv6 are judged as what they are:
//! mapped ones (RFC 4291, 2.5.5.2), those behind `NAT64` (RFC 6052) and those of `6to4` (RFC 3056).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::Range;

/// Why an address may not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// This machine itself.
    Loopback,
    /// The network that it stands in, or one that no route leads to from outside.
    Private,
    /// Only on this wire: the metadata services of clouds, for one.
    LinkLocal,
    /// Between a provider and its customers.
    Shared,
    /// Many at once.
    Multicast,
    /// Nobody in particular.
    Unspecified,
    /// Kept for something else than hosts.
    Reserved,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "this machine itself",
            Self::Private => "a private network",
            Self::LinkLocal => "on this wire alone",
            Self::Shared => "between a provider and its customers",
            Self::Multicast => "multicast",
            Self::Unspecified => "no address of anybody",
            Self::Reserved => "reserved",
        })
    }
}

/// What of IPv4 is not public: the first address, the bits of its prefix, and why.
const SPECIAL: [(Ipv4Addr, u32, Why); 17] = [
    (Ipv4Addr::UNSPECIFIED, 8, Why::Unspecified),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Why::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Why::Shared),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Why::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Why::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Why::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Why::Reserved),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Why::Reserved),
    (Ipv4Addr::new(192, 31, 196, 0), 24, Why::Reserved),
    (Ipv4Addr::new(192, 52, 193, 0), 24, Why::Reserved),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Why::Reserved),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Why::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Why::Reserved),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Why::Reserved),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Why::Reserved),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Why::Multicast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Why::Reserved),
];

/// Whether an address may be connected to: a public one, or one in a range of `allowed`. An address of IPv4 that is carried in
/// one of IPv6 is allowed by a range of either.
///
/// # Errors
/// [`Why`] it may not.
pub fn judge(address: IpAddr, allowed: &[Range]) -> Result<(), Why> {
    if allowed.iter().any(|range| range.has(address)) {
        return Ok(());
    }
    match address {
        IpAddr::V4(four) => special(four).map_or(Ok(()), Err),
        IpAddr::V6(six) => match carried(six) {
            Some(four) => judge(four.into(), allowed),
            None => special_six(six).map_or(Ok(()), Err),
        },
    }
}

fn special(address: Ipv4Addr) -> Option<Why> {
    let high = |address: Ipv4Addr, bits: u32| address.to_bits() >> (32 - bits);
    SPECIAL.iter().find(|(first, bits, _)| high(*first, *bits) == high(address, *bits)).map(|(_, _, why)| *why)
}

/// An address of IPv4 that traffic to this one ends at.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let four = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            four(high, low)
        }
        _ => None,
    }
}

fn special_six(address: Ipv6Addr) -> Option<Why> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Why::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Why::Loopback),
        [first, ..] if first & 0xfe00 == 0xfc00 => Some(Why::Private),
        // Site-local addresses were taken back (RFC 3879), and still lead to private networks.
        [first, ..] if first & 0xffc0 == 0xfec0 => Some(Why::Private),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some(Why::LinkLocal),
        [first, ..] if first & 0xff00 == 0xff00 => Some(Why::Multicast),
        // Teredo, ORCHID, benchmarks and documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => Some(Why::Reserved),
        [0x3fff, second, ..] if second < 0x1000 => Some(Why::Reserved),
        // AS112.
        [0x2620, 0x4f, 0x8000, ..] => Some(Why::Reserved),
        [first, ..] if first & 0xe000 == 0x2000 => None,
        _ => Some(Why::Reserved),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Result<(), Why>) {
        assert_eq!(judge(address.parse().unwrap(), &[]), expected, "{address}");
    }

    #[test]
    fn public_addresses_pass() {
        for address in
            ["8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"]
        {
            check(address, Ok(()));
        }
        for address in
            ["128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "223.255.255.255"]
        {
            check(address, Ok(()));
        }
        for address in ["2606:4700::1111", "2a00::1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            check(address, Ok(()));
        }
        check("2002:808:808::1", Ok(()));
    }

    #[test]
    fn what_is_not_public_is_refused() {
        check("127.0.0.1", Err(Why::Loopback));
        check("127.255.255.254", Err(Why::Loopback));
        check("10.0.0.1", Err(Why::Private));
        check("172.16.0.1", Err(Why::Private));
        check("172.31.255.255", Err(Why::Private));
        check("192.168.1.1", Err(Why::Private));
        check("169.254.169.254", Err(Why::LinkLocal));
        check("100.64.0.1", Err(Why::Shared));
        check("100.127.255.255", Err(Why::Shared));
        check("224.0.0.1", Err(Why::Multicast));
        check("239.255.255.255", Err(Why::Multicast));
        check("0.0.0.0", Err(Why::Unspecified));
        check("0.1.2.3", Err(Why::Unspecified));
        for address in
            ["255.255.255.255", "240.0.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "203.0.113.9"]
        {
            check(address, Err(Why::Reserved));
        }
    }

    #[test]
    fn what_is_not_public_in_ipv6_is_refused() {
        check("::", Err(Why::Unspecified));
        check("::1", Err(Why::Loopback));
        check("fc00::1", Err(Why::Private));
        check("fdff::1", Err(Why::Private));
        check("fec0::1", Err(Why::Private));
        check("fe80::1", Err(Why::LinkLocal));
        check("febf::1", Err(Why::LinkLocal));
        check("fd00:ec2::254", Err(Why::Private));
        check("ff02::1", Err(Why::Multicast));
        for address in
            ["100::1", "2001::1", "2001:db8::1", "3fff::1", "5f00::1", "64:ff9b:1::1", "::127.0.0.1", "4000::1"]
        {
            check(address, Err(Why::Reserved));
        }
    }

    #[test]
    fn what_is_carried_is_judged() {
        check("::ffff:127.0.0.1", Err(Why::Loopback));
        check("::ffff:169.254.169.254", Err(Why::LinkLocal));
        check("::ffff:10.0.0.1", Err(Why::Private));
        check("64:ff9b::7f00:1", Err(Why::Loopback));
        check("64:ff9b::a9fe:a9fe", Err(Why::LinkLocal));
        check("2002:7f00:1::", Err(Why::Loopback));
        check("2002:a00:1::1", Err(Why::Private));
    }

    #[test]
    fn what_the_operator_lists_passes_and_nothing_beside_it() {
        let allowed = ["10.1.0.0/16".parse().unwrap(), "fd00::/16".parse().unwrap()];
        let passes = |address: &str| judge(address.parse().unwrap(), &allowed).is_ok();
        assert!(passes("10.1.2.3") && passes("::ffff:10.1.2.3") && passes("fd00::1"));
        assert!(!passes("10.2.0.1") && !passes("fd01::1") && !passes("127.0.0.1") && !passes("::ffff:127.0.0.1"));
    }

    proptest! {
        #[test]
        fn an_address_is_judged_alike_wherever_it_is_carried(bits in any::<u32>()) {
            let four = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = four.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let expected = judge(four.into(), &[]);
            for six in [four.to_ipv6_mapped(), Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low), Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1)] {
                prop_assert_eq!(judge(six.into(), &[]), expected, "{}", six);
            }
        }

        #[test]
        fn what_the_standard_library_calls_private_is_refused(bits in any::<u32>(), six in any::<u128>()) {
            let four = Ipv4Addr::from_bits(bits);
            let odd = four.is_private() || four.is_loopback() || four.is_link_local() || four.is_multicast()
                || four.is_broadcast() || four.is_documentation() || four.is_unspecified();
            prop_assert!(!odd || judge(four.into(), &[]).is_err());
            let six = Ipv6Addr::from_bits(six);
            let odd = six.is_loopback() || six.is_multicast() || six.is_unique_local() || six.is_unicast_link_local() || six.is_unspecified();
            prop_assert!(!odd || judge(six.into(), &[]).is_err());
        }
    }
}

//! Addresses as Go's `net/netip` reads them. The standard library accepts the same ones; what is wrong with one, only Go says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::engine::cel::library::go;

/// An address, and whether a zone came with it (`fe80::1%eth0`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::cel::library) struct Address {
    pub(in crate::engine::cel::library) ip: IpAddr,
    pub(in crate::engine::cel::library) zoned: bool,
}

/// # Errors
/// As `netip.ParseAddr` words them.
pub(in crate::engine::cel::library) fn address(text: &str) -> Result<Address, String> {
    match text.bytes().find(|byte| matches!(byte, b'.' | b':' | b'%')) {
        Some(b'.') => v4(text, text).map(|octets| Address { ip: IpAddr::V4(Ipv4Addr::from(octets)), zoned: false }),
        Some(b':') => v6(text),
        Some(_) => Err(wrong(text, "missing IPv6 address", "")),
        None => Err(wrong(text, "unable to parse IP", "")),
    }
}

/// `part` is all of it, or the end of an IPv6 address.
fn v4(all: &str, part: &str) -> Result<[u8; 4], String> {
    let mut octets = [0; 4];
    let mut octets_left = octets.iter_mut();
    let mut octet = octets_left.next();
    let (mut value, mut digits) = (0_u8, 0);
    for (i, byte) in part.bytes().enumerate() {
        let here = || part.get(i..).unwrap_or_default();
        match byte {
            b'0'..=b'9' if digits == 1 && value == 0 => {
                return Err(wrong(all, "IPv4 field has octet with leading zero", ""));
            }
            b'0'..=b'9' => {
                let next = value.checked_mul(10).and_then(|value| value.checked_add(byte - b'0'));
                value = next.ok_or_else(|| wrong(all, "IPv4 field has value >255", ""))?;
                digits += 1;
            }
            b'.' if digits == 0 || i + 1 == part.len() => {
                return Err(wrong(all, "IPv4 field must have at least one digit", here()));
            }
            b'.' => {
                if let Some(octet) = octet {
                    *octet = value;
                }
                octet = octets_left.next();
                if octet.is_none() {
                    return Err(wrong(all, "IPv4 address too long", ""));
                }
                (value, digits) = (0, 0);
            }
            _ => return Err(wrong(all, "unexpected character", here())),
        }
    }
    match (octet, octets_left.next()) {
        (Some(octet), None) => *octet = value,
        _ => return Err(wrong(all, "IPv4 address too short", "")),
    }
    Ok(octets)
}

fn v6(all: &str) -> Result<Address, String> {
    let (mut rest, zoned) = match all.split_once('%') {
        Some((_, "")) => return Err(wrong(all, "zone must be a non-empty string", "")),
        Some((address, _)) => (address, true),
        None => (all, false),
    };
    let mut groups: Vec<u16> = Vec::with_capacity(8);
    // Before which group `::` stands.
    let mut gap = None;
    if let Some(after) = rest.strip_prefix("::") {
        (gap, rest) = (Some(0), after);
    }
    while groups.len() < 8 && !(rest.is_empty() && gap == Some(groups.len())) {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits > 4 {
            return Err(wrong(all, "each group must have 4 or less digits", rest));
        }
        let (group, after) = rest.split_at(digits);
        let Ok(value) = u16::from_str_radix(group, 16) else {
            return Err(wrong(all, "each colon-separated field must have at least one digit", rest));
        };
        if after.starts_with('.') {
            if gap.is_none() && groups.len() != 6 {
                let why = "embedded IPv4 address must replace the final 2 fields of the address";
                return Err(wrong(all, why, rest));
            }
            if groups.len() > 6 {
                let why = "too many hex fields to fit an embedded IPv4 at the end of the address";
                return Err(wrong(all, why, rest));
            }
            let [a, b, c, d] = v4(all, rest)?;
            groups.extend([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]);
            rest = "";
            break;
        }
        groups.push(value);
        rest = after;
        if rest.is_empty() {
            break;
        }
        let Some(after) = rest.strip_prefix(':') else {
            return Err(wrong(all, "unexpected character, want colon", rest));
        };
        if after.is_empty() {
            return Err(wrong(all, "colon must be followed by more characters", rest));
        }
        rest = after;
        if let Some(after) = rest.strip_prefix(':') {
            if gap.is_some() {
                return Err(wrong(all, "multiple :: in address", rest));
            }
            (gap, rest) = (Some(groups.len()), after);
        }
    }
    if !rest.is_empty() {
        return Err(wrong(all, "trailing garbage after address", rest));
    }
    let missing = 8 - groups.len();
    match gap {
        None if missing > 0 => return Err(wrong(all, "address string too short", "")),
        Some(_) if missing == 0 => return Err(wrong(all, "the :: must expand to at least one field of zeros", "")),
        Some(gap) => drop(groups.splice(gap..gap, std::iter::repeat_n(0, missing))),
        None => {}
    }
    let mut segments = [0; 8];
    for (segment, group) in segments.iter_mut().zip(groups) {
        *segment = group;
    }
    Ok(Address { ip: IpAddr::V6(Ipv6Addr::from(segments)), zoned })
}

fn wrong(all: &str, why: &str, at: &str) -> String {
    let all = go::quote(all);
    if at.is_empty() {
        format!("ParseAddr({all}): {why}")
    } else {
        format!("ParseAddr({all}): {why} (at {})", go::quote(at))
    }
}

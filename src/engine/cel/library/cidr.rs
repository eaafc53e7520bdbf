//! CIDR ranges.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::engine::cel::{
    functions::{Answer, Call, Failure, Overload},
    library::{
        go,
        ip::{self, Ip},
    },
    run::cost,
    types::Type,
    value::Value,
};

/// An address and how much of it is the network: `10.0.0.0/8`, or `10.1.2.3/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

pub fn functions() -> Vec<Overload> {
    let contains_ip = |id, other| {
        let overload = Overload::member("containsIP", id, [type_of(), other], Type::Bool, contains_ip);
        overload.costing(|args, _| cost_of_ip(args))
    };
    let contains_cidr = |id, other| {
        let overload = Overload::member("containsCIDR", id, [type_of(), other], Type::Bool, contains_cidr);
        overload.costing(|args, _| cost_of_range(args))
    };
    vec![
        Overload::global("cidr", "string_to_cidr", [Type::String], type_of(), to_cidr)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::global("isCIDR", "is_cidr", [Type::String], Type::Bool, is_cidr)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::global("string", "cidr_to_string", [type_of()], Type::String, to_string),
        contains_ip("cidr_contains_ip_string", Type::String)
            .costing_if_known(|args, _| cost_of_ip(args).saturating_add(cost_of_parsing(args))),
        contains_ip("cidr_contains_ip_ip", ip::type_of()),
        contains_cidr("cidr_contains_cidr_string", Type::String)
            .costing_if_known(|args, _| cost_of_range(args).saturating_add(cost_of_parsing(args))),
        contains_cidr("cidr_contains_cidr", type_of()),
        Overload::member("ip", "cidr_ip", [type_of()], ip::type_of(), to_ip),
        Overload::member("prefixLength", "cidr_prefix_length", [type_of()], Type::Int, prefix_length),
        Overload::member("masked", "cidr_masked", [type_of()], type_of(), masked),
    ]
}

// === impl Cidr ===

impl Cidr {
    /// # Errors
    /// As the API server words them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: String| {
            let text = go::quote(text);
            format!("network address parse error during conversion from string: netip.ParsePrefix({text}): {why}")
        };
        let (address, bits) = text.rsplit_once('/').ok_or_else(|| wrong("no '/'".to_owned()))?;
        let address = ip::address(address).map_err(wrong)?;
        if address.zoned {
            return Err(wrong("IPv6 zones cannot be present in a prefix".to_owned()));
        }
        let signed_or_padded = bits.len() > 1 && !bits.starts_with(|digit| matches!(digit, '1'..='9'));
        let number = if signed_or_padded { None } else { bits.parse::<u64>().ok() };
        let number = number.ok_or_else(|| wrong(format!("bad bits after slash: {}", go::quote(bits))))?;
        let most = if address.ip.is_ipv4() { 32 } else { 128 };
        let bits = u8::try_from(number).ok().filter(|bits| *bits <= most);
        let bits = bits.ok_or_else(|| wrong("prefix length out of range".to_owned()))?;
        if ip::is_mapped(address.ip) {
            return Err(ip::mapped(text));
        }
        Ok(Self { address: address.ip, bits })
    }

    /// Of its network part, in bytes.
    pub fn size(&self) -> u64 {
        u64::from(self.bits.div_ceil(8))
    }

    #[must_use]
    pub fn masked(self) -> Self {
        let address = match self.address {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & mask))
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
            }
        };
        Self { address, ..self }
    }

    pub fn contains(self, ip: IpAddr) -> bool {
        self.address.is_ipv4() == ip.is_ipv4() && Self { address: ip, ..self }.masked() == self.masked()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn type_of() -> Type {
    Type::opaque("net.CIDR")
}

fn cost_of_ip(args: &[Value<'_>]) -> u64 {
    cost::rewriting(cost::size_of(args, 0))
}

/// The range is masked once more.
fn cost_of_range(args: &[Value<'_>]) -> u64 {
    cost_of_ip(args) + cost::traversal(cost::size_of(args, 0)) + 1
}

fn cost_of_parsing(args: &[Value<'_>]) -> u64 {
    cost::traversal(cost::size_of(args, 1))
}

fn to_cidr<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    parse(text(call)?).map(Value::Cidr)
}

fn is_cidr<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(Cidr::parse(text(call)?).is_ok()))
}

fn to_string<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    cidr(call).map(|cidr| Value::text(cidr.to_string()))
}

fn to_ip<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    cidr(call).map(|cidr| Value::Ip(Ip(cidr.address)))
}

fn prefix_length<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    cidr(call).map(|cidr| Value::Int(i64::from(cidr.bits)))
}

fn masked<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    cidr(call).map(|cidr| Value::Cidr(cidr.masked()))
}

/// What is no address is no overload, and not why.
fn contains_ip<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (range, ip) = match call.args {
        [Value::Cidr(range), Value::Ip(ip)] => (range, *ip),
        [Value::Cidr(range), Value::String(text)] => {
            (range, Ip::parse(text.as_str()).map_err(|_| Failure::no_such_overload())?)
        }
        _ => return Err(Failure::no_such_overload()),
    };
    Ok(Value::Bool(range.contains(ip.0)))
}

fn contains_cidr<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (range, other) = match call.args {
        [Value::Cidr(range), Value::Cidr(other)] => (range, *other),
        [Value::Cidr(range), Value::String(text)] => (range, parse(text.as_str())?),
        _ => return Err(Failure::no_such_overload()),
    };
    Ok(Value::Bool(range.bits <= other.bits && range.contains(other.address)))
}

/// The API server says it twice.
fn parse(text: &str) -> Result<Cidr, Failure> {
    let twice = |why| Failure::error(format!("network address parse error during conversion from string: {why}"));
    Cidr::parse(text).map_err(twice)
}

fn cidr<'m>(call: &Call<'m, '_>) -> Result<&'m Cidr, Failure> {
    match call.args {
        [Value::Cidr(cidr)] => Ok(cidr),
        _ => Err(Failure::no_such_overload()),
    }
}

fn text<'m>(call: &Call<'m, '_>) -> Result<&'m str, Failure> {
    call.args.first().and_then(Value::as_str).ok_or_else(Failure::no_such_overload)
}

#[cfg(test)]
mod tests;

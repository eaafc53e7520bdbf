//! IP addresses, as Kubernetes' CEL takes them: no zones, and no IPv4 in IPv6.

mod parse;

use std::{fmt, net::IpAddr};

use crate::engine::cel::{
    functions::{Answer, Call, Failure, Overload, Run},
    library::go,
    run::cost,
    types::Type,
    value::Value,
};

pub(super) use parse::address;

/// An address, of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ip(pub IpAddr);

pub fn functions() -> Vec<Overload> {
    let questions: [(&str, &str, Run); 5] = [
        ("isUnspecified", "ip_is_unspecified", |call| ask(call, |ip| ip.0.is_unspecified())),
        ("isLoopback", "ip_is_loopback", |call| ask(call, |ip| ip.0.is_loopback())),
        ("isLinkLocalMulticast", "ip_is_link_local_multicast", |call| ask(call, Ip::is_link_local_multicast)),
        ("isLinkLocalUnicast", "ip_is_link_local_unicast", |call| ask(call, Ip::is_link_local_unicast)),
        ("isGlobalUnicast", "ip_is_global_unicast", |call| ask(call, Ip::is_global_unicast)),
    ];
    let questions = questions.map(|(function, id, run)| Overload::member(function, id, [type_of()], Type::Bool, run));
    let mut functions = vec![
        Overload::global("ip", "string_to_ip", [Type::String], type_of(), to_ip)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::global("isIP", "is_ip", [Type::String], Type::Bool, is_ip)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::global("ip.isCanonical", "ip_is_canonical", [Type::String], Type::Bool, is_canonical)
            .costing(|args, _| cost::rewriting(cost::size_of(args, 0))),
        Overload::global("string", "ip_to_string", [type_of()], Type::String, to_string),
        Overload::member("family", "ip_family", [type_of()], Type::Int, family),
    ];
    functions.extend(questions);
    functions
}

pub(super) fn type_of() -> Type {
    Type::opaque("net.IP")
}

// === impl Ip ===

impl Ip {
    /// # Errors
    /// As the API server words them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let address = address(text).map_err(|why| {
            format!("IP Address {} parse error during conversion from string: {why}", go::quote(text))
        })?;
        if address.zoned {
            return Err(format!("IP address {} with zone value is not allowed", go::quote(text)));
        }
        if is_mapped(address.ip) {
            return Err(mapped(text));
        }
        Ok(Self(address.ip))
    }

    /// In bytes.
    pub const fn size(&self) -> u64 {
        match self.0 {
            IpAddr::V4(_) => 4,
            IpAddr::V6(_) => 16,
        }
    }

    fn is_link_local_multicast(&self) -> bool {
        match self.0 {
            IpAddr::V4(ip) => matches!(ip.octets(), [224, 0, 0, _]),
            // Whatever its flags are.
            IpAddr::V6(ip) => matches!(ip.octets(), [0xff, scope, ..] if scope & 0x0f == 2),
        }
    }

    fn is_link_local_unicast(&self) -> bool {
        match self.0 {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
    }

    /// As Go has it: private addresses are global ones.
    fn is_global_unicast(&self) -> bool {
        let broadcast = matches!(self.0, IpAddr::V4(ip) if ip.is_broadcast());
        let of_no_one = self.0.is_unspecified() || self.0.is_loopback() || self.0.is_multicast();
        !(broadcast || of_no_one || self.is_link_local_unicast())
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `::ffff:1.2.3.4`.
pub(super) fn is_mapped(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some())
}

pub(super) fn mapped(text: &str) -> String {
    format!("IPv4-mapped IPv6 address {} is not allowed", go::quote(text))
}

fn to_ip<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ip::parse(text(call)?).map(Value::Ip).map_err(Failure::error)
}

fn is_ip<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(Ip::parse(text(call)?).is_ok()))
}

fn is_canonical<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let text = text(call)?;
    let ip = Ip::parse(text).map_err(Failure::error)?;
    Ok(Value::Bool(ip.to_string() == text))
}

fn to_string<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    ip(call).map(|ip| Value::text(ip.to_string()))
}

fn family<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    ip(call).map(|ip| Value::Int(if ip.0.is_ipv4() { 4 } else { 6 }))
}

fn ask<'a>(call: &mut Call<'_, 'a>, question: fn(&Ip) -> bool) -> Answer<'a> {
    ip(call).map(|ip| Value::Bool(question(ip)))
}

fn ip<'m>(call: &Call<'m, '_>) -> Result<&'m Ip, Failure> {
    match call.args {
        [Value::Ip(ip)] => Ok(ip),
        _ => Err(Failure::no_such_overload()),
    }
}

fn text<'m>(call: &Call<'m, '_>) -> Result<&'m str, Failure> {
    call.args.first().and_then(Value::as_str).ok_or_else(Failure::no_such_overload)
}

#[cfg(test)]
mod tests;

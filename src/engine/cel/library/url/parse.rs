//! Takes a URL apart.

use super::{
    escape::{self, Place, escape, unescape},
    lossy,
};
use crate::engine::cel::library::{go, ip};

/// The parts of a URL, as Go keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) scheme: String,
    /// What follows a scheme without a slash: `mailto:a@b`.
    opaque: String,
    user: Option<User>,
    host: Vec<u8>,
    path: Escaped,
    pub(super) raw_query: String,
    /// It ends with a `?`.
    asks_nothing: bool,
    /// It has a scheme and a path, and no `//`.
    omits_host: bool,
    fragment: Escaped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

/// A part with its meaning, and as it was written where it would be written another way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Escaped {
    plain: Vec<u8>,
    written: Option<String>,
}

// === impl Parts ===

impl Parts {
    /// A whole URL or an absolute path, without a fragment.
    ///
    /// # Errors
    /// In Go's words.
    pub(super) fn of_request(text: &str) -> Result<Self, String> {
        parse(text, true).map_err(|why| format!("parse {}: {why}", go::quote(text)))
    }

    /// With a fragment, and it may be relative.
    ///
    /// # Errors
    /// In Go's words.
    pub(super) fn of_reference(text: &str) -> Result<Self, String> {
        let (url, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut parts = parse(url, false).map_err(|why| format!("parse {}: {why}", go::quote(url)))?;
        let fragment = Escaped::parse(fragment, Place::Fragment);
        parts.fragment = fragment.map_err(|why| format!("parse {}: {why}", go::quote(text)))?;
        Ok(parts)
    }

    pub(super) fn host(&self) -> String {
        lossy(&self.host)
    }

    pub(super) fn escaped_path(&self) -> String {
        if self.path.written.is_none() && self.path.plain == b"*" {
            return "*".to_owned();
        }
        self.path.escaped(Place::Path)
    }

    /// As Go's `URL.String` puts it together again.
    pub(super) fn printed(&self) -> String {
        let mut text = String::new();
        if !self.scheme.is_empty() {
            text.extend([&self.scheme, ":"]);
        }
        if self.opaque.is_empty() {
            text.push_str(&self.printed_authority());
            let path = self.escaped_path();
            let first = path.split('/').next().unwrap_or_default();
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                text.push('/');
            } else if text.is_empty() && first.contains(':') {
                text.push_str("./");
            }
            text.push_str(&path);
        } else {
            text.push_str(&self.opaque);
        }
        if self.asks_nothing || !self.raw_query.is_empty() {
            text.extend(["?", &self.raw_query]);
        }
        if !self.fragment.plain.is_empty() {
            text.extend(["#", &self.fragment.escaped(Place::Fragment)]);
        }
        text
    }

    fn printed_authority(&self) -> String {
        let (has_host, has_user) = (!self.host.is_empty(), self.user.is_some());
        let something = has_host || has_user;
        let mut text = String::new();
        if something || !self.scheme.is_empty() && !self.omits_host && !self.path.plain.is_empty() {
            text.push_str("//");
        }
        if let Some(user) = &self.user {
            text.push_str(&escape(&user.name, Place::User));
            if let Some(password) = &user.password {
                text.extend([":", &escape(password, Place::User)]);
            }
            text.push('@');
        }
        text.push_str(&escape(&self.host, Place::Host));
        text
    }
}

// === impl Escaped ===

impl Escaped {
    fn parse(written: &str, place: Place) -> Result<Self, String> {
        let plain = unescape(written, place)?;
        let usual = escape(&plain, place) == written;
        Ok(Self { plain, written: (!usual).then(|| written.to_owned()) })
    }

    fn escaped(&self, place: Place) -> String {
        match &self.written {
            Some(written) if escape::is_encoded(written, place) => written.clone(),
            _ => escape(&self.plain, place),
        }
    }
}

fn parse(text: &str, of_request: bool) -> Result<Parts, String> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    if text.is_empty() && of_request {
        return Err("empty url".to_owned());
    }
    let mut parts = Parts::default();
    if text == "*" {
        parts.path.plain = b"*".to_vec();
        return Ok(parts);
    }
    let (scheme, rest) = split_scheme(text)?;
    parts.scheme = scheme.to_ascii_lowercase();
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    parts.asks_nothing = query == Some("");
    query.unwrap_or_default().clone_into(&mut parts.raw_query);
    if !rest.starts_with('/') {
        if !parts.scheme.is_empty() {
            rest.clone_into(&mut parts.opaque);
            return Ok(parts);
        }
        if of_request {
            return Err("invalid URI for request".to_owned());
        }
        if rest.split('/').next().is_some_and(|first| first.contains(':')) {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let may_have_host = !parts.scheme.is_empty() || !of_request && !rest.starts_with("///");
    let mut path = rest;
    if let Some(rest) = rest.strip_prefix("//").filter(|_| may_have_host) {
        let (authority, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        parts.take_authority(authority)?;
        path = after;
    } else if !parts.scheme.is_empty() {
        parts.omits_host = true;
    }
    parts.path = Escaped::parse(path, Place::Path)?;
    Ok(parts)
}

impl Parts {
    fn take_authority(&mut self, authority: &str) -> Result<(), String> {
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        self.host = parse_host(&self.scheme, host)?;
        let Some(user) = user else { return Ok(()) };
        if !user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)) {
            return Err("net/url: invalid userinfo".to_owned());
        }
        let (name, password) = user.split_once(':').map_or((user, None), |(name, password)| (name, Some(password)));
        let name = unescape(name, Place::User)?;
        let password = password.map(|password| unescape(password, Place::User)).transpose()?;
        self.user = Some(User { name, password });
        Ok(())
    }
}

/// The scheme, which may be missing, and what follows its colon.
fn split_scheme(text: &str) -> Result<(&str, &str), String> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    match end.and_then(|end| text.split_at_checked(end)) {
        Some(("", rest)) if rest.starts_with(':') => Err("missing protocol scheme".to_owned()),
        Some((scheme, rest)) if scheme.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Ok(rest.strip_prefix(':').map_or(("", text), |rest| (scheme, rest)))
        }
        _ => Ok(("", text)),
    }
}

fn parse_host(scheme: &str, host: &str) -> Result<Vec<u8>, String> {
    match host.rfind('[') {
        Some(0) => return parse_bracketed(host),
        Some(_) => return Err("invalid IP-literal".to_owned()),
        None => {}
    }
    // Lists of hosts with ports are let through where databases write them so.
    let colon = if matches!(scheme, "http" | "https") { host.find(':') } else { host.rfind(':') };
    if let Some((_, port)) = colon.and_then(|colon| host.split_at_checked(colon)) {
        check_port(port)?;
    }
    unescape(host, Place::Host)
}

/// `[fe80::1%25eth0]:80`.
fn parse_bracketed(host: &str) -> Result<Vec<u8>, String> {
    let (address, port) = host.rsplit_once(']').ok_or_else(|| "missing ']' in host".to_owned())?;
    let address = address.strip_prefix('[').unwrap_or(address);
    check_port(port)?;
    let port = unescape(port, Place::Host)?;
    let plain = match address.find("%25").and_then(|zone| address.split_at_checked(zone)) {
        Some((address, zone)) => [unescape(address, Place::Host)?, unescape(zone, Place::Zone)?].concat(),
        None => unescape(address, Place::Host)?,
    };
    let parsed = ip::address(&lossy(&plain)).map_err(|why| format!("invalid host: {why}"))?;
    if parsed.ip.is_ipv4() {
        return Err("invalid IP-literal".to_owned());
    }
    Ok([b"[", plain.as_slice(), b"]", &port].concat())
}

/// Nothing, or a colon and perhaps a number.
fn check_port(port: &str) -> Result<(), String> {
    let number = port.strip_prefix(':').unwrap_or("?");
    if port.is_empty() || number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("invalid port {} after host", go::quote(port)))
}

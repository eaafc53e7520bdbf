//! URLs, as Go's `net/url` reads them. The `url` crate follows WHATWG, which mends what Go refuses and prints hosts and paths
//! another way.

mod escape;
mod parse;

use std::{cell::OnceCell, collections::BTreeMap, rc::Rc};

use sha2::{Digest as _, Sha256};

use crate::engine::cel::{
    functions::{Answer, Call, Failure, Overload, Run},
    library::url::parse::Parts,
    run::cost,
    types::Type,
    value::{Key, Map, Text, Value},
};

/// A URL. What expressions ask of it is made once, since each question costs one unit however long the answer is.
#[derive(Clone, Debug)]
pub struct Url {
    scheme: Rc<str>,
    host: Rc<str>,
    hostname: Rc<str>,
    port: Rc<str>,
    escaped_path: Rc<str>,
    raw_query: Rc<str>,
    query: OnceCell<Map<'static>>,
    /// Of the whole as Go prints it: two that are printed alike are equal.
    printed: [u8; 32],
}

/// Go answers a query of more parameters with none.
const QUERY_PARAMETERS: usize = 10_000;

pub fn functions() -> Vec<Overload> {
    let texts: [(&str, &str, Run); 5] = [
        ("getScheme", "url_get_scheme", |call| text_of(call, |url| &url.scheme)),
        ("getHost", "url_get_host", |call| text_of(call, |url| &url.host)),
        ("getHostname", "url_get_hostname", |call| text_of(call, |url| &url.hostname)),
        ("getPort", "url_get_port", |call| text_of(call, |url| &url.port)),
        ("getEscapedPath", "url_get_escaped_path", |call| text_of(call, |url| &url.escaped_path)),
    ];
    let texts = texts.map(|(function, id, run)| Overload::member(function, id, [type_of()], Type::String, run));
    let query = Type::map(Type::String, Type::list(Type::String));
    let mut functions = vec![
        Overload::global("url", "string_to_url", [Type::String], type_of(), to_url)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::global("isURL", "is_url_string", [Type::String], Type::Bool, is_url),
        Overload::member("getQuery", "url_get_query", [type_of()], query, get_query),
    ];
    functions.extend(texts);
    functions
}

/// Whether it is a whole URL or an absolute path, as `net/url.ParseRequestURI` wants it.
///
/// # Errors
/// In Go's words.
pub fn check(text: &str) -> Result<(), String> {
    Parts::of_request(text).map(drop)
}

// === impl Url ===

impl Url {
    /// # Errors
    /// In Go's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        // The first knows no fragment, and the second takes relative ones.
        check(text)?;
        let parts = Parts::of_reference(text)?;
        let host = parts.host();
        let (hostname, port) = split_port(&host);
        Ok(Self {
            hostname: hostname.into(),
            port: port.into(),
            escaped_path: parts.escaped_path().into(),
            printed: Sha256::digest(parts.printed()).into(),
            scheme: parts.scheme.into(),
            raw_query: parts.raw_query.into(),
            query: OnceCell::new(),
            host: host.into(),
        })
    }

    fn query(&self) -> &Map<'static> {
        self.query.get_or_init(|| {
            let mut values: BTreeMap<String, Vec<Value<'static>>> = BTreeMap::new();
            for (name, value) in parameters(&self.raw_query) {
                values.entry(name).or_default().push(Value::text(value));
            }
            let entry =
                |(name, values): (String, Vec<_>)| (Key::String(Text::Shared(name.into())), Value::list(values));
            Map::Shared(Rc::new(values.into_iter().map(entry).collect()))
        })
    }
}

impl PartialEq for Url {
    fn eq(&self, other: &Self) -> bool {
        self.printed == other.printed
    }
}

impl Eq for Url {}

/// What is malformed is left out.
fn parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    let too_many = query.bytes().filter(|byte| *byte == b'&').count() >= QUERY_PARAMETERS;
    let query = if too_many { "" } else { query };
    query.split('&').filter(|parameter| !parameter.is_empty() && !parameter.contains(';')).filter_map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let plain = |text| escape::unescape(text, escape::Place::Query).ok().map(|text| lossy(&text));
        Some((plain(name)?, plain(value)?))
    })
}

/// What is behind the last colon, if it is a number, is the port.
fn split_port(host: &str) -> (&str, &str) {
    let (hostname, port) = match host.rsplit_once(':') {
        Some((hostname, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (hostname, port),
        _ => (host, ""),
    };
    let bare = hostname.strip_prefix('[').and_then(|hostname| hostname.strip_suffix(']'));
    (bare.unwrap_or(hostname), port)
}

/// Bytes that are no UTF-8 become `�`: strings have none here.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn type_of() -> Type {
    Type::opaque("kubernetes.URL")
}

fn to_url<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let text = text(call)?;
    // Its parts, and its query when it is asked for.
    call.meter.allocate(text.len().saturating_mul(4))?;
    call.meter.allocate_items(text.bytes().filter(|byte| *byte == b'&').take(QUERY_PARAMETERS).count())?;
    let wrong = |why| Failure::error(format!("URL parse error during conversion from string: {why}"));
    Url::parse(text).map(|url| Value::Url(url.into())).map_err(wrong)
}

fn is_url<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let text = text(call)?;
    call.meter.work(text.len() / 16)?;
    Ok(Value::Bool(check(text).is_ok()))
}

fn get_query<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    url(call).map(|url| Value::Map(url.query().clone()))
}

fn text_of<'a>(call: &mut Call<'_, 'a>, part: fn(&Url) -> &Rc<str>) -> Answer<'a> {
    url(call).map(|url| Value::text(Rc::clone(part(url))))
}

fn url<'m>(call: &Call<'m, '_>) -> Result<&'m Url, Failure> {
    match call.args {
        [Value::Url(url)] => Ok(url),
        _ => Err(Failure::no_such_overload()),
    }
}

fn text<'m>(call: &Call<'m, '_>) -> Result<&'m str, Failure> {
    call.args.first().and_then(Value::as_str).ok_or_else(Failure::no_such_overload)
}

#[cfg(test)]
mod tests;

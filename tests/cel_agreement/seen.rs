//! Values in the words of the API server.

use portcullis::engine::cel::{
    Answer, Given, Meter, Program, Type, Value,
    given::Names,
    program::Scope,
    value::{Bytes, Key, List, Map, Text},
};
use serde_json::{Map as JsonMap, Value as Json, json};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Why it gave no value.
    Error(String),
    Value(Seen),
}

/// A value, in the words of the API server.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Its type when it ran: `int`, `list`, `net.IP`.
    pub(crate) of: String,
    /// What `format` makes of it, quoted; none for what `format` cannot print.
    pub(crate) text: Option<String>,
    pub(crate) json: Option<Json>,
    /// The types in a list, in its order; in a mapping `key:value`, in the order of its keys.
    pub(crate) elements: Option<Vec<String>>,
}

// === impl Outcome ===

impl Outcome {
    pub(crate) fn of(answer: Answer<'_>) -> Self {
        match answer {
            Ok(value) => Self::Value(seen(&value)),
            Err(failure) => Self::Error(failure.to_string()),
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Error(why) => write!(f, "an error: {why}"),
            Self::Value(seen) => {
                let value = seen.json.as_ref().map(Json::to_string).or_else(|| seen.text.clone());
                write!(f, "{} {}", seen.of, value.unwrap_or_else(|| "(no text)".to_owned()))?;
                seen.elements.as_ref().map_or(Ok(()), |types| write!(f, " of {}", types.join(", ")))
            }
        }
    }
}

fn seen(value: &Value<'_>) -> Seen {
    let elements = match value {
        Value::Optional(Some(inner)) => elements(inner),
        value => elements(value),
    };
    Seen { of: type_of(value), text: text(value), json: json_of(value), elements }
}

/// The name of a type when it runs.
fn type_of(value: &Value<'_>) -> String {
    let name = match value {
        Value::Null => "null_type",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Uint(_) => "uint",
        Value::Double(_) => "double",
        Value::String(_) => "string",
        Value::Bytes(_) => "bytes",
        Value::Duration(_) => "google.protobuf.Duration",
        Value::Timestamp(_) => "google.protobuf.Timestamp",
        Value::List(_) => "list",
        Value::Map(_) => "map",
        Value::Optional(_) => "optional_type",
        Value::Type(_) => "type",
        Value::Struct(made) => &made.of,
        Value::Quantity(_) => "kubernetes.Quantity",
        Value::Semver(_) => "kubernetes.Semver",
        Value::Ip(_) => "net.IP",
        Value::Cidr(_) => "net.CIDR",
        Value::Url(_) => "kubernetes.URL",
        Value::Format(_) => "kubernetes.NamedFormat",
    };
    name.to_owned()
}

/// What a policy could put into its message of this value.
fn text(value: &Value<'_>) -> Option<String> {
    let parts = |source: &str| evaluated(source, value)?.as_str().map(str::to_owned);
    match value {
        Value::Quantity(_) => {
            parts("strings.quote(string(dyn(zz).asApproximateFloat()) + '|' + string(dyn(zz).isInteger()))")
        }
        Value::Semver(_) => parts(
            "strings.quote(string(dyn(zz).major()) + '.' + string(dyn(zz).minor()) + '.' + string(dyn(zz).patch()))",
        ),
        Value::Url(_) => parts(
            "strings.quote(dyn(zz).getScheme() + '|' + dyn(zz).getHost() + '|' + dyn(zz).getEscapedPath() + '|' + \
             string(dyn(zz).getQuery().size()))",
        ),
        Value::Ip(_) | Value::Cidr(_) => parts("strings.quote(string(zz))"),
        Value::Optional(None) => Some("none".to_owned()),
        Value::Optional(Some(inner)) => {
            let inner_text = self::text(inner).or_else(|| Some("\"\"".to_owned()))?;
            Some(format!("some:{}:{inner_text}", type_of(inner)))
        }
        _ => parts("strings.quote('%s'.format([zz]))"),
    }
}

/// As the API server would write it into an object; none for what no object holds.
fn json_of(value: &Value<'_>) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Uint(value) => json!(value),
        Value::Double(value) => json!(value),
        Value::String(text) => json!(text.as_str()),
        Value::Bytes(_) => return evaluated_base64(value),
        Value::Duration(_) | Value::Timestamp(_) => json!(evaluated("string(zz)", value)?.as_str()?),
        Value::List(list) => Json::Array(items(list).iter().map(json_of).collect::<Option<_>>()?),
        Value::Map(map) => {
            let mut object = JsonMap::new();
            for (key, value) in entries(map) {
                let Key::String(key) = key else { return None };
                object.insert(key.as_str().to_owned(), json_of(&value)?);
            }
            Json::Object(object)
        }
        Value::Optional(Some(inner)) => json_of(inner)?,
        _ => return None,
    })
}

fn elements(value: &Value<'_>) -> Option<Vec<String>> {
    match value {
        Value::List(list) => Some(items(list).iter().map(type_of).collect()),
        Value::Map(map) => {
            let pair = |(key, value): (Key<'_>, Value<'_>)| {
                let key = match &key {
                    Key::Bool(_) => "bool".to_owned(),
                    Key::Int(_) => "int".to_owned(),
                    Key::Uint(_) => "uint".to_owned(),
                    Key::String(_) => "string".to_owned(),
                    Key::Other(key) => type_of(key),
                };
                format!("{key}:{}", type_of(&value))
            };
            Some(entries(map).into_iter().map(pair).collect())
        }
        _ => None,
    }
}

fn items<'a>(list: &List<'a>) -> Vec<Value<'a>> {
    match list {
        List::Json(items) => items.iter().map(Value::from_json).collect(),
        List::Shared(items) => items.to_vec(),
        List::Range(below) => (0..*below).map(Value::Int).collect(),
    }
}

fn entries<'a>(map: &Map<'a>) -> Vec<(Key<'a>, Value<'a>)> {
    match map {
        Map::Json(entries) => {
            let one =
                |(key, value): (&'a String, &'a Json)| (Key::String(Text::Borrowed(key)), Value::from_json(value));
            entries.iter().map(one).collect()
        }
        Map::Shared(entries) => entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
    }
}

/// A value under the name `zz`.
struct Zz<'v>(&'v Value<'v>);

impl<'v> Names<'v> for Zz<'v> {
    fn value(&self, name: &str) -> Option<Answer<'v>> {
        (name == "zz").then(|| Ok(self.0.clone()))
    }
}

/// What an expression makes of `zz`, as JSON.
fn evaluated(source: &str, value: &Value<'_>) -> Option<Json> {
    let scope = Scope { names: vec![("zz", Type::Dyn)], ..Scope::default() };
    let program = Program::compile(source, &scope).ok()?;
    of_zz(&program, value)
}

fn of_zz<'v>(program: &'v Program, value: &'v Value<'v>) -> Option<Json> {
    let names = Zz(value);
    let answer = program.run(&Given::new(&names, &[], None), &mut Meter::new()).ok()?;
    match answer {
        Value::String(text) => Some(json!(text.as_str())),
        _ => None,
    }
}

/// RFC 4648, with padding: what JSON has for bytes.
fn evaluated_base64(value: &Value<'_>) -> Option<Json> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let Value::Bytes(bytes) = value else { return None };
    let bytes: &[u8] = match bytes {
        Bytes::Borrowed(bytes) => bytes,
        Bytes::Shared(bytes) => bytes,
    };
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    Some(json!(text))
}

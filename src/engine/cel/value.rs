//! What expressions compute with. JSON is read in place: a request's object becomes no second tree.

mod equality;
mod json;
mod key;
mod list;
mod map;
pub mod number;
mod show;

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use crate::engine::cel::library::{
    cidr::Cidr,
    ip::Ip,
    named_formats::NamedFormat,
    protobuf::Message,
    quantity::Quantity,
    semver::Semver,
    time::{Duration, Timestamp},
    url::Url,
};

/// A value. Cloning it is cheap: whatever is large is borrowed or shared.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Text<'a>),
    Bytes(Bytes<'a>),
    Duration(Duration),
    Timestamp(Timestamp),
    List(List<'a>),
    Map(Map<'a>),
    Optional(Option<Rc<Self>>),
    /// A type, as a value: by its run-time name (`int`, `list`, `net.IP`).
    Type(Text<'a>),
    Struct(Rc<Struct<'a>>),
    Quantity(Rc<Quantity>),
    Semver(Rc<Semver>),
    Ip(Ip),
    Cidr(Cidr),
    Url(Rc<Url>),
    Format(&'static NamedFormat),
}

#[derive(Clone, Debug)]
pub enum Text<'a> {
    Borrowed(&'a str),
    Shared(Rc<str>),
}

#[derive(Clone, Debug)]
pub enum Bytes<'a> {
    Borrowed(&'a [u8]),
    Shared(Rc<[u8]>),
}

#[derive(Clone, Debug)]
pub enum List<'a> {
    Json(&'a [serde_json::Value]),
    /// In a `Vec`, so that a comprehension that gathers a list appends to it.
    Shared(Rc<Vec<Value<'a>>>),
    /// The numbers from 0 to below this, of which none is made until it is read.
    Range(i64),
}

#[derive(Clone, Debug)]
pub enum Map<'a> {
    Json(&'a serde_json::Map<String, serde_json::Value>),
    Shared(Rc<BTreeMap<Key<'a>, Value<'a>>>),
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub enum Key<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    String(Text<'a>),
    /// What Kubernetes takes for a key too, and is none in JSON: a double, null, a list.
    Other(Rc<Value<'a>>),
}

/// A struct that an expression made, as `JSONPatch{…}`.
#[derive(Clone, Debug)]
pub struct Struct<'a> {
    /// The name of its type.
    pub of: Arc<str>,
    pub fields: BTreeMap<Arc<str>, Value<'a>>,
}

// === impl Value ===

impl<'a> Value<'a> {
    /// A number of JSON is an int where it fits, and else a double, as the API server reads it.
    pub fn from_json(value: &'a serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(double)) => Self::Double(double),
                (None, None) => Self::Null,
            },
            Json::String(text) => Self::String(Text::Borrowed(text)),
            Json::Array(items) => Self::List(List::Json(items)),
            Json::Object(entries) => Self::Map(Map::Json(entries)),
        }
    }

    pub fn text(text: impl Into<Rc<str>>) -> Self {
        Self::String(Text::Shared(text.into()))
    }

    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(List::Shared(Rc::new(items.into_iter().collect())))
    }

    pub fn some(value: Self) -> Self {
        Self::Optional(Some(Rc::new(value)))
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The name of its type, as `type(x)` has it.
    pub fn type_name(&self) -> Text<'static> {
        Text::Borrowed(match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Struct(made) => return Text::Shared(made.of.as_ref().into()),
            Self::Quantity(_) => "kubernetes.Quantity",
            Self::Semver(_) => "kubernetes.Semver",
            Self::Ip(_) => "net.IP",
            Self::Cidr(_) => "net.CIDR",
            Self::Url(_) => "kubernetes.URL",
            Self::Format(_) => "kubernetes.NamedFormat",
        })
    }

    /// What `optional.ofNonZeroValue` leaves out: nothing, zero or empty.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(value) => !value,
            Self::Int(value) => *value == 0,
            Self::Uint(value) => *value == 0,
            Self::Double(value) => *value == 0.0,
            Self::String(text) => text.as_str().is_empty(),
            Self::Bytes(bytes) => bytes.as_slice().is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Duration(duration) => duration.is_zero(),
            Self::Timestamp(timestamp) => timestamp.is_zero(),
            Self::Struct(made) => Message::named(&made.of) == Some(Message::Empty),
            _ => false,
        }
    }
}

// === impl Text ===

impl Text<'_> {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

// === impl Bytes ===

impl Bytes<'_> {
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

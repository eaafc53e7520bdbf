//! Static types, as the API server's type checker has them.

use std::{fmt, sync::Arc};

use serde_json::Value as Json;

/// What the names of the types begin with that Kubernetes does not have.
const OURS: &str = "portcullis.";

/// A static type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// Anything; what it is is seen when it runs.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    List(Arc<Self>),
    Map(Arc<Self>, Arc<Self>),
    Optional(Arc<Self>),
    /// The type of a type: `type(1)` is `type(int)`.
    Type(Arc<Self>),
    /// What a message of protobuf holds of another type, as `google.protobuf.Int64Value` of an int: it takes null, too, and is
    /// that type in all else.
    Wrapper(Arc<Self>),
    /// `google.protobuf.Any`: anything, under a name of its own.
    Any,
    /// A value that only its functions know: `kubernetes.Quantity`, `net.IP`.
    Opaque(Arc<str>),
    /// A mapping whose fields are known when it is written: `request`, `variables`, `JSONPatch`.
    Object(Arc<ObjectType>),
    /// A type parameter in the declaration of a function, as `T` in `list(T)`.
    Parameter(&'static str),
    /// What a type parameter stands for in one call, while types are checked: no other sees it.
    Variable(u32),
    /// What an expression has that was refused already: nothing more is said of it.
    Error,
}

/// Fields by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectType {
    /// As in `kubernetes.NamespaceObject`.
    pub name: Arc<str>,
    pub fields: Vec<(Arc<str>, Type)>,
}

// === impl Type ===

impl Type {
    pub fn list(of: Self) -> Self {
        Self::List(Arc::new(of))
    }

    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    pub fn optional(of: Self) -> Self {
        Self::Optional(Arc::new(of))
    }

    pub fn of_type(of: Self) -> Self {
        Self::Type(Arc::new(of))
    }

    pub fn wrapper(of: Self) -> Self {
        Self::Wrapper(Arc::new(of))
    }

    pub fn opaque(name: &str) -> Self {
        Self::Opaque(name.into())
    }

    pub fn object(name: &str, fields: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        let fields = fields.into_iter().map(|(name, of)| (name.into(), of)).collect();
        Self::Object(Arc::new(ObjectType { name: name.into(), fields }))
    }

    /// Whether both are one type, where a wrapper is what it wraps (cel-go `Type.IsExactType`).
    pub fn is_exactly(&self, other: &Self) -> bool {
        let same = |one: &Arc<Self>, other: &Arc<Self>| Arc::ptr_eq(one, other) || one.is_exactly(other);
        match (self, other) {
            (Self::List(one), Self::List(other))
            | (Self::Optional(one), Self::Optional(other))
            | (Self::Type(one), Self::Type(other)) => same(one, other),
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                same(key, other_key) && same(value, other_value)
            }
            (one, other) => one.unwrapped() == other.unwrapped(),
        }
    }

    /// What a wrapper wraps; any other type as it is.
    pub fn unwrapped(&self) -> &Self {
        match self {
            Self::Wrapper(of) => of,
            of => of,
        }
    }

    /// What a composed variable of this type is declared as: the API server forgets the type of an optional, of an address and
    /// of everything else that is no list and no mapping. Types of ours, which it does not have, are kept.
    #[must_use]
    pub fn of_variable(&self) -> Self {
        match self {
            Self::List(of) => Self::list(of.of_variable()),
            Self::Map(key, value) => Self::map(key.of_variable(), value.of_variable()),
            Self::Optional(of) if of.is_of_ours() => Self::optional(of.of_variable()),
            Self::Object(of) if of.is_ours() => self.clone(),
            Self::Optional(_) | Self::Type(_) | Self::Wrapper(_) | Self::Opaque(_) | Self::Object(_) => Self::Dyn,
            _ => self.clone(),
        }
    }

    /// Whether a value made of JSON is of this type. Of an object, fields may be missing; others than its own it has none.
    pub fn admits(&self, value: &Json) -> bool {
        match (self, value) {
            (Self::Dyn, _)
            | (Self::Null, Json::Null)
            | (Self::Bool, Json::Bool(_))
            | (Self::String, Json::String(_)) => true,
            (Self::Int, Json::Number(number)) => number.is_i64(),
            (Self::Double, Json::Number(number)) => !number.is_i64(),
            (Self::List(of), Json::Array(items)) => items.iter().all(|item| of.admits(item)),
            (Self::Map(key, of), Json::Object(entries)) => {
                matches!(**key, Self::String | Self::Dyn) && entries.values().all(|value| of.admits(value))
            }
            (Self::Object(of), Json::Object(entries)) => {
                let admits = |(name, value): (&String, &Json)| of.field(name).is_some_and(|of| of.admits(value));
                entries.iter().all(admits)
            }
            _ => false,
        }
    }

    /// Whether it is a type of ours, or a list or mapping of such.
    fn is_of_ours(&self) -> bool {
        match self {
            Self::List(of) | Self::Map(_, of) => of.is_of_ours(),
            Self::Object(of) => of.is_ours(),
            _ => false,
        }
    }
}

// === impl ObjectType ===

impl ObjectType {
    pub fn field(&self, name: &str) -> Option<&Type> {
        self.fields.iter().find(|(known, _)| **known == *name).map(|(_, of)| of)
    }

    /// Whether a value of this type can be where one of the other is wanted: it has all of its fields. So exporters, which have a
    /// field more, and receivers can be in one list. Types of Kubernetes are told apart by name.
    pub fn extends(&self, other: &Self) -> bool {
        self.name == other.name
            || self.is_ours() && other.is_ours() && other.fields.iter().all(|field| self.fields.contains(field))
    }

    fn is_ours(&self) -> bool {
        self.name.starts_with(OURS)
    }
}

/// As the API server writes it: `list(map(string, dyn))`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn | Self::Variable(_) => f.write_str("dyn"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Duration => f.write_str("google.protobuf.Duration"),
            Self::Timestamp => f.write_str("google.protobuf.Timestamp"),
            Self::List(of) => write!(f, "list({of})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Optional(of) => write!(f, "optional_type({of})"),
            Self::Type(of) => write!(f, "type({of})"),
            Self::Wrapper(of) => write!(f, "wrapper({of})"),
            Self::Any => f.write_str("google.protobuf.Any"),
            Self::Opaque(name) => f.write_str(name),
            Self::Object(of) => f.write_str(&of.name),
            Self::Parameter(name) => f.write_str(name),
            Self::Error => f.write_str("!error!"),
        }
    }
}

//! Fields of messages: what they are declared as, and what they make of a value (cel-go `ConvertToNative`).

use crate::engine::cel::{
    Answer, Failure, Meter, Type, Value,
    library::protobuf::json,
    value::{Bytes, List, Text},
};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Bool,
    Bytes,
    Double,
    Float,
    Int32,
    Int64,
    String,
    Uint32,
    Uint64,
    /// A `google.protobuf.Struct`.
    Struct,
    /// A `google.protobuf.ListValue`.
    ListValue,
    /// Each a `google.protobuf.Value`.
    Items,
    /// Each a `google.protobuf.Value` under a string.
    Entries,
}

// === impl Field ===

impl Field {
    pub(super) fn type_of(self) -> Type {
        match self {
            Self::Bool => Type::Bool,
            Self::Bytes => Type::Bytes,
            Self::Double | Self::Float => Type::Double,
            Self::Int32 | Self::Int64 => Type::Int,
            Self::String => Type::String,
            Self::Uint32 | Self::Uint64 => Type::Uint,
            Self::Struct | Self::Entries => Type::map(Type::String, Type::Dyn),
            Self::ListValue | Self::Items => Type::list(Type::Dyn),
        }
    }

    /// What a message holds where nothing was said.
    pub(super) fn zero<'a>(self) -> Value<'a> {
        match self {
            Self::Bool => Value::Bool(false),
            Self::Bytes => Value::Bytes(Bytes::Borrowed(&[])),
            Self::Double | Self::Float => Value::Double(0.0),
            Self::Int32 | Self::Int64 => Value::Int(0),
            Self::String => Value::String(Text::Borrowed("")),
            Self::Uint32 | Self::Uint64 => Value::Uint(0),
            Self::Struct | Self::Entries => json::empty(),
            Self::ListValue | Self::Items => Value::list([]),
        }
    }

    /// The fields of a wrapper of this.
    pub(super) const fn alone(self) -> &'static [(&'static str, Self)] {
        match self {
            Self::Bool => &[("value", Self::Bool)],
            Self::Bytes => &[("value", Self::Bytes)],
            Self::Double => &[("value", Self::Double)],
            Self::Float => &[("value", Self::Float)],
            Self::Int32 => &[("value", Self::Int32)],
            Self::Int64 => &[("value", Self::Int64)],
            Self::String => &[("value", Self::String)],
            Self::Uint32 => &[("value", Self::Uint32)],
            Self::Uint64 => &[("value", Self::Uint64)],
            Self::Struct | Self::ListValue | Self::Items | Self::Entries => &[],
        }
    }

    /// The value as the field holds it: no number becomes one of another type.
    ///
    /// # Errors
    /// What it cannot hold.
    pub(super) fn hold<'a>(self, value: &Value<'a>, meter: &mut Meter) -> Answer<'a> {
        let value = if matches!(self, Self::Items | Self::Entries) { value } else { unwrapped(value)? };
        match (self, value) {
            (Self::Bool, Value::Bool(_))
            | (Self::Bytes, Value::Bytes(_))
            | (Self::Double, Value::Double(_))
            | (Self::Int64, Value::Int(_))
            | (Self::String, Value::String(_))
            | (Self::Uint64, Value::Uint(_)) => Ok(value.clone()),
            (Self::Float, Value::Double(double)) => Ok(Value::Double(narrowed(*double))),
            (Self::Int32, Value::Int(int)) => match i32::try_from(*int) {
                Ok(_) => Ok(value.clone()),
                Err(_) => Err(Failure::error("integer overflow")),
            },
            (Self::Uint32, Value::Uint(uint)) => match u32::try_from(*uint) {
                Ok(_) => Ok(value.clone()),
                Err(_) => Err(Failure::error("unsigned integer overflow")),
            },
            (Self::String, value) => text(value).map(Value::String).ok_or_else(|| self.cannot_hold(value)),
            (Self::Bytes, Value::List(list)) => bytes(list, meter),
            (Self::ListValue | Self::Items, Value::List(list)) => json::list(list, meter),
            (Self::ListValue, Value::Map(map)) => json::list_of_fields(map, meter),
            (Self::Struct | Self::Entries, Value::Map(map)) => json::map(map, meter),
            (_, value) => Err(self.cannot_hold(value)),
        }
    }

    fn cannot_hold(self, value: &Value<'_>) -> Failure {
        Failure::error(format!("'{}' is no {}", value.type_name().as_str(), self.type_of()))
    }
}

/// What an optional holds, however many are around it.
///
/// # Errors
/// Nothing.
pub(super) fn unwrapped<'v, 'a>(mut value: &'v Value<'a>) -> Result<&'v Value<'a>, Failure> {
    while let Value::Optional(held) = value {
        value = held.as_deref().ok_or_else(|| Failure::error("optional.none() dereference"))?;
    }
    Ok(value)
}

/// Kubernetes lets some of its own types be a string here.
pub(super) fn text<'a>(value: &Value<'a>) -> Option<Text<'a>> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Ip(ip) => Some(Text::Shared(ip.to_string().into())),
        Value::Cidr(cidr) => Some(Text::Shared(cidr.to_string().into())),
        _ => None,
    }
}

/// A list of uints is bytes, too.
fn bytes<'a>(list: &List<'a>, meter: &mut Meter) -> Answer<'a> {
    meter.work(list.len())?;
    meter.allocate(list.len())?;
    let byte = |item: Value<'a>| match unwrapped(&item)? {
        Value::Uint(uint) => u8::try_from(*uint).map_err(|_| Failure::error("unsigned integer overflow")),
        other => Err(Failure::error(format!("'{}' is no byte", other.type_name().as_str()))),
    };
    let bytes = list.iter().map(byte).collect::<Result<Vec<u8>, Failure>>()?;
    Ok(Value::Bytes(Bytes::Shared(bytes.into())))
}

#[expect(clippy::cast_possible_truncation, reason = "what a float has no room for is left out")]
fn narrowed(double: f64) -> f64 {
    f64::from(double as f32)
}

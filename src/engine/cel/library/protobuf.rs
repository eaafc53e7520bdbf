//! Messages of protobuf, as `google.protobuf.Int32Value{value: 1}`: those that cel-go always has (common/types/pb, common/types/
//! provider.go at 0.26). None of them but `Empty` is a value of its own: what is made is the int, the mapping, the duration that
//! the message stands for.

mod field;
mod json;
mod wire;

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use crate::engine::cel::{
    Answer, Failure, Meter, Type, Value,
    library::time::{Duration, Timestamp},
    types::ObjectType,
    value::Struct,
};

use field::Field;

/// The one constant that protobuf's own types have; an int, and not null.
pub const NULL_VALUE: &str = "google.protobuf.NullValue.NULL_VALUE";

/// A message by what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Another message, written as bytes.
    Any,
    Duration,
    Empty,
    ListValue,
    Struct,
    Timestamp,
    /// Whatever JSON can hold.
    Value,
    /// A value of one type: its field is of this kind.
    Wrapper(Field),
}

const MESSAGES: [(&str, Message); 16] = [
    ("google.protobuf.Any", Message::Any),
    ("google.protobuf.BoolValue", Message::Wrapper(Field::Bool)),
    ("google.protobuf.BytesValue", Message::Wrapper(Field::Bytes)),
    ("google.protobuf.DoubleValue", Message::Wrapper(Field::Double)),
    ("google.protobuf.Duration", Message::Duration),
    ("google.protobuf.Empty", Message::Empty),
    ("google.protobuf.FloatValue", Message::Wrapper(Field::Float)),
    ("google.protobuf.Int32Value", Message::Wrapper(Field::Int32)),
    ("google.protobuf.Int64Value", Message::Wrapper(Field::Int64)),
    ("google.protobuf.ListValue", Message::ListValue),
    ("google.protobuf.StringValue", Message::Wrapper(Field::String)),
    ("google.protobuf.Struct", Message::Struct),
    ("google.protobuf.Timestamp", Message::Timestamp),
    ("google.protobuf.UInt32Value", Message::Wrapper(Field::Uint32)),
    ("google.protobuf.UInt64Value", Message::Wrapper(Field::Uint64)),
    ("google.protobuf.Value", Message::Value),
];

pub fn names() -> impl Iterator<Item = &'static str> {
    MESSAGES.iter().map(|(name, _)| *name)
}

// === impl Message ===

impl Message {
    pub fn named(name: &str) -> Option<Self> {
        MESSAGES.iter().find(|(known, _)| *known == name).map(|(_, message)| *message)
    }

    /// What making one gives.
    pub fn type_of(self) -> Type {
        match self {
            Self::Any => Type::Any,
            Self::Duration => Type::Duration,
            Self::Empty => Type::object(self.name(), []),
            Self::ListValue => Type::list(Type::Dyn),
            Self::Struct => Type::map(Type::String, Type::Dyn),
            Self::Timestamp => Type::Timestamp,
            Self::Value => Type::Dyn,
            Self::Wrapper(field) => Type::wrapper(field.type_of()),
        }
    }

    /// Its fields, as they are written.
    pub fn declared(self) -> ObjectType {
        let fields = self.fields().iter().map(|(name, field)| ((*name).into(), field.type_of())).collect();
        ObjectType { name: self.name().into(), fields }
    }

    /// What it stands for. Fields that were not given are zero; of a `Value` with several that were, the last in its declaration
    /// counts, where cel-go takes any.
    ///
    /// # Errors
    /// A value that a field cannot hold, an `Any` of what is not known here, or more than the request may make.
    pub fn make<'a>(self, given: &BTreeMap<Arc<str>, Value<'a>>, meter: &mut Meter) -> Answer<'a> {
        let mut taken: Vec<(&str, Value<'a>)> = Vec::new();
        for (name, field) in self.fields() {
            if let Some(value) = given.get(*name) {
                let held = field.hold(value, meter).map_err(|failure| self.not_held(name, failure))?;
                taken.push((name, held));
            }
        }
        let mut take = |name: &str| {
            let place = taken.iter().position(|(taken, _)| *taken == name)?;
            Some(taken.swap_remove(place).1)
        };
        Ok(match self {
            Self::Any => return wire::unpack(take("type_url"), take("value"), meter),
            Self::Empty => Value::Struct(Rc::new(Struct { of: self.name().into(), fields: BTreeMap::new() })),
            Self::Duration => Value::Duration(Duration::saturating(int(take("seconds")), int(take("nanos")))),
            Self::Timestamp => Value::Timestamp(Timestamp::since_1970(int(take("seconds")), int(take("nanos")))),
            Self::ListValue => take("values").unwrap_or_else(|| Value::list([])),
            Self::Struct => take("fields").unwrap_or_else(json::empty),
            Self::Value => match taken.pop() {
                Some(("null_value", _)) | None => Value::Null,
                Some((_, value)) => value,
            },
            Self::Wrapper(field) => take("value").unwrap_or_else(|| field.zero()),
        })
    }

    fn name(self) -> &'static str {
        MESSAGES.iter().find(|(_, message)| *message == self).map_or("", |(name, _)| name)
    }

    const fn fields(self) -> &'static [(&'static str, Field)] {
        match self {
            Self::Any => &[("type_url", Field::String), ("value", Field::Bytes)],
            Self::Duration | Self::Timestamp => &[("seconds", Field::Int64), ("nanos", Field::Int32)],
            Self::Empty => &[],
            Self::ListValue => &[("values", Field::Items)],
            Self::Struct => &[("fields", Field::Entries)],
            Self::Value => &[
                ("null_value", Field::Int32),
                ("number_value", Field::Double),
                ("string_value", Field::String),
                ("bool_value", Field::Bool),
                ("struct_value", Field::Struct),
                ("list_value", Field::ListValue),
            ],
            Self::Wrapper(field) => field.alone(),
        }
    }

    /// In cel-go's words.
    fn not_held(self, field: &str, failure: Failure) -> Failure {
        match failure {
            Failure::Error(why) => {
                Failure::error(format!("field type conversion error for {}.{field} value type: {why}", self.name()))
            }
            other => other,
        }
    }
}

fn int(value: Option<Value<'_>>) -> i64 {
    match value {
        Some(Value::Int(value)) => value,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;

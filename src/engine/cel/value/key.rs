//! Keys of maps.

use std::{cmp::Ordering, fmt};

use crate::engine::cel::{
    Failure, Value,
    value::{Key, number},
};

// === impl Key ===

impl<'a> Key<'a> {
    /// # Errors
    /// What can be no key.
    pub fn from_value(value: &Value<'a>) -> Result<Self, Failure> {
        match value {
            Value::Bool(value) => Ok(Key::Bool(*value)),
            Value::Int(value) => Ok(Key::Int(*value)),
            Value::Uint(value) => Ok(Key::Uint(*value)),
            Value::String(text) => Ok(Key::String(text.clone())),
            Value::Double(value) => match (number::exact_int(*value), number::exact_uint(*value)) {
                (Some(int), _) => Ok(Key::Int(int)),
                (None, Some(uint)) => Ok(Key::Uint(uint)),
                (None, None) => Err(Failure::error(format!("unsupported key value: {value}"))),
            },
            other => Err(Failure::error(format!("unsupported key type: {}", other.type_name().as_str()))),
        }
    }

    pub fn to_value(&self) -> Value<'a> {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(value) => Value::Int(*value),
            Key::Uint(value) => Value::Uint(*value),
            Key::String(text) => Value::String(text.clone()),
        }
    }

    /// Booleans, then numbers, then strings.
    const fn rank(&self) -> u8 {
        match self {
            Key::Bool(_) => 0,
            Key::Int(_) | Key::Uint(_) => 1,
            Key::String(_) => 2,
        }
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Key::Bool(one), Key::Bool(other)) => one.cmp(other),
            (Key::Int(one), Key::Int(other)) => one.cmp(other),
            (Key::Uint(one), Key::Uint(other)) => one.cmp(other),
            (Key::Int(one), Key::Uint(other)) => number::compare_int_uint(*one, *other),
            (Key::Uint(one), Key::Int(other)) => number::compare_int_uint(*other, *one).reverse(),
            (Key::String(one), Key::String(other)) => one.as_str().cmp(other.as_str()),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key<'_> {}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Bool(value) => write!(f, "{value}"),
            Key::Int(value) => write!(f, "{value}"),
            Key::Uint(value) => write!(f, "{value}"),
            Key::String(text) => f.write_str(text.as_str()),
        }
    }
}

//! Keys of maps.

use std::{cmp::Ordering, fmt, rc::Rc};

use crate::engine::cel::{
    Failure, Value,
    value::{Key, number, show::show_text},
};

// === impl Key ===

impl<'a> Key<'a> {
    /// The key that this value is, and no other of the same value: `1`, `1u` and `1.0` are three.
    pub fn from_value(value: &Value<'a>) -> Self {
        match value {
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(value) => Key::Int(*value),
            Value::Uint(value) => Key::Uint(*value),
            Value::String(text) => Key::String(text.clone()),
            other => Key::Other(Rc::new(other.clone())),
        }
    }

    /// Whether Kubernetes can look it up: Go cannot hash what holds a slice.
    ///
    /// # Errors
    /// In words like those of the API server.
    pub fn check(value: &Value<'_>) -> Result<(), Failure> {
        match value {
            Value::Bytes(_) | Value::Semver(_) | Value::Format(_) => {
                Err(Failure::error(format!("{} cannot be the key of a map", value.type_name().as_str())))
            }
            _ => Ok(()),
        }
    }

    /// The keys by which this value is found where it is no key itself: an int or a uint for any number, and never a double.
    pub fn alike(value: &Value<'_>) -> [Option<Self>; 2] {
        match value {
            Value::Int(int) => [None, u64::try_from(*int).ok().map(Key::Uint)],
            Value::Uint(uint) => [i64::try_from(*uint).ok().map(Key::Int), None],
            Value::Double(double) => {
                [number::exact_int(*double).map(Key::Int), number::exact_uint(*double).map(Key::Uint)]
            }
            _ => [None, None],
        }
    }

    pub fn to_value(&self) -> Value<'a> {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(value) => Value::Int(*value),
            Key::Uint(value) => Value::Uint(*value),
            Key::String(text) => Value::String(text.clone()),
            Key::Other(value) => Value::clone(value),
        }
    }

    /// Booleans, then numbers, strings, and all else.
    const fn rank(&self) -> u8 {
        match self {
            Key::Bool(_) => 0,
            Key::Int(_) | Key::Uint(_) => 1,
            Key::String(_) => 2,
            Key::Other(_) => 3,
        }
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Key::Bool(one), Key::Bool(other)) => one.cmp(other),
            (Key::Int(one), Key::Int(other)) => one.cmp(other),
            (Key::Uint(one), Key::Uint(other)) => one.cmp(other),
            (Key::Int(one), Key::Uint(other)) => number::compare_int_uint(*one, *other).then(Ordering::Less),
            (Key::Uint(one), Key::Int(other)) => {
                number::compare_int_uint(*other, *one).reverse().then(Ordering::Greater)
            }
            (Key::String(one), Key::String(other)) => one.as_str().cmp(other.as_str()),
            (Key::Other(one), Key::Other(other)) => compare_others(one, other),
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
            Key::String(text) => show_text(text.as_str(), f),
            Key::Other(value) => write!(f, "{value}"),
        }
    }
}

/// Null is one key; doubles, times, addresses and types are ordered; and all else, NaN too, is a key of its own: where it is kept
/// tells it from others.
fn compare_others(one: &Rc<Value<'_>>, other: &Rc<Value<'_>>) -> Ordering {
    match (&**one, &**other) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Double(left), Value::Double(right)) if !(left.is_nan() && right.is_nan()) => {
            left.partial_cmp(right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
        }
        (Value::Type(one), Value::Type(other)) => one.as_str().cmp(other.as_str()),
        (Value::Ip(one), Value::Ip(other)) => one.cmp(other),
        (Value::Cidr(one), Value::Cidr(other)) => one.cmp(other),
        (Value::Timestamp(one), Value::Timestamp(other)) => one.cmp(other),
        (Value::Duration(one), Value::Duration(other)) => one.cmp(other),
        (left, right) => {
            let place = |value: &Rc<Value<'_>>| Rc::as_ptr(value).cast::<()>() as usize;
            left.type_name().as_str().cmp(right.type_name().as_str()).then_with(|| place(one).cmp(&place(other)))
        }
    }
}

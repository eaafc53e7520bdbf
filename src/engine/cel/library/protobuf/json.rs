//! Values as `google.protobuf.Value` holds them, which is as JSON does: numbers are doubles, and what JSON has no form for is
//! written as text.

use std::{collections::BTreeMap, rc::Rc};

use crate::engine::{
    base64,
    cel::{
        Answer, Failure, Meter, Value,
        library::protobuf::{Message, field},
        value::{Key, List, Map, Text},
    },
};

/// Ints up to this are numbers, and beyond it texts: JavaScript's `Number.MAX_SAFE_INTEGER`.
const EXACT: u128 = (1 << 53) - 1;

pub(super) fn empty<'a>() -> Value<'a> {
    Value::Map(Map::Shared(Rc::new(BTreeMap::new())))
}

#[inline(never)]
pub(super) fn list<'a>(list: &List<'a>, meter: &mut Meter) -> Answer<'a> {
    meter.allocate_items(list.len())?;
    let items = list.iter().map(|item| value(&item, meter)).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::list(items))
}

/// # Errors
/// A key that is no string.
#[inline(never)]
pub(super) fn map<'a>(map: &Map<'a>, meter: &mut Meter) -> Answer<'a> {
    meter.allocate_items(map.len().saturating_mul(2))?;
    let mut held = BTreeMap::new();
    for (key, item) in map.iter() {
        let key = text_of(&key)?;
        meter.work(key.as_str().len() / 64)?;
        held.insert(Key::String(key), value(&item, meter)?);
    }
    Ok(Value::Map(Map::Shared(Rc::new(held))))
}

/// Where a list is wanted, cel-go takes a mapping for the message: for its one field.
///
/// # Errors
/// A field that it has not.
pub(super) fn list_of_fields<'a>(fields: &Map<'a>, meter: &mut Meter) -> Answer<'a> {
    let mut held = Value::list([]);
    for (key, value) in fields.iter() {
        let key = text_of(&key)?;
        match (key.as_str(), field::unwrapped(&value)?) {
            ("values" | "Values", Value::List(values)) => held = list(values, meter)?,
            ("values" | "Values", _) => return Err(Failure::error("`values` is a list")),
            _ => return Err(Failure::error(format!("type conversion error, no such field '{}'", Value::String(key)))),
        }
    }
    Ok(held)
}

fn value<'a>(value: &Value<'a>, meter: &mut Meter) -> Answer<'a> {
    meter.work(1)?;
    Ok(match field::unwrapped(value)? {
        held @ (Value::Null | Value::Bool(_) | Value::Double(_) | Value::String(_)) => held.clone(),
        Value::Int(int) => number((*int).into()),
        Value::Uint(uint) => number((*uint).into()),
        Value::Bytes(bytes) => {
            meter.allocate(bytes.as_slice().len().saturating_mul(2))?;
            Value::text(base64::encode(bytes.as_slice()))
        }
        Value::Duration(duration) => Value::text(duration.to_string()),
        Value::Timestamp(time) => Value::text(time.to_string()),
        Value::List(items) => return list(items, meter),
        Value::Map(entries) => return map(entries, meter),
        Value::Struct(made) if Message::named(&made.of) == Some(Message::Empty) => empty(),
        other => {
            let message = format!("type conversion error from '{}' to JSON", other.type_name().as_str());
            return Err(Failure::error(message));
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "up to this none is lost")]
fn number<'a>(number: i128) -> Value<'a> {
    if number.unsigned_abs() <= EXACT { Value::Double(number as f64) } else { Value::text(number.to_string()) }
}

fn text_of<'a>(key: &Key<'a>) -> Result<Text<'a>, Failure> {
    let key = key.to_value();
    let none = || Failure::error(format!("a key is a string, and '{}' is none", key.type_name().as_str()));
    field::text(&key).ok_or_else(none)
}

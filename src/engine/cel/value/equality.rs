//! What equals what, and what comes before what: numbers by their value whatever their type, all else within one type.

use std::{cmp::Ordering, ptr};

use serde_json::Value as Json;

use crate::engine::cel::{
    Failure, Meter, Value,
    value::{List, Map, Struct, number},
};

// === impl Value ===

impl Value<'_> {
    /// Values of different types are unequal, and NaN is unequal to itself.
    ///
    /// # Errors
    /// Where comparing takes more than the request may: values share their parts, so that a small one may be long to compare.
    pub fn equals(&self, other: &Value<'_>, meter: &mut Meter) -> Result<bool, Failure> {
        Ok(match (self, other) {
            (Self::Int(one), Value::Int(other)) => one == other,
            (Self::String(one), Value::String(other)) => return equal_texts(one.as_str(), other.as_str(), meter),
            (Self::Bytes(one), Value::Bytes(other)) => {
                meter.work(one.as_slice().len().min(other.as_slice().len()) / 64)?;
                one.as_slice() == other.as_slice()
            }
            (Self::List(one), Value::List(other)) => return equal_lists(one, other, meter),
            (Self::Map(one), Value::Map(other)) => return equal_maps(one, other, meter),
            (Self::Struct(one), Value::Struct(other)) => return equal_structs(one, other, meter),
            (Self::Optional(Some(one)), Value::Optional(Some(other))) => return one.equals(other, meter),
            (one, other) => one.equals_plain(other),
        })
    }

    /// Whether `==` has an answer. Kubernetes' own types have none for what is of another type than they are.
    pub fn is_comparable_with(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Quantity(one), Value::Quantity(other)) => one.is_comparable_with(other),
            (Self::Semver(_), Value::Semver(_))
            | (Self::Ip(_), Value::Ip(_))
            | (Self::Cidr(_), Value::Cidr(_))
            | (Self::Url(_), Value::Url(_))
            | (Self::Format(_), Value::Format(_))
            | (_, Value::Null) => true,
            (Self::Quantity(_) | Self::Semver(_) | Self::Ip(_) | Self::Cidr(_) | Self::Url(_) | Self::Format(_), _) => {
                false
            }
            _ => true,
        }
    }

    /// Of what holds no other values.
    #[inline(never)]
    fn equals_plain(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Null, Value::Null) | (Self::Optional(None), Value::Optional(None)) => true,
            (Self::Bool(one), Value::Bool(other)) => one == other,
            (Self::Duration(one), Value::Duration(other)) => one == other,
            (Self::Timestamp(one), Value::Timestamp(other)) => one == other,
            (Self::Type(one), Value::Type(other)) => one.as_str() == other.as_str(),
            (Self::Quantity(one), Value::Quantity(other)) => one == other,
            (Self::Semver(one), Value::Semver(other)) => one == other,
            (Self::Ip(one), Value::Ip(other)) => one == other,
            (Self::Cidr(one), Value::Cidr(other)) => one == other,
            (Self::Url(one), Value::Url(other)) => one == other,
            (Self::Format(one), Value::Format(other)) => one == other,
            _ => self.compare_numbers(other) == Some(Ordering::Equal),
        }
    }

    /// # Errors
    /// What has no order: NaN, and values of different types.
    pub fn compare(&self, other: &Value<'_>) -> Result<Ordering, Failure> {
        Ok(match (self, other) {
            (Self::Bool(one), Value::Bool(other)) => one.cmp(other),
            (Self::String(one), Value::String(other)) => one.as_str().cmp(other.as_str()),
            (Self::Bytes(one), Value::Bytes(other)) => one.as_slice().cmp(other.as_slice()),
            (Self::Duration(one), Value::Duration(other)) => one.cmp(other),
            (Self::Timestamp(one), Value::Timestamp(other)) => one.cmp(other),
            (Self::Int(_) | Self::Uint(_) | Self::Double(_), Value::Int(_) | Value::Uint(_) | Value::Double(_)) => {
                let unordered = || Failure::error("NaN values cannot be ordered");
                return self.compare_numbers(other).ok_or_else(unordered);
            }
            _ => return Err(Failure::no_such_overload()),
        })
    }

    fn compare_numbers(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(one), Value::Int(other)) => Some(one.cmp(other)),
            (Self::Uint(one), Value::Uint(other)) => Some(one.cmp(other)),
            (Self::Double(one), Value::Double(other)) => one.partial_cmp(other),
            (Self::Int(int), Value::Uint(uint)) => Some(number::compare_int_uint(*int, *uint)),
            (Self::Uint(uint), Value::Int(int)) => Some(number::compare_int_uint(*int, *uint).reverse()),
            (Self::Double(double), Value::Int(int)) => number::compare_double_int(*double, *int),
            (Self::Int(int), Value::Double(double)) => number::compare_double_int(*double, *int).map(Ordering::reverse),
            (Self::Double(double), Value::Uint(uint)) => number::compare_double_uint(*double, *uint),
            (Self::Uint(uint), Value::Double(double)) => {
                number::compare_double_uint(*double, *uint).map(Ordering::reverse)
            }
            _ => None,
        }
    }
}

fn equal_texts(one: &str, other: &str, meter: &mut Meter) -> Result<bool, Failure> {
    if one.len() != other.len() {
        return Ok(false);
    }
    meter.work(one.len() / 64)?;
    Ok(one == other)
}

#[inline(never)]
fn equal_lists(one: &List<'_>, other: &List<'_>, meter: &mut Meter) -> Result<bool, Failure> {
    if let (List::Json(one), List::Json(other)) = (one, other) {
        return equal_items(one, other, meter);
    }
    if one.len() != other.len() {
        return Ok(false);
    }
    for (one, other) in one.iter().zip(other.iter()) {
        meter.work(1)?;
        if !one.equals(&other, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[inline(never)]
fn equal_maps(one: &Map<'_>, other: &Map<'_>, meter: &mut Meter) -> Result<bool, Failure> {
    if let (Map::Json(one), Map::Json(other)) = (one, other) {
        return equal_entries(one, other, meter);
    }
    if one.len() != other.len() {
        return Ok(false);
    }
    for (key, value) in one.iter() {
        let key = key.to_value();
        meter.work(1 + key.as_str().map_or(0, str::len) / 64)?;
        match other.find(&key) {
            Some(other) if value.equals(&other, meter)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

#[inline(never)]
fn equal_structs(one: &Struct<'_>, other: &Struct<'_>, meter: &mut Meter) -> Result<bool, Failure> {
    if one.of != other.of || one.fields.len() != other.fields.len() {
        return Ok(false);
    }
    for (name, value) in &one.fields {
        meter.work(1)?;
        match other.fields.get(name) {
            Some(other) if value.equals(other, meter)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// `object.spec == oldObject.spec` is what many policies begin with: JSON is compared as it is, and not at all with itself.
fn equal_json(one: &Json, other: &Json, meter: &mut Meter) -> Result<bool, Failure> {
    Ok(match (one, other) {
        (Json::String(one), Json::String(other)) => return equal_texts(one, other, meter),
        (Json::Array(one), Json::Array(other)) => return equal_items(one, other, meter),
        (Json::Object(one), Json::Object(other)) => return equal_entries(one, other, meter),
        (Json::Number(_), Json::Number(_)) => Value::from_json(one).equals_plain(&Value::from_json(other)),
        (one, other) => one == other,
    })
}

fn equal_items(one: &[Json], other: &[Json], meter: &mut Meter) -> Result<bool, Failure> {
    if ptr::eq(one, other) {
        return Ok(true);
    }
    if one.len() != other.len() {
        return Ok(false);
    }
    for (one, other) in one.iter().zip(other) {
        meter.work(1)?;
        if !equal_json(one, other, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Both are in the order of their keys.
fn equal_entries(
    one: &serde_json::Map<String, Json>,
    other: &serde_json::Map<String, Json>,
    meter: &mut Meter,
) -> Result<bool, Failure> {
    if ptr::eq(one, other) {
        return Ok(true);
    }
    if one.len() != other.len() {
        return Ok(false);
    }
    for ((key, value), (other_key, other)) in one.iter().zip(other) {
        meter.work(1 + key.len() / 64)?;
        if key != other_key || !equal_json(value, other, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_equals_json_whatever_the_order_and_the_kind_of_numbers() {
        let read = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        let equal = |one: &Json, other: &Json| {
            Value::from_json(one).equals(&Value::from_json(other), &mut Meter::new()).unwrap()
        };
        let one = read(r#"{"a": {"c": [1, "x", null], "d": true}, "b": 2}"#);
        assert!(equal(&one, &one));
        assert!(equal(&one, &read(r#"{"b": 2.0, "a": {"d": true, "c": [1.0, "x", null]}}"#)));
        for other in [
            json!({"a": {"c": [1, "x", null], "d": true}}),
            json!({"a": {"c": [1, "x", null], "e": true}, "b": 2}),
            json!({"a": {"c": [1, "x"], "d": true}, "b": 2}),
            json!({"a": {"c": [1, "y", null], "d": true}, "b": 2}),
            json!({"a": {"c": [1, "x", false], "d": true}, "b": 2}),
            json!({"a": {"c": {}, "d": true}, "b": 2}),
        ] {
            assert!(!equal(&one, &other), "{other}");
        }
    }
}

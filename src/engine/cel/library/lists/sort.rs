//! `sort`, and `sortBy`, which is a macro over `@sortByAssociatedKeys`.
//!
//! Equal keys keep their order. In cel-go they do so in lists of up to twelve elements; beyond that its order is not defined.

use std::cmp::Ordering;

use crate::engine::cel::{
    Failure, Meter, Type, Value,
    functions::{Answer, Call, Overload},
    library::lists::compare_cost,
    value::List,
};

pub(super) fn functions() -> Vec<Overload> {
    const OF: [(Type, &str, &str); 8] = [
        (Type::Int, "list_int_sort", "list_int_sortByAssociatedKeys"),
        (Type::Uint, "list_uint_sort", "list_uint_sortByAssociatedKeys"),
        (Type::Double, "list_double_sort", "list_double_sortByAssociatedKeys"),
        (Type::Bool, "list_bool_sort", "list_bool_sortByAssociatedKeys"),
        (Type::Duration, "list_google.protobuf.Duration_sort", "list_google.protobuf.Duration_sortByAssociatedKeys"),
        (Type::Timestamp, "list_google.protobuf.Timestamp_sort", "list_google.protobuf.Timestamp_sortByAssociatedKeys"),
        (Type::String, "list_string_sort", "list_string_sortByAssociatedKeys"),
        (Type::Bytes, "list_bytes_sort", "list_bytes_sortByAssociatedKeys"),
    ];
    let sorts = OF.into_iter().map(|(of, id, _)| {
        Overload::member("sort", id, [Type::list(of.clone())], Type::list(of), sort)
            .costing_if_known(|args, _| args.first().map_or(0, compare_cost))
    });
    let sorts_by_keys = OF.into_iter().map(|(of, _, id)| {
        let list = || Type::list(Type::Parameter("T"));
        Overload::member("@sortByAssociatedKeys", id, [list(), Type::list(of)], list(), sort_by_keys)
            .costing_if_known(|args, _| args.get(1).map_or(0, compare_cost))
    });
    sorts.chain(sorts_by_keys).collect()
}

fn sort<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(list)] = call.args else { return Err(Failure::no_such_overload()) };
    sorted(list, list, call.meter)
}

fn sort_by_keys<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(list), Value::List(keys)] = call.args else { return Err(Failure::no_such_overload()) };
    sorted(list, keys, call.meter)
}

fn sorted<'a>(list: &List<'a>, keys: &List<'a>, meter: &mut Meter) -> Answer<'a> {
    if list.len() != keys.len() {
        return Err(Failure::error(format!(
            "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got {} and {} \
             elements respectively",
            list.len(),
            keys.len()
        )));
    }
    let Some(first) = keys.get(0) else { return Ok(Value::List(list.clone())) };
    if !is_comparable(&first) {
        return Err(Failure::error("list elements must be comparable"));
    }
    meter.work(keys.len() / 4)?;
    if keys.iter().any(|key| key.type_name().as_str() != first.type_name().as_str()) {
        return Err(Failure::error("list elements must have the same type"));
    }
    if let (List::Range(_), List::Range(_)) = (list, keys) {
        return Ok(Value::List(list.clone()));
    }
    meter.allocate_items(list.len().saturating_mul(3))?;
    let rounds = list.len().checked_ilog2().unwrap_or_default() as usize;
    meter.work(list.len().saturating_mul(rounds))?;
    meter.work(keys.iter().map(|key| length(&key) / 32).fold(0, usize::saturating_add).saturating_mul(rounds))?;
    let mut pairs: Vec<(Value<'a>, Value<'a>)> = keys.iter().zip(list.iter()).collect();
    pairs.sort_by(|(one, _), (other, _)| order(one, other));
    Ok(Value::list(pairs.into_iter().map(|(_, value)| value)))
}

/// Bytes that a comparison may go through.
fn length(key: &Value<'_>) -> usize {
    match key {
        Value::String(text) => text.as_str().len(),
        Value::Bytes(bytes) => bytes.as_slice().len(),
        _ => 0,
    }
}

/// What has an order among its like.
pub(super) const fn is_comparable(value: &Value<'_>) -> bool {
    matches!(
        value,
        Value::Bool(_)
            | Value::Int(_)
            | Value::Uint(_)
            | Value::Double(_)
            | Value::String(_)
            | Value::Bytes(_)
            | Value::Duration(_)
            | Value::Timestamp(_)
    )
}

/// Of values of one type. What is no number has no order in cel-go; here it comes last, as a sort needs one.
fn order(one: &Value<'_>, other: &Value<'_>) -> Ordering {
    match (one, other) {
        (Value::Double(one), Value::Double(other)) if one.is_nan() || other.is_nan() => {
            one.is_nan().cmp(&other.is_nan())
        }
        _ => one.compare(other).unwrap_or(Ordering::Equal),
    }
}

//! One value from a list, as Kubernetes has them: `sum`, `min`, `max`, `isSorted`, `indexOf`, `lastIndexOf`.

use std::cmp::Ordering;

use crate::engine::cel::{
    Failure, Type, Value,
    functions::{Answer, Call, Overload, Run},
    library::{lists::sort::is_comparable, time::Duration},
};

pub(super) fn functions() -> Vec<Overload> {
    const ORDERED: [(Type, [&str; 3]); 8] = [
        (Type::Int, ["list_int_is_sorted_bool", "list_int_max_int", "list_int_min_int"]),
        (Type::Uint, ["list_uint_is_sorted_bool", "list_uint_max_uint", "list_uint_min_uint"]),
        (Type::Double, ["list_double_is_sorted_bool", "list_double_max_double", "list_double_min_double"]),
        (Type::Bool, ["list_bool_is_sorted_bool", "list_bool_max_bool", "list_bool_min_bool"]),
        (Type::Duration, ["list_duration_is_sorted_bool", "list_duration_max_duration", "list_duration_min_duration"]),
        (
            Type::Timestamp,
            ["list_timestamp_is_sorted_bool", "list_timestamp_max_timestamp", "list_timestamp_min_timestamp"],
        ),
        (Type::String, ["list_string_is_sorted_bool", "list_string_max_string", "list_string_min_string"]),
        (Type::Bytes, ["list_bytes_is_sorted_bool", "list_bytes_max_bytes", "list_bytes_min_bytes"]),
    ];
    const SUMMED: [(Type, &str, Run); 4] = [
        (Type::Int, "list_int_sum_int", |call| sum(call, Value::Int(0))),
        (Type::Uint, "list_uint_sum_uint", |call| sum(call, Value::Uint(0))),
        (Type::Double, "list_double_sum_double", |call| sum(call, Value::Double(0.0))),
        (Type::Duration, "list_duration_sum_duration", |call| {
            sum(call, Value::Duration(Duration::from_nanoseconds(0)))
        }),
    ];
    let mut all = Vec::new();
    for (of, [is_sorted_id, max_id, min_id]) in ORDERED {
        let list = || [Type::list(of.clone())];
        all.push(Overload::member("isSorted", is_sorted_id, list(), Type::Bool, is_sorted).walking());
        all.push(Overload::member("max", max_id, list(), of.clone(), max).walking());
        all.push(Overload::member("min", min_id, list(), of.clone(), min).walking());
    }
    for (of, id, run) in SUMMED {
        all.push(Overload::member("sum", id, [Type::list(of.clone())], of, run).walking());
    }
    let list_and_one = || [Type::list(Type::Parameter("A")), Type::Parameter("A")];
    all.push(Overload::member("indexOf", "list_a_index_of_int", list_and_one(), Type::Int, index_of).walking());
    all.push(
        Overload::member("lastIndexOf", "list_a_last_index_of_int", list_and_one(), Type::Int, last_index_of).walking(),
    );
    all
}

fn sum<'a>(call: &mut Call<'_, 'a>, zero: Value<'a>) -> Answer<'a> {
    let [Value::List(list)] = call.args else { return Err(Failure::no_such_overload()) };
    let mut sum = zero;
    for item in list.iter() {
        sum = add(&sum, &item)?;
    }
    Ok(sum)
}

fn max<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    most(call, "max", Ordering::Less)
}

fn min<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    most(call, "min", Ordering::Greater)
}

/// The one that those before it stand to like this. What cannot be compared is passed over, as Kubernetes does.
fn most<'a>(call: &mut Call<'_, 'a>, name: &str, to: Ordering) -> Answer<'a> {
    let [Value::List(list)] = call.args else { return Err(Failure::no_such_overload()) };
    let mut most: Option<Value<'a>> = None;
    for item in list.iter() {
        if !is_comparable(&item) {
            return Err(Failure::no_such_overload());
        }
        match &most {
            Some(most) if most.compare(&item).ok() != Some(to) => {}
            _ => most = Some(item),
        }
    }
    most.ok_or_else(|| Failure::error(format!("{name} called on empty list")))
}

fn is_sorted<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(list)] = call.args else { return Err(Failure::no_such_overload()) };
    let mut before: Option<Value<'a>> = None;
    for item in list.iter() {
        if !is_comparable(&item) {
            return Err(Failure::no_such_overload());
        }
        if before.is_some_and(|before| before.compare(&item).ok() == Some(Ordering::Greater)) {
            return Ok(Value::Bool(false));
        }
        before = Some(item);
    }
    Ok(Value::Bool(true))
}

fn index_of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(list), item] = call.args else { return Err(Failure::no_such_overload()) };
    for (index, each) in list.iter().enumerate() {
        if each.equals(item, call.meter)? {
            return Ok(place(index));
        }
    }
    Ok(Value::Int(-1))
}

fn last_index_of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(list), item] = call.args else { return Err(Failure::no_such_overload()) };
    for index in (0..list.len()).rev() {
        if let Some(each) = list.get(index)
            && each.equals(item, call.meter)?
        {
            return Ok(place(index));
        }
    }
    Ok(Value::Int(-1))
}

fn add<'a>(one: &Value<'a>, other: &Value<'a>) -> Answer<'a> {
    let (sum, overflow) = match (one, other) {
        (Value::Int(one), Value::Int(other)) => (one.checked_add(*other).map(Value::Int), "integer overflow"),
        (Value::Uint(one), Value::Uint(other)) => {
            (one.checked_add(*other).map(Value::Uint), "unsigned integer overflow")
        }
        (Value::Double(one), Value::Double(other)) => (Some(Value::Double(one + other)), ""),
        (Value::Duration(one), Value::Duration(other)) => {
            (one.checked_add(*other).map(Value::Duration), "integer overflow")
        }
        _ => return Err(Failure::no_such_overload()),
    };
    sum.ok_or_else(|| Failure::error(overflow))
}

fn place<'a>(index: usize) -> Value<'a> {
    Value::Int(i64::try_from(index).unwrap_or(i64::MAX))
}

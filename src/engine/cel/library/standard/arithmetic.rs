//! `+ - * / %` and the minus before a number. Nothing is converted: both sides are of one type.

use std::rc::Rc;

use crate::engine::cel::{
    Answer, Failure, Type, Value,
    functions::{Call, Overload, Run},
    meter::Meter,
    run::cost,
    value::{Bytes, List, Text},
};

pub(super) fn functions() -> Vec<Overload> {
    let list = || Type::list(Type::Parameter("A"));
    let both = |function, id, of: Type, run: Run| Overload::global(function, id, vec![of.clone(), of.clone()], of, run);
    let both_sizes = |overload: Overload| {
        overload
            .costing_if_known(|args, _| cost::traversal(cost::size_of(args, 0).saturating_add(cost::size_of(args, 1))))
    };
    vec![
        both_sizes(both("_+_", "add_bytes", Type::Bytes, add)),
        both("_+_", "add_double", Type::Double, add),
        both("_+_", "add_int64", Type::Int, add),
        both("_+_", "add_list", list(), add),
        both_sizes(both("_+_", "add_string", Type::String, add)),
        both("_+_", "add_uint64", Type::Uint, add),
        both("_/_", "divide_double", Type::Double, divide),
        both("_/_", "divide_int64", Type::Int, divide),
        both("_/_", "divide_uint64", Type::Uint, divide),
        both("_%_", "modulo_int64", Type::Int, modulo),
        both("_%_", "modulo_uint64", Type::Uint, modulo),
        both("_*_", "multiply_double", Type::Double, multiply),
        both("_*_", "multiply_int64", Type::Int, multiply),
        both("_*_", "multiply_uint64", Type::Uint, multiply),
        Overload::global("-_", "negate_double", vec![Type::Double], Type::Double, negate),
        Overload::global("-_", "negate_int64", vec![Type::Int], Type::Int, negate),
        both("_-_", "subtract_double", Type::Double, subtract),
        both("_-_", "subtract_int64", Type::Int, subtract),
        both("_-_", "subtract_uint64", Type::Uint, subtract),
    ]
}

fn add<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Int(one), Value::Int(other)] => int(one.checked_add(*other)),
        [Value::Uint(one), Value::Uint(other)] => uint(one.checked_add(*other)),
        [Value::Double(one), Value::Double(other)] => Ok(Value::Double(one + other)),
        [Value::String(one), Value::String(other)] => join_text(one, other, call.meter),
        [Value::Bytes(one), Value::Bytes(other)] => join_bytes(one, other, call.meter),
        [Value::List(one), Value::List(other)] => join(one.clone(), other, call.meter),
        _ => Err(Failure::no_such_overload()),
    }
}

fn subtract<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Int(one), Value::Int(other)] => int(one.checked_sub(*other)),
        [Value::Uint(one), Value::Uint(other)] => uint(one.checked_sub(*other)),
        [Value::Double(one), Value::Double(other)] => Ok(Value::Double(one - other)),
        _ => Err(Failure::no_such_overload()),
    }
}

fn multiply<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Int(one), Value::Int(other)] => int(one.checked_mul(*other)),
        [Value::Uint(one), Value::Uint(other)] => uint(one.checked_mul(*other)),
        [Value::Double(one), Value::Double(other)] => Ok(Value::Double(one * other)),
        _ => Err(Failure::no_such_overload()),
    }
}

fn divide<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => Err(Failure::error("division by zero")),
        [Value::Int(one), Value::Int(other)] => int(one.checked_div(*other)),
        [Value::Uint(one), Value::Uint(other)] => uint(one.checked_div(*other)),
        [Value::Double(one), Value::Double(other)] => Ok(Value::Double(one / other)),
        _ => Err(Failure::no_such_overload()),
    }
}

fn modulo<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => Err(Failure::error("modulus by zero")),
        [Value::Int(one), Value::Int(other)] => int(one.checked_rem(*other)),
        [Value::Uint(one), Value::Uint(other)] => uint(one.checked_rem(*other)),
        _ => Err(Failure::no_such_overload()),
    }
}

fn negate<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Int(value)] => int(value.checked_neg()),
        [Value::Double(value)] => Ok(Value::Double(-value)),
        _ => Err(Failure::no_such_overload()),
    }
}

fn int<'a>(result: Option<i64>) -> Answer<'a> {
    result.map(Value::Int).ok_or_else(|| Failure::error("integer overflow"))
}

fn uint<'a>(result: Option<u64>) -> Answer<'a> {
    result.map(Value::Uint).ok_or_else(|| Failure::error("unsigned integer overflow"))
}

fn join_text<'a>(one: &Text<'a>, other: &Text<'a>, meter: &mut Meter) -> Answer<'a> {
    let (left, right) = (one.as_str(), other.as_str());
    if right.is_empty() {
        return Ok(Value::String(one.clone()));
    }
    meter.allocate(left.len().saturating_add(right.len()))?;
    Ok(Value::text([left, right].concat()))
}

fn join_bytes<'a>(one: &Bytes<'a>, other: &Bytes<'a>, meter: &mut Meter) -> Answer<'a> {
    let (left, right) = (one.as_slice(), other.as_slice());
    meter.allocate(left.len().saturating_add(right.len()))?;
    Ok(Value::Bytes(Bytes::Shared([left, right].concat().into())))
}

/// One list after the other. It appends to the first where no one else holds it: what a comprehension gathers.
///
/// # Errors
/// Where it is more than the request may make.
pub fn join<'a>(mut one: List<'a>, other: &List<'a>, meter: &mut Meter) -> Answer<'a> {
    if one.is_empty() {
        return Ok(Value::List(other.clone()));
    }
    if other.is_empty() {
        return Ok(Value::List(one));
    }
    if let List::Shared(items) = &mut one
        && let Some(items) = Rc::get_mut(items)
    {
        meter.allocate_items(other.len())?;
        items.extend(other.iter());
        return Ok(Value::List(one));
    }
    meter.allocate_items(one.len().saturating_add(other.len()))?;
    Ok(Value::list(one.iter().chain(other.iter())))
}

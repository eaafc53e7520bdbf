//! Optional values (cel-go cel/library.go). Selections and indexes on them, `or` and `orValue` are run in
//! [`crate::engine::cel::run`], for they run only what they need.

use crate::engine::cel::{
    Answer, Failure, Type, Value,
    functions::{Call, Overload},
    library::standard::names,
    value::List,
};

pub fn functions() -> Vec<Overload> {
    let (k, v) = (|| Type::Parameter("K"), || Type::Parameter("V"));
    let (optional, list, map) = (|| Type::optional(v()), || Type::list(v()), || Type::map(k(), v()));
    let known = |function, id, params: Vec<Type>, result| {
        Overload::global(function, id, params, result, |_| Err(Failure::no_such_overload()))
    };
    let lazy = |function, id, other, result| {
        Overload::member(function, id, vec![optional(), other], result, |_| Err(Failure::no_such_overload()))
    };
    vec![
        Overload::global("optional.of", "optional_of", vec![v()], optional(), of),
        Overload::global("optional.ofNonZeroValue", "optional_ofNonZeroValue", vec![v()], optional(), of_non_zero),
        Overload::global("optional.none", "optional_none", vec![], optional(), |_| Ok(Value::Optional(None))),
        Overload::member("value", "optional_value", vec![optional()], v(), value),
        Overload::member("hasValue", "optional_hasValue", vec![optional()], Type::Bool, has_value),
        lazy("or", "optional_or_optional", optional(), optional()),
        lazy("orValue", "optional_orValue_value", v(), v()),
        known(names::OPTIONAL_SELECT, "select_optional_field", vec![Type::Dyn, Type::String], optional()),
        known(names::OPTIONAL_INDEX, "list_optindex_optional_int", vec![list(), Type::Int], optional()),
        known(
            names::OPTIONAL_INDEX,
            "optional_list_optindex_optional_int",
            vec![Type::optional(list()), Type::Int],
            optional(),
        ),
        known(names::OPTIONAL_INDEX, "map_optindex_optional_value", vec![map(), k()], optional()),
        known(
            names::OPTIONAL_INDEX,
            "optional_map_optindex_optional_value",
            vec![Type::optional(map()), k()],
            optional(),
        ),
        known(names::INDEX, "optional_list_index_int", vec![Type::optional(list()), Type::Int], optional()),
        known(names::INDEX, "optional_map_index_value", vec![Type::optional(map()), k()], optional()),
        Overload::member("last", "list_last", vec![list()], optional(), |call| {
            end(call, |list| list.len().checked_sub(1))
        }),
        Overload::member("first", "list_first", vec![list()], optional(), |call| end(call, |_| Some(0))),
        Overload::global("optional.unwrap", "optional_unwrap", vec![Type::list(optional())], list(), unwrap),
        Overload::member("unwrapOpt", "optional_unwrapOpt", vec![Type::list(optional())], list(), unwrap),
    ]
}

fn of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [value] => Ok(Value::some(value.clone())),
        _ => Err(Failure::no_such_overload()),
    }
}

fn of_non_zero<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [value] if value.is_zero() => Ok(Value::Optional(None)),
        [value] => Ok(Value::some(value.clone())),
        _ => Err(Failure::no_such_overload()),
    }
}

fn value<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Optional(Some(value))] => Ok(Value::clone(value)),
        [Value::Optional(None)] => Err(Failure::error("optional.none() dereference")),
        _ => Err(Failure::no_such_overload()),
    }
}

fn has_value<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Optional(value)] => Ok(Value::Bool(value.is_some())),
        _ => Err(Failure::no_such_overload()),
    }
}

fn end<'a>(call: &mut Call<'_, 'a>, index: fn(&List<'a>) -> Option<usize>) -> Answer<'a> {
    match call.args {
        [Value::List(list)] => {
            Ok(index(list).and_then(|index| list.get(index)).map_or(Value::Optional(None), Value::some))
        }
        _ => Err(Failure::no_such_overload()),
    }
}

fn unwrap<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(list)] = call.args else { return Err(Failure::no_such_overload()) };
    call.meter.allocate_items(list.len())?;
    let mut values = Vec::new();
    for item in list.iter() {
        match item {
            Value::Optional(Some(value)) => values.push(Value::clone(&value)),
            Value::Optional(None) => {}
            other => return Err(Failure::error(format!("value {other} is not optional"))),
        }
    }
    Ok(Value::list(values))
}

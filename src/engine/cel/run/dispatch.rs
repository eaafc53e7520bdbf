//! Which overload takes the values that are there when a call runs.

use crate::engine::cel::{
    Failure, Type, Value,
    functions::Overload,
    value::{List, Map},
};

pub(super) fn takes(overload: &Overload, args: &[Value<'_>]) -> bool {
    let fits =
        |(of, value)| is(value, of) || (overload.lenient && matches!((of, value), (Type::List(_), Value::List(_))));
    overload.params.len() == args.len() && overload.params.iter().zip(args).all(fits)
}

/// Whether a value is of a type. Of lists and maps only the first element is looked at, as cel-go does.
fn is(value: &Value<'_>, of: &Type) -> bool {
    match (of, value) {
        (Type::Dyn | Type::Parameter(_) | Type::Error, _)
        | (Type::Null, Value::Null)
        | (Type::Bool, Value::Bool(_))
        | (Type::Int, Value::Int(_))
        | (Type::Uint, Value::Uint(_))
        | (Type::Double, Value::Double(_))
        | (Type::String, Value::String(_))
        | (Type::Bytes, Value::Bytes(_))
        | (Type::Duration, Value::Duration(_))
        | (Type::Timestamp, Value::Timestamp(_))
        | (Type::Optional(_), Value::Optional(_))
        | (Type::Type(_), Value::Type(_))
        // Objects of a request are maps of JSON.
        | (Type::Object(_), Value::Map(_)) => true,
        (Type::List(of), Value::List(list)) => is_list(list, of),
        (Type::Map(key, of), Value::Map(map)) => is_map(map, key, of),
        (Type::Opaque(name), value) => **name == *value.type_name().as_str(),
        (Type::Object(of), Value::Struct(made)) => of.name == made.of,
        _ => false,
    }
}

#[inline(never)]
fn is_list(list: &List<'_>, of: &Type) -> bool {
    matches!(of, Type::Dyn | Type::Parameter(_)) || list.get(0).is_none_or(|first| is(&first, of))
}

#[inline(never)]
fn is_map(map: &Map<'_>, key_type: &Type, of: &Type) -> bool {
    if matches!((key_type, of), (Type::Dyn | Type::Parameter(_), Type::Dyn | Type::Parameter(_))) {
        return true;
    }
    map.iter().next().is_none_or(|(key, value)| is(&key.to_value(), key_type) && is(&value, of))
}

/// Whether all overloads of a function have one implementation in cel-go.
pub(super) fn is_singleton(function: &str) -> bool {
    is_operator(function) || matches!(function, "size" | "type" | "dyn" | "matches")
}

fn is_operator(function: &str) -> bool {
    function.contains('_') || function.starts_with('@')
}

/// In cel-go's words: functions of one implementation say less.
pub(super) fn no_such_overload(function: &str, args: &[Value<'_>]) -> Failure {
    if is_operator(function) || matches!(function, "contains" | "startsWith" | "endsWith") {
        return Failure::no_such_overload();
    }
    if is_singleton(function) {
        return Failure::error(format!("no such overload: {function}"));
    }
    let types: Vec<String> = args.iter().map(|value| value.type_name().as_str().to_owned()).collect();
    Failure::error(format!("no such overload: {function}({})", types.join(", ")))
}

//! Conversions, each refusing what it would lose; `type` and `dyn`.

use crate::engine::cel::{
    Answer, Failure, Type, Value,
    functions::{Call, Overload, Run},
    run::cost,
    value::{Bytes, Text, number},
};

pub(super) fn functions() -> Vec<Overload> {
    let a = || Type::Parameter("A");
    let conversion = |id, from: Type, function, to: Type, run: Run| Overload::global(function, id, vec![from], to, run);
    let traversing = |overload: Overload| overload.costing_if_known(|args, _| cost::traversal(cost::size_of(args, 0)));
    vec![
        conversion("type", a(), "type", Type::of_type(a()), type_of),
        conversion("bool_to_bool", Type::Bool, "bool", Type::Bool, same),
        conversion("string_to_bool", Type::String, "bool", Type::Bool, to_bool),
        conversion("bytes_to_bytes", Type::Bytes, "bytes", Type::Bytes, same),
        traversing(conversion("string_to_bytes", Type::String, "bytes", Type::Bytes, to_bytes)),
        conversion("double_to_double", Type::Double, "double", Type::Double, same),
        conversion("int64_to_double", Type::Int, "double", Type::Double, to_double),
        conversion("string_to_double", Type::String, "double", Type::Double, to_double),
        conversion("uint64_to_double", Type::Uint, "double", Type::Double, to_double),
        conversion("to_dyn", a(), "dyn", Type::Dyn, same),
        conversion("int64_to_int64", Type::Int, "int", Type::Int, same),
        conversion("double_to_int64", Type::Double, "int", Type::Int, to_int),
        conversion("string_to_int64", Type::String, "int", Type::Int, to_int),
        conversion("uint64_to_int64", Type::Uint, "int", Type::Int, to_int),
        conversion("string_to_string", Type::String, "string", Type::String, same),
        conversion("bool_to_string", Type::Bool, "string", Type::String, to_string),
        traversing(conversion("bytes_to_string", Type::Bytes, "string", Type::String, to_string)),
        conversion("double_to_string", Type::Double, "string", Type::String, to_string),
        conversion("int64_to_string", Type::Int, "string", Type::String, to_string),
        conversion("uint64_to_string", Type::Uint, "string", Type::String, to_string),
        conversion("uint64_to_uint64", Type::Uint, "uint", Type::Uint, same),
        conversion("double_to_uint64", Type::Double, "uint", Type::Uint, to_uint),
        conversion("int64_to_uint64", Type::Int, "uint", Type::Uint, to_uint),
        conversion("string_to_uint64", Type::String, "uint", Type::Uint, to_uint),
    ]
}

fn same<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [value] => Ok(value.clone()),
        _ => Err(Failure::no_such_overload()),
    }
}

fn type_of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [value] => Ok(Value::Type(value.type_name())),
        _ => Err(Failure::no_such_overload()),
    }
}

/// As Go's `strconv.ParseBool`.
fn to_bool<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::String(text)] => match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Value::Bool(false)),
            _ => Err(no_conversion("string", "bool")),
        },
        _ => Err(Failure::no_such_overload()),
    }
}

fn to_bytes<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::String(Text::Borrowed(text))] => Ok(Value::Bytes(Bytes::Borrowed(text.as_bytes()))),
        [Value::String(Text::Shared(text))] => {
            call.meter.allocate(text.len())?;
            Ok(Value::Bytes(Bytes::Shared(text.as_bytes().into())))
        }
        _ => Err(Failure::no_such_overload()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "as the nearest double, as everywhere")]
fn to_double<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Int(value)] => Ok(Value::Double(*value as f64)),
        [Value::Uint(value)] => Ok(Value::Double(*value as f64)),
        [Value::String(text)] => {
            number::parse_double(text.as_str()).map(Value::Double).ok_or_else(|| no_conversion("string", "double"))
        }
        _ => Err(Failure::no_such_overload()),
    }
}

fn to_int<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let overflow = || Failure::error("integer overflow");
    match call.args {
        [Value::Double(value)] => number::int_of_double(*value).map(Value::Int).ok_or_else(overflow),
        [Value::Uint(value)] => i64::try_from(*value).map(Value::Int).map_err(|_| overflow()),
        [Value::String(text)] => text.as_str().parse().map(Value::Int).map_err(|_| no_conversion("string", "int")),
        _ => Err(Failure::no_such_overload()),
    }
}

fn to_uint<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let overflow = || Failure::error("unsigned integer overflow");
    match call.args {
        [Value::Double(value)] => number::uint_of_double(*value).map(Value::Uint).ok_or_else(overflow),
        [Value::Int(value)] => u64::try_from(*value).map(Value::Uint).map_err(|_| overflow()),
        // Go's reads no sign here.
        [Value::String(text)] if !text.as_str().starts_with('+') => {
            text.as_str().parse().map(Value::Uint).map_err(|_| no_conversion("string", "uint"))
        }
        [Value::String(_)] => Err(no_conversion("string", "uint")),
        _ => Err(Failure::no_such_overload()),
    }
}

fn to_string<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Bool(value)] => Ok(Value::String(Text::Borrowed(if *value { "true" } else { "false" }))),
        [Value::Int(value)] => Ok(Value::text(value.to_string())),
        [Value::Uint(value)] => Ok(Value::text(value.to_string())),
        [Value::Double(value)] => Ok(Value::text(number::shortest(*value))),
        [Value::Bytes(bytes)] => {
            call.meter.allocate(bytes.as_slice().len())?;
            match str::from_utf8(bytes.as_slice()) {
                Ok(text) => Ok(Value::text(text)),
                Err(_) => Err(Failure::error("invalid UTF-8 in bytes, cannot convert to string")),
            }
        }
        _ => Err(Failure::no_such_overload()),
    }
}

fn no_conversion(from: &str, to: &str) -> Failure {
    Failure::error(format!("type conversion error from '{from}' to '{to}'"))
}

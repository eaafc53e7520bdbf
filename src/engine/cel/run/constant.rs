//! What cel-go makes when it compiles, so that it costs nothing when it runs (cel-go interpreter/decorators.go, `decOptimize`).

use std::sync::Arc;

use crate::engine::cel::{
    Value,
    ast::{Call, Expr, Kind, Literal},
    value::{Bytes, Text},
};

/// Functions that are run when they are compiled where their argument is a constant.
const CONVERSIONS: [&str; 10] =
    ["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"];

pub(super) fn value(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(value) => Value::Int(*value),
        Literal::Uint(value) => Value::Uint(*value),
        Literal::Double(value) => Value::Double(*value),
        Literal::String(text) => Value::String(Text::Borrowed(text)),
        Literal::Bytes(bytes) => Value::Bytes(Bytes::Borrowed(bytes)),
    }
}

pub(super) fn type_value(name: &Arc<str>) -> Value<'_> {
    Value::Type(Text::Borrowed(name))
}

/// Whether it is a literal, or a list, map or conversion of nothing else.
pub(super) fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Literal(_) | Kind::Type(_) => true,
        Kind::List(elements) => elements.iter().all(|element| is_constant(&element.value)),
        Kind::Map(entries) => entries.iter().all(|entry| is_constant(&entry.key) && is_constant(&entry.value)),
        Kind::Call(call) => is_constant_call(call),
        _ => false,
    }
}

pub(super) fn is_constant_call(call: &Call) -> bool {
    match (&call.target, call.args.as_slice()) {
        (None, [arg]) => CONVERSIONS.contains(&&*call.function) && is_constant(arg),
        (None, [_, list]) => is_never_in(call, list),
        _ => false,
    }
}

/// `x in []`, which is false whatever `x` is.
fn is_never_in(call: &Call, list: &Expr) -> bool {
    &*call.function == "@in" && matches!(&list.kind, Kind::List(elements) if elements.is_empty())
}

/// Whether `in` looks for it in a set, which cel-go makes when it compiles.
pub(super) fn is_set(list: &Expr) -> bool {
    let primitive = |expr: &Expr| match &expr.kind {
        Kind::Literal(literal) => !matches!(literal, Literal::Null | Literal::Bytes(_)),
        _ => false,
    };
    matches!(&list.kind, Kind::List(elements) if elements.iter().all(|element| primitive(&element.value)))
}

//! What cel-go makes when it compiles, so that it costs nothing when it runs (cel-go interpreter/decorators.go, `decOptimize`).

use std::sync::Arc;

use crate::engine::cel::{
    Value,
    ast::{Call, Element, Expr, Kind, Literal},
    library::standard::{CONVERSIONS, names},
    value::{Bytes, Text},
};

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

/// Whether it is a literal, or a list, map or conversion of nothing else; `seen` counts what was looked at.
pub(super) fn is_constant(expr: &Expr, seen: &mut usize) -> bool {
    *seen += 1;
    match &expr.kind {
        Kind::Literal(_) | Kind::Type(_) => true,
        Kind::List(elements) => elements.iter().all(|element| is_constant(&element.value, seen)),
        Kind::Map(entries) => {
            entries.iter().all(|entry| is_constant(&entry.key, seen) && is_constant(&entry.value, seen))
        }
        Kind::Call(call) => is_constant_call(call, seen),
        _ => false,
    }
}

pub(super) fn is_constant_call(call: &Call, seen: &mut usize) -> bool {
    match (&call.target, call.args.as_slice()) {
        (None, [arg]) => CONVERSIONS.contains(&&*call.function) && is_constant(arg, seen),
        // Which is false whatever is in it.
        (None, [_, list]) => {
            &*call.function == names::IN && matches!(&list.kind, Kind::List(elements) if elements.is_empty())
        }
        _ => false,
    }
}

/// The elements of a list in which `in` looks as in a set, which cel-go makes when it compiles.
pub(super) fn set(list: &Expr) -> Option<&[Element]> {
    match &list.kind {
        Kind::List(elements) if elements.iter().all(|element| !element.optional && is_primitive(&element.value)) => {
            Some(elements)
        }
        _ => None,
    }
}

/// Whether it is a bool, a number or a string once cel-go has made it.
fn is_primitive(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Literal(literal) => !matches!(literal, Literal::Null | Literal::Bytes(_)),
        Kind::Call(call) => match (&*call.function, &call.target, call.args.as_slice()) {
            ("dyn", None, [arg]) => is_primitive(arg),
            ("bool" | "double" | "int" | "string" | "uint", None, [arg]) => is_constant(arg, &mut 0),
            _ => false,
        },
        _ => false,
    }
}

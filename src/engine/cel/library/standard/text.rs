//! What is asked of strings in every CEL.

use crate::engine::cel::{
    Answer, Failure, Type, Value,
    functions::{Call, Overload},
    run::cost,
};

pub(super) fn functions() -> Vec<Overload> {
    let question =
        |function, id, run| Overload::member(function, id, vec![Type::String, Type::String], Type::Bool, run);
    vec![
        question("contains", "contains_string", |call| asked(call, |text, part| text.contains(part))).costing_if_known(
            |args, _| cost::traversal(cost::size_of(args, 0)).saturating_mul(cost::traversal(cost::size_of(args, 1))),
        ),
        question("endsWith", "ends_with_string", |call| asked(call, |text, end| text.ends_with(end)))
            .costing_if_known(|args, _| cost::traversal(cost::size_of(args, 0))),
        question("startsWith", "starts_with_string", |call| asked(call, |text, start| text.starts_with(start)))
            .costing_if_known(|args, _| cost::traversal(cost::size_of(args, 0))),
    ]
}

fn asked<'a>(call: &Call<'_, 'a>, holds: fn(&str, &str) -> bool) -> Answer<'a> {
    match call.args {
        [Value::String(text), Value::String(part)] => Ok(Value::Bool(holds(text.as_str(), part.as_str()))),
        _ => Err(Failure::no_such_overload()),
    }
}

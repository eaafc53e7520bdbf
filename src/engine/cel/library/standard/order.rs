//! `<`, `<=`, `>` and `>=`: numbers of any two types, and else two values of one type.

use std::cmp::Ordering;

use crate::engine::cel::{
    Answer, Failure, Type, Value,
    functions::{Call, Overload, Run},
    run::cost,
};

pub(super) fn functions() -> Vec<Overload> {
    let orders: [(&str, &str, Run); 4] = [
        ("_<_", "less", |call| holds(call, Ordering::is_lt)),
        ("_<=_", "less_equals", |call| holds(call, Ordering::is_le)),
        ("_>_", "greater", |call| holds(call, Ordering::is_gt)),
        ("_>=_", "greater_equals", |call| holds(call, Ordering::is_ge)),
    ];
    orders.into_iter().flat_map(|(function, name, run)| comparisons(function, name, run)).collect()
}

fn comparisons(function: &'static str, name: &'static str, run: Run) -> Vec<Overload> {
    let of = |kinds: &str, left: Type, right: Type| {
        // Ids live as long as the library, which is made once.
        let id: &'static str = String::leak(format!("{name}_{kinds}"));
        Overload::global(function, id, vec![left, right], Type::Bool, run)
    };
    let shorter = |overload: Overload| {
        overload.costing_if_known(|args, _| match args {
            [left, right] => cost::traversal(cost::smaller(left, right)),
            _ => 1,
        })
    };
    vec![
        of("bool", Type::Bool, Type::Bool),
        of("int64", Type::Int, Type::Int),
        of("int64_double", Type::Int, Type::Double),
        of("int64_uint64", Type::Int, Type::Uint),
        of("uint64", Type::Uint, Type::Uint),
        of("uint64_double", Type::Uint, Type::Double),
        of("uint64_int64", Type::Uint, Type::Int),
        of("double", Type::Double, Type::Double),
        of("double_int64", Type::Double, Type::Int),
        of("double_uint64", Type::Double, Type::Uint),
        shorter(of("string", Type::String, Type::String)),
        shorter(of("bytes", Type::Bytes, Type::Bytes)),
        of("timestamp", Type::Timestamp, Type::Timestamp),
        of("duration", Type::Duration, Type::Duration),
    ]
}

fn holds<'a>(call: &Call<'_, 'a>, wanted: fn(Ordering) -> bool) -> Answer<'a> {
    let [left, right] = call.args else { return Err(Failure::no_such_overload()) };
    left.compare(right).map(|order| Value::Bool(wanted(order)))
}

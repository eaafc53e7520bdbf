//! Semantic versions, as Kubernetes' CEL has them. The `semver` crate follows the same specification with other limits and
//! other words: numbers of any size in a pre-release, and errors of its own.

mod version;

use std::cmp::Ordering;

use crate::engine::{
    cel::{
        functions::{Answer, Call, Failure, Overload, Run},
        run::cost,
        types::Type,
        value::Value,
    },
    limits,
};

pub use version::Semver;

pub fn functions() -> Vec<Overload> {
    let texts = || [Type::String, Type::Bool];
    let both = || [type_of(), type_of()];
    let number = |function, id, run: Run| Overload::member(function, id, [type_of()], Type::Int, run);
    vec![
        Overload::global("semver", "string_to_semver", [Type::String], type_of(), to_semver)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::global("semver", "string_bool_to_semver", texts(), type_of(), to_semver)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::global("isSemver", "is_semver_string", [Type::String], Type::Bool, is_semver)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::global("isSemver", "is_semver_string_bool", texts(), Type::Bool, is_semver)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::member("isGreaterThan", "semver_is_greater_than", both(), Type::Bool, |call| {
            compare(call).map(|order| Value::Bool(order.is_gt()))
        }),
        Overload::member("isLessThan", "semver_is_less_than", both(), Type::Bool, |call| {
            compare(call).map(|order| Value::Bool(order.is_lt()))
        }),
        Overload::member("compareTo", "semver_compare_to", both(), Type::Int, |call| {
            compare(call).map(|order| Value::Int(order as i64))
        }),
        number("major", "semver_major", |call| one(call, Semver::major)),
        number("minor", "semver_minor", |call| one(call, Semver::minor)),
        number("patch", "semver_patch", |call| one(call, Semver::patch)),
    ]
}

fn type_of() -> Type {
    Type::opaque("kubernetes.Semver")
}

fn to_semver<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let version = parse(call)?.map_err(Failure::error)?;
    if call.args.first().and_then(Value::as_str).is_some_and(|text| text.len() > limits::CEL_VERSION_BYTES) {
        return Err(Failure::error("version is too long"));
    }
    Ok(Value::Semver(version.into()))
}

fn is_semver<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(parse(call)?.is_ok()))
}

fn parse(call: &mut Call<'_, '_>) -> Result<Result<Semver, String>, Failure> {
    match call.args {
        [Value::String(text)] | [Value::String(text), Value::Bool(false)] => Ok(Semver::parse(text.as_str())),
        [Value::String(text), Value::Bool(true)] => Ok(Semver::parse_loosely(text.as_str())),
        _ => Err(Failure::no_such_overload()),
    }
}

fn compare(call: &mut Call<'_, '_>) -> Result<Ordering, Failure> {
    match call.args {
        [Value::Semver(one), Value::Semver(other)] => Ok(one.cmp(other)),
        _ => Err(Failure::no_such_overload()),
    }
}

/// A number beyond 63 bits becomes a negative one, as there.
fn one<'a>(call: &mut Call<'_, 'a>, number: fn(&Semver) -> u64) -> Answer<'a> {
    match call.args {
        [Value::Semver(version)] => Ok(Value::Int(number(version).cast_signed())),
        _ => Err(Failure::no_such_overload()),
    }
}

#[cfg(test)]
mod tests;

//! Sets: lists in which neither order nor repetition counts (cel-go `ext/sets.go`).

use crate::engine::cel::{
    Failure, Meter, Type, Value,
    functions::{Answer, Call, Overload},
    run::cost,
    value::List,
};

pub fn functions() -> Vec<Overload> {
    let lists = || [Type::list(Type::Parameter("T")), Type::list(Type::Parameter("T"))];
    vec![
        Overload::global("sets.contains", "list_sets_contains_list", lists(), Type::Bool, contains)
            .costing_if_known(|args, _| pairs(args, 1)),
        Overload::global("sets.equivalent", "list_sets_equivalent_list", lists(), Type::Bool, equivalent)
            .costing_if_known(|args, _| pairs(args, 2)),
        Overload::global("sets.intersects", "list_sets_intersects_list", lists(), Type::Bool, intersects)
            .costing_if_known(|args, _| pairs(args, 1)),
    ]
}

/// What comparing each with each costs, so many times.
fn pairs(args: &[Value<'_>], times: u64) -> u64 {
    cost::size_of(args, 0).saturating_mul(cost::size_of(args, 1)).saturating_mul(times).saturating_add(1)
}

fn contains<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(list), Value::List(part)] = call.args else { return Err(Failure::no_such_overload()) };
    call.meter.afford(pairs(call.args, 1))?;
    Ok(Value::Bool(contains_all(list, part, call.meter)?))
}

fn equivalent<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(one), Value::List(other)] = call.args else { return Err(Failure::no_such_overload()) };
    call.meter.afford(pairs(call.args, 2))?;
    Ok(Value::Bool(contains_all(one, other, call.meter)? && contains_all(other, one, call.meter)?))
}

fn intersects<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(one), Value::List(other)] = call.args else { return Err(Failure::no_such_overload()) };
    call.meter.afford(pairs(call.args, 1))?;
    for item in one.iter() {
        if other.contains(&item, call.meter)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn contains_all(list: &List<'_>, part: &List<'_>, meter: &mut Meter) -> Result<bool, Failure> {
    for item in part.iter() {
        if !list.contains(&item, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;

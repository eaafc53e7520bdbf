//! Lists: cel-go's extension in version 3 (`ext/lists.go`), and Kubernetes' own (apiserver `pkg/cel/library/lists.go`).

mod fold;
mod sort;
#[cfg(test)]
mod tests;

use crate::engine::cel::{
    Failure, Meter, Type, Value,
    functions::{Answer, Call, Cost, Overload},
    run::cost,
    value::List,
};

/// What is paid for a call and the list that it makes.
const CALL_AND_LIST: u64 = 11;

pub fn functions() -> Vec<Overload> {
    let list = || Type::list(Type::Parameter("T"));
    let made: Cost = |_, result| cost::size(result).saturating_add(CALL_AND_LIST);
    let flattened: Cost = |args, _| flatten_cost(args);
    let compared: Cost = |args, _| args.first().map_or(0, compare_cost);
    let mut all = vec![
        Overload::member("slice", "list_slice", [list(), Type::Int, Type::Int], list(), slice).costing_if_known(made),
        Overload::member("flatten", "list_flatten", [Type::list(list())], list(), flatten)
            .costing_if_known(flattened)
            .lenient(),
        Overload::member(
            "flatten",
            "list_flatten_int",
            [Type::list(Type::Dyn), Type::Int],
            Type::list(Type::Dyn),
            flatten,
        )
        .costing_if_known(flattened),
        Overload::global("lists.range", "lists_range", [Type::Int], Type::list(Type::Int), range)
            .costing_if_known(made),
        Overload::member("reverse", "list_reverse", [list()], list(), reverse).costing_if_known(made),
        Overload::member("distinct", "list_distinct", [list()], list(), distinct).costing_if_known(compared),
    ];
    all.extend(sort::functions());
    all.extend(fold::functions());
    all
}

/// What comparing all elements of a list with each other costs, and the list that comes of it.
fn compare_cost(list: &Value<'_>) -> u64 {
    let Value::List(elements) = list else { return 1 };
    let size = cost::size(list);
    let pairs = size.saturating_mul(size);
    match elements.get(0) {
        Some(Value::String(_) | Value::Bytes(_)) => scaled(pairs, 2.1).saturating_add(CALL_AND_LIST),
        _ => pairs.saturating_mul(2).saturating_add(CALL_AND_LIST),
    }
}

fn flatten_cost(args: &[Value<'_>]) -> u64 {
    let size = cost::size_of(args, 0);
    let cost = match args.get(1) {
        #[expect(clippy::cast_precision_loss, reason = "as Kubernetes counts it")]
        Some(Value::Int(depth)) => scaled(size, *depth as f64),
        _ => size,
    };
    cost.saturating_add(CALL_AND_LIST)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "as Kubernetes counts it; what is too large stays the largest"
)]
fn scaled(size: u64, factor: f64) -> u64 {
    (size as f64 * factor) as u64
}

fn slice<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(list), Value::Int(start), Value::Int(end)] = call.args else {
        return Err(Failure::no_such_overload());
    };
    let refused = |why: String| Failure::error(format!("cannot slice({start}, {end}), {why}"));
    let (Ok(from), Ok(to)) = (usize::try_from(*start), usize::try_from(*end)) else {
        return Err(refused("negative indexes not supported".to_owned()));
    };
    if from > to {
        return Err(refused("start index must be less than or equal to end index".to_owned()));
    }
    if list.len() < to {
        return Err(refused(format!("list is length {}", list.len())));
    }
    match list {
        List::Json(items) => Ok(Value::List(List::Json(items.get(from..to).unwrap_or_default()))),
        List::Shared(items) => {
            afford_list(call.meter, to - from)?;
            Ok(Value::list(items.get(from..to).unwrap_or_default().iter().cloned()))
        }
        List::Range(_) => {
            afford_list(call.meter, to - from)?;
            Ok(Value::list((*start..*end).map(Value::Int)))
        }
    }
}

fn flatten<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (list, depth) = match call.args {
        [Value::List(list)] => (list, 1),
        [Value::List(list), Value::Int(depth)] => (list, *depth),
        _ => return Err(Failure::no_such_overload()),
    };
    if depth < 0 {
        return Err(Failure::error("level must be non-negative"));
    }
    call.meter.afford(flatten_cost(call.args))?;
    let mut flat = Vec::new();
    flatten_into(&mut flat, list, depth, call.meter)?;
    Ok(Value::List(List::from(flat)))
}

/// Lists of lists are no deeper than the JSON or the expression that made them.
fn flatten_into<'a>(flat: &mut Vec<Value<'a>>, list: &List<'a>, depth: i64, meter: &mut Meter) -> Result<(), Failure> {
    meter.allocate_items(list.len())?;
    for item in list.iter() {
        match item {
            Value::List(inner) if depth > 0 => flatten_into(flat, &inner, depth - 1, meter)?,
            other => flat.push(other),
        }
    }
    Ok(())
}

/// Nothing is made of it before it is read; what Kubernetes counts is paid all the same.
fn range<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::Int(below)] = call.args else { return Err(Failure::no_such_overload()) };
    Ok(Value::List(List::Range((*below).max(0))))
}

fn reverse<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(list)] = call.args else { return Err(Failure::no_such_overload()) };
    afford_list(call.meter, list.len())?;
    Ok(Value::list((0..list.len()).rev().filter_map(|index| list.get(index))))
}

fn distinct<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::List(list)] = call.args else { return Err(Failure::no_such_overload()) };
    call.meter.afford(call.args.first().map_or(0, compare_cost))?;
    let mut distinct: Vec<Value<'a>> = Vec::new();
    for item in list.iter() {
        let mut seen = false;
        for other in &distinct {
            if item.equals(other, call.meter)? {
                seen = true;
                break;
            }
        }
        if !seen {
            distinct.push(item);
        }
    }
    Ok(Value::List(List::from(distinct)))
}

/// Whether a list of so many elements can be paid, before it is made.
fn afford_list(meter: &mut Meter, length: usize) -> Result<(), Failure> {
    meter.afford(u64::try_from(length).unwrap_or(u64::MAX).saturating_add(CALL_AND_LIST))?;
    meter.allocate_items(length)
}

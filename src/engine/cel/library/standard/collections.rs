//! What lists, maps, strings and bytes have in common: `size`, `in`, `[…]`; and what the macros of maps gather with.

use std::{collections::BTreeMap, rc::Rc};

use crate::engine::cel::{
    Answer, Failure, Type, Value,
    functions::{Call, Overload},
    library::standard::names,
    macros,
    meter::Meter,
    run::cost,
    value::{Key, Map},
};

pub(super) fn functions() -> Vec<Overload> {
    let (a, b) = (|| Type::Parameter("A"), || Type::Parameter("B"));
    let (list, map) = (|| Type::list(a()), || Type::map(a(), b()));
    let sizes = [
        ("size_bytes", "bytes_size", Type::Bytes),
        ("size_list", "list_size", list()),
        ("size_map", "map_size", map()),
        ("size_string", "string_size", Type::String),
    ];
    let index = |function, id, params: Vec<Type>, result| {
        Overload::global(function, id, params, result, |_| Err(Failure::no_such_overload()))
    };
    let mut all = vec![
        index(names::INDEX, "index_list", vec![list(), Type::Int], a()),
        index(names::INDEX, "index_map", vec![map(), a()], b()),
        Overload::global(names::IN, "in_list", vec![a(), list()], Type::Bool, within)
            .costing_if_known(|args, _| cost::size_of(args, 1)),
        Overload::global(names::IN, "in_map", vec![a(), map()], Type::Bool, within),
    ];
    for (global, member, of) in sizes {
        all.push(Overload::global("size", global, vec![of.clone()], Type::Int, size));
        all.push(Overload::member("size", member, vec![of], Type::Int, size));
    }
    all.push(Overload::global(macros::MAP_INSERT, "@mapInsert_map_key_value", vec![map(), a(), b()], map(), insert));
    all.push(Overload::global(macros::MAP_INSERT, "@mapInsert_map_map", vec![map(), map()], map(), insert_all));
    all
}

fn size<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [value @ (Value::String(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_))] => {
            Ok(Value::Int(i64::try_from(cost::size(value)).unwrap_or(i64::MAX)))
        }
        _ => Err(Failure::no_such_overload()),
    }
}

fn within<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [value, Value::List(list)] => {
            call.meter.work(list.len())?;
            Ok(Value::Bool(list.contains(value, call.meter)?))
        }
        [value, Value::Map(map)] => {
            if matches!(map, Map::Shared(_)) {
                Key::check(value)?;
            }
            Ok(Value::Bool(map.find(value).is_some()))
        }
        _ => Err(Failure::no_such_overload()),
    }
}

fn insert<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Map(map), key, value] => {
            let mut entries = entries_of(map.clone(), call.meter)?;
            put(Rc::make_mut(&mut entries), key, value.clone(), call.meter)?;
            Ok(Value::Map(Map::Shared(entries)))
        }
        _ => Err(Failure::no_such_overload()),
    }
}

fn insert_all<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Map(map), Value::Map(other)] => {
            let mut entries = entries_of(map.clone(), call.meter)?;
            for (key, value) in other.iter() {
                put(Rc::make_mut(&mut entries), &key.to_value(), value, call.meter)?;
            }
            Ok(Value::Map(Map::Shared(entries)))
        }
        _ => Err(Failure::no_such_overload()),
    }
}

type Entries<'a> = BTreeMap<Key<'a>, Value<'a>>;

/// The entries of a map, to add to: copied only where someone else holds them too.
///
/// # Errors
/// Where it is more than the request may make.
pub fn entries_of<'a>(map: Map<'a>, meter: &mut Meter) -> Result<Rc<Entries<'a>>, Failure> {
    match map {
        Map::Shared(entries) => {
            if Rc::strong_count(&entries) > 1 {
                meter.allocate_items(entries.len())?;
            }
            Ok(entries)
        }
        json @ Map::Json(_) => {
            meter.allocate_items(json.len())?;
            Ok(Rc::new(json.iter().collect()))
        }
    }
}

/// # Errors
/// Where the key is there already.
pub fn put<'a>(entries: &mut Entries<'a>, key: &Value<'a>, value: Value<'a>, meter: &mut Meter) -> Result<(), Failure> {
    meter.work(key.as_str().map_or(0, str::len) / 64)?;
    Key::check(key)?;
    let alike = Key::alike(key);
    let key = Key::from_value(key);
    if alike.iter().flatten().chain([&key]).any(|key| entries.contains_key(key)) {
        return Err(Failure::error(format!("insert failed: key {key} already exists")));
    }
    meter.allocate_items(1)?;
    entries.insert(key, value);
    Ok(())
}

//! `cluster`: other objects of the cluster, by functions that no other admission policy has.

use std::{collections::BTreeMap, rc::Rc};

use crate::engine::cel::{
    functions::{Answer, Call, Failure, Overload},
    given::look_ups::{Cluster, Seen},
    types::Type,
    value::{Key, List, Map, Text, Value},
};

/// What a look-up costs, and each object that a list of them holds: as much as reading so many fields.
const LOOK_UP: u64 = 100;
const LISTED: u64 = 20;

pub fn functions() -> Vec<Overload> {
    let object = || Type::map(Type::String, Type::Dyn);
    let one = || Type::optional(object());
    let list = || Type::list(object());
    let two = || vec![Type::String, Type::String];
    vec![
        Overload::global("cluster.service", "cluster_service_string_string", two(), one(), |call| {
            look(call, |cluster, args| cluster.service(text(args, 0), text(args, 1)))
        }),
        Overload::global("cluster.gateway", "cluster_gateway_string_string", two(), one(), |call| {
            look(call, |cluster, args| cluster.gateway(text(args, 0), text(args, 1)))
        }),
        Overload::global("cluster.namespace", "cluster_namespace_string", [Type::String], one(), |call| {
            look(call, |cluster, args| cluster.namespace(text(args, 0)))
        }),
        Overload::global("cluster.grants", "cluster_grants_string", [Type::String], list(), |call| {
            listed(call, |cluster, args| cluster.grants(text(args, 0)))
        }),
        Overload::global("cluster.references", "cluster_references_dyn", [Type::Dyn], list(), |call| {
            listed(call, |cluster, args| match args.first().and_then(json) {
                Some(object) => cluster.references(&object),
                None => Ok(Vec::new()),
            })
        }),
        Overload::global(
            "cluster.referrers",
            "cluster_referrers_string_string_string",
            [Type::String, Type::String, Type::String],
            list(),
            |call| listed(call, |cluster, args| cluster.referrers(text(args, 0), text(args, 1), text(args, 2))),
        ),
    ]
    .into_iter()
    .map(|overload| overload.costing(cost))
    .collect()
}

/// An owned JSON value as a value of CEL.
pub fn owned<'a>(value: serde_json::Value) -> Value<'a> {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(double)) => Value::Double(double),
            (None, None) => Value::Null,
        },
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::list(items.into_iter().map(owned)),
        Json::Object(entries) => {
            let entries = entries.into_iter();
            let entries: BTreeMap<Key<'a>, Value<'a>> =
                entries.map(|(key, value)| (Key::String(Text::Shared(key.into())), owned(value))).collect();
            Value::Map(Map::Shared(Rc::new(entries)))
        }
    }
}

fn cost(_: &[Value<'_>], result: &Value<'_>) -> u64 {
    let listed = match result {
        Value::List(List::Shared(items)) => items.len() as u64,
        _ => 0,
    };
    LOOK_UP.saturating_add(listed.saturating_mul(LISTED))
}

fn text<'m>(args: &'m [Value<'_>], at: usize) -> &'m str {
    args.get(at).and_then(Value::as_str).unwrap_or_default()
}

fn cluster<'a>(call: &Call<'_, 'a>) -> Result<&'a Cluster<'a>, Failure> {
    call.cluster.ok_or_else(|| Failure::error("`cluster` cannot be asked here"))
}

fn look<'a>(call: &mut Call<'_, 'a>, ask: impl FnOnce(&Cluster<'a>, &[Value<'a>]) -> Seen) -> Answer<'a> {
    call.meter.afford(LOOK_UP)?;
    match ask(cluster(call)?, call.args) {
        Seen::Found(value) => Ok(Value::some(owned(value))),
        Seen::Absent => Ok(Value::Optional(None)),
        Seen::Unknown(what) => Err(Failure::Unknown(what)),
    }
}

fn listed<'a>(
    call: &mut Call<'_, 'a>,
    ask: impl FnOnce(&Cluster<'a>, &[Value<'a>]) -> Result<Vec<serde_json::Value>, String>,
) -> Answer<'a> {
    call.meter.afford(LOOK_UP)?;
    let found = ask(cluster(call)?, call.args).map_err(Failure::Unknown)?;
    Ok(Value::list(found.into_iter().map(owned)))
}

/// The JSON of a value that came from JSON: what a reference is read from.
fn json(value: &Value<'_>) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Double(value) => (*value).into(),
        Value::String(text) => text.as_str().into(),
        Value::List(List::Json(items)) => Json::Array(items.to_vec()),
        Value::List(List::Shared(items)) => Json::Array(items.iter().map(json).collect::<Option<_>>()?),
        Value::Map(Map::Json(entries)) => Json::Object((*entries).clone()),
        Value::Map(Map::Shared(entries)) => {
            let entry = |(key, value): (&Key<'_>, &Value<'_>)| match key {
                Key::String(key) => Some((key.as_str().to_owned(), json(value)?)),
                _ => None,
            };
            Json::Object(entries.iter().map(entry).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cel::given::look_ups::FUNCTIONS;

    #[test]
    fn every_function_says_what_it_looks_up() {
        let declared: Vec<_> = functions().iter().map(|overload| overload.function).collect();
        let said: Vec<_> = FUNCTIONS.iter().map(|function| format!("cluster.{}", function.name)).collect();
        assert_eq!(declared, said);
    }
}

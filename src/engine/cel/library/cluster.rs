//! `cluster`: other objects of the cluster, by functions that no other admission policy has.

use std::{collections::BTreeMap, rc::Rc};

use crate::engine::{
    cel::{
        functions::{Answer, Call, Failure, Overload},
        given::look_ups::{Cluster, Listed, Seen, told},
        meter::Meter,
        types::Type,
        value::{Key, List, Map, Text, Value},
    },
    kinds::{split_api_version, telemetry::TelemetryKind},
};

/// The function of whose answer a part may be enough.
pub const REFERRERS: &str = "cluster.referrers";

/// What a look-up costs, and each object that a list of them holds: as much as reading so many fields.
const LOOK_UP: u64 = 100;
const LISTED: u64 = 20;

/// Bytes of the least mapping with something in it: room for eleven entries.
const MAP: usize = 640;

pub fn functions() -> Vec<Overload> {
    let two = || vec![Type::String, Type::String];
    vec![
        Overload::global(
            "cluster.service",
            "cluster_service_string_string",
            two(),
            Type::optional(told::service_type()),
            |call| look(call, |cluster, args| cluster.service(text(args, 0), text(args, 1))),
        ),
        Overload::global(
            "cluster.gateway",
            "cluster_gateway_string_string",
            two(),
            Type::optional(told::gateway_type()),
            |call| look(call, |cluster, args| cluster.gateway(text(args, 0), text(args, 1))),
        ),
        Overload::global(
            "cluster.namespace",
            "cluster_namespace_string",
            [Type::String],
            Type::optional(told::namespace_type()),
            |call| look(call, |cluster, args| cluster.namespace(text(args, 0))),
        ),
        Overload::global(
            "cluster.grants",
            "cluster_grants_string",
            [Type::String],
            Type::list(told::grant_type()),
            |call| listed(call, |cluster, args| cluster.grants(text(args, 0))),
        ),
        Overload::global(
            "cluster.references",
            "cluster_references_dyn",
            [Type::Dyn],
            Type::list(told::reference_type()),
            |call| {
                let object = match call.args.first().filter(|value| is_telemetry(value)) {
                    Some(value) => json(value, call.meter)?,
                    None => None,
                };
                listed(call, |cluster, _| object.map_or(Ok(Vec::new()), |object| cluster.references(&object)))
            },
        ),
        Overload::global(
            REFERRERS,
            "cluster_referrers_string_string_string",
            [Type::String, Type::String, Type::String],
            Type::list(told::referrer_type()),
            |call| listed(call, |cluster, args| referrers(cluster, args).all()),
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
        Seen::Found(value) => {
            pay(&value, call.meter)?;
            Ok(Value::some(owned(value)))
        }
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
    found.iter().try_for_each(|value| pay(value, call.meter))?;
    Ok(Value::list(found.into_iter().map(owned)))
}

/// The referrers that are known, where there may be more of them.
pub fn known_referrers<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    listed(call, |cluster, args| Ok(referrers(cluster, args).found))
}

fn referrers(cluster: &Cluster<'_>, args: &[Value<'_>]) -> Listed {
    cluster.referrers(text(args, 0), text(args, 1), text(args, 2))
}

/// Whether it may have telemetry references at all.
fn is_telemetry(value: &Value<'_>) -> bool {
    let Value::Map(map) = value else { return false };
    let (Some(Value::String(version)), Some(Value::String(kind))) = (map.field("apiVersion"), map.field("kind")) else {
        return false;
    };
    let (group, _) = split_api_version(version.as_str());
    TelemetryKind::of(group, kind.as_str()).is_some()
}

/// The JSON of a value that came from JSON: what a reference is read from. None where JSON has no form for it.
///
/// # Errors
/// Where it is more than the request may make: values share their parts, and their JSON does not.
fn json(value: &Value<'_>, meter: &mut Meter) -> Result<Option<serde_json::Value>, Failure> {
    use serde_json::Value as Json;
    pay_node(meter, 0)?;
    Ok(Some(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Double(value) => (*value).into(),
        Value::String(text) => {
            pay_node(meter, text.as_str().len())?;
            text.as_str().into()
        }
        Value::List(List::Json(items)) => {
            items.iter().try_for_each(|item| pay(item, meter))?;
            Json::Array(items.to_vec())
        }
        Value::List(List::Shared(items)) => return json_list(items, meter),
        Value::Map(Map::Json(entries)) => {
            pay_entries(entries, meter)?;
            Json::Object((*entries).clone())
        }
        Value::Map(Map::Shared(entries)) => return json_map(entries, meter),
        _ => return Ok(None),
    }))
}

#[inline(never)]
fn json_list(items: &[Value<'_>], meter: &mut Meter) -> Result<Option<serde_json::Value>, Failure> {
    let mut list = Vec::new();
    for item in items {
        let Some(item) = json(item, meter)? else { return Ok(None) };
        list.push(item);
    }
    Ok(Some(list.into()))
}

#[inline(never)]
fn json_map(entries: &BTreeMap<Key<'_>, Value<'_>>, meter: &mut Meter) -> Result<Option<serde_json::Value>, Failure> {
    let mut object = serde_json::Map::new();
    pay_map(meter, entries.len())?;
    for (key, value) in entries {
        let Key::String(key) = key else { return Ok(None) };
        pay_node(meter, key.as_str().len())?;
        let Some(value) = json(value, meter)? else { return Ok(None) };
        object.insert(key.as_str().to_owned(), value);
    }
    Ok(Some(object.into()))
}

/// Pays for a copy of it.
fn pay(value: &serde_json::Value, meter: &mut Meter) -> Result<(), Failure> {
    use serde_json::Value as Json;
    match value {
        Json::String(text) => pay_node(meter, text.len()),
        Json::Array(items) => {
            pay_node(meter, 0)?;
            items.iter().try_for_each(|item| pay(item, meter))
        }
        Json::Object(entries) => pay_entries(entries, meter),
        _ => pay_node(meter, 0),
    }
}

fn pay_entries(entries: &serde_json::Map<String, serde_json::Value>, meter: &mut Meter) -> Result<(), Failure> {
    pay_map(meter, entries.len())?;
    entries.iter().try_for_each(|(key, value)| {
        pay_node(meter, key.len())?;
        pay(value, meter)
    })
}

fn pay_map(meter: &mut Meter, entries: usize) -> Result<(), Failure> {
    meter.allocate(if entries == 0 { 0 } else { MAP })
}

fn pay_node(meter: &mut Meter, bytes: usize) -> Result<(), Failure> {
    meter.work(1 + bytes / 64)?;
    meter.allocate(bytes)?;
    meter.allocate_items(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{
        cel::{
            Given, Program,
            given::{Names, look_ups::FUNCTIONS},
            scope,
        },
        kinds,
        view::{Lens, View, control_plane::ControlPlane},
    };

    struct Objects(serde_json::Value);

    impl<'a> Names<'a> for &'a Objects {
        fn value(&self, _: &str) -> Option<Answer<'a>> {
            Some(Ok(Value::from_json(&self.0)))
        }
    }

    fn outcome(source: &str) -> Result<bool, Failure> {
        let view =
            View::open(ControlPlane::default()).complete(kinds::KINDS.iter().map(|kind| (kind.group, kind.kind)));
        let lens = Lens::new(&view);
        let cluster = Cluster::new(&lens, "default");
        let objects = Objects(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"large": "x".repeat(1 << 20)}, "many": vec![0; 100_000],
        }));
        let program = Program::compile(source, &scope::validation(&[], false)).unwrap();
        let names = &objects;
        let answer = program.run(&Given::new(&names, &[], Some(&cluster)), &mut Meter::new());
        answer.map(|value| matches!(value, Value::Bool(true)))
    }

    #[test]
    fn references_are_read_of_telemetry_alone() {
        let looped = |object: &str| outcome(&format!("lists.range(5000).all(i, cluster.references({object}) == [])"));
        assert_eq!(looped("object"), Ok(true));
        assert_eq!(looped("dyn([object])"), Ok(true));
        let policy = |spec: &str| {
            format!(
                "{{'apiVersion': dyn('gateway.kgateway.dev/v1alpha1'), 'kind': dyn('ListenerPolicy'), 'spec': dyn({spec})}}"
            )
        };
        assert_eq!(looped(&policy("{}")), Ok(true));
        let doubled = format!("[0]{}", ".map(x, [x, x])".repeat(60));
        for spec in ["object", "object.data.large", "object.many", "{'a': object.many}", &doubled] {
            let answer = looped(&policy(spec));
            assert!(matches!(answer, Err(Failure::Spent(_))), "{spec}: {answer:?}");
        }
    }

    #[test]
    fn every_function_says_what_it_looks_up() {
        let declared: Vec<_> = functions().iter().map(|overload| overload.function).collect();
        let said: Vec<_> = FUNCTIONS.iter().map(|function| format!("cluster.{}", function.name)).collect();
        assert_eq!(declared, said);
    }
}

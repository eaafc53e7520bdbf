//! Fields that were never there and stand in guides all the same: what they say, and what it would be in words that
//! kgateway knows. An edit is given only where that is exactly the same.

use serde_json::{Map, Value, json};

use super::{
    Stray,
    codes::{CUSTOM_TAGS, OTEL_PROVIDER, PROPAGATORS, SAMPLING_RATE, SECTION_NAME, STATIC_CLUSTER_NAME},
    schema::Place,
};
use crate::engine::{
    finding::{Change, Finding},
    node::{Node, Path},
    rules::Judge,
    view::Answer,
};

/// The address of a Service, as far as it can be told from a host name.
struct Address<'a> {
    name: &'a str,
    namespace: &'a str,
    port: i64,
}

/// None where this is no field of the dialect.
pub(super) fn judge(judge: &Judge<'_>, stray: &Stray<'_>) -> Option<Finding> {
    Some(match (stray.fields.place, stray.key) {
        (Place::Provider, "otel") => otel_provider(judge, stray),
        (Place::Tracing, "samplingRate") => sampling_rate(stray),
        (Place::Tracing, "propagators") => stray
            .finding(&PROPAGATORS, "`propagators` does not exist: which trace headers Envoy propagates cannot be set")
            .help("remove it"),
        (Place::Tracing, "customTags") => custom_tags(stray),
        (Place::GrpcService, "staticClusterName") => static_cluster_name(stray),
        (Place::HttpTarget, "sectionName") => stray
            .finding(
                &SECTION_NAME,
                format!(
                    "an HTTPListenerPolicy has no `sectionName`: without `{}` it is for the whole Gateway",
                    stray.node.text()
                ),
            )
            .help("use a ListenerPolicy with `perPort`, or remove `sectionName` if the whole Gateway is meant"),
        _ => return None,
    })
}

fn otel_provider(judge: &Judge<'_>, stray: &Stray<'_>) -> Finding {
    let finding = stray.finding(&OTEL_PROVIDER, "`provider.otel` does not exist: no traces are sent");
    if stray.parent.get("openTelemetry").is_set() {
        return finding.help("remove it: `openTelemetry` beside it is what counts");
    }
    let text = stray.node.get("grpcAddress").text();
    let Some(address) = Address::read(text) else {
        return finding.help(
            "write `openTelemetry.grpcService.backendRef` with the name, namespace and port of the collector's Service",
        );
    };
    let Address { name, namespace, port } = address;
    let finding = finding.help(format!(
        "write `openTelemetry: {{ grpcService: {{ backendRef: {{ name: {name}, namespace: {namespace}, port: {port} }} }} }}`"
    ));
    let alone = stray.node.entries().all(|(key, _)| key == "grpcAddress");
    let exists = !matches!(judge.lens.service(namespace, name), Answer::Absent);
    if !alone || !exists {
        return finding;
    }
    let value = json!({"grpcService": {"backendRef": {"name": name, "namespace": namespace, "port": port}}});
    finding.edit(
        format!("writes `otel.grpcAddress: {text}` as `openTelemetry.grpcService.backendRef`"),
        vec![remove(stray), set(stray.beside("openTelemetry"), value)],
    )
}

fn sampling_rate(stray: &Stray<'_>) -> Finding {
    let finding = stray.finding(&SAMPLING_RATE, "`samplingRate` does not exist: every request is traced");
    if stray.parent.get("randomSampling").is_set() {
        return stray
            .finding(&SAMPLING_RATE, "`samplingRate` does not exist, and `randomSampling` beside it is what counts")
            .help("remove `samplingRate`");
    }
    match stray.node.as_i64().filter(|rate| (0..=100).contains(rate)) {
        Some(rate) => finding.help(format!("write `randomSampling: {rate}`")).edit(
            format!("writes `samplingRate: {rate}` as `randomSampling: {rate}`"),
            vec![remove(stray), set(stray.beside("randomSampling"), rate.into())],
        ),
        None => finding.help("write `randomSampling`, a whole number from 0 to 100"),
    }
}

fn custom_tags(stray: &Stray<'_>) -> Finding {
    let finding = stray.finding(&CUSTOM_TAGS, "`customTags` does not exist: spans do not have these tags");
    let attributes = stray.parent.get("attributes");
    let tags: Option<Vec<_>> = stray.node.entries().map(|(name, tag)| attribute(name, &tag)).collect();
    let known = |name: &str| attributes.items().any(|attribute| attribute.get("name").text() == name);
    let clash = stray.node.entries().any(|(name, _)| known(name));
    let place = attributes.value().filter(|value| !value.is_null());
    let (Some(tags), false) = (tags.filter(|tags| !tags.is_empty()), clash || place.is_some_and(|it| !it.is_array()))
    else {
        return finding.help(
            "write `attributes`, a list of entries with `name` and one of `literal.value`, `environment.name` and `requestHeader.name`",
        );
    };
    let mut changes = vec![remove(stray)];
    match place.and_then(Value::as_array) {
        Some(list) => {
            let appended = tags.into_iter().enumerate();
            let path = attributes.path();
            changes.extend(appended.map(|(offset, tag)| set(path.index(list.len() + offset), tag)));
        }
        None => changes.push(set(attributes.path().clone(), Value::Array(tags))),
    }
    finding.help("write each tag as an entry of `attributes`").edit("writes `customTags` as `attributes`", changes)
}

/// A custom tag as an attribute: `literal: x` or `literal: {value: x}`, and the same for the other two.
fn attribute(name: &str, tag: &Node<'_>) -> Option<Value> {
    let mut entries = tag.entries();
    let (Some((kind, value)), None) = (entries.next(), entries.next()) else { return None };
    let (main, others): (&str, &[&str]) = match kind {
        "literal" => ("value", &[]),
        "environment" | "requestHeader" => ("name", &["defaultValue"]),
        _ => return None,
    };
    let source = if let Some(text) = value.as_str() {
        json!({ main: text })
    } else {
        let entries = value.entries().map(|(key, value)| {
            let known = key == main || others.contains(&key);
            known.then(|| Some((key.to_owned(), value.as_str()?.into()))).flatten()
        });
        let source: Option<Map<String, Value>> = entries.collect();
        Value::Object(source.filter(|source| source.contains_key(main))?)
    };
    Some(json!({ "name": name, kind: source }))
}

fn static_cluster_name(stray: &Stray<'_>) -> Finding {
    let finding = stray.finding(
        &STATIC_CLUSTER_NAME,
        "`staticClusterName` does not exist: a collector is named by `backendRef` alone",
    );
    if stray.parent.get("backendRef").is_set() {
        return finding.help("remove it: `backendRef` beside it is what counts");
    }
    finding.help(format!(
        "write `backendRef: {{ name: {}, port: 4317 }}`, with the name and port of the collector's Service",
        stray.node.as_str().unwrap_or("NAME")
    ))
}

fn remove(stray: &Stray<'_>) -> Change {
    Change::Remove { path: stray.node.path().clone() }
}

fn set(path: Path, value: Value) -> Change {
    Change::Set { path, value }
}

// === impl Address ===

impl<'a> Address<'a> {
    /// `service.namespace:port`, or with `.svc` or `.svc.cluster.local` before the port. Nothing else names a Service
    /// for sure.
    fn read(text: &'a str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| (1..=65535).contains(port))?;
        let host = host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc")).unwrap_or(host);
        let (name, namespace) = host.split_once('.')?;
        (is_label(name) && is_label(namespace)).then_some(Self { name, namespace, port })
    }
}

/// RFC 1035, which Services and, but for a leading digit, namespaces follow.
fn is_label(text: &str) -> bool {
    let plain = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    plain && text.len() <= 63 && text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.ends_with('-')
}

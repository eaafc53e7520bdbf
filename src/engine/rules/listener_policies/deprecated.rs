//! HTTPListenerPolicy goes away: what to write instead, and the grants that the new kind needs.

use serde_json::{Value, json};

use super::codes::DEPRECATED;
use crate::engine::{
    finding::{Change, Finding, Remedy},
    kinds::{
        KGATEWAY,
        telemetry::{Telemetry, TelemetryKind},
    },
    node::Path,
    resolve,
    rules::{Judge, suggest, unknown_fields},
    yaml::edit,
};

pub(super) fn findings(judge: &Judge<'_>, kind: TelemetryKind, telemetry: &Telemetry) -> Vec<Finding> {
    // ListenerPolicy exists since 2.2.
    if kind != TelemetryKind::HttpListenerPolicy || judge.lens.control_plane().kgateway.minor < 2 {
        return Vec::new();
    }
    let own = judge.subject.key.namespace.as_str();
    let mut crossings: Vec<_> = telemetry
        .references
        .iter()
        .map(|reference| resolve::crossing(TelemetryKind::ListenerPolicy, own, &reference.backend))
        .filter(|crossing| crossing.to_namespace != own)
        .map(|crossing| (crossing.grant_name(), crossing.to_kind, crossing.to_namespace, crossing.to_name))
        .collect();
    crossings.sort();
    crossings.dedup();
    let grants: Vec<_> =
        crossings.iter().map(|(_, kind, namespace, name)| format!("{kind} `{namespace}/{name}`")).collect();
    let mut help = String::new();
    if !grants.is_empty() {
        help = format!(
            "first make grants with `from.kind: ListenerPolicy` and `from.namespace: {own}` for {}, since those for HTTPListenerPolicy do not cover it; then ",
            suggest::listed(grants)
        );
    }
    help.push_str("write this ListenerPolicy, and delete the HTTPListenerPolicy afterwards");
    vec![
        Finding::new(
            &DEPRECATED,
            Path::of(&["kind"]),
            "HTTPListenerPolicy is deprecated since kgateway 2.2 and gone in 2.5, whose upgrade deletes the objects that are left",
        )
        .help(help)
        .manifest(replacement(judge)),
    ]
}

/// The same settings as a ListenerPolicy: `spec` moves below `default.httpSettings`, the targets stay.
fn replacement(judge: &Judge<'_>) -> Value {
    let object = as_stored(judge);
    let mut settings = object.get("spec").cloned().unwrap_or_default();
    let mut spec = json!({});
    if let (Some(settings), Some(spec)) = (settings.as_object_mut(), spec.as_object_mut()) {
        for key in ["targetRefs", "targetSelectors"] {
            if let Some(mut targets) = settings.remove(key) {
                for target in targets.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                    // HTTPListenerPolicy never had it: keeping it would narrow what was meant for the whole Gateway.
                    target.remove("sectionName");
                }
                spec.insert(key.to_owned(), targets);
            }
        }
    }
    if let Some(spec) = spec.as_object_mut() {
        spec.insert("default".to_owned(), json!({ "httpSettings": settings }));
    }
    json!({
        "apiVersion": format!("{KGATEWAY}/v1alpha1"),
        "kind": "ListenerPolicy",
        "metadata": { "name": judge.subject.key.name, "namespace": judge.subject.key.namespace },
        "spec": spec,
    })
}

/// The subject with fields that do not exist written as those that do, and without what has no such field.
fn as_stored(judge: &Judge<'_>) -> Value {
    let mut object = judge.subject.value().clone();
    let mut changes = Vec::new();
    for finding in (unknown_fields::RULE.run)(judge) {
        match finding.remedy {
            Some(Remedy::Edit(edit)) => changes.extend(edit.changes.iter().cloned()),
            _ => changes.push(Change::Remove { path: finding.path }),
        }
    }
    let mut stored = object.clone();
    if edit::apply_to_value(&mut stored, &changes).is_ok() {
        object = stored;
    }
    object
}

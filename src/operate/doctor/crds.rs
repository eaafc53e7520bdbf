//! Whether the definitions are there, in the versions that are read.

use serde_json::Value;

use crate::{
    cluster::crds,
    engine::kinds::{AGENTGATEWAY, GATEWAY_API, KGATEWAY, KINDS},
    operate::doctor::{
        Remark, Setup,
        facts::{Facts, Known},
        list, text,
    },
};

const APPLY: &str = "portcullis crds | kubectl apply --server-side --force-conflicts -f -";

/// kgateway reads ReferenceGrants in this version, whatever else is served.
const READ_BY_KGATEWAY: &str = "v1beta1";

/// The last release of Gateway API's definitions that was tried: it serves [`READ_BY_KGATEWAY`].
const GATEWAY_API_CRDS: &str =
    "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.4.1/standard-install.yaml";

pub(super) fn judge(_: &Setup, facts: &Facts) -> Vec<Remark> {
    let mut remarks = vec![
        ours(
            "GuardPolicy",
            &crds::guard_policy(),
            &facts.definition,
            "there can be no policies, so everything is allowed",
        ),
        ours("GuardException", &crds::guard_exception(), &facts.exceptions, "nobody can be excepted from a policy"),
    ];
    remarks.extend(grants(facts));
    remarks.extend(others(facts));
    remarks
}

fn ours(kind: &str, expected: &Value, stored: &Known<Option<Value>>, without: &str) -> Remark {
    let place = format!("CustomResourceDefinition {}", text(expected, "/metadata/name"));
    let stored = match stored {
        Err(why) => return Remark::unknown(format!("how {kind} is defined is not known"), why).at(place),
        Ok(None) => {
            return Remark::problem(format!("{kind} is not defined")).at(place).because(without).repair(APPLY);
        }
        Ok(Some(stored)) => stored,
    };
    let conditions = list(stored, "/status/conditions");
    let untrue = |type_: &str| {
        let condition = conditions.iter().find(|condition| text(condition, "/type") == type_);
        condition.filter(|condition| text(condition, "/status") != "True")
    };
    if let Some(condition) = untrue("Established").or_else(|| untrue("NamesAccepted")) {
        let kinds = text(expected, "/spec/names/plural");
        return Remark::problem(format!("{kinds} are not served: {}", text(condition, "/message")))
            .at(place)
            .because(without)
            .repair(APPLY);
    }
    let versions = |one: &Value| one.pointer("/spec/versions").cloned().unwrap_or_default();
    if !holds(&versions(stored), &versions(expected)) {
        return Remark::problem(format!("{kind} is not defined as in version {}", env!("CARGO_PKG_VERSION")))
            .at(place)
            .because("the API server takes what this version does not read, or drops what it reads")
            .repair(APPLY);
    }
    Remark::ok(format!("{kind} is defined as in this version")).at(place)
}

/// Whether all that is expected is so; the API server adds defaults, and leaves out what is empty.
fn holds(stored: &Value, expected: &Value) -> bool {
    match (stored, expected) {
        (Value::Object(stored), Value::Object(expected)) => expected.iter().all(|(key, value)| match stored.get(key) {
            Some(stored) => holds(stored, value),
            None => is_empty(value),
        }),
        (Value::Array(stored), Value::Array(expected)) => {
            stored.len() == expected.len()
                && stored.iter().zip(expected).all(|(stored, expected)| holds(stored, expected))
        }
        (Value::Number(stored), Value::Number(expected)) => stored.as_f64() == expected.as_f64(),
        _ => stored == expected,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

fn grants(facts: &Facts) -> Option<Remark> {
    let served = facts.served.as_ref().ok()?;
    let versions = served.versions(GATEWAY_API, "referencegrants");
    let place = format!("CustomResourceDefinition referencegrants.{GATEWAY_API}");
    let wanted = format!("kubectl apply --server-side -f {GATEWAY_API_CRDS}");
    if versions.is_empty() {
        let needed = !served.versions(KGATEWAY, "listenerpolicies").is_empty()
            || !served.versions(KGATEWAY, "httplistenerpolicies").is_empty();
        return needed.then(|| {
            Remark::problem("ReferenceGrant is not served")
                .at(place)
                .because("no telemetry object can refer to a collector in another namespace")
                .repair(wanted)
        });
    }
    if versions.iter().any(|version| version == READ_BY_KGATEWAY) {
        return None;
    }
    let definition = facts.grants.as_ref().ok().and_then(Option::as_ref);
    let defined = definition.map_or(&[][..], |definition| list(definition, "/spec/versions"));
    let switch = defined.iter().position(|version| text(version, "/name") == READ_BY_KGATEWAY).map(|at| {
        format!(
            "kubectl patch customresourcedefinition referencegrants.{GATEWAY_API} --type=json -p='[{{\"op\":\"replace\",\"path\":\"/spec/versions/{at}/served\",\"value\":true}}]'"
        )
    });
    Some(
        Remark::problem(format!("ReferenceGrant is served as {} only", versions.join(", ")))
            .at(place)
            .because(format!(
                "kgateway reads it as {READ_BY_KGATEWAY}: every reference into another namespace is refused"
            ))
            .repair(switch.unwrap_or(wanted)),
    )
}

fn others(facts: &Facts) -> Vec<Remark> {
    let served = match &facts.served {
        Ok(served) => served,
        Err(why) => return vec![Remark::unknown("which kinds are served is not known", why)],
    };
    let group = |group: &str, called: &str| {
        let kinds = KINDS.iter().filter(|kind| kind.group == group);
        let kinds: Vec<_> = kinds
            .filter_map(|kind| {
                let versions = served.versions(group, kind.resource);
                (!versions.is_empty()).then(|| format!("{} {}", kind.kind, versions.join(" and ")))
            })
            .collect();
        if kinds.is_empty() {
            Remark::ok(format!("{called} is not installed"))
        } else {
            Remark::ok(format!("{called} is served: {}", kinds.join(", ")))
        }
    };
    vec![group(KGATEWAY, "kgateway"), group(AGENTGATEWAY, "agentgateway"), group(GATEWAY_API, "Gateway API")]
}

//! In which a configuration is not what it should be, in words for whoever keeps it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    operate::webhooks::{FAIL, Kind, OURS, merge::entries, name_of},
    probe,
};

/// What differs between a configuration (null where there is none) and our entries in it, one line each; none where it is as it
/// should be. Whether the entry for telemetry objects fails open or closed is for whoever keeps the configuration to say, and
/// `caBundle` is compared only where it is ours.
pub fn differences(kind: Kind, actual: &Value, wanted: &[Value]) -> Vec<String> {
    if actual.is_null() {
        return vec![format!("there is no {}", kind.name())];
    }
    let mut found = Vec::new();
    for wanted in wanted {
        let name = name_of(wanted);
        match entries(actual).iter().find(|actual| name_of(actual) == name) {
            Some(actual) => compare(name, actual, wanted, &mut found),
            None => found.push(format!("`{name}` is missing")),
        }
    }
    let unwanted = entries(actual).iter().map(name_of).filter(|name| OURS.contains(name));
    let unwanted = unwanted.filter(|name| !wanted.iter().any(|wanted| name_of(wanted) == *name));
    found.extend(unwanted.map(|name| format!("`{name}` is there, and no policy needs it")));
    found
}

fn compare(name: &str, actual: &Value, wanted: &Value, found: &mut Vec<String>) {
    for (field, wanted) in wanted.as_object().into_iter().flatten() {
        let actual = actual.get(field).unwrap_or(&Value::Null);
        match field.as_str() {
            _ if actual == wanted => {}
            "failurePolicy" if name == FAIL => {}
            "matchConditions" if name == probe::ENTRY => {}
            "clientConfig" => compare_clients(name, actual, wanted, found),
            "rules" => compare_rules(name, actual, wanted, found),
            "matchConditions" => compare_conditions(name, actual, wanted, found),
            _ => found.push(format!("`{name}`: `{field}` is `{}`, not `{}`", short(actual), short(wanted))),
        }
    }
}

fn compare_clients(name: &str, actual: &Value, wanted: &Value, found: &mut Vec<String>) {
    let without_bundle = |client: &Value| {
        let mut client = client.clone();
        if let Some(client) = client.as_object_mut() {
            client.remove("caBundle");
        }
        client
    };
    let (leads, to_lead) = (without_bundle(actual), without_bundle(wanted));
    if leads != to_lead {
        found.push(format!("`{name}` leads to `{}`, not to `{}`", short(&leads), short(&to_lead)));
    }
    if let Some(bundle) = wanted.get("caBundle").filter(|bundle| actual.get("caBundle") != Some(bundle)) {
        let has = if actual.get("caBundle").is_none() { "is missing" } else { "is another one" };
        found.push(format!("`{name}`: `caBundle` {has}; ours begins with `{}`", short(bundle)));
    }
}

fn compare_conditions(name: &str, actual: &Value, wanted: &Value, found: &mut Vec<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (actual, wanted) = (list(actual), list(wanted));
    for condition in wanted.iter().filter(|condition| !actual.contains(condition)) {
        let other = actual.iter().any(|actual| name_of(actual) == name_of(condition));
        let how = if other { "is another one" } else { "is missing" };
        found.push(format!("`{name}`: the condition `{}` {how}", name_of(condition)));
    }
    let unwanted = actual.iter().filter(|actual| !wanted.iter().any(|wanted| name_of(wanted) == name_of(actual)));
    found.extend(unwanted.map(|condition| format!("`{name}`: the condition `{}` is not ours", name_of(condition))));
}

fn compare_rules(name: &str, actual: &Value, wanted: &Value, found: &mut Vec<String>) {
    let (sent, to_send) = (sent(actual), sent(wanted));
    let list = |these: Vec<&String>| these.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let missing: Vec<_> = to_send.difference(&sent).collect();
    let more: Vec<_> = sent.difference(&to_send).collect();
    if !missing.is_empty() {
        found.push(format!("`{name}` does not send {}", list(missing)));
    }
    if !more.is_empty() {
        found.push(format!("`{name}` sends {}, which no policy selects", list(more)));
    }
}

/// As in `UPDATE services`; what is said of versions and scopes only where it is not what ours say.
fn sent(rules: &Value) -> BTreeSet<String> {
    let list = |rule: &Value, field: &str| -> Vec<String> {
        let list = rule.get(field).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut sent = BTreeSet::new();
    for rule in rules.as_array().into_iter().flatten() {
        let versions = list(rule, "apiVersions");
        let versions = if versions == ["*"] { String::new() } else { format!(" in version {}", versions.join(" or ")) };
        for group in list(rule, "apiGroups") {
            let of = if group.is_empty() { String::new() } else { format!(".{group}") };
            for resource in list(rule, "resources") {
                for operation in list(rule, "operations") {
                    sent.insert(format!("{operation} {resource}{of}{versions}"));
                }
            }
        }
    }
    sent
}

fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().nth(120).is_none() { text } else { text.chars().take(119).chain(['…']).collect() }
}

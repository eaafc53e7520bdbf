//! Selectors of an entry: what is never sent, and what no policy of the entry would select.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    engine::{
        policy::Policy,
        selector::{LabelSelector, Operator, Requirement},
    },
    operate::webhooks::rules::{Selected, is_namespaced},
};

/// Set by the API server on every Namespace.
const NAME: &str = "kubernetes.io/metadata.name";
/// The cluster must start and repair itself without us.
const NEVER: [&str; 2] = ["kube-node-lease", "kube-system"];
/// Requirements that narrow an entry, at most: more are not worth what the API server spends on them.
const TERMS: usize = 16;

/// Never our own namespace, nor those of the cluster; beyond that, what all policies ask of namespaces.
///
/// The API server asks a selector about the namespace of an object, about a Namespace itself, and about nothing else that is
/// cluster-scoped; policies do the same. Only where the object is a Namespace do the two differ in when they look: the API
/// server takes the labels of its cache on DELETE. So what all policies ask narrows only entries for what lies in namespaces.
pub(super) fn namespaces(own: &str, policies: &[&Policy], selected: &Selected) -> Value {
    let never: BTreeSet<_> = NEVER.into_iter().chain([own]).filter(|name| !name.is_empty()).collect();
    let mut expressions = vec![json!({ "key": NAME, "operator": "NotIn", "values": never })];
    if selected.keys().all(|(group, resource)| is_namespaced(group, resource)) {
        expressions.extend(common(policies.iter().map(|policy| &policy.namespaces)));
    }
    json!({ "matchExpressions": expressions })
}

/// What all policies ask of the labels of objects: either of the old and the new object has to have them, to the API server
/// as to policies.
pub(super) fn objects(policies: &[&Policy]) -> Value {
    let expressions = common(policies.iter().map(|policy| &policy.objects));
    if expressions.is_empty() { json!({}) } else { json!({ "matchExpressions": expressions }) }
}

/// The requirements that every one of these selectors has; each is exact or left out.
fn common<'a>(mut selectors: impl Iterator<Item = &'a LabelSelector>) -> Vec<Value> {
    let Some(first) = selectors.next() else { return Vec::new() };
    let mut common = first.terms();
    for selector in selectors {
        let terms = selector.terms();
        common.retain(|term| terms.contains(term));
    }
    common.into_iter().filter(is_taken).take(TERMS).map(|term| json!(term)).collect()
}

/// Whether the API server takes it: what it refuses in one place would keep all entries from being registered.
fn is_taken(term: &Requirement) -> bool {
    let listed = matches!(term.operator, Operator::In | Operator::NotIn);
    let (prefix, name) = match term.key.rsplit_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, term.key.as_str()),
    };
    prefix.is_none_or(is_domain)
        && !name.is_empty()
        && is_word(name)
        && listed != term.values.is_empty()
        && term.values.iter().all(|value| is_word(value))
}

fn is_domain(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && is_word(part) && !part.contains(|c: char| c == '_' || c.is_ascii_uppercase());
    text.len() <= 253 && text.split('.').all(is_part)
}

/// A label's value, or the last part of its key where it is not empty.
fn is_word(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && ends(text.chars().next())
        && ends(text.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(value: Value) -> LabelSelector {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_all_ask_for_is_asked_for() {
        let production = selector(json!({
            "matchLabels": { "team": "a" },
            "matchExpressions": [{ "key": "environment", "operator": "In", "values": ["production", "prod"] }],
        }));
        let same = selector(json!({ "matchExpressions": [
            { "key": "environment", "operator": "In", "values": ["prod", "production"] },
            { "key": "team", "operator": "In", "values": ["a"] },
            { "key": "gone", "operator": "DoesNotExist" },
        ] }));
        let team = json!({ "key": "team", "operator": "In", "values": ["a"] });
        let environment = json!({ "key": "environment", "operator": "In", "values": ["prod", "production"] });
        assert_eq!(common([&production, &same].into_iter()), [environment, team]);
        assert_eq!(common([&production, &LabelSelector::default()].into_iter()), Vec::<Value>::new());
        assert_eq!(common([].into_iter()), Vec::<Value>::new());
    }

    #[test]
    fn what_the_api_server_would_refuse_is_left_out() {
        let taken = |key: &str, operator: &str, values: &[&str]| {
            is_taken(&serde_json::from_value(json!({ "key": key, "operator": operator, "values": values })).unwrap())
        };
        assert!(taken("a.b/c_D.e", "In", &["x", "", "y.Z"]));
        assert!(taken("a", "Exists", &[]));
        for (key, operator, values) in [
            ("", "Exists", [].as_slice()),
            ("/a", "Exists", &[]),
            ("A.b/a", "Exists", &[]),
            ("a..b/a", "Exists", &[]),
            ("a_b/a", "Exists", &[]),
            ("a/", "Exists", &[]),
            ("-a", "Exists", &[]),
            ("a", "In", &[]),
            ("a", "Exists", &["b"]),
            ("a", "NotIn", &["b c"]),
            ("a", "NotIn", &["b-"]),
        ] {
            assert!(!taken(key, operator, values), "{key} {operator} {values:?}");
        }
    }
}

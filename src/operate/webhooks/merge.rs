//! A configuration as it is, with our entries as they are to be: what others keep in it stays.

use k8s_openapi::ByteString;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    operate::webhooks::{FAIL, OURS, name_of, set},
    probe,
};

/// `webhooks` of a configuration, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged(pub Vec<Value>);

const CA_BUNDLE: &str = "/clientConfig/caBundle";
/// cert-manager's cainjector: `inject-ca-from`, `inject-ca-from-secret`, `inject-apiserver-ca`
/// (<https://cert-manager.io/docs/concepts/ca-injector/>).
const INJECTED: &str = "cert-manager.io/inject-";

/// Our entries put into `webhooks` of a configuration, in place of what has their names. Of an entry that is there only what
/// we know is set: a field of a newer API stays, and so does a `caBundle` that is not ours to keep.
pub fn merge(configuration: &Value, wanted: &[Value], ca_is_foreign: bool) -> Merged {
    let actual = entries(configuration);
    let set = |wanted: &Value| {
        let before = actual.iter().find(|actual| name_of(actual) == name_of(wanted));
        let mut entry = before.cloned().unwrap_or_else(|| json!({}));
        let (Some(fields), Some(wanted)) = (entry.as_object_mut(), wanted.as_object()) else { return wanted.clone() };
        let kept = before.and_then(|before| before.pointer(CA_BUNDLE)).filter(|_| ca_is_foreign).cloned();
        for (key, value) in wanted {
            fields.insert(key.clone(), value.clone());
        }
        // An entry that is to have none must not keep one that keeps requests from it.
        if !wanted.contains_key("matchConditions") {
            fields.remove("matchConditions");
        }
        if ca_is_foreign && let Some(client) = entry.get_mut("clientConfig").and_then(Value::as_object_mut) {
            client.remove("caBundle");
            client.extend(kept.map(|kept| ("caBundle".to_owned(), kept)));
        }
        entry
    };
    let mut merged: Vec<_> = Vec::new();
    for before in actual {
        match wanted.iter().find(|wanted| name_of(wanted) == name_of(before)) {
            Some(wanted) => merged.push(set(wanted)),
            None if OURS.contains(&name_of(before)) => {}
            None => merged.push(before.clone()),
        }
    }
    let is_new = |wanted: &&Value| !actual.iter().any(|actual| name_of(actual) == name_of(wanted));
    merged.extend(wanted.iter().filter(is_new).map(set));
    Merged(merged)
}

/// A configuration with the entries that it has.
pub fn as_it_is(configuration: &Value) -> Merged {
    Merged(entries(configuration).to_vec())
}

/// A configuration without our entries.
pub fn without_ours(configuration: &Value) -> Merged {
    merge(configuration, &[], false)
}

/// Whether somebody else writes `caBundle` into all entries of a configuration.
pub fn is_injected(configuration: &Value) -> bool {
    let annotations = configuration.pointer("/metadata/annotations").and_then(Value::as_object);
    annotations.is_some_and(|annotations| annotations.keys().any(|name| name.starts_with(INJECTED)))
}

/// The CA bundle that all our entries in these configurations hold, as PEM; None where they differ, or one has none. `alone`
/// is what they would hold where there is no entry of ours at all: nobody has to be told of another one first.
pub fn held<'a>(configurations: impl IntoIterator<Item = &'a Value>, alone: Option<&str>) -> Option<String> {
    let all = configurations.into_iter().flat_map(entries).filter(|entry| OURS.contains(&name_of(entry)));
    let mut bundles: Vec<_> = all.map(|entry| entry.pointer(CA_BUNDLE)).collect();
    bundles.dedup();
    match bundles.as_slice() {
        [] => alone.map(str::to_owned),
        [Some(bundle)] => {
            let ByteString(pem) = serde_json::from_value((*bundle).clone()).ok()?;
            String::from_utf8(pem).ok()
        }
        _ => None,
    }
}

pub(super) fn entries(configuration: &Value) -> &[Value] {
    configuration.get("webhooks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

// === impl Merged ===

impl Merged {
    /// Whether the configuration has exactly these entries.
    pub fn is_in(&self, configuration: &Value) -> bool {
        entries(configuration) == self.0
    }

    /// Whether an entry of ours fails closed that holds up more than probes.
    pub fn fails_closed(&self) -> bool {
        self.entry(FAIL).is_some_and(|entry| entry.get("failurePolicy").and_then(Value::as_str) == Some("Fail"))
    }

    /// What leads to us, in a word: the probe's entry and [`FAIL`], with their CA bundles. None where a probe would show
    /// nothing of [`FAIL`], since that is reached in another way, or there is no probe's entry.
    pub fn way(&self) -> Option<String> {
        let client = |name: &str| self.entry(name).and_then(|entry| entry.get("clientConfig"));
        let probe = client(probe::ENTRY)?;
        let fail = client(FAIL);
        if fail.is_some_and(|fail| fail.get("caBundle") != probe.get("caBundle")) {
            return None;
        }
        let digest = Sha256::digest(json!([probe, fail]).to_string());
        Some(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Lets the probe's entry take only probes that are meant for it, so that one which was refused has come this way: an API
    /// server may go by an older version for a while.
    pub fn ask_by(&mut self, way: &str) {
        let expression = format!("object.metadata.?annotations[?\"{}\"].orValue(\"{way}\") == \"{way}\"", probe::WAY);
        if let Some(entry) = self.entry_mut(probe::ENTRY) {
            let condition = json!({ "name": "meant-for-this-version", "expression": expression });
            set(entry, "matchConditions", json!([condition]));
        }
    }

    pub fn fail_closed(&mut self) {
        if let Some(entry) = self.entry_mut(FAIL) {
            set(entry, "failurePolicy", "Fail".into());
        }
    }

    /// Lets it fail open where it is there.
    pub fn fail_open(&mut self) {
        if let Some(entry) = self.entry_mut(FAIL) {
            set(entry, "failurePolicy", "Ignore".into());
        }
    }

    pub fn entry(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|entry| name_of(entry) == name)
    }

    pub(super) fn entry_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|entry| name_of(entry) == name)
    }
}

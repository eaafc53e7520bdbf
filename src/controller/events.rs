//! Events on stored telemetry objects: what is wrong with them, and what was done for them. Each is told once, as long as the
//! API server keeps it, whoever leads.

#![expect(clippy::disallowed_methods, reason = "an edge: an Event says when it was")]

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::api::PostParams;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use crate::{
    cluster::api::Api,
    engine::{finding::Finding, limits, subject::ObjectKey},
};

/// Writes Events, none twice within the hour unless the object changed.
#[derive(Debug)]
pub(super) struct Events {
    api: Api,
    identity: String,
    told: BTreeMap<Told, (i64, Instant)>,
}

/// An object, a reason and a note.
type Told = (ObjectKey, String, String);

const AGAIN: Duration = Duration::from_hours(1);

// === impl Events ===

impl Events {
    pub(super) fn new(api: Api, identity: &str) -> Self {
        Self { api, identity: identity.to_owned(), told: BTreeMap::new() }
    }

    /// Something was done for an object.
    pub(super) async fn done(&mut self, key: &ObjectKey, object: &Value, reason: &str, note: &str) {
        self.tell(key, object, "Normal", reason, note).await;
    }

    /// Something is wrong with an object.
    pub(super) async fn wrong(&mut self, key: &ObjectKey, object: &Value, finding: &Finding) {
        let note = if finding.path.is_root() {
            finding.message.clone()
        } else {
            format!("{}: {}", finding.path, finding.message)
        };
        self.tell(key, object, "Warning", &reason_of(&finding.code), &note).await;
    }

    async fn tell(&mut self, key: &ObjectKey, object: &Value, level: &str, reason: &str, note: &str) {
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default();
        let now = Instant::now();
        self.told.retain(|_, (_, at)| now.duration_since(*at) < AGAIN);
        let told = (key.clone(), reason.to_owned(), note.to_owned());
        if self.told.get(&told).is_some_and(|(before, _)| *before == generation) {
            return;
        }
        let event = event(&self.identity, key, object, level, reason, note);
        let mut is_told = || {
            if self.told.len() < limits::EVENTS_KEPT {
                self.told.insert(told.clone(), (generation, now));
            }
        };
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let events = kube::Api::<Event>::namespaced(self.api.client(), &namespace);
        let parameters = PostParams::default();
        match timeout(Duration::from_millis(limits::CALL_MS), events.create(&parameters, &event)).await {
            Ok(Ok(_)) => is_told(),
            // By who led before us.
            Ok(Err(kube::Error::Api(status))) if status.is_already_exists() => is_told(),
            Ok(Err(error)) => tracing::warn!(object = %key, reason, %error, "the Event could not be written"),
            Err(_) => tracing::warn!(object = %key, reason, "the API server did not take the Event in time"),
        }
    }
}

fn event(identity: &str, key: &ObjectKey, object: &Value, level: &str, reason: &str, note: &str) -> Event {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).map(str::to_owned);
    let now = Timestamp::now();
    // Events of what lies in no namespace lie in this one.
    let namespace = if key.namespace.is_empty() { "default" } else { &*key.namespace };
    Event {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name_of(key, object, reason, note)),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        type_: Some(level.to_owned()),
        reason: Some(reason.to_owned()),
        action: Some(if level == "Warning" { "Judged" } else { "Granted" }.to_owned()),
        note: Some(cut(note)),
        regarding: Some(ObjectReference {
            api_version: text("/apiVersion"),
            kind: Some((*key.kind).to_owned()),
            namespace: Some((*key.namespace).to_owned()).filter(|namespace| !namespace.is_empty()),
            name: Some((*key.name).to_owned()),
            uid: text("/metadata/uid"),
            resource_version: text("/metadata/resourceVersion"),
            ..ObjectReference::default()
        }),
        reporting_controller: Some("portcullis.dev/portcullis".to_owned()),
        reporting_instance: Some(identity.to_owned()),
        ..Event::default()
    }
}

/// `reference-grants/missing` as `ReferenceGrantsMissing`: the reason of an Event is one word.
fn reason_of(code: &str) -> String {
    let words = code.split(|c: char| !c.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    words.map(capital).collect::<String>().chars().take(128).collect()
}

/// The same for the same news of the same version of an object, whoever tells it.
fn name_of(key: &ObjectKey, object: &Value, reason: &str, note: &str) -> String {
    let text = |field: &str| object.pointer(field).map(Value::to_string).unwrap_or_default();
    let all = [&*key.kind, &text("/metadata/uid"), &text("/metadata/generation"), reason, note].join("\n");
    let digest = Sha256::digest(all.as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{hash}", short(&key.name))
}

/// With room for a suffix: a name has at most 253 characters.
fn short(name: &str) -> String {
    let short: String = name.chars().take(200).collect();
    short.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

fn cut(note: &str) -> String {
    let mut cut = String::new();
    for letter in note.chars() {
        if cut.len() + letter.len_utf8() > limits::EVENT_BYTES {
            break;
        }
        cut.push(letter);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_news_has_the_same_name_until_the_object_changes() {
        let key = ObjectKey::new("g", "K", "ns", "logs");
        let object = |generation: i64| serde_json::json!({ "metadata": { "uid": "u", "generation": generation } });
        let name = |generation: i64, note: &str| name_of(&key, &object(generation), "Reason", note);
        assert!(name(1, "a").starts_with("logs."));
        assert_eq!(name(1, "a"), name(1, "a"));
        assert_ne!(name(1, "a"), name(2, "a"));
        assert_ne!(name(1, "a"), name(1, "b"));
    }

    #[test]
    fn a_code_is_one_word_and_a_note_is_bounded() {
        assert_eq!(reason_of("reference-grants/missing"), "ReferenceGrantsMissing");
        assert_eq!(cut("short"), "short");
        assert!(cut(&"ä".repeat(2_000)).len() <= limits::EVENT_BYTES);
    }
}

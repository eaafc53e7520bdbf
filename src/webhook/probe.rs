//! `/probe`: refuses a probe with its own nonce, so that whoever sent it knows that we were asked.

use serde_json::value::RawValue;

use crate::{
    engine::{
        kinds::PORTCULLIS,
        subject::{Operation, Reads, Subject},
    },
    probe::{LABEL, NONCE, NONCE_CHARS, refusal},
    webhook::wire::{Answer, Review},
};

/// Refuses what is a probe, and lets through whatever else an entry that is not ours may send here.
pub(super) fn answer(review: &Review<'_>) -> Answer {
    let attributes = review.attributes();
    let is_ours = attributes.group == PORTCULLIS && attributes.resource == "guardpolicies";
    match review.request.object.filter(|_| is_ours && attributes.operation == Operation::Create) {
        Some(object) => nonce(review, object).map_or_else(Answer::allow, |nonce| Answer::deny(403, refusal(&nonce))),
        None => Answer::allow(),
    }
}

/// What the probe is to be refused with; None where it is none.
fn nonce(review: &Review<'_>, object: &RawValue) -> Option<String> {
    let want = Reads { object: true, old_object: false };
    let subject = Subject::read(review.attributes(), Some(object), None, want).ok()?;
    let metadata = subject.object().get("metadata");
    (metadata.get("labels").get(LABEL).text() == "true").then(|| {
        let nonce = metadata.get("annotations").get(NONCE).text();
        nonce.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(NONCE_CHARS).collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::webhook::wire;

    fn answered(resource: &str, operation: &str, metadata: Value) -> Answer {
        let body = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "u", "operation": operation,
                "kind": { "group": "portcullis.dev", "version": "v1alpha1", "kind": "GuardPolicy" },
                "resource": { "group": "portcullis.dev", "version": "v1alpha1", "resource": resource },
                "object": { "metadata": metadata },
            },
        });
        answer(&wire::read(&serde_json::to_vec(&body).unwrap()).unwrap())
    }

    #[test]
    fn a_probe_is_refused_with_its_nonce() {
        let probe = |nonce: Value| json!({ "labels": { LABEL: "true" }, "annotations": { NONCE: nonce } });
        let refused = answered("guardpolicies", "CREATE", probe("abc-1".into()));
        assert!(!refused.allowed);
        assert_eq!(refused.message, "portcullis answers the probe `abc-1`");
        let hostile =
            answered("guardpolicies", "CREATE", probe(format!("`\n\u{202e}{}", "x".repeat(1_000_000)).into()));
        assert_eq!(hostile.message, refusal(&"x".repeat(NONCE_CHARS)));
        assert_eq!(answered("guardpolicies", "CREATE", probe(json!({ "a": 1 }))).message, refusal(""));
    }

    #[test]
    fn what_is_no_probe_is_let_through() {
        let labelled = json!({ "labels": { LABEL: "true" } });
        for (resource, operation, metadata) in [
            ("guardpolicies", "UPDATE", labelled.clone()),
            ("pods", "CREATE", labelled),
            ("guardpolicies", "CREATE", json!({ "labels": { LABEL: true } })),
            ("guardpolicies", "CREATE", json!({ "labels": [] })),
            ("guardpolicies", "CREATE", json!([])),
        ] {
            assert!(answered(resource, operation, metadata.clone()).allowed, "{resource} {operation} {metadata}");
        }
    }
}

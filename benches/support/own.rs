//! What lies in the namespace of a `portcullis serve` that is installed for the first time: a Lease that nobody holds, and a
//! Secret that is empty. Each namespace begins so.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Mutex, PoisonError},
};

use axum::{
    body::{Body, Bytes},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::watch;

/// The Secret of each namespace, and who waits for what becomes of it.
#[derive(Default)]
pub(crate) struct Own(Mutex<BTreeMap<String, watch::Sender<Value>>>);

// === impl Own ===

impl Own {
    /// None where the path leads elsewhere.
    pub(crate) fn answer(&self, method: &Method, path: &[&str], query: &str, body: &[u8]) -> Option<Response> {
        match path {
            ["apis", "coordination.k8s.io", "v1", "namespaces", _, "leases", ..] => Some(lease(method, body)),
            ["api", "v1", "namespaces", namespace, "secrets", ..] => Some(self.secret(method, namespace, query, body)),
            _ => None,
        }
    }

    fn secret(&self, method: &Method, namespace: &str, query: &str, body: &[u8]) -> Response {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = all.entry(namespace.to_owned()).or_insert_with(|| watch::channel(empty(namespace)).0);
        if *method == Method::PATCH {
            let patch: Value = serde_json::from_slice(body).unwrap();
            secret.send_modify(|secret| {
                secret["data"] = patch["data"].clone();
                let version: u64 = secret["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
                secret["metadata"]["resourceVersion"] = (version + 1).to_string().into();
            });
            return as_json(secret.borrow().to_string());
        }
        if !query.contains("watch=") {
            let metadata = json!({ "resourceVersion": "1" });
            let list =
                json!({ "kind": "SecretList", "apiVersion": "v1", "metadata": metadata, "items": [&*secret.borrow()] });
            return as_json(list.to_string());
        }
        let initial = query.contains("sendInitialEvents=true");
        let mut changes = secret.subscribe();
        let mut first = Vec::new();
        let secret = changes.borrow_and_update().clone();
        let version = secret["metadata"]["resourceVersion"].as_str().unwrap();
        let heard = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion=")).unwrap_or_default();
        if !initial && heard != version {
            first.push(event("MODIFIED", &secret));
        }
        if initial {
            let annotations = json!({ "k8s.io/initial-events-end": "true" });
            let metadata =
                json!({ "resourceVersion": secret["metadata"]["resourceVersion"], "annotations": annotations });
            let bookmark = json!({ "kind": "Secret", "apiVersion": "v1", "metadata": metadata });
            first.extend([event("ADDED", &secret), event("BOOKMARK", &bookmark)]);
        }
        let first = stream::iter(first.into_iter().map(Ok::<_, Infallible>));
        let then = stream::unfold(changes, async |mut changes| {
            changes.changed().await.ok()?;
            let changed = event("MODIFIED", &changes.borrow_and_update());
            Some((Ok(changed), changes))
        });
        as_json(Body::from_stream(first.chain(then)))
    }
}

/// It is always there for whoever asks: nobody else does.
fn lease(method: &Method, body: &[u8]) -> Response {
    if *method == Method::GET {
        let details = json!({ "name": "portcullis", "group": "coordination.k8s.io", "kind": "leases" });
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404,
            "message": "leases.coordination.k8s.io \"portcullis\" not found", "details": details,
        });
        return (StatusCode::NOT_FOUND, as_json(status.to_string())).into_response();
    }
    as_json(body.to_vec())
}

fn empty(namespace: &str) -> Value {
    json!({
        "kind": "Secret", "apiVersion": "v1", "type": "Opaque",
        "metadata": { "name": "portcullis-tls", "namespace": namespace, "uid": "u", "resourceVersion": "1" },
    })
}

fn event(kind: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({ "type": kind, "object": object })).into()
}

fn as_json(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

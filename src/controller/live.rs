//! What is read again before something is made or removed: the view may lag behind.

use std::{collections::BTreeSet, future::Future, time::Duration};

use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    cluster::api::{Api, ApiError},
    engine::{
        kinds::{CORE, GATEWAY_API, reference_grant::ReferenceGrant, telemetry::Telemetry},
        limits,
        name::Name,
        subject::ObjectKey,
        view::{LookUp, View},
    },
};

/// The view with these telemetry objects as they are now, and what their references into other namespaces rest on: targets,
/// Namespaces, grants. What cannot be read is doubted: an owner who has withdrawn consent must not be overruled by an old
/// copy.
pub(super) async fn with_targets(api: &Api, view: &View, objects: &[(ObjectKey, Value)]) -> View {
    let mut view = view.clone();
    for (key, object) in objects {
        view.insert(key, object);
    }
    let mut keys = BTreeSet::new();
    let mut namespaces = BTreeSet::new();
    for (key, telemetry) in objects.iter().filter_map(|(key, _)| view.telemetry_at(key)) {
        for look_up in rests_on(key, telemetry) {
            match look_up {
                LookUp::Object(key) => drop(keys.insert(key)),
                LookUp::List { namespace, .. } => drop(namespaces.insert(namespace)),
                _ => {}
            }
        }
    }
    for (key, read) in get_all(api, keys).await {
        match read {
            Ok(Some(object)) => view.insert(&key, &object),
            Ok(None) => view.remove(&key),
            Err(error) => {
                tracing::warn!(object = %key, %error, "could not be read again");
                view.doubt(LookUp::Object(key));
            }
        }
    }
    for namespace in namespaces {
        match with_grants(api, &view, &namespace).await {
            Ok(fresh) => view = fresh,
            Err(error) => {
                tracing::warn!(%namespace, %error, "the grants could not be read again");
                view.doubt(grants_of(namespace));
            }
        }
    }
    view
}

/// Whether something that decides on a grant for this telemetry object could not be read again.
pub(super) fn is_doubted(view: &View, key: &ObjectKey) -> bool {
    let telemetry = view.telemetry_at(key);
    telemetry.is_some_and(|(key, telemetry)| rests_on(key, telemetry).iter().any(|look_up| view.doubts(look_up)))
}

/// What decides on grants for a telemetry object: for each reference into another namespace its target, both Namespaces, and
/// the grants there.
fn rests_on(key: &ObjectKey, telemetry: &Telemetry) -> BTreeSet<LookUp> {
    let mut look_ups = BTreeSet::new();
    for reference in &telemetry.references {
        let backend = &reference.backend;
        let namespace = backend.namespace_or(&key.namespace);
        if *namespace == *key.namespace {
            continue;
        }
        look_ups.insert(LookUp::Object(ObjectKey::new(&backend.group, &backend.kind, namespace, &backend.name)));
        look_ups.insert(LookUp::Object(ObjectKey::new(CORE, "Namespace", "", namespace)));
        look_ups.insert(LookUp::Object(ObjectKey::new(CORE, "Namespace", "", &key.namespace)));
        look_ups.insert(grants_of(namespace.into()));
    }
    look_ups
}

const fn grants_of(namespace: Name) -> LookUp {
    LookUp::List { group: GATEWAY_API, kind: "ReferenceGrant", namespace }
}

/// The view with the grants of a namespace as they are now.
///
/// # Errors
/// They could not be read.
async fn with_grants(api: &Api, view: &View, namespace: &str) -> Result<View, ApiError> {
    let (group, kind) = (GATEWAY_API, "ReferenceGrant");
    let listed = in_time(api.list(group, kind, namespace)).await?.unwrap_or_default();
    let mut fresh = view.clone();
    fresh.replace_in(namespace, group, kind, &listed);
    Ok(fresh)
}

/// The view with all that can need a grant as it is now: the grants of its namespace, and the telemetry objects that it is
/// for. None where the API server says that it does not serve a kind of these: one wrong answer to that must not remove every
/// grant, so nothing is known of who needs it, and a grant for a kind that was uninstalled stays.
///
/// # Errors
/// Some of it could not be read: then nothing is known to be unneeded.
pub(super) async fn with_users(
    api: &Api,
    view: &View,
    key: &ObjectKey,
    grant: &ReferenceGrant,
) -> Result<Option<View>, ApiError> {
    let mut fresh = with_grants(api, view, &key.namespace).await?;
    for from in &grant.from {
        let listed = in_time(api.list(&from.group, &from.kind, &from.namespace)).await?;
        let Some(listed) = listed else { return Ok(None) };
        fresh.replace_in(&from.namespace, &from.group, &from.kind, &listed);
    }
    Ok(Some(fresh))
}

/// Each of these objects, as it is now.
pub(super) async fn get_all(
    api: &Api,
    keys: impl IntoIterator<Item = ObjectKey>,
) -> Vec<(ObjectKey, Result<Option<Value>, ApiError>)> {
    let get = async |key: ObjectKey| {
        let read = in_time(api.get(&key)).await;
        (key, read)
    };
    stream::iter(keys).map(get).buffer_unordered(limits::CALLS_AT_ONCE).collect().await
}

/// One call, which may not hold up all others.
async fn in_time<T>(call: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
    let answered = timeout(Duration::from_millis(limits::CALL_MS), call).await;
    answered.unwrap_or(Err(ApiError::Late))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{kinds::KGATEWAY, view::control_plane::ControlPlane};

    #[test]
    fn a_grant_rests_on_its_target_both_namespaces_and_the_grants_there() {
        let policy = |name: &str, namespace: &str| {
            let backend = json!({ "name": "otel", "namespace": namespace, "port": 4317 });
            let log = json!({ "openTelemetry": { "grpcService": { "logName": "l", "backendRef": backend } } });
            let key = ObjectKey::new(KGATEWAY, "HTTPListenerPolicy", "a", name);
            (key, json!({ "spec": { "accessLog": [log] } }))
        };
        let ((abroad, object), (home, other)) = (policy("abroad", "t"), policy("home", "a"));
        let view = View::closed(ControlPlane::default()).with(&abroad, &object).with(&home, &other);
        let namespace = |name: &str| LookUp::Object(ObjectKey::new(CORE, "Namespace", "", name));
        let service = LookUp::Object(ObjectKey::new(CORE, "Service", "t", "otel"));
        for look_up in [service, namespace("a"), namespace("t"), grants_of("t".into())] {
            let mut doubting = view.clone();
            doubting.doubt(look_up.clone());
            assert!(is_doubted(&doubting, &abroad), "{look_up:?}");
            assert!(!is_doubted(&doubting, &home), "{look_up:?}");
        }
        assert!(!is_doubted(&view, &abroad));
    }
}

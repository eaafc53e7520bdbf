//! What is read again before something is made or removed: the view may lag behind.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use kube::api::ListParams;
use serde_json::Value;

use crate::{
    cluster::api::{Api, ApiError},
    engine::{
        kinds::{CORE, GATEWAY_API, reference_grant::ReferenceGrant},
        limits,
        subject::ObjectKey,
        view::{Lens, View},
    },
};

/// The view with these telemetry objects as they are now, and what their references into other namespaces rest on: targets,
/// Namespaces, grants. What cannot be read stays as the view has it.
pub(super) async fn with_targets(api: &Api, view: &View, objects: &[(ObjectKey, Value)]) -> View {
    let mut view = view.clone();
    for (key, object) in objects {
        view.insert(key, object);
    }
    let mut keys = BTreeSet::new();
    let mut namespaces = BTreeSet::new();
    for (key, telemetry) in objects.iter().filter_map(|(key, _)| view.telemetry_at(key)) {
        for reference in &telemetry.references {
            let backend = &reference.backend;
            let namespace = backend.namespace_or(&key.namespace);
            if *namespace == *key.namespace {
                continue;
            }
            keys.insert(ObjectKey::new(&backend.group, &backend.kind, namespace, &backend.name));
            keys.insert(ObjectKey::new(CORE, "Namespace", "", namespace));
            keys.insert(ObjectKey::new(CORE, "Namespace", "", &key.namespace));
            namespaces.insert(namespace.to_owned());
        }
    }
    for (key, read) in get_all(api, keys).await {
        match read {
            Ok(Some(object)) => view.insert(&key, &object),
            Ok(None) => view.remove(&key),
            Err(error) => tracing::warn!(object = %key, %error, "could not be read again"),
        }
    }
    for namespace in namespaces {
        match with_grants(api, &view, &namespace).await {
            Ok(fresh) => view = fresh,
            Err(error) => tracing::warn!(namespace, %error, "the grants could not be read again"),
        }
    }
    view
}

/// The view with the grants of a namespace as they are now.
///
/// # Errors
/// They could not be read.
async fn with_grants(api: &Api, view: &View, namespace: &str) -> Result<View, ApiError> {
    let listed = list(api, GATEWAY_API, "ReferenceGrant", namespace).await?;
    let mut fresh = view.clone();
    for (key, _) in Lens::new(view).grants(namespace).0 {
        fresh.remove(key);
    }
    for (key, object) in &listed {
        fresh.insert(key, object);
    }
    Ok(fresh)
}

/// The view with all that can need a grant as it is now: the grants of its namespace, and the telemetry objects that it is
/// for.
///
/// # Errors
/// Some of it could not be read: then nothing is known to be unneeded.
pub(super) async fn with_users(
    api: &Api,
    view: &View,
    key: &ObjectKey,
    grant: &ReferenceGrant,
) -> Result<View, ApiError> {
    let mut fresh = with_grants(api, view, &key.namespace).await?;
    for from in &grant.from {
        let listed = list(api, &from.group, &from.kind, &from.namespace).await?;
        for (key, _) in Lens::new(view).telemetry_in(&from.namespace) {
            if *key.kind == *from.kind && *key.group == *from.group {
                fresh.remove(key);
            }
        }
        for (key, object) in &listed {
            fresh.insert(key, object);
        }
    }
    Ok(fresh)
}

/// Each of these objects, as it is now.
pub(super) async fn get_all(
    api: &Api,
    keys: impl IntoIterator<Item = ObjectKey>,
) -> Vec<(ObjectKey, Result<Option<Value>, ApiError>)> {
    let get = async |key: ObjectKey| {
        let read = api.get(&key).await;
        (key, read)
    };
    stream::iter(keys).map(get).buffer_unordered(limits::CALLS_AT_ONCE).collect().await
}

/// All objects of a kind in a namespace, page by page.
async fn list(api: &Api, group: &str, kind: &str, namespace: &str) -> Result<Vec<(ObjectKey, Value)>, ApiError> {
    let Some(objects) = api.objects(group, kind, namespace).await? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let mut page = ListParams::default().limit(limits::LISTED);
    for _ in 0..limits::LISTED_PAGES {
        let listed = objects.list(&page).await?;
        found.extend(listed.items.into_iter().map(|object| (object.key(group, kind), object.value)));
        match listed.metadata.continue_.filter(|more| !more.is_empty()) {
            Some(more) => page = page.continue_token(&more),
            None => return Ok(found),
        }
    }
    let too_many = format!("there are more than {} of {kind} in `{namespace}`", found.len());
    Err(ApiError::Other(Box::new(kube::Error::Service(too_many.into()))))
}

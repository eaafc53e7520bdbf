//! Makes a grant, and removes one: the calls, and what is asked right before them.

#![expect(clippy::disallowed_methods, reason = "an edge: how old a grant is")]

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::api::{DeleteParams, Preconditions};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    cluster::{
        api::{Api, ApiError},
        ensure::{Ensured, ensure_one},
    },
    controller::{live, wanted},
    engine::{
        finding::Finding, kinds::reference_grant::ReferenceGrant, limits, policy::PolicySet, subject::ObjectKey,
        view::View,
    },
};

/// What became of the telemetry objects that lack a grant.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Grants that exist now, each with those who need it.
    pub(super) grants: Vec<(Ensured, Vec<(ObjectKey, Value)>)>,
    /// No policy or owner lets a grant be made for them, or they are gone.
    pub(super) declined: Vec<ObjectKey>,
    /// To be tried again, and why.
    pub(super) failed: Vec<(ObjectKey, String)>,
}

/// What became of a grant that nobody needs.
#[derive(Debug)]
pub(super) enum Removal {
    Removed,
    /// Not ours, gone, or needed after all.
    Stays,
    /// It is younger than the grace period, for so long.
    Young(Duration),
    Failed(String),
}

/// Makes the grants that these telemetry objects need and may have, as they are now.
pub(super) async fn make(api: &Api, policies: &PolicySet, view: &View, keys: Vec<ObjectKey>) -> Made {
    let mut made = Made::default();
    let mut objects = Vec::new();
    for (key, read) in live::get_all(api, keys).await {
        match read {
            Ok(Some(object)) => objects.push((key, object)),
            Ok(None) => made.declined.push(key),
            Err(error) => made.failed.push((key, error.to_string())),
        }
    }
    let view = live::with_targets(api, view, &objects).await;
    let mut grants: BTreeMap<String, (Value, Vec<(ObjectKey, Value)>)> = BTreeMap::new();
    for (key, object) in objects {
        let wanted = wanted::to_make(policies, &view, &key, &object, Timestamp::now());
        if wanted.is_empty() {
            made.declined.push(key.clone());
        }
        for grant in wanted {
            let entry = grants.entry(grant.to_string()).or_insert_with(|| (grant, Vec::new()));
            entry.1.push((key.clone(), object.clone()));
        }
    }
    let ensure = async |(grant, needed_by): (Value, Vec<(ObjectKey, Value)>)| {
        let ensured = timeout(Duration::from_millis(limits::CALL_MS), ensure_one(api, &grant)).await;
        (ensured, needed_by)
    };
    let mut ensured = stream::iter(grants.into_values()).map(ensure).buffer_unordered(limits::CALLS_AT_ONCE);
    while let Some((ensured, needed_by)) = ensured.next().await {
        let why = match ensured {
            Ok(Ok(ensured)) => {
                made.grants.push((ensured, needed_by));
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the API server did not answer in time".to_owned(),
        };
        made.failed.extend(needed_by.into_iter().map(|(key, _)| (key, why.clone())));
    }
    made
}

/// What is wrong with a stored telemetry object now.
pub(super) fn errors(policies: &PolicySet, view: &View, key: &ObjectKey, object: &Value) -> Vec<Finding> {
    wanted::errors(policies, view, key, object, Timestamp::now())
}

/// Removes a grant of ours that the view says nobody needs, if that is so now and it is old enough.
pub(super) async fn remove(api: &Api, view: &View, key: &ObjectKey, grace: Duration) -> Removal {
    match timeout(Duration::from_millis(limits::CALL_MS), try_remove(api, view, key, grace)).await {
        Ok(Ok(removal)) => removal,
        // It changed while we looked: the change brings it up again.
        Ok(Err(ApiError::Conflict(_) | ApiError::NotFound)) => Removal::Stays,
        Ok(Err(error)) => Removal::Failed(error.to_string()),
        Err(_) => Removal::Failed("the API server did not answer in time".to_owned()),
    }
}

async fn try_remove(api: &Api, view: &View, key: &ObjectKey, grace: Duration) -> Result<Removal, ApiError> {
    let Some(object) = api.get(key).await? else { return Ok(Removal::Stays) };
    let grant = ReferenceGrant::of(&object);
    if !grant.ours {
        return Ok(Removal::Stays);
    }
    let text = |field: &str| object.pointer(field).and_then(Value::as_str);
    let created = text("/metadata/creationTimestamp").and_then(|time| time.parse::<Timestamp>().ok());
    let Some(created) = created else { return Ok(Removal::Stays) };
    let age = Duration::try_from(Timestamp::now().duration_since(created)).unwrap_or_default();
    if age < grace {
        return Ok(Removal::Young(grace.saturating_sub(age)));
    }
    let fresh = live::with_users(api, view, key, &grant).await?;
    if !wanted::unneeded(&fresh, Some(&key.namespace)).contains(key) {
        return Ok(Removal::Stays);
    }
    let Some(objects) = api.objects(&key.group, &key.kind, &key.namespace).await? else { return Ok(Removal::Stays) };
    let preconditions = Preconditions {
        uid: text("/metadata/uid").map(str::to_owned),
        resource_version: text("/metadata/resourceVersion").map(str::to_owned),
    };
    objects.delete(&key.name, &DeleteParams::default().preconditions(preconditions)).await?;
    Ok(Removal::Removed)
}

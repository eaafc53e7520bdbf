//! Makes a grant, and removes one: the calls, and what is asked right before them.

#![expect(clippy::disallowed_methods, reason = "an edge: how old a grant is")]

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    cluster::{
        api::{Api, ApiError, Observed},
        ensure::{Ensured, ensure_one},
    },
    controller::{live, wanted},
    engine::{
        finding::Finding,
        kinds::{
            meta::{LEAVING, MANAGED_BY},
            reference_grant::{FIELD_MANAGER, ReferenceGrant},
        },
        limits,
        policy::PolicySet,
        subject::ObjectKey,
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
    /// It is marked as leaving, in this resourceVersion, and may go when it has been so for long enough.
    Marked(String),
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
        if live::is_doubted(&view, &key) {
            made.failed.push((key, "what its grants rest on could not be read".to_owned()));
            continue;
        }
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

/// Removes a grant of ours that the view says nobody needs, if that is so now and it is old enough. First it is marked as
/// leaving, so that whoever is admitted from then on has it written again; `marked` is the resourceVersion in which it has
/// been so for long enough, by our own clock.
pub(super) async fn remove(api: &Api, view: &View, key: &ObjectKey, grace: Duration, marked: Option<&str>) -> Removal {
    match timeout(Duration::from_millis(limits::CALL_MS), try_remove(api, view, key, grace, marked)).await {
        Ok(Ok(removal)) => removal,
        // It changed while we looked: the change brings it up again.
        Ok(Err(ApiError::Conflict(_) | ApiError::NotFound)) => Removal::Stays,
        Ok(Err(error)) => Removal::Failed(error.to_string()),
        Err(_) => Removal::Failed("the API server did not answer in time".to_owned()),
    }
}

/// Takes the mark from a grant that is needed after all. False where that is to be tried again.
pub(super) async fn keep(api: &Api, view: &View, key: &ObjectKey) -> bool {
    match timeout(Duration::from_millis(limits::CALL_MS), try_keep(api, view, key)).await {
        Ok(Ok(())) => true,
        Ok(Err(ApiError::Conflict(_) | ApiError::NotFound)) | Err(_) => false,
        Ok(Err(error)) => {
            tracing::warn!(grant = %key, %error, "a grant that is needed is still marked as leaving");
            false
        }
    }
}

async fn try_remove(
    api: &Api,
    view: &View,
    key: &ObjectKey,
    grace: Duration,
    marked: Option<&str>,
) -> Result<Removal, ApiError> {
    let Some(object) = api.get(key).await? else { return Ok(Removal::Stays) };
    let grant = ReferenceGrant::of(&object);
    if !grant.ours {
        return Ok(Removal::Stays);
    }
    let text = |field: &str| object.pointer(field).and_then(Value::as_str);
    let created = text("/metadata/creationTimestamp").and_then(|time| time.parse::<Timestamp>().ok());
    let (Some(created), Some(version)) = (created, text("/metadata/resourceVersion")) else {
        return Ok(Removal::Stays);
    };
    let age = Duration::try_from(Timestamp::now().duration_since(created)).unwrap_or_default();
    if age < grace {
        return Ok(Removal::Young(grace.saturating_sub(age)));
    }
    if is_needed(api, view, key, &grant).await? {
        return Ok(Removal::Stays);
    }
    if !grant.leaving {
        let version = write(api, key, &object, Some(Timestamp::now())).await?;
        return Ok(version.map_or(Removal::Stays, Removal::Marked));
    }
    if marked != Some(version) {
        return Ok(Removal::Marked(version.to_owned()));
    }
    let Some(objects) = api.objects(&key.group, &key.kind, &key.namespace).await? else { return Ok(Removal::Stays) };
    // Whoever wrote it again since it was marked has moved its resourceVersion.
    let preconditions =
        Preconditions { uid: text("/metadata/uid").map(str::to_owned), resource_version: Some(version.to_owned()) };
    objects.delete(&key.name, &DeleteParams::default().preconditions(preconditions)).await?;
    Ok(Removal::Removed)
}

async fn try_keep(api: &Api, view: &View, key: &ObjectKey) -> Result<(), ApiError> {
    let Some(object) = api.get(key).await? else { return Ok(()) };
    let grant = ReferenceGrant::of(&object);
    if grant.leaving && is_needed(api, view, key, &grant).await? {
        write(api, key, &object, None).await?;
        tracing::info!(grant = %key, "a grant that was about to be removed is needed after all");
    }
    Ok(())
}

/// Whether somebody needs it, or that is not known.
async fn is_needed(api: &Api, view: &View, key: &ObjectKey, grant: &ReferenceGrant) -> Result<bool, ApiError> {
    let Some(fresh) = live::with_users(api, view, key, grant).await? else { return Ok(true) };
    Ok(!wanted::unneeded(&fresh, Some(&key.namespace)).contains(key))
}

/// Writes a grant of ours as it was read, if it is so still, and gives its new resourceVersion.
async fn write(
    api: &Api,
    key: &ObjectKey,
    object: &Value,
    leaving: Option<Timestamp>,
) -> Result<Option<String>, ApiError> {
    let Some(objects) = api.objects(&key.group, &key.kind, &key.namespace).await? else { return Ok(None) };
    let body = Observed::from(marked(object, leaving));
    let stored = objects.patch(&key.name, &PatchParams::apply(FIELD_MANAGER), &Patch::Apply(&body)).await?;
    Ok(stored.value.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned))
}

/// All that we own of a grant. Applied as a whole, for what an apply leaves out it takes away: so does the one by which a
/// grant is ensured, with the mark.
fn marked(object: &Value, leaving: Option<Timestamp>) -> Value {
    let said = |field: &str| object.pointer(field).cloned().unwrap_or_default();
    let mut metadata = json!({
        "name": said("/metadata/name"),
        "namespace": said("/metadata/namespace"),
        "uid": said("/metadata/uid"),
        "resourceVersion": said("/metadata/resourceVersion"),
        "labels": { MANAGED_BY.0: MANAGED_BY.1 },
    });
    if let (Some(leaving), Some(entries)) = (leaving, metadata.as_object_mut()) {
        let leaving = leaving.round(jiff::Unit::Second).unwrap_or(leaving).to_string();
        entries.insert("annotations".to_owned(), json!({ LEAVING: leaving }));
    }
    json!({ "apiVersion": said("/apiVersion"), "kind": said("/kind"), "metadata": metadata, "spec": said("/spec") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_applied_with_all_that_is_ours_and_taken_by_leaving_it_out() {
        let ours = json!({
            "apiVersion": "g/v1",
            "kind": "ReferenceGrant",
            "metadata": {
                "name": "n", "namespace": "t", "uid": "u", "resourceVersion": "7", "managedFields": [],
                "labels": { MANAGED_BY.0: MANAGED_BY.1, "team": "x" },
            },
            "spec": { "from": [], "to": [] },
        });
        let plain = marked(&ours, None);
        let metadata = json!({
            "name": "n", "namespace": "t", "uid": "u", "resourceVersion": "7",
            "labels": { MANAGED_BY.0: MANAGED_BY.1 },
        });
        let rest =
            json!({ "apiVersion": "g/v1", "kind": "ReferenceGrant", "metadata": metadata, "spec": ours["spec"] });
        assert_eq!(plain, rest);
        let leaving = marked(&ours, Some(Timestamp::from_second(1).unwrap()));
        assert_eq!(leaving["metadata"]["annotations"], json!({ LEAVING: "1970-01-01T00:00:01Z" }));
        assert!(ReferenceGrant::of(&leaving).leaving && !ReferenceGrant::of(&plain).leaving);
    }
}

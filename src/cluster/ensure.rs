//! Objects that must exist elsewhere: makes them, and forces nothing. A name that somebody else has gets a suffix.

use kube::{
    api::{Patch, PatchParams},
    core::Status,
};
use serde_json::Value;

use crate::{
    cluster::api::{Api, ApiError, Observed},
    engine::{
        kinds::{
            self, GATEWAY_API,
            namespace::is_terminating,
            reference_grant::{FIELD_MANAGER, ReferenceGrant},
        },
        limits,
        subject::ObjectKey,
    },
};

/// An object that exists now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ensured {
    /// Under which name: where somebody else has the wanted one, under another.
    pub key: ObjectKey,
    /// We made it, or made it again; else there was one already that does the same, though it may have been about to go.
    pub made: bool,
}

/// Makes sure that this ReferenceGrant exists, and says under which name. Two that do it at once make one: the same crossing
/// has the same name, and server-side apply of the same body is the same as applying it once.
///
/// # Errors
/// It could not be made, in words for whoever needs it.
pub async fn ensure_one(api: &Api, object: &Value) -> Result<Ensured, ApiError> {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let namespace = text("/metadata/namespace");
    let made = make(api, object, &namespace, &text("/metadata/name")).await;
    made.map_err(|why| ApiError::NotMade { namespace, why })
}

async fn make(api: &Api, object: &Value, namespace: &str, wanted_name: &str) -> Result<Ensured, String> {
    let Some(kind) = kinds::by_kind(GATEWAY_API, "ReferenceGrant") else { return Err(unserved()) };
    let served = api.served(kind).await.map_err(|error| error.to_string())?.ok_or_else(unserved)?;
    let grants = api.objects_of(&served, namespace);
    let wanted = ReferenceGrant::of(object);
    for name in names(wanted_name) {
        let key = ObjectKey::new(GATEWAY_API, "ReferenceGrant", namespace, &name);
        let existing = grants.get_opt(&name).await.map_err(|error| words(error, namespace))?;
        let found = existing.map(|existing| standing(&existing.value, &wanted, namespace));
        match found {
            Some(Standing::Serves) => return Ok(Ensured { key, made: false }),
            Some(Standing::Taken) => continue,
            Some(Standing::Leaving | Standing::Ours) | None => {}
        }
        let body = Observed::from(named(object, &name, &served.api_version));
        match grants.patch(&name, &PatchParams::apply(FIELD_MANAGER), &Patch::Apply(&body)).await {
            Ok(stored) if standing(&stored.value, &wanted, namespace) == Standing::Serves => {
                return Ok(Ensured { key, made: found != Some(Standing::Leaving) });
            }
            // The mark is somebody else's, who may mean it.
            Ok(stored) if standing(&stored.value, &wanted, namespace) == Standing::Leaving => {}
            Ok(_) => return Err(format!("something changes `{name}` as it is made")),
            // Somebody else made one of this name just now, which may do as well.
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                let existing = grants.get_opt(&name).await.map_err(|error| words(error, namespace))?;
                if existing.is_some_and(|now| standing(&now.value, &wanted, namespace) == Standing::Serves) {
                    return Ok(Ensured { key, made: false });
                }
            }
            Err(error) => return Err(words(error, namespace)),
        }
    }
    Err(format!("`{wanted_name}` and {} more names are taken by others", limits::GRANT_NAMES.saturating_sub(1)))
}

/// What an object under the wanted name is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It allows what is wanted: nothing needs doing.
    Serves,
    /// Ours, and it allows what is wanted, but is about to be removed: written again it stays.
    Leaving,
    /// Ours, and it must be written again.
    Ours,
    /// Somebody else's, or about to go.
    Taken,
}

fn standing(existing: &Value, wanted: &ReferenceGrant, namespace: &str) -> Standing {
    let grant = ReferenceGrant::of(existing);
    if is_terminating(existing) {
        Standing::Taken
    } else if grant.covers(wanted, namespace) {
        if grant.leaving { Standing::Leaving } else { Standing::Serves }
    } else if grant.ours {
        Standing::Ours
    } else {
        Standing::Taken
    }
}

fn names(wanted: &str) -> impl Iterator<Item = String> {
    let others = (2..=limits::GRANT_NAMES).map(move |number| format!("{wanted}-{number}"));
    std::iter::once(wanted.to_owned()).chain(others)
}

fn named(object: &Value, name: &str, api_version: &str) -> Value {
    let mut object = object.clone();
    if let Some(entries) = object.as_object_mut() {
        entries.insert("apiVersion".to_owned(), api_version.into());
        if let Some(metadata) = entries.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("name".to_owned(), name.into());
        }
    }
    object
}

fn unserved() -> String {
    "the API server does not serve ReferenceGrant: Gateway API is not installed".to_owned()
}

fn words(error: kube::Error, namespace: &str) -> String {
    match error {
        kube::Error::Api(status) if is_about_terminating(&status) => "the namespace is being deleted".to_owned(),
        kube::Error::Api(status) if status.is_not_found() => format!("there is no namespace `{namespace}`"),
        kube::Error::Api(status) => status.message,
        other => other.to_string(),
    }
}

/// The API server makes nothing in a namespace that is being deleted, and says so with this cause.
fn is_about_terminating(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grant(from: &str, metadata: Value) -> Value {
        json!({
            "metadata": metadata,
            "spec": {
                "from": [{ "group": "g", "kind": "K", "namespace": from }],
                "to": [{ "group": "", "kind": "Service", "name": "otel" }],
            },
        })
    }

    #[test]
    fn only_ours_is_written_again_and_what_serves_is_left() {
        let wanted = ReferenceGrant::of(&grant("a", json!({})));
        let ours = json!({
            "labels": { "app.kubernetes.io/managed-by": "portcullis" },
            "managedFields": [{ "manager": "portcullis" }],
        });
        let said = |existing: Value| standing(&existing, &wanted, "t");
        assert_eq!(said(grant("a", json!({}))), Standing::Serves);
        assert_eq!(said(grant("b", json!({}))), Standing::Taken);
        assert_eq!(said(grant("b", ours.clone())), Standing::Ours);
        let mut leaving = ours;
        leaving["annotations"] = json!({ "portcullis.dev/leaving": "2026-01-01T00:00:00Z" });
        assert_eq!(said(grant("a", leaving)), Standing::Leaving);
        assert_eq!(said(grant("a", json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" }))), Standing::Taken);
    }

    #[test]
    fn names_are_bounded() {
        let names: Vec<_> = names("g").collect();
        assert_eq!(names.len(), limits::GRANT_NAMES as usize);
        assert_eq!(names.get(..3).unwrap(), ["g", "g-2", "g-3"]);
        assert_eq!(named(&grant("a", json!({ "name": "g" })), "g-2", "x/v1").pointer("/metadata/name").unwrap(), "g-2");
    }
}

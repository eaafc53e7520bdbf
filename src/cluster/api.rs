//! The API server: one object, one list, one write. Everything else of the cluster goes through here.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Client, Resource,
    api::ListParams,
    core::{ApiResource, DynamicResourceScope},
    discovery::{self, ApiGroup},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::engine::{
    kinds::{self, Kind},
    limits,
    object::Object,
    subject::ObjectKey,
};

/// The API server, and the versions in which it serves the kinds that we know. Clones share both.
#[derive(Clone)]
pub struct Api {
    client: Client,
    served: Arc<ArcSwap<BTreeMap<(&'static str, &'static str), ApiResource>>>,
}

/// An object as a watch, a list or a GET brings it. Any JSON object is one: nothing malformed stops a watch.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Only what identifies it and its version.
    meta: ObjectMeta,
    pub value: Value,
}

/// What went wrong between us and the API server, in words for a log.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("not allowed: {0}")]
    Forbidden(String),
    #[error("there are too many to read them all")]
    TooMany,
    #[error("the API server did not answer in time")]
    Late,
    #[error("there is none")]
    NotFound,
    #[error("somebody else wrote it: {0}")]
    Conflict(String),
    #[error("a grant could not be made in namespace `{namespace}`: {why}")]
    NotMade { namespace: String, why: String },
    /// Any other answer of the API server that is no success, in its own words.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Other(Box<kube::Error>),
}

// === impl Api ===

impl Api {
    pub fn new(client: Client) -> Self {
        Self { client, served: Arc::default() }
    }

    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// In which version the API server serves a kind, asked anew; None where it does not.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn discover(&self, kind: &'static Kind) -> Result<Option<ApiResource>, ApiError> {
        let found = match version_of_built_in(kind) {
            Some(version) => Some(resource(kind, version)),
            None => match discovery::group(&self.client, kind.group).await {
                Ok(group) => in_some_version(&group, kind.kind),
                Err(kube::Error::Discovery(_)) => None,
                Err(kube::Error::Api(status)) if status.is_not_found() => None,
                Err(error) => return Err(error.into()),
            },
        };
        self.served.rcu(|served| {
            let mut served = BTreeMap::clone(served);
            match &found {
                Some(resource) => served.insert((kind.group, kind.kind), resource.clone()),
                None => served.remove(&(kind.group, kind.kind)),
            };
            served
        });
        Ok(found)
    }

    /// One object; None where there is none, where its kind is not served, or where nothing can have such a name.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn get(&self, key: &ObjectKey) -> Result<Option<Value>, ApiError> {
        if !is_a_name(&key.name) || !(key.namespace.is_empty() || is_a_name(&key.namespace)) {
            return Ok(None);
        }
        let Some(api) = self.objects(&key.group, &key.kind, &key.namespace).await? else { return Ok(None) };
        let read = match api.get_opt(&key.name).await {
            Err(error) if is_not_served(&error) => match self.anew(&key.group, &key.kind, &key.namespace).await? {
                Some(api) => api.get_opt(&key.name).await,
                None => return Ok(None),
            },
            read => read,
        };
        Ok(read?.map(|observed| observed.value))
    }

    /// The objects of a kind in a namespace, or in all where it is empty; None where the kind is not served.
    ///
    /// # Errors
    /// They could not be read, or are more than [`limits::LISTED_PAGES`] pages.
    pub async fn list(
        &self,
        group: &str,
        kind: &str,
        namespace: &str,
    ) -> Result<Option<Vec<(ObjectKey, Value)>>, ApiError> {
        if !(namespace.is_empty() || is_a_name(namespace)) {
            return Ok(Some(Vec::new()));
        }
        let Some(mut api) = self.objects(group, kind, namespace).await? else { return Ok(None) };
        let mut page = ListParams::default().limit(limits::LISTED);
        let mut objects = Vec::new();
        for _ in 0..limits::LISTED_PAGES {
            let read = match api.list(&page).await {
                Err(error) if is_not_served(&error) => match self.anew(group, kind, namespace).await? {
                    Some(anew) => {
                        api = anew;
                        api.list(&page).await
                    }
                    None => return Ok(None),
                },
                read => read,
            };
            let listed = read?;
            objects.extend(listed.items.into_iter().map(|observed| (observed.key(group, kind), observed.value)));
            match listed.metadata.continue_.filter(|more| !more.is_empty()) {
                Some(more) => page = page.continue_token(&more),
                None => return Ok(Some(objects)),
            }
        }
        Err(ApiError::TooMany)
    }

    /// Whether a kind can be listed at all.
    pub async fn can_list(&self, resource: &ApiResource, namespace: &str) -> bool {
        let one = ListParams::default().limit(1);
        let all = self.objects_of(resource, namespace);
        let listed = tokio::time::timeout(Duration::from_millis(limits::CALL_MS), all.list(&one)).await;
        matches!(listed, Ok(Ok(_)))
    }

    /// kube's own API of a kind; None where it is not served.
    ///
    /// # Errors
    /// The API server could not be asked whether it serves the kind, or we do not know it.
    pub async fn objects(
        &self,
        group: &str,
        kind: &str,
        namespace: &str,
    ) -> Result<Option<kube::Api<Observed>>, ApiError> {
        let Some(known) = kinds::by_kind(group, kind) else { return Ok(None) };
        let served = self.served(known).await?;
        let namespace = if known.namespaced { namespace } else { "" };
        Ok(served.map(|served| self.objects_of(&served, namespace)))
    }

    /// In which version the API server serves a kind, asked only where it is not known; None where it does not.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn served(&self, kind: &'static Kind) -> Result<Option<ApiResource>, ApiError> {
        let known = self.served.load().get(&(kind.group, kind.kind)).cloned();
        match known {
            Some(known) => Ok(Some(known)),
            None => self.discover(kind).await,
        }
    }

    /// The same for a kind of which what was discovered does not hold any more: its definition was removed, or changed.
    async fn anew(&self, group: &str, kind: &str, namespace: &str) -> Result<Option<kube::Api<Observed>>, ApiError> {
        if let Some(known) = kinds::by_kind(group, kind) {
            self.discover(known).await?;
        }
        self.objects(group, kind, namespace).await
    }

    /// kube's own API of what has been discovered.
    pub fn objects_of(&self, resource: &ApiResource, namespace: &str) -> kube::Api<Observed> {
        if namespace.is_empty() {
            kube::Api::all_with(self.client(), resource)
        } else {
            kube::Api::namespaced_with(self.client(), namespace, resource)
        }
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

// === impl Observed ===

impl Observed {
    pub fn key(&self, group: &str, kind: &str) -> ObjectKey {
        let namespace = self.meta.namespace.as_deref().unwrap_or_default();
        ObjectKey::new(group, kind, namespace, self.meta.name.as_deref().unwrap_or_default())
    }
}

impl From<Value> for Observed {
    fn from(value: Value) -> Self {
        let text = |field: &str| Some(value.get("metadata")?.get(field)?.as_str()?.to_owned());
        let meta = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            resource_version: text("resourceVersion"),
            uid: text("uid"),
            ..ObjectMeta::default()
        };
        Self { meta, value }
    }
}

impl<'de> Deserialize<'de> for Observed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Object::deserialize(deserializer).map(|object| Value::Object(object.0).into())
    }
}

impl Serialize for Observed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl Resource for Observed {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        dt.kind.as_str().into()
    }

    fn group(dt: &ApiResource) -> Cow<'_, str> {
        dt.group.as_str().into()
    }

    fn version(dt: &ApiResource) -> Cow<'_, str> {
        dt.version.as_str().into()
    }

    fn api_version(dt: &ApiResource) -> Cow<'_, str> {
        dt.api_version.as_str().into()
    }

    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        dt.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

// === impl ApiError ===

impl From<kube::Error> for ApiError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.is_forbidden() => Self::Forbidden(status.message),
            kube::Error::Api(status) if status.is_not_found() => Self::NotFound,
            kube::Error::Api(status) if status.is_conflict() => Self::Conflict(status.message),
            kube::Error::Api(status) if !status.message.is_empty() => Self::Refused(status.message),
            other => Self::Other(Box::new(other)),
        }
    }
}

/// In the preferred version of its group, else in any: Gateway API prefers v1, and has ReferenceGrant there only since 1.5.
fn in_some_version(group: &ApiGroup, kind: &str) -> Option<ApiResource> {
    let versions = std::iter::once(group.preferred_version_or_latest()).chain(group.versions());
    let mut resources = versions.flat_map(|version| group.versioned_resources(version));
    resources.find(|(resource, _)| resource.kind == kind).map(|(resource, _)| resource)
}

/// Whether this says that there is no such resource, rather than no such object: the API server then answers 404 with words
/// that are no Status, or with one that names no object.
fn is_not_served(error: &kube::Error) -> bool {
    let names_one =
        |status: &kube::core::Status| status.details.as_ref().is_some_and(|details| !details.name.is_empty());
    matches!(error, kube::Error::Api(status) if status.code == 404 && !(status.is_not_found() && names_one(status)))
}

/// Whether an object can have this name: in a path it means nothing else. What a user wrote as a name goes into one.
fn is_a_name(text: &str) -> bool {
    let alone = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.');
    !text.is_empty() && text.len() <= 253 && text.chars().all(alone) && text.chars().any(char::is_alphanumeric)
}

/// These are part of every API server, in this version.
fn version_of_built_in(kind: &Kind) -> Option<&'static str> {
    match kind.group {
        "" | "apps" | "apiextensions.k8s.io" => Some("v1"),
        _ => None,
    }
}

fn resource(kind: &Kind, version: &str) -> ApiResource {
    ApiResource {
        group: kind.group.to_owned(),
        version: version.to_owned(),
        api_version: if kind.group.is_empty() { version.to_owned() } else { format!("{}/{version}", kind.group) },
        kind: kind.kind.to_owned(),
        plural: kind.resource.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_lead_elsewhere_in_a_path_is_no_name() {
        for name in ["otel", "otel-collector.v2", "0"] {
            assert!(is_a_name(name), "{name}");
        }
        for name in
            ["", ".", "..", "otel?x", "otel/x", "otel#x", "otel%2e", "otel collector", "{{ .Values.name }}", "ötel"]
        {
            assert!(!is_a_name(name), "{name}");
        }
    }
}

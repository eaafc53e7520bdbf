//! The two webhook configurations, read through watches of their name alone, and written by patches that never make one.

use futures::{Stream, StreamExt as _, stream};
use kube::{
    api::{Patch, PatchParams},
    core::ApiResource,
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::{Value, json};

use crate::{
    cluster::api::{Api, ApiError, Observed},
    engine::kinds::reference_grant::FIELD_MANAGER,
    operate::{
        register::SWITCH,
        webhooks::{Kind, Merged},
    },
};

/// How a configuration stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Known {
    /// It has not been read yet.
    #[default]
    NotYet,
    /// Somebody deleted it, or never made it: nothing is to be asked of us, and that is obeyed.
    Absent,
    There(Value),
}

/// What is heard of one.
#[derive(Debug)]
pub(super) enum Heard {
    Is(Kind, Known),
    /// It cannot be read now, and why; what was known of it may be old.
    Failing(Kind, String),
}

/// What is heard of both.
pub(super) fn follow(api: &Api, name: &str) -> impl Stream<Item = Heard> + Send + use<> {
    let [validating, mutating] = Kind::ALL.map(|kind| {
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let events = watcher(api.objects_of(&resource(kind), ""), config).default_backoff();
        let heard = events.scan(Known::Absent, move |listed, event| {
            let heard = match event {
                Ok(watcher::Event::Init) => {
                    *listed = Known::Absent;
                    None
                }
                Ok(watcher::Event::InitApply(object)) => {
                    *listed = Known::There(object.value);
                    None
                }
                Ok(watcher::Event::InitDone) => Some(Heard::Is(kind, std::mem::replace(listed, Known::Absent))),
                Ok(watcher::Event::Apply(object)) => Some(Heard::Is(kind, Known::There(object.value))),
                Ok(watcher::Event::Delete(_)) => Some(Heard::Is(kind, Known::Absent)),
                Err(error) => Some(Heard::Failing(kind, error.to_string())),
            };
            std::future::ready(Some(heard))
        });
        heard.filter_map(std::future::ready).boxed()
    });
    stream::select(validating, mutating)
}

/// Puts these entries into a configuration that is still as it was read.
///
/// # Errors
/// It is not any more, or there is none any more, or it may not be written.
pub(super) async fn write(api: &Api, kind: Kind, read: &Value, entries: &Merged) -> Result<Value, ApiError> {
    let metadata = |field: &str| read.get("metadata").and_then(|metadata| metadata.get(field));
    let name = metadata("name").and_then(Value::as_str).unwrap_or_default();
    let patch = json!({
        "metadata": { "uid": metadata("uid"), "resourceVersion": metadata("resourceVersion") },
        "webhooks": entries.0,
    });
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let configurations: kube::Api<Observed> = api.objects_of(&resource(kind), "");
    Ok(configurations.patch(name, &parameters, &Patch::Merge(&patch)).await?.value)
}

/// Whether its keeper has taken us out of it.
pub(super) fn is_off(configuration: &Value) -> bool {
    let annotations = configuration.pointer("/metadata/annotations");
    annotations.and_then(|annotations| annotations.get(SWITCH)).and_then(Value::as_str) == Some("off")
}

// === impl Known ===

impl Known {
    pub(super) fn object(&self) -> Option<&Value> {
        match self {
            Self::There(object) => Some(object),
            Self::NotYet | Self::Absent => None,
        }
    }
}

fn resource(kind: Kind) -> ApiResource {
    ApiResource {
        group: "admissionregistration.k8s.io".to_owned(),
        version: "v1".to_owned(),
        api_version: "admissionregistration.k8s.io/v1".to_owned(),
        kind: kind.name().to_owned(),
        plural: kind.resource().to_owned(),
    }
}

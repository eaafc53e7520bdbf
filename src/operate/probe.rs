//! Whether the API server reaches us: a GuardPolicy that is only ever tried, which an entry of its own refuses in our name.
//!
//! That entry matches nothing but objects with [`LABEL`], so that it can fail closed from its first moment without holding
//! up anything else: the way that istiod takes before it lets its webhook fail closed.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

pub use crate::probe::{ENTRY, LABEL, NONCE, PATH, WAY, refusal};
use crate::{cluster::api::Api, engine::kinds::PORTCULLIS};

/// What a probe has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The API server asked us, and did as we said.
    Yes,
    /// It asked nobody: the entry is not registered, or not yet.
    NotAsked,
    /// It tried, and could not: what it says of that.
    No(String),
    /// It was not tried: we may not, or the API server does not answer.
    Unknown(String),
}

/// Tries to make a GuardPolicy on dry run, and looks at who refuses it.
pub async fn probe(api: &Api, nonce: &str, patience: Duration) -> Reached {
    along(api, nonce, None, patience).await
}

/// The same by one version of the entry alone: where another is in force still, nobody is asked.
pub async fn along(api: &Api, nonce: &str, way: Option<&str>, patience: Duration) -> Reached {
    let request = http::Request::post("/apis/portcullis.dev/v1alpha1/guardpolicies?dryRun=All&fieldManager=portcullis")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(object(nonce, way).to_string().into_bytes());
    let Ok(request) = request else { return Reached::Unknown("it could not be asked".to_owned()) };
    match tokio::time::timeout(patience, api.client().request::<Value>(request)).await {
        Err(_) => Reached::Unknown("the API server took too long".to_owned()),
        Ok(answer) => read(answer, nonce),
    }
}

fn read(answer: Result<Value, kube::Error>, nonce: &str) -> Reached {
    match answer {
        Ok(_) => Reached::NotAsked,
        Err(kube::Error::Api(status)) if status.message.contains(&refusal(nonce)) => Reached::Yes,
        Err(kube::Error::Api(status)) if status.message.contains(ENTRY) => Reached::No(status.message.clone()),
        Err(kube::Error::Api(status)) => Reached::Unknown(status.message.clone()),
        Err(error) => Reached::Unknown(error.to_string()),
    }
}

/// What is tried: it would select nothing if it were ever stored.
fn object(nonce: &str, way: Option<&str>) -> Value {
    let mut object = json!({
        "apiVersion": format!("{PORTCULLIS}/v1alpha1"),
        "kind": "GuardPolicy",
        "metadata": {
            "name": "portcullis-probe",
            "labels": { LABEL: "true" },
            "annotations": { NONCE: nonce },
        },
        "spec": {
            "description": "Never stored: by this it is tried whether the API server reaches Portcullis.",
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["gateway.kgateway.dev"], "apiVersions": ["*"],
                "resources": ["listenerpolicies"], "operations": ["CREATE"],
            }] },
            "action": "Audit",
            "rule": { "backendRefs": {} },
        },
    });
    if let (Some(way), Some(annotations)) = (way, object.pointer_mut("/metadata/annotations")) {
        annotations[WAY] = way.into();
    }
    object
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("the API server reaches us"),
            Self::NotAsked => write!(f, "the API server asked nobody: the entry `{ENTRY}` is not in force"),
            Self::No(why) => write!(f, "the API server does not reach us: {why}"),
            Self::Unknown(why) => write!(f, "it is not known whether the API server reaches us: {why}"),
        }
    }
}

//! Whether the API server reaches us: a GuardPolicy that is only ever tried, which an entry of its own refuses in our name.
//!
//! That entry matches nothing but objects with [`LABEL`], so that it can fail closed from its first moment without holding
//! up anything else: the way that istiod takes before it lets its webhook fail closed.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

use crate::{cluster::api::Api, engine::kinds::PORTCULLIS};

/// The name of the entry in the ValidatingWebhookConfiguration.
pub const ENTRY: &str = "probe.portcullis.dev";
/// Where that entry leads to.
pub const PATH: &str = "/probe";
/// The label by which the entry selects the probe, of value `true`.
pub const LABEL: &str = "portcullis.dev/probe";
/// The annotation whose value the refusal repeats.
pub const NONCE: &str = "portcullis.dev/probe-nonce";

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

/// How the refusal of a probe begins; the nonce follows in backticks.
pub fn refusal(nonce: &str) -> String {
    format!("portcullis answers the probe `{nonce}`")
}

/// Tries to make a GuardPolicy on dry run, and looks at who refuses it.
pub async fn probe(api: &Api, nonce: &str, patience: Duration) -> Reached {
    let request = http::Request::post("/apis/portcullis.dev/v1alpha1/guardpolicies?dryRun=All&fieldManager=portcullis")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(object(nonce).to_string().into_bytes());
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
fn object(nonce: &str) -> Value {
    json!({
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
    })
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

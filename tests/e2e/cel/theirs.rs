//! What the API server makes of an expression.

use std::{fmt, mem::discriminant, time::Duration};

use futures::{StreamExt as _, stream};
use http::Request;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{MESSAGE, NEVER, PARAMS, VARIABLES};
use crate::sandbox::{LABEL, Sandbox};

/// What came of an expression.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Its type, as far as it is known before it runs; none where it is refused.
    pub(crate) of: Option<String>,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// When it was written.
    Refused(String),
    Error(String),
    /// It has a value, of a type that has no text.
    Unprintable,
    /// Its type and its text.
    Text(String),
}

/// The API server, asked without kubectl: there is much to ask.
pub(crate) struct Api {
    client: Client,
    namespace: String,
    id: String,
}

/// Until all policies are in force, and only so that a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(120);

const AT_ONCE: usize = 8;

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

/// What selects the policies and bindings of a test.
pub(crate) fn label(sandbox: &Sandbox<'_>) -> String {
    format!("{LABEL}={}", sandbox.id())
}

/// Of the object that the policy with this number judges.
pub(crate) fn name_of(number: usize) -> String {
    format!("e-{number}")
}

// === impl Told ===

/// The words of an error are the API server's own business.
impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        let verdict = match (&self.verdict, &other.verdict) {
            (Verdict::Text(one), Verdict::Text(other)) => one == other,
            (one, other) => discriminant(one) == discriminant(other),
        };
        verdict && self.of == other.of
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Refused(why) => write!(f, "refused: {why}"),
            Verdict::Error(why) => write!(f, "an error: {why}"),
            Verdict::Unprintable => f.write_str("a value without a text"),
            Verdict::Text(text) => f.write_str(text),
        }?;
        self.of.as_ref().map_or(Ok(()), |of| write!(f, ", of type {of}"))
    }
}

// === impl Api ===

impl Api {
    pub(crate) async fn new(sandbox: &Sandbox<'_>, namespace: &str) -> Self {
        let kubeconfig = sandbox.plane().kubeconfig("admin", Some("system:masters"));
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let client = Client::try_from(config.expect("a configuration")).expect("a client");
        Self { client, namespace: namespace.to_owned(), id: sandbox.id().to_owned() }
    }

    /// The sample as policies see it, once its kind is served.
    pub(crate) async fn stored(&self, sample: &Value) -> Value {
        let since = Instant::now();
        loop {
            match self.create_sample(sample, "stored").await {
                Ok(stored) => return stored,
                Err(_) if since.elapsed() < PATIENCE => sleep(Duration::from_millis(100)).await,
                Err(why) => panic!("{why}"),
            }
        }
    }

    /// In the order of the expressions.
    pub(crate) async fn ask_all(&self, sample: &Value, sources: &[&str]) -> Vec<Told> {
        let write = |(number, source): (usize, &&str)| self.write(number, (*source).to_owned());
        let written: Vec<_> = stream::iter(sources.iter().enumerate()).map(write).buffered(AT_ONCE).collect().await;
        let read = |(number, written): (usize, Result<String, String>)| async move {
            match written {
                Err(why) => Told { of: None, verdict: Verdict::Refused(why) },
                Ok(of) => Told { of: Some(of), verdict: self.judged(sample, number).await },
            }
        };
        stream::iter(written.into_iter().enumerate()).map(read).buffered(AT_ONCE).collect().await
    }

    /// Makes the policy of an expression; its type, or why it is refused.
    async fn write(&self, number: usize, source: String) -> Result<String, String> {
        let mut variables: Vec<_> =
            VARIABLES.iter().map(|(name, of)| json!({ "name": name, "expression": of })).collect();
        let validation = json!([{ "expression": source }]);
        let alone = self.policy(number, &json!(variables), &validation);
        let of = match self.post(&format!("{POLICIES}?dryRun=All"), &alone).await {
            Ok(_) => "bool".to_owned(),
            Err(why) => {
                let (_, of) = why.split_once("must evaluate to bool but got ").ok_or_else(|| why.clone())?;
                of.to_owned()
            }
        };
        variables.push(json!({ "name": "zz", "expression": source }));
        let validation = json!([{ "expression": NEVER, "messageExpression": MESSAGE }]);
        let policy = self.policy(number, &json!(variables), &validation);
        self.post(POLICIES, &policy).await?;
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": policy["metadata"],
            "spec": {
                "policyName": policy["metadata"]["name"],
                "validationActions": ["Deny"],
                "paramRef": { "name": PARAMS, "namespace": self.namespace, "parameterNotFoundAction": "Deny" },
            },
        });
        self.post(BINDINGS, &binding).await.map(|_| of)
    }

    fn policy(&self, number: usize, variables: &Value, validations: &Value) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": format!("{}-{number}", self.id), "labels": { LABEL: self.id } },
            "spec": {
                "failurePolicy": "Fail",
                "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
                "matchConstraints": { "resourceRules": [{
                    "apiGroups": ["cel.test"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["samples"],
                    "resourceNames": [name_of(number)],
                }] },
                "variables": variables,
                "validations": validations,
            },
        })
    }

    async fn judged(&self, sample: &Value, number: usize) -> Verdict {
        let since = Instant::now();
        loop {
            let said = match self.create_sample(sample, &name_of(number)).await {
                Ok(_) => "it is let through".to_owned(),
                Err(why) => why,
            };
            let denied = said.split_once(" denied request: ").map(|(_, reason)| reason);
            match denied.filter(|reason| !reason.starts_with("failed to configure binding")) {
                Some(reason) => return verdict(reason),
                None if since.elapsed() < PATIENCE => sleep(Duration::from_millis(100)).await,
                None => panic!("policy {number} is not in force: {said}"),
            }
        }
    }

    async fn create_sample(&self, sample: &Value, name: &str) -> Result<Value, String> {
        let mut sample = sample.clone();
        sample["metadata"]["name"] = json!(name);
        let path = format!("/apis/cel.test/v1/namespaces/{}/samples?dryRun=All", self.namespace);
        self.post(&path, &sample).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request =
            Request::post(path).header("content-type", "application/json").body(body.to_string().into_bytes());
        match self.client.request(request.expect("a request")).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) => Err(status.message.clone()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn verdict(reason: &str) -> Verdict {
    if let Some((_, why)) = reason.split_once(" resulted in error: ") {
        Verdict::Error(why.to_owned())
    } else if reason.starts_with("validation failed due to running out of cost budget") {
        Verdict::Error(reason.to_owned())
    } else if reason.starts_with("failed expression: ") {
        Verdict::Unprintable
    } else {
        Verdict::Text(reason.to_owned())
    }
}

//! What the API server makes of an expression.

use std::{collections::BTreeMap, fmt, mem::discriminant, time::Duration};

use http::{HeaderValue, Request, StatusCode, request};
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{NAME, PARAMS, VARIABLES, message, never};
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
const PATIENCE: Duration = Duration::from_mins(2);

/// Expressions of one policy: the API server cuts short what it warns of beyond 4096 characters.
const AT_ONCE: usize = 12;

/// Expressions of which the API server is asked whether it takes them.
const COMPILED_AT_ONCE: usize = 50;

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

/// What selects the policies and bindings of a test.
pub(crate) fn label(sandbox: &Sandbox<'_>) -> String {
    format!("{LABEL}={}", sandbox.id())
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
            match self.post(&self.samples(), sample).await {
                Ok(stored) => return stored,
                Err(_) if since.elapsed() < PATIENCE => sleep(Duration::from_millis(100)).await,
                Err(status) => panic!("{status}"),
            }
        }
    }

    /// In the order of the expressions. Those of `alone` have a policy for themselves: what they cost is too much for others.
    pub(crate) async fn ask_all(&self, sample: &Value, sources: &[&str], alone: impl Fn(usize) -> bool) -> Vec<Told> {
        let numbered: Vec<_> = sources.iter().copied().enumerate().collect();
        let mut told = BTreeMap::new();
        for some in numbered.chunks(COMPILED_AT_ONCE) {
            told.extend(self.compile(some).await);
        }
        let taken = numbered.into_iter().filter(|(number, _)| told[number].of.is_some());
        let (alone, together): (Vec<_>, Vec<_>) = taken.partition(|(number, _)| alone(*number));
        let batches: Vec<_> = together.chunks(AT_ONCE).chain(alone.chunks(1)).collect();
        for (batch, expressions) in batches.iter().enumerate() {
            self.make_policy(batch, expressions).await;
        }
        for (batch, expressions) in batches.iter().enumerate() {
            for (number, verdict) in self.judged(sample, batch, expressions.len()).await {
                told.entry(number).and_modify(|told| told.verdict = verdict);
            }
        }
        told.into_values().collect()
    }

    /// The types of expressions, or why they are refused: a policy whose validations they are is refused for each of them. Some
    /// are refused as variables only, since the API server looks at the type of a validation first.
    async fn compile(&self, expressions: &[(usize, &str)]) -> BTreeMap<usize, Told> {
        let validations: Vec<_> = expressions.iter().map(|(_, source)| json!({ "expression": source })).collect();
        let mut variables = variables();
        let before = variables.len();
        let variable =
            |(number, source): &(usize, &str)| json!({ "name": format!("{NAME}{number}"), "expression": source });
        variables.extend(expressions.iter().map(variable));
        let policy = self.policy("compiled", &variables.into(), &validations.into());
        let status = self.post(&format!("{POLICIES}?dryRun=All"), &policy).await.err().unwrap_or_default();
        let causes = status["details"]["causes"].as_array().cloned().unwrap_or_default();
        let told = |(place, (number, _)): (usize, &(usize, &str))| {
            let why = |field: &str| causes.iter().find(|cause| cause["field"] == *field)?["message"].as_str();
            let refusal = why(&format!("spec.variables[{}].expression", before + place));
            let verdict = Verdict::Refused(refusal.unwrap_or_default().to_owned());
            let said = why(&format!("spec.validations[{place}].expression"));
            let of = match said.and_then(|said| said.split_once("must evaluate to bool but got ")) {
                Some((_, of)) => of,
                None => "bool",
            };
            (*number, Told { of: refusal.is_none().then(|| of.to_owned()), verdict })
        };
        expressions.iter().enumerate().map(told).collect()
    }

    async fn make_policy(&self, batch: usize, expressions: &[(usize, &str)]) {
        let (mut variables, mut validations) = (variables(), Vec::new());
        for (number, source) in expressions {
            let name = format!("e{number}");
            let message = format!("'{number} ' + {}", message(&name));
            variables.push(json!({ "name": name, "expression": source }));
            validations.push(json!({ "expression": never(&name), "messageExpression": message }));
        }
        let policy = self.policy(&batch.to_string(), &variables.into(), &validations.into());
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": policy["metadata"],
            "spec": {
                "policyName": policy["metadata"]["name"],
                "validationActions": ["Warn"],
                "paramRef": { "name": PARAMS, "namespace": self.namespace, "parameterNotFoundAction": "Deny" },
            },
        });
        for (path, object) in [(POLICIES, &policy), (BINDINGS, &binding)] {
            self.post(path, object).await.unwrap_or_else(|status| panic!("{status}\n{object}"));
        }
    }

    /// One for the sample, where it is annotated with the number of the policy.
    fn policy(&self, number: &str, variables: &Value, validations: &Value) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": format!("{}-{number}", self.id), "labels": { LABEL: self.id } },
            "spec": {
                "failurePolicy": "Fail",
                "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
                "matchConstraints": {
                    "resourceRules": [{
                        "apiGroups": ["cel.test"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["samples"],
                    }],
                    "namespaceSelector": { "matchLabels": { LABEL: self.id } },
                },
                "matchConditions": [{ "name": "its-number", "expression": format!("{ANNOTATION}['{NUMBER}'] == '{number}'") }],
                "variables": variables,
                "validations": validations,
            },
        })
    }

    /// What a policy says of its expressions, once it says anything.
    async fn judged(&self, sample: &Value, batch: usize, expected: usize) -> BTreeMap<usize, Verdict> {
        let mut sample = sample.clone();
        sample["metadata"]["annotations"][NUMBER] = json!(batch.to_string());
        let since = Instant::now();
        loop {
            let (status, warnings) = self.warnings(&self.samples(), &sample).await;
            let verdicts: BTreeMap<_, _> = warnings.iter().filter_map(|warning| verdict(warning)).collect();
            if verdicts.len() == expected {
                return verdicts;
            }
            assert!(since.elapsed() < PATIENCE, "{status}: policy {batch} says of {expected}: {warnings:#?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn samples(&self) -> String {
        format!("/apis/cel.test/v1/namespaces/{}/samples?dryRun=All", self.namespace)
    }

    /// What it answers, or its Status.
    async fn post(&self, path: &str, body: &Value) -> Result<Value, Value> {
        self.send(Request::post(path), body).await
    }

    /// What it answers to an object that is made, or is to replace another, and is not stored.
    pub(crate) async fn write_dry(&self, object: &Value, replaces: bool) -> Result<Value, Value> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).expect("a text");
        let version = text("/apiVersion");
        let version = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
        let (namespace, kind) = (text("/metadata/namespace"), text("/kind").to_lowercase());
        let path = format!("{version}/namespaces/{namespace}/{kind}s");
        if replaces {
            let path = format!("{path}/{}?dryRun=All", text("/metadata/name"));
            return self.send(Request::put(path), object).await;
        }
        self.post(&format!("{path}?dryRun=All"), object).await
    }

    async fn send(&self, request: request::Builder, body: &Value) -> Result<Value, Value> {
        let request = request.header("content-type", "application/json").body(body.to_string().into_bytes());
        match self.client.request(request.expect("a request")).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) => Err(serde_json::to_value(status).expect("a Status")),
            Err(error) => Err(json!(error.to_string())),
        }
    }

    async fn warnings(&self, path: &str, body: &Value) -> (StatusCode, Vec<String>) {
        let body = Body::from(body.to_string().into_bytes());
        let request = Request::post(path).header("content-type", "application/json").body(body).expect("a request");
        let answer = self.client.send(request).await.expect("an answer");
        (answer.status(), answer.headers().get_all("warning").iter().filter_map(warning).collect())
    }
}

/// Which of its policies judges the sample.
const NUMBER: &str = "cel.test/number";
const ANNOTATION: &str = "object.metadata.annotations";

fn variables() -> Vec<Value> {
    VARIABLES.iter().map(|(name, of)| json!({ "name": name, "expression": of })).collect()
}

/// `299 - "text"`, with backslashes before quotes and backslashes.
fn warning(header: &HeaderValue) -> Option<String> {
    let text = std::str::from_utf8(header.as_bytes()).ok()?;
    let quoted = text.strip_prefix("299 - \"")?.strip_suffix('"')?;
    let mut letters = quoted.chars();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        text.push(if letter == '\\' { letters.next()? } else { letter });
    }
    Some(text)
}

/// Of which expression a warning is, and what came of it.
fn verdict(warning: &str) -> Option<(usize, Verdict)> {
    let (_, said) = warning.split_once("' with binding '")?;
    let (_, said) = said.split_once("': ")?;
    if let Some((number, text)) = said.split_once(' ')
        && let Ok(number) = number.parse()
    {
        return Some((number, Verdict::Text(text.to_owned())));
    }
    if said.starts_with("validation failed due to running out of cost budget") {
        return None;
    }
    let (_, number) = said.split_once(&format!("variables.{NAME}"))?;
    let number = number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()?;
    if said.starts_with("failed expression: ") {
        return Some((number, Verdict::Unprintable));
    }
    let (_, why) = said.split_once(" resulted in error: ")?;
    Some((number, Verdict::Error(why.to_owned())))
}

//! Our CEL against the API server's own: each expression of `cel/expressions.yaml` is put into a ValidatingAdmissionPolicy and
//! through us, and has to come to the same.
//!
//! An expression becomes a variable of a policy, and in a validation of it that never holds: the API server warns of its error,
//! or of the type and the text of its value. What it calls the type of an expression, and why it refuses one, is in its refusal
//! of a policy whose validation that is.

mod documentation;
mod theirs;

use std::{collections::BTreeMap, fs};

use portcullis::engine::{
    cel::Value as Cel,
    yaml::{self, Dialect},
};
use serde_json::{Value, json};

use self::theirs::{Api, Told, Verdict};
use crate::{
    caller,
    cel_ours::{Expression, Request},
    cluster,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] =
    &[Case::new("cel: expressions and documented policies come to what the API server makes of them", both)];

/// What every expression may use beside the object.
const VARIABLES: [(&str, &str); 3] = [("exporters", "object.spec.exporters"), ("two", "1 + 1"), ("broken", "1 / 0")];

/// Variables that are expressions are called this and their number.
const NAME: &str = "e";

const PARAMS: &str = "limits";

/// Too costly to share the budget of a policy.
const COSTLY: &str = "limits";

/// One after the other: where the last policy with parameters of a kind goes, the API server was seen to lose sight of the
/// parameters of those that are new.
fn both(sandbox: &Sandbox<'_>) {
    documentation::policies(sandbox);
    expressions(sandbox);
    let policies = "validatingadmissionpolicies,validatingadmissionpolicybindings";
    sandbox.kubectl().delete(&[policies, "-l", &theirs::label(sandbox)]);
}

fn expressions(sandbox: &Sandbox<'_>) {
    let (sample, groups) = data();
    let all: Vec<_> = groups.iter().flat_map(|(group, text)| text.lines().map(move |line| (group, line))).collect();
    assert!(all.len() >= 300, "{} expressions", all.len());
    let namespace = sandbox.namespace("cel", &[("team", "blue")]);
    let kubectl = sandbox.kubectl();
    kubectl.apply(&crd().to_string());
    kubectl.run(&["wait", "--for=condition=Established", "--timeout=60s", "crd/samples.cel.test"]).succeeds();
    kubectl.run(&["create", "configmap", PARAMS, "--from-literal=limit=2", "-n", &namespace]).succeeds();

    let mut sample = sample;
    sample["metadata"]["name"] = json!("sample");
    let sources: Vec<_> = all.iter().map(|(_, source)| *source).collect();
    let is_costly = |number: usize| all[number].0 == COSTLY;
    let (stored, theirs) = caller::runtime().block_on(async {
        let api = Api::new(sandbox, &namespace).await;
        let stored = api.stored(&sample).await;
        (stored, api.ask_all(&sample, &sources, is_costly).await)
    });
    kubectl.delete(&["crd", "samples.cel.test", "--wait=false"]);

    let request = Request {
        object: stored,
        old_object: Value::Null,
        attributes: attributes(&namespace),
        namespace: kubectl.get_json(&["namespace", &namespace]),
        params: Some(kubectl.get_json(&["configmap", PARAMS, "-n", &namespace])),
    };
    let mut differ = Vec::new();
    for ((group, source), theirs) in all.iter().zip(&theirs) {
        let ours = ours(source, &request);
        if ours != *theirs {
            differ.push(format!("{group}: {source}\n  theirs: {theirs}\n  ours:   {ours}"));
        }
    }
    assert!(differ.is_empty(), "{} of {} differ:\n{}", differ.len(), all.len(), differ.join("\n"));
}

/// The sample, and expressions by what they are about.
fn data() -> (Value, BTreeMap<String, String>) {
    let text = fs::read_to_string(cluster::file("tests/e2e/cel/expressions.yaml")).expect("the expressions");
    let read = |text: &str| yaml::tree::parse(text).expect("YAML").value(Dialect::Kubernetes).expect("a value");
    let mut groups: BTreeMap<String, String> = serde_json::from_value(read(&text)).expect("blocks of text");
    let sample = groups.remove("sample").expect("the sample");
    (read(&sample), groups)
}

/// A kind that takes whatever it is given.
fn crd() -> Value {
    let anything = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let version = json!({
        "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": anything },
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "samples.cel.test" },
        "spec": {
            "group": "cel.test", "scope": "Namespaced", "versions": [version],
            "names": { "plural": "samples", "singular": "sample", "kind": "Sample", "listKind": "SampleList" },
        },
    })
}

/// What the API server calls `request` when it is asked for the sample.
fn attributes(namespace: &str) -> Value {
    let kind = json!({ "group": "cel.test", "version": "v1", "kind": "Sample" });
    let resource = json!({ "group": "cel.test", "version": "v1", "resource": "samples" });
    json!({
        "kind": kind, "requestKind": kind, "resource": resource, "requestResource": resource,
        "name": "sample", "namespace": namespace, "operation": "CREATE", "dryRun": true,
        "userInfo": {
            "username": "admin", "groups": ["system:masters", "system:authenticated"],
            "extra": { "authentication.kubernetes.io/credential-id": ["X509SHA256=abc"] },
        },
        "options": { "apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions", "dryRun": ["All"] },
    })
}

/// What a policy of ours makes of it, in the same three steps.
fn ours(source: &str, request: &Request) -> Told {
    let plain = match Expression::compile(source, &VARIABLES, true) {
        Ok(expression) => expression,
        Err(why) => return Told { of: None, verdict: Verdict::Refused(why.message) },
    };
    // It has two names for the type of null, and says nothing of a validation that is a `BoolValue`: that is a bool.
    let of = match plain.program.result.to_string().as_str() {
        "wrapper(bool)" => Some("bool".to_owned()),
        of => Some(of.replace("null", "null_type")),
    };
    let variables = [VARIABLES.as_slice(), &[(NAME, source)]].concat();
    let within =
        |text: &str| Expression::compile(text, &variables, true).unwrap_or_else(|why| panic!("{source}: {why}"));
    let judged = within(&never(NAME)).run(request, |answer| answer.map(|_| ()).map_err(|failure| failure.to_string()));
    let verdict = match judged {
        Err(why) => Verdict::Error(why),
        Ok(()) => within(&message(NAME)).run(request, |answer| match answer {
            Ok(Cel::String(text)) => Verdict::Text(text.as_str().to_owned()),
            _ => Verdict::Unprintable,
        }),
    };
    Told { of, verdict }
}

/// False, whatever the value of this variable is.
fn never(variable: &str) -> String {
    format!("[dyn(variables.{variable})].size() == 0")
}

/// The type and the text of its value.
fn message(variable: &str) -> String {
    format!(
        "'%s'.format([type(dyn(variables.{variable}))]) + ' ' + strings.quote('%s'.format([dyn(variables.{variable})]))"
    )
}

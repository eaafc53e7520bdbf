//! Our CEL against the API server's own: each expression of `cel/expressions.yaml` is put into a ValidatingAdmissionPolicy and
//! through us, and has to come to the same.
//!
//! An expression becomes a variable `zz` of a policy of its own, which judges one object by its name and always refuses it:
//! with the error of the expression, or with the type and the text of its value for a message. An object that is let through
//! was not judged yet. What the API server calls the type of an expression is in its refusal of a validation that is no bool.

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
    &[Case::new("cel: expressions come to what a ValidatingAdmissionPolicy makes of them", expressions)];

/// What every expression may use beside the object.
const VARIABLES: [(&str, &str); 3] = [("exporters", "object.spec.exporters"), ("two", "1 + 1"), ("broken", "1 / 0")];

/// The type and the text of a value.
const MESSAGE: &str = "'%s'.format([type(dyn(variables.zz))]) + ' ' + strings.quote('%s'.format([dyn(variables.zz)]))";

/// False, whatever the value is.
const NEVER: &str = "[dyn(variables.zz)].size() == 0";

const PARAMS: &str = "limits";

fn expressions(sandbox: &Sandbox<'_>) {
    let (sample, groups) = data();
    let all: Vec<_> = groups.iter().flat_map(|(group, text)| text.lines().map(move |line| (group, line))).collect();
    assert!(all.len() >= 300, "{} expressions", all.len());
    let namespace = sandbox.namespace("cel", &[("team", "blue")]);
    let kubectl = sandbox.kubectl();
    kubectl.apply(&crd().to_string());
    kubectl.run(&["wait", "--for=condition=Established", "--timeout=60s", "crd/samples.cel.test"]).succeeds();
    kubectl.run(&["create", "configmap", PARAMS, "--from-literal=limit=2", "-n", &namespace]).succeeds();

    let sources: Vec<_> = all.iter().map(|(_, source)| *source).collect();
    let (stored, theirs) = caller::runtime().block_on(async {
        let api = Api::new(sandbox, &namespace).await;
        let stored = api.stored(&sample).await;
        (stored, api.ask_all(&sample, &sources).await)
    });
    kubectl.delete(&["validatingadmissionpolicies,validatingadmissionpolicybindings", "-l", &theirs::label(sandbox)]);
    kubectl.delete(&["crd", "samples.cel.test", "--wait=false"]);

    let mut request = Request {
        object: stored,
        old_object: Value::Null,
        request: Value::Null,
        namespace: kubectl.get_json(&["namespace", &namespace]),
        params: Some(kubectl.get_json(&["configmap", PARAMS, "-n", &namespace])),
    };
    let mut differ = Vec::new();
    for (number, ((group, source), theirs)) in all.iter().zip(&theirs).enumerate() {
        let name = theirs::name_of(number);
        request.object["metadata"]["name"] = json!(name);
        request.request = attributes(&namespace, &name);
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
fn attributes(namespace: &str, name: &str) -> Value {
    let kind = json!({ "group": "cel.test", "version": "v1", "kind": "Sample" });
    let resource = json!({ "group": "cel.test", "version": "v1", "resource": "samples" });
    json!({
        "kind": kind, "requestKind": kind, "resource": resource, "requestResource": resource,
        "name": name, "namespace": namespace, "operation": "CREATE", "dryRun": true,
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
    let of = Some(plain.program.result.to_string());
    let variables = [VARIABLES.as_slice(), &[("zz", source)]].concat();
    let within =
        |text: &str| Expression::compile(text, &variables, true).unwrap_or_else(|why| panic!("{source}: {why}"));
    let judged = within(NEVER).run(request, |answer| answer.map(|_| ()).map_err(|failure| failure.to_string()));
    let verdict = match judged {
        Err(why) => Verdict::Error(why),
        Ok(()) => within(MESSAGE).run(request, |answer| match answer {
            Ok(Cel::String(text)) => Verdict::Text(text.as_str().to_owned()),
            _ => Verdict::Unprintable,
        }),
    };
    Told { of, verdict }
}

//! Policies in CEL while they live: applied, broken, mended; their parameters; and what they see of the cluster.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    caller::{self, Number},
    cluster,
    crossing::Crossing,
    kubectl::Kubectl,
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    sandbox::{LABEL, Sandbox},
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("cel policies: one that is applied takes effect on every replica within a second", every_replica).alone(),
    Case::new("cel policies: a broken one says where, and the last good one stays in force", broken),
    Case::new("cel policies: a change of its parameters takes effect", parameters),
    Case::new("cel policies: a Service made a moment ago is seen", a_service),
    Case::new("cel policies: mutations are made before the object is stored", mutations),
];

const SOON: Duration = Duration::from_secs(1);

/// Deleted when this is dropped.
struct Policy<'a> {
    kubectl: &'a Kubectl,
    name: String,
    id: String,
}

impl<'a> Policy<'a> {
    fn new(sandbox: &Sandbox<'_>, kubectl: &'a Kubectl) -> Self {
        Self { kubectl, name: format!("cel-{}", sandbox.id()), id: sandbox.id().to_owned() }
    }

    /// Applies it with this body, for the ListenerPolicies of the test.
    #[track_caller]
    fn apply(&self, spec: &Value) {
        let mut manifest = json!({
            "apiVersion": "portcullis.dev/v1alpha1",
            "kind": "GuardPolicy",
            "metadata": { "name": self.name },
            "spec": {
                "matchConstraints": {
                    "resourceRules": [{
                        "apiGroups": ["gateway.kgateway.dev"], "apiVersions": ["*"], "resources": ["listenerpolicies"],
                        "operations": ["CREATE", "UPDATE"],
                    }],
                    "namespaceSelector": { "matchLabels": { LABEL: self.id } },
                },
                "action": "Deny",
                "failurePolicy": "Fail",
            },
        });
        for (field, value) in spec.as_object().expect("fields") {
            manifest["spec"][field] = value.clone();
        }
        self.kubectl.apply(&manifest.to_string());
    }

    /// One validation of that name.
    #[track_caller]
    fn demand(&self, name: &str, expression: &str) {
        self.apply(&json!({ "validations": [{ "name": name, "expression": expression, "message": format!("{name} is wrong") }] }));
    }

    /// What its `Ready` condition says of its newest version, once it has this status.
    #[track_caller]
    fn ready(&self, status: &str) -> String {
        wait_until(&format!("Ready={status}"), || {
            let policy = self.kubectl.get_json(&["guardpolicy", &self.name]);
            let conditions = policy["status"]["conditions"].as_array();
            let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
            let is_so = |ready: &&Value| {
                ready["status"] == status && ready["observedGeneration"] == policy["metadata"]["generation"]
            };
            let message = ready.filter(is_so).and_then(|ready| ready["message"].as_str());
            message.map(str::to_owned).ok_or_else(|| policy.to_string())
        })
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        self.kubectl.run(&["delete", "guardpolicy", &self.name, "--ignore-not-found"]);
    }
}

fn listener_policy(namespace: &str) -> Value {
    let target = json!([{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "http" }]);
    json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1",
        "kind": "ListenerPolicy",
        "metadata": { "name": "logs", "namespace": namespace, "labels": { "team": "blue" } },
        "spec": { "targetRefs": target },
    })
}

/// What one replica answers to the object, asked without an API server in between.
fn refuses(portcullis: &Portcullis, object: &Value) -> Option<String> {
    let answer = caller::runtime().block_on(async {
        let mut caller = Number::of(portcullis).call().await?;
        caller.post("/validate/fail", &caller::review(object, 0)).await
    });
    let (status, body) = answer.expect("an answer");
    assert_eq!(status, 200);
    let review: Value = serde_json::from_slice(&body).expect("a review");
    let response = &review["response"];
    (response["allowed"] == false).then(|| response["status"]["message"].as_str().unwrap_or_default().to_owned())
}

fn every_replica(sandbox: &Sandbox<'_>) {
    let replicas = [cluster::serve(sandbox), cluster::serve(sandbox)];
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&objects::gateway(&namespace));
    let object = listener_policy(&namespace);
    let policy = Policy::new(sandbox, &kubectl);
    for replica in &replicas {
        wait_until("nothing to be wrong with it", || refuses(replica, &object).map_or(Ok(()), Err));
    }
    let settle = |what: &str, wanted: Option<&str>| {
        let begun = Instant::now();
        for replica in &replicas {
            wait_until(what, || {
                let said = refuses(replica, &object);
                let is_so = match wanted {
                    Some(words) => said.as_ref().is_some_and(|said| said.contains(words)),
                    None => said.is_none(),
                };
                if is_so { Ok(()) } else { Err(format!("{said:?}")) }
            });
        }
        assert!(begun.elapsed() < SOON, "{what}: {:?}", begun.elapsed());
    };
    policy.demand("team", "object.metadata.labels.team == 'red'");
    settle("the policy to be in force", Some("team is wrong"));
    policy.demand("colour", "object.metadata.labels.team == 'green'");
    settle("its change to be in force", Some("colour is wrong"));
    kubectl.delete(&["guardpolicy", &policy.name]);
    settle("it to be gone", None);
}

fn broken(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let portcullis = crossing.leader(&[]);
    let policy = Policy::new(sandbox, &crossing.kubectl);
    let object = listener_policy(&crossing.gw);
    policy.demand("team", "object.metadata.labels.team == 'red'");
    assert!(policy.ready("True").starts_with("it is in force"));
    policy.demand("team", "object.metadata.labels.team == 'red' || objct.kind == 'x'");
    let said = policy.ready("False");
    assert!(said.contains("spec.validations[0].expression") && said.contains("objct"), "{said}");
    let lines: Vec<_> = said.lines().collect();
    let caret = lines.iter().position(|line| line.trim() == "^").unwrap_or_else(|| panic!("no caret in {said}"));
    let column = lines[caret].find('^').expect("a caret");
    assert!(lines[caret - 1].split_at(column).1.starts_with("objct.kind"), "{said}");
    assert!(said.contains("the last version that was right stays in force"), "{said}");
    assert!(refuses(&portcullis, &object).is_some_and(|said| said.contains("team is wrong")));
    policy.demand("team", "object.metadata.labels.team == 'blue'");
    policy.ready("True");
    wait_until("what is right to be let through", || refuses(&portcullis, &object).map_or(Ok(()), Err));
}

fn parameters(sandbox: &Sandbox<'_>) {
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&objects::gateway(&namespace));
    kubectl.apply(&may_read_parameters(&namespace).to_string());
    let portcullis = cluster::serve_with(sandbox, &["--own-namespace", &namespace]);
    let object = listener_policy(&namespace);
    let policy = Policy::new(sandbox, &kubectl);
    policy.apply(&json!({
        "paramRef": { "name": "teams" },
        "validations": [{
            "name": "team",
            "expression": "object.metadata.labels.team in params.data.teams.split(',')",
            "messageExpression": "'teams are ' + params.data.teams",
        }],
    }));
    let until_refused = |words: &str| {
        wait_until(words, || match refuses(&portcullis, &object) {
            Some(said) if said.contains(words) => Ok(()),
            said => Err(format!("{said:?}")),
        });
    };
    let teams = |teams: &str| {
        let params = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "teams", "namespace": namespace },
            "data": { "teams": teams },
        });
        kubectl.apply(&params.to_string());
    };
    until_refused("cannot be judged");
    teams("red,green");
    until_refused("teams are red,green");
    teams("red,blue");
    wait_until("its team to be one", || refuses(&portcullis, &object).map_or(Ok(()), Err));
    kubectl.delete(&["configmap", "teams", "-n", &namespace]);
    until_refused("cannot be judged");
}

/// What the chart lets Portcullis read in its own namespace.
fn may_read_parameters(namespace: &str) -> Value {
    let metadata = json!({ "name": "parameters", "namespace": namespace });
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
            "rules": [{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"] }],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "parameters" },
            "subjects": [{ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": cluster::USER }],
        },
    ] })
}

fn a_service(sandbox: &Sandbox<'_>) {
    let (portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&objects::gateway(&namespace));
    let policy = Policy::new(sandbox, &kubectl);
    policy.demand(
        "collector",
        "cluster.service(object.metadata.namespace, object.metadata.annotations.collector).hasValue()",
    );
    let object = |name: &str| {
        let mut object = listener_policy(&namespace);
        object["metadata"]["name"] = json!(name);
        object["metadata"]["annotations"] = json!({ "collector": name });
        object
    };
    wait_until("the policy to be in force", || {
        refuses(&portcullis, &object("gone")).map(|_| ()).ok_or_else(|| "it is let through".to_owned())
    });
    for name in ["one", "two", "three", "four", "five"] {
        kubectl.try_apply(&object(name).to_string()).fails().says("collector is wrong");
        kubectl.apply(&objects::service(&namespace, name, 4317));
        kubectl.apply(&object(name).to_string());
    }
}

fn mutations(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&objects::gateway(&namespace));
    let policy = Policy::new(sandbox, &kubectl);
    let patch = |name: &str, expression: &str| json!({ "name": name, "patchType": "JSONPatch", "jsonPatch": { "expression": expression } });
    policy.apply(&json!({
        "remedy": "Apply",
        "mutations": [
            patch("annotations", "has(object.metadata.annotations) ? [] : [JSONPatch{op: 'add', path: '/metadata/annotations', value: {}}]"),
            patch(
                "owner",
                "'example.com/owner' in object.metadata.annotations ? [] : [JSONPatch{op: 'add', path: '/metadata/annotations/' + \
                 jsonpatch.escapeKey('example.com/owner'), value: object.metadata.labels.team}]",
            ),
        ],
    }));
    let mut object = listener_policy(&namespace);
    object["metadata"].as_object_mut().expect("metadata").remove("annotations");
    wait_until("the mutation to be made", || {
        let said = kubectl.run_with(&["create", "--dry-run=server", "-o", "json", "-f", "-"], &object.to_string());
        let stored: Value = serde_json::from_str(&said.out).map_err(|_| said.all())?;
        let owner = &stored["metadata"]["annotations"]["example.com/owner"];
        if owner == "blue" { Ok(()) } else { Err(stored.to_string()) }
    });
}

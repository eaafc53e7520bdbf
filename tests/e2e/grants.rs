//! The grant exists before the telemetry object that needs it is stored, where the collector's owner agreed; else the owner
//! is told what to do.

use std::thread;

use serde_json::{Deserializer, Value, json};

use crate::{
    cluster,
    crossing::{self, Crossing, SHARED, counted, name, shared},
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    registration::Registration,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("grants: one narrow grant is there before the object that needs it", on_the_service),
    Case::new("grants: a Namespace that is shared is so with all in it", on_the_namespace),
    Case::new("grants: where nobody agreed, the refusal holds the grant and the label", without_opt_in),
    Case::new("grants: who may refer to a collector can be selected", shared_with),
    Case::new("grants: a dry run makes nothing and says what it would make", dry_run),
    Case::new("grants: requests at once make one grant", at_once),
    Case::new("grants: a name that is taken gets a suffix", squatted),
    Case::new("grants: twenty namespaces refer to one collector", twenty),
    Case::new("grants: a broader grant of a user's will do", broader),
    Case::new("grants: an object without a Gateway gets its grant for when there is one", no_gateway),
    Case::new("grants: two collectors of one object get a grant each", two_collectors),
    Case::new("grants: a grant that may not be made is a refusal with the reason", not_allowed),
    Case::new("grants: whatever the kinds on both ends, the grant names them", other_kinds),
    Case::new("grants: an update gets its grant, and what is refused for something else gets none", updated),
    Case::new("grants: one of ours that is needed is not deleted", ours_is_guarded),
    Case::new("grants: in a namespace that is being deleted none is made", terminating).with_controllers(),
];

fn guarded<'a>(sandbox: &'a Sandbox<'a>) -> (Portcullis, Registration, Crossing<'a>) {
    let (portcullis, registration) = cluster::guarded(sandbox);
    (portcullis, registration, Crossing::new(sandbox))
}

/// It is the narrowest grant there is, and ours.
#[track_caller]
fn is_narrow(grant: &Value, kind: &str, crossing: &Crossing<'_>) {
    let from = json!([{ "group": "gateway.kgateway.dev", "kind": kind, "namespace": crossing.gw }]);
    let to = json!([{ "group": "", "kind": "Service", "name": "otel" }]);
    assert_eq!(grant["spec"], json!({ "from": from, "to": to }));
    assert_eq!(grant["metadata"]["labels"], json!({ "app.kubernetes.io/managed-by": "portcullis" }));
    let managers = grant["metadata"]["managedFields"].as_array().expect("its managers");
    assert!(managers.iter().all(|entry| entry["manager"] == "portcullis"), "{managers:?}");
}

/// In the API server's own order.
fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse().ok()).expect("a version")
}

/// The audit annotations of the request that made this object.
#[track_caller]
fn noted(sandbox: &Sandbox<'_>, crossing: &Crossing<'_>, resource: &str, name: &str) -> Value {
    wait_until("the audit log", || {
        let noted = sandbox.plane().audit_annotations("create", resource, &crossing.gw, name);
        if noted.is_null() { Err("no such request yet".to_owned()) } else { Ok(noted) }
    })
}

fn on_the_service(sandbox: &Sandbox<'_>) {
    let (portcullis, _registration, crossing) = guarded(sandbox);
    crossing.share("otel");
    let said = crossing.kubectl.apply(&crossing.policy("logs"));
    assert_eq!(said.warnings(), [] as [&str; 0], "{}", said.all());
    let grant = crossing.grant();
    is_narrow(&grant, "ListenerPolicy", &crossing);
    let stored = crossing.kubectl.get_json(&["listenerpolicy", "logs", "-n", &crossing.gw]);
    assert!(version(&grant) < version(&stored), "the grant came after the object: {grant} {stored}");
    assert!(counted(&portcullis, "made") >= 1);
    let noted = noted(sandbox, &crossing, "listenerpolicies", "logs");
    let ensured = format!("ReferenceGrant {}/{}", crossing.obs, name(&grant));
    assert_eq!(noted["validate-fail.portcullis.dev/ensured"], ensured, "{noted}");
    // Whoever needs the same finds it.
    crossing.kubectl.apply(&crossing.policy("more"));
    assert_eq!(crossing.grant()["metadata"]["resourceVersion"], grant["metadata"]["resourceVersion"]);
}

fn on_the_namespace(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let crossing = Crossing::with(sandbox, &[SHARED]);
    crossing.kubectl.apply(&objects::service(&crossing.obs, "otel", 4317));
    crossing.kubectl.apply(&crossing.old_policy("logs"));
    let grant = crossing.grant();
    is_narrow(&grant, "HTTPListenerPolicy", &crossing);
    let stored = crossing.kubectl.get_json(&["httplistenerpolicy", "logs", "-n", &crossing.gw]);
    assert!(version(&grant) < version(&stored), "the grant came after the object: {grant} {stored}");
}

fn without_opt_in(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration, crossing) = guarded(sandbox);
    let kubectl = &crossing.kubectl;
    kubectl.apply(&objects::service(&crossing.obs, "otel", 4317));
    let said = kubectl.try_apply(&crossing.policy("logs")).fails();
    let said = said
        .says("no ReferenceGrant in namespace")
        .says(r#"labels Service `otel` with `portcullis.dev/shared: "true"`"#);
    assert_eq!(crossing.grants(), [] as [Value; 0]);
    let start = said.err.find(r#"{"apiVersion""#).unwrap_or_else(|| panic!("no manifest in {}", said.all()));
    let manifest = Deserializer::from_slice(&said.err.as_bytes()[start..]).into_iter::<Value>().next();
    let manifest = manifest.expect("a manifest").unwrap_or_else(|error| panic!("{error} in {}", said.all()));
    kubectl.apply(&manifest.to_string());
    kubectl.apply(&crossing.policy("logs"));
    // It is the owner's own: it must not look like one of ours, which may go when nothing needs it.
    assert_eq!(crossing.grant()["metadata"]["labels"], Value::Null);
    // The label that was named does as well.
    kubectl.apply(&objects::service(&crossing.obs, "other", 4317));
    let other = objects::listener_policy(&crossing.gw, "other", &crossing.reference("other"));
    kubectl.try_apply(&other).fails();
    crossing.label(&["service", "other"], "portcullis.dev/shared=true");
    kubectl.apply(&other);
}

fn shared_with(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration, crossing) = guarded(sandbox);
    let kubectl = &crossing.kubectl;
    crossing.share("otel");
    let annotation = "portcullis.dev/shared-with=team in (a, b)";
    kubectl.run(&["annotate", "service", "otel", "-n", &crossing.obs, annotation]).succeeds();
    kubectl.try_apply(&crossing.policy("logs")).fails().says("no ReferenceGrant in namespace");
    assert_eq!(crossing.grants(), [] as [Value; 0]);
    kubectl.run(&["label", "namespace", &crossing.gw, "team=c"]).succeeds();
    kubectl.try_apply(&crossing.policy("logs")).fails();
    kubectl.run(&["label", "--overwrite", "namespace", &crossing.gw, "team=b"]).succeeds();
    kubectl.apply(&crossing.policy("logs"));
    is_narrow(&crossing.grant(), "ListenerPolicy", &crossing);
}

fn dry_run(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration, crossing) = guarded(sandbox);
    crossing.share("otel");
    let dry = ["apply", "--dry-run=server", "-f", "-"];
    let said = crossing.kubectl.run_with(&dry, &crossing.policy("logs")).succeeds();
    let told = said.warnings().into_iter().find(|warning| warning.contains("(would be made on a real request)"));
    assert!(told.is_some_and(|told| told.starts_with("[reference-grants/missing]")), "{}", said.all());
    assert_eq!(crossing.grants(), [] as [Value; 0]);
}

fn at_once(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration, crossing) = guarded(sandbox);
    crossing.share("otel");
    thread::scope(|scope| {
        let apply = |number: usize| {
            let (policy, kubectl) = (crossing.policy(&format!("logs-{number}")), &crossing.kubectl);
            scope.spawn(move || kubectl.apply(&policy))
        };
        let applied: Vec<_> = (0..6).map(apply).collect();
        for applied in applied {
            applied.join().expect("it is applied");
        }
    });
    is_narrow(&crossing.grant(), "ListenerPolicy", &crossing);
}

fn squatted(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration, crossing) = guarded(sandbox);
    let kubectl = &crossing.kubectl;
    crossing.share("otel");
    kubectl.apply(&crossing.policy("logs"));
    let wanted = name(&crossing.grant()).to_owned();
    kubectl.delete(&["listenerpolicy", "logs", "-n", &crossing.gw]);
    kubectl.delete(&["referencegrant", &wanted, "-n", &crossing.obs]);
    let squatter = objects::grant(&crossing.obs, &wanted, ("ListenerPolicy", "elsewhere"), "otel");
    kubectl.apply(&squatter);
    kubectl.apply(&crossing.policy("logs"));
    let (ours, theirs): (Vec<_>, Vec<_>) = crossing.grants().into_iter().partition(|grant| name(grant) != wanted);
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert_eq!(name(&ours[0]), format!("{wanted}-2"));
    is_narrow(&ours[0], "ListenerPolicy", &crossing);
    assert_eq!(theirs[0]["spec"]["from"][0]["namespace"], "elsewhere");
    assert_eq!(theirs[0]["metadata"]["generation"], 1, "nobody touched it");
    let ensured = format!("ReferenceGrant {}/{wanted}-2", crossing.obs);
    assert_eq!(noted(sandbox, &crossing, "listenerpolicies", "logs")["validate-fail.portcullis.dev/ensured"], ensured);
}

fn twenty(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration, crossing) = guarded(sandbox);
    crossing.share("otel");
    let (mut namespaces, mut all) = (String::new(), String::new());
    for number in 0..20 {
        let namespace = sandbox.later(&format!("gw-{number}"));
        namespaces.push_str(&format!("---\n{}\n", sandbox.namespace_manifest(&format!("gw-{number}"), &[])));
        all.push_str(&objects::gateway(&namespace));
        all.push_str(&objects::listener_policy(&namespace, "logs", &crossing.reference("otel")));
    }
    crossing.kubectl.apply(&namespaces);
    crossing.kubectl.apply(&all);
    assert_eq!(crossing.grants().len(), 20);
}

fn broader(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration, crossing) = guarded(sandbox);
    crossing.share("otel");
    let named = objects::grant(&crossing.obs, "mine", ("ListenerPolicy", &crossing.gw), "otel");
    crossing.kubectl.apply(&named.replace(", name: otel", ""));
    crossing.kubectl.apply(&crossing.policy("logs"));
    assert_eq!(name(&crossing.grant()), "mine");
    // It is for one kind alone.
    crossing.kubectl.apply(&crossing.old_policy("old-logs"));
    assert_eq!(crossing.grants().len(), 2);
}

fn no_gateway(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration, crossing) = guarded(sandbox);
    crossing.share("otel");
    let policy = crossing.policy("logs").replace("name: http }]", "name: later }]");
    crossing.kubectl.apply(&policy).says("listener-policies/gateway-missing");
    is_narrow(&crossing.grant(), "ListenerPolicy", &crossing);
    let said = crossing.kubectl.apply(&objects::gateway_of(&crossing.gw, "later", "kgateway"));
    assert_eq!(said.warnings(), [] as [&str; 0], "{}", said.all());
}

fn two_collectors(sandbox: &Sandbox<'_>) {
    let (portcullis, _registration, crossing) = guarded(sandbox);
    let elsewhere = sandbox.namespace("elsewhere", &[]);
    crossing.share("otel");
    crossing.kubectl.apply(&objects::service(&elsewhere, "otel", 4317));
    let there = format!("name: otel, namespace: {elsewhere}, port: 4317");
    let sinks = format!("accessLog: [{}, {}]", objects::sink(&crossing.reference("otel")), objects::sink(&there));
    let policy = objects::listener_policy_with(&crossing.gw, "logs", &sinks);
    // One of the owners agreed: nothing is made by halves.
    let said = crossing.kubectl.try_apply(&policy).fails();
    said.says(&format!("no ReferenceGrant in namespace `{elsewhere}`"));
    assert_eq!(crossing.grants(), [] as [Value; 0]);
    crossing.kubectl.apply(&shared(&elsewhere, "otel"));
    crossing.kubectl.apply(&policy);
    assert_eq!(crossing.grants().len(), 1);
    assert_eq!(crossing::grants(&crossing.kubectl, &elsewhere).len(), 1);
    assert!(counted(&portcullis, "made") >= 2);
}

fn not_allowed(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let kubectl = &crossing.kubectl;
    // What is needed to judge, and not what is needed to make a grant.
    drop(cluster::serve(sandbox));
    let user = format!("{}-reader", sandbox.id());
    let binding = format!("--user={user}");
    kubectl.run(&["create", "clusterrolebinding", &user, "--clusterrole=portcullis", &binding]).succeeds();
    wait_until("the role to count", || {
        let said = kubectl.run(&["auth", "can-i", "watch", "services", "--as", &user]);
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
    let kubeconfig = sandbox.plane().kubeconfig(&user, None).display().to_string();
    let portcullis = Portcullis::serve(&["--kubeconfig", &kubeconfig]);
    let _registration = Registration::of(sandbox, &portcullis);
    crossing.share("otel");
    let said = kubectl.try_apply(&crossing.policy("logs")).fails();
    let said = said.says(&format!("a grant could not be made in namespace `{}`", crossing.obs));
    said.says(&format!("User \"{user}\" cannot")).says("no ReferenceGrant in namespace");
    assert!(!kubectl.exists(&["listenerpolicy", "logs", "-n", &crossing.gw]));
    assert_eq!(crossing.grants(), [] as [Value; 0]);
    assert!(counted(&portcullis, "failed") >= 1);
    kubectl.delete(&["clusterrolebinding", &user]);
}

fn other_kinds(sandbox: &Sandbox<'_>) {
    // agentgateway asks for a grant only where it is told to.
    let portcullis = cluster::serve_with(sandbox, &["--control-plane", "agentgateway=1.4,grants=route-and-policy"]);
    let _registration = Registration::of(sandbox, &portcullis);
    let crossing = Crossing::new(sandbox);
    let (kubectl, gw, obs) = (&crossing.kubectl, crossing.gw.as_str(), crossing.obs.as_str());
    crossing.share("otel");
    kubectl.apply(&objects::backend(obs, "outside"));
    let reference = format!("group: gateway.kgateway.dev, kind: Backend, name: outside, namespace: {obs}");
    let policy = objects::listener_policy(gw, "to-backend", &reference);
    kubectl.try_apply(&policy).fails().says("labels Backend `outside` with");
    crossing.label(&["backend.gateway.kgateway.dev", "outside"], "portcullis.dev/shared=true");
    kubectl.apply(&policy);
    let to = json!([{ "group": "gateway.kgateway.dev", "kind": "Backend", "name": "outside" }]);
    assert_eq!(crossing.grant()["spec"]["to"], to);

    kubectl.apply(&format!(
        "
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayPolicy
metadata: {{ name: traces, namespace: {gw} }}
spec: {{ {}, frontend: {{ tracing: {{ backendRef: {{ {} }} }} }} }}
",
        objects::TO_HTTP,
        crossing.reference("otel")
    ));
    let from = json!([{ "group": "agentgateway.dev", "kind": "AgentgatewayPolicy", "namespace": gw }]);
    let grants = crossing.grants();
    assert!(grants.iter().any(|grant| grant["spec"]["from"] == from), "{grants:?}");

    // What has no name yet.
    let unnamed = crossing.old_policy("logs").replace("name: logs,", "generateName: logs-,");
    assert!(unnamed.contains("generateName"));
    kubectl.run_with(&["create", "-f", "-"], &unnamed).succeeds();
    assert_eq!(crossing.grants().len(), 3);
}

fn updated(sandbox: &Sandbox<'_>) {
    let (portcullis, _registration, crossing) = guarded(sandbox);
    let (kubectl, gw) = (&crossing.kubectl, crossing.gw.as_str());
    crossing.share("otel");
    crossing.share("other");
    kubectl.apply(&crossing.policy("logs"));
    let before = crossing.grant();
    let no_such_port = objects::listener_policy(gw, "logs", &crossing.reference("other").replace("4317", "4318"));
    kubectl.try_apply(&no_such_port).fails().says("4318");
    assert_eq!(crossing.grants().len(), 1, "nothing is made for what is refused");
    kubectl.apply(&objects::listener_policy(gw, "logs", &crossing.reference("other")));
    let grants = crossing.grants();
    let made = grants.iter().find(|grant| grant["spec"]["to"][0]["name"] == "other").expect("a grant for `other`");
    let stored = kubectl.get_json(&["listenerpolicy", "logs", "-n", gw]);
    assert!(version(made) < version(&stored), "the grant came after the object: {made} {stored}");
    assert!(crossing.is_there(&before), "what the stored object needed until now is not for a request to remove");
    assert!(counted(&portcullis, "made") >= 2);
}

fn ours_is_guarded(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration, crossing) = guarded(sandbox);
    let kubectl = &crossing.kubectl;
    crossing.share("otel");
    kubectl.apply(&crossing.policy("logs"));
    let grant = crossing.grant();
    let what = ["referencegrant", name(&grant), "-n", &crossing.obs];
    wait_until("the guard to know who needs it", || {
        let said = kubectl.run(&[["delete", "--dry-run=server"].as_slice(), &what].concat());
        if said.all().contains("is still needed by") { Ok(()) } else { Err(said.all()) }
    });
    let said = kubectl.run(&[["delete"].as_slice(), &what].concat()).fails();
    said.says(&format!("ListenerPolicy `{}/logs`", crossing.gw));
    assert!(crossing.is_there(&grant));
}

fn terminating(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration, crossing) = guarded(sandbox);
    let (kubectl, obs) = (&crossing.kubectl, crossing.obs.as_str());
    crossing.share("otel");
    let held = |finalizers: Value| {
        let patch = json!({ "metadata": { "finalizers": finalizers } }).to_string();
        kubectl.run(&["patch", "service", "otel", "-n", obs, "--type=merge", "-p", &patch]).succeeds();
    };
    held(json!(["e2e.portcullis.dev/hold"]));
    kubectl.delete(&["namespace", obs, "--wait=false"]);
    let said = kubectl.try_apply(&crossing.policy("logs")).fails();
    said.says(&format!("a grant could not be made in namespace `{obs}`: the namespace is being deleted"));
    assert_eq!(crossing.grants(), [] as [Value; 0]);
    held(json!([]));
}

//! What a user is told who applies something that would break: denials, warnings, and what the audit log keeps of them.

use serde_json::{Value, json};

use crate::{
    patience::wait_until,
    portcullis::Portcullis,
    registration::{Hook, Registration, rule},
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new(
        "denials: a telemetry object without its collector is refused, by kubectl's own words",
        a_missing_collector,
    ),
    Case::new("denials: one whose collector exists is stored as it was written", a_good_object),
    Case::new("denials: what is only a risk is told as a warning", a_warning),
    Case::new("denials: on dry run there is a warning, and nothing is made", a_dry_run),
    Case::new("denials: other namespaces are none of our business", another_namespace),
    Case::new("denials: registered by its Service, as in a cluster, it is asked too", by_service),
    Case::new("denials: a collector that comes later makes it good", a_collector_that_comes_later),
    Case::new("denials: where nobody answers, what must be judged is refused and the rest passes", nobody_answers),
];

/// A Gateway, a collector's Service and the namespace they are in.
fn world(sandbox: &Sandbox<'_>) -> String {
    let namespace = sandbox.name_of("gw");
    format!(
        "
{}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{ name: http, namespace: {namespace} }}
spec: {{ gatewayClassName: kgateway, listeners: [{{ name: http, port: 8080, protocol: HTTP }}] }}
---
apiVersion: v1
kind: Service
metadata: {{ name: otel, namespace: {namespace} }}
spec: {{ ports: [{{ name: grpc, port: 4317 }}] }}
",
        sandbox.namespace_manifest("gw", &[])
    )
}

/// An HTTPListenerPolicy that logs to this collector in its namespace.
fn policy(namespace: &str, name: &str, collector: &str) -> String {
    format!(
        "
apiVersion: gateway.kgateway.dev/v1alpha1
kind: HTTPListenerPolicy
metadata: {{ name: {name}, namespace: {namespace} }}
spec:
  targetRefs: [{{ group: gateway.networking.k8s.io, kind: Gateway, name: http }}]
  accessLog:
  - openTelemetry: {{ grpcService: {{ logName: a, backendRef: {{ name: {collector}, port: 4317 }} }} }}
"
    )
}

/// What is noted in the audit log about this, once it is there.
fn audited(sandbox: &Sandbox<'_>, resource: &str, namespace: &str, name: &str) -> Value {
    wait_until("the audit log", || {
        let annotations = sandbox.plane().audit_annotations("create", resource, namespace, name);
        if annotations.is_null() { Err("no such request yet".to_owned()) } else { Ok(annotations) }
    })
}

fn a_missing_collector(sandbox: &Sandbox<'_>) {
    let portcullis = Portcullis::serve_manifests(&world(sandbox), &[]);
    let namespace = sandbox.namespace("gw", &[]);
    let _registration = Registration::of(sandbox, &portcullis);
    let kubectl = sandbox.kubectl();
    let said = kubectl.try_apply(&policy(&namespace, "logs", "otle")).fails();
    let said = said.says(r#"The HTTPListenerPolicy "logs" is invalid"#).says("did you mean `otel`?");
    let said = said.says("spec.accessLog[0].openTelemetry.grpcService.backendRef.name");
    said.says(&format!("Service `{namespace}/otle` does not exist"));
    assert!(!kubectl.exists(&["httplistenerpolicy", "logs", "-n", &namespace]));
    let audit = audited(sandbox, "httplistenerpolicies", &namespace, "logs");
    assert_eq!(audit["validate-fail.portcullis.dev/denied"], "backend-refs/not-found", "{audit}");
}

fn a_good_object(sandbox: &Sandbox<'_>) {
    let portcullis = Portcullis::serve_manifests(&world(sandbox), &[]);
    let namespace = sandbox.namespace("gw", &[]);
    let _registration = Registration::of(sandbox, &portcullis);
    let kubectl = sandbox.kubectl();
    kubectl.apply(&policy(&namespace, "logs", "otel")).says("httplistenerpolicy.gateway.kgateway.dev/logs created");
    let stored = kubectl.get_json(&["httplistenerpolicy", "logs", "-n", &namespace]);
    let reference = &stored["spec"]["accessLog"][0]["openTelemetry"]["grpcService"]["backendRef"];
    assert_eq!(reference["name"], "otel");
    assert!(portcullis.get("/metrics").unwrap().contains(r#"door="/validate/fail",outcome="allowed""#));
}

fn a_warning(sandbox: &Sandbox<'_>) {
    let portcullis = Portcullis::serve_manifests(&world(sandbox), &[]);
    let namespace = sandbox.namespace("gw", &[]);
    let _registration = Registration::of(sandbox, &portcullis);
    let nowhere = policy(&namespace, "nowhere", "otel").replace("name: http }]", "name: gone }]");
    let said = sandbox.kubectl().apply(&nowhere);
    let warned: Vec<_> = said.warnings().into_iter().filter(|warning| warning.contains("listener-policies/")).collect();
    assert!(
        warned.iter().any(|warning| warning.contains(&format!("Gateway `{namespace}/gone` does not exist"))),
        "{}",
        said.all()
    );
    let audit = audited(sandbox, "httplistenerpolicies", &namespace, "nowhere");
    let noted = audit["validate-fail.portcullis.dev/warned"].as_str().unwrap_or_default();
    assert!(noted.contains("listener-policies/"), "{audit}");
}

fn a_dry_run(sandbox: &Sandbox<'_>) {
    let portcullis = Portcullis::serve_manifests(&world(sandbox), &[]);
    let namespace = sandbox.namespace("gw", &[]);
    let _registration = Registration::of(sandbox, &portcullis);
    let kubectl = sandbox.kubectl();
    let dry = ["apply", "--dry-run=server", "-f", "-"];
    let said = kubectl.run_with(&dry, &policy(&namespace, "logs", "otle")).succeeds();
    let said = said.says("created (server dry run)").says("would be refused if applied alone");
    assert!(said.warnings().iter().any(|warning| warning.contains("backend-refs/not-found")), "{}", said.all());
    assert!(!kubectl.exists(&["httplistenerpolicy", "logs", "-n", &namespace]));
}

fn by_service(sandbox: &Sandbox<'_>) {
    let (home, namespace) = (sandbox.namespace("home", &[]), sandbox.namespace("gw", &[]));
    let portcullis = Portcullis::serve_manifests(&world(sandbox), &["--tls-name", &format!("portcullis.{home}.svc")]);
    let _registration = Registration::by_service(&home, sandbox, &portcullis, &Hook::defaults());
    let kubectl = sandbox.kubectl();
    kubectl.try_apply(&policy(&namespace, "logs", "otle")).fails().says("did you mean `otel`?");
    kubectl.apply(&policy(&namespace, "logs", "otel"));
}

fn a_collector_that_comes_later(sandbox: &Sandbox<'_>) {
    let portcullis = Portcullis::serve_manifests(&world(sandbox), &[]);
    let namespace = sandbox.namespace("gw", &[]);
    let _registration = Registration::of(sandbox, &portcullis);
    let kubectl = sandbox.kubectl();
    kubectl.try_apply(&policy(&namespace, "logs", "late")).fails();
    portcullis.rewrite(&world(sandbox).replace("name: otel,", "name: late,"));
    kubectl.apply(&policy(&namespace, "logs", "late")).never_says("does not exist");
}

fn another_namespace(sandbox: &Sandbox<'_>) {
    let portcullis = Portcullis::serve_manifests(&world(sandbox), &[]);
    let namespace = sandbox.namespace("gw", &[]);
    let _registration = Registration::of(sandbox, &portcullis);
    let label = format!("{}-", crate::sandbox::LABEL);
    sandbox.kubectl().run(&["label", "namespace", &namespace, &label]).succeeds();
    wait_until("the label to be gone for the API server", || {
        let said = sandbox.kubectl().try_apply(&policy(&namespace, "logs", "otle"));
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
}

fn nobody_answers(sandbox: &Sandbox<'_>) {
    let portcullis = Portcullis::serve_manifests(&world(sandbox), &[]);
    let namespace = sandbox.namespace("gw", &[]);
    let services = json!([rule("", &["services"], &["CREATE"])]);
    let policies = json!([rule("gateway.kgateway.dev", &["httplistenerpolicies"], &["CREATE"])]);
    let hooks = [Hook::new("/validate/fail", policies), Hook::new("/validate/ignore", services).failing_open()];
    let _registration = Registration::with(sandbox, &portcullis, &hooks);
    assert!(portcullis.terminate().success());
    let kubectl = sandbox.kubectl();
    kubectl.try_apply(&policy(&namespace, "logs", "otel")).fails().says("failed calling webhook");
    kubectl.run(&["create", "service", "clusterip", "app", "--tcp=80", "-n", &namespace]).succeeds();
}

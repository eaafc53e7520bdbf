//! That the control plane under the other tests is one.

use crate::{patience::wait_until, sandbox::Sandbox, trial::Case};

pub(crate) const CASES: &[Case] = &[
    Case::new("basics: the kinds of the gateways and collectors are served", kinds_are_served),
    Case::new("basics: what is optional is filled in as the real CRDs do", defaults_are_filled_in),
    Case::new("basics: what the real CRDs refuse is refused", schemas_refuse),
    Case::new("basics: so are agentgateway's objects and Backends", other_schemas),
    Case::new("basics: a user may what RBAC says", users_are_told_apart),
    Case::new("basics: a Deployment gets its Pods", deployments_make_pods).with_controllers(),
    Case::new("basics: a namespace ends", namespaces_end).with_controllers(),
    Case::new("basics: the API server comes back with what it held", a_restart_loses_nothing).alone(),
];

fn kinds_are_served(sandbox: &Sandbox<'_>) {
    let said = sandbox.kubectl().run(&["api-resources", "-o", "name"]).succeeds();
    let served: Vec<_> = said.out.lines().collect();
    for kind in [
        "gateways.gateway.networking.k8s.io",
        "referencegrants.gateway.networking.k8s.io",
        "httplistenerpolicies.gateway.kgateway.dev",
        "listenerpolicies.gateway.kgateway.dev",
        "backends.gateway.kgateway.dev",
        "agentgatewaypolicies.agentgateway.dev",
        "agentgatewaybackends.agentgateway.dev",
        "opentelemetrycollectors.opentelemetry.io",
    ] {
        assert!(served.contains(&kind), "{kind} is not in {served:?}");
    }
}

fn defaults_are_filled_in(sandbox: &Sandbox<'_>) {
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&format!(
        "
apiVersion: gateway.kgateway.dev/v1alpha1
kind: ListenerPolicy
metadata: {{ name: logs, namespace: {namespace} }}
spec:
  targetRefs: [{{ group: gateway.networking.k8s.io, kind: Gateway, name: http }}]
  perPort:
  - port: 80
    listener:
      httpSettings:
        accessLog: [{{ openTelemetry: {{ grpcService: {{ logName: a, backendRef: {{ name: otel, port: 4317 }} }} }} }}]
"
    ));
    let stored = kubectl.get_json(&["listenerpolicy", "logs", "-n", &namespace]);
    let log = &stored["spec"]["perPort"][0]["listener"]["httpSettings"]["accessLog"][0];
    let reference = &log["openTelemetry"]["grpcService"]["backendRef"];
    let expected = serde_json::json!({ "group": "", "kind": "Service", "name": "otel", "port": 4317, "weight": 1 });
    assert_eq!(*reference, expected);
}

fn schemas_refuse(sandbox: &Sandbox<'_>) {
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    let policy = |reference: &str| {
        format!(
            "
apiVersion: gateway.kgateway.dev/v1alpha1
kind: HTTPListenerPolicy
metadata: {{ name: logs, namespace: {namespace} }}
spec:
  targetRefs: [{{ group: gateway.networking.k8s.io, kind: Gateway, name: http }}]
  accessLog: [{{ openTelemetry: {{ grpcService: {{ logName: a, backendRef: {{ {reference} }} }} }} }}]
"
        )
    };
    kubectl.try_apply(&policy("name: otel")).fails().says("Must have port for Service reference");
    kubectl.try_apply(&policy("name: otel, port: 4317, portt: 1")).fails().says("unknown field");
    kubectl.apply(&policy("name: otel, kind: Backend, group: gateway.kgateway.dev"));
}

fn other_schemas(sandbox: &Sandbox<'_>) {
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    let policy = |tracing: &str| {
        format!(
            "
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayPolicy
metadata: {{ name: traces, namespace: {namespace} }}
spec:
  targetRefs: [{{ group: gateway.networking.k8s.io, kind: Gateway, name: http }}]
  frontend: {{ tracing: {{ backendRef: {{ name: otel, port: 4317 }}, {tracing} }} }}
"
        )
    };
    kubectl.try_apply(&policy("path: /v1/traces")).fails().says("path is only valid with protocol HTTP");
    kubectl.try_apply(&policy("protocol: grpc")).fails().says("Unsupported value");
    kubectl.apply(&policy("randomSampling: 'true'"));
    let stored = kubectl.get_json(&["agentgatewaypolicy", "traces", "-n", &namespace]);
    assert_eq!(stored["spec"]["frontend"]["tracing"]["protocol"], "GRPC");

    let backend = |group: &str, kind: &str, spec: &str| {
        let metadata = format!("{{ name: otel, namespace: {namespace} }}");
        format!("apiVersion: {group}/v1alpha1\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n")
    };
    let kgateway = |spec: &str| backend("gateway.kgateway.dev", "Backend", spec);
    kubectl.try_apply(&kgateway("{ type: Static }")).fails().says("static backend must be specified");
    kubectl.apply(&kgateway("{ type: Static, static: { hosts: [{ host: otel, port: 4317 }], appProtocol: grpc } }"));
    let agentgateway = |spec: &str| backend("agentgateway.dev", "AgentgatewayBackend", spec);
    kubectl.try_apply(&agentgateway("{ static: { host: otel } }")).fails().says("must specify either unixPath");
    kubectl.apply(&agentgateway("{ static: { host: otel, port: 4317 } }"));
}

fn users_are_told_apart(sandbox: &Sandbox<'_>) {
    let namespace = sandbox.namespace("app", &[]);
    let viewer = sandbox.plane().kubectl_as("eve", Some("viewers"));
    viewer.run(&["get", "configmaps", "-n", &namespace]).fails().says(r#"User "eve" cannot list resource"#);
    sandbox.kubectl().run(&["create", "rolebinding", "eve", "--clusterrole=view", "--group=viewers", "-n", &namespace]);
    wait_until("the binding to count", || {
        let said = viewer.run(&["get", "configmaps", "-n", &namespace]);
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
    viewer.run(&["create", "configmap", "a", "-n", &namespace]).fails().says("cannot create resource");
}

fn deployments_make_pods(sandbox: &Sandbox<'_>) {
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("app", &[]));
    kubectl.run(&["create", "deployment", "app", "--image=app", "--replicas=2", "-n", &namespace]).succeeds();
    wait_until("two Pods", || {
        let pods = kubectl.try_get_json(&["pods", "-l", "app=app", "-n", &namespace])?;
        if pods["items"].as_array().is_some_and(|pods| pods.len() == 2) { Ok(()) } else { Err(pods.to_string()) }
    });
}

fn namespaces_end(sandbox: &Sandbox<'_>) {
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("short", &[]));
    kubectl.run(&["create", "configmap", "a", "-n", &namespace]).succeeds();
    kubectl.delete(&["namespace", &namespace, "--timeout=100s"]);
    assert!(!kubectl.exists(&["namespace", &namespace]));
}

fn a_restart_loses_nothing(sandbox: &Sandbox<'_>) {
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("kept", &[]));
    kubectl.run(&["create", "configmap", "kept", "--from-literal=a=b", "-n", &namespace]).succeeds();
    sandbox.plane().restart_api_server();
    assert_eq!(kubectl.get_json(&["configmap", "kept", "-n", &namespace])["data"]["a"], "b");
}

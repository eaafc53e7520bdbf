//! What the control plane would say about a telemetry object, said before it is stored: refused exactly where it would be
//! Invalid, and so answer every request with HTTP 500; stored with a warning where it would be accepted and do nothing.

use crate::{
    cluster,
    kubectl::Kubectl,
    objects::{self, TO_HTTP, sink, telemetry},
    patience::wait_until,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("oracle: what kgateway makes of an HTTPListenerPolicy is said before it is stored", http),
    Case::new("oracle: what kgateway makes of a ListenerPolicy is said before it is stored", listener),
    Case::new("oracle: what a ListenerPolicy says for one port is judged like the rest", per_port),
    Case::new("oracle: of two telemetry objects with one setting for a Gateway, the younger is told", overridden),
    Case::new("oracle: an AgentgatewayPolicy that leads nowhere is warned of, traffic does not suffer", agentgateway),
];

/// What is to become of a telemetry object.
enum Told {
    /// Refused, with these words.
    Refused(&'static str),
    /// Stored, with a warning of this code.
    Warned(&'static str),
    /// Stored, without a word about its references and sinks.
    Stored,
}
use Told::{Refused, Stored, Warned};

/// kgateway's checks of a reference, in its order: what the reference says, and what becomes of it. `OBS` is another
/// namespace.
const REFERENCES: &[(&str, &str, Told)] = &[
    ("the collector in the same namespace", "name: otel, port: 4317", Stored),
    ("without a grant", "name: private, namespace: OBS, port: 4317", Refused("ReferenceGrant")),
    ("without a grant, nor a collector", "name: nowhere, namespace: OBS, port: 4317", Refused("ReferenceGrant")),
    ("with a grant", "name: granted, namespace: OBS, port: 4317", Stored),
    ("with a grant for the other kind", "name: for-others, namespace: OBS, port: 4317", Refused("ReferenceGrant")),
    (
        "with a grant for a collector that is not there",
        "name: gone, namespace: OBS, port: 4317",
        Refused("does not exist"),
    ),
    ("an unknown kind", "group: apps, kind: Deployment, name: otel", Refused("Deployment")),
    ("the core group by its name", "group: core, kind: Service, name: otel, port: 4317", Refused("core")),
    ("a Backend with a port", "group: gateway.kgateway.dev, kind: Backend, name: otel, port: 4317", Refused("port")),
    ("a Backend", "group: gateway.kgateway.dev, kind: Backend, name: otel", Stored),
    ("no such Backend", "group: gateway.kgateway.dev, kind: Backend, name: gone", Refused("does not exist")),
    ("no such Service", "name: gone, port: 4317", Refused("does not exist")),
    ("a host name", "name: otel.gw.svc, port: 4317", Refused("otel.gw.svc")),
    ("no such port", "name: otel, port: 14317", Refused("has no port 14317")),
    ("the container's port", "name: mapped, port: 4317", Refused("has no port 4317")),
    ("a port that is not HTTP/2", "name: plain, port: 4317", Warned("backend-refs/not-http2")),
    ("a set protocol beats the name", "name: misled, port: 4317", Warned("backend-refs/not-http2")),
    ("the port of OTLP over HTTP", "name: otlp-http, port: 4318", Warned("backend-refs/otlp-http-port")),
    ("a port of UDP", "name: udp, port: 6831", Warned("backend-refs/udp")),
    ("an ExternalName", "name: external, port: 4317", Warned("backend-refs/external-name")),
];

const SINK: &str = "{ logName: a, backendRef: { name: otel, port: 4317 } }";
const FILE: &str = "fileSink: { path: /dev/stdout, stringFormat: x }";

/// Its checks of what an entry of the access log holds.
fn entries() -> Vec<(&'static str, String, Told)> {
    let open = format!("openTelemetry: {{ grpcService: {SINK} }}");
    let nameless = SINK.replace("logName: a", "logName: ''");
    vec![
        ("nothing", "{}".to_owned(), Refused("no sink")),
        ("a file", format!("{{ {FILE} }}"), Stored),
        ("gRPC", format!("{{ grpcService: {SINK} }}"), Stored),
        ("gRPC without a name", format!("{{ grpcService: {nameless} }}"), Refused("logName")),
        ("a file and gRPC", format!("{{ {FILE}, grpcService: {SINK} }}"), Refused("fileSink")),
        (
            "a file and OpenTelemetry",
            format!("{{ {FILE}, {open} }}"),
            Warned("listener-policies/file-hides-opentelemetry"),
        ),
        (
            "gRPC and OpenTelemetry",
            format!("{{ grpcService: {SINK}, {open} }}"),
            Warned("listener-policies/grpc-hides-opentelemetry"),
        ),
    ]
}

/// And where it attaches.
const TARGETS: &[(&str, &str, Told)] = &[
    ("no target", "", Warned("listener-policies/no-target")),
    ("no such Gateway", "GATEWAY gone }],", Warned("listener-policies/gateway-missing")),
    ("a Gateway of another class", "GATEWAY nginx }],", Warned("listener-policies/other-class")),
    ("a Gateway of agentgateway", "GATEWAY agents }],", Warned("listener-policies/other-class")),
];

/// Collectors of all sorts, and the Gateways; the names of both namespaces.
fn world(sandbox: &Sandbox<'_>, kind: &str) -> (String, String) {
    let (gw, obs) = (sandbox.namespace("gw", &[]), sandbox.namespace("obs", &[]));
    let other = if kind == "ListenerPolicy" { "HTTPListenerPolicy" } else { "ListenerPolicy" };
    let service = |name: &str, spec: &str| objects::service_with(&gw, name, spec);
    let all = [
        objects::gateway(&gw),
        objects::gateway_of(&gw, "nginx", "nginx"),
        objects::gateway_of(&gw, "agents", "agentgateway"),
        objects::backend(&gw, "otel"),
        objects::service(&gw, "otel", 4317),
        service("mapped", "{ ports: [{ name: grpc, port: 5317, targetPort: 4317 }] }"),
        service("plain", "{ ports: [{ name: otlp, port: 4317 }] }"),
        service("misled", "{ ports: [{ name: grpc, port: 4317, appProtocol: http }] }"),
        service("otlp-http", "{ ports: [{ name: grpc, port: 4318 }] }"),
        service("udp", "{ ports: [{ name: grpc, port: 6831, protocol: UDP }] }"),
        service(
            "external",
            "{ type: ExternalName, externalName: otel.example.com, ports: [{ name: grpc, port: 4317 }] }",
        ),
        objects::service(&obs, "private", 4317),
        objects::service(&obs, "granted", 4317),
        objects::service(&obs, "for-others", 4317),
        objects::grant(&obs, "granted", (kind, &gw), "granted"),
        objects::grant(&obs, "gone", (kind, &gw), "gone"),
        objects::grant(&obs, "for-others", (other, &gw), "for-others"),
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: nginx }
spec: { controllerName: gateway.nginx.org/nginx-gateway-controller }
"
        .to_owned(),
    ];
    sandbox.kubectl().apply(&all.concat());
    (gw, obs)
}

/// Applies it, looks at what came of it, and takes it away again.
#[track_caller]
fn tell(kubectl: &Kubectl, (kind, namespace): (&str, &str), row: &str, manifest: &str, told: &Told) {
    let said = kubectl.try_apply(manifest);
    let about_it = |warning: &&str| {
        let code = warning.trim_start_matches('[').split(']').next().unwrap_or_default();
        let sinks = code.contains("-hides-") || code.ends_with("-sink") || code.ends_with("-name");
        code.starts_with("backend-refs/") || code.starts_with("reference-grants/") || sinks
    };
    match told {
        Refused(words) => assert!(!said.ok && said.err.contains(words), "{row} is to be refused: {}", said.all()),
        Warned(code) => {
            let warned = said.warnings().iter().any(|warning| warning.starts_with(&format!("[{code}]")));
            assert!(said.ok && warned, "{row} is to be warned of as {code}: {}", said.all());
        }
        Stored => {
            assert!(said.ok && !said.warnings().iter().any(about_it), "{row} is to be stored: {}", said.all());
        }
    }
    let exists = kubectl.exists(&[kind, "row", "-n", namespace]);
    assert_eq!(exists, !matches!(told, Refused(_)), "whether {row} is stored");
    if exists {
        kubectl.delete(&[kind, "row", "-n", namespace]);
    }
}

fn all(sandbox: &Sandbox<'_>, kind: &'static str, settings: fn(&str) -> String) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (gw, obs) = world(sandbox, kind);
    let kubectl = sandbox.kubectl();
    let tell = |row: &str, to: &str, entry: &str, told: &Told| {
        let spec = format!("{to} {}", settings(&format!("accessLog: [{entry}]")));
        tell(&kubectl, (kind, &gw), row, &telemetry(kind, &gw, "row", &spec), told);
    };
    let to_http = format!("{TO_HTTP},");
    wait_until("the view to know the Gateway", || {
        let spec = format!("{to_http} {}", settings("accessLog: [{}]"));
        let said = kubectl.try_apply(&telemetry(kind, &gw, "row", &spec));
        if said.ok { Err(said.all()) } else { Ok(()) }
    });
    kubectl.delete(&[kind, "row", "-n", &gw, "--ignore-not-found"]);
    for (row, reference, told) in REFERENCES {
        tell(row, &to_http, &sink(&reference.replace("OBS", &obs)), told);
    }
    for (row, entry, told) in entries() {
        tell(row, &to_http, &entry, &told);
    }
    for (row, target, told) in TARGETS {
        let gateway = "targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name:";
        tell(row, &target.replace("GATEWAY", gateway), &sink("name: otel, port: 4317"), told);
    }
    // Traces are sent by the same kind of reference.
    let tracing = |name: &str| {
        let provider = format!(
            "{{ openTelemetry: {{ serviceName: a, grpcService: {{ backendRef: {{ name: {name}, port: 4317 }} }} }} }}"
        );
        let spec = format!("{to_http} {}", settings(&format!("tracing: {{ provider: {provider} }}")));
        telemetry(kind, &gw, "row", &spec)
    };
    self::tell(&kubectl, (kind, &gw), "traces to a collector", &tracing("otel"), &Stored);
    self::tell(&kubectl, (kind, &gw), "traces to nowhere", &tracing("gone"), &Refused("does not exist"));
}

fn http(sandbox: &Sandbox<'_>) {
    all(sandbox, "HTTPListenerPolicy", str::to_owned);
}

fn listener(sandbox: &Sandbox<'_>) {
    all(sandbox, "ListenerPolicy", |settings| format!("default: {{ httpSettings: {{ {settings} }} }}"));
}

fn per_port(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, gw) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&[objects::gateway(&gw), objects::service(&gw, "otel", 4317)].concat());
    let policy = |name: &str| {
        let log = sink(&format!("name: {name}, port: 4317"));
        // Nobody listens there: kgateway resolves it all the same.
        let port = format!("perPort: [{{ port: 9999, listener: {{ httpSettings: {{ accessLog: [{log}] }} }} }}]");
        telemetry("ListenerPolicy", &gw, "row", &format!("{TO_HTTP}, {port}"))
    };
    let said = wait_until("the view to know the Gateway", || {
        let said = kubectl.try_apply(&policy("gone"));
        if said.ok { Err(said.all()) } else { Ok(said) }
    });
    said.says("spec.perPort[0].listener.httpSettings.accessLog[0].openTelemetry.grpcService.backendRef.name");
    kubectl.apply(&policy("otel"));
}

fn overridden(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, gw) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&[objects::gateway(&gw), objects::service(&gw, "otel", 4317)].concat());
    kubectl.apply(&objects::listener_policy(&gw, "a", "name: otel, port: 4317"));
    let younger = objects::listener_policy(&gw, "b", "name: otel, port: 4317");
    wait_until("the view to know the older one", || {
        let said = kubectl.run_with(&["apply", "--dry-run=server", "-f", "-"], &younger);
        if said.all().contains("[listener-policies/overridden]") { Ok(()) } else { Err(said.all()) }
    });
    kubectl.apply(&younger).says("[listener-policies/overridden]").says("ListenerPolicy `a`");
}

fn agentgateway(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, gw) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&[objects::gateway_of(&gw, "http", "agentgateway"), objects::service(&gw, "otel", 4317)].concat());
    let policy = |reference: &str| {
        format!(
            "
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayPolicy
metadata: {{ name: traces, namespace: {gw} }}
spec: {{ {TO_HTTP}, frontend: {{ tracing: {{ backendRef: {{ {reference} }} }} }} }}
"
        )
    };
    kubectl.apply(&policy("name: otel, port: 4317")).never_says("backend-refs/");
    for (reference, code) in [
        ("name: gone, port: 4317", "backend-refs/not-found"),
        ("name: otel, port: 14317", "backend-refs/no-such-port"),
        ("group: apps, kind: Deployment, name: otel", "backend-refs/unknown-kind"),
    ] {
        let said = kubectl.apply(&policy(reference));
        assert!(said.warnings().iter().any(|warning| warning.starts_with(&format!("[{code}]"))), "{}", said.all());
    }
}

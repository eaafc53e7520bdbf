//! What `backend-refs` can find.

use crate::engine::finding::{Code, Level};

pub(super) static CODES: &[&Code] = &[
    &NOT_FOUND,
    &NO_SUCH_PORT,
    &UNKNOWN_KIND,
    &GROUP_CORE,
    &DOTTED_NAME,
    &PORT_ON_BACKEND,
    &NO_PORT,
    &BAD_PORT,
    &NOT_DISCOVERED,
    &NOT_HTTP2,
    &OTLP_HTTP_PORT,
    &UDP,
    &EXTERNAL_NAME,
    &NOT_CHECKED,
];

const OUTAGE: &str = "since 2.1, kgateway replaces every route of a Gateway by HTTP 500 while one telemetry object attached \
to it does not resolve, within 200 ms, and the Gateway goes on saying Programmed. agentgateway drops the data and says \
PartiallyValid";

pub(super) static NOT_FOUND: Code = Code {
    name: "backend-refs/not-found",
    level: Level::Error,
    title: "a telemetry object refers to an object that does not exist",
    why: OUTAGE,
    fix: "correct the name or the namespace, or create the Service before the telemetry object",
    example: "backendRef: { name: otel-colector, namespace: telemetry, port: 4317 }",
};

pub(super) static NO_SUCH_PORT: Code = Code {
    name: "backend-refs/no-such-port",
    level: Level::Error,
    title: "a telemetry object refers to a port that the Service does not have",
    why: "kgateway looks backends up by Service and `spec.ports[].port`; target ports and port names do not count, and \
a port that is not there is the same as no Service: every route of the Gateway answers HTTP 500. agentgateway does not check the port and sends the data nowhere",
    fix: "write the number under `spec.ports[].port` of the Service",
    example: "backendRef: { name: otel-collector, port: 14317 }   # the Service listens on 4317",
};

pub(super) static UNKNOWN_KIND: Code = Code {
    name: "backend-refs/unknown-kind",
    level: Level::Error,
    title: "a telemetry object refers to a kind that its control plane cannot send to",
    why: OUTAGE,
    fix: "refer to a Service, a Backend (kgateway) or an AgentgatewayBackend (agentgateway); ServiceEntry and Hostname need kgateway's Istio integration",
    example: "backendRef: { group: apps, kind: Deployment, name: otel-collector }",
};

pub(super) static GROUP_CORE: Code = Code {
    name: "backend-refs/group-core",
    level: Level::Error,
    title: "`group: core` in a backendRef is not the core group",
    why: "a ReferenceGrant may say `core`, a backendRef may not: the API server takes it even without a port, and kgateway calls it an unknown kind and answers HTTP 500",
    fix: "write `group: \"\"` or leave it out",
    example: "backendRef: { group: core, kind: Service, name: otel-collector, port: 4317 }",
};

pub(super) static DOTTED_NAME: Code = Code {
    name: "backend-refs/dotted-name",
    level: Level::Error,
    title: "a host name stands where the name of a Service is expected",
    why: "the name is looked up as it is, and no Service has dots in its name",
    fix: "write the Service's name as `name` and its namespace as `namespace`",
    example: "backendRef: { name: otel-collector.telemetry.svc.cluster.local, port: 4317 }",
};

pub(super) static PORT_ON_BACKEND: Code = Code {
    name: "backend-refs/port-on-backend",
    level: Level::Error,
    title: "a reference to a Backend names a port",
    why: "a kgateway Backend defines its own port, and since 2.1 a reference with one does not resolve: HTTP 500",
    fix: "remove `port`",
    example: "backendRef: { group: gateway.kgateway.dev, kind: Backend, name: otel, port: 4317 }",
};

pub(super) static NO_PORT: Code = Code {
    name: "backend-refs/no-port",
    level: Level::Error,
    title: "a reference to a Service names no port",
    why: "the API server refuses it (`Must have port for Service reference`)",
    fix: "add the port",
    example: "backendRef: { name: otel-collector }",
};

pub(super) static BAD_PORT: Code = Code {
    name: "backend-refs/bad-port",
    level: Level::Error,
    title: "`port` of a reference is not the number of a port",
    why: "the definition of the kind has `port` as an integer from 1 to 65535, and the API server refuses anything else, \
a number in quotes and the name of a port too",
    fix: "write the number under `spec.ports[].port` of the Service, without quotes",
    example: "backendRef: { name: otel-collector, port: \"4317\" }",
};

pub(super) static NOT_DISCOVERED: Code = Code {
    name: "backend-refs/not-discovered",
    level: Level::Error,
    title: "the collector's namespace is not one that kgateway looks at",
    why: "with discovery selectors (`KGW_DISCOVERY_NAMESPACE_SELECTORS`), Services and grants of other namespaces do not exist for kgateway",
    fix: "label the namespace so that the selector matches it, or widen the selector",
    example: "backendRef: { name: otel-collector, namespace: not-discovered, port: 4317 }",
};

pub(super) static NOT_HTTP2: Code = Code {
    name: "backend-refs/not-http2",
    level: Level::Warning,
    title: "the collector's port is not declared as HTTP/2",
    why: "Envoy speaks HTTP/2 to a port only where its `appProtocol`, or its name if none is set, is `http2`, `grpc`, \
`grpc-web` or `kubernetes.io/h2c`; `otlp` and `otlp-grpc` do not count. Export fails at run time and every status stays green",
    fix: "set `appProtocol: kubernetes.io/h2c` on the port of the Service",
    example: "ports: [{ name: otlp-grpc, port: 4317 }]",
};

pub(super) static OTLP_HTTP_PORT: Code = Code {
    name: "backend-refs/otlp-http-port",
    level: Level::Warning,
    title: "gRPC is sent to the port for OTLP over HTTP",
    why: "the reference resolves and every status is green, but the collector's HTTP server does not understand gRPC",
    fix: "refer to the port of the gRPC receiver, usually 4317",
    example: "grpcService: { backendRef: { name: otel-collector, port: 4318 } }",
};

pub(super) static UDP: Code = Code {
    name: "backend-refs/udp",
    level: Level::Warning,
    title: "telemetry is sent to a UDP port",
    why: "kgateway does not look at the protocol of a port, so the reference resolves and nothing arrives",
    fix: "refer to a TCP port",
    example: "backendRef: { name: otel-collector, port: 6831 }   # jaeger-compact, UDP",
};

pub(super) static EXTERNAL_NAME: Code = Code {
    name: "backend-refs/external-name",
    level: Level::Warning,
    title: "telemetry is sent to an ExternalName Service",
    why: "kgateway makes a cluster from endpoints, and an ExternalName Service has none: the reference resolves and nothing arrives",
    fix: "refer to a Service with a selector, or to a Backend with a static host",
    example: "spec: { type: ExternalName, externalName: otel.example.com }",
};

pub(super) static NOT_CHECKED: Code = Code {
    name: "backend-refs/not-checked",
    level: Level::Warning,
    title: "whether the collector exists could not be looked up",
    why: "the object is not among those given, or its kind could not be read from the cluster; if it does not exist, every route of the Gateway answers HTTP 500",
    fix: "give the manifest of the collector's Service too, or say `--closed-world`",
    example: "backendRef: { name: otel-collector, namespace: telemetry, port: 4317 }",
};

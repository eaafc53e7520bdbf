//! What `listener-policies` can find.

use crate::engine::finding::{Code, Level};

pub(super) static CODES: &[&Code] = &[
    &NO_SINK,
    &FILE_AND_GRPC,
    &EMPTY_LOG_NAME,
    &FILE_HIDES_OPENTELEMETRY,
    &GRPC_HIDES_OPENTELEMETRY,
    &NO_TARGET,
    &WRONG_KIND,
    &GATEWAY_MISSING,
    &OTHER_CLASS,
    &NO_MATCH,
    &NO_SUCH_LISTENER,
    &SECTION_IGNORED,
    &OVERRIDDEN,
    &PER_PORT_HIDES_DEFAULT,
    &TWO_KINDS,
    &DEPRECATED,
];

pub(super) static NO_SINK: Code = Code {
    name: "listener-policies/no-sink",
    level: Level::Error,
    title: "an access log entry has no sink",
    why: "the API server takes it (an unknown sink key is pruned to an empty entry), kgateway says `no access log sink specified` and replaces every route of the Gateway by HTTP 500",
    fix: "add a sink, or remove the entry",
    example: "accessLog: [{ filter: { statusCodeFilter: { op: GE, value: 500 } } }]",
};

pub(super) static FILE_AND_GRPC: Code = Code {
    name: "listener-policies/file-and-grpc",
    level: Level::Error,
    title: "an access log entry has both `fileSink` and `grpcService`",
    why: "kgateway says `access log config cannot have both file sink and grpc service` and replaces every route of the Gateway by HTTP 500",
    fix: "make two entries of it",
    example: "accessLog: [{ fileSink: { path: /dev/stdout, stringFormat: x }, grpcService: { logName: a, backendRef: { name: otel, port: 4317 } } }]",
};

pub(super) static EMPTY_LOG_NAME: Code = Code {
    name: "listener-policies/empty-log-name",
    level: Level::Error,
    title: "an access log has an empty `logName`",
    why: "the API server takes it, kgateway says `grpc service log name cannot be empty` and replaces every route of the Gateway by HTTP 500; below `openTelemetry` only up to 2.2",
    fix: "name the log",
    example: "grpcService: { logName: '', backendRef: { name: otel, port: 4317 } }",
};

pub(super) static FILE_HIDES_OPENTELEMETRY: Code = Code {
    name: "listener-policies/file-hides-opentelemetry",
    level: Level::Warning,
    title: "`openTelemetry` beside `fileSink` is ignored",
    why: "kgateway accepts the entry and writes the file alone; the ignored backend must resolve all the same, or every route answers HTTP 500",
    fix: "make two entries of it",
    example: "accessLog: [{ fileSink: {…}, openTelemetry: {…} }]",
};

pub(super) static GRPC_HIDES_OPENTELEMETRY: Code = Code {
    name: "listener-policies/grpc-hides-opentelemetry",
    level: Level::Warning,
    title: "`openTelemetry` beside `grpcService` is ignored",
    why: "kgateway accepts the entry, sends to `grpcService` alone and never resolves the other backend",
    fix: "make two entries of it",
    example: "accessLog: [{ grpcService: {…}, openTelemetry: {…} }]",
};

pub(super) static NO_TARGET: Code = Code {
    name: "listener-policies/no-target",
    level: Level::Warning,
    title: "a telemetry object attaches to nothing",
    why: "without `targetRefs` and `targetSelectors` it is accepted, never attached, and its status stays empty",
    fix: "name the Gateway under `targetRefs`",
    example: "spec: { tracing: {…} }",
};

pub(super) static WRONG_KIND: Code = Code {
    name: "listener-policies/wrong-kind",
    level: Level::Warning,
    title: "telemetry targets something other than a Gateway",
    why: "only Gateways have listeners to attach telemetry to; since 2.1 the API server refuses other kinds",
    fix: "target the Gateway",
    example: "targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop }]",
};

pub(super) static GATEWAY_MISSING: Code = Code {
    name: "listener-policies/gateway-missing",
    level: Level::Warning,
    title: "the targeted Gateway does not exist",
    why: "the object is accepted, nothing happens and its status stays empty (kgateway issue 11402); when the Gateway is made later, a broken object turns it into HTTP 500 at once",
    fix: "correct the name; the Gateway must be in the same namespace",
    example: "targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: htpt }]",
};

pub(super) static OTHER_CLASS: Code = Code {
    name: "listener-policies/other-class",
    level: Level::Warning,
    title: "the targeted Gateway belongs to another control plane",
    why: "kgateway considers only Gateways whose class names `kgateway.dev/kgateway` as controller, agentgateway only its own: the object is never attached and gets no status",
    fix: "write the kind that this control plane reads, or target another Gateway",
    example: "kind: HTTPListenerPolicy   # on a Gateway with gatewayClassName: agentgateway",
};

pub(super) static NO_MATCH: Code = Code {
    name: "listener-policies/no-match",
    level: Level::Warning,
    title: "no Gateway has the labels that a telemetry object selects",
    why: "it is accepted, never attached, and its status stays empty",
    fix: "correct the labels",
    example: "targetSelectors: [{ group: gateway.networking.k8s.io, kind: Gateway, matchLabels: { team: nobody } }]",
};

pub(super) static NO_SUCH_LISTENER: Code = Code {
    name: "listener-policies/no-such-listener",
    level: Level::Warning,
    title: "`sectionName` names a listener that the Gateway does not have",
    why: "it is accepted, never attached, and its status stays empty",
    fix: "correct `sectionName`, or leave it out",
    example: "targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: http, sectionName: htpps }]",
};

pub(super) static SECTION_IGNORED: Code = Code {
    name: "listener-policies/section-ignored",
    level: Level::Warning,
    title: "`sectionName` of an HTTP listener makes a ListenerPolicy do nothing",
    why: "kgateway says Attached, but applies it on HTTPS listeners only; a broken one still replaces that listener's routes by HTTP 500",
    fix: "leave `sectionName` out, or use `perPort`",
    example: "targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: gw, sectionName: http }]",
};

pub(super) static OVERRIDDEN: Code = Code {
    name: "listener-policies/overridden",
    level: Level::Warning,
    title: "an older telemetry object of the same kind sets the same",
    why: "kgateway takes the settings of the oldest object whole; lists are not joined, and the newer object says Merged or Overridden",
    fix: "put all of it into one object",
    example: "two ListenerPolicies with `tracing` for one Gateway",
};

pub(super) static PER_PORT_HIDES_DEFAULT: Code = Code {
    name: "listener-policies/per-port-hides-default",
    level: Level::Warning,
    title: "a `perPort` entry hides what `default` sets",
    why: "an entry replaces `default` for its port as a whole: telemetry in `default` is not inherited",
    fix: "repeat it in the entry",
    example: "spec: { default: { httpSettings: { tracing: {…} } }, perPort: [{ port: 443, listener: { httpSettings: { accessLog: […] } } }] }",
};

pub(super) static TWO_KINDS: Code = Code {
    name: "listener-policies/two-kinds",
    level: Level::Warning,
    title: "HTTPListenerPolicy and ListenerPolicy are attached to one Gateway",
    why: "kgateway applies them in two passes: which one's tracing survives is random and flips at any re-translation, access logs of both are written, and all statuses stay green",
    fix: "move everything to one ListenerPolicy",
    example: "an HTTPListenerPolicy with `tracing` and a ListenerPolicy for one Gateway",
};

pub(super) static DEPRECATED: Code = Code {
    name: "listener-policies/deprecated",
    level: Level::Warning,
    title: "HTTPListenerPolicy goes away",
    why: "deprecated since kgateway 2.2 without a word from the API server; 2.5 removes the CRD, and its chart upgrade deletes all objects left. A grant for HTTPListenerPolicy does not cover the ListenerPolicy that replaces it",
    fix: "write the ListenerPolicy that the finding shows, grant first",
    example: "kind: HTTPListenerPolicy",
};

//! What `unknown-fields` can find.

use crate::engine::finding::{Code, Level};

pub(super) static CODES: &[&Code] =
    &[&OTEL_PROVIDER, &SAMPLING_RATE, &PROPAGATORS, &CUSTOM_TAGS, &STATIC_CLUSTER_NAME, &SECTION_NAME, &UNKNOWN];

pub(super) static OTEL_PROVIDER: Code = Code {
    name: "unknown-fields/otel-provider",
    level: Level::Warning,
    title: "`tracing.provider.otel` exists in no version of kgateway",
    why: "it stands in guides; the API server drops it and refuses the empty `provider` that remains, and kgateway 2.0, \
which has no tracing, stores an empty object without a word",
    fix: "write `provider.openTelemetry.grpcService.backendRef` with the Service's name, namespace and port",
    example: "tracing: { provider: { otel: { grpcAddress: otel-collector.telemetry:4317 } } }",
};

pub(super) static SAMPLING_RATE: Code = Code {
    name: "unknown-fields/sampling-rate",
    level: Level::Warning,
    title: "`tracing.samplingRate` exists in no version of kgateway",
    why: "the API server drops it silently, and without `randomSampling` every request is traced",
    fix: "write `randomSampling`, a percentage",
    example: "tracing: { samplingRate: 10 }",
};

pub(super) static PROPAGATORS: Code = Code {
    name: "unknown-fields/propagators",
    level: Level::Warning,
    title: "`tracing.propagators` exists in no version of kgateway",
    why: "the API server drops it silently; which trace headers Envoy propagates cannot be set",
    fix: "remove it",
    example: "tracing: { propagators: [W3C_TRACE_CONTEXT, B3] }",
};

pub(super) static CUSTOM_TAGS: Code = Code {
    name: "unknown-fields/custom-tags",
    level: Level::Warning,
    title: "`tracing.customTags` exists in no version of kgateway",
    why: "the API server drops it silently, and spans do not have the tags",
    fix: "write `attributes`, a list of entries with `name` and one of `literal.value`, `environment.name` and `requestHeader.name`",
    example: "tracing: { customTags: { environment: { literal: production } } }",
};

pub(super) static STATIC_CLUSTER_NAME: Code = Code {
    name: "unknown-fields/static-cluster-name",
    level: Level::Warning,
    title: "`grpcService.staticClusterName` exists in no version of kgateway",
    why: "the API server drops it and refuses the object, because `backendRef` is required",
    fix: "write `backendRef` with the name and the port of the collector's Service",
    example: "accessLog: [{ grpcService: { logName: access, staticClusterName: otel-collector } }]",
};

pub(super) static SECTION_NAME: Code = Code {
    name: "unknown-fields/section-name",
    level: Level::Warning,
    title: "an HTTPListenerPolicy cannot be for one listener",
    why: "kgateway's own documentation shows `sectionName` here, but the API server drops it silently, so that the object is for the whole Gateway",
    fix: "use a ListenerPolicy with `perPort`, or remove `sectionName` if the whole Gateway is meant",
    example: "targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: http, sectionName: internal }]",
};

pub(super) static UNKNOWN: Code = Code {
    name: "unknown-fields/unknown",
    level: Level::Warning,
    title: "a telemetry object has a field that does not exist",
    why: "the API server drops it silently for most clients, among them controllers and GitOps tools; kubectl's strict validation refuses the object",
    fix: "correct the name, move the field to where it belongs, or remove it",
    example: "tracing: { randomSample: 10 }",
};

//! The fields that telemetry objects have: those of kgateway 2.1 to 2.5-dev and of agentgateway 1.0 to 1.5-dev
//! together, as in the CRDs they ship. What is not about telemetry is named and not looked into.

use crate::engine::kinds::telemetry::TelemetryKind;

/// What may stand at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Anything: a scalar, a mapping of the user's own keys, or what is not about telemetry.
    Any,
    Fields(&'static Fields),
    /// A list of mappings.
    List(&'static Fields),
}

type Known = &'static [(&'static str, Shape)];

/// A mapping with these keys and no others.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) place: Place,
    own: Known,
    /// Those that it shares with another mapping.
    shared: Known,
}

/// What a mapping is, where a wrong key in it has more to say for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The spec of a ListenerPolicy or its `default`: on the way to `httpSettings`.
    Listener,
    /// The spec of an AgentgatewayPolicy, on the way to `frontend`.
    Agentgateway,
    /// `frontend`, where later versions add fields that are not about telemetry: only a slip is told.
    Frontend,
    /// An entry of an HTTPListenerPolicy's `targetRefs` or `targetSelectors`.
    HttpTarget,
    /// An entry of another kind's `targetRefs` or `targetSelectors`.
    Target,
    Tracing,
    Provider,
    GrpcService,
    Other,
}

use Shape::{Any, Fields as F, List as L};

/// The fields of an object of this kind.
pub(super) fn fields(kind: TelemetryKind) -> &'static Fields {
    match kind {
        TelemetryKind::HttpListenerPolicy => &HTTP_LISTENER_POLICY,
        TelemetryKind::ListenerPolicy => &LISTENER_POLICY,
        TelemetryKind::AgentgatewayPolicy => &AGENTGATEWAY_POLICY,
    }
}

/// Whether `httpSettings` has this field.
pub(super) fn is_http_setting(key: &str) -> bool {
    HTTP_SETTINGS_KEYS.iter().any(|(known, _)| *known == key)
}

// === impl Fields ===

impl Fields {
    pub(super) fn shape(&self, key: &str) -> Option<Shape> {
        self.own.iter().chain(self.shared).find(|(known, _)| *known == key).map(|(_, shape)| *shape)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.own.iter().chain(self.shared).map(|(key, _)| *key)
    }

    const fn at(place: Place, own: Known) -> Self {
        Self { place, own, shared: &[] }
    }

    const fn of(own: Known) -> Self {
        Self::at(Place::Other, own)
    }
}

static HTTP_LISTENER_POLICY: Fields =
    Fields { place: Place::Other, own: &[("spec", F(&HTTP_SPEC))], shared: OBJECT_KEYS };
static LISTENER_POLICY: Fields =
    Fields { place: Place::Other, own: &[("spec", F(&LISTENER_SPEC))], shared: OBJECT_KEYS };
static AGENTGATEWAY_POLICY: Fields =
    Fields { place: Place::Other, own: &[("spec", F(&AGENTGATEWAY_SPEC))], shared: OBJECT_KEYS };

static OBJECT_KEYS: Known = &[("apiVersion", Any), ("kind", Any), ("metadata", Any), ("status", Any)];

// kgateway: targets

static HTTP_SPEC: Fields = Fields {
    place: Place::Other,
    own: &[("targetRefs", L(&HTTP_TARGET_REF)), ("targetSelectors", L(&HTTP_TARGET_SELECTOR))],
    shared: HTTP_SETTINGS_KEYS,
};
static HTTP_TARGET_REF: Fields = Fields::at(Place::HttpTarget, &[("group", Any), ("kind", Any), ("name", Any)]);
static HTTP_TARGET_SELECTOR: Fields =
    Fields::at(Place::HttpTarget, &[("group", Any), ("kind", Any), ("matchLabels", Any)]);

static LISTENER_SPEC: Fields = Fields::at(
    Place::Listener,
    &[
        ("default", F(&LISTENER)),
        ("perPort", L(&PER_PORT)),
        ("targetRefs", L(&TARGET_REF)),
        ("targetSelectors", L(&TARGET_SELECTOR)),
    ],
);
static TARGET_REF: Fields =
    Fields::at(Place::Target, &[("group", Any), ("kind", Any), ("name", Any), ("sectionName", Any)]);
static TARGET_SELECTOR: Fields =
    Fields::at(Place::Target, &[("group", Any), ("kind", Any), ("matchLabels", Any), ("sectionName", Any)]);
static PER_PORT: Fields = Fields::of(&[("listener", F(&LISTENER)), ("port", Any)]);
static LISTENER: Fields = Fields::at(
    Place::Listener,
    &[
        ("clientCertificateValidation", Any),
        ("httpSettings", F(&HTTP_SETTINGS)),
        ("perConnectionBufferLimitBytes", Any),
        ("proxyProtocol", Any),
        ("tcpKeepalive", Any),
        ("transportSocketConnectTimeout", Any),
    ],
);

// kgateway: settings

static HTTP_SETTINGS: Fields = Fields::of(HTTP_SETTINGS_KEYS);
static HTTP_SETTINGS_KEYS: Known = &[
    ("acceptHttp10", Any),
    ("accessLog", L(&ACCESS_LOG)),
    ("defaultHostForHttp10", Any),
    ("earlyRequestHeaderModifier", Any),
    ("forwardClientCertDetails", Any),
    ("generateRequestId", Any),
    ("healthCheck", Any),
    ("http2ProtocolOptions", Any),
    ("idleTimeout", Any),
    ("localReplies", Any),
    ("maxHeadersCount", Any),
    ("maxRequestHeadersKb", Any),
    ("maxRequestsPerConnection", Any),
    ("preserveExternalRequestId", Any),
    ("preserveHttp1HeaderCase", Any),
    ("proxy100Continue", Any),
    ("serverHeaderTransformation", Any),
    ("serverName", Any),
    ("skipXFFAppend", Any),
    ("streamIdleTimeout", Any),
    ("stripHostPortMode", Any),
    ("stripTrailingHostDot", Any),
    ("tracing", F(&TRACING)),
    ("upgradeConfig", Any),
    ("useRemoteAddress", Any),
    ("uuidRequestIdConfig", Any),
    ("xffNumTrustedHops", Any),
    ("xffTrustedCIDRs", Any),
];

static ACCESS_LOG: Fields = Fields::of(&[
    ("fileSink", F(&FILE_SINK)),
    ("filter", Any),
    ("grpcService", F(&LOG_GRPC_SERVICE)),
    ("openTelemetry", F(&LOG_OPENTELEMETRY)),
]);
static FILE_SINK: Fields = Fields::of(&[("jsonFormat", Any), ("path", Any), ("stringFormat", Any)]);
static LOG_GRPC_SERVICE: Fields = Fields {
    place: Place::GrpcService,
    own: &[
        ("additionalRequestHeadersToLog", Any),
        ("additionalResponseHeadersToLog", Any),
        ("additionalResponseTrailersToLog", Any),
        ("logName", Any),
    ],
    shared: GRPC_SERVICE_KEYS,
};
static LOG_OPENTELEMETRY: Fields = Fields::of(&[
    ("attributes", Any),
    ("body", Any),
    ("disableBuiltinLabels", Any),
    ("grpcService", F(&OTLP_LOG_GRPC_SERVICE)),
    ("resourceAttributes", Any),
]);
static OTLP_LOG_GRPC_SERVICE: Fields =
    Fields { place: Place::GrpcService, own: &[("logName", Any)], shared: GRPC_SERVICE_KEYS };

static TRACING: Fields = Fields::at(
    Place::Tracing,
    &[
        ("attributes", L(&TRACING_ATTRIBUTE)),
        ("clientSampling", Any),
        ("maxPathTagLength", Any),
        ("overallSampling", Any),
        ("provider", F(&PROVIDER)),
        ("randomSampling", Any),
        ("spawnUpstreamSpan", Any),
        ("verbose", Any),
    ],
);
static TRACING_ATTRIBUTE: Fields = Fields::of(&[
    ("environment", F(&NAMED_VALUE)),
    ("literal", F(&LITERAL)),
    ("metadata", Any),
    ("name", Any),
    ("requestHeader", F(&NAMED_VALUE)),
]);
static NAMED_VALUE: Fields = Fields::of(&[("defaultValue", Any), ("name", Any)]);
static LITERAL: Fields = Fields::of(&[("value", Any)]);
static PROVIDER: Fields = Fields::at(Place::Provider, &[("openTelemetry", F(&TRACING_OPENTELEMETRY))]);
static TRACING_OPENTELEMETRY: Fields = Fields::of(&[
    ("grpcService", F(&TRACING_GRPC_SERVICE)),
    ("resourceDetectors", Any),
    ("sampler", Any),
    ("serviceName", Any),
]);
static TRACING_GRPC_SERVICE: Fields = Fields { place: Place::GrpcService, own: &[], shared: GRPC_SERVICE_KEYS };

static GRPC_SERVICE_KEYS: Known = &[
    ("authority", Any),
    ("backendRef", F(&BACKEND_REF)),
    ("initialMetadata", Any),
    ("maxReceiveMessageLength", Any),
    ("retryPolicy", Any),
    ("skipEnvoyHeaders", Any),
    ("timeout", Any),
];
static BACKEND_REF: Fields = Fields { place: Place::Other, own: &[("weight", Any)], shared: BACKEND_REF_KEYS };
static BACKEND_REF_KEYS: Known = &[("group", Any), ("kind", Any), ("name", Any), ("namespace", Any), ("port", Any)];

// agentgateway

static AGENTGATEWAY_SPEC: Fields = Fields::at(
    Place::Agentgateway,
    &[
        ("backend", Any),
        ("frontend", F(&FRONTEND)),
        ("strategy", Any),
        ("targetRefs", L(&PORT_TARGET_REF)),
        ("targetSelectors", L(&PORT_TARGET_SELECTOR)),
        ("traffic", Any),
    ],
);
static PORT_TARGET_REF: Fields =
    Fields::at(Place::Target, &[("group", Any), ("kind", Any), ("name", Any), ("port", Any), ("sectionName", Any)]);
static PORT_TARGET_SELECTOR: Fields = Fields::at(
    Place::Target,
    &[("group", Any), ("kind", Any), ("matchLabels", Any), ("port", Any), ("sectionName", Any)],
);
static FRONTEND: Fields = Fields::at(
    Place::Frontend,
    &[
        ("accessLog", F(&FRONTEND_ACCESS_LOG)),
        ("connect", Any),
        ("http", Any),
        ("metrics", Any),
        ("networkAuthorization", Any),
        ("proxyProtocol", Any),
        ("tcp", Any),
        ("tls", Any),
        ("tracing", F(&FRONTEND_TRACING)),
    ],
);
static FRONTEND_ACCESS_LOG: Fields =
    Fields::of(&[("attributes", F(&EXPRESSIONS)), ("filter", Any), ("otlp", F(&OTLP))]);
static OTLP: Fields = Fields {
    place: Place::Other,
    own: &[("attributes", F(&EXPRESSIONS)), ("filter", Any)],
    shared: FRONTEND_BACKEND_KEYS,
};
static FRONTEND_TRACING: Fields = Fields {
    place: Place::Other,
    own: &[
        ("attributes", F(&EXPRESSIONS)),
        ("clientSampling", Any),
        ("filter", Any),
        ("randomSampling", Any),
        ("resources", L(&EXPRESSION)),
    ],
    shared: FRONTEND_BACKEND_KEYS,
};
static FRONTEND_BACKEND_KEYS: Known =
    &[("backendRef", F(&FRONTEND_BACKEND_REF)), ("path", Any), ("protocol", Any), ("url", Any)];
static FRONTEND_BACKEND_REF: Fields = Fields::of(BACKEND_REF_KEYS);
static EXPRESSIONS: Fields = Fields::of(&[("add", L(&EXPRESSION)), ("remove", Any)]);
static EXPRESSION: Fields = Fields::of(&[("expression", Any), ("name", Any)]);

//! What `in-use` can find.

use crate::engine::finding::{Code, Level};

pub(super) static NEEDED: Code = Code {
    name: "in-use/needed",
    level: Level::Error,
    title: "a stored telemetry object resolves by what this takes away",
    why: "kgateway recomputes at once: 190 ms after a needed grant, Service, port, Backend or namespace is gone, every route of the \
Gateway answers HTTP 500",
    fix: "change or delete the telemetry objects first, then this; or annotate it with `portcullis.dev/allow-disruption` and the RFC 3339 time until which the outage is accepted",
    example: "kubectl delete service otel-collector   # while a ListenerPolicy refers to it",
};

pub(super) static WAKES: Code = Code {
    name: "in-use/wakes-broken",
    level: Level::Warning,
    title: "a broken telemetry object waits for this Gateway",
    why: "it did no harm while it was attached to nothing; as soon as the Gateway exists, every route of it answers HTTP 500",
    fix: "repair or delete the telemetry object first",
    example: "kubectl apply -f gateway.yaml   # while a ListenerPolicy with a missing collector targets it",
};

pub(super) static OPT_IN_WITHDRAWN: Code = Code {
    name: "in-use/opt-in-withdrawn",
    level: Level::Warning,
    title: "a stored telemetry object goes on resolving by a grant that would not be made again",
    why: "withdrawing `portcullis.dev/shared` stops Portcullis from making grants and removes none: what uses the grant goes on as before, and \
once the grant is gone, every route of the Gateway answers HTTP 500 and nobody makes another",
    fix: "to keep the use, apply a grant of your own; to end it, change or delete the telemetry objects first, then delete the grant",
    example: "kubectl label service otel-collector portcullis.dev/shared-   # while a ListenerPolicy in another namespace refers to it",
};

//! What `scrape-annotations` can find.

use crate::engine::finding::{Code, Level};

pub(super) static CODES: &[&Code] = &[
    &MISSING,
    &INCOMPLETE,
    &NOT_TRUE,
    &NOT_TEXT,
    &PORT_NOT_DECLARED,
    &KRAKEND_MISSING,
    &KRAKEND_WRONG_PORT,
    &KRAKEND_LOOPBACK,
    &KRAKEND_SEVERAL,
    &KRAKEND_DUPLICATE_PORT,
    &KRAKEND_DUPLICATE_NAME,
    &KRAKEND_UNSEEN,
];

pub(super) static MISSING: Code = Code {
    name: "scrape-annotations/missing",
    level: Level::Warning,
    title: "a gateway serves metrics, and no annotation leads a scraper to them",
    why: "kgateway and agentgateway annotate the pods they make with `prometheus.io/scrape`, `port` and `path`; an \
overlay, another webhook or a hand-written manifest loses them, and scrape jobs that keep only annotated pods pass this one over",
    fix: "add the three annotations to the pod; where the control plane makes the pods, under `spec.infrastructure.annotations` of the Gateway",
    example: "ports: [{ name: http-monitoring, containerPort: 9091 }]   # and no prometheus.io/* annotations",
};

pub(super) static INCOMPLETE: Code = Code {
    name: "scrape-annotations/incomplete",
    level: Level::Warning,
    title: "some of the scrape annotations are there, and others that are needed are not",
    why: "without `prometheus.io/scrape` the pod is passed over; without `prometheus.io/port` a scrape job that joins address and port asks `10.0.0.1:`, which fails each time",
    fix: "add the annotations that are missing",
    example: "annotations: { prometheus.io/scrape: \"true\" }",
};

pub(super) static NOT_TRUE: Code = Code {
    name: "scrape-annotations/not-true",
    level: Level::Warning,
    title: "`prometheus.io/scrape` has a value that scrape jobs do not take for true",
    why: "scrape jobs keep pods by the regular expression `true`, which is anchored and minds the case: `True` and `yes` do not match",
    fix: "write `\"true\"`, or `\"false\"` if the pod must not be scraped",
    example: "annotations: { prometheus.io/scrape: \"True\" }",
};

pub(super) static NOT_TEXT: Code = Code {
    name: "scrape-annotations/not-text",
    level: Level::Error,
    title: "the value of an annotation is not a string",
    why: "annotations are a map of strings: the API server refuses an object with an unquoted `true` or `9091`",
    fix: "put the value in quotes",
    example: "annotations: { prometheus.io/port: 9091 }",
};

pub(super) static PORT_NOT_DECLARED: Code = Code {
    name: "scrape-annotations/port-not-declared",
    level: Level::Warning,
    title: "`prometheus.io/port` is a port that no container declares",
    why: "gateways declare the port that they serve metrics on, so nothing listens where the scraper is sent, and each scrape fails",
    fix: "write the number of the container port that serves metrics: 9091 for kgateway's Envoy, 15020 for agentgateway",
    example: "annotations: { prometheus.io/scrape: \"true\", prometheus.io/port: \"9901\" }",
};

pub(super) static KRAKEND_MISSING: Code = Code {
    name: "scrape-annotations/krakend-missing",
    level: Level::Warning,
    title: "KrakenD has a Prometheus exporter, and no annotation leads a scraper to it",
    why: "nothing annotates KrakenD's pods by itself, and scrape jobs that keep only annotated pods pass this one over",
    fix: "add `prometheus.io/scrape`, `port` and `path` with the exporter's port; its path is always `/metrics`",
    example: "\"exporters\": { \"prometheus\": [{ \"name\": \"scraped\", \"port\": 9091 }] }   # and no prometheus.io/* annotations",
};

pub(super) static KRAKEND_WRONG_PORT: Code = Code {
    name: "scrape-annotations/krakend-wrong-port",
    level: Level::Warning,
    title: "`prometheus.io/port` is not the port of KrakenD's Prometheus exporter",
    why: "the exporter listens on the port that KrakenD's configuration names (9090 if it names none) and nowhere else: each scrape fails",
    fix: "write the exporter's port",
    example: "annotations: { prometheus.io/port: \"9090\" }   # \"port\": 9092 in krakend.json",
};

pub(super) static KRAKEND_LOOPBACK: Code = Code {
    name: "scrape-annotations/krakend-loopback",
    level: Level::Warning,
    title: "KrakenD's Prometheus exporter is meant to listen on a loopback address",
    why: "taken at its word nobody outside the pod could scrape it. But the community edition does not read `listen_ip` \
and listens on all interfaces, and it makes `host: \"::1\"` an address that it cannot listen on, which is one line in its log",
    fix: "remove `listen_ip` and `host`, and restrict access with a NetworkPolicy",
    example: "\"prometheus\": [{ \"name\": \"scraped\", \"port\": 9092, \"listen_ip\": \"::1\" }]",
};

pub(super) static KRAKEND_SEVERAL: Code = Code {
    name: "scrape-annotations/krakend-several",
    level: Level::Warning,
    title: "KrakenD has more than one Prometheus exporter",
    why: "the annotations carry one port, so all exporters but one are never scraped by them",
    fix: "keep one exporter, set `disable_metrics` on the others, or use a PodMonitor",
    example: "\"prometheus\": [{ \"name\": \"a\", \"port\": 9091 }, { \"name\": \"b\", \"port\": 9092 }]",
};

pub(super) static KRAKEND_DUPLICATE_PORT: Code = Code {
    name: "scrape-annotations/krakend-duplicate-port",
    level: Level::Warning,
    title: "two servers of one KrakenD are to listen on the same port",
    why: "each Prometheus exporter is a server of its own; the one that comes second fails to listen, which is one line in the log, and KrakenD goes on without it",
    fix: "give each exporter a port of its own, other than the gateway's (8080 by default)",
    example: "{ \"port\": 8080, \"extra_config\": { \"telemetry/opentelemetry\": { \"exporters\": { \"prometheus\": [{ \"name\": \"scraped\", \"port\": 8080 }] } } } }",
};

pub(super) static KRAKEND_DUPLICATE_NAME: Code = Code {
    name: "scrape-annotations/krakend-duplicate-name",
    level: Level::Warning,
    title: "two exporters of one KrakenD have the same name",
    why: "names are unique over `prometheus` and `otlp` together; otherwise KrakenD logs that it cannot register its exporters and runs without any telemetry",
    fix: "give each exporter a name of its own",
    example: "\"exporters\": { \"prometheus\": [{ \"name\": \"telemetry\" }], \"otlp\": [{ \"name\": \"telemetry\", \"host\": \"otel-collector\" }] }",
};

pub(super) static KRAKEND_UNSEEN: Code = Code {
    name: "scrape-annotations/krakend-unseen",
    level: Level::Note,
    title: "where KrakenD serves metrics cannot be seen",
    why: "the port stands in KrakenD's configuration only (container ports tell nothing: three defaults are in use), and it is in the image, in a template or in a ConfigMap that could not be looked up",
    fix: "annotate the pod by hand, with the port of the Prometheus exporter, or mount the configuration from a ConfigMap as plain JSON",
    example: "containers: [{ name: krakend, image: registry.example.com/krakend-shop }]   # no ConfigMap mounted",
};

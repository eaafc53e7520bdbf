//! What the webhook counts. Labels are few and fixed: nothing of a request becomes one.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{Door, wire::Tally};

/// The webhook's part of `/metrics`.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<DoorLabels, Histogram, fn() -> Histogram>,
    findings: Family<FindingLabels, Counter>,
    shed: Family<ShedLabels, Counter>,
    in_flight: Gauge,
    connections: Gauge,
    certificate: Gauge,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Allowed,
    Denied,
    /// Input that cannot be read: 4xx.
    Refused,
    /// A failure of ours: 5xx.
    Failed,
    /// Not judged: 503, with its reason in [`Shed`].
    Shed,
}

/// Why a request or a connection was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// No room for one more review.
    Busy,
    /// Its time was over before it was judged.
    Late,
    Panic,
    /// The TLS handshake failed: most often a caller that does not trust the certificate, or a probe that is no TLS.
    Handshake,
    HandshakeLate,
    /// Connected, and asked nothing.
    Silent,
    /// The connection broke.
    Connection,
    /// All places were taken, and it held one without need.
    Crowded,
    /// All places were taken by connections with something in hand.
    Full,
    /// `accept` failed: most often too many open files.
    Accept,
    /// Still open when the time for shutting down was over.
    Shutdown,
}

/// Counts one while it lives.
#[derive(Debug)]
pub struct Counted(Gauge);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    policy: String,
    code: String,
    consequence: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    door: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DoorLabels {
    door: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShedLabels {
    reason: &'static str,
}

/// Seconds. A review takes tens of microseconds, and one that asks the API server a few milliseconds.
const BUCKETS: [f64; 16] = [
    0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5,
    10.0,
];

// === impl Metrics ===

impl Metrics {
    /// Puts the metrics into what `/metrics` prints.
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            findings: Family::default(),
            shed: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            certificate: Gauge::default(),
        };
        registry.register("webhook_requests", "Reviews by door and outcome", metrics.requests.clone());
        registry.register(
            "webhook_request_seconds",
            "Time from a review's head to its answer",
            metrics.seconds.clone(),
        );
        let help = "Findings by policy, code and what followed";
        registry.register("findings", help, metrics.findings.clone());
        registry.register("webhook_shed", "Reviews and connections given up, by reason", metrics.shed.clone());
        registry.register("webhook_requests_in_flight", "Reviews in hand", metrics.in_flight.clone());
        registry.register("webhook_connections", "Open connections", metrics.connections.clone());
        let help = "When the serving certificate expires, in seconds since 1970";
        registry.register("webhook_certificate_expiry_seconds", help, metrics.certificate.clone());
        for reason in Shed::ALL {
            drop(metrics.shed.get_or_create_owned(&ShedLabels { reason: reason.name() }));
        }
        Arc::new(metrics)
    }

    pub fn answered(&self, door: Door, outcome: Outcome, took: Duration) {
        let door = door.path();
        self.requests.get_or_create(&RequestLabels { door, outcome: outcome.name() }).inc();
        self.seconds.get_or_create(&DoorLabels { door }).observe(took.as_secs_f64());
    }

    /// Policies and codes are as many as somebody wrote: nothing of a request is among them.
    pub fn found(&self, tally: &[Tally]) {
        for Tally { policy, code, consequence } in tally {
            let labels = FindingLabels { policy: policy.clone(), code: code.clone(), consequence };
            self.findings.get_or_create(&labels).inc();
        }
    }

    pub fn shed(&self, reason: Shed) {
        self.shed.get_or_create(&ShedLabels { reason: reason.name() }).inc();
    }

    pub fn certificate_expires(&self, at: jiff::Timestamp) {
        self.certificate.set(at.as_second());
    }

    pub(super) fn reviews_in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    pub(super) fn enter(&self) -> Counted {
        Counted::new(&self.in_flight)
    }

    pub(super) fn connect(&self) -> Counted {
        Counted::new(&self.connections)
    }
}

// === impl Outcome ===

impl Outcome {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Shed => "shed",
        }
    }
}

// === impl Shed ===

impl Shed {
    const ALL: [Self; 11] = [
        Self::Busy,
        Self::Late,
        Self::Panic,
        Self::Handshake,
        Self::HandshakeLate,
        Self::Silent,
        Self::Connection,
        Self::Crowded,
        Self::Full,
        Self::Accept,
        Self::Shutdown,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Late => "late",
            Self::Panic => "panic",
            Self::Handshake => "handshake",
            Self::HandshakeLate => "handshake-late",
            Self::Silent => "silent",
            Self::Connection => "connection",
            Self::Crowded => "crowded",
            Self::Full => "full",
            Self::Accept => "accept",
            Self::Shutdown => "shutdown",
        }
    }
}

// === impl Counted ===

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

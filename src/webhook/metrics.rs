//! What the webhook counts. Labels are few and fixed: nothing of a request becomes one.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{Door, wire::Tally};
use crate::tls::Standing;

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
    authorities: Family<AuthorityLabels, Gauge>,
    certificates_refused: Family<ShedLabels, Counter>,
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
    /// A caller without a certificate that `--tls-client-ca` and `--tls-client-name` ask for.
    Caller,
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
struct AuthorityLabels {
    ca: &'static str,
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
            authorities: Family::default(),
            certificates_refused: Family::default(),
        };
        registry.register("webhook_requests", "Reviews by door and outcome", metrics.requests.clone());
        registry.register(
            "webhook_request_seconds",
            "Seconds from the head of a review to its answer, by door",
            metrics.seconds.clone(),
        );
        let help = "Findings by policy, code and what followed";
        registry.register("findings", help, metrics.findings.clone());
        registry.register("webhook_shed", "Reviews and connections given up, by reason", metrics.shed.clone());
        registry.register(
            "webhook_requests_in_flight",
            "Reviews that are being answered now",
            metrics.in_flight.clone(),
        );
        let help = "Open connections, with those whose TLS handshake is under way";
        registry.register("webhook_connections", help, metrics.connections.clone());
        let help = "When the serving certificate expires, in seconds since 1970";
        registry.register("webhook_certificate_expiry_seconds", help, metrics.certificate.clone());
        let help = "When the CAs expire that callers are told to believe, in seconds since 1970: the one that signs, and the first of the others; nothing where that is not ours to say";
        registry.register("webhook_ca_expiry_seconds", help, metrics.authorities.clone());
        let help = "Certificates that were not taken over, by reason; what served before went on serving";
        registry.register("webhook_certificates_refused", help, metrics.certificates_refused.clone());
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

    /// How the certificate stands that is served, and what callers are to believe.
    pub fn certificate(&self, standing: &Standing) {
        self.certificate.set(standing.not_after.map_or(0, jiff::Timestamp::as_second));
        for ca in ["signing", "other"] {
            let labels = AuthorityLabels { ca };
            match standing.authorities.iter().find(|(name, _)| *name == ca) {
                Some((_, at)) => drop(self.authorities.get_or_create(&labels).set(at.as_second())),
                None => drop(self.authorities.remove(&labels)),
            }
        }
        if let Some(reason) = standing.refused {
            self.certificates_refused.get_or_create(&ShedLabels { reason }).inc();
        }
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
    const ALL: [Self; 12] = [
        Self::Busy,
        Self::Late,
        Self::Panic,
        Self::Handshake,
        Self::HandshakeLate,
        Self::Caller,
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
            Self::Caller => "caller",
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

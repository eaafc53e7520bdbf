//! What one of several processes does beside answering reviews: it makes the grants that stored telemetry objects need and
//! may have, removes those of ours that nobody needs, and says how things stand where people look.

mod events;
mod grants;
mod live;
pub mod reconcile;
mod registered;
pub mod status;

pub mod wanted;

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// How the controller goes about it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For how long a grant of ours stays after it was made, whoever needs it: what it was made for may not be stored yet.
    pub grace: Duration,
    /// Between two looks for what is unneeded: at two of them a grant must be so before it goes.
    pub look: Duration,
    /// After which everything is looked at again, whatever changed.
    pub resync: Duration,
    /// For how long changes are gathered: one `kubectl apply` is many.
    pub gather: Duration,
    /// From an error in a stored object to its Event: what is being mended is not told.
    pub patience: Duration,
    /// This process, in Events.
    pub identity: String,
    /// Namespace and name of our Service, by which webhook configurations call us; None where they call a URL.
    pub service: Option<(String, String)>,
}

/// The controller's part of `/metrics`.
#[derive(Debug)]
pub struct Metrics {
    grants: Family<GrantLabels, Counter>,
    leader: Gauge,
}

/// What became of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Made,
    /// It was there already.
    Kept,
    /// One that was deleted although it was needed.
    Restored,
    Removed,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GrantLabels {
    event: &'static str,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace: Duration::from_mins(10),
            look: Duration::from_secs(5),
            resync: Duration::from_mins(10),
            gather: Duration::from_millis(100),
            patience: Duration::from_secs(2),
            identity: "portcullis".to_owned(),
            service: None,
        }
    }
}

// === impl Metrics ===

impl Metrics {
    /// Puts the metrics into what `/metrics` prints.
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self { grants: Family::default(), leader: Gauge::default() };
        registry.register("grants", "ReferenceGrants of ours, by what became of them", metrics.grants.clone());
        registry.register("leader", "Whether this process leads", metrics.leader.clone());
        for outcome in [Outcome::Made, Outcome::Kept, Outcome::Restored, Outcome::Removed, Outcome::Failed] {
            drop(metrics.grants.get_or_create_owned(&GrantLabels { event: outcome.name() }));
        }
        Arc::new(metrics)
    }

    /// Counts a grant; one that a review had made counts here as well.
    pub fn grant(&self, outcome: Outcome) {
        self.grants.get_or_create(&GrantLabels { event: outcome.name() }).inc();
    }

    fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }
}

// === impl Outcome ===

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Kept => "kept",
            Self::Restored => "restored",
            Self::Removed => "removed",
            Self::Failed => "failed",
        }
    }
}

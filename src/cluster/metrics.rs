//! What is counted of the cluster: how much of it is known, since when, and what reading it again has changed.
#![expect(clippy::disallowed_methods, reason = "edge: when the view was published")]

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{cluster::exceptions::Exceptions, engine::snapshot::Snapshot};

/// The cluster's part of `/metrics`.
#[derive(Debug, Default)]
pub struct Metrics {
    objects: Family<KindLabels, Gauge>,
    known: Family<KindLabels, Gauge>,
    published: Gauge,
    policies: Gauge,
    not_compiling: Gauge,
    exceptions: Family<StateLabels, Gauge>,
    confirmed: Family<ResultLabels, Counter>,
    grants: Family<GrantLabels, Counter>,
    leader: Gauge,
}

/// What became of a grant, whether a review or the controller saw to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    Made,
    /// It was there already.
    Kept,
    /// One that was deleted although it was needed.
    Restored,
    Removed,
    Failed,
}

/// What reading look-ups again has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// What followed from the view follows still.
    Alike,
    /// Something else follows: the view was behind.
    Changed,
    /// A look-up could not be read.
    Unread,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GrantLabels {
    event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

// === impl Metrics ===

impl Metrics {
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self::default();
        registry.register("view_objects", "Objects of a kind in the view", metrics.objects.clone());
        let help = "1 where all objects of a kind are in the view and it is being watched, else 0";
        registry.register("view_known", help, metrics.known.clone());
        let help = "When the view was last published, in seconds since 1970";
        registry.register("view_published_timestamp_seconds", help, metrics.published.clone());
        registry.register("policies_in_force", "GuardPolicies that are in force", metrics.policies.clone());
        let help = "GuardPolicies whose last version does not compile; a version before it may be in force";
        registry.register("policies_not_compiling", help, metrics.not_compiling.clone());
        let help = "GuardExceptions by state: `holding`, `expiring` within a week, `expired`, and `idle` where no policy lets it hold or it does not compile";
        registry.register("exceptions", help, metrics.exceptions.clone());
        let help = "Answers before which look-ups were read again, by whether something else followed; `unread` counts look-ups that could not be read";
        registry.register("confirmed", help, metrics.confirmed.clone());
        registry.register("grants", "ReferenceGrants of ours, by what became of them", metrics.grants.clone());
        registry.register("leader", "1 while this process leads, else 0", metrics.leader.clone());
        for grant in [Grant::Made, Grant::Kept, Grant::Restored, Grant::Removed, Grant::Failed] {
            drop(metrics.grants.get_or_create_owned(&GrantLabels { event: grant.event() }));
        }
        Arc::new(metrics)
    }

    pub fn kind(&self, kind: &str, objects: usize, known: bool) {
        let labels = KindLabels { kind: kind.to_owned() };
        self.objects.get_or_create(&labels).set(i64::try_from(objects).unwrap_or(i64::MAX));
        self.known.get_or_create(&labels).set(i64::from(known));
    }

    pub fn published(&self) {
        self.published.set(jiff::Timestamp::now().as_second());
    }

    pub fn policies(&self, in_force: usize) {
        self.policies.set(i64::try_from(in_force).unwrap_or(i64::MAX));
    }

    pub fn policies_not_compiling(&self, wrong: usize) {
        self.not_compiling.set(i64::try_from(wrong).unwrap_or(i64::MAX));
    }

    pub fn exceptions(&self, exceptions: &Exceptions, snapshot: &Snapshot, now: Timestamp) {
        let mut counts = BTreeMap::from([("holding", 0), ("expiring", 0), ("expired", 0), ("idle", 0)]);
        for standing in exceptions.standings() {
            let state = match &standing.in_force {
                Some(exception) if exception.has_ended(now) => "expired",
                Some(exception) if !exception.reach(&snapshot.policies, &snapshot.view, now).holds => "idle",
                Some(exception) if exception.ends_soon(now) => "expiring",
                Some(_) => "holding",
                None => "idle",
            };
            *counts.entry(state).or_default() += 1;
        }
        for (state, count) in counts {
            self.exceptions.get_or_create(&StateLabels { state }).set(count);
        }
    }

    pub fn confirmed(&self, confirmed: Confirmed) {
        let result = match confirmed {
            Confirmed::Alike => "alike",
            Confirmed::Changed => "changed",
            Confirmed::Unread => "unread",
        };
        self.confirmed.get_or_create(&ResultLabels { result }).inc();
    }

    pub fn grant(&self, grant: Grant) {
        self.grants.get_or_create(&GrantLabels { event: grant.event() }).inc();
    }

    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }
}

// === impl Grant ===

impl Grant {
    const fn event(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Kept => "kept",
            Self::Restored => "restored",
            Self::Removed => "removed",
            Self::Failed => "failed",
        }
    }
}

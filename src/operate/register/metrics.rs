//! What is counted of the registration. Only the leader registers, so that only its figures say something.

use std::sync::Arc;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use serde_json::Value;

use crate::operate::{probe::Reached, webhooks::OURS};

/// The registration's part of `/metrics`.
#[derive(Debug, Default)]
pub struct Metrics {
    entries: Family<EntryLabels, Gauge>,
    probes: Family<ResultLabels, Counter>,
    writes: Family<ResultLabels, Counter>,
    differences: Gauge,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Done,
    /// Somebody else was faster: it is read again.
    Conflict,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EntryLabels {
    entry: &'static str,
    failure_policy: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

const FAILURE_POLICIES: [&str; 2] = ["Fail", "Ignore"];
const PROBED: [&str; 4] = ["reached", "not_asked", "not_reached", "unknown"];

// === impl Metrics ===

impl Metrics {
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self::default();
        let help = "1 where an entry of ours is registered with this failurePolicy, else 0; on the leader";
        registry.register("registration_entries", help, metrics.entries.clone());
        let help = "Probes of whether the API server reaches us, by what they have shown";
        registry.register("registration_probes", help, metrics.probes.clone());
        registry.register(
            "registration_writes",
            "Writes of a webhook configuration, by result",
            metrics.writes.clone(),
        );
        let help = "In how many things the webhook configurations are not what they should be, where others keep them";
        registry.register("registration_differences", help, metrics.differences.clone());
        for result in PROBED {
            drop(metrics.probes.get_or_create_owned(&ResultLabels { result }));
        }
        for write in [Write::Done, Write::Conflict, Write::Failed] {
            drop(metrics.writes.get_or_create_owned(&ResultLabels { result: write.name() }));
        }
        metrics.entries(&[]);
        Arc::new(metrics)
    }

    /// What is registered, of all that the configurations hold.
    pub fn entries(&self, registered: &[&Value]) {
        let text = |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
        for entry in OURS {
            let found = registered.iter().find(|one| text(one, "name").as_deref() == Some(entry));
            let policy = found.and_then(|found| text(found, "failurePolicy"));
            for failure_policy in FAILURE_POLICIES {
                let is_so = policy.as_deref() == Some(failure_policy);
                self.entries.get_or_create(&EntryLabels { entry, failure_policy }).set(is_so.into());
            }
        }
    }

    pub fn probed(&self, reached: &Reached) {
        let [yes, not_asked, no, unknown] = PROBED;
        let result = match reached {
            Reached::Yes => yes,
            Reached::NotAsked => not_asked,
            Reached::No(_) => no,
            Reached::Unknown(_) => unknown,
        };
        self.probes.get_or_create(&ResultLabels { result }).inc();
    }

    pub fn wrote(&self, write: Write) {
        self.writes.get_or_create(&ResultLabels { result: write.name() }).inc();
    }

    pub fn differences(&self, count: usize) {
        self.differences.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

// === impl Write ===

impl Write {
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
        }
    }
}

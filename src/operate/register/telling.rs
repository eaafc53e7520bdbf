//! What the leader says of the registration: to the log, `/readyz` and `/metrics`, and to whoever keeps the certificates.
#![expect(clippy::disallowed_methods, reason = "an edge: for how long probes have failed")]

use std::time::Instant;

use serde_json::Value;

use crate::{
    health::Condition,
    operate::{
        register::{
            HEALTH, Keeper, SWITCH,
            configurations::{Known, is_off},
        },
        webhooks::{self, CaBundle, Kind},
    },
};

/// Problems that are said one by one.
const SAID: usize = 5;

impl Keeper<'_> {
    /// Tells others what is registered now.
    pub(super) fn settle(&self) {
        let there = || self.known.values().filter_map(Known::object);
        let read = Kind::ALL.iter().all(|kind| self.known.get(kind).is_some_and(|known| *known != Known::NotYet));
        let alone = match &self.ca {
            CaBundle::Ours(pem) => Some(pem.as_str()),
            CaBundle::Foreign => None,
        };
        let held = if read { webhooks::held(there(), alone) } else { None };
        self.parts.held.send_if_modified(|before| {
            let changed = *before != held;
            *before = held;
            changed
        });
        let entries = there().filter_map(|one| one.get("webhooks").and_then(Value::as_array)).flatten();
        self.parts.metrics.entries(&entries.collect::<Vec<_>>());
    }

    /// Says how it stands, where that has changed.
    pub(super) fn report(&mut self) {
        let mut problems = self.problems();
        if let Some((_, reached)) = &self.probed
            && let Some(long) = self.closing.failing_for(Instant::now())
            && long >= self.settings.probe_every / 4
        {
            problems.push(reached.to_string());
            if !self.closing.is_closed() {
                problems.push("until it does, nothing fails closed".to_owned());
            }
        }
        self.say(problems);
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for kind in Kind::ALL {
            let what = format!("{} `{}`", kind.name(), self.settings.configuration);
            match self.known.get(&kind) {
                _ if self.unread.contains_key(&kind) => {
                    let why = self.unread.get(&kind).map(|(why, _)| why.as_str()).unwrap_or_default();
                    problems.push(format!("the {what} cannot be read: {why}"));
                }
                Some(Known::Absent) => problems.push(format!("there is no {what}: by it nothing is asked of us")),
                Some(Known::There(read)) if is_off(read) => {
                    problems
                        .push(format!("the {what} has the annotation `{SWITCH}: off`: by it nothing is asked of us"));
                }
                _ => {}
            }
            if let Some(refusal) = self.refusals.get(&kind).filter(|refusal| !refusal.why.is_empty()) {
                problems.push(format!("the {what} cannot be written: {}", refusal.why));
            }
        }
        problems
    }

    /// What differs from what would be registered, where somebody else keeps the configurations.
    pub(super) fn compare(&mut self) {
        let Some(entries) = self.entries.as_ref().filter(|_| self.changed) else { return };
        let mut differences = self.problems();
        for (kind, known) in &self.known {
            match known {
                Known::There(read) if is_off(read) => {}
                Known::There(read) => {
                    let found = webhooks::differences(*kind, read, entries.of_kind(*kind));
                    differences.extend(found.into_iter().map(|difference| format!("{}: {difference}", kind.name())));
                }
                Known::NotYet | Known::Absent => {}
            }
        }
        self.changed = false;
        self.parts.metrics.differences(differences.len());
        self.settle();
        self.say(differences);
    }

    fn say(&mut self, problems: Vec<String>) {
        let more = problems.len().saturating_sub(SAID);
        let mut said = problems.into_iter().take(SAID).collect::<Vec<_>>().join("; ");
        if more > 0 {
            said.push_str(&format!("; and {more} more"));
        }
        if self.said.as_ref() == Some(&said) {
            return;
        }
        if said.is_empty() {
            self.parts.health.set(HEALTH, Condition::Ready);
        } else {
            tracing::warn!(why = said, "the registration is not as it should be");
            self.parts.health.set(HEALTH, Condition::Degraded(said.clone()));
        }
        self.said = Some(said);
    }
}

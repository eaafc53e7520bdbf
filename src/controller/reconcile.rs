//! The leader's loop: what changed concerns telemetry objects; they get the grants that they lack and may have, what is
//! wrong with them is told, and grants of ours that nobody needs go.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use futures::{FutureExt, StreamExt, stream};
use serde_json::Value;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};

use crate::{
    cluster::{
        api::Api,
        changes::Changes,
        ensure::Ensured,
        metrics::{Grant, Metrics},
    },
    controller::{
        Settings,
        events::Events,
        grants::{self, Removal},
        live, wanted,
    },
    engine::{
        kinds::{GATEWAY_API, telemetry::TelemetryKind},
        limits,
        policy::Policy,
        snapshot::Snapshot,
        subject::ObjectKey,
        view::View,
    },
};

/// Reconciles whenever this process leads, until whoever says so is gone. INVARIANT: a change is noted after the snapshot
/// that holds it is stored.
pub async fn run(
    api: Api,
    current: Arc<ArcSwap<Snapshot>>,
    changes: Changes,
    mut leader: watch::Receiver<bool>,
    settings: Settings,
    metrics: Arc<Metrics>,
) {
    loop {
        while !*leader.borrow_and_update() {
            tokio::select! {
                changed = leader.changed() => if changed.is_err() { return },
                // Whoever leads sees them as well.
                _ = changes.next() => {}
            }
        }
        metrics.leads(true);
        let mut reconciler = Reconciler::new(&api, &current, &changes, &settings, &metrics);
        let gone = tokio::select! {
            lost = leader.wait_for(|leads| !leads) => lost.is_err(),
            () = reconciler.lead() => false,
        };
        metrics.leads(false);
        if gone {
            return;
        }
    }
}

struct Reconciler<'a> {
    api: &'a Api,
    current: &'a ArcSwap<Snapshot>,
    changes: &'a Changes,
    settings: &'a Settings,
    metrics: &'a Metrics,
    events: Events,
    /// By these the declined were judged.
    policies: Vec<Arc<Policy>>,
    /// Whether telemetry objects and grants were all known at the last look.
    known: bool,
    /// Telemetry objects that lack a grant, and are to be looked at now.
    lacking: BTreeSet<ObjectKey>,
    /// Telemetry objects for which nothing may be made. Another grant in their collector's namespace changes nothing there.
    declined: BTreeSet<ObjectKey>,
    /// What failed, and when it is tried again.
    retries: BTreeMap<ObjectKey, Retry>,
    /// Telemetry objects that may be broken, and when they are judged for Events.
    doubtful: BTreeMap<ObjectKey, Instant>,
    /// Grants that were deleted.
    deleted: BTreeSet<ObjectKey>,
    /// Grants of ours that nobody needed at the last look.
    suspects: BTreeMap<ObjectKey, Suspect>,
    /// Something changed that may leave a grant unneeded.
    look_again: bool,
    told_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Retry {
    at: Instant,
    times: u32,
}

/// A grant that may go.
#[derive(Clone, Debug)]
struct Suspect {
    /// When it is looked at again.
    at: Instant,
    /// The resourceVersion in which it will have been marked as leaving for long enough by then.
    marked: Option<String>,
}

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_mins(5);
/// Between two rounds of judging for Events.
const TELL: Duration = Duration::from_secs(1);

impl<'a> Reconciler<'a> {
    fn new(
        api: &'a Api,
        current: &'a ArcSwap<Snapshot>,
        changes: &'a Changes,
        settings: &'a Settings,
        metrics: &'a Metrics,
    ) -> Self {
        Self {
            api,
            current,
            changes,
            settings,
            metrics,
            events: Events::new(api.clone(), &settings.identity),
            policies: Vec::new(),
            known: false,
            lacking: BTreeSet::new(),
            declined: BTreeSet::new(),
            retries: BTreeMap::new(),
            doubtful: BTreeMap::new(),
            deleted: BTreeSet::new(),
            suspects: BTreeMap::new(),
            look_again: true,
            told_at: None,
        }
    }

    async fn lead(&mut self) {
        let mut look = interval(self.settings.between_looks());
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut resynced = Instant::now();
        loop {
            let mut looks = false;
            tokio::select! {
                changed = self.changes.next() => {
                    sleep(self.settings.gather).await;
                    let more = self.changes.next().now_or_never().unwrap_or_default();
                    self.take_in(&changed.union(&more).cloned().collect());
                }
                () = sleep_until(self.due()) => {}
                _ = look.tick() => looks = true,
            }
            let snapshot = self.current.load_full();
            let again = resynced.elapsed() >= self.settings.resync;
            if again || self.is_new(&snapshot) {
                resynced = Instant::now();
                self.take_in_all(&snapshot.view);
            }
            self.make(&snapshot).await;
            self.tell(&snapshot).await;
            if looks {
                self.remove(&snapshot.view).await;
            }
        }
    }

    /// When there is something to do without a change.
    fn due(&self) -> Instant {
        let now = Instant::now();
        if !self.lacking.is_empty() {
            return now;
        }
        let told = self.told_at.map_or(now, |at| at + TELL);
        let retries = self.retries.values().map(|retry| retry.at);
        let events = self.doubtful.values().map(|at| (*at).max(told));
        retries.chain(events).min().unwrap_or(now + self.settings.resync)
    }

    /// Whether all is to be looked at: other policies, or a view that is whole only now.
    fn is_new(&mut self, snapshot: &Snapshot) -> bool {
        let policies = snapshot.policies.policies();
        let same =
            self.policies.len() == policies.len() && self.policies.iter().zip(policies).all(|(a, b)| Arc::ptr_eq(a, b));
        let known = wanted::is_known(&snapshot.view);
        let new = !same || (known && !self.known);
        self.policies = policies.to_vec();
        self.known = known;
        new
    }

    fn take_in(&mut self, changed: &BTreeSet<ObjectKey>) {
        let snapshot = self.current.load();
        let view = &snapshot.view;
        let is_grant = |key: &&ObjectKey| &*key.group == GATEWAY_API && &*key.kind == "ReferenceGrant";
        let (grants, others): (BTreeSet<_>, BTreeSet<_>) = changed.iter().cloned().partition(|key| is_grant(&key));
        let about_telemetry = |key: &ObjectKey| TelemetryKind::of(&key.group, &key.kind).is_some();
        self.look_again |= !grants.is_empty()
            || others.iter().any(|key| about_telemetry(key) || (key.group.is_empty() && &*key.kind == "Namespace"));
        if !grants.is_empty() {
            let there = view.keys_of(GATEWAY_API, "ReferenceGrant");
            let room = limits::EVENTS_KEPT.saturating_sub(self.deleted.len());
            self.deleted.extend(grants.iter().filter(|key| there.binary_search(key).is_err()).take(room).cloned());
        }
        let by_others = wanted::concerned(view, &others);
        self.declined.retain(|key| !by_others.contains(key));
        self.retries.retain(|key, _| !by_others.contains(key));
        let mut concerned = by_others;
        concerned.extend(wanted::concerned(view, &grants));
        self.queue(view, Some(&concerned));
    }

    fn take_in_all(&mut self, view: &View) {
        self.declined.clear();
        self.look_again = true;
        self.queue(view, None);
    }

    fn queue(&mut self, view: &View, concerned: Option<&BTreeSet<ObjectKey>>) {
        let missing = wanted::missing(view, concerned).into_iter();
        let waiting = |key: &ObjectKey| self.declined.contains(key) || self.retries.contains_key(key);
        let lacking: Vec<_> = missing.filter(|key| !waiting(key)).collect();
        self.lacking.extend(lacking);
        let at = Instant::now() + self.settings.patience;
        for key in wanted::broken(view, concerned) {
            if self.doubtful.len() < limits::EVENTS_WAITING {
                self.doubtful.entry(key).or_insert(at);
            }
        }
    }

    async fn make(&mut self, snapshot: &Snapshot) {
        let now = Instant::now();
        let due = self.retries.iter().filter(|(_, retry)| retry.at <= now).map(|(key, _)| key.clone());
        let mut keys: Vec<_> = due.take(limits::RECONCILED_AT_ONCE).collect();
        while keys.len() < limits::RECONCILED_AT_ONCE
            && let Some(key) = self.lacking.pop_first()
        {
            keys.push(key);
        }
        if keys.is_empty() {
            return;
        }
        let made = grants::make(self.api, &snapshot.policies, &snapshot.view, keys.clone()).await;
        let failed: BTreeSet<_> = made.failed.iter().map(|(key, _)| key.clone()).collect();
        for key in keys.iter().filter(|key| !failed.contains(*key)) {
            self.retries.remove(key);
        }
        self.declined.extend(made.declined);
        for (key, why) in made.failed {
            self.metrics.grant(Grant::Failed);
            tracing::warn!(object = %key, "{why}");
            self.retry(key);
        }
        for (ensured, needed_by) in made.grants {
            self.made(&ensured, &needed_by).await;
        }
    }

    async fn made(&mut self, ensured: &Ensured, needed_by: &[(ObjectKey, Value)]) {
        let grant = &ensured.key;
        let restored = self.deleted.remove(grant);
        if !ensured.made {
            self.metrics.grant(Grant::Kept);
            return;
        }
        let (outcome, reason, did) =
            if restored { (Grant::Restored, "GrantRestored", "restored") } else { (Grant::Made, "GrantMade", "made") };
        self.metrics.grant(outcome);
        tracing::info!(%grant, needed_by = needed_by.len(), "{did} a grant");
        for (key, object) in needed_by.iter().take(limits::EVENTS_AT_ONCE) {
            let note = format!("{did} ReferenceGrant `{}/{}`, which this object needs", grant.namespace, grant.name);
            self.events.done(key, object, reason, &note).await;
        }
    }

    fn retry(&mut self, key: ObjectKey) {
        let times = self.retries.get(&key).map_or(0, |retry| retry.times);
        let pause = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(times)).min(LAST_RETRY);
        self.retries.insert(key, Retry { at: Instant::now() + pause, times: times.saturating_add(1) });
    }

    async fn tell(&mut self, snapshot: &Snapshot) {
        let now = Instant::now();
        if self.told_at.is_some_and(|at| now < at + TELL) {
            return;
        }
        let due = self.doubtful.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone());
        let due: BTreeSet<_> = due.take(limits::EVENTS_AT_ONCE).collect();
        if due.is_empty() {
            return;
        }
        self.told_at = Some(now);
        self.doubtful.retain(|key, _| !due.contains(key));
        let broken = wanted::broken(&snapshot.view, Some(&due));
        for (key, read) in live::get_all(self.api, broken).await {
            let Ok(Some(object)) = read else { continue };
            let view = snapshot.view.with(&key, &object);
            for finding in grants::errors(&snapshot.policies, &view, &key, &object) {
                self.events.wrong(&key, &object, &finding).await;
            }
        }
    }

    async fn remove(&mut self, view: &View) {
        if !self.look_again && self.suspects.is_empty() {
            return;
        }
        self.look_again = false;
        let unneeded: BTreeSet<_> = wanted::unneeded(view, None).into_iter().collect();
        self.suspects.retain(|key, _| unneeded.contains(key));
        if wanted::is_known(view) {
            let regretted = wanted::leaving(view).into_iter().filter(|key| !unneeded.contains(key));
            let keep = async |key: ObjectKey| grants::keep(self.api, view, &key).await;
            let mut kept = stream::iter(regretted).map(keep).buffer_unordered(limits::CALLS_AT_ONCE);
            while let Some(kept) = kept.next().await {
                self.look_again |= !kept;
            }
        }
        let now = Instant::now();
        // At the next look, unless somebody needs it by then.
        let due = self.suspects.iter().filter(|(_, suspect)| suspect.at <= now);
        let due: Vec<_> = due.map(|(key, suspect)| (key.clone(), suspect.marked.clone())).collect();
        let suspect = |pause: Duration| Suspect { at: now + pause, marked: None };
        for key in unneeded {
            self.suspects.entry(key).or_insert_with(|| suspect(self.settings.between_looks() / 2));
        }
        let remove = async |(key, marked): (ObjectKey, Option<String>)| {
            let removal = grants::remove(self.api, view, &key, self.settings.grace, marked.as_deref()).await;
            (key, removal)
        };
        let removals: Vec<_> = stream::iter(due).map(remove).buffer_unordered(limits::CALLS_AT_ONCE).collect().await;
        for (key, removal) in removals {
            match removal {
                Removal::Removed => {
                    self.suspects.remove(&key);
                    self.metrics.grant(Grant::Removed);
                    tracing::info!(grant = %key, "removed a grant that nobody needs any more");
                }
                Removal::Stays => drop(self.suspects.remove(&key)),
                Removal::Young(still) => drop(self.suspects.insert(key, suspect(still))),
                Removal::Marked(version) => {
                    let at = Instant::now() + self.settings.leaves_after();
                    self.suspects.insert(key, Suspect { at, marked: Some(version) });
                }
                Removal::Failed(why) => {
                    self.metrics.grant(Grant::Failed);
                    tracing::warn!(grant = %key, why, "a grant that nobody needs could not be removed");
                    self.suspects.insert(key, suspect(LAST_RETRY));
                }
            }
        }
    }
}

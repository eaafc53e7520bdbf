//! The index: what is heard of the cluster becomes a view and a set of policies, published together as soon as it is heard.
//!
//! One task owns both and is the only writer. A change costs what it changes: the tables are persistent, and publishing is
//! one pointer.
#![expect(clippy::disallowed_methods, reason = "edge: how long a watch has been failing")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::{sync::mpsc, task::AbortHandle, time};

use crate::{
    cluster::{
        api::Api,
        changes::Changes,
        exceptions::{self, Exceptions},
        metrics::Metrics,
        policies::{Policies, Standing},
        watch::{self, Heard, News},
        watched::{self, GUARD_EXCEPTION, GUARD_POLICY},
    },
    engine::{kinds::Kind, name::Name, snapshot::Snapshot, subject::ObjectKey, view::View},
    health::{Condition, Health},
};

/// How long a kind may fail before what is not known of it is said to be unknown, and readiness no longer waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Changes that may wait for the index, of all kinds together. Whole objects wait here, each many times larger than what is
/// kept of it: more of them make nothing faster, and memory that was needed once stays.
const WAITING: usize = 128;

/// What the index publishes. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Published {
    pub current: Arc<ArcSwap<Snapshot>>,
    pub standings: Arc<ArcSwap<Vec<Standing>>>,
    pub exceptions: Arc<ArcSwap<Vec<exceptions::Standing>>>,
    pub changes: Changes,
}

/// The writer of it all.
#[derive(Debug)]
pub struct Index {
    api: Api,
    published: Published,
    health: Health,
    metrics: Arc<Metrics>,
    policies: Policies,
    exceptions: Exceptions,
    snapshot: Snapshot,
    kinds: BTreeMap<(&'static str, &'static str), Followed>,
    /// Once everything was known, what is not known any more is no reason to be unready.
    was_ready: bool,
    sender: mpsc::Sender<Heard>,
    receiver: mpsc::Receiver<Heard>,
}

/// A kind that is watched.
#[derive(Debug)]
struct Followed {
    task: AbortHandle,
    /// It was listed whole, or is not served: its objects are in the view.
    listed: bool,
    /// The list that is under way.
    listing: Option<Listing>,
    /// Why it cannot be watched now.
    failing: Option<String>,
    /// Since when it is not listed, or failing.
    since: Instant,
}

/// What a list that is under way has brought so far.
#[derive(Debug)]
enum Listing {
    /// There was nothing before it: whatever is known when it ends is what it brought.
    First,
    Again(BTreeSet<ObjectKey>),
}

// === impl Index ===

impl Index {
    pub fn new(api: Api, view: View, published: Published, health: Health, metrics: Arc<Metrics>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let snapshot = Snapshot { view, ..Snapshot::default() };
        let (policies, exceptions, kinds) = (Policies::default(), Exceptions::default(), BTreeMap::new());
        let was_ready = false;
        Self { api, published, health, metrics, policies, exceptions, snapshot, kinds, was_ready, sender, receiver }
    }

    /// Follows the cluster until the process ends.
    pub async fn run(mut self) {
        for kind in watched::ALWAYS {
            self.follow(kind);
        }
        let mut heard = Vec::with_capacity(WAITING);
        let mut seconds = time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = self.receiver.recv_many(&mut heard, WAITING) => {}
                _ = seconds.tick() => {
                    self.begin_again();
                    self.lose_patience();
                    if self.policies.settle() {
                        self.compile();
                        self.published.current.store(Arc::new(self.snapshot.clone()));
                    }
                    self.report();
                    continue;
                }
            }
            // What came meanwhile is published with it. To wait for more would cost a timer and make the view older.
            while let Ok(more) = self.receiver.try_recv() {
                heard.push(more);
                if heard.len() >= 2 * WAITING {
                    break;
                }
            }
            self.take(heard.drain(..));
        }
    }

    fn take(&mut self, heard: impl Iterator<Item = Heard>) {
        let mut changed = BTreeSet::new();
        let mut policies_changed = false;
        let mut stages_changed = false;
        for Heard { kind, news } in heard {
            stages_changed |= !matches!(news, News::Applied(..) | News::Deleted(_) | News::Listed(..));
            policies_changed |= self.hear(kind, news, &mut changed);
        }
        // A list of policies counts as a whole.
        if policies_changed && self.kinds.get(&GUARD_POLICY).is_some_and(|policies| policies.listed) {
            self.compile();
        }
        self.published.current.store(Arc::new(self.snapshot.clone()));
        self.metrics.published();
        if !changed.is_empty() {
            self.published.changes.note(changed);
        }
        if policies_changed || stages_changed {
            self.report();
        }
    }

    /// Takes note of it, and says whether it may change which policies are in force.
    fn hear(&mut self, kind: &'static Kind, news: News, changed: &mut BTreeSet<ObjectKey>) -> bool {
        let id = (kind.group, kind.kind);
        let mut policies_changed = is_ours(kind) && matches!(news, News::Complete | News::NotServed | News::Deleted(_));
        let Some(followed) = self.kinds.get_mut(&id) else { return false };
        match &news {
            News::Failing(why) => followed.fails(kind.kind, why),
            // That a list begins does not say that it will end.
            News::Begun | News::Listed(..) => {}
            _ => followed.answers(kind.kind),
        }
        match news {
            News::Begun => {
                let first = !is_ours(kind) && self.snapshot.view.len_of(kind.group, kind.kind) == 0;
                followed.listing = Some(if first { Listing::First } else { Listing::Again(BTreeSet::new()) });
            }
            News::Listed(key, object) | News::Applied(key, object) => {
                if let Some(Listing::Again(brought)) = &mut followed.listing {
                    brought.insert(key.clone());
                }
                match id {
                    GUARD_POLICY => policies_changed |= self.policies.insert(&key.name, &object),
                    GUARD_EXCEPTION => policies_changed |= self.exceptions.insert(&key, &object),
                    _ => self.snapshot.view.insert(&key, &object),
                }
                changed.insert(key);
            }
            News::Deleted(key) => {
                self.forget(id, &key);
                changed.insert(key);
            }
            // What the API server does not serve is absent, not unknown.
            News::Complete | News::NotServed => {
                followed.listed = true;
                let brought = match (followed.listing.take(), news) {
                    (Some(Listing::First), News::Complete) => None,
                    (Some(Listing::Again(brought)), News::Complete) => Some(brought),
                    _ => Some(BTreeSet::new()),
                };
                if let Some(brought) = brought {
                    for gone in self.known(kind).into_iter().filter(|key| !brought.contains(key)) {
                        self.forget(id, &gone);
                        changed.insert(gone);
                    }
                }
            }
            News::Failing(_) | News::Recovered => {}
        }
        let known = self.kinds.get(&id).is_some_and(|followed| followed.listed && !followed.is_lost());
        if known != self.snapshot.view.is_followed(kind.group, kind.kind) {
            self.snapshot.view.mark_complete(kind.group, kind.kind, known);
        }
        policies_changed
    }

    fn forget(&mut self, kind: (&str, &str), key: &ObjectKey) {
        match kind {
            GUARD_POLICY => self.policies.remove(&key.name),
            GUARD_EXCEPTION => self.exceptions.remove(key),
            _ => self.snapshot.view.remove(key),
        }
    }

    fn known(&self, kind: &Kind) -> Vec<ObjectKey> {
        match (kind.group, kind.kind) {
            GUARD_POLICY => {
                let key = |name: &str| ObjectKey::new(kind.group, kind.kind, "", name);
                self.policies.names().map(key).collect()
            }
            GUARD_EXCEPTION => self.exceptions.keys().cloned().collect(),
            _ => self.snapshot.view.keys_of(kind.group, kind.kind),
        }
    }

    /// The policies in force, and the watches that they need.
    fn compile(&mut self) {
        self.snapshot.policies = self.policies.in_force().with_exceptions(self.exceptions.in_force());
        self.published.exceptions.store(Arc::new(self.exceptions.standings()));
        let standings = self.policies.standings();
        for standing in &standings {
            if let Some(problem) = &standing.problem {
                tracing::error!(policy = standing.name, generation = standing.generation, problem, "does not compile");
            }
        }
        let names: Vec<_> = self.snapshot.policies.policies().iter().map(|policy| policy.name.as_str()).collect();
        tracing::info!(policies = names.join(","), "policies in force");
        self.metrics.policies(names.len());
        let wrong = standings.iter().filter(|standing| standing.problem.is_some()).count();
        self.metrics.policies_not_compiling(wrong);
        self.published.standings.store(Arc::new(standings));
        let needed = watched::by(&self.snapshot.policies);
        let dropped: Vec<_> = self
            .kinds
            .keys()
            .filter(|kind| !watched::ALWAYS.contains(kind) && !needed.contains(kind))
            .copied()
            .collect();
        for kind in dropped {
            if let Some(followed) = self.kinds.remove(&kind) {
                followed.task.abort();
            }
            for gone in self.snapshot.view.keys_of(kind.0, kind.1) {
                self.snapshot.view.remove(&gone);
            }
            self.snapshot.view.mark_complete(kind.0, kind.1, false);
        }
        for kind in needed {
            if !self.kinds.contains_key(&kind) {
                self.follow(kind);
            }
        }
    }

    fn follow(&mut self, id: (&'static str, &'static str)) {
        let Some(kind) = watched::row(id) else { return };
        let task = self.watch(kind);
        let followed = Followed { task, listed: false, listing: None, failing: None, since: Instant::now() };
        self.kinds.insert(id, followed);
    }

    fn watch(&self, kind: &'static Kind) -> AbortHandle {
        let is_params = (kind.group, kind.kind) == watched::PARAMS;
        let namespace = if is_params { self.snapshot.view.params_namespace().clone() } else { Name::default() };
        tokio::spawn(watch::follow(self.api.clone(), kind, namespace, self.sender.clone())).abort_handle()
    }

    /// A watch never ends of itself while somebody listens: one that did has panicked over what it was sent.
    fn begin_again(&mut self) {
        let ended: Vec<_> =
            self.kinds.iter().filter(|(_, followed)| followed.task.is_finished()).map(|(id, _)| *id).collect();
        for id in ended {
            tracing::error!(kind = id.1, "its watch has ended; another one begins");
            let Some(kind) = watched::row(id) else { continue };
            let task = self.watch(kind);
            if let Some(followed) = self.kinds.get_mut(&id) {
                followed.task = task;
                followed.fails(kind.kind, "its watch has ended");
            }
        }
    }

    /// What has been failing for too long is unknown: facts that may be old must not look like absence.
    fn lose_patience(&mut self) {
        let mut lost = false;
        for ((group, kind), followed) in &self.kinds {
            if followed.is_lost() && self.snapshot.view.is_followed(group, kind) {
                tracing::error!(kind, "has not been watched for {PATIENCE:?}: what is not known of it is unknown now");
                self.snapshot.view.mark_complete(group, kind, false);
                lost = true;
            }
        }
        if lost {
            self.published.current.store(Arc::new(self.snapshot.clone()));
        }
    }

    /// Says how everything stands: the view before the policies, so that nothing looks ready between the two.
    fn report(&mut self) {
        let mut waiting = Vec::new();
        let mut degraded = Vec::new();
        for ((group, kind), followed) in &self.kinds {
            let standing = followed.listed && followed.failing.is_none();
            self.metrics.kind(kind, self.snapshot.view.len_of(group, kind), standing);
            match &followed.failing {
                _ if !followed.listed && !followed.is_lost() && !self.was_ready => waiting.push(*kind),
                Some(why) => degraded.push(format!("{kind} cannot be watched: {why}")),
                None if !followed.listed => degraded.push(format!("{kind} is not listed yet")),
                None => {}
            }
        }
        let condition = if !waiting.is_empty() {
            Condition::Waiting(format!("not listed yet: {}", waiting.join(", ")))
        } else if degraded.is_empty() {
            Condition::Ready
        } else {
            Condition::Degraded(degraded.join("; "))
        };
        let policies = self.standing();
        let waits = |condition: &Condition| matches!(condition, Condition::Waiting(_));
        self.metrics.exceptions(&self.exceptions, &self.snapshot, Timestamp::now());
        self.was_ready |= !waits(&condition) && !waits(&policies);
        self.health.set("view", condition);
        self.health.set("policies", policies);
    }

    /// What of it does not compile.
    fn wrong(&self) -> Vec<String> {
        let (policies, exceptions) = (self.published.standings.load(), self.published.exceptions.load());
        let policies = policies.iter().filter(|one| one.problem.is_some()).map(|one| one.name.clone());
        let exceptions = exceptions.iter().filter(|one| one.problem.is_some());
        let exceptions = exceptions.map(|one| format!("{}/{}", one.key.namespace, one.key.name));
        let said =
            [("GuardPolicies", policies.collect::<Vec<_>>()), ("GuardExceptions", exceptions.collect::<Vec<_>>())];
        let said = said.into_iter().filter(|(_, names)| !names.is_empty());
        said.map(|(kinds, names)| format!("these {kinds} do not compile: {}", names.join(", "))).collect()
    }

    fn standing(&self) -> Condition {
        // However long it takes: a process that knows no policies must not take the place of one that does.
        let Some(policies) = self.kinds.get(&GUARD_POLICY).filter(|policies| policies.listed) else {
            let why = self.kinds.get(&GUARD_POLICY).and_then(|policies| policies.failing.clone());
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            return Condition::Waiting(format!("GuardPolicies are not listed yet{why}"));
        };
        if let Some(why) = policies.failing.as_ref().filter(|_| policies.is_lost()) {
            return Condition::Degraded(format!("GuardPolicies cannot be watched, those known stay in force: {why}"));
        }
        let wrong = self.wrong();
        if self.snapshot.policies.policies().is_empty() {
            Condition::Degraded("no GuardPolicy is in force: everything is allowed".to_owned())
        } else if wrong.is_empty() {
            Condition::Ready
        } else {
            Condition::Degraded(wrong.join("; "))
        }
    }
}

// === impl Followed ===

impl Followed {
    fn is_lost(&self) -> bool {
        (!self.listed || self.failing.is_some()) && self.since.elapsed() >= PATIENCE
    }

    fn fails(&mut self, kind: &str, why: &str) {
        if self.failing.is_none() {
            tracing::warn!(kind, why, "cannot be watched now");
            if self.listed {
                self.since = Instant::now();
            }
        }
        self.failing = Some(why.to_owned());
    }

    fn answers(&mut self, kind: &str) {
        if self.failing.take().is_some() {
            tracing::info!(kind, "is watched again");
        }
    }
}

/// Whether it is kept beside the view.
fn is_ours(kind: &Kind) -> bool {
    watched::ALWAYS.contains(&(kind.group, kind.kind))
}

#[cfg(test)]
mod tests;

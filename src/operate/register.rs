//! Registration: while this process leads, the two webhook configurations hold what the policies in force select.
//!
//! They are only ever patched, and only where something differs. A configuration that does not exist is not made: deleting both
//! takes us out of the way for as long as they stay deleted. The annotation [`SWITCH`] of value `off` on one of them does the
//! same by it: our entries are taken out, and others' stay.
#![expect(clippy::disallowed_methods, reason = "an edge: when a probe was sent, and how long it has failed")]

mod allowance;
pub mod closing;
mod configurations;
pub mod metrics;
mod probing;
mod telling;

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use futures::{StreamExt as _, future::BoxFuture};
use serde_json::Value;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use self::{
    allowance::Allowance,
    closing::{Closing, Event},
    configurations::{Heard, Known},
    metrics::{Metrics, Write},
};
use crate::{
    cluster::api::{Api, ApiError},
    engine::{
        kinds::PORTCULLIS,
        limits,
        policy::{Policy, PolicySet},
        snapshot::Snapshot,
    },
    health::{Condition, Health},
    operate::{
        probe::Reached,
        webhooks::{self, CaBundle, Entries, FAIL, Kind, Merged, Route},
    },
};

/// An annotation on a configuration of ours; `off` takes our entries out of it.
pub const SWITCH: &str = "portcullis.dev/registration";
/// The name under which `/readyz` says how it stands.
pub const HEALTH: &str = "registration";

/// How often it is looked whether policies or the CA have changed.
const LOOK: Duration = Duration::from_millis(200);
/// Between two attempts at a write that failed: this, doubled up to [`LONGEST`].
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
/// A watch that has not failed for so long works: twice the longest pause between two attempts, and more.
const SILENT: Duration = Duration::from_secs(90);
/// For an answer to a probe: longer than a webhook may take.
const PROBE: Duration = Duration::from_secs(10);

/// Who keeps the configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// We do.
    Managed,
    /// Somebody else does, as from a Git repository: what differs is said.
    External,
    /// Somebody else does, and it is nobody's business.
    Off,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub mode: Mode,
    /// The name of both configurations.
    pub configuration: String,
    pub own_namespace: String,
    pub route: Route,
    /// Our own user name.
    pub user: String,
    /// Between two probes when all is well; when they have failed for three times as long, nothing fails closed any more.
    pub probe_every: Duration,
}

/// What it works with.
#[derive(Debug)]
pub struct Parts {
    pub api: Api,
    pub current: Arc<ArcSwap<Snapshot>>,
    pub leader: watch::Receiver<bool>,
    pub ca: watch::Receiver<CaBundle>,
    /// The CA bundle that all our entries hold now, as PEM: None until that is known, and while they hold different ones.
    /// Where there are no entries of ours, the one that they would hold.
    pub held: watch::Sender<Option<String>>,
    pub health: Health,
    pub metrics: Arc<Metrics>,
}

/// Keeps the configurations whenever this process leads, until whoever says so is gone.
pub async fn run(mut parts: Parts, settings: Settings) {
    loop {
        if parts.leader.wait_for(|leads| *leads).await.is_err() {
            return;
        }
        let mut leader = parts.leader.clone();
        let keeper = Keeper::new(&parts, &settings);
        tokio::select! {
            lost = leader.wait_for(|leads| !leads) => if lost.is_err() { return },
            () = keeper.keep() => {}
        }
        // Another one says it now.
        parts.health.set(HEALTH, Condition::Ready);
        parts.held.send_replace(None);
        parts.metrics.entries(&[]);
    }
}

struct Keeper<'a> {
    parts: &'a Parts,
    settings: &'a Settings,
    known: BTreeMap<Kind, Known>,
    /// Why a configuration cannot be read now.
    unread: BTreeMap<Kind, (String, Instant)>,
    /// What the entries were computed from.
    policies: Vec<Arc<Policy>>,
    ca: CaBundle,
    entries: Option<Entries>,
    /// Something changed since the configurations were last compared.
    changed: bool,
    refusals: BTreeMap<Kind, Refusal>,
    allowance: Allowance,
    closing: Closing,
    probed: Option<(Instant, Reached)>,
    said: Option<String>,
}

/// A write that failed.
struct Refusal {
    why: String,
    pause: Duration,
    again: Instant,
}

// === impl Keeper ===

impl<'a> Keeper<'a> {
    fn new(parts: &'a Parts, settings: &'a Settings) -> Self {
        Self {
            parts,
            settings,
            known: BTreeMap::new(),
            unread: BTreeMap::new(),
            policies: Vec::new(),
            ca: CaBundle::Foreign,
            entries: None,
            changed: false,
            refusals: BTreeMap::new(),
            allowance: Allowance::new(Instant::now()),
            closing: Closing::default(),
            probed: None,
            said: None,
        }
    }

    async fn keep(mut self) {
        if self.settings.mode == Mode::Off {
            return std::future::pending().await;
        }
        let mut heard = pin!(configurations::follow(&self.parts.api, &self.settings.configuration));
        let mut look = interval(LOOK.min(self.settings.probe_every / 20).max(Duration::from_millis(10)));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut probing: Option<BoxFuture<'static, (String, Reached)>> = None;
        loop {
            tokio::select! {
                Some(heard) = heard.next() => self.hear(heard),
                (way, reached) = async { match probing.as_mut() {
                    Some(probing) => probing.await,
                    None => std::future::pending().await,
                } } => {
                    probing = None;
                    self.probed(&way, reached);
                }
                _ = look.tick() => {}
            }
            self.look();
            match self.settings.mode {
                Mode::Managed => self.write().await,
                Mode::External | Mode::Off => self.compare(),
            }
            if probing.is_none() && self.settings.mode == Mode::Managed {
                probing = self.probe();
            }
        }
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Is(kind, known) => {
                self.unread.remove(&kind);
                self.changed |= self.known.get(&kind) != Some(&known);
                self.known.insert(kind, known);
            }
            Heard::Failing(kind, why) => {
                self.changed = true;
                self.unread.insert(kind, (why, Instant::now()));
            }
        }
    }

    /// Computes the entries anew where something has changed that they depend on.
    fn look(&mut self) {
        // A watch that works again does not say so; one that does not says that again and again.
        self.unread.retain(|_, (_, last)| last.elapsed() < SILENT);
        let snapshot = self.parts.current.load();
        // Until the policies are known, no entry is one too many; until there is a CA, none can be believed.
        let has_ca = !matches!(&*self.parts.ca.borrow(), CaBundle::Ours(pem) if pem.is_empty());
        if !has_ca || !snapshot.view.is_complete(PORTCULLIS, "GuardPolicy") {
            return;
        }
        let policies = snapshot.policies.policies();
        let same =
            self.policies.len() == policies.len() && self.policies.iter().zip(policies).all(|(a, b)| Arc::ptr_eq(a, b));
        let ca_is_same = *self.parts.ca.borrow() == self.ca;
        if self.entries.is_some() && same && ca_is_same {
            return;
        }
        self.policies = policies.to_vec();
        self.ca = self.parts.ca.borrow().clone();
        self.entries = Some(self.compute(&snapshot.policies));
        self.changed = true;
    }

    fn compute(&self, policies: &PolicySet) -> Entries {
        let settings = webhooks::Settings {
            own_namespace: self.settings.own_namespace.clone(),
            route: self.settings.route.clone(),
            user: self.settings.user.clone(),
            ca: self.ca.clone(),
            fails_closed: false,
        };
        Entries::of(policies, &settings)
    }

    /// Patches what differs.
    async fn write(&mut self) {
        let now = Instant::now();
        let again = self.refusals.values().any(|refusal| refusal.again <= now);
        if !self.changed && !again {
            self.report();
            return;
        }
        self.changed = false;
        for kind in Kind::ALL {
            let Some(Known::There(read)) = self.known.get(&kind).cloned() else {
                if kind == Kind::Validating && self.known.get(&kind) == Some(&Known::Absent) {
                    self.next(Event::Leads { way: None, stands: false });
                }
                self.refusals.remove(&kind);
                continue;
            };
            let Some(merged) = self.merged(kind, &read) else { continue };
            if merged.is_in(&read) {
                self.refusals.remove(&kind);
                continue;
            }
            if self.refusals.get(&kind).is_some_and(|refusal| refusal.again > now) {
                continue;
            }
            if !self.allowance.take(now) {
                let why = "it was changed again and again: the next write waits a little".to_owned();
                self.refusals.insert(kind, Refusal { why, pause: PAUSE, again: now + PAUSE });
                continue;
            }
            let written = configurations::write(&self.parts.api, kind, &read, &merged);
            let written = timeout(Duration::from_millis(limits::CALL_MS), written).await;
            self.wrote(kind, &merged, written.ok());
        }
        self.settle();
        self.report();
    }

    /// What a configuration is to hold; None where that is not known yet.
    fn merged(&mut self, kind: Kind, read: &Value) -> Option<Merged> {
        if configurations::is_off(read) {
            if kind == Kind::Validating {
                self.next(Event::Leads { way: None, stands: false });
            }
            return Some(webhooks::without_ours(read));
        }
        let Some(entries) = self.entries.as_ref() else { return self.kept(kind, read) };
        let foreign = self.ca == CaBundle::Foreign || webhooks::is_injected(read);
        let mut merged = webhooks::merge(read, entries.of_kind(kind), foreign);
        if kind == Kind::Validating {
            let way = merged.way();
            let client = |entry: Option<&Value>| entry.and_then(|entry| entry.get("clientConfig")).cloned();
            let stood = find(read, FAIL);
            if stood.is_none() && merged.entry(FAIL).is_some() {
                // Whatever led here before, this one is new.
                self.next(Event::Leads { way: None, stands: false });
            }
            // What another leader has left: what changes under our own eyes has to be probed.
            let is_first_seen = self.closing.way().is_none();
            let stands = is_first_seen && fails_closed(stood) && client(stood) == client(merged.entry(FAIL));
            self.next(Event::Leads { way: way.as_deref(), stands });
            if let Some(way) = way {
                merged.ask_by(&way);
            }
            if self.closing.is_closed() {
                merged.fail_closed();
            }
        }
        Some(merged)
    }

    /// What is there stays, while it is not known what is to be there: policies could not be read, or there is no certificate.
    /// Whoever was here before may have left an entry that fails closed, and nobody may be there to answer.
    fn kept(&mut self, kind: Kind, read: &Value) -> Option<Merged> {
        if kind == Kind::Mutating {
            return None;
        }
        let mut merged = webhooks::as_it_is(read);
        let way = merged.way();
        self.next(Event::Leads { way: way.as_deref(), stands: merged.fails_closed() });
        if !self.closing.is_closed() {
            merged.fail_open();
        }
        Some(merged)
    }

    fn wrote(&mut self, kind: Kind, merged: &Merged, written: Option<Result<Value, ApiError>>) {
        let configuration = &self.settings.configuration;
        let why = match written {
            Some(Ok(stored)) => {
                let entries = merged.0.len();
                tracing::info!(kind = kind.name(), configuration, entries, "registered what the policies select");
                self.parts.metrics.wrote(Write::Done);
                self.refusals.remove(&kind);
                self.known.insert(kind, Known::There(stored));
                return;
            }
            Some(Err(ApiError::NotFound)) => {
                self.known.insert(kind, Known::Absent);
                return;
            }
            // What it is now will be heard.
            Some(Err(ApiError::Conflict(why))) => {
                tracing::debug!(kind = kind.name(), why, "somebody else wrote it");
                self.parts.metrics.wrote(Write::Conflict);
                let again = Instant::now() + LOOK;
                self.refusals.entry(kind).or_insert(Refusal { why: String::new(), pause: PAUSE, again }).again = again;
                return;
            }
            Some(Err(error)) => error.to_string(),
            None => "the API server did not take it in time".to_owned(),
        };
        self.parts.metrics.wrote(Write::Failed);
        let before = self.refusals.get(&kind).map(|refusal| refusal.pause);
        let pause = before.map_or(PAUSE, |before| before.saturating_mul(2)).min(LONGEST);
        self.refusals.insert(kind, Refusal { why, pause, again: Instant::now() + pause });
    }
}

fn find<'a>(configuration: &'a Value, name: &str) -> Option<&'a Value> {
    let entries = configuration.get("webhooks").and_then(Value::as_array)?;
    entries.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(name))
}

fn fails_closed(entry: Option<&Value>) -> bool {
    entry.and_then(|entry| entry.get("failurePolicy")).and_then(Value::as_str) == Some("Fail")
}

//! Which of several processes leads: who holds the Lease `portcullis`.

#![expect(clippy::disallowed_methods, reason = "an edge: a Lease says when it was renewed")]

use std::{future::Future, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{self, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::api::PostParams;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::cluster::api::Api;

/// Our claim to lead.
#[derive(Debug)]
pub struct Lease {
    leases: kube::Api<v1::Lease>,
    identity: String,
    duration: Duration,
    seen: Seen,
}

/// What the Lease said last, and when that was new to us. Clocks of two machines differ, so whether it has expired is told
/// by our own clock alone, as client-go does (tools/leaderelection, `observedTime`).
#[derive(Debug, Default)]
struct Seen {
    holder: String,
    renewed: Option<Timestamp>,
    at: Option<Instant>,
}

/// What it is called.
pub const NAME: &str = "portcullis";

/// Does this work whenever this process leads, from its beginning each time, until whoever says so is gone.
pub async fn while_leading<F: Future<Output = ()>>(mut leader: watch::Receiver<bool>, work: impl Fn() -> F) {
    loop {
        if leader.wait_for(|leads| *leads).await.is_err() {
            return;
        }
        tokio::select! {
            lost = leader.wait_for(|leads| !leads) => if lost.is_err() { return },
            () = work() => {}
        }
    }
}

// === impl Lease ===

impl Lease {
    /// `identity` tells this process from every other. Somebody else takes over at most `duration` after we are gone.
    pub fn new(api: &Api, namespace: &str, identity: &str, duration: Duration) -> Self {
        Self {
            leases: kube::Api::namespaced(api.client(), namespace),
            identity: identity.to_owned(),
            duration: duration.max(Duration::from_secs(1)),
            seen: Seen::default(),
        }
    }

    /// Claims the Lease, holds it, claims it again when it was lost, and says each time what is so. It steps down when it
    /// could not renew for two thirds of the duration, so before anybody else can take over. When told to stop, it lets go.
    pub async fn hold(mut self, stop: impl Future<Output = ()>, on_change: watch::Sender<bool>) {
        tokio::pin!(stop);
        let mut renewed: Option<Instant> = None;
        loop {
            let began = Instant::now();
            let claimed = tokio::select! {
                () = &mut stop => break,
                claimed = timeout(self.duration / 3, self.claim()) => claimed,
            };
            let keeps = |since: Instant| since.elapsed() < self.duration * 2 / 3;
            renewed = match claimed {
                Ok(Ok(true)) => Some(began),
                Ok(Ok(false)) => None,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the lease could not be claimed");
                    renewed.filter(|since| keeps(*since))
                }
                Err(_) => {
                    tracing::warn!("the API server did not answer when the lease was claimed");
                    renewed.filter(|since| keeps(*since))
                }
            };
            announce(&on_change, renewed.is_some());
            let pause = match renewed {
                Some(since) if since == began => self.duration / 3,
                // A failed renewal is tried again at once, and given up in time.
                Some(since) => (self.duration * 2 / 3).saturating_sub(since.elapsed()).min(self.duration / 15),
                None => self.duration / 10,
            };
            tokio::select! {
                () = &mut stop => break,
                () = sleep(pause) => {}
            }
        }
        let led = renewed.is_some();
        announce(&on_change, false);
        if led && let Err(error) = timeout(self.duration / 3, self.release()).await.unwrap_or(Ok(())) {
            tracing::warn!(%error, "the lease could not be released: it expires");
        }
    }

    /// Whether we hold it now.
    async fn claim(&mut self) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.leases.get_opt(NAME).await? else {
            let metadata = ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() };
            let lease = v1::Lease { metadata, spec: Some(self.renewed(&LeaseSpec::default())) };
            return settled(self.leases.create(&PostParams::default(), &lease).await);
        };
        let spec = lease.spec.take().unwrap_or_default();
        if !self.seen.may_claim(&spec, &self.identity, self.duration, Instant::now()) {
            return Ok(false);
        }
        lease.spec = Some(self.renewed(&spec));
        // With the resourceVersion that was read: of two that claim it at once, one wins.
        settled(self.leases.replace(NAME, &PostParams::default(), &lease).await)
    }

    /// Again where the Lease was written meanwhile: a renewal of ours may be under way still when we are told to stop.
    async fn release(&self) -> Result<(), kube::Error> {
        loop {
            let Some(mut lease) = self.leases.get_opt(NAME).await? else { return Ok(()) };
            let Some(spec) = lease.spec.as_mut().filter(|spec| holder(spec) == self.identity) else { return Ok(()) };
            spec.holder_identity = None;
            if settled(self.leases.replace(NAME, &PostParams::default(), &lease).await)? {
                return Ok(());
            }
        }
    }

    fn renewed(&self, before: &LeaseSpec) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let again = holder(before) == self.identity;
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.duration.as_secs()).ok(),
            acquire_time: before.acquire_time.clone().filter(|_| again).or(Some(now.clone())),
            lease_transitions: Some(before.lease_transitions.unwrap_or_default().saturating_add(i32::from(!again))),
            renew_time: Some(now),
            ..before.clone()
        }
    }
}

// === impl Seen ===

impl Seen {
    fn may_claim(&mut self, spec: &LeaseSpec, us: &str, ours: Duration, now: Instant) -> bool {
        let renewed = spec.renew_time.as_ref().map(|time| time.0);
        if self.at.is_none() || self.holder != holder(spec) || self.renewed != renewed {
            *self = Self { holder: holder(spec).to_owned(), renewed, at: Some(now) };
        }
        if holder(spec).is_empty() || holder(spec) == us {
            return true;
        }
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let lasts = seconds.map_or(ours, Duration::from_secs);
        self.at.is_some_and(|at| now.duration_since(at) >= lasts)
    }
}

fn holder(spec: &LeaseSpec) -> &str {
    spec.holder_identity.as_deref().unwrap_or_default()
}

/// Somebody else who was faster is no error.
fn settled<T>(written: Result<T, kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(false),
        Err(error) => Err(error),
    }
}

fn announce(on_change: &watch::Sender<bool>, leads: bool) {
    let changed = on_change.send_if_modified(|now| std::mem::replace(now, leads) != leads);
    if changed {
        tracing::info!(leads, "leadership changed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(by: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(by.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_lease_expires_by_our_own_clock_however_old_it_says_it_is() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        let mut may = |spec: &LeaseSpec, seconds: u64| {
            seen.may_claim(spec, "us", Duration::from_secs(3), start + Duration::from_secs(seconds))
        };
        assert!(!may(&held("other", 0), 0));
        assert!(!may(&held("other", 0), 14));
        assert!(!may(&held("other", 10), 16), "it was renewed");
        assert!(!may(&held("other", 10), 30));
        assert!(may(&held("other", 10), 31));
        assert!(!may(&held("third", 11), 32));
        assert!(may(&held("us", 12), 33));
        assert!(may(&LeaseSpec::default(), 34));
    }
}

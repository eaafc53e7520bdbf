//! When the leader probes, and what follows from what comes back.
#![expect(clippy::disallowed_methods, reason = "an edge: when a probe was sent")]

use std::time::Instant;

use futures::{FutureExt as _, future::BoxFuture};

use crate::operate::{
    probe::{self, Reached},
    register::{
        Keeper, PROBE,
        closing::{self, Event},
    },
    webhooks::FAIL,
};

impl Keeper<'_> {
    /// The next probe, where it is time for one and what it is to show is registered.
    pub(super) fn probe(&mut self) -> Option<BoxFuture<'static, (String, Reached)>> {
        let now = Instant::now();
        let way = self.closing.way()?.to_owned();
        let is_due = self.probed.as_ref().is_none_or(|(at, _)| {
            now.saturating_duration_since(*at) >= self.closing.pause(now, self.settings.probe_every)
        });
        let is_registered = self.refusals.is_empty() && !self.changed;
        if !is_due || !is_registered {
            return None;
        }
        let api = self.parts.api.clone();
        let nonce = nonce();
        let probing = async move { (way.clone(), probe::along(&api, &nonce, Some(&way), PROBE).await) };
        Some(probing.boxed())
    }

    pub(super) fn probed(&mut self, way: &str, reached: Reached) {
        self.parts.metrics.probed(&reached);
        let was = self.closing.is_closed();
        self.next(Event::Probed { way, reached: reached == Reached::Yes });
        match (was, self.closing.is_closed()) {
            (false, true) if self.wants_closed() => {
                tracing::info!("the API server reaches us: from now on `{FAIL}` fails closed");
            }
            (true, false) if self.wants_closed() => {
                tracing::error!(%reached, "`{FAIL}` fails open until the API server reaches us again");
            }
            _ => {}
        }
        self.changed |= was != self.closing.is_closed();
        self.probed = Some((Instant::now(), reached));
    }

    /// Whether some policy in force fails closed.
    fn wants_closed(&self) -> bool {
        self.entries.as_ref().is_none_or(|entries| entries.wants(FAIL))
    }

    pub(super) fn next(&mut self, event: Event<'_>) {
        let state = std::mem::take(&mut self.closing);
        let way = state.way().map(str::to_owned);
        self.closing = closing::next(state, event, Instant::now(), self.settings.probe_every * 3);
        if way.as_deref() != self.closing.way() {
            // What was probed before says nothing of it.
            self.probed = None;
        }
    }
}

/// Told by nobody else: it is new with every probe.
fn nonce() -> String {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), Instant::now());
    format!("{random:016x}")
}

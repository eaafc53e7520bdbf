//! Whether the entry for telemetry objects may fail closed. Pure: events and their times in, a state out.
//!
//! It may once a probe has come back along the way that leads to us now, and no longer where probes have failed for a while.
//! The *way* is what leads to us: address, path and CA bundle of that entry and of the probe's. What the entry sends is no part
//! of it: other rules are reached just as well, so that a policy that changes leaves no gap. An entry that is new has a new way.

use std::time::{Duration, Instant};

/// What is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closing {
    way: Option<String>,
    closed: bool,
    /// Since when no probe has come back.
    failing: Option<Instant>,
}

/// What may change it.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// What leads to us from now on. `stands` where the entry fails closed already and by exactly this way, as another leader
    /// has left it, or whoever keeps its CA bundle: then it is left so until probes say otherwise.
    Leads { way: Option<&'a str>, stands: bool },
    /// A probe that was sent along this way came back, or did not.
    Probed { way: &'a str, reached: bool },
}

/// What follows from an event. `patience` is for how long probes may fail.
pub fn next(state: Closing, event: Event<'_>, now: Instant, patience: Duration) -> Closing {
    match event {
        Event::Leads { way, .. } if way == state.way.as_deref() => state,
        Event::Leads { way, stands } => {
            Closing { way: way.map(str::to_owned), closed: stands && way.is_some(), failing: None }
        }
        // It says nothing about the way of now.
        Event::Probed { way, .. } if Some(way) != state.way.as_deref() => state,
        Event::Probed { reached: true, .. } => Closing { closed: true, failing: None, ..state },
        Event::Probed { reached: false, .. } => {
            let since = state.failing.unwrap_or(now);
            let closed = state.closed && now.saturating_duration_since(since) < patience;
            Closing { closed, failing: Some(since), ..state }
        }
    }
}

// === impl Closing ===

impl Closing {
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Along which way to probe; None where there is none.
    pub fn way(&self) -> Option<&str> {
        self.way.as_deref()
    }

    /// For how long no probe has come back.
    pub fn failing_for(&self, now: Instant) -> Option<Duration> {
        self.failing.map(|since| now.saturating_duration_since(since))
    }

    /// How long to wait before the next probe, where `every` is the time between two when all is well: less while something is
    /// about to change, but not for ever.
    pub fn pause(&self, now: Instant, every: Duration) -> Duration {
        match (self.closed, self.failing_for(now)) {
            (true, None) => every,
            (true, Some(_)) => every / 4,
            (false, Some(long)) if long > every * 3 => every,
            (false, _) => every / 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn after(events: &[(u64, Event<'_>)]) -> Closing {
        let start = Instant::now();
        events.iter().fold(Closing::default(), |state, (second, event)| {
            next(state, *event, start + Duration::from_secs(*second), MINUTE)
        })
    }

    const fn leads(way: &str, stands: bool) -> Event<'_> {
        Event::Leads { way: Some(way), stands }
    }

    const fn probed(way: &str, reached: bool) -> Event<'_> {
        Event::Probed { way, reached }
    }

    #[test]
    fn it_closes_only_by_a_probe_along_the_way_of_now() {
        assert!(!after(&[(0, leads("a", false))]).is_closed());
        assert!(!after(&[(0, leads("a", false)), (1, probed("a", false))]).is_closed());
        assert!(after(&[(0, leads("a", false)), (1, probed("a", false)), (2, probed("a", true))]).is_closed());
        let late = [(0, leads("a", false)), (1, leads("b", false)), (2, probed("a", true))];
        assert!(!after(&late).is_closed(), "it was under way when the CA changed");
        assert!(!after(&[(0, probed("a", true))]).is_closed());
    }

    #[test]
    fn another_way_opens_it_and_other_rules_do_not() {
        let closed = [(0, leads("a", false)), (1, probed("a", true))];
        let then = |event| after(&[closed.as_slice(), &[(2, event)]].concat());
        assert!(then(leads("a", false)).is_closed(), "only the rules changed");
        assert!(!then(leads("b", false)).is_closed());
        assert!(!then(Event::Leads { way: None, stands: true }).is_closed());
    }

    #[test]
    fn it_opens_when_probes_fail_for_a_minute() {
        let closed = [(0, leads("a", false)), (1, probed("a", true))];
        let then = |more: &[(u64, Event<'_>)]| after(&[closed.as_slice(), more].concat());
        let failing = [(10, probed("a", false)), (69, probed("a", false))];
        assert!(then(&failing).is_closed());
        assert!(!then(&[failing.as_slice(), &[(70, probed("a", false))]].concat()).is_closed());
        let recovered = [failing.as_slice(), &[(69, probed("a", true)), (75, probed("a", false))]].concat();
        assert!(then(&recovered).is_closed());
        // Whoever was stopped for an hour has not seen probes fail for an hour.
        assert!(then(&[(3600, probed("a", false))]).is_closed());
        let again = [(10, probed("a", false)), (70, probed("a", false)), (80, probed("a", true))];
        assert!(then(&again).is_closed());
    }

    #[test]
    fn a_new_leader_leaves_it_as_it_stands_until_probes_have_failed_for_a_minute() {
        assert!(after(&[(0, leads("a", true)), (1, probed("a", false))]).is_closed());
        assert!(!after(&[(0, leads("a", true)), (1, probed("a", false)), (61, probed("a", false))]).is_closed());
        // Nor does it follow whoever closes it meanwhile.
        assert!(!after(&[(0, leads("a", false)), (1, leads("a", true))]).is_closed());
    }

    #[test]
    fn probes_are_sent_often_while_something_is_about_to_change() {
        let (start, every) = (Instant::now(), Duration::from_secs(20));
        let pause = |events: &[(u64, Event<'_>)], second: u64| {
            let step =
                |state, (at, event): &(u64, Event<'_>)| next(state, *event, start + Duration::from_secs(*at), MINUTE);
            let state = events.iter().fold(Closing::default(), step);
            state.pause(start + Duration::from_secs(second), every).as_secs()
        };
        let (open, closed) = ((0, leads("a", false)), (0, leads("a", true)));
        assert_eq!(pause(&[open], 0), 1);
        assert_eq!(pause(&[open, (1, probed("a", false))], 50), 1);
        assert_eq!(pause(&[open, (1, probed("a", false))], 90), 20);
        assert_eq!(pause(&[closed], 90), 20);
        assert_eq!(pause(&[closed, (1, probed("a", false))], 2), 5);
    }
}

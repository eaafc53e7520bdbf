//! What one of several processes does beside answering reviews: it makes the grants that stored telemetry objects need and
//! may have, removes those of ours that nobody needs, and says how things stand where people look.

mod events;
pub mod exceptions;
mod grants;
mod live;
pub mod reconcile;
mod registered;
pub mod status;
pub mod wanted;

use std::time::Duration;

/// How the controller goes about it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For how long a grant of ours stays after it was made, whoever needs it: what it was made for may not be stored yet.
    pub grace: Duration,
    /// Between marking a grant of ours as leaving and removing it, at most; a shorter grace period shortens it. Whoever was
    /// admitted before the mark was seen is stored by then: a review lasts at most 30 seconds.
    pub leaving: Duration,
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

// === impl Settings ===

impl Settings {
    /// Looks for what is unneeded are never further apart than the grace period is long: a short one is kept to.
    fn between_looks(&self) -> Duration {
        self.look.min(self.grace.max(Duration::from_secs(1)))
    }

    /// For how long a grant is marked before it goes.
    fn leaves_after(&self) -> Duration {
        self.leaving.min(self.grace.max(Duration::from_secs(1)))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace: Duration::from_mins(10),
            leaving: Duration::from_secs(35),
            look: Duration::from_secs(5),
            resync: Duration::from_mins(10),
            gather: Duration::from_millis(100),
            patience: Duration::from_secs(2),
            identity: "portcullis".to_owned(),
            service: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_grace_period_shortens_the_rest() {
        let with = |seconds: u64| Settings { grace: Duration::from_secs(seconds), ..Settings::default() };
        let leaves = |seconds: u64| with(seconds).leaves_after().as_secs();
        assert_eq!([0, 1, 20, 600].map(leaves), [1, 1, 20, 35]);
    }
}

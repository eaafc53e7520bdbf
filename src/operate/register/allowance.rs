//! How often the configurations may be written: somebody who undoes every write must not be answered without end. Pure.

use std::time::{Duration, Instant};

/// Writes that may follow each other at once: a new set of policies comes one by one.
const BURST: u32 = 30;
/// After which one more may be made.
const EACH: Duration = Duration::from_secs(2);

/// What is left of it.
#[derive(Clone, Debug)]
pub(super) struct Allowance {
    left: u32,
    since: Instant,
}

// === impl Allowance ===

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: BURST, since: now }
    }

    /// Takes one, where there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.since).as_millis() / EACH.as_millis();
        let earned = u32::try_from(earned).unwrap_or(BURST).min(BURST);
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(BURST);
            self.since = now;
        }
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_no_storm() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let minute: Vec<_> = (0..600).map(|tenth| start + Duration::from_millis(100 * tenth)).collect();
        let taken = minute.iter().filter(|now| allowance.take(**now)).count();
        assert!((55..=60).contains(&taken), "{taken} of 600");
        assert!(allowance.take(start + Duration::from_hours(1)));
    }
}

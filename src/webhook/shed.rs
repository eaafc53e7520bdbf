//! What a request may take: room, time and bytes. What does not fit is turned away at once rather than queued: the API server
//! waits with a request of its own in hand, and its user with it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};

use crate::engine::limits::{
    LARGE_AT_ONCE, REVIEW_BYTES, REVIEW_MS, REVIEW_MS_MOST, REVIEW_UNIT, REVIEWS_BYTES, REVIEWS_WAITING, WAIT_MS,
};

/// How much is in hand at once, and how much may wait for how long.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of reviews; each counts for at least [`REVIEW_UNIT`].
    pub bytes: usize,
    pub waiting: usize,
    pub wait: Duration,
}

/// Lets reviews in as long as there is room. Room is counted in bytes, so that a few large reviews cannot take the memory that
/// many small ones never would.
#[derive(Debug)]
pub struct Gate {
    room: Arc<Semaphore>,
    waiting: Semaphore,
    large: Arc<Semaphore>,
    units: u32,
    wait: Duration,
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub enum Incomplete {
    TooLarge,
    Late,
    Broken(String),
}

/// How long a request may take: what its caller says in `?timeout=10s`, less what the way back takes.
pub fn time_for(query: Option<&str>) -> Duration {
    let most = Duration::from_millis(REVIEW_MS_MOST);
    let asked = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find_map(|pair| pair.strip_prefix("timeout="))
        .and_then(go_duration)
        .filter(|asked| !asked.is_zero())
        .unwrap_or(Duration::from_millis(REVIEW_MS));
    asked.min(most) * 9 / 10
}

/// Reads a body that must be whole by then, without ever holding more than a review may have.
pub async fn collect(body: Body, announced: Option<usize>, until: Instant) -> Result<Bytes, Incomplete> {
    match time::timeout_at(until.into(), read(body, announced)).await {
        Ok(read) => read,
        Err(_) => Err(Incomplete::Late),
    }
}

// === impl Bounds ===

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: REVIEWS_BYTES, waiting: REVIEWS_WAITING, wait: Duration::from_millis(WAIT_MS) }
    }
}

// === impl Gate ===

impl Gate {
    pub fn new(bounds: Bounds) -> Self {
        let units = units(bounds.bytes).min(u32::MAX / 8);
        Self {
            room: Arc::new(Semaphore::new(units as usize)),
            waiting: Semaphore::new(bounds.waiting),
            large: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            units,
            wait: bounds.wait,
        }
    }

    /// Room for a review of so many bytes, or of the most there can be where they are not announced. None where there is none
    /// now and too many wait already, or where none comes free in time.
    pub async fn enter(&self, bytes: Option<usize>, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let needed = units(bytes.unwrap_or(REVIEW_BYTES)).min(self.units);
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(needed) {
            return Some(permit);
        }
        let _waits = self.waiting.try_acquire().ok()?;
        let room = time::timeout(self.wait, Arc::clone(&self.room).acquire_many_owned(needed));
        time::timeout_at(deadline.into(), room).await.ok()?.ok()?.ok()
    }

    /// A turn to judge a review that is too large for a worker.
    pub async fn large(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        time::timeout_at(deadline.into(), Arc::clone(&self.large).acquire_owned()).await.ok()?.ok()
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(REVIEW_UNIT)).unwrap_or(u32::MAX).max(1)
}

/// A body that came in one piece, as most do, is not copied.
async fn read(mut body: Body, announced: Option<usize>) -> Result<Bytes, Incomplete> {
    let mut first = Bytes::new();
    let mut all: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Incomplete::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len().max(all.len()) + data.len() > REVIEW_BYTES {
            return Err(Incomplete::TooLarge);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve_exact(announced.unwrap_or_default().min(REVIEW_BYTES));
            all.extend_from_slice(&first);
            first = Bytes::new();
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// As Go prints a `time.Duration`: `10s`, `1m0s`, `1.5s`, `250ms`.
fn go_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, after) = rest.split_at_checked(number)?;
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit)?;
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += digits.parse::<f64>().ok()? * scale;
        rest = after;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_time_that_the_caller_gives() {
        let cases =
            [("10s", 10_000), ("1m0s", 60_000), ("1.5s", 1_500), ("250ms", 250), ("1h2m3.5s", 3_723_500), ("0s", 0)];
        for (text, ms) in cases {
            assert_eq!(go_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["10", "s", "10x", "1..5s", "-1s", "ten", "10s5", "99999999999999999999999h"] {
            assert_eq!(go_duration(text), None, "{text}");
        }
        assert_eq!(time_for(Some("a=b&timeout=2s")), Duration::from_millis(1_800));
        for unheard in [None, Some(""), Some("timeout="), Some("timeout=-1s"), Some("timeout=0s")] {
            assert_eq!(time_for(unheard), Duration::from_secs(9), "{unheard:?}");
        }
        assert_eq!(time_for(Some("timeout=10h")), Duration::from_secs(27));
    }

    #[tokio::test]
    async fn has_room_for_many_small_reviews_or_a_few_large_ones() {
        let later = Instant::now() + Duration::from_mins(1);
        let gate = Gate::new(Bounds { bytes: 2 * REVIEW_BYTES, waiting: 0, wait: Duration::ZERO });
        let first = gate.enter(Some(REVIEW_BYTES), later).await;
        let small = gate.enter(Some(100), later).await;
        assert!(first.is_some() && small.is_some());
        assert!(gate.enter(None, later).await.is_none(), "unannounced counts as the largest");
        assert!(gate.enter(Some(REVIEW_UNIT + 1), later).await.is_some());
        drop(first);
        assert!(gate.enter(None, later).await.is_some());
    }

    #[tokio::test]
    async fn waits_for_room_but_not_for_ever() {
        let later = Instant::now() + Duration::from_mins(1);
        let gate = Gate::new(Bounds { bytes: 1, waiting: 1, wait: Duration::from_millis(20) });
        let held = gate.enter(Some(1), later).await.unwrap();
        assert!(gate.enter(Some(1), later).await.is_none());
        let patient = Gate::new(Bounds { bytes: 1, waiting: 1, wait: Duration::from_mins(1) });
        let first = patient.enter(Some(1), later).await.unwrap();
        let (second, third, ()) = tokio::join!(biased; patient.enter(Some(1), later), patient.enter(Some(1), later), async {
            drop(first);
        });
        assert!(second.is_some() && third.is_none());
        drop(held);
    }
}

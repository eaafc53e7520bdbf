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
    BODY_AT_ONCE_MS, LARGE_AT_ONCE, REVIEW_BYTES, REVIEW_MS, REVIEW_MS_MOST, REVIEW_UNIT, REVIEWS_BYTES,
    REVIEWS_WAITING, WAIT_MS,
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

/// What a review holds of the room: the least until a beginning has come, then what it announces as long as that comes at
/// once, and otherwise what has come of it.
#[derive(Debug)]
pub struct Room(OwnedSemaphorePermit);

/// Why a body was not read to its end.
#[derive(Debug)]
pub enum Incomplete {
    TooLarge,
    Late,
    /// There is no room for the rest of it.
    Busy,
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

    /// Room for a review to begin with. None where there is none now and too many wait already, or where none comes free in
    /// time.
    pub async fn enter(&self, deadline: Instant) -> Option<Room> {
        self.take(1, deadline).await.map(Room)
    }

    /// Reads a body that must be whole by then, without ever holding more than a review may have, nor room for what does not
    /// come.
    pub async fn collect(
        &self,
        body: Body,
        announced: Option<usize>,
        room: Room,
        until: Instant,
    ) -> Result<(Bytes, Room), Incomplete> {
        match time::timeout_at(until.into(), self.read(body, announced, room, until)).await {
            Ok(read) => read,
            Err(_) => Err(Incomplete::Late),
        }
    }

    /// A body that came in one piece, as most do, is not copied.
    async fn read(
        &self,
        mut body: Body,
        announced: Option<usize>,
        mut room: Room,
        until: Instant,
    ) -> Result<(Bytes, Room), Incomplete> {
        let mut first = Bytes::new();
        let mut all: Vec<u8> = Vec::new();
        // Once a beginning has come there is room for all of it, or for none: many halves would keep each other waiting.
        let mut expected = announced.unwrap_or_default();
        loop {
            let come = first.len().max(all.len());
            let at_once = Duration::from_millis(BODY_AT_ONCE_MS);
            let frame = if let Ok(frame) = time::timeout(at_once, body.frame()).await {
                frame
            } else {
                room.keep(come);
                expected = 0;
                body.frame().await
            };
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| Incomplete::Broken(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            if come + data.len() > REVIEW_BYTES {
                return Err(Incomplete::TooLarge);
            }
            let come = come + data.len();
            self.widen(&mut room, if come > REVIEW_UNIT { come.max(expected) } else { come }, until).await?;
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
        let whole = if all.is_empty() { first } else { all.into() };
        self.widen(&mut room, whole.len(), until).await?;
        Ok((whole, room))
    }

    /// Makes sure that there is room for so many bytes.
    async fn widen(&self, room: &mut Room, bytes: usize, until: Instant) -> Result<(), Incomplete> {
        let held = u32::try_from(room.0.num_permits()).unwrap_or(u32::MAX);
        let missing = self.units(bytes).saturating_sub(held);
        if missing > 0 {
            room.0.merge(self.take(missing, until).await.ok_or(Incomplete::Busy)?);
        }
        Ok(())
    }

    async fn take(&self, units: u32, until: Instant) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(units) {
            return Some(permit);
        }
        let _waits = self.waiting.try_acquire().ok()?;
        let room = time::timeout(self.wait, Arc::clone(&self.room).acquire_many_owned(units));
        time::timeout_at(until.into(), room).await.ok()?.ok()?.ok()
    }

    fn units(&self, bytes: usize) -> u32 {
        units(bytes).min(self.units)
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

// === impl Room ===

impl Room {
    /// Gives back what no byte has come for. Less than a unit counts for nothing while it is coming: there are no more such
    /// bodies than connections.
    fn keep(&mut self, come: usize) {
        let more = self.0.num_permits().saturating_sub(come / REVIEW_UNIT);
        drop(self.0.split(more));
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(REVIEW_UNIT)).unwrap_or(u32::MAX).max(1)
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
        let read = async |bytes: usize| {
            let room = gate.enter(later).await?;
            gate.collect(Body::from(vec![0; bytes]), Some(bytes), room, later).await.ok()
        };
        let (first, small) = (read(REVIEW_BYTES).await, read(100).await);
        assert!(first.is_some() && small.is_some());
        assert!(read(REVIEW_BYTES).await.is_none());
        assert!(read(REVIEW_UNIT + 1).await.is_some());
        drop(first);
        assert!(read(REVIEW_BYTES).await.is_some());
    }

    /// A body of which nothing comes.
    struct Nothing;

    impl hyper::body::Body for Nothing {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test]
    async fn what_is_announced_and_does_not_come_keeps_nobody_out() {
        let later = Instant::now() + Duration::from_mins(1);
        let gate = Gate::new(Bounds { bytes: REVIEW_BYTES, waiting: 1, wait: Duration::from_mins(1) });
        let room = gate.enter(later).await.unwrap();
        let stalled = gate.collect(Body::new(Nothing), Some(REVIEW_BYTES), room, later);
        let others = async {
            let room = gate.enter(later).await.unwrap();
            gate.collect(Body::from(vec![0; REVIEW_BYTES]), None, room, later).await.unwrap().0.len()
        };
        tokio::select! {
            stalled = stalled => panic!("{stalled:?}"),
            read = others => assert_eq!(read, REVIEW_BYTES),
        }
    }

    #[tokio::test]
    async fn what_was_not_announced_takes_room_as_it_comes() {
        let later = Instant::now() + Duration::from_mins(1);
        let gate = Gate::new(Bounds { bytes: 4 * REVIEW_UNIT, waiting: 0, wait: Duration::ZERO });
        let room = gate.enter(later).await.unwrap();
        let (whole, room) = gate.collect(Body::from(vec![0; 3 * REVIEW_UNIT]), None, room, later).await.unwrap();
        assert_eq!((whole.len(), room.0.num_permits()), (3 * REVIEW_UNIT, 3));
        let second = gate.enter(later).await.unwrap();
        let body = Body::from(vec![0; 2 * REVIEW_UNIT]);
        assert!(matches!(gate.collect(body, None, second, later).await, Err(Incomplete::Busy)));
    }

    #[tokio::test]
    async fn waits_for_room_but_not_for_ever() {
        let later = Instant::now() + Duration::from_mins(1);
        let gate = Gate::new(Bounds { bytes: 1, waiting: 1, wait: Duration::from_millis(20) });
        let held = gate.enter(later).await.unwrap();
        assert!(gate.enter(later).await.is_none());
        let patient = Gate::new(Bounds { bytes: 1, waiting: 1, wait: Duration::from_mins(1) });
        let first = patient.enter(later).await.unwrap();
        let (second, third, ()) = tokio::join!(biased; patient.enter(later), patient.enter(later), async {
            drop(first);
        });
        assert!(second.is_some() && third.is_none());
        drop(held);
    }
}

//! Who is connected, and who has to go when there is no place for one more.
//!
//! A place costs a stranger one packet. So whoever only holds one gives it up to whoever comes after: first those that have
//! never asked anything, then those whose body does not come, then those that have been idle the longest. A connection with a
//! review in hand stays.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time,
};

use crate::engine::limits::{CROWDED_MS, WAIT_MS};

/// All places of a listener.
#[derive(Debug)]
pub(super) struct Crowd {
    places: Arc<Semaphore>,
    guests: Mutex<BTreeMap<u64, Arc<Guest>>>,
    arrived: AtomicU64,
    began: Instant,
}

/// One that is connected.
#[derive(Debug)]
pub(super) struct Guest {
    began: Instant,
    /// When it last did something, in milliseconds since the listener began.
    last: AtomicU64,
    has_asked: AtomicBool,
    /// Requests of which the head has come, and the answer is not yet made.
    in_hand: AtomicUsize,
    /// Those among them whose body is still coming.
    reading: AtomicUsize,
    goes: AtomicBool,
    go: Notify,
}

/// A place in the crowd, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) guest: Arc<Guest>,
    number: u64,
    crowd: Arc<Crowd>,
    _permit: OwnedSemaphorePermit,
}

/// Counts a request in hand while it lives.
#[derive(Debug)]
pub(super) struct InHand(Arc<Guest>);

/// The body of a request, which says when it has come.
#[derive(Debug)]
pub(super) struct Coming {
    body: Incoming,
    /// None when all of it is here.
    guest: Option<Arc<Guest>>,
}

// === impl Crowd ===

impl Crowd {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(places)),
            guests: Mutex::default(),
            arrived: AtomicU64::default(),
            began: Instant::now(),
        })
    }

    /// A place for whoever has just connected; none where all that are connected have something in hand.
    pub(super) async fn place(self: &Arc<Self>) -> Option<Place> {
        let permit = if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            permit
        } else {
            self.make_room();
            let freed = Arc::clone(&self.places).acquire_owned();
            time::timeout(Duration::from_millis(WAIT_MS), freed).await.ok()?.ok()?
        };
        let number = self.arrived.fetch_add(1, Ordering::Relaxed);
        let guest = Arc::new(Guest::new(self.began));
        self.guests.lock().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::clone(&guest));
        Some(Place { guest, number, crowd: Arc::clone(self), _permit: permit })
    }

    /// Tells the one that is missed least to go.
    fn make_room(&self) {
        let now = millis_since(self.began);
        let guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        let least =
            guests.values().filter_map(|guest| Some((guest.worth(now)?, guest))).min_by_key(|(worth, _)| *worth);
        if let Some((_, guest)) = least {
            guest.goes.store(true, Ordering::Relaxed);
            guest.go.notify_one();
        }
    }
}

// === impl Guest ===

impl Guest {
    fn new(began: Instant) -> Self {
        Self {
            began,
            last: AtomicU64::new(millis_since(began)),
            has_asked: AtomicBool::default(),
            in_hand: AtomicUsize::default(),
            reading: AtomicUsize::default(),
            goes: AtomicBool::default(),
            go: Notify::new(),
        }
    }

    pub(super) fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// The head of a request has come.
    pub(super) fn asks(self: &Arc<Self>) -> InHand {
        self.has_asked.store(true, Ordering::Relaxed);
        self.in_hand.fetch_add(1, Ordering::Relaxed);
        self.does_something();
        InHand(Arc::clone(self))
    }

    /// Waits until it has to give up its place.
    pub(super) async fn is_told_to_go(&self) {
        self.go.notified().await;
    }

    /// Whether it has been told to go.
    pub(super) fn goes(&self) -> bool {
        self.goes.load(Ordering::Relaxed)
    }

    /// Whether it has asked something whole, and is not answered yet.
    pub(super) fn waits_for_us(&self) -> bool {
        self.in_hand.load(Ordering::Relaxed) > self.reading.load(Ordering::Relaxed)
    }

    fn does_something(&self) {
        self.last.store(millis_since(self.began), Ordering::Relaxed);
    }

    /// The less, the sooner it goes; none for one that stays.
    fn worth(&self, now: u64) -> Option<(u8, u64)> {
        let last = self.last.load(Ordering::Relaxed);
        if self.goes() {
            return None;
        }
        if !self.has_asked() {
            return Some((0, last));
        }
        let still = now.saturating_sub(last) >= CROWDED_MS;
        match (self.in_hand.load(Ordering::Relaxed), self.reading.load(Ordering::Relaxed)) {
            (0, _) if still => Some((2, last)),
            (in_hand, reading) if still && in_hand == reading => Some((1, last)),
            _ => None,
        }
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.guests.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

// === impl InHand ===

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.in_hand.fetch_sub(1, Ordering::Relaxed);
        self.0.does_something();
    }
}

// === impl Coming ===

impl Coming {
    pub(super) fn of(body: Incoming, guest: &Arc<Guest>) -> Self {
        let guest = (!body.is_end_stream()).then(|| Arc::clone(guest));
        if let Some(guest) = &guest {
            guest.reading.fetch_add(1, Ordering::Relaxed);
        }
        Self { body, guest }
    }

    fn has_come(&mut self) {
        if let Some(guest) = self.guest.take() {
            guest.reading.fetch_sub(1, Ordering::Relaxed);
            guest.does_something();
        }
    }
}

impl Body for Coming {
    type Data = hyper::body::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) || polled.is_ready() && self.body.is_end_stream() {
            self.has_come();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.has_come();
    }
}

fn millis_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_only_holds_a_place_gives_it_up_and_who_has_something_in_hand_stays() {
        let crowd = Crowd::new(2);
        let (busy, silent) = (crowd.place().await.unwrap(), crowd.place().await.unwrap());
        let in_hand = busy.guest.asks();
        let next = async {
            let placed = crowd.place().await;
            assert!(placed.is_some());
            placed
        };
        let leaving = async {
            silent.guest.is_told_to_go().await;
            drop(silent);
        };
        let (mut newer, ()) = tokio::join!(next, leaving);
        // Both have something in hand now.
        let also = newer.as_ref().unwrap().guest.asks();
        assert!(crowd.place().await.is_none());
        drop((in_hand, also));
        newer.take();
        assert!(crowd.place().await.is_some());
    }
}

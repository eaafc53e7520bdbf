//! The edge to the API server: HTTPS in, AdmissionReview in and out. It knows bytes, sockets and bounds, and nothing of
//! policies: what to answer is the [`Judge`]'s.
//!
//! A request that is not judged (overload, panic, deadline) is a 503 without a body, so that the `failurePolicy` that its
//! owner chose decides: never an AdmissionReview of our own.
#![expect(clippy::disallowed_methods, reason = "edge: deadlines and durations of requests")]

pub mod accept;
pub mod admit;
pub mod certs;
pub mod metrics;
mod probe;
pub mod selfcall;
pub mod shed;
#[cfg(test)]
mod tests;
pub mod wire;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{MethodRouter, post},
};
use hyper::{HeaderMap, StatusCode, body::Body as _, header};
use tokio::{task, time};

use crate::engine::limits::{BODY_MS, INLINE_BYTES, REVIEW_BYTES};
use metrics::{Metrics, Outcome, Shed};
use shed::{Gate, Incomplete, Room};
use wire::{Answer, Refused, Review};

/// Where a request came in: which policies are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    Validate(Mode),
    Mutate,
    /// No policy at all: whether the API server reaches us.
    Probe,
}

/// The policies of which `failurePolicy`: a webhook registration has only one, so that each has its own door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    All,
    Fail,
    Ignore,
}

/// What answers a review. Called on the worker that read it, or on a blocking thread where the review is large: a judge that
/// waits for something does so in `tokio::task::block_in_place`, and no longer than until the given time.
pub type Judge = Arc<dyn Fn(Door, &Review<'_>, Instant) -> Result<Answer, Refused> + Send + Sync>;

/// What the doors share.
pub struct Webhook {
    judge: Judge,
    gate: Gate,
    metrics: Arc<Metrics>,
}

/// How a review ended, with what is sent.
enum Ended {
    Answered { allowed: bool, body: Vec<u8> },
    Refused(Refused),
    Panicked,
}

/// POST `/validate`, `/validate/fail`, `/validate/ignore`, `/mutate` and `/probe`.
pub fn router(webhook: Arc<Webhook>) -> Router {
    let doors = Door::ALL.into_iter().fold(Router::new(), |router, door| router.route(door.path(), answers(door)));
    doors.fallback(no_such_door).with_state(webhook)
}

// === impl Door ===

impl Door {
    pub const ALL: [Self; 5] = [
        Self::Validate(Mode::All),
        Self::Validate(Mode::Fail),
        Self::Validate(Mode::Ignore),
        Self::Mutate,
        Self::Probe,
    ];

    pub const fn path(self) -> &'static str {
        match self {
            Self::Validate(Mode::All) => "/validate",
            Self::Validate(Mode::Fail) => "/validate/fail",
            Self::Validate(Mode::Ignore) => "/validate/ignore",
            Self::Mutate => "/mutate",
            Self::Probe => crate::probe::PATH,
        }
    }
}

// === impl Webhook ===

impl Webhook {
    pub fn new(judge: Judge, gate: Gate, metrics: Arc<Metrics>) -> Self {
        Self { judge, gate, metrics }
    }

    async fn answer(self: Arc<Self>, door: Door, request: Request) -> Response {
        let started = Instant::now();
        let _in_flight = self.metrics.enter();
        let ended = Arc::clone(&self).receive(door, request, started).await;
        let (outcome, response) = match ended {
            Ok(Ended::Answered { allowed, body }) => {
                let outcome = if allowed { Outcome::Allowed } else { Outcome::Denied };
                (outcome, ([(header::CONTENT_TYPE, "application/json")], body).into_response())
            }
            Ok(Ended::Refused(refused)) => {
                let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                tracing::debug!(door = door.path(), status = status.as_u16(), reason = %refused, "review refused");
                let outcome = if status.is_server_error() { Outcome::Failed } else { Outcome::Refused };
                (outcome, answer_text(status, refused.body()))
            }
            Ok(Ended::Panicked) => {
                tracing::error!(door = door.path(), "judging a review panicked");
                self.metrics.shed(Shed::Panic);
                (Outcome::Failed, StatusCode::SERVICE_UNAVAILABLE.into_response())
            }
            Err(shed) => {
                self.metrics.shed(shed);
                (Outcome::Shed, StatusCode::SERVICE_UNAVAILABLE.into_response())
            }
        };
        self.metrics.answered(door, outcome, started.elapsed());
        response
    }

    /// In the order of what it costs: the head, room, the body, the judge.
    async fn receive(self: Arc<Self>, door: Door, request: Request, started: Instant) -> Result<Ended, Shed> {
        let deadline = started + shed::time_for(request.uri().query());
        let announced = request.body().size_hint();
        if let Err(refused) = readable(request.headers(), announced.lower()) {
            return Ok(Ended::Refused(refused));
        }
        let announced = announced.exact().and_then(|bytes| usize::try_from(bytes).ok());
        let room = self.gate.enter(deadline).await.ok_or(Shed::Busy)?;
        let body_until = deadline.min(Instant::now() + Duration::from_millis(BODY_MS));
        let (body, room) = match self.gate.collect(request.into_body(), announced, room, body_until).await {
            Ok(whole) => whole,
            Err(Incomplete::TooLarge) => return Ok(Ended::Refused(too_large())),
            Err(Incomplete::Busy) => return Err(Shed::Busy),
            Err(Incomplete::Late) => return Err(Shed::Late),
            Err(Incomplete::Broken(error)) => {
                return Ok(Ended::Refused(Refused::new(400, format!("the body cannot be read: {error}"))));
            }
        };
        if body.len() <= INLINE_BYTES {
            if self.metrics.reviews_in_flight() > 1 {
                // Whoever else has asked by now is let in first, so that waiting counts as such: a worker that judged one
                // review after the other would not see how long the last of them waits.
                task::yield_now().await;
                if Instant::now() >= deadline {
                    return Err(Shed::Late);
                }
            }
            let ended = self.judge(door, &body, deadline);
            drop((room, body));
            return Ok(ended);
        }
        self.judge_large(door, body, deadline, room).await
    }

    /// On a thread of its own; what it holds is free again when it ends, even if nobody waits for it any more.
    async fn judge_large(
        self: Arc<Self>,
        door: Door,
        body: Bytes,
        deadline: Instant,
        room: Room,
    ) -> Result<Ended, Shed> {
        let turn = self.gate.large(deadline).await.ok_or(Shed::Late)?;
        let judged = task::spawn_blocking(move || {
            let ended = self.judge(door, &body, deadline);
            drop((room, turn, body));
            ended
        });
        match time::timeout_at(deadline.into(), judged).await {
            Ok(Ok(ended)) => Ok(ended),
            Ok(Err(_)) => Ok(Ended::Panicked),
            Err(_) => Err(Shed::Late),
        }
    }

    /// A panic costs this review and nothing else: the judge holds no lock that it could poison for the next.
    fn judge(&self, door: Door, body: &[u8], deadline: Instant) -> Ended {
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let review = wire::read(body)?;
            let answer = (self.judge)(door, &review, deadline).map_err(|refused| {
                let uid = refused.uid.or_else(|| Some(review.request.uid.to_string()));
                Refused { status: refused.status, message: refused.message, uid }
            })?;
            Ok(Ended::Answered { allowed: answer.allowed, body: wire::write(&answer, &review) })
        }));
        match judged {
            Ok(ended) => ended.unwrap_or_else(Ended::Refused),
            Err(_) => Ended::Panicked,
        }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("gate", &self.gate).finish_non_exhaustive()
    }
}

fn answers(door: Door) -> MethodRouter<Arc<Webhook>> {
    post(move |State(webhook): State<Arc<Webhook>>, request: Request| webhook.answer(door, request))
}

async fn no_such_door() -> Response {
    let doors = Door::ALL.map(Door::path).join("`, `");
    answer_text(StatusCode::NOT_FOUND, format!("nothing is judged here: the doors are `{doors}`"))
}

fn answer_text(status: StatusCode, text: String) -> Response {
    if text.is_empty() { status.into_response() } else { (status, text).into_response() }
}

/// What can be told from the head alone.
fn readable(headers: &HeaderMap, announced: u64) -> Result<(), Refused> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let given = if media_type.is_empty() { "without a type".to_owned() } else { format!("`{media_type}`") };
        return Err(Refused::new(415, format!("a review is `application/json`, this one is {given}")));
    }
    let encoding = text(header::CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Err(Refused::new(415, format!("a review is not compressed, this one is `{encoding}`")));
    }
    if announced > REVIEW_BYTES as u64 {
        return Err(too_large());
    }
    Ok(())
}

fn too_large() -> Refused {
    Refused::new(413, format!("the review is larger than {} MiB", REVIEW_BYTES / 1024 / 1024))
}

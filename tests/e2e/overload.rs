//! Twice as many reviews as can be judged: what is answered is answered in time, the rest is turned away and counted, memory
//! stays bounded, and when it is over it is as before.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    caller::{Caller, Number, review, runtime},
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    roll_outs::{duration, report},
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[Case::new(
    "overload: at twice the capacity what is answered is answered in time, and memory is bounded",
    overload,
)
.alone()];

/// What the API server would wait, which is said with every review.
const TIMEOUT: Duration = Duration::from_secs(3);
const DOOR: &str = "/validate/fail?timeout=3s";

/// Connections, as of several API servers. So many fewer than there may be that it is the reviews that are too many: a caller
/// that was turned away may hold two places for a moment, until it is seen that it has left the first.
const CALLERS: u32 = 380;

/// Kilobytes that the chart lets it take: reviews in hand, what their trees take, and buffers of all connections.
const MEMORY: u64 = 512 * 1024;

/// What came of all reviews.
#[derive(Default)]
struct Answers {
    judged: Vec<Duration>,
    shed: Vec<Duration>,
    /// Of reviews that were turned away before they had come whole, those whose sender saw no more than that.
    cut: usize,
    /// Neither judged nor turned away: a connection that broke, an answer that is wrong.
    other: Vec<String>,
    /// Due, and never sent: all callers waited for an answer.
    unsent: u64,
    lasted: Duration,
}

fn overload(_: &Sandbox<'_>) {
    let portcullis = Portcullis::serve_manifests(&objects::gateway("gw"), &[]);
    let number = Number::of(&portcullis);
    let reviews = Arc::new(reviews());
    let before = portcullis.memory("VmRSS").unwrap_or_default();
    let (alone, capacity, over, after) = runtime().block_on(async {
        let alone = drive(&number, &reviews, 1, None, Duration::from_secs(1)).await;
        let capacity = drive(&number, &reviews, 8, None, Duration::from_secs(3)).await;
        let twice = 2.0 * capacity.per_second();
        let over = drive(&number, &reviews, CALLERS, Some(twice), duration()).await;
        let after = drive(&number, &reviews, 1, None, Duration::from_secs(1)).await;
        (alone, capacity, over, after)
    });
    let (most, now) = (portcullis.memory("VmHWM").unwrap_or_default(), portcullis.memory("VmRSS").unwrap_or_default());
    report("one caller", &alone);
    report("eight callers, each after its answer", &capacity);
    report("twice that", &over);
    report("one caller again", &after);
    report("memory", &format!("{before} kB before, at most {most} kB, {now} kB after"));
    let sheds = sheds(&portcullis);
    for answers in [&alone, &capacity, &over, &after] {
        assert!(answers.other.is_empty(), "{answers}: {:?}; it says: {sheds}", answers.other.first());
    }
    assert!(alone.shed.is_empty() && after.shed.is_empty(), "{alone}; {after}");
    let late = over.judged.iter().filter(|took| **took > TIMEOUT + Duration::from_secs(2)).count();
    assert!(late == 0 && !over.judged.is_empty(), "{late} were answered too late: {over}");
    assert!((1..MEMORY).contains(&most), "{most} kB");
    let count = |series: &str| portcullis.metric(series).unwrap_or_default();
    let shed = ["busy", "late"].map(|why| count(&format!("portcullis_webhook_shed_total{{reason=\"{why}\"}}")));
    let told = over.shed.len() + capacity.shed.len();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let counted = shed.iter().sum::<f64>() as usize;
    assert!((told..=told + over.cut + capacity.cut).contains(&counted), "{shed:?} were counted, {told} told; {over}");
    wait_until("nothing to be in hand", || {
        let left = count("portcullis_webhook_requests_in_flight");
        if left == 0.0 { Ok(()) } else { Err(format!("{left} are in hand")) }
    });
}

/// What it turned away, as its metrics say it.
fn sheds(portcullis: &Portcullis) -> String {
    let metrics = portcullis.get("/metrics").unwrap_or_default();
    let series = metrics.lines().filter_map(|line| line.strip_prefix("portcullis_webhook_shed_total"));
    series.collect::<Vec<_>>().join(", ")
}

/// Small, and now and then large: each refers to what is not there, so that all of it is read and judged.
fn reviews() -> Vec<Vec<u8>> {
    let log = json!({ "openTelemetry": { "grpcService": {
        "logName": "a", "backendRef": { "name": "gone", "port": 4317 },
    } } });
    let object: Value = json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1",
        "kind": "ListenerPolicy",
        "metadata": { "name": "logs", "namespace": "gw" },
        "spec": {
            "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "http" }],
            "default": { "httpSettings": { "accessLog": [log] } },
        },
    });
    let sizes = [3_000, 3_000, 3_000, 40_000, 3_000, 3_000, 400_000, 3_000, 3_000, 40_000, 3_000, 2_000_000];
    sizes.into_iter().map(|bytes| review(&object, bytes)).collect()
}

/// So many callers, each with a connection of its own: as fast as answers come, or so many reviews a second of all together.
async fn drive(
    number: &Number,
    reviews: &Arc<Vec<Vec<u8>>>,
    callers: u32,
    rate: Option<f64>,
    lasts: Duration,
) -> Answers {
    let mut connected = Vec::new();
    for _ in 0..callers {
        connected.push(number.call().await.expect("a connection"));
    }
    let (sent, begun) = (Arc::new(AtomicU64::default()), Instant::now());
    let calling: Vec<_> = connected
        .into_iter()
        .map(|caller| {
            let (number, reviews, sent) = (number.clone(), Arc::clone(reviews), Arc::clone(&sent));
            tokio::spawn(async move { call(caller, &number, &reviews, &sent, rate, (begun, lasts)).await })
        })
        .collect();
    let mut all = Answers::default();
    for calling in calling {
        let mut one = calling.await.expect("a caller ends");
        all.judged.append(&mut one.judged);
        all.shed.append(&mut one.shed);
        all.cut += one.cut;
        all.other.append(&mut one.other);
    }
    all.lasted = begun.elapsed();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of reviews")]
    let due = rate.map_or(0, |rate| (rate * lasts.as_secs_f64()) as u64);
    all.unsent = due.saturating_sub(sent.load(Ordering::Relaxed));
    all.judged.sort();
    all.shed.sort();
    all
}

async fn call(
    mut caller: Caller,
    number: &Number,
    reviews: &[Vec<u8>],
    sent: &AtomicU64,
    rate: Option<f64>,
    (begun, lasts): (Instant, Duration),
) -> Answers {
    let mut answers = Answers::default();
    loop {
        let mine = sent.fetch_add(1, Ordering::Relaxed);
        if let Some(rate) = rate {
            #[expect(clippy::cast_precision_loss, reason = "a number of reviews")]
            let due = begun + Duration::from_secs_f64(mine as f64 / rate);
            tokio::time::sleep_until(due.min(begun + lasts).into()).await;
        }
        if begun.elapsed() >= lasts {
            sent.fetch_sub(1, Ordering::Relaxed);
            return answers;
        }
        let review = &reviews[usize::try_from(mine).unwrap_or_default() % reviews.len()];
        let at = Instant::now();
        match caller.post(DOOR, review).await {
            Ok((200, said)) if String::from_utf8_lossy(&said).contains(r#""allowed":false"#) => {
                answers.judged.push(at.elapsed());
            }
            Ok((503, said)) if said.is_empty() => {
                answers.shed.push(at.elapsed());
                // What is turned away before all of it was read costs the connection.
                caller = again(caller, number).await;
            }
            Ok((status, said)) => answers.other.push(format!("{status} {}", String::from_utf8_lossy(&said))),
            // It was still sending when it was turned away.
            Err(error) if review.len() > 300_000 && is_closed(&error) => {
                answers.cut += 1;
                caller = again(caller, number).await;
            }
            Err(error) => {
                answers.other.push(format!("{error} after {:?} with {} bytes", at.elapsed(), review.len()));
                caller = again(caller, number).await;
            }
        }
    }
}

/// Another connection instead of this one, which gives up its place first.
async fn again(caller: Caller, number: &Number) -> Caller {
    drop(caller);
    number.call().await.expect("a connection")
}

fn is_closed(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

// === impl Answers ===

impl Answers {
    fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let judged = self.judged.len() as f64;
        judged / self.lasted.as_secs_f64()
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (judged, shed, cut, other) = (self.judged.len(), self.shed.len(), self.cut, self.other.len());
        write!(f, "{judged} judged in {:.1} s ({:.0} a second)", self.lasted.as_secs_f64(), self.per_second())?;
        write!(
            f,
            ", {shed} turned away and {cut} while they sent, {other} otherwise, {} due and not sent",
            self.unsent
        )?;
        for (what, took) in [("judged", &self.judged), ("turned away", &self.shed)] {
            let ms = |percent: usize| {
                took.get(took.len().saturating_sub(1) * percent / 100).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
            };
            write!(f, "; {what} after p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms", ms(50), ms(99), ms(100))?;
        }
        Ok(())
    }
}

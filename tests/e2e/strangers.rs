//! Whoever can reach the port and wants nothing good: service for the others goes on.

use std::{
    fmt, fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::sleep,
};

use crate::{
    caller::{Caller, Number, head, review, runtime},
    patience::wait_until,
    portcullis::Portcullis,
    roll_outs::report,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("strangers: a review has from one byte to eight MiB, and what is more is refused", sizes),
    Case::new("strangers: slow senders hold up nobody", slow).alone(),
    Case::new("strangers: garbage, half-open connections and plain HTTP hold up nobody", garbage).alone(),
    Case::new("strangers: a thousand connections to the port of probes hold up nobody", probes).alone(),
    Case::new("strangers: ten thousand idle connections hold up nobody", idle).alone(),
];

const MIB: usize = 1024 * 1024;

/// How many idle connections, and how many open files that takes.
const IDLE: usize = 10_000;
const OPEN_FILES: usize = IDLE + 2_000;

/// As `engine::limits` has it.
const CONNECTIONS: f64 = 768.0;

fn object() -> Value {
    json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1",
        "kind": "ListenerPolicy",
        "metadata": { "name": "logs", "namespace": "gw" },
        "spec": { "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "http" }] },
    })
}

fn serve() -> (Portcullis, Number) {
    let portcullis = Portcullis::serve_manifests("", &[]);
    let number = Number::of(&portcullis);
    (portcullis, number)
}

fn shed(portcullis: &Portcullis, reason: &str) -> f64 {
    let series = format!("portcullis_webhook_shed_total{{reason=\"{reason}\"}}");
    portcullis.metric(&series).unwrap_or_else(|| panic!("nothing counts `{reason}`"))
}

/// One who calls again and again, on a connection that it keeps and now and then on a new one.
struct Normal {
    stop: Arc<AtomicBool>,
    calling: JoinHandle<Served>,
}

/// What one caller got.
#[derive(Default)]
struct Served {
    failed: Vec<String>,
    kept: Vec<Duration>,
    new: Vec<Duration>,
}

impl Normal {
    fn start(number: &Number) -> Self {
        let (number, stop) = (number.clone(), Arc::new(AtomicBool::default()));
        let stopped = Arc::clone(&stop);
        let calling = tokio::spawn(async move {
            let body = review(&object(), 0);
            let mut served = Served::default();
            let mut kept: Option<Caller> = None;
            let mut round = 0_u32;
            while !stopped.load(Ordering::Relaxed) {
                let (begun, is_new) = (Instant::now(), kept.is_none() || round.is_multiple_of(5));
                let answered = async {
                    let mut caller = match kept.take().filter(|_| !is_new) {
                        Some(caller) => caller,
                        None => number.call().await?,
                    };
                    let (status, said) = caller.post("/validate/fail?timeout=3s", &body).await?;
                    if status == 200 { Ok(caller) } else { Err(std::io::Error::other(format!("{status} {said:?}"))) }
                };
                match answered.await {
                    Ok(caller) => {
                        kept = Some(caller);
                        if is_new { &mut served.new } else { &mut served.kept }.push(begun.elapsed());
                    }
                    Err(error) => {
                        served.failed.push(format!("{} connection: {error}", if is_new { "new" } else { "kept" }));
                    }
                }
                round += 1;
                sleep(Duration::from_millis(20)).await;
            }
            served
        });
        Self { stop, calling }
    }

    async fn finish(self) -> Served {
        self.stop.store(true, Ordering::Relaxed);
        self.calling.await.expect("the caller ends")
    }
}

impl Served {
    #[track_caller]
    fn is_whole(&self) {
        let some: Vec<_> = self.failed.iter().take(3).collect();
        assert!(self.failed.is_empty() && !self.kept.is_empty() && !self.new.is_empty(), "{self}: {some:?}");
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.kept.len() + self.new.len() + self.failed.len();
        write!(f, "of {all} calls of others {} failed", self.failed.len())?;
        for (what, took) in [("kept", &self.kept), ("new", &self.new)] {
            let mut took = took.clone();
            took.sort();
            let ms = |percent: usize| {
                took.get(took.len().saturating_sub(1) * percent / 100).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
            };
            write!(f, "; {what} connections p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms", ms(50), ms(99), ms(100))?;
        }
        Ok(())
    }
}

fn sizes(_: &Sandbox<'_>) {
    let (portcullis, number) = serve();
    runtime().block_on(async {
        let mut caller = number.call().await.expect("a connection");
        let (status, _) = caller.post("/validate/fail", b"{").await.expect("an answer");
        assert_eq!(status, 400);
        for bytes in [8 * MIB - 1, 8 * MIB] {
            let body = review(&object(), bytes);
            assert_eq!(body.len(), bytes);
            let (status, said) = caller.post("/validate/fail", &body).await.expect("an answer");
            assert_eq!(status, 200, "{bytes} bytes: {}", String::from_utf8_lossy(&said));
        }
        // Told before it is read.
        caller.0.write_all(head("/validate/fail", Some(8 * MIB + 1)).as_bytes()).await.expect("it is sent");
        assert_eq!(caller.answer().await.expect("an answer").0, 413);

        let mut chunked = number.call().await.expect("a connection");
        for (bytes, expected) in [(8 * MIB, 200), (8 * MIB + 1, 413)] {
            chunked.0.write_all(head("/validate/fail", None).as_bytes()).await.expect("it is sent");
            let body = review(&object(), bytes);
            for chunk in body.chunks(100_000) {
                let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
                if chunked.0.write_all(&framed).await.is_err() {
                    break;
                }
            }
            let _ = chunked.0.write_all(b"0\r\n\r\n").await;
            let _ = chunked.0.flush().await;
            assert_eq!(chunked.answer().await.expect("an answer").0, expected, "{bytes} bytes in chunks");
        }
    });
    report("reviews of eight MiB", &format!("VmHWM {} kB", portcullis.memory("VmHWM").unwrap_or_default()));
}

/// Sends this at once and then a byte a while, until the other side ends or it is told to.
fn trickle(number: &Number, start: String, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let (number, stop) = (number.clone(), Arc::clone(stop));
    tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            let Ok(mut caller) = number.call().await else { continue };
            let mut sent = caller.0.write_all(start.as_bytes()).await;
            while sent.is_ok() && !stop.load(Ordering::Relaxed) {
                sent = caller.0.write_all(b" ").await;
                if sent.is_ok() {
                    sent = caller.0.flush().await;
                }
                sleep(Duration::from_millis(500)).await;
            }
        }
    })
}

fn slow(_: &Sandbox<'_>) {
    let (portcullis, number) = serve();
    let served = runtime().block_on(async {
        let stop = Arc::new(AtomicBool::default());
        let mut strangers = Vec::new();
        for _ in 0..30 {
            // Each alone announces a quarter of all the room there is.
            strangers.push(trickle(&number, head("/validate/fail", Some(8 * MIB)), &stop));
            strangers.push(trickle(&number, format!("{}2000000\r\n", head("/validate/fail", None)), &stop));
            strangers.push(trickle(&number, "POST /validate/fail HTTP/1.1\r\nhost: a\r\nx: ".to_owned(), &stop));
        }
        let normal = Normal::start(&number);
        sleep(Duration::from_secs(8)).await;
        let served = normal.finish().await;
        stop.store(true, Ordering::Relaxed);
        for stranger in strangers {
            stranger.abort();
        }
        served
    });
    report("ninety slow senders", &served);
    served.is_whole();
    assert!(shed(&portcullis, "late") >= 60.0, "{:?}", portcullis.get("/metrics"));
}

fn garbage(_: &Sandbox<'_>) {
    let (portcullis, number) = serve();
    let served = runtime().block_on(async {
        let normal = Normal::start(&number);
        let (mut half, mut deaf) = (Vec::new(), Vec::new());
        for round in 0..200_u8 {
            let mut stream = TcpStream::connect(number.address).await.expect("a connection");
            match round % 4 {
                // As a caller that is gone without a word: nothing comes any more.
                0 => half.push(stream),
                1 => stream.write_all(&[round; 300]).await.expect("it is sent"),
                2 => stream.write_all(b"GET /validate HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("it is sent"),
                _ => drop(number.call().await.expect("a handshake")),
            }
            if round.is_multiple_of(50) {
                // An answer is never read: whatever it sends to make us write, we do not wait for it.
                let mut caller = number.call().await.expect("a handshake");
                let many = "POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n".repeat(2_000);
                let _ = tokio::time::timeout(Duration::from_millis(300), caller.0.write_all(many.as_bytes())).await;
                deaf.push(caller);
            }
        }
        // Until the half-open ones are given up.
        wait_for(&portcullis, "handshake-late", 50.0).await;
        let mut gone = [0];
        assert_eq!(half[0].read(&mut gone).await.unwrap_or_default(), 0);
        normal.finish().await
    });
    report("garbage, half-open connections, plain HTTP", &served);
    served.is_whole();
    assert!(shed(&portcullis, "handshake") >= 100.0, "{:?}", portcullis.get("/metrics"));
}

fn probes(_: &Sandbox<'_>) {
    let (portcullis, number) = serve();
    let served = runtime().block_on(async {
        let normal = Normal::start(&number);
        let mut open = Vec::new();
        for _ in 0..1_100 {
            open.push(TcpStream::connect(portcullis.admin()).await.expect("a connection"));
        }
        assert!(portcullis.is_ready());
        sleep(Duration::from_secs(1)).await;
        normal.finish().await
    });
    report("a thousand connections to the port of probes", &served);
    served.is_whole();
}

async fn wait_for(portcullis: &Portcullis, reason: &str, count: f64) {
    let begun = Instant::now();
    while shed(portcullis, reason) < count {
        assert!(begun.elapsed() < Duration::from_mins(1), "`{reason}` never reached {count}");
        sleep(Duration::from_millis(100)).await;
    }
}

fn idle(_: &Sandbox<'_>) {
    let count = IDLE.min(open_files().saturating_sub(OPEN_FILES - IDLE));
    let (portcullis, number) = serve();
    let (served, most) = runtime().block_on(async {
        let normal = Normal::start(&number);
        let mut open = Vec::new();
        let mut most = 0.0_f64;
        for made in 0..count {
            // Every tenth shakes hands, and asks nothing either.
            if made % 10 == 0 {
                open.extend(number.call().await.map(|caller| caller.0.into_inner().0));
            } else {
                open.extend(TcpStream::connect(number.address).await);
            }
            if made % 1_000 == 0 {
                most = most.max(portcullis.metric("portcullis_webhook_connections").unwrap_or_default());
            }
        }
        sleep(Duration::from_secs(2)).await;
        (normal.finish().await, most)
    });
    let crowded = shed(&portcullis, "crowded");
    report(
        &format!("{count} idle connections"),
        &format!("{served}; {crowded} made room; VmHWM {} kB", portcullis.memory("VmHWM").unwrap_or_default()),
    );
    served.is_whole();
    assert!(most <= CONNECTIONS, "{most} at once");
    let given_up: f64 =
        ["crowded", "silent", "handshake", "handshake-late"].map(|why| shed(&portcullis, why)).iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let without_place = count as f64 - CONNECTIONS;
    assert!(given_up >= without_place, "{given_up} of {count}: {:?}", portcullis.get("/metrics"));
    wait_until("all to be gone", || {
        let left = portcullis.metric("portcullis_webhook_connections");
        if left == Some(0.0) { Ok(()) } else { Err(format!("{left:?} are left")) }
    });
}

/// How many files we may open, after an attempt to have enough.
fn open_files() -> usize {
    let limits = || {
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default().to_owned();
        let soft = line.split_whitespace().nth(3);
        soft.and_then(|soft| soft.parse().ok()).unwrap_or(256)
    };
    if limits() < OPEN_FILES {
        let pid = std::process::id().to_string();
        let _ = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={OPEN_FILES}:")]).status();
    }
    limits()
}

//! Users who write without a pause, so many writes a second whatever the answers take, and what came of each.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::{crossing::Crossing, patience::wait_until, registration::Hook};

/// Writes until it is told to end.
#[derive(Debug)]
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    begun: Instant,
    writing: JoinHandle<Vec<Write>>,
}

/// What came of all writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) allowed: usize,
    pub(crate) denied: usize,
    /// When, counted from the beginning, and what was said.
    pub(crate) failed: Vec<(Duration, String)>,
    lasted: Duration,
    /// From when a write was due to its answer, sorted.
    took: Vec<Duration>,
}

/// What has to come of a write.
#[derive(Clone, Copy, Debug)]
enum Due {
    Allowed,
    /// By us, with these words.
    Denied(&'static str),
}

#[derive(Debug)]
struct Write {
    due: Due,
    at: Duration,
    took: Duration,
    failure: Option<String>,
}

struct Step {
    due: Due,
    method: &'static str,
    path: String,
    body: Value,
}

/// Each of these writes to an object of its own, one write after the other.
const LANES: u32 = 20;

/// How long the API server waits for us here. The product asks for less; on a busy machine that would be a bound on its speed.
const SECONDS: u32 = 10;

/// The webhooks that judge these writes. All fail closed, so that no call is lost without notice.
pub(crate) fn hooks() -> Vec<Hook> {
    use crate::registration::rule;
    let every = ["CREATE", "UPDATE", "DELETE"];
    let telemetry = rule("gateway.kgateway.dev", &["listenerpolicies"], &every);
    let needed = rule("", &["services"], &["UPDATE", "DELETE"]);
    vec![
        Hook::new("/mutate", json!([rule("gateway.kgateway.dev", &["listenerpolicies"], &["CREATE", "UPDATE"])]))
            .within(SECONDS),
        Hook::new("/validate/fail", json!([telemetry])).within(SECONDS),
        Hook::new("/validate/ignore", json!([telemetry, needed])).within(SECONDS),
    ]
}

// === impl Traffic ===

impl Traffic {
    /// Begins when the guard is seen to refuse what it must, as a user with this kubeconfig.
    #[track_caller]
    pub(crate) fn start(crossing: &Crossing<'_>, kubeconfig: &Path, per_second: u32) -> Self {
        crossing.share("otel");
        crossing.kubectl.apply(&crossing.policy("keeper"));
        wait_until("the collector to be guarded", || {
            let said = crossing.kubectl.run(&["delete", "--dry-run=server", "service", "otel", "-n", &crossing.obs]);
            if said.all().contains("is still needed by") { Ok(()) } else { Err(said.all()) }
        });
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
        let stop = Arc::new(AtomicBool::default());
        let (gw, obs, stopped) = (crossing.gw.clone(), crossing.obs.clone(), Arc::clone(&stop));
        let writing = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(write_all(kubeconfig, (gw, obs), per_second, stopped))
        });
        Self { stop, begun: Instant::now(), writing }
    }

    /// Since it began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Ends it, and says what came of it.
    pub(crate) fn finish(self) -> Figures {
        let lasted = self.begun.elapsed();
        self.stop.store(true, Ordering::Relaxed);
        let mut figures = Figures { lasted, ..Figures::default() };
        for write in self.writing.join().expect("the writers end") {
            match (write.failure, write.due) {
                (Some(why), _) => figures.failed.push((write.at, why)),
                (None, Due::Allowed) => figures.allowed += 1,
                (None, Due::Denied(_)) => figures.denied += 1,
            }
            figures.took.push(write.took);
        }
        figures.failed.sort();
        figures.took.sort();
        figures
    }
}

// === impl Figures ===

impl Figures {
    pub(crate) fn writes(&self) -> usize {
        self.took.len()
    }

    #[track_caller]
    pub(crate) fn lost_none(&self) {
        let some: Vec<_> = self.failed.iter().take(5).collect();
        assert!(self.failed.is_empty(), "{self}, the first of them: {some:#?}");
        assert!(self.allowed > 0 && self.denied > 0, "{self}");
    }

    fn percentile(&self, percent: usize) -> f64 {
        let at = self.took.len().saturating_sub(1) * percent / 100;
        self.took.get(at).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (writes, seconds, failed) = (self.writes(), self.lasted.as_secs_f64(), self.failed.len());
        write!(f, "{writes} writes in {seconds:.0} s: {} allowed, {} denied, ", self.allowed, self.denied)?;
        write!(f, "{failed} failed; from due to answered p50 {:.1} ms, ", self.percentile(50))?;
        write!(f, "p99 {:.1} ms, most {:.1} ms", self.percentile(99), self.percentile(100))
    }
}

async fn write_all(
    kubeconfig: Kubeconfig,
    places: (String, String),
    per_second: u32,
    stop: Arc<AtomicBool>,
) -> Vec<Write> {
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a config");
    let client = Client::try_from(config).expect("a client");
    let begun = Instant::now();
    let pause = Duration::from_secs(1) / per_second;
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let (client, places, stop) = (client.clone(), places.clone(), Arc::clone(&stop));
            let clock = Clock { begun, first: pause * lane, every: pause * LANES };
            tokio::spawn(async move { write_in(&client, lane, &places, clock, &stop).await })
        })
        .collect();
    let mut all = Vec::new();
    for lane in lanes {
        all.extend(lane.await.expect("a lane ends"));
    }
    all
}

#[derive(Clone, Copy)]
struct Clock {
    begun: Instant,
    first: Duration,
    every: Duration,
}

async fn write_in(
    client: &Client,
    lane: u32,
    places: &(String, String),
    clock: Clock,
    stop: &AtomicBool,
) -> Vec<Write> {
    let steps = steps(lane, places);
    let mut written = Vec::new();
    let (mut due, mut step) = (clock.begun + clock.first, 0);
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep_until(due.into()).await;
        let now = &steps[step];
        let failure = now.write(client).await.err();
        // Nobody knows what is stored after a failure: it begins anew.
        step = if failure.is_some() { 0 } else { (step + 1) % steps.len() };
        if failure.is_some() {
            steps.last().expect("the end").leave_nothing(client).await;
        }
        let at = due.saturating_duration_since(clock.begun);
        let failure = failure.map(|why| format!("{} {}: {why}", now.method, now.path));
        written.push(Write { due: now.due, at, took: due.elapsed(), failure });
        due += clock.every;
    }
    written
}

/// What one lane does again and again; the last step leaves nothing behind.
fn steps(lane: u32, (gw, obs): &(String, String)) -> Vec<Step> {
    let policies = format!("/apis/gateway.kgateway.dev/v1alpha1/namespaces/{gw}/listenerpolicies");
    let (name, bad) = (format!("lane-{lane}"), format!("bad-{lane}"));
    let one = format!("{policies}/{name}");
    let service = format!("/api/v1/namespaces/{obs}/services/otel");
    let log = |log: &str, to: &str| {
        let reference = json!({ "name": to, "namespace": obs, "port": 4317 });
        let sink = json!({ "openTelemetry": { "grpcService": { "logName": log, "backendRef": reference } } });
        json!({ "httpSettings": { "accessLog": [sink] } })
    };
    let policy = |name: &str, to: &str| {
        json!({
            "apiVersion": "gateway.kgateway.dev/v1alpha1",
            "kind": "ListenerPolicy",
            "metadata": { "name": name, "namespace": gw },
            "spec": {
                "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "http" }],
                "default": log("a", to),
            },
        })
    };
    let change = |log: Value| json!({ "spec": { "default": log } });
    let step = |due, method, path: &str, body| Step { due, method, path: path.to_owned(), body };
    let absent = Due::Denied("does not exist");
    vec![
        step(Due::Allowed, "POST", &policies, policy(&name, "otel")),
        step(Due::Allowed, "PATCH", &one, change(log("b", "otel"))),
        step(absent, "PATCH", &one, change(log("b", "gone"))),
        step(absent, "POST", &policies, policy(&bad, "gone")),
        step(Due::Denied("is still needed by"), "DELETE", &service, Value::Null),
        step(Due::Allowed, "PATCH", &one, change(log("c", "otel"))),
        step(Due::Allowed, "DELETE", &one, Value::Null),
    ]
}

// === impl Step ===

impl Step {
    async fn send(&self, client: &Client) -> Result<Value, kube::Error> {
        let kind = if self.method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let body = if self.body.is_null() { Vec::new() } else { self.body.to_string().into_bytes() };
        let request = http::Request::builder().method(self.method).uri(&self.path).header("content-type", kind);
        client.request(request.body(body).expect("a request")).await
    }

    /// Deletes what is there, as soon as that is let through again.
    async fn leave_nothing(&self, client: &Client) {
        for _ in 0..50 {
            match self.send(client).await {
                Ok(_) => return,
                Err(kube::Error::Api(status)) if status.is_not_found() => return,
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Whether what came of it is what had to come of it.
    async fn write(&self, client: &Client) -> Result<(), String> {
        match (self.send(client).await, self.due) {
            (Ok(_), Due::Allowed) => Ok(()),
            (Ok(_), Due::Denied(_)) => Err("allowed what must be denied".to_owned()),
            (Err(kube::Error::Api(status)), Due::Denied(words))
                if status.message.contains("denied the request") && status.message.contains(words) =>
            {
                Ok(())
            }
            (Err(error), _) => Err(error.to_string()),
        }
    }
}

//! Calls that are lost when a server is replaced: callers with keep-alive ask at full speed, one server gets SIGTERM, and a
//! while later the address leads to another, as endpoints do. What the rows mean is told in `docs/benchmarks.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench measures, prints, and its panic is its report"
)]

mod callers;
#[path = "../reviews/floor.rs"]
mod floor;
#[path = "../support/linux.rs"]
mod linux;
#[path = "../support/material.rs"]
mod material;
#[path = "../reviews/process.rs"]
mod process;
#[path = "../support/served.rs"]
mod served;

use std::{
    io::Read as _,
    thread,
    time::{Duration, Instant},
};

use callers::{Callers, Target};
use linux::cpus;
use process::Process;
use served::{Certificate, Served};

/// As the API server keeps connections to a webhook: several.
const CALLERS: usize = 16;
/// At least so many calls are made; fewer would show nothing.
const CALLS: usize = 4_001;

struct Row {
    name: &'static str,
    server: Kind,
    goal: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    /// The server of `reviews` that does nothing: it ends at once.
    Floor,
    /// Ours, with so many seconds to drain.
    Ours(u64),
}

const ROWS: &[Row] = &[
    Row { name: "floor, ends at once", server: Kind::Floor, goal: "" },
    Row { name: "ours, `--drain 0`", server: Kind::Ours(0), goal: "" },
    Row { name: "ours, `--drain 3`", server: Kind::Ours(3), goal: "0" },
];

/// When what happens.
#[derive(Clone, Copy)]
struct Plan {
    /// Before the signal, and after the old server is gone.
    calm: Duration,
    /// From the signal until the address leads to the other server.
    delay: Duration,
    calls: usize,
}

enum Server {
    Floor(Process),
    Ours { served: Served, ca: String },
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", "floor"] => serve_floor(),
        words => run(plan(words)),
    }
}

/// `cargo test --all-targets` runs benches too, and does not say `--bench`: then a look whether it works is enough.
fn plan(arguments: &[&str]) -> Plan {
    if arguments.contains(&"--quick") || !arguments.contains(&"--bench") {
        return Plan { calm: Duration::from_millis(500), delay: Duration::from_millis(500), calls: 40 };
    }
    Plan { calm: Duration::from_secs(2), delay: Duration::from_secs(1), calls: CALLS }
}

/// Until whoever started it closes the pipe, or is gone.
fn serve_floor() {
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime().block_on(floor::serve());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn run(plan: Plan) {
    let pinned = cpus();
    match pinned {
        Some((server, caller)) => {
            println!("servers on CPU {server}, callers on CPU {caller}");
            process::pin_self(caller);
        }
        None => println!("not pinned: there is one CPU, or no `taskset`"),
    }
    println!(
        "{CALLERS} callers; the address leads to the other server {:.1} s after the signal\n\n{:<22} {:>9} {:>12} {:>8} {:>8} {:>6} {:>12} {:>10}",
        plan.delay.as_secs_f64(),
        "SIGTERM to",
        "calls",
        "after signal",
        "refused",
        "cut off",
        "goal",
        "longest ms",
        "gone after"
    );
    for row in ROWS {
        replace(row, plan, pinned.map(|(server, _)| server));
    }
}

fn replace(row: &Row, plan: Plan, cpu: Option<usize>) {
    let [mut old, new] = [Server::start(row.server, cpu), Server::start(row.server, cpu)];
    let runtime = runtime();
    let callers = Callers::start(&runtime, CALLERS, old.target(), &material::selected());
    wait(&callers, plan.calm, plan.calls / 3);
    let before = callers.calls();
    let signalled = Instant::now();
    old.terminate();
    let (mut has_turned, mut gone) = (false, None);
    while !has_turned || gone.is_none() {
        if !has_turned && signalled.elapsed() >= plan.delay {
            callers.turn_to(new.target());
            has_turned = true;
        }
        if gone.is_none() && old.has_ended() {
            gone = Some(signalled.elapsed().as_secs_f64());
        }
        thread::sleep(Duration::from_millis(5));
    }
    wait(&callers, plan.calm, plan.calls);
    let seen = callers.stop(&runtime);
    println!(
        "{:<22} {:>9} {:>12} {:>8} {:>8} {:>6} {:>12.1} {:>8.1} s",
        row.name,
        seen.calls,
        seen.calls - before,
        seen.refused,
        seen.cut_off,
        row.goal,
        seen.longest.as_secs_f64() * 1e3,
        gone.unwrap_or_default(),
    );
}

/// For so long, and until so many calls were made.
fn wait(callers: &Callers, time: Duration, calls: usize) {
    thread::sleep(time);
    while callers.calls() < calls {
        thread::sleep(Duration::from_millis(10));
    }
}

// === impl Server ===

impl Server {
    fn start(kind: Kind, cpu: Option<usize>) -> Self {
        match kind {
            Kind::Floor => Self::Floor(Process::start(None, cpu.map(|cpu| (cpu, cpu)))),
            Kind::Ours(drain) => {
                let certificate = Certificate::new();
                let mut arguments = certificate.arguments();
                arguments.extend(["--manifests".to_owned(), served::manifests()]);
                arguments.extend(["--drain".to_owned(), drain.to_string()]);
                let mut served = Served::start(&arguments, cpu);
                served.wait_until_ready();
                Self::Ours { served, ca: certificate.ca.clone() }
            }
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Floor(process) => Target::new(process.hello.port, &process.hello.ca),
            Self::Ours { served, ca } => Target::new(served.port, ca),
        }
    }

    fn terminate(&self) {
        match self {
            Self::Floor(process) => process.terminate(),
            Self::Ours { served, .. } => served.terminate(),
        }
    }

    fn has_ended(&mut self) -> bool {
        match self {
            Self::Floor(process) => process.has_ended(),
            Self::Ours { served, .. } => served.has_ended(),
        }
    }
}

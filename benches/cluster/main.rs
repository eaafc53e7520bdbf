//! What following a cluster takes: memory, the time until it is ready and right, and the CPU time of one change. The API
//! server is a stand-in, in a process of its own. What the rows mean is told in `docs/benchmarks.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures, prints, and its panic is its report"
)]

#[path = "../support/api_server.rs"]
mod api_server;
#[path = "../support/child.rs"]
mod child;
mod follower;
#[path = "../support/linux.rs"]
mod linux;
#[path = "../support/material.rs"]
mod material;
#[path = "../support/own.rs"]
mod own;

use std::{thread, time::Duration};

use child::{Change, Child, Question, Serving, Synced};
use linux::{cpus, memory_of};
use material::{LARGE, NONE, SMALL, Size};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much is done of each.
#[derive(Clone, Copy)]
struct Plan {
    quick: bool,
    /// How often each world is followed from the beginning.
    syncs: usize,
    /// Between the last list and the look at the memory.
    settle: Duration,
    changes: u32,
}

/// A world, how it is listed, and the most that design allows for it.
struct Row {
    name: &'static str,
    size: Size,
    streaming: bool,
    ready_goal: &'static str,
    memory_goal: &'static str,
}

const ROWS: &[Row] = &[
    Row { name: "none", size: NONE, streaming: true, ready_goal: "", memory_goal: "" },
    Row { name: "small", size: SMALL, streaming: true, ready_goal: "0.30", memory_goal: "20" },
    Row { name: "large", size: LARGE, streaming: true, ready_goal: "0.80", memory_goal: "35" },
    Row { name: "large, in pages", size: LARGE, streaming: false, ready_goal: "", memory_goal: "" },
];

/// How changes come: so many at once, and the pause after them in milliseconds.
const RHYTHMS: &[(&str, u32, u64)] = &[("one by one", 1, 5), ("twenty at once", 20, 20)];

/// The most CPU time that design allows for a change, in milliseconds.
const CHANGE_GOAL: f64 = 0.1;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["api-server", services, telemetry, streaming] => {
            let size = Size { services: services.parse().unwrap(), telemetry: telemetry.parse().unwrap() };
            runtime().block_on(api_server::serve(size, streaming.parse().unwrap()));
        }
        ["follower"] => runtime().block_on(follower::follow()),
        words => run(plan(words)),
    }
}

/// `cargo test --all-targets` runs benches too, and does not say `--bench`: then a look whether it works is enough.
fn plan(arguments: &[&str]) -> Plan {
    if arguments.contains(&"--quick") || !arguments.contains(&"--bench") {
        return Plan { quick: true, syncs: 1, settle: Duration::from_millis(100), changes: 40 };
    }
    Plan { quick: false, syncs: 5, settle: Duration::from_secs(3), changes: 2_000 }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn run(plan: Plan) {
    let pinned = cpus();
    match pinned {
        Some((measured, other)) => println!("the follower on CPU {measured}, the API server on CPU {other}"),
        None => println!("not pinned: there is one CPU, or no `taskset`"),
    }
    println!(
        "\n{:<18} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>10} {:>8} {:>9}",
        "world", "objects", "lists MB", "ready s", "goal", "worst s", "CPU ms", "memory MB", "goal", "peak MB"
    );
    let mut changes = Vec::new();
    for row in ROWS {
        changes.extend(follow(row, plan, pinned));
    }
    println!("\n{:<18} {:<18} {:>8} {:>14} {:>8}", "one Service changes", "world", "changes", "CPU ms of each", "goal");
    for (rhythm, world, each) in changes {
        println!("{rhythm:<18}  {world:<18} {:>8} {each:>14.3} {CHANGE_GOAL:>8}", plan.changes);
    }
}

/// Follows a world from the beginning a few times; the last follower hears of changes as well.
fn follow(row: &Row, plan: Plan, pinned: Option<(usize, usize)>) -> Vec<(&'static str, &'static str, f64)> {
    let (size, other) = (row.size.quick(plan.quick), pinned.map(|(_, other)| other));
    let arguments = ["api-server", &size.services.to_string(), &size.telemetry.to_string(), &row.streaming.to_string()];
    let mut server = Child::start(&arguments, other);
    let serving: Serving = server.hear();
    let mut syncs = Vec::new();
    let mut changes = Vec::new();
    for nth in 1..=plan.syncs {
        let mut follower = Child::start(&["follower"], pinned.map(|(measured, _)| measured));
        follower.tell(&serving);
        let synced: Synced = follower.hear();
        thread::sleep(plan.settle);
        syncs.push((synced, memory_of(follower.id())));
        if nth == plan.syncs && row.streaming && size.services > 0 {
            for (round, (rhythm, burst, pause_ms)) in (0..).zip(RHYTHMS) {
                let first = round * plan.changes + 1;
                let change = Change { first, last: first + plan.changes - 1, burst: *burst, pause_ms: *pause_ms };
                let before = follower.cpu();
                server.tell(&change);
                follower.tell(&Question { port: change.last });
                let _: Question = follower.hear();
                let each = follower.cpu().saturating_sub(before).as_secs_f64() * 1e3 / f64::from(plan.changes);
                changes.push((*rhythm, row.name, each));
            }
        }
    }
    let of = |pick: &dyn Fn(&Synced, &linux::Memory) -> f64| {
        let mut all: Vec<f64> = syncs.iter().map(|(synced, memory)| pick(synced, memory)).collect();
        all.sort_by(f64::total_cmp);
        (all[all.len() / 2], all[all.len() - 1])
    };
    let (ready, worst) = of(&|synced, _| synced.ready_seconds);
    println!(
        "{:<18} {:>8} {:>9.1} {ready:>8.2} {:>8} {worst:>8.2} {:>8.0} {:>10.1} {:>8} {:>9.1}",
        row.name,
        serving.counts.values().sum::<usize>(),
        serving.megabytes,
        row.ready_goal,
        of(&|synced, _| synced.cpu_ms).0,
        of(&|_, memory| memory.resident).0,
        row.memory_goal,
        of(&|_, memory| memory.peak).1,
    );
    changes
}

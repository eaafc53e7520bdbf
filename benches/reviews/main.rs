//! How long a review takes, beside a server that does nothing but answer. How to run it and what the rows mean is told in
//! `docs/benchmarks.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench measures, prints, and its panic is its report"
)]

mod client;
mod floor;
#[path = "../support/linux.rs"]
mod linux;
#[path = "../support/material.rs"]
mod material;
mod measured;
mod ours;
mod process;

use std::{
    io::Read as _,
    time::{Duration, Instant},
};

use client::Connections;
use linux::cpus;
use material::{LARGE, NONE, SMALL, Size};
use measured::{Block, Cell, comparison, head, scale, scale_head};
use process::Process;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Blocks into which the time of a cell is cut: servers take turns, so that what else the machine does hits all of them.
const BLOCKS: u32 = 12;

/// How long each server is asked for each row and number of connections.
#[derive(Clone, Copy)]
struct Times {
    cell: Duration,
    blocks: u32,
    quick: bool,
}

struct Row {
    name: &'static str,
    body: fn() -> Vec<u8>,
    allowed: bool,
    connections: &'static [usize],
}

const ROWS: &[Row] = &[
    Row { name: "selected CREATE, 3.4 KB", body: material::selected, allowed: true, connections: &[1, 4, 16] },
    Row { name: "the same, denied", body: material::denied, allowed: false, connections: &[1, 4, 16] },
    Row { name: "not selected, 3.4 KB", body: material::not_selected, allowed: true, connections: &[1, 4, 16] },
    Row { name: "selected UPDATE, 46 KB", body: material::long_update, allowed: true, connections: &[1, 4] },
];

const LARGE_ROW: Row =
    Row { name: "ConfigMap UPDATE, 2.9 MB", body: material::large_update, allowed: true, connections: &[1, 4] };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", "floor"] => serve(None),
        ["serve", services, telemetry] => {
            serve(Some(Size { services: services.parse().unwrap(), telemetry: telemetry.parse().unwrap() }));
        }
        words => run(times(words)),
    }
}

/// `cargo test --all-targets` runs benches too, and does not say `--bench`: then a look whether it works is enough.
fn times(arguments: &[&str]) -> Times {
    if arguments.contains(&"--quick") || !arguments.contains(&"--bench") {
        return Times { cell: Duration::from_millis(60), blocks: 2, quick: true };
    }
    let seconds =
        std::env::var("BENCH_SECONDS").ok().map_or(3.0, |text| text.parse().expect("BENCH_SECONDS is a number"));
    Times { cell: Duration::from_secs_f64(seconds), blocks: BLOCKS, quick: false }
}

/// Until whoever started it closes the pipe, or is gone.
fn serve(size: Option<Size>) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match size {
            None => floor::serve().await,
            Some(size) => ours::serve(size).await,
        }
    });
}

fn run(times: Times) {
    let pinned = cpus();
    match pinned {
        Some((server, client)) => println!("servers on CPU {server}, callers on CPU {client}"),
        None => println!("not pinned: there is one CPU, or no `taskset`"),
    }
    if let Some((_, client)) = pinned {
        process::pin_self(client);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    let start = |size: Option<Size>| Process::start(size.map(|size| size.quick(times.quick)), pinned);
    let (floor, none, small, large) = (start(None), start(Some(NONE)), start(Some(SMALL)), start(Some(LARGE)));
    println!("\n{:<28} {:>10} {:>12} {:>12}", "view", "built ms", "ready ms", "memory MB");
    for (name, process) in [("floor", &floor), ("none", &none), ("small", &small), ("large", &large)] {
        println!(
            "{name:<28} {:>10.0} {:>12.0} {:>12.1}",
            process.hello.built_ms,
            process.ready.as_secs_f64() * 1e3,
            process.memory().resident
        );
    }

    println!("\n{}", head());
    for row in ROWS {
        for &connections in row.connections {
            let cells = measure(&runtime, row, connections, &[&floor, &small], times);
            println!("{}", comparison(row.name, connections, &cells[0], &cells[1]));
        }
    }
    // Fresh ones: the peak is this row's, and what it leaves behind is nobody else's.
    let (floor_large, small_large) = (start(None), start(Some(SMALL)));
    let before = [floor_large.memory(), small_large.memory()];
    for &connections in LARGE_ROW.connections {
        let cells = measure(&runtime, &LARGE_ROW, connections, &[&floor_large, &small_large], times);
        println!("{}", comparison(LARGE_ROW.name, connections, &cells[0], &cells[1]));
        let [floor, ours] = [floor_large.memory(), small_large.memory()];
        println!(
            "{:<28} {connections:>5} | floor {:.1} MB, of them {:.1} at start | ours {:.1} MB, of them {:.1} at start",
            "  peak memory", floor.peak, before[0].resident, ours.peak, before[1].resident
        );
    }

    println!("\n{}", scale_head());
    for connections in [1, 4] {
        let cells = measure(&runtime, &ROWS[0], connections, &[&none, &small, &large], times);
        for (name, cell) in [("none", &cells[0]), ("small", &cells[1]), ("large", &cells[2])] {
            println!("{}", scale(name, connections, cell, &cells[0]));
        }
    }
}

/// Asks each server in turn, block by block.
fn measure(
    runtime: &tokio::runtime::Runtime,
    row: &Row,
    connections: usize,
    servers: &[&Process],
    times: Times,
) -> Vec<Cell> {
    runtime.block_on(async {
        let body = (row.body)();
        let mut all = Vec::new();
        for server in servers {
            let mut to_server = Connections::open(&server.hello, connections, &body).await;
            to_server.check(row.allowed || server.is_floor);
            to_server.ask_until(Instant::now() + times.cell / times.blocks / 2).await;
            all.push(to_server);
        }
        let mut cells: Vec<Cell> = servers.iter().map(|_| Cell::default()).collect();
        for _ in 0..times.blocks {
            for (at, server) in servers.iter().enumerate() {
                let (cpu, started) = (server.cpu(), Instant::now());
                let latencies = all[at].ask_until(started + times.cell / times.blocks).await;
                let took = started.elapsed();
                cells[at].blocks.push(Block::new(latencies, took, server.cpu().saturating_sub(cpu)));
            }
        }
        cells
    })
}

//! From the start of `portcullis serve` until it says that it is ready, beside what the lists themselves take: a client
//! that reads the same lists and does nothing with them. What the rows mean is told in `docs/benchmarks.md`.
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
#[path = "../support/linux.rs"]
mod linux;
mod lists;
#[path = "../support/material.rs"]
mod material;
#[path = "../support/own.rs"]
mod own;
#[path = "../support/served.rs"]
mod served;

use std::{fs, time::Instant};

use child::{Child, Serving};
use linux::cpus;
use lists::Read;
use material::{LARGE, NONE, SMALL, Size};
use serde_json::json;
use served::{Certificate, Served};

struct Row {
    name: &'static str,
    world: World,
    serving: With,
}

#[derive(Clone, Copy)]
enum World {
    Folder,
    Cluster(Size),
}

/// The certificate that it serves with.
#[derive(Clone, Copy, PartialEq)]
enum With {
    Files,
    SelfSigned,
    /// Its own, in a Secret that is empty: it leads first, and makes them.
    FirstInstall,
}

const ROWS: &[Row] = &[
    Row { name: "folder", world: World::Folder, serving: With::Files },
    Row { name: "folder, self-signed", world: World::Folder, serving: With::SelfSigned },
    Row { name: "cluster, none", world: World::Cluster(NONE), serving: With::Files },
    Row { name: "cluster, small", world: World::Cluster(SMALL), serving: With::Files },
    Row { name: "cluster, large", world: World::Cluster(LARGE), serving: With::Files },
    Row { name: "none, first install", world: World::Cluster(NONE), serving: With::FirstInstall },
    Row { name: "large, first install", world: World::Cluster(LARGE), serving: With::FirstInstall },
    Row { name: "large, self-signed", world: World::Cluster(LARGE), serving: With::SelfSigned },
];

#[derive(Clone, Copy)]
struct Plan {
    quick: bool,
    /// How often each row is started.
    starts: usize,
    pinned: Option<(usize, usize)>,
}

/// In seconds.
struct Seen {
    ready: Vec<f64>,
    cpu: Vec<f64>,
    /// Of a client that only reads them.
    lists: Vec<f64>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["api-server", services, telemetry] => {
            let size = Size { services: services.parse().unwrap(), telemetry: telemetry.parse().unwrap() };
            runtime().block_on(api_server::serve(size, true));
        }
        ["lists"] => runtime().block_on(lists::read()),
        words => run(plan(words)),
    }
}

/// `cargo test --all-targets` runs benches too, and does not say `--bench`: then a look whether it works is enough.
fn plan(arguments: &[&str]) -> Plan {
    let quick = arguments.contains(&"--quick") || !arguments.contains(&"--bench");
    Plan { quick, starts: if quick { 1 } else { 11 }, pinned: cpus() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn run(plan: Plan) {
    match plan.pinned {
        Some((measured, other)) => println!("the server on CPU {measured}, the API server on CPU {other}"),
        None => println!("not pinned: there is one CPU, or no `taskset`"),
    }
    println!(
        "\n{:<22} {:>8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
        "world", "objects", "lists MB", "lists ms", "ready ms", "worst ms", "beside", "CPU ms"
    );
    for row in ROWS {
        match row.world {
            World::Folder => {
                let world = ["--manifests".to_owned(), served::manifests()];
                print(row.name, None, &start(&world, row.serving, None, plan));
            }
            World::Cluster(size) => {
                let size = size.quick(plan.quick);
                let arguments = ["api-server", &size.services.to_string(), &size.telemetry.to_string()];
                let mut server = Child::start(&arguments, plan.pinned.map(|(_, other)| other));
                let cluster: Serving = server.hear();
                let folder = tempfile::tempdir().unwrap();
                let kubeconfig = folder.path().join("kubeconfig");
                fs::write(folder.path().join("ca.crt"), &cluster.ca).unwrap();
                fs::write(&kubeconfig, kubeconfig_of(&cluster)).unwrap();
                let world = ["--kubeconfig".to_owned(), kubeconfig.to_str().unwrap().to_owned()];
                print(row.name, Some(&cluster), &start(&world, row.serving, Some(&cluster), plan));
            }
        }
    }
}

/// Starts it again and again, and in between the client that only reads.
fn start(world: &[String], serving: With, cluster: Option<&Serving>, plan: Plan) -> Seen {
    let cpu = plan.pinned.map(|(measured, _)| measured);
    let certificate = Certificate::new();
    let mut arguments = world.to_vec();
    match serving {
        With::Files => arguments.extend(certificate.arguments()),
        With::SelfSigned | With::FirstInstall => {}
    }
    let mut seen = Seen { ready: Vec::new(), cpu: Vec::new(), lists: Vec::new() };
    for number in 0..plan.starts {
        let mut arguments = arguments.clone();
        if serving == With::FirstInstall {
            let own = format!("own-{number}");
            arguments.extend(["--tls-secret", "portcullis-tls", "--own-namespace", &own].map(str::to_owned));
        }
        let mut served = Served::start(&arguments, cpu);
        seen.ready.push(served.wait_until_ready().as_secs_f64());
        seen.cpu.push(served.cpu().as_secs_f64());
        drop(served);
        if let Some(cluster) = cluster {
            let started = Instant::now();
            let mut client = Child::start(&["lists"], cpu);
            client.tell(cluster);
            let _: Read = client.hear();
            seen.lists.push(started.elapsed().as_secs_f64());
        }
    }
    seen
}

/// By address, as a pod reaches it; its authority is in a file beside it.
fn kubeconfig_of(cluster: &Serving) -> String {
    let server = json!({
        "server": format!("https://127.0.0.1:{}", cluster.port),
        "certificate-authority": "ca.crt",
    });
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "bench", "cluster": server }],
        "users": [{ "name": "bench", "user": { "token": "bench" } }],
        "contexts": [{ "name": "bench", "context": { "cluster": "bench", "user": "bench" } }],
        "current-context": "bench",
    });
    kubeconfig.to_string()
}

fn print(name: &str, cluster: Option<&Serving>, seen: &Seen) {
    let (ready, worst) = median_and_worst(&seen.ready);
    let (cpu, _) = median_and_worst(&seen.cpu);
    let [objects, megabytes, lists, beside] = cluster.map_or_else(Default::default, |cluster| {
        let (lists, _) = median_and_worst(&seen.lists);
        let objects: usize = cluster.counts.values().sum();
        let megabytes = format!("{:.1}", cluster.megabytes);
        [objects.to_string(), megabytes, format!("{lists:.0}"), format!("{:.1}×", ready / lists)]
    });
    println!("{name:<22} {objects:>8} {megabytes:>9} {lists:>9} {ready:>9.0} {worst:>9.0} {beside:>8} {cpu:>8.0}");
}

/// In milliseconds.
fn median_and_worst(seconds: &[f64]) -> (f64, f64) {
    let mut all: Vec<f64> = seconds.iter().map(|seconds| seconds * 1e3).collect();
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[all.len() - 1])
}

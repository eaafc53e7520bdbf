//! The other processes, and what is said to and heard of them: a line of JSON at a time.
#![allow(dead_code, reason = "each program that has it is a crate of its own and takes what it needs")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{self, ChildStdin, ChildStdout, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::linux;

/// What the API server says once it can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Serving {
    pub(crate) port: u16,
    pub(crate) ca: String,
    /// How many objects there are of each kind that has some, as `group/kind`.
    pub(crate) counts: BTreeMap<String, usize>,
    /// Of all lists together, as they are streamed.
    pub(crate) megabytes: f64,
    pub(crate) services: usize,
    pub(crate) telemetry: usize,
}

/// What the follower says once it is ready, and was found right at that moment.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Synced {
    pub(crate) ready_seconds: f64,
    pub(crate) cpu_ms: f64,
}

/// The last Service gets these ports, one after the other.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// So many are sent at once.
    pub(crate) burst: u32,
    pub(crate) pause_ms: u64,
}

/// Whether the last Service has this port now; said back when it has.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) port: u32,
}

pub(crate) struct Child {
    process: process::Child,
    ears: Option<ChildStdin>,
    mouth: BufReader<ChildStdout>,
}

/// Says it to whoever started this process.
pub(crate) fn say(what: &impl Serialize) {
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(what).unwrap()).unwrap();
    out.flush().unwrap();
}

/// What whoever started this process says next; the process ends with them.
pub(crate) fn listen<T: DeserializeOwned>() -> T {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).unwrap() == 0 {
        process::exit(0);
    }
    serde_json::from_str(&line).unwrap()
}

// === impl Child ===

impl Child {
    pub(crate) fn start(arguments: &[&str], cpu: Option<usize>) -> Self {
        let mut command = linux::myself(cpu);
        let mut process = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (ears, mouth) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, ears, mouth }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn cpu(&self) -> Duration {
        linux::cpu_of(self.id())
    }

    pub(crate) fn tell(&mut self, what: &impl Serialize) {
        writeln!(self.ears.as_mut().unwrap(), "{}", serde_json::to_string(what).unwrap()).unwrap();
    }

    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.mouth.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("the process says how it went")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.ears.take());
        let _ = self.process.wait();
    }
}

//! Servers as processes of their own, on a CPU of their own: what they use is theirs alone.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::material::Size;

/// What a server says once it can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) port: u16,
    pub(crate) ca: String,
    pub(crate) built_ms: f64,
}

pub(crate) struct Process {
    child: Child,
    pub(crate) hello: Hello,
    pub(crate) ready: Duration,
    pub(crate) is_floor: bool,
}

/// In MB.
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) peak: f64,
}

/// A CPU for the servers and another one for the callers.
pub(crate) fn cpus() -> Option<(usize, usize)> {
    Command::new("taskset").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut ends = allowed.trim().split([',', '-']).filter_map(|cpu| cpu.parse().ok());
    let first = ends.next()?;
    ends.next_back().filter(|last| *last != first).map(|last| (first, last))
}

/// This thread, which is the only one that asks.
pub(crate) fn pin_self(cpu: usize) {
    let me = std::process::id().to_string();
    let _ = Command::new("taskset").args(["-pc", &cpu.to_string(), &me]).stdout(Stdio::null()).status();
}

// === impl Hello ===

impl Hello {
    pub(crate) fn say(&self) {
        println!("{}", serde_json::to_string(self).unwrap());
        std::io::stdout().flush().unwrap();
    }
}

// === impl Process ===

impl Process {
    /// Without a size it is the floor.
    pub(crate) fn start(size: Option<Size>, pinned: Option<(usize, usize)>) -> Self {
        let exe = std::env::current_exe().unwrap();
        let mut command = match pinned {
            Some((server, _)) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(server.to_string()).arg(exe);
                command
            }
            None => Command::new(exe),
        };
        command.arg("serve");
        match size {
            None => command.arg("floor"),
            Some(Size { services, telemetry }) => command.arg(services.to_string()).arg(telemetry.to_string()),
        };
        let started = Instant::now();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let hello = serde_json::from_str(&line).expect("the server says where it listens");
        Self { child, hello, ready: started.elapsed(), is_floor: size.is_none() }
    }

    /// Time used so far, in user and kernel. Counted in hundredths of a second on every Linux.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name, in brackets, may hold anything.
        let after = stat.rsplit_once(')').unwrap().1;
        let ticks: u64 = after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    pub(crate) fn memory(&self) -> Memory {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let megabytes = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
            line.split_whitespace().next().unwrap().parse::<f64>().unwrap() * 1024.0 / 1e6
        };
        Memory { resident: megabytes("VmRSS:"), peak: megabytes("VmHWM:") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

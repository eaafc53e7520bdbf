//! Servers as processes of their own, on a CPU of their own: what they use is theirs alone.
#![allow(dead_code, reason = "each bench is a crate of its own and takes what it needs")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    linux::{self, Memory},
    material::Size,
};

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
        let mut command = linux::myself(pinned.map(|(server, _)| server));
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

    pub(crate) fn cpu(&self) -> Duration {
        linux::cpu_of(self.child.id())
    }

    pub(crate) fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn memory(&self) -> Memory {
        linux::memory_of(self.child.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

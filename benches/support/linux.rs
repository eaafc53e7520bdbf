//! What Linux says of a process, and on which CPU it runs.
#![allow(dead_code, reason = "each program that has it is a crate of its own and takes what it needs")]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// In MB.
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) peak: f64,
}

/// A CPU for what is measured and another one for what it talks to.
pub(crate) fn cpus() -> Option<(usize, usize)> {
    Command::new("taskset").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut ends = allowed.trim().split([',', '-']).filter_map(|cpu| cpu.parse().ok());
    let first = ends.next()?;
    ends.next_back().filter(|last| *last != first).map(|last| (first, last))
}

/// This program once more, on a CPU where one is given.
pub(crate) fn myself(cpu: Option<usize>) -> Command {
    program(&std::env::current_exe().unwrap(), cpu)
}

/// A program, on a CPU where one is given.
pub(crate) fn program(exe: &Path, cpu: Option<usize>) -> Command {
    let Some(cpu) = cpu else { return Command::new(exe) };
    let mut command = Command::new("taskset");
    command.arg("-c").arg(cpu.to_string()).arg(exe);
    command
}

/// Time used so far, in user and kernel. Counted in hundredths of a second on every Linux.
pub(crate) fn cpu_of(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name, in brackets, may hold anything.
    let after = stat.rsplit_once(')').unwrap().1;
    let ticks: u64 = after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

pub(crate) fn memory_of(process: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let megabytes = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() * 1024.0 / 1e6
    };
    Memory { resident: megabytes("VmRSS:"), peak: megabytes("VmHWM:") }
}

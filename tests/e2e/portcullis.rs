//! The built binary as a process: ready when its `/readyz` says so, gone when it is dropped.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::ExitStatus,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    patience::wait_until,
    processes::{self, Process, free_address},
};

/// `portcullis serve`, listening on 127.0.0.1 with a certificate of its own.
#[derive(Debug)]
pub(crate) struct Portcullis {
    process: Process,
    folder: TempDir,
    world: Option<TempDir>,
    address: SocketAddr,
    admin: SocketAddr,
}

/// How many files a process may have open where nobody has said otherwise.
const OPEN_FILES: &str = "1024";

const WORLD: &str = "world.yaml";

// === impl Portcullis ===

impl Portcullis {
    /// `portcullis serve` with these arguments, and ready; where it listens is ours to say.
    #[track_caller]
    pub(crate) fn serve(args: &[&str]) -> Self {
        let portcullis = Self::start(args);
        portcullis.wait_until_ready();
        portcullis
    }

    /// The same, without waiting until it is ready.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let admin = free_address();
        let mut command = processes::command(Path::new("sh"));
        command.args(["-c", "ulimit -n \"$0\"; exec \"$@\"", OPEN_FILES, env!("CARGO_BIN_EXE_portcullis")]);
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin", &admin.to_string()]).args(args);
        if !args.contains(&"--drain") {
            command.args(["--drain", "1"]);
        }
        if !args.contains(&"--tls-cert") {
            command.arg("--ca-out").arg(folder.path().join("ca.pem"));
        }
        // The settings of whoever runs the tests are not theirs.
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_string_lossy().starts_with("PORTCULLIS_")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG");
        let process = Process::start("portcullis", command, folder.path().join("log"));
        let process = process.unwrap_or_else(|why| panic!("{why}"));
        let address = wait_until("portcullis to listen", || {
            if let Err(why) = process.is_running() {
                panic!("{why}");
            }
            let said = process.log();
            let mut lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let address = lines.find_map(|line| line["fields"]["address"].as_str()?.parse().ok());
            address.ok_or_else(|| "it does not say where".to_owned())
        });
        Self { process, folder, world: None, address, admin }
    }

    /// `portcullis serve --manifests` with these manifests for a cluster, and more arguments.
    #[track_caller]
    pub(crate) fn serve_manifests(yaml: &str, args: &[&str]) -> Self {
        let world = tempfile::tempdir().expect("a temporary folder");
        fs::write(world.path().join(WORLD), yaml).expect("the manifests are written");
        let folder = world.path().display().to_string();
        let mut portcullis = Self::serve(&[&["--manifests", &folder], args].concat());
        portcullis.world = Some(world);
        portcullis
    }

    /// Replaces the manifests of [`Self::serve_manifests`], and waits until they are taken over.
    #[track_caller]
    pub(crate) fn rewrite(&self, yaml: &str) {
        let taken = || self.log().matches("policies in force").count();
        let before = taken();
        let world = self.world.as_ref().expect("it serves manifests");
        fs::write(world.path().join(WORLD), yaml).expect("the manifests are written");
        wait_until(
            "the manifests to be read again",
            || {
                if taken() > before { Ok(()) } else { Err(self.process.tail()) }
            },
        );
    }

    /// Where it answers reviews.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a door is, for a `clientConfig`: `/mutate`, `/validate/fail`, …
    pub(crate) fn url(&self, door: &str) -> String {
        format!("https://{}{door}", self.address)
    }

    /// The CA of its certificate, as PEM.
    pub(crate) fn ca(&self) -> String {
        fs::read_to_string(self.folder.path().join("ca.pem")).expect("its CA")
    }

    /// Where it says how it is.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// A number of `/metrics`, by its name and labels.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let metrics = self.get("/metrics").ok()?;
        metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    /// Kilobytes, as `/proc` says them: `VmRSS`, `VmHWM`.
    pub(crate) fn memory(&self, which: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':'))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }

    /// What its plain HTTP port answers to `/readyz`, `/livez` or `/metrics`: status line, headers and body.
    pub(crate) fn get(&self, path: &str) -> Result<String, String> {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(self.admin)?;
            write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        };
        ask().map_err(|error| format!("{path}: {error}"))
    }

    #[track_caller]
    pub(crate) fn wait_until_ready(&self) {
        wait_until("portcullis to be ready", || {
            if let Err(why) = self.process.is_running() {
                panic!("{why}");
            }
            let answer = self.get("/readyz")?;
            if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer) }
        });
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.get("/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Stops its clock: it neither hears nor answers until [`Self::wake`].
    #[track_caller]
    pub(crate) fn sleep(&self) {
        self.process.signal("-STOP").unwrap_or_else(|why| panic!("{why}"));
    }

    #[track_caller]
    pub(crate) fn wake(&self) {
        self.process.signal("-CONT").unwrap_or_else(|why| panic!("{why}"));
    }

    /// Waits until `/readyz` is 200 and says this.
    #[track_caller]
    pub(crate) fn wait_until_it_says(&self, words: &str) -> String {
        wait_until(&format!("portcullis to say `{words}`"), || {
            let answer = self.get("/readyz")?;
            let says = answer.starts_with("HTTP/1.1 200") && answer.contains(words);
            if says { Ok(answer) } else { Err(answer) }
        })
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&self) {
        self.process.kill();
    }

    /// SIGTERM; how it ended, drained.
    #[track_caller]
    pub(crate) fn terminate(&self) -> ExitStatus {
        self.process.terminate().unwrap_or_else(|why| panic!("{why}"))
    }
}

impl Drop for Portcullis {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "{}", self.process.tail());
        }
    }
}

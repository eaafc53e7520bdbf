//! `portcullis serve` as a process: the binary itself, with everything that belongs to its start and its end.
#![allow(dead_code, reason = "each program that has it is a crate of its own and takes what it needs")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use crate::linux;

/// Between two questions whether it is ready.
const POLL: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Served {
    process: Child,
    started: Instant,
    pub(crate) port: u16,
    admin: SocketAddr,
}

/// A certificate in files, as a mounted Secret has it.
pub(crate) struct Certificate {
    folder: TempDir,
    /// What callers must trust.
    pub(crate) ca: String,
}

/// Namespaces, Services and telemetry objects that lead somewhere.
pub(crate) fn manifests() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kgateway/good").to_str().unwrap().to_owned()
}

// === impl Served ===

impl Served {
    pub(crate) fn start(arguments: &[String], cpu: Option<usize>) -> Self {
        let [listen, admin] = [free_address(), free_address()];
        let mut command = linux::program(Path::new(env!("CARGO_BIN_EXE_portcullis")), cpu);
        command.arg("serve").args(arguments);
        command.args(["--listen", &listen.to_string(), "--admin", &admin.to_string()]);
        command.env("RUST_LOG", "off").stdin(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        Self { process: command.spawn().unwrap(), started, port: listen.port(), admin }
    }

    /// How long that took since it was started.
    pub(crate) fn wait_until_ready(&mut self) -> Duration {
        loop {
            let answer = self.ask();
            let took = self.started.elapsed();
            if answer.as_ref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return took;
            }
            assert!(took < PATIENCE && !self.has_ended(), "it is not ready: {answer:?}");
            thread::sleep(POLL);
        }
    }

    fn ask(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    pub(crate) fn cpu(&self) -> Duration {
        linux::cpu_of(self.process.id())
    }

    /// As the kubelet does it.
    pub(crate) fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// === impl Certificate ===

impl Certificate {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = ["localhost", "portcullis.portcullis-system.svc"].map(str::to_owned);
        let key = KeyPair::generate().unwrap();
        let ca = CertificateParams::new(names).unwrap().self_signed(&key).unwrap().pem();
        fs::write(folder.path().join("tls.crt"), &ca).unwrap();
        fs::write(folder.path().join("tls.key"), key.serialize_pem()).unwrap();
        Self { folder, ca }
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        let file = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        vec!["--tls-cert".to_owned(), file("tls.crt"), "--tls-key".to_owned(), file("tls.key")]
    }
}

/// A port that nobody had a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

//! The binary where nothing else is: no user database, no certificates, no resolver, no `/proc`, no `/dev`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rcgen::{CertificateParams, KeyPair};
use tempfile::NamedTempFile;

use crate::{api_server, material::Size, musl, root::Root};

const PATIENCE: Duration = Duration::from_mins(1);
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// `serve`, and where it says how it is.
struct Served {
    process: Child,
    admin: SocketAddr,
    log: NamedTempFile,
}

pub(crate) fn checks() {
    let root = Root::with(&musl::binary());
    says_its_version(&root);
    root.mount_folder("/good", "examples/kgateway/good");
    root.mount_folder("/broken", "examples/kgateway/broken");
    for (folder, code) in [("/good", 0), ("/broken", 1)] {
        let ran = root.program().args(["check", folder]).output().unwrap();
        assert_eq!(ran.status.code(), Some(code), "check {folder}: {}", told(&ran));
    }
}

pub(crate) fn says_its_version(root: &Root) {
    let ran = root.program().arg("--version").output().unwrap();
    let expected = format!("portcullis {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&ran.stdout), expected, "{}", told(&ran));
}

pub(crate) fn serves_a_folder() {
    let root = Root::with(&musl::binary());
    root.mount_folder("/world", "examples/kgateway/good");
    let mut command = root.program();
    command.args(["serve", "--manifests", "/world"]);
    let served = Served::start(&mut command);
    served.wait_for_ready();
    served.stop();
}

/// As a pod: what it is told of the cluster is in its environment and in two mounted folders.
pub(crate) fn serves_in_a_cluster() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let cluster = runtime.block_on(api_server::serve_here(Size { services: 40, telemetry: 30 }));
    let root = Root::with(&musl::binary());
    root.mount(&format!("{SERVICE_ACCOUNT}/ca.crt"), &cluster.ca);
    root.mount(&format!("{SERVICE_ACCOUNT}/token"), "a token");
    root.mount(&format!("{SERVICE_ACCOUNT}/namespace"), "portcullis-system");
    let names = ["localhost", "portcullis.portcullis-system.svc"].map(str::to_owned);
    let key = KeyPair::generate().unwrap();
    root.mount("/tls/tls.crt", CertificateParams::new(names).unwrap().self_signed(&key).unwrap().pem());
    root.mount("/tls/tls.key", key.serialize_pem());
    let mut command = root.program();
    command
        .args(["serve", "--tls-cert", "/tls/tls.crt", "--tls-key", "/tls/tls.key"])
        .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        .env("KUBERNETES_SERVICE_PORT", cluster.port.to_string())
        .env("POD_NAME", "portcullis-0")
        .env("POD_NAMESPACE", "portcullis-system");
    let served = Served::start(&mut command);
    let report = served.wait_for_ready();
    assert!(report.contains("view: ready"), "{report}");
    served.stop();
}

fn told(ran: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
}

// === impl Served ===

impl Served {
    fn start(command: &mut Command) -> Self {
        let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        command.args(["--listen", "127.0.0.1:0", "--drain", "0", "--admin", &admin.to_string()]);
        let log = NamedTempFile::new().unwrap();
        let process = command.stdin(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap();
        Self { process, admin, log }
    }

    /// What it says once it is.
    fn wait_for_ready(&self) -> String {
        let begun = Instant::now();
        loop {
            let report = self.ask().unwrap_or_else(|error| error.to_string());
            if report.starts_with("HTTP/1.1 200") {
                return report;
            }
            assert!(begun.elapsed() < PATIENCE, "it never was ready: {report}\n{}", self.said());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn ask(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        write!(stream, "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut report = String::new();
        stream.read_to_string(&mut report)?;
        Ok(report)
    }

    /// As the kubelet does.
    fn stop(mut self) {
        let killed = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert!(self.process.wait().unwrap().success(), "it does not end well: {}", self.said());
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

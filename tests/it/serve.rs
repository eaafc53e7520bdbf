//! `portcullis serve` as a process: what the README says to try, a folder that changes, and an end without a lost call.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::tls::Client;

const PATIENCE: Duration = Duration::from_mins(1);

/// The process, its folder, and where it answers.
struct Served {
    process: Child,
    log: BufReader<ChildStderr>,
    folder: tempfile::TempDir,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = folder.path().join("world");
        fs::create_dir(&world).unwrap();
        let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kgateway/good");
        for file in fs::read_dir(good).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), world.join(file.file_name())).unwrap();
        }
        let admin = free_address();
        let mut process = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["serve", "--listen", "127.0.0.1:0", "--drain", "2", "--manifests"])
            .arg(&world)
            .arg("--admin")
            .arg(admin.to_string())
            .arg("--ca-out")
            .arg(folder.path().join("ca.pem"))
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended before it answered");
            let said: Value = serde_json::from_str(&line).unwrap();
            if let Some(address) = said["fields"]["address"].as_str() {
                break address.parse().unwrap();
            }
        };
        let served = Self { process, log, folder, address, admin };
        served.wait_for_ready("listener: ready");
        served
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn wait_for_ready(&self, words: &str) {
        let begun = Instant::now();
        while !self.get("/readyz").contains(words) {
            assert!(begun.elapsed() < PATIENCE, "`/readyz` never said `{words}`: {}", self.get("/readyz"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    async fn connect(&self) -> Client {
        let ca = fs::read_to_string(self.folder.path().join("ca.pem")).unwrap();
        Client::connect(self.address, &ca, "localhost", &[b"http/1.1"]).await.unwrap()
    }

    fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

/// A port that nobody had a moment ago.
fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn review() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/review.json")).unwrap()
}

#[tokio::test]
async fn the_readme_s_review_is_denied_with_the_closest_name() {
    let served = Served::start();
    let answer = served.connect().await.post("/validate", &review()).await;
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("did you mean `opentelemetry-collector-logs`?"), "{message}");
    assert!(
        served.get("/metrics").contains(r#"portcullis_webhook_requests_total{door="/validate",outcome="denied"} 1"#)
    );
}

#[tokio::test]
async fn a_broken_file_keeps_the_last_good_state_and_a_good_one_is_taken_over() {
    let served = Served::start();
    let broken = served.folder.path().join("world/broken.yaml");
    fs::write(&broken, "kind: [").unwrap();
    served.wait_for_ready("manifests: degraded");
    let answer = served.connect().await.post("/validate", &review()).await;
    assert!(answer.body.contains("did you mean"), "{}", answer.body);
    let service = "apiVersion: v1\nkind: Service\nmetadata: { name: opentelemetry-collector-log, namespace: telemetry }\nspec: { ports: [{ name: grpc, port: 4317 }] }\n";
    fs::write(&broken, service).unwrap();
    served.wait_for_ready("manifests: ready");
    let answer = served.connect().await.post("/validate/fail", &review()).await;
    assert!(!answer.body.contains("does not exist"), "{}", answer.body);
}

#[tokio::test]
async fn what_could_not_be_read_is_read_again_although_nothing_seems_to_have_changed() {
    let served = Served::start();
    let file = served.folder.path().join("world/late.yaml");
    fs::write(&file, "kind: [").unwrap();
    served.wait_for_ready("manifests: degraded");
    let written = fs::metadata(&file).unwrap().modified().unwrap();
    // As long and as old as before.
    fs::write(&file, "kind: A").unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(written).unwrap();
    served.wait_for_ready("manifests: ready");
}

#[tokio::test]
async fn sigterm_drains_and_ends() {
    let mut served = Served::start();
    let mut open = served.connect().await;
    assert_eq!(open.post("/validate", &review()).await.status, 200);
    served.terminate();
    served.wait_for_ready("503");
    let last = open.post("/validate", &review()).await;
    assert_eq!(last.status, 200);
    assert!(last.head.to_lowercase().contains("connection: close"), "{}", last.head);
    assert_eq!(
        served.connect().await.post("/validate", &review()).await.status,
        200,
        "new connections are answered too"
    );
    assert!(served.process.wait().unwrap().success());
    let mut rest = String::new();
    served.log.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("stopped"), "{rest}");
}

#[test]
fn a_folder_that_cannot_be_read_is_no_state_to_start_with() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("broken.yaml"), "apiVersion: v1\nkind: b: [").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--manifests"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("broken.yaml:2: "), "{said}");
}

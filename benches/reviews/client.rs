//! A caller like an API server: TLS 1.3, HTTP/1.1, keep-alive, one review at a time on a connection. It is by hand because
//! it shares the machine with what it measures.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    version::TLS13,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::process::Hello;

/// So many connections to one server, all with the same question.
pub(crate) struct Connections {
    open: Vec<Connection>,
    first_answer: String,
}

struct Connection {
    stream: TlsStream<TcpStream>,
    request: Arc<[u8]>,
    answer: Vec<u8>,
}

// === impl Connections ===

impl Connections {
    pub(crate) async fn open(hello: &Hello, count: usize, body: &[u8]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(hello.ca.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&TLS13]).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let request: Arc<[u8]> = request(body).into();
        let mut open = Vec::new();
        for _ in 0..count {
            let stream = TcpStream::connect(("127.0.0.1", hello.port)).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
            open.push(Connection { stream, request: Arc::clone(&request), answer: Vec::with_capacity(16 * 1024) });
        }
        open[0].ask().await;
        let first_answer = String::from_utf8_lossy(&open[0].answer).into_owned();
        Self { open, first_answer }
    }

    /// That the answer is the one the row is about.
    pub(crate) fn check(&self, allowed: bool) {
        let says = format!(r#""allowed":{allowed}"#);
        assert!(self.first_answer.contains(&says), "expected {says}: {}", self.first_answer);
        assert!(!self.first_answer.contains("warnings"), "{}", self.first_answer);
    }

    /// How long each review took that was sent until then.
    pub(crate) async fn ask_until(&mut self, end: Instant) -> Vec<Duration> {
        let mut asking = JoinSet::new();
        for mut connection in self.open.drain(..) {
            asking.spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let started = Instant::now();
                    if started >= end {
                        return (connection, latencies);
                    }
                    connection.ask().await;
                    latencies.push(started.elapsed());
                }
            });
        }
        let mut all = Vec::new();
        while let Some(asked) = asking.join_next().await {
            let (connection, latencies) = asked.unwrap();
            self.open.push(connection);
            all.extend(latencies);
        }
        all
    }
}

// === impl Connection ===

impl Connection {
    async fn ask(&mut self) {
        self.stream.write_all(&self.request).await.unwrap();
        self.stream.flush().await.unwrap();
        self.answer.clear();
        let mut whole = None;
        while whole.is_none_or(|whole| self.answer.len() < whole) {
            assert!(self.stream.read_buf(&mut self.answer).await.unwrap() > 0, "the server closed the connection");
            whole = whole.or_else(|| length(&self.answer));
        }
    }
}

/// Of the answer with its head, once that is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(answer, b"\r\n\r\n")?;
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    Some(head + 4 + length.parse::<usize>().unwrap())
}

fn request(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /validate?timeout=10s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: kube-apiserver-admission\r\nContent-Length: {}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

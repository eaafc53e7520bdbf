//! Callers like API servers: TLS 1.3, HTTP/1.1, keep-alive, and a new connection where the last answer said `close`.
//! None of them tries again: a call that brings no answer is lost.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    version::TLS13,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Who lost a call waits so long before the next: a server that is not there refuses thousands in a second.
const AFTER_LOSS: Duration = Duration::from_millis(10);

/// Where the address leads.
#[derive(Clone)]
pub(crate) struct Target {
    port: u16,
    tls: TlsConnector,
}

pub(crate) struct Callers {
    shared: Arc<Shared>,
    asking: Vec<JoinHandle<Seen>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) calls: usize,
    /// Lost as there was no connection to be had.
    pub(crate) refused: usize,
    /// Lost as the connection ended under them.
    pub(crate) cut_off: usize,
    /// Of those that were answered, with the connection where a new one was needed.
    pub(crate) longest: Duration,
}

struct Shared {
    target: ArcSwap<Target>,
    request: Vec<u8>,
    calls: AtomicUsize,
    stop: AtomicBool,
}

struct Answer {
    closes: bool,
}

// === impl Target ===

impl Target {
    pub(crate) fn new(port: u16, ca: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&TLS13]).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { port, tls: TlsConnector::from(Arc::new(config)) }
    }

    async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        self.tls.connect(ServerName::try_from("localhost").unwrap(), stream).await
    }
}

// === impl Callers ===

impl Callers {
    pub(crate) fn start(runtime: &Runtime, count: usize, target: Target, body: &[u8]) -> Self {
        let head = format!(
            "POST /validate/fail?timeout=3s HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\r\n",
            body.len()
        );
        let shared = Arc::new(Shared {
            target: ArcSwap::from_pointee(target),
            request: [head.as_bytes(), body].concat(),
            calls: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let asking = (0..count).map(|_| runtime.spawn(Arc::clone(&shared).ask())).collect();
        Self { shared, asking }
    }

    pub(crate) fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::Relaxed)
    }

    /// From now on new connections go there; those that are open stay.
    pub(crate) fn turn_to(&self, target: Target) {
        self.shared.target.store(Arc::new(target));
    }

    pub(crate) fn stop(self, runtime: &Runtime) -> Seen {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for asking in self.asking {
            let seen = runtime.block_on(asking).unwrap();
            all.calls += seen.calls;
            all.refused += seen.refused;
            all.cut_off += seen.cut_off;
            all.longest = all.longest.max(seen.longest);
        }
        all
    }
}

// === impl Shared ===

impl Shared {
    async fn ask(self: Arc<Self>) -> Seen {
        let mut seen = Seen::default();
        let mut open = None;
        let mut answer = Vec::with_capacity(16 * 1024);
        while !self.stop.load(Ordering::Relaxed) {
            let started = Instant::now();
            seen.calls += 1;
            self.calls.fetch_add(1, Ordering::Relaxed);
            let stream = match open.take() {
                Some(stream) => Ok(stream),
                None => self.target.load_full().connect().await,
            };
            let Ok(mut stream) = stream else {
                seen.refused += 1;
                tokio::time::sleep(AFTER_LOSS).await;
                continue;
            };
            if let Ok(Answer { closes }) = call(&mut stream, &self.request, &mut answer).await {
                seen.longest = seen.longest.max(started.elapsed());
                open = (!closes).then_some(stream);
            } else {
                seen.cut_off += 1;
                tokio::time::sleep(AFTER_LOSS).await;
            }
        }
        seen
    }
}

async fn call(stream: &mut TlsStream<TcpStream>, request: &[u8], answer: &mut Vec<u8>) -> io::Result<Answer> {
    stream.write_all(request).await?;
    stream.flush().await?;
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(end) = memchr::memmem::find(answer, b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&answer[..end]).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        if answer.len() >= end + 4 + length.parse::<usize>().unwrap() {
            return Ok(Answer { closes: head.contains("connection: close") });
        }
    }
}

//! The webhook over real sockets: handshakes, rotation, drain, overload. Nothing here measures time; waits are bounded by
//! [`PATIENCE`] only so that a hang is a failure.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use portcullis::{
    admin,
    tls::{Resolver, made},
    webhook::{
        self, Judge, Webhook,
        accept::{self, Draining, Settings},
        certs::{CertSource, callers::Callers, self_signed, server_config_for},
        metrics::Metrics,
        selfcall,
        shed::{Bounds, Gate},
        wire::Answer,
    },
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::binary::run;

const PATIENCE: Duration = Duration::from_secs(30);

/// A webhook on a port of its own. Its judge allows, but waits for [`Server::let_go`] where the object says `slow`, and panics
/// where it says `poison`.
struct Server {
    address: SocketAddr,
    resolver: Arc<Resolver>,
    ca: String,
    registry: Registry,
    draining: Draining,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<usize>,
    entered: tokio::sync::mpsc::UnboundedReceiver<()>,
    let_go: Sender<()>,
}

pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) struct Client(TlsStream<TcpStream>);

impl Server {
    async fn start(settings: Settings, bounds: Bounds) -> Self {
        Self::start_for(settings, bounds, None).await
    }

    /// One that only these callers may call.
    async fn start_for(settings: Settings, bounds: Bounds, callers: Option<Arc<Callers>>) -> Self {
        let opened = CertSource::SelfSigned { names: vec!["one.test".into()] }.open().await.unwrap();
        let mut registry = admin::registry();
        let metrics = Metrics::register(&mut registry);
        let (entered, begun) = tokio::sync::mpsc::unbounded_channel();
        let (let_go, held) = channel();
        let judge = judge(entered, Mutex::new(held));
        let router = webhook::router(Arc::new(Webhook::new(judge, Gate::new(bounds), Arc::clone(&metrics))));
        let listener = accept::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let tls = server_config_for(Arc::clone(&opened.resolver), callers).unwrap();
        let (stop, stopped) = oneshot::channel();
        let draining = Draining::default();
        let shutdown = async {
            let _ = stopped.await;
        };
        let served = accept::serve(listener, tls, router, settings, draining.clone(), metrics, shutdown);
        Self {
            address,
            resolver: opened.resolver,
            ca: opened.ca.unwrap(),
            registry,
            draining,
            stop: Some(stop),
            served: tokio::spawn(served),
            entered: begun,
            let_go,
        }
    }

    async fn connect(&self) -> Client {
        Client::connect(self.address, &self.ca, "one.test", &[b"http/1.1"]).await.unwrap()
    }

    fn counted(&self, reason: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let series = format!(r#"portcullis_webhook_shed_total{{reason="{reason}"}} "#);
        text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    }

    async fn wait_for(&self, reason: &str, count: u64) {
        let counted = async {
            while self.counted(reason) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, counted).await.unwrap_or_else(|_| panic!("{reason} was never counted {count} times"));
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn stopped(self) -> usize {
        timeout(PATIENCE, self.served).await.unwrap().unwrap()
    }
}

impl Client {
    pub(crate) async fn connect(
        address: SocketAddr,
        ca: &str,
        name: &str,
        protocols: &[&[u8]],
    ) -> std::io::Result<Self> {
        Self::with(rustls::DEFAULT_VERSIONS, address, ca, name, protocols).await
    }

    async fn with(
        versions: &[&'static rustls::SupportedProtocolVersion],
        address: SocketAddr,
        ca: &str,
        name: &str,
        protocols: &[&[u8]],
    ) -> std::io::Result<Self> {
        Self::showing(None, versions, address, ca, name, protocols).await
    }

    /// With a certificate of the caller's.
    async fn showing(
        shown: Option<&made::Made>,
        versions: &[&'static rustls::SupportedProtocolVersion],
        address: SocketAddr,
        ca: &str,
        name: &str,
        protocols: &[&[u8]],
    ) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match shown {
            Some(shown) => {
                let chain = vec![CertificateDer::from_pem_slice(shown.cert.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        timeout(PATIENCE, handshake).await.expect("the handshake hangs").map(Self)
    }

    async fn send(&mut self, object: &str) {
        let kind = r#""kind":{"version":"v1","kind":"ConfigMap"},"resource":{"version":"v1","resource":"configmaps"}"#;
        let body = format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u-1",{kind},"operation":"CREATE","object":{{"a":"{object}"}}}}}}"#
        );
        self.send_body("/validate?timeout=10s", &body).await;
    }

    /// A review on a connection that may be closed already.
    async fn send_quietly(&mut self) -> std::io::Result<()> {
        let kind = r#""kind":{"version":"v1","kind":"ConfigMap"},"resource":{"version":"v1","resource":"configmaps"}"#;
        let body = format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u-1",{kind},"operation":"CREATE","object":{{}}}}}}"#
        );
        let head = "POST /validate HTTP/1.1\r\nhost: one.test\r\ncontent-type: application/json\r\ncontent-length";
        self.0.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await
    }

    async fn send_body(&mut self, path: &str, body: &str) {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: one.test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes()).await.unwrap();
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Answered {
        self.send_body(path, body).await;
        self.receive().await
    }

    async fn receive(&mut self) -> Answered {
        timeout(PATIENCE, self.read()).await.expect("no answer").expect("the connection broke")
    }

    async fn ask(&mut self, object: &str) -> Answered {
        self.send(object).await;
        self.receive().await
    }

    async fn read(&mut self) -> std::io::Result<Answered> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).await?;
        Ok(Answered { status, head, body: String::from_utf8(body).unwrap() })
    }

    async fn is_closed(&mut self) -> bool {
        let mut rest = [0];
        matches!(timeout(PATIENCE, self.0.read(&mut rest)).await.expect("still open"), Ok(0) | Err(_))
    }

    /// The names that the server's certificate stands for are what the handshake checked; this is the certificate itself.
    fn certificate(&self) -> CertificateDer<'static> {
        self.0.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    }
}

impl Answered {
    fn is_allowed(&self) -> bool {
        self.status == 200 && self.body.contains(r#""uid":"u-1","allowed":true"#)
    }

    fn closes(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }
}

fn judge(entered: tokio::sync::mpsc::UnboundedSender<()>, held: Mutex<Receiver<()>>) -> Judge {
    Arc::new(move |_, review, _| {
        let object = review.request.object.unwrap().get();
        assert!(!object.contains("poison"), "on purpose");
        if object.contains("slow") {
            entered.send(()).unwrap();
            tokio::task::block_in_place(|| held.lock().unwrap().recv().unwrap());
        }
        Ok(Answer::allow())
    })
}

fn settings() -> Settings {
    Settings { drain: Duration::ZERO, finish: PATIENCE, ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_on_one_connection_again_and_again() {
    let mut server = Server::start(settings(), Bounds::default()).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        let answered = client.ask("x").await;
        assert!(answered.is_allowed() && !answered.closes(), "{}{}", answered.head, answered.body);
    }
    server.stop();
    assert!(client.is_closed().await);
    assert_eq!(server.stopped().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speaks_both_versions_of_tls() {
    let server = Server::start(settings(), Bounds::default()).await;
    for versions in [[&rustls::version::TLS12], [&rustls::version::TLS13]] {
        let mut client = Client::with(&versions, server.address, &server.ca, "127.0.0.1", &[]).await.unwrap();
        assert!(client.ask("x").await.is_allowed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speaks_http2_to_whoever_offers_it() {
    let server = Server::start(settings(), Bounds::default()).await;
    let mut client = Client::connect(server.address, &server.ca, "localhost", &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(client.0.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    client.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    timeout(PATIENCE, client.0.read_exact(&mut frame)).await.unwrap().unwrap();
    assert_eq!(frame[3], 4, "the server's settings come first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_for_new_connections() {
    let server = Server::start(settings(), Bounds::default()).await;
    let mut old = server.connect().await;
    assert!(old.ask("x").await.is_allowed());

    let (pair, ca) = self_signed(&["two.test".to_owned()], jiff::Timestamp::now()).unwrap();
    server.resolver.serve(pair);
    let mut new = Client::connect(server.address, &ca, "two.test", &[b"http/1.1"]).await.unwrap();
    assert_ne!(new.certificate(), old.certificate());
    assert!(new.ask("x").await.is_allowed() && old.ask("x").await.is_allowed());
    let distrusting = Client::connect(server.address, &server.ca, "one.test", &[b"http/1.1"]).await;
    assert!(distrusting.is_err());
    server.wait_for("handshake", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_shake_hands_holds_up_nobody() {
    let settings = Settings { handshake: Duration::from_secs(1), connections: 2, ..settings() };
    let server = Server::start(settings, Bounds::default()).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    // Behind four that take both places.
    assert!(server.connect().await.ask("x").await.is_allowed());
    // Three of them made room for who came after; the last is given up in time.
    server.wait_for("crowded", 3).await;
    server.wait_for("handshake-late", 1).await;
    let mut gone = [0];
    assert_eq!(timeout(PATIENCE, silent[0].read(&mut gone)).await.unwrap().unwrap(), 0);

    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET /validate HTTP/1.1\r\n\r\n").await.unwrap();
    server.wait_for("handshake", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_connects_and_asks_nothing_is_let_go() {
    let settings = Settings { first_request: Duration::from_millis(50), ..settings() };
    let server = Server::start(settings, Bounds::default()).await;
    let mut trickling = server.connect().await;
    trickling.0.write_all(b"POST /validate HTTP/1.1\r\nhost: a").await.unwrap();
    assert!(server.connect().await.is_closed().await && trickling.is_closed().await);
    server.wait_for("silent", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drains_without_losing_a_call() {
    let drain = Duration::from_secs(4);
    let mut server = Server::start(Settings { drain, ..settings() }, Bounds::default()).await;
    let (mut open, mut waiting) = (server.connect().await, server.connect().await);
    assert!(!open.ask("x").await.closes());
    waiting.send("slow").await;
    server.entered.recv().await.unwrap();

    server.stop();
    while !server.draining.has_begun() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let on_the_old = open.ask("x").await;
    assert!(on_the_old.is_allowed() && on_the_old.closes(), "{}", on_the_old.head);
    assert!(open.is_closed().await);
    let on_a_new = server.connect().await.ask("x").await;
    assert!(on_a_new.is_allowed() && on_a_new.closes(), "{}", on_a_new.head);

    let listens = async { while TcpStream::connect(server.address).await.is_ok() {} };
    timeout(PATIENCE, listens).await.expect("the port stays open");
    assert!(!server.served.is_finished());
    server.let_go.send(()).unwrap();
    let in_flight = waiting.receive().await;
    assert!(in_flight.is_allowed() && in_flight.closes(), "{}", in_flight.head);
    assert_eq!(server.stopped().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_finish_is_cut_off() {
    let mut server =
        Server::start(Settings { finish: Duration::from_millis(50), ..settings() }, Bounds::default()).await;
    let mut unfinished = server.connect().await;
    let head = "POST /validate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    unfinished.0.write_all(head.as_bytes()).await.unwrap();
    let in_flight = async {
        let mut text = String::new();
        while !text.contains("portcullis_webhook_requests_in_flight 1") {
            text.clear();
            encode(&mut text, &server.registry).unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, in_flight).await.unwrap();
    server.stop();
    assert!(unfinished.is_closed().await);
    server.wait_for("shutdown", 1).await;
    assert_eq!(server.stopped().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_costs_one_review() {
    let server = Server::start(settings(), Bounds::default()).await;
    let mut client = server.connect().await;
    let answered = client.ask("poison").await;
    assert_eq!((answered.status, answered.body.as_str()), (503, ""));
    assert!(client.ask("x").await.is_allowed() && server.connect().await.ask("x").await.is_allowed());
    assert_eq!(server.counted("panic"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overload_is_turned_away() {
    let bounds = Bounds { bytes: 1, waiting: 1, wait: Duration::from_millis(50) };
    let mut server = Server::start(settings(), bounds).await;
    let mut slow = server.connect().await;
    slow.send("slow").await;
    server.entered.recv().await.unwrap();
    for _ in 0..3 {
        let answered = server.connect().await.ask("x").await;
        assert_eq!((answered.status, answered.body.as_str()), (503, ""));
        assert!(!answered.head.contains("retry-after"));
    }
    assert_eq!(server.counted("busy"), 3);
    server.let_go.send(()).unwrap();
    assert!(slow.receive().await.is_allowed());
    assert!(server.connect().await.ask("x").await.is_allowed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_certificate_no_handshake_succeeds() {
    let resolver = Arc::new(Resolver::default());
    let why = selfcall::call((Ipv4Addr::LOCALHOST, 1).into(), &resolver, None).await.unwrap_err();
    assert_eq!(why, "there is no certificate yet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_callers_with_the_right_certificate_are_answered() {
    let now = jiff::Timestamp::now();
    let (ca, other) =
        (made::ca("callers", now, made::days(1)).unwrap(), made::ca("others", now, made::days(1)).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("callers.crt");
    std::fs::write(&file, &ca.cert).unwrap();
    let callers = Callers::open(file.clone(), vec!["kube-apiserver".to_owned()], now).await.unwrap();
    let server = Server::start_for(settings(), Bounds::default(), Some(Arc::clone(&callers))).await;
    let by = |ca: &made::Made, name: &str| made::client(ca, name, now, made::days(1)).unwrap();
    let ask = async |shown: Option<made::Made>, versions: &[&'static rustls::SupportedProtocolVersion]| {
        let opened =
            Client::showing(shown.as_ref(), versions, server.address, &server.ca, "one.test", &[b"http/1.1"]).await;
        // In TLS 1.3 a client is through before it hears that it was refused.
        let mut client = opened.ok()?;
        client.send_quietly().await.ok()?;
        timeout(PATIENCE, client.read()).await.expect("no answer").ok()
    };
    let mut refused = 0;
    for versions in [[&rustls::version::TLS12], [&rustls::version::TLS13]] {
        assert!(ask(Some(by(&ca, "kube-apiserver")), &versions).await.unwrap().is_allowed());
        for shown in [None, Some(by(&ca, "somebody")), Some(by(&other, "kube-apiserver"))] {
            assert!(ask(shown, &versions).await.is_none());
            refused += 1;
            server.wait_for("caller", refused).await;
        }
    }
    // We call ourselves the same way.
    selfcall::call(server.address, &server.resolver, Some(&callers)).await.unwrap();
    selfcall::call(server.address, &server.resolver, None).await.unwrap_err();

    // Another CA is taken over, and garbage is not.
    tokio::spawn(Arc::clone(&callers).follow(Duration::from_millis(10), |_| {}));
    std::fs::write(&file, "garbage").unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(ask(Some(by(&ca, "kube-apiserver")), rustls::DEFAULT_VERSIONS).await.unwrap().is_allowed());
    std::fs::write(&file, &other.cert).unwrap();
    let taken = async { while ask(Some(by(&other, "kube-apiserver")), rustls::DEFAULT_VERSIONS).await.is_none() {} };
    timeout(PATIENCE, taken).await.unwrap();
    assert!(ask(Some(by(&ca, "kube-apiserver")), rustls::DEFAULT_VERSIONS).await.is_none());
}

#[test]
fn what_certs_makes_it_shows_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let out = folder.path().display().to_string();
    let make = ["certs", "make", "--out", &out, "--name", "portcullis.guard.svc"];
    run(make).ends_with(0).says("tls.crt").says("ca.key");
    run(make).ends_with(2).says("exists, and no file is overwritten");
    let (cert, key, ca) = (file("tls.crt"), file("tls.key"), file("ca.crt"));
    let show = ["certs", "show", "--tls-cert", &cert, "--tls-key", &key, "--tls-ca", &ca, "--name"];
    run([&show[..], &["portcullis.guard.svc"]].concat()).ends_with(0).says("days left").never_says("problem");
    run([&show[..], &["portcullis.other.svc"]].concat())
        .ends_with(1)
        .says("problem: the certificate is not for `portcullis.other.svc`");
    run(["certs", "show", "--tls-cert", &file("none.crt")]).ends_with(2).says("cannot read");
    run(["certs", "show", "--kubeconfig", &file("none.yaml")]).ends_with(3).says("none.yaml");

    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let empty = empty.display().to_string();
    let serve =
        ["serve", "--manifests", &empty, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--tls-cert", &cert];
    let other = [&serve[..], &["--tls-key", &key, "--tls-name", "portcullis.other.svc"]].concat();
    run(other).ends_with(3).says("is not for `portcullis.other.svc`");
    run([&serve[..], &["--tls-key", &key, "--tls-secret", "portcullis-tls"]].concat()).ends_with(2);
    run(["serve", "--tls-ca", &ca]).ends_with(2).says("--tls-cert");
}

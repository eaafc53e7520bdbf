//! Whoever calls a portcullis without an API server in between: HTTP/1.1 over TLS, byte by byte where a test wants that.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::portcullis::Portcullis;

/// Where to call. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Number {
    pub(crate) address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// One connection.
pub(crate) struct Caller(pub(crate) TlsStream<TcpStream>);

/// Only so that a hang is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// The head of a review that announces so many bytes, or none where they come in chunks.
pub(crate) fn head(path: &str, length: Option<usize>) -> String {
    let length = length.map_or("transfer-encoding: chunked".to_owned(), |length| format!("content-length: {length}"));
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{length}\r\n\r\n")
}

/// A review of an object that is made; it has at least so many bytes.
pub(crate) fn review(object: &Value, bytes: usize) -> Vec<u8> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
    let resource = match text("/kind") {
        "ListenerPolicy" => "listenerpolicies".to_owned(),
        kind => format!("{}s", kind.to_lowercase()),
    };
    let mut object = object.clone();
    object["metadata"]["annotations"] = json!({ "note": "" });
    let request = |object: Value, operation: &str| {
        json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "u-1",
                "kind": { "group": group, "version": version, "kind": text("/kind") },
                "resource": { "group": group, "version": version, "resource": resource },
                "operation": operation,
                "name": text("/metadata/name"),
                "namespace": text("/metadata/namespace"),
                "userInfo": { "username": "someone" },
                "object": object,
            },
        })
    };
    let short = request(object.clone(), "CREATE").to_string();
    object["metadata"]["annotations"]["note"] = json!("x".repeat(bytes.saturating_sub(short.len())));
    request(object, "CREATE").to_string().into_bytes()
}

// === impl Number ===

impl Number {
    pub(crate) fn of(portcullis: &Portcullis) -> Self {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(portcullis.ca().as_bytes()).expect("a CA");
        roots.add(ca).expect("a CA that can be used");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions of TLS");
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Self { address: portcullis.address(), config: Arc::new(config) }
    }

    pub(crate) async fn call(&self) -> io::Result<Caller> {
        let work = async {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from("localhost").expect("a name");
            TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await.map(Caller)
        };
        timeout(PATIENCE, work).await.map_err(|_| io::Error::other("no handshake"))?
    }
}

// === impl Caller ===

impl Caller {
    /// The status and the body of the answer.
    pub(crate) async fn post(&mut self, path: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.0.write_all(head(path, Some(body.len())).as_bytes()).await?;
        self.0.write_all(body).await?;
        self.0.flush().await?;
        self.answer().await
    }

    pub(crate) async fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        timeout(PATIENCE, self.read()).await.map_err(|_| io::Error::other("no answer"))?
    }

    async fn read(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status in {head}")))?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or_default()];
        self.0.read_exact(&mut body).await?;
        Ok((status, body))
    }
}

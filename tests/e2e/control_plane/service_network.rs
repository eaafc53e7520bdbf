//! What stands for the network of Services: the API server sends what it has for a cluster IP through this proxy, which leads
//! it to a process on this machine. So a webhook can be registered by its Service, as in a real cluster.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::{Value, json};

/// Cluster IPs with a port, and who answers there.
type Routes = Arc<Mutex<BTreeMap<String, SocketAddr>>>;

#[derive(Debug)]
pub(super) struct ServiceNetwork {
    socket: PathBuf,
    routes: Routes,
}

// === impl ServiceNetwork ===

impl ServiceNetwork {
    /// Listens in this folder: over TCP, Kubernetes 1.36 panics without TLS.
    pub(super) fn start(folder: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("the network of Services cannot be started: {error}");
        let socket = folder.join("services.sock");
        let listener = UnixListener::bind(&socket).map_err(failed)?;
        let routes = Routes::default();
        let known = Arc::clone(&routes);
        thread::spawn(move || {
            for connection in listener.incoming().filter_map(Result::ok) {
                let routes = Arc::clone(&known);
                thread::spawn(move || connect(connection, &routes));
            }
        });
        Ok(Self { socket, routes })
    }

    /// From now on, `10.96.0.7:443` is this process.
    pub(super) fn route(&self, cluster_address: String, process: SocketAddr) {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster_address, process);
    }

    /// What the API server is told of it.
    pub(super) fn egress(&self) -> Value {
        json!({
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{
                "name": "cluster",
                "connection": {
                    "proxyProtocol": "HTTPConnect",
                    "transport": { "uds": { "udsName": self.socket } },
                },
            }],
        })
    }
}

/// Answers one `CONNECT`, and carries bytes both ways until one side ends.
fn connect(connection: UnixStream, routes: &Routes) -> io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let wanted = request.split(' ').nth(1).unwrap_or_default();
    let process = routes.lock().unwrap_or_else(PoisonError::into_inner).get(wanted).copied();
    let Some(Ok(upstream)) = process.map(TcpStream::connect) else {
        return (&connection).write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
    };
    (&connection).write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut up, mut back) = (upstream.try_clone()?, connection.try_clone()?);
    let sending = thread::spawn(move || {
        let sent = io::copy(&mut reader, &mut up);
        let _ = up.shutdown(Shutdown::Write);
        sent
    });
    io::copy(&mut &upstream, &mut back)?;
    let _ = back.shutdown(Shutdown::Both);
    let _ = sending.join();
    Ok(())
}

//! What stands for the network of Services: the API server sends what it has for a cluster IP through this proxy, which leads
//! it to a process on this machine. So a webhook can be registered by its Service, as in a real cluster.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::{Value, json};

/// Cluster IPs with a port, and who answers there.
type Routes = Arc<Mutex<BTreeMap<String, Endpoints>>>;

/// The processes behind one address, which share what is new; a connection that is open stays with its process. Clones are
/// the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoints(Arc<Mutex<VecDeque<SocketAddr>>>);

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

    /// From now on, `10.96.0.7:443` is these processes.
    pub(super) fn route(&self, cluster_address: String, endpoints: Endpoints) {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster_address, endpoints);
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

impl From<SocketAddr> for Endpoints {
    fn from(process: SocketAddr) -> Self {
        let endpoints = Self::default();
        endpoints.set(&[process]);
        endpoints
    }
}

// === impl Endpoints ===

impl Endpoints {
    /// These and no others are for new connections.
    pub(crate) fn set(&self, processes: &[SocketAddr]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|process| processes.contains(process));
        let new: Vec<_> = processes.iter().filter(|process| !known.contains(process)).collect();
        known.extend(new);
    }

    /// One after the other.
    fn next(&self) -> Option<SocketAddr> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = known.pop_front()?;
        known.push_back(next);
        Some(next)
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
    let endpoints = routes.lock().unwrap_or_else(PoisonError::into_inner).get(wanted).cloned();
    let Some(Ok(upstream)) = endpoints.and_then(|endpoints| endpoints.next()).map(TcpStream::connect) else {
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

//! Connections: accepts them, shakes hands, serves a router over HTTP/1.1 or HTTP/2, and drains without losing a call.
//!
//! Draining is why this is by hand. A caller with keep-alive sends its next request on a connection that it takes for open; a
//! POST that meets a closed one is lost. So for some time every answer says `connection: close`, on old connections and on new
//! ones, until nobody has a connection left that could be closed under a request.
#![expect(clippy::disallowed_methods, reason = "edge: it opens the webhook's port, and keeps time")]

mod crowd;

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use futures::FutureExt as _;
use hyper::{
    HeaderMap, Request, Version,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    select,
    sync::watch,
    task::{self, JoinSet},
    time,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use self::crowd::{Coming, Crowd, Guest, Place};
use super::metrics::{Metrics, Shed};
use crate::engine::limits::{
    ADMIN_CONNECTIONS, BACKLOG, CONNECTIONS, FIRST_REQUEST_MS, HANDSHAKE_MS, HEAD_BYTES, IDLE_MS, STREAMS,
};

/// Whether the process is on its way out: answers say `connection: close`, and `/readyz` says no.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

/// Times and bounds of the listener.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long to go on accepting after the signal: until the API servers have read the changed endpoints, and have been told
    /// to close on every connection they use.
    pub drain: Duration,
    /// How long requests in flight have after that.
    pub finish: Duration,
    pub connections: usize,
    pub handshake: Duration,
    pub first_request: Duration,
    pub idle: Duration,
}

/// Opens the port, so that a restart does not wait for old connections.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown`, drains, and says how many connections were cut off in the end.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    settings: Settings,
    draining: Draining,
    metrics: Arc<Metrics>,
    shutdown: impl Future<Output = ()>,
) -> usize {
    let server = Arc::new(Server {
        tls: TlsAcceptor::from(tls),
        http1: http1(settings),
        http2: http2(),
        router,
        settings,
        draining: draining.clone(),
        metrics: Arc::clone(&metrics),
    });
    let crowd = Crowd::new(settings.connections);
    let (close, closing) = watch::channel(false);
    let mut connections = JoinSet::new();

    let mut until_closed = pin!(async {
        shutdown.await;
        draining.begin();
        tracing::info!(seconds = settings.drain.as_secs_f64(), "draining");
        time::sleep(settings.drain).await;
    });
    loop {
        select! {
            biased;
            () = &mut until_closed => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match crowd.place().await {
                    Some(place) => {
                        connections.spawn(Arc::clone(&server).connection(stream, place, closing.clone()));
                    }
                    None => metrics.shed(Shed::Full),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    metrics.shed(Shed::Accept);
                    // Most often too many open files, which only time mends.
                    time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
    // Whoever has connected already has been let in, as far as it knows.
    while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
        let Some(place) = crowd.place().await else { break };
        connections.spawn(Arc::clone(&server).connection(stream, place, closing.clone()));
    }
    drop(listener);
    let finished = async {
        close.send_replace(true);
        while connections.join_next().await.is_some() {}
    };
    let _ = time::timeout(settings.finish, finished).await;
    cut_off(connections, &metrics).await
}

/// Serves probes and metrics without TLS, to few at once: they share the open files of the process with the reviews.
pub async fn serve_plain(listener: TcpListener, router: Router, metrics: Arc<Metrics>) {
    let (crowd, http) = (Crowd::new(ADMIN_CONNECTIONS), Arc::new(http1(Settings::default())));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(place) = crowd.place().await else {
            metrics.shed(Shed::Full);
            continue;
        };
        let (router, http, metrics) = (router.clone(), Arc::clone(&http), Arc::clone(&metrics));
        task::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let (router, in_hand) = (router.clone(), place.guest.asks());
                async move {
                    let answered = router.oneshot(request).await;
                    drop(in_hand);
                    answered
                }
            });
            select! {
                _ = http.serve_connection(TokioIo::new(stream), service) => {}
                () = place.guest.is_told_to_go() => metrics.shed(Shed::Crowded),
            }
        });
    }
}

/// What the connections share.
struct Server {
    tls: TlsAcceptor,
    http1: auto::Builder<TokioExecutor>,
    http2: auto::Builder<TokioExecutor>,
    router: Router,
    settings: Settings,
    draining: Draining,
    metrics: Arc<Metrics>,
}

// === impl Draining ===

impl Draining {
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(10),
            finish: Duration::from_secs(10),
            connections: CONNECTIONS,
            handshake: Duration::from_millis(HANDSHAKE_MS),
            first_request: Duration::from_millis(FIRST_REQUEST_MS),
            idle: Duration::from_millis(IDLE_MS),
        }
    }
}

// === impl Server ===

impl Server {
    async fn connection(self: Arc<Self>, stream: TcpStream, place: Place, closing: watch::Receiver<bool>) {
        let _connected = self.metrics.connect();
        let guest = &place.guest;
        let mut serving = pin!(Arc::clone(&self).serve(stream, guest, closing));
        let ended = select! {
            ended = &mut serving => ended,
            () = guest.is_told_to_go() => {
                // What has come by now is a request still, and is answered before the end.
                task::yield_now().await;
                match serving.as_mut().now_or_never() {
                    Some(ended) => ended,
                    None if guest.waits_for_us() => serving.await,
                    None => Err(Shed::Crowded),
                }
            }
        };
        if let Err(shed) = ended {
            self.metrics.shed(shed);
        }
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        guest: &Arc<Guest>,
        mut closing: watch::Receiver<bool>,
    ) -> Result<(), Shed> {
        // An answer is one small write, which must not wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let shaken = time::timeout(self.settings.handshake, self.tls.accept(stream)).await;
        let stream = shaken.map_err(|_| Shed::HandshakeLate)?.map_err(|error| {
            tracing::debug!(%error, "TLS handshake failed");
            if is_of_the_caller(&error) { Shed::Caller } else { Shed::Handshake }
        })?;
        let http = if stream.get_ref().1.alpn_protocol() == Some(b"h2") { &self.http2 } else { &self.http1 };
        let service = service_fn(|request: Request<Incoming>| Arc::clone(&self).answer(request, Arc::clone(guest)));
        let mut served = pin!(http.serve_connection(TokioIo::new(stream), service));
        let mut silence = pin!(time::sleep(self.settings.first_request));
        let (mut is_new, mut stays) = (true, true);
        let ended = loop {
            select! {
                biased;
                ended = &mut served => break ended,
                () = &mut silence, if is_new => {
                    is_new = false;
                    if !guest.has_asked() {
                        return Err(Shed::Silent);
                    }
                }
                () = is_closing(&mut closing), if stays => {
                    stays = false;
                    // What has come by now is a request still, and no idle connection: it is seen before the end is.
                    task::yield_now().await;
                    if let Some(ended) = served.as_mut().now_or_never() {
                        break ended;
                    }
                    served.as_mut().graceful_shutdown();
                }
            }
        };
        ended.or_else(|error| {
            tracing::debug!(%error, "connection failed");
            // The end of an idle connection is no failure, nor is a caller that has left before our last word.
            let error = error.downcast_ref::<hyper::Error>();
            let is_over = error.is_some_and(|error| error.is_timeout() || error.is_shutdown());
            if is_over { Ok(()) } else { Err(Shed::Connection) }
        })
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        guest: Arc<Guest>,
    ) -> Result<axum::response::Response, Infallible> {
        let _in_hand = guest.asks();
        let version = request.version();
        let request = request.map(|body| axum::body::Body::new(Coming::of(body, &guest)));
        let mut response = self.router.clone().oneshot(request).await?;
        if self.draining.has_begun() || guest.goes() {
            close(response.headers_mut(), version);
        }
        Ok(response)
    }
}

/// Whether the handshake failed because of the certificate that a caller showed, or did not.
fn is_of_the_caller(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(error, Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)))
}

async fn is_closing(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

/// HTTP/2 has no such header; its connections are told by GOAWAY when the listener closes.
fn close(headers: &mut HeaderMap, version: Version) {
    if version < Version::HTTP_2 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

fn http1(settings: Settings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    // hyper counts this from the end of the request before: it is the time a connection may be idle.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(settings.idle).max_buf_size(HEAD_BYTES);
    builder
}

fn http2() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http2_only();
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX));
    builder
}

async fn cut_off(mut connections: JoinSet<()>, metrics: &Metrics) -> usize {
    let open = connections.len();
    for _ in 0..open {
        metrics.shed(Shed::Shutdown);
    }
    connections.shutdown().await;
    open
}

//! The floor: the same accept loop, TLS, HTTP and router, and nothing behind them but the envelope and a fixed answer.

use std::{convert::Infallible, net::Ipv4Addr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    http::header,
    response::{IntoResponse, Response},
    routing::post,
};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use portcullis::webhook::certs::{CertSource, server_config};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::process::Hello;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    request: Uid<'a>,
}

#[derive(Deserialize)]
struct Uid<'a> {
    uid: &'a str,
}

pub(crate) async fn serve() {
    let opened = CertSource::SelfSigned { names: Vec::new() }.open().await.unwrap();
    let tls = TlsAcceptor::from(server_config(opened.resolver).unwrap());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    Hello { port: listener.local_addr().unwrap().port(), ca: opened.ca.unwrap(), built_ms: 0.0 }.say();
    let router = Router::new()
        .route("/validate", post(answer))
        .route("/validate/fail", post(answer))
        .layer(DefaultBodyLimit::disable());
    let http = Arc::new(auto::Builder::new(TokioExecutor::new()).http1_only());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (tls, router, http) = (tls.clone(), router.clone(), Arc::clone(&http));
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let service = service_fn(|request: Request<Incoming>| {
                let router = router.clone();
                async move { Ok::<_, Infallible>(router.oneshot(request).await.into_response()) }
            });
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(body: Bytes) -> Response {
    let envelope: Envelope<'_> = serde_json::from_slice(&body).unwrap();
    let answer = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{{"uid":"{}","allowed":true}}}}"#,
        envelope.request.uid
    );
    ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
}

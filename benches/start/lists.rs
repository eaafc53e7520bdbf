//! The client that reads all lists, all at once, and does nothing with them.

use std::time::Duration;

use futures::future::join_all;
use http_body_util::BodyExt as _;
use kube::{Client, Config, client::Body};
use memchr::memmem;
use portcullis::engine::kinds::KINDS;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde::{Deserialize, Serialize};

use crate::{
    api_server,
    child::{Serving, listen, say},
};

/// What ends a streamed list.
const END: &[u8] = b"k8s.io/initial-events-end";
const LIST: &str = "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";

/// How much there was.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Read {
    bytes: usize,
}

pub(crate) async fn read() {
    let cluster: Serving = listen();
    let mut config = Config::new(format!("https://127.0.0.1:{}", cluster.port).parse().unwrap());
    config.root_cert = Some(vec![CertificateDer::from_pem_slice(cluster.ca.as_bytes()).unwrap().to_vec()]);
    config.connect_timeout = Some(Duration::from_secs(5));
    let client = Client::try_from(config).unwrap();
    let lists = KINDS.iter().map(|kind| list(client.clone(), format!("{}?{LIST}", api_server::path(kind))));
    say(&Read { bytes: join_all(lists).await.into_iter().sum() });
}

async fn list(client: Client, path: String) -> usize {
    let request = http::Request::get(path).body(Body::empty()).unwrap();
    let mut body = client.send(request).await.unwrap().into_body();
    let mut bytes = 0;
    // The end may be cut in two.
    let mut seen = Vec::new();
    while memmem::find(&seen, END).is_none() {
        let data = body.frame().await.expect("a list ends with a bookmark").unwrap().into_data().unwrap();
        bytes += data.len();
        seen.drain(..seen.len().saturating_sub(END.len()));
        seen.extend_from_slice(&data);
    }
    bytes
}

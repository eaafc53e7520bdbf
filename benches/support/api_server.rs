//! A stand-in for an API server: discovery, lists in pages, streamed lists, and watches that bring changes of one Service.
#![allow(dead_code, reason = "each program that has it is a crate of its own and takes what it needs")]

use std::{collections::BTreeMap, convert::Infallible, net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{RawQuery, State},
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use portcullis::{
    engine::{
        kinds::{self, CORE, GATEWAY_API, ISTIO, KINDS, Kind},
        policy::shipped::SHIPPED,
        yaml::{Dialect, tree},
    },
    webhook::certs::{CertSource, server_config},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::broadcast};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::{
    child::{Change, Serving, listen, say},
    material::{self, Size},
    own::Own,
};

/// What one read of a streamed list brings, about.
const CHUNK: usize = 64 * 1024;

const RESOURCE_VERSION: &str = "900000";

struct Cluster {
    streaming: bool,
    kinds: BTreeMap<String, Objects>,
    changes: broadcast::Sender<Bytes>,
    own: Own,
}

/// The objects of a kind, written out beforehand: what this process does is not to be waited for.
struct Objects {
    kind: &'static Kind,
    items: Vec<String>,
    /// As events, with the bookmark that ends them.
    events: Vec<Bytes>,
}

/// Serves until whoever started this process closes the pipe, and changes the last Service whenever it is told to.
pub(crate) async fn serve(size: Size, streaming: bool) {
    let cluster = Arc::new(Cluster::of(size, streaming));
    say(&start(Arc::clone(&cluster), size).await);
    change(cluster, size).await;
}

/// Serves a world as long as the runtime lasts.
pub(crate) async fn serve_here(size: Size) -> Serving {
    start(Arc::new(Cluster::of(size, true)), size).await
}

async fn start(cluster: Arc<Cluster>, size: Size) -> Serving {
    // A pod reaches it by address.
    let opened = CertSource::SelfSigned { names: vec![Ipv4Addr::LOCALHOST.to_string()] }.open().await.unwrap();
    let tls = TlsAcceptor::from(server_config(opened.resolver).unwrap());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let some = cluster.kinds.values().filter(|objects| !objects.items.is_empty());
    let count = |objects: &Objects| (format!("{}/{}", objects.kind.group, objects.kind.kind), objects.items.len());
    let bytes: usize = cluster.kinds.values().flat_map(|objects| &objects.events).map(Bytes::len).sum();
    let serving = Serving {
        port: listener.local_addr().unwrap().port(),
        ca: opened.ca.unwrap(),
        counts: some.map(count).collect(),
        megabytes: bytes as f64 / 1e6,
        services: size.services,
        telemetry: size.telemetry,
    };
    let router = Router::new().fallback(answer).with_state(cluster);
    tokio::spawn(accept(listener, tls, router));
    serving
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, router: Router) {
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

/// Changes the last Service whenever it is told to.
async fn change(cluster: Arc<Cluster>, size: Size) {
    loop {
        let change: Change = tokio::task::spawn_blocking(listen).await.unwrap();
        let key = material::last_service(size);
        let mut service = material::service(&key.namespace, &key.name);
        for port in change.first..=change.last {
            service["spec"]["ports"][0]["port"] = port.into();
            service["metadata"]["resourceVersion"] = (1_000_000 + port).to_string().into();
            let _ = cluster.changes.send(event("MODIFIED", &service.to_string()).into());
            if port % change.burst == 0 {
                tokio::time::sleep(Duration::from_millis(change.pause_ms)).await;
            }
        }
    }
}

async fn answer(
    State(cluster): State<Arc<Cluster>>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let query = query.unwrap_or_default();
    let asked = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let path: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    if let Some(own) = cluster.own.answer(&method, &path, &query, &body) {
        return own;
    }
    let (group, version, resource) = match path.as_slice() {
        ["apis"] => return as_json(groups().to_string()),
        ["apis", group, version] => return as_json(resources(group, version).to_string()),
        ["api", version, resource] => (CORE, *version, *resource),
        ["apis", group, version, resource] => (*group, *version, *resource),
        _ => return (StatusCode::NOT_FOUND, "404 page not found").into_response(),
    };
    let Some(objects) = cluster.kinds.get(&format!("{group}/{version}/{resource}")) else {
        return (StatusCode::NOT_FOUND, "404 page not found").into_response();
    };
    match (asked("watch"), asked("sendInitialEvents")) {
        (None, _) => objects.page(asked("limit"), asked("continue")),
        (Some(_), Some("true")) if !cluster.streaming => refusal(),
        (Some(_), initial) => {
            let initial = if initial == Some("true") { objects.events.clone() } else { Vec::new() };
            cluster.watch(initial, objects.kind.kind == "Service")
        }
    }
}

// === impl Cluster ===

impl Cluster {
    fn of(size: Size, streaming: bool) -> Self {
        let policies = SHIPPED.iter().map(|(_, text)| {
            let policy = tree::parse(text).unwrap().value(Dialect::Kubernetes).unwrap();
            material::stored(policy)
        });
        let mut items: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for object in policies.chain(material::world(size)) {
            let text = |field: &str| object[field].as_str().unwrap();
            let (group, _) = kinds::split_api_version(text("apiVersion"));
            let kind = kinds::by_kind(group, text("kind")).unwrap();
            items.entry((kind.group, kind.kind)).or_default().push(object.to_string());
        }
        let kinds = KINDS.iter().map(|kind| {
            let id = format!("{}/{}/{}", kind.group, version(kind), kind.resource);
            (id, Objects::new(kind, items.remove(&(kind.group, kind.kind)).unwrap_or_default()))
        });
        Self { streaming, kinds: kinds.collect(), changes: broadcast::channel(1 << 16).0, own: Own::default() }
    }

    /// These events, and then what changes, until nobody listens.
    fn watch(&self, initial: Vec<Bytes>, changes: bool) -> Response {
        let initial = stream::iter(initial.into_iter().map(Ok::<_, Infallible>));
        if !changes {
            return as_json(Body::from_stream(initial.chain(stream::pending())));
        }
        let changes = stream::unfold(self.changes.subscribe(), async |mut changes| {
            let event = changes.recv().await.expect("a watch keeps up");
            Some((Ok(event), changes))
        });
        as_json(Body::from_stream(initial.chain(changes)))
    }
}

// === impl Objects ===

impl Objects {
    fn new(kind: &'static Kind, items: Vec<String>) -> Self {
        let api_version = api_version(kind);
        let bookmark = json!({
            "kind": kind.kind,
            "apiVersion": api_version,
            "metadata": { "resourceVersion": RESOURCE_VERSION, "annotations": { "k8s.io/initial-events-end": "true" } },
        });
        let mut events: Vec<Bytes> = Vec::new();
        let mut chunk = String::new();
        for item in &items {
            chunk.push_str(&event("ADDED", item));
            if chunk.len() >= CHUNK {
                events.push(std::mem::take(&mut chunk).into());
            }
        }
        chunk.push_str(&event("BOOKMARK", &bookmark.to_string()));
        events.push(chunk.into());
        Self { kind, items, events }
    }

    fn page(&self, limit: Option<&str>, continue_: Option<&str>) -> Response {
        let from: usize = continue_.map_or(0, |from| from.parse().unwrap());
        let limit = limit.and_then(|limit| limit.parse().ok()).unwrap_or(self.items.len());
        let page: Vec<&str> = self.items.iter().skip(from).take(limit).map(String::as_str).collect();
        let next = from + page.len();
        let next = if next < self.items.len() { next.to_string() } else { String::new() };
        as_json(format!(
            r#"{{"kind":"{}List","apiVersion":"{}","metadata":{{"resourceVersion":"{RESOURCE_VERSION}","continue":"{next}"}},"items":[{}]}}"#,
            self.kind.kind,
            api_version(self.kind),
            page.join(",")
        ))
    }
}

fn event(kind: &str, object: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn as_json(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

/// As an API server says it that does not know streamed lists.
fn refusal() -> Response {
    let message = "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Invalid", "code": 422, "message": message,
    });
    (StatusCode::UNPROCESSABLE_ENTITY, as_json(status.to_string())).into_response()
}

/// Where the objects of a kind are.
pub(crate) fn path(kind: &Kind) -> String {
    let root = if kind.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", kind.group) };
    format!("{root}/{}/{}", version(kind), kind.resource)
}

/// The version in which a kind is served, and no other.
fn version(kind: &Kind) -> &'static str {
    match (kind.group, kind.kind) {
        (GATEWAY_API, "ReferenceGrant") => "v1beta1",
        (CORE | "apps" | "apiextensions.k8s.io" | GATEWAY_API | ISTIO, _) => "v1",
        _ => "v1alpha1",
    }
}

fn api_version(kind: &Kind) -> String {
    if kind.group.is_empty() { version(kind).to_owned() } else { format!("{}/{}", kind.group, version(kind)) }
}

fn groups() -> Value {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in KINDS.iter().filter(|kind| kind.group != CORE) {
        let versions = groups.entry(kind.group).or_default();
        if !versions.contains(&version(kind)) {
            versions.push(version(kind));
        }
    }
    let groups = groups.into_iter().map(|(group, mut versions)| {
        versions.sort_unstable();
        let of = |version: &&str| json!({ "groupVersion": format!("{group}/{version}"), "version": version });
        let versions: Vec<Value> = versions.iter().map(of).collect();
        json!({ "name": group, "preferredVersion": versions[0], "versions": versions })
    });
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>() })
}

fn resources(group: &str, in_version: &str) -> Value {
    let served = KINDS.iter().filter(|kind| kind.group == group && version(kind) == in_version);
    let resources = served.map(|kind| {
        json!({
            "name": kind.resource,
            "singularName": kind.kind.to_lowercase(),
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        })
    });
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": format!("{group}/{in_version}"),
        "resources": resources.collect::<Vec<_>>(),
    })
}

//! The doors without a socket.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::{Request as HttpRequest, body::Frame};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{shed::Bounds, *};
use crate::engine::limits::REVIEW_UNIT;

const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

fn doors(judge: impl Fn(Door, &Review<'_>) -> Result<Answer, Refused> + Send + Sync + 'static) -> (Router, Registry) {
    bounded(Bounds::default(), judge)
}

fn bounded(
    bounds: Bounds,
    judge: impl Fn(Door, &Review<'_>) -> Result<Answer, Refused> + Send + Sync + 'static,
) -> (Router, Registry) {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let judge: Judge = Arc::new(move |door, review, _| judge(door, review));
    (router(Arc::new(Webhook::new(judge, Gate::new(bounds), metrics))), registry)
}

fn allowing() -> Router {
    doors(|_, _| Ok(Answer::allow())).0
}

fn review(object: Value) -> Vec<u8> {
    let kind = json!({"group": "", "version": "v1", "kind": "ConfigMap"});
    let resource = json!({"group": "", "version": "v1", "resource": "configmaps"});
    let request = json!({"uid": UID, "kind": kind, "resource": resource, "operation": "CREATE", "object": object});
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string().into_bytes()
}

fn to(path: &str, body: impl Into<Body>) -> HttpRequest<Body> {
    HttpRequest::post(path).header("content-type", "application/json").body(body.into()).unwrap()
}

async fn ask(router: &Router, request: HttpRequest<Body>) -> (StatusCode, HeaderMap, String) {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn printed(registry: &Registry, line: &str) -> bool {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text.lines().any(|printed| printed == line)
}

/// A body whose length nobody announces, and that may never end.
struct Pieces {
    left: VecDeque<Vec<u8>>,
    ends: bool,
}

impl Pieces {
    fn body(pieces: impl IntoIterator<Item = Vec<u8>>) -> Body {
        Body::new(Self { left: pieces.into_iter().collect(), ends: true })
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.left.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece.into())))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn each_door_asks_for_its_own_policies() {
    let (router, registry) = doors(|door, _| Ok(Answer { warnings: vec![format!("{door:?}")], ..Answer::allow() }));
    for door in Door::ALL {
        let (status, headers, body) =
            ask(&router, to(&format!("{}?timeout=10s", door.path()), review(json!({})))).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, headers.get("content-type").unwrap().to_str().unwrap()),
            (StatusCode::OK, "application/json")
        );
        let response = json!({"uid": UID, "allowed": true, "warnings": [format!("{door:?}")]});
        assert_eq!(body, json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}));
        let line = format!(r#"webhook_requests_total{{door="{}",outcome="allowed"}} 1"#, door.path());
        assert!(printed(&registry, &line));
    }
    assert!(printed(&registry, "webhook_requests_in_flight 0"));
}

#[tokio::test]
async fn a_denial_is_an_answer() {
    let (router, registry) = doors(|_, _| Ok(Answer::deny(422, "no")));
    let (status, _, body) = ask(&router, to("/validate", review(json!({})))).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["response"]["status"]["code"]), (StatusCode::OK, &json!(422)));
    assert!(printed(&registry, r#"webhook_requests_total{door="/validate",outcome="denied"} 1"#));
}

#[tokio::test]
async fn what_is_no_review_is_refused() {
    let router = allowing();
    let post = |path: &str| HttpRequest::post(path.to_owned());
    let json = |path: &str| post(path).header("content-type", "application/json; charset=utf-8");
    let compressed = json("/validate").header("content-encoding", "gzip");
    let cases = [
        (json("/validate/").body(review(json!({})).into()), 404, "the doors are `/validate`"),
        (json("/").body(Body::empty()), 404, "the doors are"),
        (HttpRequest::get("/validate").body(Body::empty()), 405, ""),
        (HttpRequest::put("/mutate").body(Body::empty()), 405, ""),
        (
            post("/validate").body(review(json!({})).into()),
            415,
            "a review is `application/json`, this one is without a type",
        ),
        (
            post("/validate").header("content-type", "application/yaml").body(Body::empty()),
            415,
            "this one is `application/yaml`",
        ),
        (compressed.body(Body::empty()), 415, "this one is `gzip`"),
        (json("/validate").body(Body::empty()), 400, "the body is not an AdmissionReview: EOF"),
        (json("/validate").body("{}".into()), 400, "the body is not an AdmissionReview"),
        (json("/validate").body(vec![b' '; REVIEW_BYTES + 1].into()), 413, "the review is larger than 8 MiB"),
        (
            json("/validate").body(Pieces::body(vec![vec![b' '; 1024 * 1024]; 9])),
            413,
            "the review is larger than 8 MiB",
        ),
        (json("/validate").body(Pieces::body(vec![vec![b' '; 10]; 3])), 400, "the body is not an AdmissionReview: EOF"),
    ];
    for (request, status, message) in cases {
        let (got, _, body) = ask(&router, request.unwrap()).await;
        assert_eq!(got.as_u16(), status, "{body}");
        assert!(body.contains(message), "{body}");
    }
    let foreign = String::from_utf8(review(json!({}))).unwrap().replace("k8s.io/v1", "k8s.io/v9");
    let (status, _, body) = ask(&router, to("/validate", foreign)).await;
    assert!(status == 400 && body.contains(UID), "{body}");
}

#[tokio::test]
async fn small_large_and_chunked_reviews_arrive_whole() {
    let (router, _) = doors(|_, review| {
        let bytes = review.request.object.map_or(0, |object| object.get().len());
        Ok(Answer { warnings: vec![bytes.to_string()], ..Answer::allow() })
    });
    for size in [0, 1_000, INLINE_BYTES, 3 * 1024 * 1024] {
        let object = json!({"data": {"a": "x".repeat(size)}});
        let length = object.to_string().len().to_string();
        let whole = review(object);
        let chunked = Pieces::body(whole.chunks(60_000).map(<[u8]>::to_vec));
        for body in [Body::from(whole.clone()), chunked] {
            let (status, _, body) = ask(&router, to("/mutate", body)).await;
            assert!(status == StatusCode::OK && body.contains(&format!("\"{length}\"")), "{size}: {body}");
        }
    }
}

#[tokio::test]
async fn the_judge_may_refuse_and_may_fail() {
    let (router, registry) = doors(|door, _| match door {
        Door::Mutate => Err(Refused::new(500, "the view is gone")),
        Door::Validate(_) | Door::Probe => Err(Refused::new(400, "`object` is not an object")),
    });
    let (status, _, body) = ask(&router, to("/validate", review(json!({})))).await;
    assert_eq!((status, body), (StatusCode::BAD_REQUEST, format!("`object` is not an object (review `{UID}`)")));
    let (status, _, body) = ask(&router, to("/mutate", review(json!({})))).await;
    assert_eq!((status, body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, ""));
    assert!(printed(&registry, r#"webhook_requests_total{door="/mutate",outcome="failed"} 1"#));
}

#[tokio::test]
async fn a_panic_costs_one_review() {
    let (router, registry) = doors(|_, review| {
        assert!(!review.request.object.unwrap().get().contains("poison"), "on purpose");
        Ok(Answer::allow())
    });
    let large = "poison".repeat(INLINE_BYTES);
    for object in [json!({"a": "poison"}), json!({"a": large})] {
        let (status, headers, body) = ask(&router, to("/validate", review(object))).await;
        assert_eq!((status, body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, ""));
        assert!(!headers.contains_key("retry-after"));
        assert_eq!(ask(&router, to("/validate", review(json!({})))).await.0, StatusCode::OK);
    }
    assert!(printed(&registry, r#"webhook_shed_total{reason="panic"} 2"#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_turned_away() {
    let (entered, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let bounds = Bounds { bytes: REVIEW_UNIT, waiting: 0, wait: Duration::ZERO };
    let (router, registry) = bounded(bounds, move |_, review| {
        if review.request.object.unwrap().get().contains("slow") {
            entered.send(()).unwrap();
            held.lock().unwrap().recv().unwrap();
        }
        Ok(Answer::allow())
    });
    let slow = tokio::spawn({
        let router = router.clone();
        async move { ask(&router, to("/validate", review(json!({"a": "slow"})))).await.0 }
    });
    begun.recv().await.unwrap();
    // Turned away before its body is read: this one has none that would ever end.
    let unread = Body::new(Pieces { left: VecDeque::new(), ends: false });
    for body in [Body::from(review(json!({}))), unread] {
        let (status, headers, body) = ask(&router, to("/validate", body)).await;
        assert_eq!((status, body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, ""));
        assert!(!headers.contains_key("retry-after"));
    }
    let_go.send(()).unwrap();
    assert_eq!(slow.await.unwrap(), StatusCode::OK);
    assert_eq!(ask(&router, to("/validate", review(json!({})))).await.0, StatusCode::OK);
    assert!(printed(&registry, r#"webhook_requests_total{door="/validate",outcome="shed"} 2"#));
    assert!(printed(&registry, r#"webhook_shed_total{reason="busy"} 2"#));
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_given_up() {
    let (router, registry) = doors(|_, _| Ok(Answer::allow()));
    let never = Pieces { left: VecDeque::from([b"{".to_vec()]), ends: false };
    let (status, _, body) = ask(&router, to("/validate?timeout=50ms", Body::new(never))).await;
    assert_eq!((status, body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, ""));
    assert!(printed(&registry, r#"webhook_shed_total{reason="late"} 1"#));
}

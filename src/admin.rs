//! Plain HTTP for the kubelet and for Prometheus: `/livez`, `/readyz` and `/metrics`.

#[cfg(test)]
mod page;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::{StatusCode, header};
use prometheus_client::{encoding::text::encode, registry::Registry};

use crate::{health::Health, webhook::accept::Draining};

/// The registry that the parts of the process register their metrics with; every name begins with `portcullis_`.
pub fn registry() -> Registry {
    Registry::with_prefix("portcullis")
}

pub fn router(health: Health, draining: Draining, registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state((health, draining)))
        .route("/metrics", get(metrics).with_state(registry))
}

async fn readyz(State((health, draining)): State<(Health, Draining)>) -> Response {
    if draining.has_begun() {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("draining\n{}", health.report())).into_response();
    }
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, health.report()).into_response()
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use hyper::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::{
        health::Condition,
        tls::Standing,
        webhook::{
            Door, Mode,
            metrics::{Metrics, Outcome, Shed},
        },
    };

    async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
        let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn is_ready_when_nothing_is_waited_for_and_not_while_draining() {
        let draining = Draining::default();
        let health = Health::new(["certificate", "policies"]);
        let router = router(health.clone(), draining.clone(), Arc::new(registry()));
        assert_eq!(ask(&router, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        health.set("certificate", Condition::Ready);
        health.set("policies", Condition::Waiting("2 of 9 compiled".into()));
        let (status, body) = ask(&router, "/readyz").await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "certificate: ready\npolicies: not ready: 2 of 9 compiled\n")
        );
        health.set("policies", Condition::Ready);
        health.set("watch services", Condition::Degraded("cannot be listed: forbidden".into()));
        let (status, body) = ask(&router, "/readyz").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.ends_with("watch services: degraded: cannot be listed: forbidden\n"), "{body}");
        draining.begin();
        let (status, body) = ask(&router, "/readyz").await;
        assert!(status == StatusCode::SERVICE_UNAVAILABLE && body.starts_with("draining\n"));
        assert_eq!(ask(&router, "/livez").await, (StatusCode::OK, "ok\n".to_owned()));
    }

    #[tokio::test]
    async fn prints_what_is_counted() {
        let mut registry = registry();
        let webhook = Metrics::register(&mut registry);
        webhook.answered(Door::Validate(Mode::Fail), Outcome::Denied, Duration::from_micros(70));
        webhook.shed(Shed::Busy);
        let end = jiff::Timestamp::from_second(1_900_000_000).unwrap();
        webhook.certificate(&Standing {
            not_after: Some(end),
            bundle: None,
            authorities: vec![("signing", end)],
            condition: Condition::Ready,
            refused: Some("name"),
        });
        let router = router(Health::new([]), Draining::default(), Arc::new(registry));
        let (status, text) = ask(&router, "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        for line in [
            r#"portcullis_webhook_requests_total{door="/validate/fail",outcome="denied"} 1"#,
            r#"portcullis_webhook_request_seconds_bucket{le="0.0001",door="/validate/fail"} 1"#,
            r#"portcullis_webhook_shed_total{reason="busy"} 1"#,
            r#"portcullis_webhook_shed_total{reason="panic"} 0"#,
            "portcullis_webhook_certificate_expiry_seconds 1900000000",
            r#"portcullis_webhook_ca_expiry_seconds{ca="signing"} 1900000000"#,
            r#"portcullis_webhook_certificates_refused_total{reason="name"} 1"#,
            "portcullis_webhook_requests_in_flight 0",
        ] {
            assert!(text.lines().any(|printed| printed == line), "{line} in\n{text}");
        }
    }
}

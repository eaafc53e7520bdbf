//! The process that is measured: the index as `serve` runs it beside the webhook, in a replica that does not lead.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::{Client, Config};
use portcullis::{
    admin,
    cluster::{
        api::Api,
        index::{Index, Published},
        metrics::Metrics,
    },
    engine::{
        snapshot::Snapshot,
        view::{Answer, Lens, View, control_plane::ControlPlane},
    },
    health::Health,
    webhook::{Door, Mode, admit, wire},
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::{
    child::{Question, Serving, Synced, listen, say},
    linux,
    material::{self, Size},
};

pub(crate) async fn follow() {
    let serving: Serving = listen();
    let size = Size { services: serving.services, telemetry: serving.telemetry };
    // By address, as in a cluster: no thread is kept that resolves names.
    let mut config = Config::new(format!("https://127.0.0.1:{}", serving.port).parse().unwrap());
    config.tls_server_name = Some("localhost".to_owned());
    config.root_cert = Some(vec![CertificateDer::from_pem_slice(serving.ca.as_bytes()).unwrap().to_vec()]);
    config.connect_timeout = Some(Duration::from_secs(5));
    let cpu = || linux::cpu_of(std::process::id());
    let (started, cpu_before) = (Instant::now(), cpu());

    let api = Api::new(Client::try_from(config).unwrap());
    let metrics = Metrics::register(&mut admin::registry());
    let health = Health::new(["policies", "view"]);
    let published = Published::default();
    let view = View::open(ControlPlane::default());
    tokio::spawn(Index::new(api, view, published.clone(), health.clone(), metrics).run());
    let changes = published.changes.clone();
    let forget_changes = tokio::spawn(async move {
        loop {
            changes.next().await;
        }
    });

    while !health.is_ready() {
        assert!(started.elapsed() < Duration::from_mins(1), "not ready after a minute: {}", health.report());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let snapshot = published.current.load_full();
    let ready_seconds = started.elapsed().as_secs_f64();
    let cpu_ms = cpu().saturating_sub(cpu_before).as_secs_f64() * 1e3;
    is_right(&snapshot, &serving, size, &health);
    drop(snapshot);
    say(&Synced { ready_seconds, cpu_ms });

    forget_changes.abort();
    loop {
        // Nothing else is to be done by this process meanwhile.
        let question: Question = tokio::task::spawn_blocking(listen).await.unwrap();
        while !has_port(&published.current.load(), size, question.port) {
            published.changes.next().await;
        }
        say(&question);
    }
}

/// That it holds all there is, knows that there is nothing else, and judges by the last that was listed.
fn is_right(snapshot: &Arc<Snapshot>, serving: &Serving, size: Size, health: &Health) {
    for (id, &count) in &serving.counts {
        let (group, kind) = id.split_once('/').unwrap();
        let held = if kind == "GuardPolicy" {
            snapshot.policies.policies().len()
        } else {
            assert!(snapshot.view.is_complete(group, kind), "ready without all of {id}: {}", health.report());
            snapshot.view.len_of(group, kind)
        };
        assert_eq!(held, count, "of {id}");
    }
    if size.services == 0 {
        return;
    }
    let last = material::last_service(size);
    for (service, resolves) in [(&*last.name, true), ("app-that-is-not-there", false)] {
        let body = material::refers_to(&last.namespace, service);
        let review = wire::read(&body).unwrap();
        let answer = admit::answer(snapshot, None, Door::Validate(Mode::All), &review, Timestamp::now()).unwrap();
        let not_found = answer.warnings.iter().any(|warning| warning.contains("[backend-refs/not-found]"));
        assert_eq!(not_found, !resolves, "a reference to {service}: {answer:?}");
    }
}

fn has_port(snapshot: &Snapshot, size: Size, port: u32) -> bool {
    let last = material::last_service(size);
    let lens = Lens::new(&snapshot.view);
    let Answer::Found(service) = lens.service(&last.namespace, &last.name) else { return false };
    service.port(port.into()).is_some()
}

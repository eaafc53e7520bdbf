//! Our server, put together as `serve` does it, over a view of a given size.

use std::{future::pending, net::Ipv4Addr, sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use portcullis::{
    admin,
    engine::{
        policy::shipped,
        snapshot::Snapshot,
        view::{View, control_plane::ControlPlane},
    },
    webhook::{
        self, Webhook,
        accept::{self, Draining, Settings},
        admit,
        certs::{CertSource, server_config},
        metrics::Metrics,
        shed::{Bounds, Gate},
    },
};

use crate::{
    material::{self, Size},
    process::Hello,
};

pub(crate) async fn serve(size: Size) {
    let mut registry = admin::registry();
    let metrics = Metrics::register(&mut registry);
    let (view, built_ms) = build(size);
    let current = Arc::new(ArcSwap::from_pointee(Snapshot { policies: shipped::policies(), view }));
    let opened = CertSource::SelfSigned { names: Vec::new() }.open().await.unwrap();
    let tls = server_config(opened.resolver).unwrap();
    let webhook = Webhook::new(
        admit::judge(current, None, Arc::clone(&metrics)),
        Gate::new(Bounds::default()),
        Arc::clone(&metrics),
    );
    let listener = accept::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    Hello { port: listener.local_addr().unwrap().port(), ca: opened.ca.unwrap(), built_ms }.say();
    let router = webhook::router(Arc::new(webhook));
    accept::serve(listener, tls, router, Settings::default(), Draining::default(), metrics, pending()).await;
}

/// From bytes to the view, object by object; making the bytes does not count.
fn build(size: Size) -> (View, f64) {
    let mut view = View::closed(ControlPlane::default());
    let mut seconds = 0.0;
    for object in material::world(size) {
        let bytes = serde_json::to_vec(&object).unwrap();
        drop(object);
        let started = Instant::now();
        let object = serde_json::from_slice(&bytes).unwrap();
        view.insert(&portcullis::cases::run::key_of(&object), &object);
        drop(object);
        seconds += started.elapsed().as_secs_f64();
    }
    (view, seconds * 1e3)
}

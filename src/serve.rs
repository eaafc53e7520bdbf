//! The composition root of `portcullis serve`: what is built, in which order it starts, and how it stops.

#![expect(clippy::disallowed_methods, reason = "an edge: signals, files and the clock")]

mod folder;
mod live;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    admin,
    cli::args::ServeArgs,
    engine::snapshot::Snapshot,
    health::{Condition, Health},
    webhook::{
        self, Webhook,
        accept::{self, Draining},
        admit,
        certs::{self, CertSource},
        metrics::Metrics,
        selfcall,
        shed::{Bounds, Gate},
    },
};

/// Serves until SIGTERM or SIGINT, and drains.
///
/// # Errors
/// Anything without which it cannot serve: a port, a certificate, a first state that can be read.
pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    tracing::info!(
        manifests = ?args.manifests,
        policies = ?args.judging.policies,
        control_plane = ?args.judging.control_plane,
        listen = %args.listen,
        admin = %args.admin,
        drain_seconds = args.drain,
        "starting"
    );
    let mut registry = admin::registry();
    let metrics = Metrics::register(&mut registry);
    let draining = Draining::default();
    let world = if args.manifests.is_some() { ["manifests"].as_slice() } else { &["policies", "view"] };
    let health = Health::new(world.iter().copied().chain(["certificate", "listener"]));

    let current = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
    let mut live = match &args.manifests {
        Some(folder) => {
            folder::serve(folder, &args.judging, &current, &health)?;
            None
        }
        None => Some(live::serve(args, Arc::clone(&current), &health, &mut registry).await?),
    };
    let handle = live.as_ref().map(|live| live.handle.clone());

    let source = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => CertSource::Files { cert: cert.clone(), key: key.clone() },
        _ => CertSource::SelfSigned { names: args.tls_name.clone() },
    };
    let opened = source.open().await.context("the serving certificate")?;
    match (&opened.ca, &args.ca_out) {
        (Some(ca), Some(path)) => {
            std::fs::write(path, ca).with_context(|| format!("cannot write the CA to {}", path.display()))?;
        }
        (None, Some(_)) => tracing::warn!("`--ca-out` is for the self-signed certificate alone; nothing was written"),
        _ => {}
    }
    let resolver = Arc::clone(&opened.resolver);
    metrics.certificate_expires(resolver.current().not_after);
    health.set("certificate", Condition::Ready);
    tokio::spawn(follow_certificate(opened, Arc::clone(&metrics), health.clone()));

    let gate = Gate::new(Bounds::default());
    let webhook =
        Arc::new(Webhook::new(admit::judge(current, handle, Arc::clone(&metrics)), gate, Arc::clone(&metrics)));
    let listener = accept::bind(args.listen).with_context(|| format!("cannot listen on {}", args.listen))?;
    let admin_listener = accept::bind(args.admin).with_context(|| format!("cannot listen on {}", args.admin))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "answering reviews");
    let admin_router = admin::router(health.clone(), draining.clone(), Arc::new(registry));
    tokio::spawn(accept::serve_plain(admin_listener, admin_router, Arc::clone(&metrics)));
    tokio::spawn(call_ourselves(address, Arc::clone(&resolver), health.clone()));

    let tls = certs::server_config(resolver)?;
    let settings = accept::Settings { drain: Duration::from_secs(args.drain), ..accept::Settings::default() };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut failed = false;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = one_ended(live.as_mut()) => failed = true,
        }
    };
    let cut = accept::serve(listener, tls, webhook::router(webhook), settings, draining, metrics, stop).await;
    if let Some(live) = live {
        live.stop().await;
    }
    tracing::info!(cut_off = cut, "stopped");
    anyhow::ensure!(!failed, "a part of the process has ended that must not: see the log before this");
    Ok(())
}

async fn one_ended(live: Option<&mut live::Live>) {
    match live {
        Some(live) => live.tasks.one_ended().await,
        None => std::future::pending().await,
    }
}

/// Ready when a TLS call to ourselves was answered; until then it is tried again.
async fn call_ourselves(address: std::net::SocketAddr, resolver: Arc<certs::Resolver>, health: Health) {
    loop {
        match selfcall::call(address, &resolver).await {
            Ok(()) => return health.set("listener", Condition::Ready),
            Err(why) => health.set("listener", Condition::Waiting(format!("a TLS call to ourselves failed: {why}"))),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn follow_certificate(opened: certs::Opened, metrics: Arc<Metrics>, health: Health) {
    opened
        .follow(certs::POLL, |standing| {
            metrics.certificate_expires(standing.not_after);
            let condition = match (standing.expired, standing.problem) {
                (true, _) => Condition::Waiting("the serving certificate has expired".to_owned()),
                (false, Some(problem)) => Condition::Degraded(problem),
                (false, None) => Condition::Ready,
            };
            health.set("certificate", condition);
        })
        .await;
}

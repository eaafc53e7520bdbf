//! The composition root of `portcullis serve`: what is built, in which order it starts, and how it stops.

#![expect(clippy::disallowed_methods, reason = "an edge: signals, files and the clock")]

mod certificate;
mod folder;
pub(crate) mod live;

pub(crate) use live::config as cluster_config;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    admin,
    cli::args::ServeArgs,
    engine::snapshot::Snapshot,
    health::{Condition, Health},
    operate::webhooks::CaBundle,
    tls::Resolver,
    webhook::{
        self, Webhook,
        accept::{self, Draining},
        admit,
        certs::{self, callers::Callers},
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
    // What it is turns out with the certificate.
    let (bundles, bundle) = watch::channel(CaBundle::Ours(String::new()));
    let mut live = match &args.manifests {
        Some(folder) => {
            folder::serve(folder, &args.judging, &current, &health)?;
            None
        }
        None => Some(live::serve(args, Arc::clone(&current), &health, &mut registry, bundle).await?),
    };
    let handle = live.as_ref().map(|live| live.handle.clone());

    let admin_listener = accept::bind(args.admin).with_context(|| format!("cannot listen on {}", args.admin))?;
    let admin_router = admin::router(health.clone(), draining.clone(), Arc::new(registry));
    tokio::spawn(accept::serve_plain(admin_listener, admin_router, Arc::clone(&metrics)));

    let certificate = certificate::open(args, live.as_mut(), bundles, &health, &metrics).await?;

    let gate = Gate::new(Bounds::default());
    let webhook =
        Arc::new(Webhook::new(admit::judge(current, handle, Arc::clone(&metrics)), gate, Arc::clone(&metrics)));
    let listener = accept::bind(args.listen).with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "answering reviews");
    let (resolver, callers) = (Arc::clone(&certificate.resolver), certificate.callers.clone());
    tokio::spawn(call_ourselves(address, resolver, callers, health.clone()));

    let tls = certs::server_config_for(certificate.resolver, certificate.callers)?;
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
async fn call_ourselves(
    address: std::net::SocketAddr,
    resolver: Arc<Resolver>,
    callers: Option<Arc<Callers>>,
    health: Health,
) {
    loop {
        match selfcall::call(address, &resolver, callers.as_deref()).await {
            Ok(()) => return health.set("listener", Condition::Ready),
            Err(why) => health.set("listener", Condition::Waiting(format!("a TLS call to ourselves failed: {why}"))),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

//! The composition root of `portcullis serve`: what is built, in which order it starts, and how it stops.

#![expect(clippy::disallowed_methods, reason = "an edge: signals, files and the clock")]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    admin::{self, Condition, Health},
    cli::args::{Judging, ServeArgs},
    files::{manifests, paths, policies, refusal_line, world},
    webhook::{
        self, Webhook,
        accept::{self, Draining},
        admit::{self, Snapshot},
        certs::{self, CertSource},
        metrics::Metrics,
        selfcall,
        shed::{Bounds, Gate},
    },
};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long after a failure the folder is read again although nothing in it seems to have changed.
const RETRY: Duration = Duration::from_secs(5);

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
        manifests = %args.manifests.display(),
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
    let health = Health::new(draining.clone(), ["manifests", "certificate", "listener"]);

    let seen = stamps(&args.manifests, &args.judging);
    let first = read(&args.manifests, &args.judging).map_err(anyhow::Error::msg)?;
    log_state(&first);
    let current = Arc::new(ArcSwap::from_pointee(first));
    health.set("manifests", Condition::Ready);
    let followed = Followed { folder: args.manifests.clone(), judging: args.judging.clone(), seen, failed: None };
    tokio::spawn(follow_folder(followed, Arc::clone(&current), health.clone()));

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
    let webhook = Arc::new(Webhook::new(admit::judge(Arc::clone(&current)), gate, Arc::clone(&metrics)));
    let listener = accept::bind(args.listen).with_context(|| format!("cannot listen on {}", args.listen))?;
    let admin_listener = accept::bind(args.admin).with_context(|| format!("cannot listen on {}", args.admin))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "answering reviews");
    let admin_router = admin::router(health.clone(), Arc::new(registry));
    tokio::spawn(async move { axum::serve(admin_listener, admin_router).await });
    tokio::spawn(call_ourselves(address, Arc::clone(&resolver), health.clone()));

    let tls = certs::server_config(resolver)?;
    let settings = accept::Settings { drain: Duration::from_secs(args.drain), ..accept::Settings::default() };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let cut = accept::serve(listener, tls, webhook::router(webhook), settings, draining, metrics, stop).await;
    tracing::info!(cut_off = cut, "stopped");
    Ok(())
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

/// The state that the folder holds, or why it cannot be taken: a state with a hole in it would let things pass.
fn read(manifests: &PathBuf, judging: &Judging) -> Result<Snapshot, String> {
    let given = judging.given(true)?;
    let loaded = policies::load(&judging.policies);
    let (mut sources, mut refusals) = paths::read(std::slice::from_ref(manifests));
    let read = manifests::read(&sources, &judging.namespace, |_| {});
    refusals.extend(read.refusals);
    refusals.extend(loaded.refusals.into_iter().map(|refusal| refusal.behind(sources.len())));
    if !refusals.is_empty() {
        sources.extend(loaded.sources);
        let listed: String =
            refusals.iter().map(|refusal| format!("\n  {}", refusal_line(refusal, &sources))).collect();
        return Err(format!("the folder or the policies cannot be read as they are{listed}"));
    }
    let view = world::of(&read.objects, &given);
    Ok(Snapshot { policies: loaded.policies, view })
}

fn log_state(snapshot: &Snapshot) {
    let names: Vec<_> = snapshot.policies.policies().iter().map(|policy| policy.name.as_str()).collect();
    tracing::info!(policies = names.join(","), "policies in force");
    if names.is_empty() {
        tracing::warn!("no policy is in force: everything is allowed");
    }
}

/// The folder, and what became of it when it was last read.
struct Followed {
    folder: PathBuf,
    judging: Judging,
    /// As it was when it was last read.
    seen: Stamps,
    /// Why it could not be taken over then, and when that was.
    failed: Option<(String, Instant)>,
}

/// Takes over what changes in the folder; a broken state is said once, and the last good one stays until it is mended.
async fn follow_folder(mut followed: Followed, current: Arc<ArcSwap<Snapshot>>, health: Health) {
    loop {
        tokio::time::sleep(LOOK).await;
        let now = stamps(&followed.folder, &followed.judging);
        // What failed may heal without a change that is to be seen, as where permissions were missing.
        let retry = followed.failed.as_ref().is_some_and(|(_, at)| at.elapsed() >= RETRY);
        if now == followed.seen && !retry {
            continue;
        }
        followed.seen = now;
        let (folder, judging) = (followed.folder.clone(), followed.judging.clone());
        let read = tokio::task::spawn_blocking(move || read(&folder, &judging)).await;
        match read.unwrap_or_else(|error| Err(format!("reading the folder failed: {error}"))) {
            Ok(snapshot) => {
                log_state(&snapshot);
                current.store(Arc::new(snapshot));
                followed.failed = None;
                health.set("manifests", Condition::Ready);
            }
            Err(why) => {
                if followed.failed.as_ref().is_none_or(|(known, _)| *known != why) {
                    tracing::error!("{why}\nthe last good state stays");
                }
                let first = why.lines().next().unwrap_or_default();
                health.set("manifests", Condition::Degraded(format!("{first}; the last good state stays")));
                followed.failed = Some((why, Instant::now()));
            }
        }
    }
}

type Stamps = BTreeMap<PathBuf, (u64, Option<std::time::SystemTime>)>;

/// Size and time of every file: enough to see a change without reading.
fn stamps(folder: &PathBuf, judging: &Judging) -> Stamps {
    let roots = std::iter::once(folder).chain(&judging.policies);
    let files =
        roots.flat_map(|root| walkdir::WalkDir::new(root).follow_links(true).into_iter().filter_map(Result::ok));
    files
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((entry.into_path(), (metadata.len(), metadata.modified().ok())))
        })
        .collect()
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

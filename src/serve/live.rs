//! A live cluster: the index, the handle for the webhook, and the controller that one of the replicas is.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use prometheus_client::registry::Registry;
use tokio::{
    sync::{oneshot, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    cli::args::ServeArgs,
    cluster::{
        api::Api,
        handle::Handle,
        index::{Index, Published},
        lease::Lease,
        metrics::Metrics,
    },
    controller::{Settings, exceptions, reconcile, status},
    engine::{snapshot::Snapshot, view::View},
    health::Health,
    operate::{register, webhooks::CaBundle},
};

/// For how long the Lease is being given back when the process ends.
const LETTING_GO: Duration = Duration::from_secs(2);

/// What runs beside the webhook while there is a cluster.
pub(super) struct Live {
    pub(super) handle: Handle,
    pub(super) api: Api,
    /// Whether this process leads.
    pub(super) leads: watch::Receiver<bool>,
    /// The CA bundle that all our webhook entries hold now.
    pub(super) held: watch::Receiver<Option<String>>,
    /// Tells the holder of the Lease to let go.
    stop: oneshot::Sender<()>,
    lease: JoinHandle<()>,
    pub(super) tasks: Tasks,
}

/// What must run as long as the process does.
pub(super) struct Tasks(JoinSet<()>);

/// Begins to follow the cluster.
///
/// # Errors
/// It is not known where the API server is, or how to speak to it.
pub(super) async fn serve(
    args: &ServeArgs,
    current: Arc<ArcSwap<Snapshot>>,
    health: &Health,
    registry: &mut Registry,
    ca: watch::Receiver<CaBundle>,
) -> anyhow::Result<Live> {
    let given = args.judging.given(false).map_err(anyhow::Error::msg)?;
    let config = config(args.kubeconfig.as_deref()).await?;
    tracing::info!(api_server = %config.cluster_url, "in a cluster");
    let api = Api::new(Client::try_from(config).context("a client for the API server")?);
    let metrics = Metrics::register(registry);
    let published = Published { current, ..Published::default() };
    let index = Index::new(
        api.clone(),
        View::open(given.control_plane).with_params_in(&args.member.own_namespace),
        published.clone(),
        health.clone(),
        Arc::clone(&metrics),
    );
    let mut tasks = JoinSet::new();
    tasks.spawn(index.run());

    let member = &args.member;
    let identity = member.identity.clone().unwrap_or_else(some_identity);
    let settings = Settings {
        grace: Duration::from_secs(member.grace),
        identity: identity.clone(),
        service: Some((member.own_namespace.clone(), member.service.clone())),
        ..Settings::default()
    };
    let (leads, leader) = watch::channel(false);
    let Published { current, standings, exceptions: excepting, changes } = published;
    tasks.spawn(reconcile::run(
        api.clone(),
        Arc::clone(&current),
        changes,
        leader.clone(),
        settings.clone(),
        Arc::clone(&metrics),
    ));
    let (held, now_held) = watch::channel(None);
    let parts = register::Parts {
        api: api.clone(),
        current: Arc::clone(&current),
        leader: leader.clone(),
        ca,
        held,
        health: health.clone(),
        metrics: register::metrics::Metrics::register(registry),
    };
    tasks.spawn(register::run(parts, args.registration.settings(&member.own_namespace, &member.service)));
    let snapshot = Arc::clone(&current);
    tasks.spawn(exceptions::run(api.clone(), snapshot, excepting, leader.clone(), settings.clone()));
    tasks.spawn(status::run(api.clone(), current, standings, leader.clone(), settings));
    let lease = Lease::new(&api, &member.own_namespace, &identity, Duration::from_secs(member.lease));
    let (stop, stopped) = oneshot::channel::<()>();
    let lease = tokio::spawn(lease.hold(async { drop(stopped.await) }, leads));
    let handle = Handle::new(api.clone(), tokio::runtime::Handle::current(), metrics);
    Ok(Live { handle, api, leads: leader, held: now_held, stop, lease, tasks: Tasks(tasks) })
}

/// Processes in containers all have the same number.
fn some_identity() -> String {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
    format!("portcullis-{random:016x}")
}

/// How to reach the cluster.
///
/// # Errors
/// It is not known where the API server is, or how to speak to it.
pub(crate) async fn config(kubeconfig: Option<&Path>) -> anyhow::Result<Config> {
    let mut config = match kubeconfig {
        Some(file) => {
            let kubeconfig =
                Kubeconfig::read_from(file).with_context(|| format!("the kubeconfig {}", file.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await.context(
            "no cluster: there is neither a kubeconfig nor a service account; name a folder with `--manifests` to serve without one",
        )?,
    };
    config.connect_timeout = Some(Duration::from_secs(5));
    Ok(config)
}

// === impl Tasks ===

impl Tasks {
    pub(super) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    /// Waits until one of them has ended, which none ever should: a view that nobody writes any more looks as good as new.
    pub(super) async fn one_ended(&mut self) {
        let ended = self.0.join_next().await;
        tracing::error!(?ended, "a part of the process has ended that must not");
    }
}

// === impl Live ===

impl Live {
    /// Gives back what others wait for: the next replica leads at once.
    pub(super) async fn stop(self) {
        drop(self.stop);
        if tokio::time::timeout(LETTING_GO, self.lease).await.is_err() {
            tracing::warn!("the Lease could not be given back in time");
        }
    }
}

//! A live cluster: the index, the handle for the webhook, and the controller that one of the replicas is.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use prometheus_client::registry::Registry;

use crate::{
    admin::Health,
    cli::args::ServeArgs,
    cluster::{
        api::Api,
        handle::Handle,
        index::{Index, Published},
        metrics::Metrics,
    },
    engine::{snapshot::Snapshot, view::View},
};

/// What runs beside the webhook while there is a cluster.
pub(super) struct Live {
    pub(super) handle: Handle,
}

/// Begins to follow the cluster.
///
/// # Errors
/// It is not known where the API server is, or how to speak to it.
pub(super) async fn serve(
    args: &ServeArgs,
    current: Arc<ArcSwap<Snapshot>>,
    health: &Health,
    registry: &mut Registry,
) -> anyhow::Result<Live> {
    let given = args.judging.given(false).map_err(anyhow::Error::msg)?;
    let config = config(args).await?;
    tracing::info!(api_server = %config.cluster_url, "in a cluster");
    let api = Api::new(Client::try_from(config).context("a client for the API server")?);
    let metrics = Metrics::register(registry);
    let published = Published { current, ..Published::default() };
    let view = View::open(given.control_plane);
    let index = Index::new(api.clone(), view, published, health.clone(), Arc::clone(&metrics));
    tokio::spawn(index.run());
    Ok(Live { handle: Handle::new(api, tokio::runtime::Handle::current(), metrics) })
}

async fn config(args: &ServeArgs) -> anyhow::Result<Config> {
    let mut config = match &args.kubeconfig {
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

// === impl Live ===

impl Live {
    /// Gives back what others wait for.
    pub(super) async fn stop(self) {}
}

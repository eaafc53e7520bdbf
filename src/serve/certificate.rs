//! The serving certificate, wherever it comes from, and who may call.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    cli::args::{ServeArgs, registration::RegistrationMode},
    health::{Condition, Health},
    operate::{
        authority::Lifetimes,
        certificates::{self, Surroundings},
        webhooks::CaBundle,
    },
    tls::{Resolver, Standing},
    webhook::{
        certs::{self, CertSource, Files, callers::Callers},
        metrics::Metrics,
    },
};

use super::live::Live;

/// What the listener needs, and whoever registers us.
pub(super) struct Certificate {
    pub(super) resolver: Arc<Resolver>,
    pub(super) callers: Option<Arc<Callers>>,
}

/// Begins to follow the certificate, and tells what callers are to believe.
///
/// # Errors
/// Files that cannot be served, or be read.
pub(super) async fn open(
    args: &ServeArgs,
    live: Option<&mut Live>,
    bundles: watch::Sender<CaBundle>,
    health: &Health,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Certificate> {
    let callers = callers(args, health).await?;
    let tell = teller(Arc::clone(metrics), health.clone(), bundles);
    let resolver = match (&args.tls.tls_secret, live) {
        (Some(secret), Some(live)) => {
            let settings = certificates::Settings {
                namespace: args.member.own_namespace.clone(),
                secret: secret.clone(),
                names: names(args, true),
                lifetimes: lifetimes(args),
            };
            // Who registers us otherwise is not asked: then time alone decides when a new CA signs.
            let registered = (args.registration.registration == RegistrationMode::Managed).then(|| live.held.clone());
            let surroundings = Surroundings { leads: live.leads.clone(), registered, health: health.clone() };
            let resolver = Arc::new(Resolver::default());
            let run = certificates::run(live.api.clone(), settings, surroundings, Arc::clone(&resolver), tell);
            live.tasks.add(run);
            resolver
        }
        (_, live) => {
            let opened = open_files(&source(args, live.is_some()), live.is_some(), health).await?;
            write_ca(args.tls.ca_out.as_deref(), opened.ca.as_deref(), args.tls.tls_cert.is_some())?;
            let resolver = Arc::clone(&opened.resolver);
            tokio::spawn(opened.follow(certs::POLL, tell));
            resolver
        }
    };
    Ok(Certificate { resolver, callers })
}

/// In a cluster a pair that cannot be served is waited for: who leads keeps the registration all the same, and takes it out of
/// the way while nobody answers.
async fn open_files(source: &CertSource, in_a_cluster: bool, health: &Health) -> anyhow::Result<certs::Opened> {
    let mut said = String::new();
    loop {
        let error = match source.open().await {
            Ok(opened) => return Ok(opened),
            Err(error) if !in_a_cluster => return Err(error).context("the serving certificate"),
            Err(error) => error.to_string(),
        };
        if error != said {
            tracing::error!(problem = error, "there is no certificate to serve: it is waited for");
            health.set(certificates::CONDITION, Condition::Waiting(error.clone()));
            said = error;
        }
        tokio::time::sleep(certs::POLL).await;
    }
}

/// What every look at the certificate is told to.
fn teller(metrics: Arc<Metrics>, health: Health, bundles: watch::Sender<CaBundle>) -> impl Fn(Standing) {
    move |standing| {
        metrics.certificate(&standing);
        let bundle = standing.bundle.map_or(CaBundle::Foreign, CaBundle::Ours);
        bundles.send_if_modified(|known| {
            let is_new = *known != bundle;
            *known = bundle;
            is_new
        });
        health.set(certificates::CONDITION, standing.condition);
    }
}

fn source(args: &ServeArgs, in_a_cluster: bool) -> CertSource {
    match (&args.tls.tls_cert, &args.tls.tls_key) {
        (Some(cert), Some(key)) => CertSource::Files(Files {
            cert: cert.clone(),
            key: key.clone(),
            ca: args.tls.tls_ca.clone(),
            names: names(args, in_a_cluster),
        }),
        _ => CertSource::SelfSigned { names: args.tls.tls_name.clone() },
    }
}

/// What callers ask for: in a cluster that is the Service, or the host of the URL, unless something else was said.
fn names(args: &ServeArgs, in_a_cluster: bool) -> Vec<String> {
    if !args.tls.tls_name.is_empty() {
        return args.tls.tls_name.clone();
    }
    let member = &args.member;
    let route = args.registration.registered.route(&member.own_namespace, &member.service);
    in_a_cluster.then(|| route.host()).into_iter().collect()
}

fn lifetimes(args: &ServeArgs) -> Lifetimes {
    let default = Lifetimes::default();
    Lifetimes {
        ca: args.tls.tls_ca_lifetime.map_or(default.ca, Duration::from_secs),
        leaf: args.tls.tls_leaf_lifetime.map_or(default.leaf, Duration::from_secs),
    }
}

async fn callers(args: &ServeArgs, health: &Health) -> anyhow::Result<Option<Arc<Callers>>> {
    let Some(file) = &args.tls.tls_client_ca else { return Ok(None) };
    let names = args.tls.tls_client_name.clone();
    let callers = Callers::open(file.clone(), names, Timestamp::now()).await.context("who may call")?;
    health.set("callers", Condition::Ready);
    let health = health.clone();
    let tell = move |problem: Option<String>| {
        health.set("callers", problem.map_or(Condition::Ready, Condition::Degraded));
    };
    tokio::spawn(Arc::clone(&callers).follow(certs::POLL, tell));
    Ok(Some(callers))
}

fn write_ca(path: Option<&Path>, ca: Option<&str>, from_files: bool) -> anyhow::Result<()> {
    match (path, ca) {
        (Some(_), _) if from_files => {
            tracing::warn!("`--ca-out` is for the self-signed certificate alone; nothing was written");
        }
        (Some(path), Some(ca)) => {
            std::fs::write(path, ca).with_context(|| format!("cannot write the CA to {}", path.display()))?;
        }
        _ => {}
    }
    Ok(())
}

//! `portcullis doctor`: asks a cluster how its installation stands, and says so.

mod human;

use std::{
    hash::{BuildHasher as _, RandomState},
    io::Write,
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use jiff::Timestamp;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

use crate::{
    cli::{
        args::{DoctorArgs, DoctorFormat},
        check::Ended,
        output, report,
    },
    cluster::api::Api,
    engine::{policy::PolicySet, view::control_plane::ControlPlane},
    files::policies,
    operate::doctor::{
        self, Diagnosis, Setup, Standing, deployed,
        facts::{self, Facts},
        impact::{self, Impact},
    },
};

/// Asks, and prints what it is told.
///
/// # Errors
/// The cluster cannot be asked, or what is said of it cannot be printed.
pub fn run(args: &DoctorArgs, now: Timestamp) -> anyhow::Result<Ended> {
    let mut control_plane = ControlPlane::default();
    for text in &args.control_plane {
        if let Err(error) = control_plane.apply(text) {
            return output::refuse(&format!("--control-plane {text}: {error}"));
        }
    }
    let loaded = policies::load(&args.policies);
    if let Some(refusal) = loaded.refusals.first() {
        return output::refuse(&report::line(&format!("{}: {}", refusal.file, refusal.message)));
    }
    let policies = (!args.policies.is_empty()).then_some(loaded.policies);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask(args, policies, now))
}

async fn ask(args: &DoctorArgs, policies: Option<PolicySet>, now: Timestamp) -> anyhow::Result<Ended> {
    let api = Api::new(client(args.kubeconfig.as_deref()).await?);
    let setup = Setup {
        own_namespace: args.own_namespace.clone(),
        service: args.service.clone(),
        webhook_configuration: args.webhook_configuration.clone(),
        tls_secret: args.tls_secret.clone(),
        service_account: args.service_account.clone(),
        control_plane: args.control_plane.clone(),
    };
    if args.impact {
        let stored = facts::stored(&api, &setup).await;
        let stored = stored.map_err(anyhow::Error::msg).context("the API server cannot be asked")?;
        let (by, policies) = match (policies, &stored.policies) {
            (Some(policies), _) => ("the given files", policies),
            (None, Err(why)) => anyhow::bail!("the GuardPolicies cannot be read: {why}"),
            (None, Ok(Some(in_cluster))) if !in_cluster.is_empty() => {
                ("the GuardPolicies in the cluster", facts::compiled(&stored.policies))
            }
            (None, Ok(_)) => ("the default set, as there are no GuardPolicies", facts::compiled(&stored.policies)),
        };
        let control_plane = control_plane(&setup, &stored);
        let judged = impact::judge(&api, &policies, control_plane, &setup.own_namespace, now).await;
        let impact = Impact { by, ..judged.context("the API server cannot be asked")? };
        return tell_impact(&impact, args.format, &mut output::stdout());
    }
    let nonce = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
    let facts = facts::gather(&api, &setup, &nonce, now).await;
    let facts = facts.map_err(anyhow::Error::msg).context("the API server cannot be asked")?;
    tell(&doctor::judge(&setup, &facts), args.format, &mut output::stdout())
}

/// As it was told, else as the Deployment is.
fn control_plane(setup: &Setup, facts: &Facts) -> ControlPlane {
    let deployed = deployed::ours(setup, facts);
    let told: Vec<&str> = match deployed {
        Some(deployed) if setup.control_plane.is_empty() => deployed.control_plane(),
        _ => setup.control_plane.iter().map(String::as_str).collect(),
    };
    let mut control_plane = ControlPlane::default();
    for text in told {
        // What it does not understand it does not start with.
        let _ = control_plane.apply(text);
    }
    control_plane
}

fn tell(diagnosis: &Diagnosis, format: DoctorFormat, out: &mut dyn Write) -> anyhow::Result<Ended> {
    let count = |standing| diagnosis.count(standing);
    match format {
        DoctorFormat::Human => out.write_all(human::diagnosis(diagnosis).as_bytes())?,
        DoctorFormat::Json => {
            let summary = json!({
                "problem": count(Standing::Problem), "unknown": count(Standing::Unknown), "note": count(Standing::Note),
                "ok": count(Standing::Ok),
            });
            let document = json!({ "version": 1, "checks": diagnosis.checks, "summary": summary });
            writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
        }
    }
    out.flush()?;
    Ok(match (count(Standing::Problem), count(Standing::Unknown)) {
        (0, 0) => Ended::Clean,
        (0, _) => Ended::Failed,
        _ => Ended::Findings,
    })
}

fn tell_impact(impact: &Impact, format: DoctorFormat, out: &mut dyn Write) -> anyhow::Result<Ended> {
    match format {
        DoctorFormat::Human => out.write_all(human::impact(impact).as_bytes())?,
        DoctorFormat::Json => {
            let mut document = serde_json::to_value(impact)?;
            if let Some(fields) = document.as_object_mut() {
                fields.insert("version".to_owned(), 1.into());
            }
            writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
        }
    }
    out.flush()?;
    Ok(match (impact.policies.iter().any(|policy| policy.refused > 0), impact.partial.is_empty()) {
        (true, _) => Ended::Findings,
        (false, false) => Ended::Failed,
        (false, true) => Ended::Clean,
    })
}

async fn client(kubeconfig: Option<&Path>) -> anyhow::Result<Client> {
    let mut config = match kubeconfig {
        Some(file) => {
            let kubeconfig =
                Kubeconfig::read_from(file).with_context(|| format!("the kubeconfig {}", file.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await.context("no cluster: there is neither a kubeconfig nor a service account")?,
    };
    config.connect_timeout = Some(Duration::from_secs(5));
    Client::try_from(config).context("a client for the API server")
}

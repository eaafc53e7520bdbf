//! `portcullis webhooks`: prints what would be registered, or takes it out of a cluster.

use std::{fs, io::Write};

use anyhow::Context as _;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use kube::api::DeleteParams;

use crate::{
    cli::{args::WebhooksArgs, check::Ended, output, report},
    cluster::api::ApiError,
    engine::yaml,
    files::policies,
    operate::webhooks::{CaBundle, Entries, Kind, Settings},
};

/// Carries it out.
///
/// # Errors
/// The cluster cannot be reached, or does not allow it; output that cannot be written.
pub fn run(args: &WebhooksArgs) -> anyhow::Result<Ended> {
    if args.off { turn_off(args) } else { print(args, &mut output::stdout()) }
}

#[expect(clippy::disallowed_methods, reason = "an edge: the CA is a file")]
fn print(args: &WebhooksArgs, out: &mut dyn Write) -> anyhow::Result<Ended> {
    let loaded = policies::load(&args.policies);
    if !loaded.refusals.is_empty() {
        return report::refused(loaded.sources, loaded.refusals);
    }
    let ca = match &args.ca {
        None => CaBundle::Foreign,
        Some(file) => match fs::read_to_string(file) {
            Ok(pem) if pem.contains("-----BEGIN CERTIFICATE-----") => CaBundle::Ours(pem),
            Ok(_) => return output::refuse(&format!("{}: there is no certificate in PEM here", file.display())),
            Err(error) => return output::refuse(&format!("{}: {error}", file.display())),
        },
    };
    let entries = Entries::of(
        &loaded.policies,
        &Settings {
            own_namespace: args.own_namespace.clone(),
            route: args.registered.route(&args.own_namespace, &args.service),
            user: Settings::user_of(&args.own_namespace, &args.registered.service_account),
            ca,
            fails_closed: args.fail_closed,
        },
    );
    for kind in Kind::ALL {
        write!(out, "---\n{}", yaml::emit(&entries.manifest(kind, &args.registered.webhook_configuration)))?;
    }
    out.flush()?;
    Ok(Ended::Clean)
}

fn turn_off(args: &WebhooksArgs) -> anyhow::Result<Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let deleted = runtime.block_on(delete(args))?;
    let mut out = output::stdout();
    for (kind, deleted) in deleted {
        let name = &args.registered.webhook_configuration;
        if deleted {
            writeln!(out, "deleted the {} `{name}`: by it nothing is asked of Portcullis any more", kind.name())?;
        } else {
            writeln!(out, "there is no {} `{name}`: nothing to delete", kind.name())?;
        }
    }
    out.flush()?;
    Ok(Ended::Clean)
}

/// Which of the two there were.
async fn delete(args: &WebhooksArgs) -> anyhow::Result<[(Kind, bool); 2]> {
    let client = kube::Client::try_from(crate::serve::cluster_config(args.kubeconfig.as_deref()).await?)?;
    let name = &args.registered.webhook_configuration;
    let parameters = DeleteParams::default();
    let validating = kube::Api::<ValidatingWebhookConfiguration>::all(client.clone());
    let mutating = kube::Api::<MutatingWebhookConfiguration>::all(client);
    // Both are tried: one that cannot be deleted must not keep the other.
    let validating = was_there(validating.delete(name, &parameters).await.map(drop));
    let mutating = was_there(mutating.delete(name, &parameters).await.map(drop));
    let context = |kind: Kind| format!("the {} `{name}` cannot be deleted", kind.name());
    Ok([
        (Kind::Validating, validating.with_context(|| context(Kind::Validating))?),
        (Kind::Mutating, mutating.with_context(|| context(Kind::Mutating))?),
    ])
}

fn was_there(deleted: Result<(), kube::Error>) -> Result<bool, ApiError> {
    match deleted.map_err(ApiError::from) {
        Ok(()) => Ok(true),
        Err(ApiError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

//! What is in the cluster: the Secret, and the `caBundle` of each entry of the webhook configurations.

use anyhow::Context as _;
use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
};
use kube::Client;

use super::Shown;
use crate::{
    cli::args::tls::ShowArgs,
    cluster::api::{Api, ApiError},
    operate::certificates,
    serve::live,
    tls::bundle::Authority,
};

/// # Errors
/// The API server cannot be asked.
pub(super) fn read(args: &ShowArgs) -> anyhow::Result<Shown> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(ask(args))
}

async fn ask(args: &ShowArgs) -> anyhow::Result<Shown> {
    let config = live::config(args.kubeconfig.as_deref()).await?;
    let api = Api::new(Client::try_from(config).context("a client for the API server")?);
    let place = format!("Secret `{}` in namespace `{}`", args.tls_secret, args.own_namespace);
    let service = format!("{}.{}.svc", args.service, args.own_namespace);
    let names = if args.name.is_empty() { vec![service] } else { args.name.clone() };
    let mut shown = Shown { title: place.clone(), names, ..Shown::default() };
    match certificates::read(&api, &args.own_namespace, &args.tls_secret).await {
        Ok(Some(contents)) => {
            shown.coming = Authority::read(&contents.next_crt);
            (shown.cert, shown.key) = (contents.tls_crt, Some(contents.tls_key));
            // With cert-manager's Secrets this is the CA too.
            shown.authorities = Some(contents.ca_crt);
        }
        Ok(None) => shown.problems.push(format!("the {place} does not exist")),
        Err(error) => anyhow::bail!("the {place} cannot be read: {error}"),
    }
    match registered(&api, &args.webhook_configuration).await {
        Ok(registered) => shown.registered = registered,
        Err(error) => shown.unknown.push(format!("the webhook configurations: {error}")),
    }
    Ok(shown)
}

async fn registered(api: &Api, name: &str) -> Result<Vec<(String, String)>, ApiError> {
    let validating: kube::Api<ValidatingWebhookConfiguration> = kube::Api::all(api.client());
    let mutating: kube::Api<MutatingWebhookConfiguration> = kube::Api::all(api.client());
    let validating = validating.get_opt(name).await?.and_then(|one| one.webhooks).unwrap_or_default();
    let mutating = mutating.get_opt(name).await?.and_then(|one| one.webhooks).unwrap_or_default();
    let validating = validating.into_iter().map(|entry| (entry.name, text(entry.client_config.ca_bundle)));
    let mutating = mutating.into_iter().map(|entry| (entry.name, text(entry.client_config.ca_bundle)));
    Ok(validating.chain(mutating).collect())
}

fn text(bundle: Option<ByteString>) -> String {
    bundle.map(|bundle| String::from_utf8_lossy(&bundle.0).into_owned()).unwrap_or_default()
}

//! What concerns the webhook configurations.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::operate::{
    register,
    webhooks::{Route, Settings},
};

/// What `serve` does about them.
#[derive(Clone, Debug, Args)]
pub struct RegistrationArgs {
    /// Who keeps the webhook configurations.
    #[arg(long, value_name = "WHO", env = "PORTCULLIS_REGISTRATION", default_value = "managed")]
    pub registration: RegistrationMode,
    #[command(flatten)]
    pub registered: RegisteredArgs,
    /// Seconds between two probes of whether the API server reaches us.
    #[arg(long, hide = true, default_value_t = 20.0, value_parser = seconds)]
    pub probe_every: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RegistrationMode {
    /// whichever replica leads patches them with what the policies select; it never makes one
    Managed,
    /// somebody else, as from a Git repository: what differs is said, and nothing is written
    External,
    /// somebody else, and it is not even looked at
    Off,
}

/// How the API server is led to us, and who we are to it.
#[derive(Clone, Debug, Args)]
pub struct RegisteredArgs {
    /// The name of the ValidatingWebhookConfiguration and of the MutatingWebhookConfiguration.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_WEBHOOK_CONFIGURATION", default_value = "portcullis")]
    pub webhook_configuration: String,
    /// Where the API server finds us, in place of the Service, as in `https://portcullis.example:8443`.
    #[arg(long, value_name = "URL", env = "PORTCULLIS_WEBHOOK_URL", value_parser = base_url)]
    pub webhook_url: Option<String>,
    /// Our own service account, whose requests are not sent to us.
    #[arg(long, value_name = "NAME", env = "POD_SERVICE_ACCOUNT", default_value = "portcullis")]
    pub service_account: String,
}

#[derive(Clone, Debug, Args)]
pub struct WebhooksArgs {
    /// Files or folders of GuardPolicies, in place of the default set.
    #[arg(long, value_name = "PATH", env = "PORTCULLIS_POLICIES", value_delimiter = ':')]
    pub policies: Vec<PathBuf>,
    /// The namespace that Portcullis runs in; nothing in it is ever sent.
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE", default_value = "portcullis-system")]
    pub own_namespace: String,
    /// The Service by which the API server finds us.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_SERVICE", default_value = "portcullis")]
    pub service: String,
    #[command(flatten)]
    pub registered: RegisteredArgs,
    /// The CA that has signed our certificate, as PEM; without it `caBundle` is left to somebody else.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Let policies with `failurePolicy: Fail` fail closed at once. Without this they fail open: first see that the API
    /// server reaches Portcullis.
    #[arg(long)]
    pub fail_closed: bool,
    /// Delete both configurations in the cluster: Portcullis is out of the way until somebody makes them again.
    #[arg(long, conflicts_with_all = ["policies", "ca", "fail_closed"])]
    pub off: bool,
    /// With `--off`, how to reach the cluster; by default `KUBECONFIG`, or the service account of the pod.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
}

// === impl RegistrationMode ===

impl From<RegistrationMode> for register::Mode {
    fn from(mode: RegistrationMode) -> Self {
        match mode {
            RegistrationMode::Managed => Self::Managed,
            RegistrationMode::External => Self::External,
            RegistrationMode::Off => Self::Off,
        }
    }
}

// === impl RegistrationArgs ===

impl RegistrationArgs {
    /// The same for who registers.
    pub fn settings(&self, own_namespace: &str, service: &str) -> register::Settings {
        register::Settings {
            mode: self.registration.into(),
            configuration: self.registered.webhook_configuration.clone(),
            own_namespace: own_namespace.to_owned(),
            route: self.registered.route(own_namespace, service),
            user: Settings::user_of(own_namespace, &self.registered.service_account),
            probe_every: std::time::Duration::from_secs_f64(self.probe_every),
        }
    }
}

// === impl RegisteredArgs ===

impl RegisteredArgs {
    /// By the Service, unless a URL is given.
    pub fn route(&self, own_namespace: &str, service: &str) -> Route {
        match &self.webhook_url {
            Some(url) => Route::Url(url.clone()),
            None => Route::Service { namespace: own_namespace.to_owned(), name: service.to_owned() },
        }
    }
}

/// The API server takes nothing else (`validation.ValidateWebhookURL`).
fn base_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").ok_or("it must begin with `https://`")?;
    if rest.is_empty() || rest.contains(['?', '#', '@']) || rest.contains(char::is_whitespace) {
        return Err("it is a host with an optional port and path, and nothing else".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is a number of seconds".to_owned())?;
    if (0.1..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("it is between 0.1 and 3600".to_owned()) }
}

//! What can be said on the command line. One setting, one place: flag, else `PORTCULLIS_*`, else default.

mod help;
#[cfg(feature = "server")]
pub mod registration;
#[cfg(feature = "server")]
pub mod tls;

#[cfg(feature = "server")]
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "server")]
pub use registration::{RegisteredArgs, RegistrationArgs, RegistrationMode, WebhooksArgs};

use crate::{
    engine::{finding::Level, view::control_plane::ControlPlane},
    files::world::{self, Given},
};

/// Guards the telemetry of Kubernetes gateways: kgateway, agentgateway, KrakenD and the collectors behind them.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what in these manifests would break, or silently do nothing.
    #[command(after_help = help::CHECK)]
    Check(CheckArgs),
    /// Mend what can be mended: prints a diff, or changes the files with `--write`.
    #[command(after_help = help::FIX)]
    Fix(FixArgs),
    /// Say what a finding means and how to mend it.
    Explain(ExplainArgs),
    /// Run `*.test.yaml` cases: objects, and what the policies must say of them.
    #[command(after_help = help::TEST)]
    Test(TestArgs),
    /// Answer AdmissionReviews over HTTPS, in a cluster or with a folder of manifests in place of one.
    #[cfg(feature = "server")]
    #[command(after_help = help::SERVE)]
    Serve(Box<ServeArgs>),
    /// Print the webhook configurations that the policies need, for those who keep them in Git; or delete them.
    #[cfg(feature = "server")]
    #[command(after_help = help::WEBHOOKS)]
    Webhooks(WebhooksArgs),
    /// Say what is wrong with an installation, why it matters, and the command that repairs it.
    #[cfg(feature = "server")]
    #[command(after_help = help::DOCTOR)]
    Doctor(Box<DoctorArgs>),
    /// Print the CustomResourceDefinitions of this version, for `kubectl apply --server-side -f -`.
    #[cfg(feature = "server")]
    Crds,
    /// Show the certificates of a Portcullis that runs, or of files; or make some.
    #[cfg(feature = "server")]
    Certs(tls::CertsArgs),
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

/// What is judged, and by which policies.
#[derive(Clone, Debug, Args)]
pub struct Judging {
    /// Files or folders of GuardPolicies, in place of the default set.
    #[arg(long, value_name = "PATH", env = "PORTCULLIS_POLICIES", value_delimiter = ':')]
    pub policies: Vec<PathBuf>,
    /// A label of a namespace that is not among the manifests, as in `telemetry:environment=production`; repeatable.
    #[arg(long, value_name = "NAMESPACE:KEY=VALUE", value_parser = world::parse_namespace_label)]
    pub namespace_labels: Vec<(String, String, String)>,
    /// Which control plane reads the telemetry objects, and how it is set; repeatable. By default the newest that is
    /// known, with its own defaults.
    ///
    /// `kgateway=2.0` to `2.4` has the settings `grants=off|permissive|strict`, `istio=on|off`,
    /// `global-policy-namespace=NAME` and, last, `discovery=SELECTOR`; `agentgateway=1.0` to `1.4` has
    /// `grants=route-and-policy|route|none`.
    #[arg(long, value_name = "NAME=VERSION[,SETTING=VALUE…]", env = "PORTCULLIS_CONTROL_PLANE", value_delimiter = ';')]
    pub control_plane: Vec<String>,
    /// The namespace of objects that name none.
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    pub namespace: String,
}

#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// Files, folders (their `.yaml`, `.yml` and `.json` files), or `-` for standard input.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub judging: Judging,
    /// What is not among the manifests does not exist; without this it is unknown, and unknown is never an error.
    #[arg(long)]
    pub closed_world: bool,
    /// Judge what the cluster would store: after the edits that the policies apply, with the objects they make.
    ///
    /// Without this, objects are judged as they are written, and the `action` of `--format json` says what a webhook in a
    /// cluster would do. `portcullis serve --manifests` can make no objects, and so denies what needs them.
    #[arg(long)]
    pub admission: bool,
    /// Exit with 1 on findings of this level or worse.
    #[arg(long, value_name = "LEVEL", default_value = "error")]
    pub fail_on: FailOn,
    /// How findings are printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: crate::cli::report::Format,
    /// When to print colours; `auto` means on a terminal without `NO_COLOR`.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Clone, Debug, Args)]
pub struct FixArgs {
    /// Files, folders (their `.yaml`, `.yml` and `.json` files), or `-` for standard input, whose mended text goes to
    /// standard output.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub judging: Judging,
    /// Change the files in place.
    #[arg(long)]
    pub write: bool,
    /// When to print colours; `auto` means on a terminal without `NO_COLOR`.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// A code such as `backend-refs/no-such-port`; without one, all of them are listed.
    pub code: Option<String>,
    /// Files or folders of GuardPolicies whose codes are explained, in place of the default set.
    #[arg(long, value_name = "PATH")]
    pub policies: Vec<PathBuf>,
    /// Print the page of all codes as Markdown.
    #[arg(long, hide = true)]
    pub markdown: bool,
}

#[derive(Clone, Debug, Args)]
pub struct TestArgs {
    /// Case files, folders (their `*.test.yaml` files, at any depth), or `-` for standard input.
    #[arg(value_name = "PATH", default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Run only cases that have this text in `FILE > NAME`; repeatable, and then any of them will do.
    #[arg(long, value_name = "TEXT")]
    pub filter: Vec<String>,
    /// Print the cases, and run none.
    #[arg(long)]
    pub list: bool,
    /// How results are printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: TestFormat,
    /// When to print colours; `auto` means on a terminal without `NO_COLOR`.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For a terminal: a line for each case, and below them what differs.
    Human,
    /// `version: 1`; fields are added and never changed. Its schema is `docs/test-report.schema.json`.
    Json,
    /// JUnit XML, for the test view of a CI system.
    Junit,
}

#[cfg(feature = "server")]
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// A folder that stands for the cluster, in place of one: what is in it exists, and nothing else does. No objects can
    /// be made in it: what would need a grant to be made is denied.
    #[arg(long, value_name = "FOLDER", env = "PORTCULLIS_MANIFESTS", conflicts_with = "kubeconfig")]
    pub manifests: Option<PathBuf>,
    /// How to reach the cluster; by default `KUBECONFIG`, or the service account of the pod.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    pub judging: Judging,
    /// Where AdmissionReviews are answered.
    #[arg(long, value_name = "ADDRESS", env = "PORTCULLIS_LISTEN", default_value = "127.0.0.1:8443")]
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are answered, over plain HTTP.
    #[arg(long, value_name = "ADDRESS", env = "PORTCULLIS_ADMIN", default_value = "127.0.0.1:8080")]
    pub admin: SocketAddr,
    #[command(flatten)]
    pub tls: tls::TlsArgs,
    /// How long open and new connections are still answered after SIGTERM, in seconds.
    #[arg(long, value_name = "SECONDS", env = "PORTCULLIS_DRAIN", default_value_t = 10)]
    pub drain: u64,
    #[command(flatten)]
    pub member: MemberArgs,
    #[command(flatten)]
    pub registration: RegistrationArgs,
}

/// What `doctor` looks at. Nothing of it is written to.
#[cfg(feature = "server")]
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// How to reach the cluster; by default `KUBECONFIG`, or the service account of the pod.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// The namespace that Portcullis runs in.
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE", default_value = "portcullis-system")]
    pub own_namespace: String,
    /// The Service by which webhook configurations name it.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_SERVICE", default_value = "portcullis")]
    pub service: String,
    /// What its ValidatingWebhookConfiguration and MutatingWebhookConfiguration are called.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_WEBHOOK_CONFIGURATION", default_value = "portcullis")]
    pub webhook_configuration: String,
    /// The Secret that its certificates are kept in.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_TLS_SECRET", default_value = "portcullis-tls")]
    pub tls_secret: String,
    /// The service account that it runs as.
    #[arg(long, value_name = "NAME", env = "POD_SERVICE_ACCOUNT", default_value = "portcullis")]
    pub service_account: String,
    /// Which control plane reads the telemetry objects, as `serve` was told; repeatable. By default what its Deployment
    /// says.
    #[arg(long, value_name = "NAME=VERSION[,SETTING=VALUE…]")]
    pub control_plane: Vec<String>,
    /// Say instead what `Deny` would refuse among the objects that are stored today.
    #[arg(long)]
    pub impact: bool,
    /// Files or folders of GuardPolicies, in place of those in the cluster; with `--impact`.
    #[arg(long, value_name = "PATH", value_delimiter = ':', requires = "impact")]
    pub policies: Vec<PathBuf>,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: DoctorFormat,
}

#[cfg(feature = "server")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// For a terminal.
    Human,
    /// `version: 1`; fields are added and never changed.
    Json,
}

/// What this process is among its replicas, in a cluster.
#[cfg(feature = "server")]
#[derive(Clone, Debug, Args)]
pub struct MemberArgs {
    /// The namespace that it runs in: where the Lease is by which one replica leads.
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE", default_value = "portcullis-system")]
    pub own_namespace: String,
    /// What tells it from the other replicas; by default a name made of the process's number.
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub identity: Option<String>,
    /// The Service by which webhook configurations name it.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_SERVICE", default_value = "portcullis")]
    pub service: String,
    /// How long a leader that is gone is waited for, in seconds.
    #[arg(long, value_name = "SECONDS", env = "PORTCULLIS_LEASE", default_value_t = 15)]
    pub lease: u64,
    /// How long a grant that it made stays although nothing stored needs it, in seconds.
    #[arg(long, value_name = "SECONDS", env = "PORTCULLIS_GRACE", default_value_t = 600)]
    pub grace: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    Error,
    Warning,
    Note,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

// === impl Judging ===

impl Judging {
    /// What is known beside the files.
    ///
    /// # Errors
    /// A control plane that is not known.
    pub fn given(&self, closed: bool) -> Result<Given, String> {
        let mut control_plane = ControlPlane::default();
        for text in &self.control_plane {
            control_plane.apply(text).map_err(|error| format!("--control-plane {text}: {error}"))?;
        }
        let mut given = Given { control_plane, closed, ..Given::default() };
        for (namespace, key, value) in &self.namespace_labels {
            given.namespace_labels.entry(namespace.clone()).or_default().insert(key.clone(), value.clone());
        }
        Ok(given)
    }
}

// === impl FailOn ===

impl FailOn {
    pub fn is_reached_by(self, level: Level) -> bool {
        match self {
            Self::Error => level >= Level::Error,
            Self::Warning => level >= Level::Warning,
            Self::Note => true,
            Self::Never => false,
        }
    }
}

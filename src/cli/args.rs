//! What can be said on the command line. One setting, one place: flag, else `PORTCULLIS_*`, else default.

#[cfg(feature = "server")]
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    Check(CheckArgs),
    /// Mend what can be mended: prints a diff, or writes with `--write`.
    Fix(FixArgs),
    /// Say what a finding means and how to mend it.
    Explain(ExplainArgs),
    /// Run `*.test.yaml` cases.
    Test(TestArgs),
    /// Answer AdmissionReviews over HTTPS.
    #[cfg(feature = "server")]
    Serve(ServeArgs),
    /// Print the CustomResourceDefinitions of this version, for `kubectl apply --server-side -f -`.
    #[cfg(feature = "server")]
    Crds,
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

/// What is judged, and by which policies.
#[derive(Clone, Debug, Args)]
pub struct Judging {
    /// Files or folders of GuardPolicies, in place of the default set.
    #[arg(long, value_name = "PATH", env = "PORTCULLIS_POLICIES", value_delimiter = ':')]
    pub policies: Vec<PathBuf>,
    /// Labels of a namespace that is not among the manifests.
    #[arg(long, value_name = "NAMESPACE:KEY=VALUE", value_parser = world::parse_namespace_label)]
    pub namespace_labels: Vec<(String, String, String)>,
    /// Which control plane reads the telemetry objects, and how it is set; repeatable.
    #[arg(long, value_name = "NAME=VERSION[,SETTING=VALUE…]", env = "PORTCULLIS_CONTROL_PLANE", value_delimiter = ';')]
    pub control_plane: Vec<String>,
    /// The namespace of objects that name none.
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    pub namespace: String,
}

#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// Files, folders, or `-` for standard input.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub judging: Judging,
    /// What is not among the manifests does not exist; without this it is unknown, and unknown is never an error.
    #[arg(long)]
    pub closed_world: bool,
    /// Judge what the cluster would store: after the edits that the policies apply, with the objects they make.
    #[arg(long)]
    pub admission: bool,
    /// Exit with 1 on findings of this level or worse.
    #[arg(long, value_name = "LEVEL", default_value = "error")]
    pub fail_on: FailOn,
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: crate::cli::report::Format,
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Clone, Debug, Args)]
pub struct FixArgs {
    /// Files, folders, or `-` for standard input, whose mended text goes to standard output.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub judging: Judging,
    /// Change the files in place.
    #[arg(long)]
    pub write: bool,
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// A code such as `backend-refs/no-such-port`; without one, all of them are listed.
    pub code: Option<String>,
    /// Print the page of all codes as Markdown.
    #[arg(long, hide = true)]
    pub markdown: bool,
}

#[derive(Clone, Debug, Args)]
pub struct TestArgs {
    /// Case files, or folders with `*.test.yaml` in them.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Run only cases whose name holds this text.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
}

#[cfg(feature = "server")]
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// A folder that stands for the cluster, in place of one: what is in it exists, and nothing else does.
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
    /// Certificate chain in PEM; re-read when it changes. Without one, a self-signed pair is made at start.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key in PEM.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// A name in the self-signed certificate beside `localhost`; repeatable.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_TLS_NAME", value_delimiter = ',')]
    pub tls_name: Vec<String>,
    /// Where the CA of the self-signed certificate is written.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_CA_OUT")]
    pub ca_out: Option<PathBuf>,
    /// How long open and new connections are still answered after SIGTERM, in seconds.
    #[arg(long, value_name = "SECONDS", env = "PORTCULLIS_DRAIN", default_value_t = 10)]
    pub drain: u64,
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

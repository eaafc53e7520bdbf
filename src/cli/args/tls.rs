//! What can be said about certificates.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::help;

/// By which certificate it answers, and who may call.
#[derive(Clone, Debug, Args)]
pub struct TlsArgs {
    /// The Secret of its own namespace in which it keeps a CA and certificates of its own making: one replica makes and
    /// renews them, all follow. It must exist, and may be empty.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_TLS_SECRET", conflicts_with_all = ["tls_cert", "manifests"])]
    pub tls_secret: Option<String>,
    /// Certificate chain in PEM; re-read when it changes. Without one, and without `--tls-secret`, a self-signed pair is
    /// made at start.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key in PEM.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// The CA of that certificate in PEM, re-read when it changes: what is registered as `caBundle`. Without it that is
    /// somebody else's to write, as cert-manager's cainjector.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_TLS_CA", requires = "tls_cert")]
    pub tls_ca: Option<PathBuf>,
    /// A name that callers ask for, in place of the Service's; repeatable. A self-signed certificate is for it beside
    /// `localhost`, and one from files without it is refused.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_TLS_NAME", value_delimiter = ',')]
    pub tls_name: Vec<String>,
    /// Only callers with a certificate by a CA in this PEM file are answered; re-read when it changes. An API server shows
    /// one where its `AdmissionConfiguration` says so.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_TLS_CLIENT_CA")]
    pub tls_client_ca: Option<PathBuf>,
    /// Only callers whose certificate has this common name or alternative name are answered; repeatable.
    #[arg(
        long,
        value_name = "NAME",
        env = "PORTCULLIS_TLS_CLIENT_NAME",
        value_delimiter = ',',
        requires = "tls_client_ca"
    )]
    pub tls_client_name: Vec<String>,
    /// Where the CA of the self-signed certificate is written.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_CA_OUT")]
    pub ca_out: Option<PathBuf>,
    /// For how long a certificate of its own making is valid, in seconds.
    #[arg(long, value_name = "SECONDS", env = "PORTCULLIS_TLS_LEAF_LIFETIME", hide = true, value_parser = lifetime())]
    pub tls_leaf_lifetime: Option<u64>,
    /// The same for the CA.
    #[arg(long, value_name = "SECONDS", env = "PORTCULLIS_TLS_CA_LIFETIME", hide = true, value_parser = lifetime())]
    pub tls_ca_lifetime: Option<u64>,
}

/// Less leaves no time to hear of a change, and a hundred years are as good as for ever.
fn lifetime() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(10..=100 * 365 * 24 * 60 * 60)
}

#[derive(Clone, Debug, Args)]
#[command(after_help = help::CERTS)]
pub struct CertsArgs {
    #[command(subcommand)]
    pub command: Certs,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Certs {
    /// Show a certificate and its CA: for which names and how long, and whether they fit each other.
    Show(ShowArgs),
    /// Make a CA and a certificate by it, as files.
    Make(MakeArgs),
}

#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Certificate chain in PEM, in place of the Secret in a cluster.
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key in PEM: whether it fits is looked at.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// The CA in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_ca: Option<PathBuf>,
    /// A name that the certificate must be for; repeatable. In a cluster, by default the Service's.
    #[arg(long, value_name = "NAME")]
    pub name: Vec<String>,
    /// How to reach the cluster; by default `KUBECONFIG`, or the service account of the pod.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_KUBECONFIG", conflicts_with = "tls_cert")]
    pub kubeconfig: Option<PathBuf>,
    /// The namespace that Portcullis runs in.
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE", default_value = "portcullis-system")]
    pub own_namespace: String,
    /// The Secret with its certificates.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_TLS_SECRET", default_value = "portcullis-tls")]
    pub tls_secret: String,
    /// The Service by which webhook configurations name it.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_SERVICE", default_value = "portcullis")]
    pub service: String,
    /// The webhook configurations whose `caBundle` is compared.
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_WEBHOOK_CONFIGURATION", default_value = "portcullis")]
    pub webhook_configuration: String,
}

#[derive(Clone, Debug, Args)]
pub struct MakeArgs {
    /// The folder for `ca.crt`, `ca.key`, `tls.crt` and `tls.key`; it is made where it does not exist, and no file is
    /// overwritten.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// A name that callers ask for, as `portcullis.portcullis-system.svc`; repeatable.
    #[arg(long, value_name = "NAME", required = true)]
    pub name: Vec<String>,
    /// For how many days both are valid.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=36500))]
    pub days: u64,
}

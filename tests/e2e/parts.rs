//! Where the programs of a control plane come from: `KUBEBUILDER_ASSETS`, else they are built once from Go modules.

mod build;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::go_programs::has_go;

/// Programs that are there, or how to get them.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A folder that someone filled. What it lacks is that one's mistake, and no reason to ignore tests.
    Given(PathBuf),
    /// Go is there to build them.
    Go,
}

#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) etcd: PathBuf,
    pub(crate) kube_apiserver: PathBuf,
    pub(crate) kubectl: PathBuf,
    /// Folders of ready-made binaries for tests often have none.
    pub(crate) kube_controller_manager: Option<PathBuf>,
}

const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// Looks for the programs without building any.
///
/// # Errors
/// Why tests with a control plane cannot be run here.
pub(crate) fn find() -> Result<Source, String> {
    if let Some(folder) = env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty()) {
        if !given_crds_exist() && !has_go() {
            return Err("Gateway API's CRDs come with `go`, or name a folder of CRDs in PORTCULLIS_CRDS".to_owned());
        }
        return Ok(Source::Given(PathBuf::from(folder)));
    }
    if !has_go() {
        return Err("it needs a control plane: install `go`, or name a folder with kube-apiserver, etcd and kubectl in KUBEBUILDER_ASSETS".to_owned());
    }
    Ok(Source::Go)
}

/// A folder of CRDs to take in place of ours.
pub(crate) fn given_crds() -> Option<PathBuf> {
    env::var_os("PORTCULLIS_CRDS").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// The folder of Gateway API's CRDs, out of its Go module.
pub(crate) fn gateway_api_crds() -> Result<PathBuf, String> {
    const MODULE: &str = "sigs.k8s.io/gateway-api";
    let output = Command::new("go")
        .args(["mod", "download", "-json", MODULE])
        .current_dir(modules().join("gateway-api"))
        .output()
        .map_err(|error| format!("`go` cannot be started: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let module: Value = serde_json::from_str(&said)
        .map_err(|_| format!("cannot download {MODULE}: {said}{}", String::from_utf8_lossy(&output.stderr)))?;
    let folder = module["Dir"].as_str().ok_or_else(|| format!("cannot download {MODULE}: {}", module["Error"]))?;
    Ok(Path::new(folder).join("config/crd/standard"))
}

// === impl Source ===

impl Source {
    /// Whether controllers will run: without them Deployments make no Pods, and namespaces never end.
    pub(crate) fn has_controllers(&self) -> bool {
        match self {
            Self::Given(folder) => folder.join(CONTROLLER_MANAGER).is_file(),
            Self::Go => true,
        }
    }

    /// The programs, built first where they are not there yet.
    pub(crate) fn programs(&self) -> Result<Programs, String> {
        match self {
            Self::Given(folder) => Programs::in_folder(folder).map_err(|why| format!("KUBEBUILDER_ASSETS: {why}")),
            Self::Go => Programs::in_folder(&build::once(&modules())?),
        }
    }
}

// === impl Programs ===

impl Programs {
    fn in_folder(folder: &Path) -> Result<Self, String> {
        let program = |name: &str| {
            let path = folder.join(name);
            if path.is_file() { Ok(path) } else { Err(format!("there is no `{name}` in {}", folder.display())) }
        };
        Ok(Self {
            etcd: program("etcd")?,
            kube_apiserver: program("kube-apiserver")?,
            kubectl: program("kubectl")?,
            kube_controller_manager: program(CONTROLLER_MANAGER).ok(),
        })
    }
}

/// The Go modules that pin what is built.
fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controlplane")
}

fn given_crds_exist() -> bool {
    given_crds().is_some_and(|folder| folder.is_dir())
}

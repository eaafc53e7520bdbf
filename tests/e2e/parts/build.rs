//! Builds the control plane from the Go modules in `tests/controlplane`, once for each state of them. It takes five minutes
//! of a machine that has never built it, and a minute of one whose Go cache is warm.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::go_programs::{Programs, at, go_build};

const KUBERNETES: [&str; 3] = [
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kubectl",
];
const ETCD: &str = "go.etcd.io/etcd/server/v3";

/// The folder with the programs.
pub(super) fn once(modules: &Path) -> Result<PathBuf, String> {
    let files = &["etcd/go.mod", "etcd/go.sum", "kubernetes/go.mod", "kubernetes/go.sum"];
    Programs { folder: "controlplane", recipe: "1", modules, files }.once(|folder| {
        go_build(&modules.join("etcd"), &folder.join("etcd"), "-s -w", &[ETCD])?;
        let kubernetes = modules.join("kubernetes");
        go_build(&kubernetes, folder, &kubernetes_flags(&kubernetes)?, &KUBERNETES)
    })
}

/// Without a version the server says v0.0.0, which some clients refuse.
fn kubernetes_flags(module: &Path) -> Result<String, String> {
    let path = module.join("go.mod");
    let text = fs::read_to_string(&path).map_err(|error| at(&path, error))?;
    let version = text.lines().find_map(|line| line.strip_prefix("require k8s.io/kubernetes v"));
    let version = version.ok_or_else(|| format!("{}: it does not require k8s.io/kubernetes", path.display()))?;
    let mut parts = version.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let set = "-X k8s.io/component-base/version.git";
    Ok(format!("-s -w {set}Version=v{version} {set}Major={major} {set}Minor={minor}"))
}

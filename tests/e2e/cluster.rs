//! Portcullis in the cluster itself: its own kinds, its role and the default policies, applied once for all tests, and a
//! process for each test that asks for one.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use crate::{
    kubectl::{Kubectl, Said},
    patience::wait_until,
    portcullis::Portcullis,
    registration::Registration,
    sandbox::Sandbox,
};

/// What `deploy/parts/rbac.yaml` binds its roles to.
pub(crate) const USER: &str = "system:serviceaccount:portcullis-system:portcullis";

/// A portcullis that follows the cluster with the rights that `deploy/` gives it.
#[track_caller]
pub(crate) fn serve(sandbox: &Sandbox<'_>) -> Portcullis {
    serve_with(sandbox, &[])
}

#[track_caller]
pub(crate) fn serve_with(sandbox: &Sandbox<'_>, args: &[&str]) -> Portcullis {
    ensure_installed(&sandbox.kubectl());
    let kubeconfig = sandbox.plane().kubeconfig(USER, None).display().to_string();
    Portcullis::serve(&[&["--kubeconfig", &kubeconfig], args].concat())
}

/// Its kinds, its role and the default policies are there.
#[track_caller]
pub(crate) fn ensure_installed(kubectl: &Kubectl) {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| install(kubectl));
}

/// The same, asked about the namespaces of this test by what the default policies ask for.
#[track_caller]
pub(crate) fn guarded(sandbox: &Sandbox<'_>) -> (Portcullis, Registration) {
    let portcullis = serve(sandbox);
    let registration = Registration::of(sandbox, &portcullis);
    (portcullis, registration)
}

/// A file of this repository.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Puts the default policies back as they are shipped, whatever a test did to them.
pub(crate) fn restore_policies(kubectl: &Kubectl) -> Vec<Said> {
    let apply = |policy: PathBuf| kubectl.run(&["apply", "-f", &policy.display().to_string()]);
    default_policies().into_iter().map(apply).collect()
}

fn install(kubectl: &Kubectl) {
    for path in ["deploy/crds/guardpolicies.yaml", "deploy/parts/namespace.yaml", "deploy/parts/rbac.yaml"] {
        kubectl.run(&["apply", "-f", &file(path).display().to_string()]).succeeds();
    }
    kubectl
        .run(&["wait", "--for=condition=Established", "--timeout=60s", "crd/guardpolicies.portcullis.dev"])
        .succeeds();
    wait_until("GuardPolicies to be served", || {
        let said = kubectl.run(&["get", "guardpolicies"]);
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
    for said in restore_policies(kubectl) {
        said.succeeds();
    }
    for resource in ["guardpolicies.portcullis.dev", "gateways.gateway.networking.k8s.io", "services"] {
        wait_until("the role to count", || {
            let said = kubectl.run(&["auth", "can-i", "watch", resource, "--as", USER]);
            if said.ok { Ok(()) } else { Err(said.all()) }
        });
    }
}

fn default_policies() -> Vec<PathBuf> {
    let entries = fs::read_dir(file("policies")).expect("the default policies");
    let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".yaml") && !path.to_string_lossy().ends_with(".test.yaml"));
    paths.sort();
    paths
}

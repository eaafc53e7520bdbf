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

/// What `deploy/install.yaml` binds its roles to.
pub(crate) const USER: &str = "system:serviceaccount:portcullis-system:portcullis";

/// A portcullis that follows the cluster with the rights that `deploy/` gives it.
#[track_caller]
pub(crate) fn serve(sandbox: &Sandbox<'_>) -> Portcullis {
    serve_with(sandbox, &[])
}

#[track_caller]
pub(crate) fn serve_with(sandbox: &Sandbox<'_>, args: &[&str]) -> Portcullis {
    let portcullis = start_with(sandbox, args);
    portcullis.wait_until_ready();
    portcullis
}

/// The same, without waiting until it is ready.
#[track_caller]
pub(crate) fn start_with(sandbox: &Sandbox<'_>, args: &[&str]) -> Portcullis {
    ensure_installed(&sandbox.kubectl());
    let kubeconfig = sandbox.plane().kubeconfig(USER, None).display().to_string();
    Portcullis::start(&[&["--kubeconfig", &kubeconfig], args].concat())
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

/// The documents of `deploy/install.yaml` whose kind and name this is told to keep.
pub(crate) fn installed(keep: impl Fn(&str, &str) -> bool) -> String {
    let text = fs::read_to_string(file("deploy/install.yaml")).expect("what is installed");
    let field = |document: &str, before: &str| {
        let line = document.lines().find_map(|line| line.strip_prefix(before)).unwrap_or_default();
        line.to_owned()
    };
    let is_kept = |document: &&str| keep(&field(document, "kind: "), &field(document, "  name: "));
    text.split("\n---\n").filter(is_kept).collect::<Vec<_>>().join("\n---\n")
}

/// The service account, what it may, and what it is held to. Tests lead by Leases in namespaces of their own, so not to all of
/// that: `own_account` tries the rest.
pub(crate) fn account() -> String {
    let is_its = |kind: &str| kind.contains("Role") || kind == "ServiceAccount" || kind.contains("AdmissionPolicy");
    installed(|kind, name| is_its(kind) && !(kind.contains("AdmissionPolicy") && name == "portcullis-own-account"))
}

/// Applies what every test relies on, whatever a test has done to it.
#[track_caller]
pub(crate) fn install(kubectl: &Kubectl) {
    for path in ["deploy/crds/guardexceptions.yaml", "deploy/crds/guardpolicies.yaml", "deploy/namespace.yaml"] {
        kubectl.run(&["apply", "-f", &file(path).display().to_string()]).succeeds();
    }
    kubectl.apply(&account());
    kubectl
        .run(&[
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "crd/guardpolicies.portcullis.dev",
            "crd/guardexceptions.portcullis.dev",
        ])
        .succeeds();
    wait_until("our kinds to be served", || {
        let said = kubectl.run(&["get", "guardpolicies,guardexceptions"]);
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
    for said in restore_policies(kubectl) {
        said.succeeds();
    }
    for resource in [
        "guardpolicies.portcullis.dev",
        "guardexceptions.portcullis.dev",
        "gateways.gateway.networking.k8s.io",
        "services",
    ] {
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

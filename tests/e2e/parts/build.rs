//! Builds the control plane from the Go modules in `tests/controlplane`, once for each state of them. It takes five minutes
//! of a machine that has never built it, and a minute of one whose Go cache is warm.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest as _, Sha256};

/// Part of what a build is known by: change it with the flags below.
const RECIPE: &str = "1";

const KUBERNETES: [&str; 3] = [
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kubectl",
];
const ETCD: &str = "go.etcd.io/etcd/server/v3";

/// The folder with the programs. Two test processes do not build twice: the second waits for the first.
pub(super) fn once(modules: &Path) -> Result<PathBuf, String> {
    let root = target().join("controlplane");
    let bin = root.join(state(modules)?).join("bin");
    fs::create_dir_all(&root).map_err(|error| at(&root, error))?;
    let lock_path = root.join("lock");
    let lock = fs::File::options().create(true).append(true).open(&lock_path);
    let lock = lock.map_err(|error| at(&lock_path, error))?;
    lock.lock().map_err(|error| at(&lock_path, error))?;
    if bin.is_dir() {
        return Ok(bin);
    }
    tell(&format!("building the control plane into {}: minutes, once", bin.display()));
    let building = bin.with_file_name("building");
    let _ = fs::remove_dir_all(&building);
    fs::create_dir_all(&building).map_err(|error| at(&building, error))?;
    go_build(&modules.join("etcd"), &building.join("etcd"), "-s -w", &[ETCD])?;
    let kubernetes = modules.join("kubernetes");
    go_build(&kubernetes, &building, &kubernetes_flags(&kubernetes)?, &KUBERNETES)?;
    // Whole or not at all, whoever is killed in between.
    fs::rename(&building, &bin).map_err(|error| at(&bin, error))?;
    Ok(bin)
}

/// `target/`, wherever that is.
fn target() -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().unwrap_or(scratch).to_owned()
}

/// What is to be built, as a short hash.
fn state(modules: &Path) -> Result<String, String> {
    let mut hash = Sha256::new();
    hash.update(RECIPE);
    for file in ["etcd/go.mod", "etcd/go.sum", "kubernetes/go.mod", "kubernetes/go.sum"] {
        let path = modules.join(file);
        hash.update(fs::read(&path).map_err(|error| at(&path, error))?);
    }
    Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
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

fn go_build(module: &Path, output: &Path, ldflags: &str, packages: &[&str]) -> Result<(), String> {
    let ran = Command::new("go")
        .args(["build", "-trimpath", "-ldflags", ldflags, "-o"])
        .arg(output)
        .args(packages)
        .current_dir(module)
        .env("GOWORK", "off")
        .output()
        .map_err(|error| format!("`go` cannot be started: {error}"))?;
    if ran.status.success() {
        return Ok(());
    }
    Err(format!("`go build {}` failed:\n{}", packages.join(" "), String::from_utf8_lossy(&ran.stderr)))
}

/// Said even where nothing else is said for minutes.
fn tell(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}

fn at(path: &Path, error: io::Error) -> String {
    format!("{}: {error}", path.display())
}

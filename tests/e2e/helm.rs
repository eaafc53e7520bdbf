//! The real helm, on the charts of `deploy/charts`: from `KUBEBUILDER_ASSETS` where one is there, else built once from its Go
//! module.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::{
    cluster::file,
    go_programs::{Programs, at, go_build, has_go},
    sandbox::Sandbox,
};

pub(crate) const NAMESPACE: &str = "portcullis-system";
pub(crate) const CRDS: &str = "deploy/charts/portcullis-crds";
pub(crate) const CHART: &str = "deploy/charts/portcullis";

/// helm with a home of its own; it meets a cluster only where it is given a kubeconfig.
#[derive(Debug)]
pub(crate) struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: TempDir,
}

/// What it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Why there is no helm here, if there is none.
pub(crate) fn lacking() -> Result<(), String> {
    if given().is_some() || has_go() {
        return Ok(());
    }
    Err("it needs `helm`: put one into KUBEBUILDER_ASSETS, or install `go`".to_owned())
}

fn given() -> Option<PathBuf> {
    let folder = env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty())?;
    Some(Path::new(&folder).join("helm")).filter(|program| program.is_file())
}

/// Built by hand it takes itself for one of Kubernetes 1.20, which the charts refuse.
fn built() -> Result<PathBuf, String> {
    const FLAGS: &str = "-s -w -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 \
        -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36";
    let modules = file("tests/controlplane/helm");
    let programs = Programs { folder: "helm", recipe: "1", modules: &modules, files: &["go.mod", "go.sum"] };
    let folder =
        programs.once(|folder| go_build(&modules, &folder.join("helm"), FLAGS, &["helm.sh/helm/v3/cmd/helm"]))?;
    Ok(folder.join("helm"))
}

// === impl Helm ===

impl Helm {
    #[track_caller]
    pub(crate) fn new(sandbox: &Sandbox<'_>) -> Self {
        let program = given().map_or_else(built, Ok).unwrap_or_else(|why| panic!("{why}"));
        let home = tempfile::tempdir().expect("a temporary folder");
        Self { program, kubeconfig: sandbox.plane().kubeconfig("admin", Some("system:masters")), home }
    }

    /// Runs it to its end, whatever that is; the settings of whoever runs the tests are not its.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HELM_")) {
            command.env_remove(name);
        }
        for folder in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(folder, self.home.path());
        }
        let output = command
            .args(args)
            .args(["--namespace", NAMESPACE])
            .env("KUBECONFIG", &self.kubeconfig)
            .current_dir(file("."))
            .output();
        Said::of(&output.expect("helm starts"))
    }

    /// `helm template` of a chart with these values, without hooks and without a cluster.
    pub(crate) fn try_template(&self, chart: &str, args: &[&str]) -> Said {
        let template = ["template", "portcullis", chart, "--no-hooks", "--kube-version", "1.30.0"];
        self.run(&[template.as_slice(), args].concat())
    }

    #[track_caller]
    pub(crate) fn template(&self, chart: &str, args: &[&str]) -> String {
        self.try_template(chart, args).succeeds().out
    }

    /// A file of its own.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, text).map_err(|error| at(&path, error)).expect("a file is written");
        path.display().to_string()
    }
}

// === impl Said ===

impl Said {
    fn of(output: &Output) -> Self {
        Self {
            ok: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert!(self.ok, "helm failed: {}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn fails(self) -> Self {
        assert!(!self.ok, "helm succeeded: {}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.out.contains(words) || self.err.contains(words), "`{words}` is not in {}{}", self.out, self.err);
        self
    }
}

//! A real collector, and what it says of a configuration.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::go_programs::{Programs, go_build, has_go};

/// A collector that is there, or how to get one.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Given(PathBuf),
    /// Go is there to build it.
    Go,
}

/// What it says of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// It needs a component that is not built in, so nothing is known of the rest.
    Lacks {
        section: String,
        kind: String,
    },
    Refused(String),
}

/// The program, and a folder for what it is to read.
#[derive(Debug)]
pub(crate) struct Otelcol {
    program: PathBuf,
    folder: TempDir,
}

const NAME: &str = "otelcol";

/// Looks for a collector without building one.
///
/// # Errors
/// Why there can be none here.
pub(crate) fn find() -> Result<Source, String> {
    let given = env::var_os("KUBEBUILDER_ASSETS").map(|folder| Path::new(&folder).join(NAME));
    if let Some(program) = given.filter(|program| program.is_file()) {
        return Ok(Source::Given(program));
    }
    if has_go() {
        return Ok(Source::Go);
    }
    Err(format!("it needs a collector: install `go`, or put `{NAME}` into the folder that KUBEBUILDER_ASSETS names"))
}

// === impl Source ===

impl Source {
    /// The program, built first where it is not there yet.
    pub(crate) fn program(&self) -> Result<Otelcol, String> {
        let program = match self {
            Self::Given(program) => program.clone(),
            Self::Go => built()?,
        };
        let folder = tempfile::Builder::new().prefix("portcullis-collector-").tempdir();
        Ok(Otelcol { program, folder: folder.map_err(|error| format!("no folder for configurations: {error}"))? })
    }
}

// === impl Otelcol ===

impl Otelcol {
    /// What `otelcol validate` says of files with these texts. Their name is the caller's own, since several ask at once.
    pub(crate) fn validate(&self, name: &str, texts: &[String]) -> Verdict {
        let mut command = Command::new(&self.program);
        // Pipelines of profiles are refused without it.
        command.args(["validate", "--feature-gates=service.profilesSupport"]);
        for (index, text) in texts.iter().enumerate() {
            let file = self.folder.path().join(format!("{name}-{index}.yaml"));
            fs::write(&file, text).unwrap();
            command.arg("--config").arg(&file);
        }
        let ran = command.env("MY_POD_IP", "127.0.0.1").current_dir(self.folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        // It says everything twice: as `Error: …`, and as a dated line.
        let said = said.split("\n20").next().unwrap_or_default().trim();
        match unknown_type(said) {
            _ if ran.status.success() => Verdict::Accepted,
            Some((section, kind)) => Verdict::Lacks { section, kind },
            None => Verdict::Refused(said.to_owned()),
        }
    }
}

fn built() -> Result<PathBuf, String> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/collector/distribution");
    let files = &["go.mod", "go.sum", "components.go", "main.go"];
    let programs = Programs { folder: "collector", recipe: "1", modules: &module, files };
    let folder = programs.once(|folder| go_build(&module, &folder.join(NAME), "-s -w", &["."]))?;
    Ok(folder.join(NAME))
}

/// The section and the kind in `'exporters' unknown type: "x" for id: "x/y" (valid values: […])`.
fn unknown_type(said: &str) -> Option<(String, String)> {
    let (before, after) = said.split_once(" unknown type: \"")?;
    let section = before.rsplit('\'').nth(1).unwrap_or_default();
    Some((section.to_owned(), after.split('"').next()?.to_owned()))
}

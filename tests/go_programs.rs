//! Programs that tests need, built from Go modules once for each state of them.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sha2::{Digest as _, Sha256};

/// What is built, and what it is known by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Programs<'a> {
    /// Its folder in `target/`.
    pub(crate) folder: &'a str,
    /// To be changed with the way it is built.
    pub(crate) recipe: &'a str,
    pub(crate) modules: &'a Path,
    /// In `modules`: where one of them changes, everything is built again.
    pub(crate) files: &'a [&'a str],
}

pub(crate) fn has_go() -> bool {
    let tried = Command::new("go").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

pub(crate) fn go_build(module: &Path, output: &Path, ldflags: &str, packages: &[&str]) -> Result<(), String> {
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

pub(crate) fn at(path: &Path, error: io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Said even where nothing else is said for minutes.
pub(crate) fn tell(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}

// === impl Programs ===

impl Programs<'_> {
    /// The folder with the programs, which `build` fills where there is none. Two test processes do not build twice: the
    /// second waits for the first.
    pub(crate) fn once(self, build: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
        let root = target().join(self.folder);
        let bin = root.join(self.state()?).join("bin");
        fs::create_dir_all(&root).map_err(|error| at(&root, error))?;
        let lock_path = root.join("lock");
        let lock = fs::File::options().create(true).append(true).open(&lock_path);
        let lock = lock.map_err(|error| at(&lock_path, error))?;
        lock.lock().map_err(|error| at(&lock_path, error))?;
        if bin.is_dir() {
            return Ok(bin);
        }
        tell(&format!("building the {} into {}: minutes, once", self.folder, bin.display()));
        let building = bin.with_file_name("building");
        let _ = fs::remove_dir_all(&building);
        fs::create_dir_all(&building).map_err(|error| at(&building, error))?;
        build(&building)?;
        // Whole or not at all, whoever is killed in between.
        fs::rename(&building, &bin).map_err(|error| at(&bin, error))?;
        Ok(bin)
    }

    /// What is to be built, as a short hash.
    fn state(self) -> Result<String, String> {
        let mut hash = Sha256::new();
        hash.update(self.recipe);
        for file in self.files {
            let path = self.modules.join(file);
            hash.update(fs::read(&path).map_err(|error| at(&path, error))?);
        }
        Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// `target/`, wherever that is.
fn target() -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().unwrap_or(scratch).to_owned()
}

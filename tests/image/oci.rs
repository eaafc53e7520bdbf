//! The image, built by `buildah` without a daemon, and read as any registry would give it.

use std::{
    collections::BTreeMap,
    env::consts::ARCH,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    musl, recipes,
    root::{self, Root},
    running,
};

const NAME: &str = "portcullis:test";

/// Where `buildah` keeps what it makes, and where the image is unpacked; nothing of it stays.
struct Workshop(TempDir);

/// Why no image can be built here.
pub(crate) fn missing() -> Option<String> {
    static MISSING: LazyLock<Option<String>> = LazyLock::new(|| {
        if !musl::starts("buildah") {
            return Some("it needs `buildah`".to_owned());
        }
        // It needs to own files as others, and a kernel that lets it: not every container does.
        let tried = Workshop::new().buildah(["from", "scratch"]).err();
        tried.map(|why| format!("`buildah` cannot work here: {why}"))
    });
    MISSING.clone()
}

pub(crate) fn holds_the_binary() {
    let binary = musl::binary();
    let workshop = Workshop::new();
    workshop.build(&binary);
    let image = workshop.unpack();
    let blob = |descriptor: &Value| blob(&image, descriptor["digest"].as_str().unwrap());
    let read = |descriptor: &Value| -> Value { serde_json::from_slice(&fs::read(blob(descriptor)).unwrap()).unwrap() };
    let index: Value = serde_json::from_slice(&fs::read(image.join("index.json")).unwrap()).unwrap();
    let manifest = read(&index["manifests"][0]);
    is_as_promised(&read(&manifest["config"]));

    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1, "{layers:#?}");
    let root = Root::empty();
    run(Command::new("tar").arg("-xzf").arg(blob(&layers[0])).arg("-C").arg(root.path())).unwrap();
    let found: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(found, ["portcullis"]);
    assert!(fs::read(root.path().join("portcullis")).unwrap() == fs::read(binary).unwrap(), "it is another binary");
    if root::missing().is_none() {
        running::says_its_version(&root);
    }
}

/// What a cluster and a registry read.
fn is_as_promised(config: &Value) {
    let architecture = BTreeMap::from([("x86_64", "amd64"), ("aarch64", "arm64")])[ARCH];
    assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!(architecture)));
    let set = &config["config"];
    assert_eq!((&set["User"], &set["Entrypoint"]), (&json!("65532:65532"), &json!([root::PROGRAM])));
    let label = |name: &str| set["Labels"][format!("org.opencontainers.image.{name}")].as_str().unwrap_or_default();
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), env!("CARGO_PKG_LICENSE"));
    assert_eq!(label("title"), "Portcullis");
    assert!(!label("description").is_empty());
}

fn blob(image: &Path, digest: &str) -> PathBuf {
    image.join("blobs").join(digest.replace(':', "/"))
}

fn run(command: &mut Command) -> Result<(), String> {
    let ran = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if ran.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()) }
}

// === impl Workshop ===

impl Workshop {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn buildah(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<(), String> {
        let mut command = Command::new("buildah");
        command.args(["--storage-driver", "vfs", "--root"]).arg(self.0.path().join("storage"));
        run(command.arg("--runroot").arg(self.0.path().join("run")).args(arguments))
    }

    fn build(&self, binary: &Path) {
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join(recipes::OF_A_BINARY);
        // What else is beside the binary is none of the image's business.
        let context = self.0.path().join("context");
        fs::create_dir(&context).unwrap();
        fs::copy(binary, context.join("portcullis")).unwrap();
        let words = ["bud", "--isolation", "chroot", "-t", NAME, "-f"].map(OsStr::new);
        self.buildah(words.into_iter().chain([recipe.as_os_str(), context.as_os_str()])).unwrap();
    }

    /// The image in the layout that registries and runtimes exchange.
    fn unpack(&self) -> PathBuf {
        let archive = self.0.path().join("image.tar");
        self.buildah(["push", NAME, &format!("oci-archive:{}", archive.display())]).unwrap();
        let image = self.0.path().join("image");
        fs::create_dir(&image).unwrap();
        run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(&image)).unwrap();
        image
    }
}

//! A root folder with nothing in it but what a test puts there, and a process that sees no other.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
};

use tempfile::TempDir;

pub(crate) const PROGRAM: &str = "/portcullis";

/// As in the image.
const USER: &str = "--userspec=65532:65532";

#[derive(Debug)]
pub(crate) struct Root(TempDir);

/// How one may change one's root.
#[derive(Clone, Copy, Debug)]
enum Means {
    AsRoot,
    /// In a namespace in which one is root.
    InNamespace,
}

/// Why there can be none here.
pub(crate) fn missing() -> Option<String> {
    MEANS
        .is_none()
        .then(|| "it needs to be root, or a kernel that lets everyone have user namespaces, for `chroot`".to_owned())
}

static MEANS: LazyLock<Option<Means>> = LazyLock::new(|| {
    [Means::AsRoot, Means::InNamespace].into_iter().find(|means| {
        let mut command = means.chroot(Path::new("/"));
        command.args(["true"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
});

// === impl Means ===

impl Means {
    fn chroot(self, root: &Path) -> Command {
        let mut command = match self {
            Self::AsRoot => Command::new("chroot"),
            Self::InNamespace => {
                let mut command = Command::new("unshare");
                command.args(["--user", "--map-root-user", "chroot"]);
                command
            }
        };
        if matches!(self, Self::AsRoot) {
            command.arg(USER);
        }
        command.arg(root);
        command
    }
}

// === impl Root ===

impl Root {
    /// With the program alone.
    pub(crate) fn with(binary: &Path) -> Self {
        let root = Self::empty();
        fs::copy(binary, root.0.path().join("portcullis")).unwrap();
        root
    }

    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file, as a volume would bring it.
    pub(crate) fn mount(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The files of a folder of the project that has no folders in it.
    pub(crate) fn mount_folder(&self, path: &str, folder: &str) {
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let file = file.unwrap();
            self.mount(&format!("{path}/{}", file.file_name().to_str().unwrap()), fs::read(file.path()).unwrap());
        }
    }

    /// The program, which sees this root, no other, and no settings of whoever runs the tests.
    pub(crate) fn program(&self) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut command = MEANS.unwrap().chroot(self.0.path());
        command.arg(PROGRAM).env_clear().env("PATH", path);
        command
    }
}

//! The real kubectl, as one user.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// kubectl with one user's certificate. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

/// What it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
    asked: String,
}

// === impl Kubectl ===

impl Kubectl {
    pub(crate) fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self { program: program.to_owned(), kubeconfig: kubeconfig.to_owned() }
    }

    /// Runs it to its end, whatever that is.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.run_with(args, "")
    }

    /// Runs a line of shell in which `kubectl` is this one and `portcullis` is ours.
    pub(crate) fn shell(&self, line: &str) -> Said {
        let portcullis = Path::new(env!("CARGO_BIN_EXE_portcullis"));
        let folders = [&*self.program, portcullis].into_iter().filter_map(Path::parent).map(Path::to_owned);
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&inherited))).expect("a search path");
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("PATH", path);
        self.finish(command, "", line.to_owned())
    }

    /// Runs it with this as standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Said {
        let mut command = Command::new(&self.program);
        command.args(args);
        self.finish(command, input, format!("kubectl {}", args.join(" ")))
    }

    fn finish(&self, mut command: Command, input: &str, asked: String) -> Said {
        let mut child = command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", self.kubeconfig.with_extension("cache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("its standard input");
        let input = input.to_owned();
        // It may end before it has read all.
        let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("kubectl ends");
        let _ = writing.join();
        Said {
            ok: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            asked,
        }
    }

    /// `kubectl apply`, which has to succeed.
    #[track_caller]
    pub(crate) fn apply(&self, yaml: &str) -> Said {
        self.try_apply(yaml).succeeds()
    }

    /// `kubectl apply`, whatever comes of it.
    pub(crate) fn try_apply(&self, yaml: &str) -> Said {
        self.run_with(&["apply", "-f", "-"], yaml)
    }

    /// `kubectl delete`, which has to succeed; it waits for finalizers unless told otherwise.
    #[track_caller]
    pub(crate) fn delete(&self, args: &[&str]) -> Said {
        self.run(&[&["delete"], args].concat()).succeeds()
    }

    /// `kubectl get -o json`, which has to succeed.
    #[track_caller]
    pub(crate) fn get_json(&self, args: &[&str]) -> Value {
        self.try_get_json(args).unwrap_or_else(|why| panic!("{why}"))
    }

    /// `kubectl get -o json`, for waiting.
    pub(crate) fn try_get_json(&self, args: &[&str]) -> Result<Value, String> {
        let said = self.run(&[&["get", "-o", "json"], args].concat());
        if !said.ok {
            return Err(said.all());
        }
        serde_json::from_str(&said.out).map_err(|error| format!("{error} in {}", said.all()))
    }

    pub(crate) fn exists(&self, args: &[&str]) -> bool {
        self.run(&[&["get", "-o", "name"], args].concat()).ok
    }
}

// === impl Said ===

impl Said {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert!(self.ok, "it failed: {}", self.all());
        self
    }

    #[track_caller]
    pub(crate) fn fails(self) -> Self {
        assert!(!self.ok, "it succeeded: {}", self.all());
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.out.contains(words) || self.err.contains(words), "`{words}` is not in {}", self.all());
        self
    }

    #[track_caller]
    pub(crate) fn never_says(self, words: &str) -> Self {
        assert!(!self.out.contains(words) && !self.err.contains(words), "`{words}` is in {}", self.all());
        self
    }

    /// What it printed as `Warning: …`, which is what webhooks and the API server send beside their answer.
    pub(crate) fn warnings(&self) -> Vec<&str> {
        self.err.lines().filter_map(|line| line.strip_prefix("Warning: ")).collect()
    }

    /// What was asked and all that was said.
    pub(crate) fn all(&self) -> String {
        format!("{}\n{}{}", self.asked, self.out, self.err)
    }
}

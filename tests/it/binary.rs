//! Runs the binary as a user does, and keeps what it says.

use std::{
    ffi::OsStr,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::channel,
    time::Duration,
};

use serde_json::Value;

/// Nothing here measures time: only a hang, or work that grows with the square of its input, takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const FORMATS: [&str; 5] = ["human", "json", "sarif", "junit", "github"];

/// What the binary said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The binary, apart from the settings of whoever runs the tests.
pub(crate) fn portcullis() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PORTCULLIS_POLICIES", "PORTCULLIS_CONTROL_PLANE"] {
        command.env_remove(variable);
    }
    command
}

/// Runs it with these arguments and nothing to read.
pub(crate) fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    finish(portcullis().args(args), b"")
}

/// Runs it with these bytes as standard input.
pub(crate) fn run_with_input(args: &[&str], input: &[u8]) -> Ran {
    finish(portcullis().args(args), input)
}

/// Runs a command to its end. Whatever it was given, it must not panic and must not hang.
pub(crate) fn finish(command: &mut Command, input: &[u8]) -> Ran {
    let shown = format!("{command:?}");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let input = input.to_vec();
    // Who is refused early stops reading.
    std::thread::spawn(move || drop(stdin.write_all(&input)));
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).map(|_| text)
    });
    let (done, finished) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = stdout.read_to_end(&mut text);
        let _ = done.send(read.map(|_| text));
    });
    let Ok(out) = finished.recv_timeout(PATIENCE) else {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("{shown} did not end within {PATIENCE:?}");
    };
    let code = child.wait().unwrap().code();
    let out = String::from_utf8(out.unwrap()).expect("it prints UTF-8");
    let err = String::from_utf8(errors.join().unwrap().unwrap()).expect("it prints UTF-8");
    assert!(!out.contains("panicked") && !err.contains("panicked"), "{shown} panicked:\n{out}\n{err}");
    assert!(code.is_some(), "{shown} was killed by a signal:\n{err}");
    Ran { code, out, err }
}

/// A file of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

// === impl Ran ===

impl Ran {
    /// Fails, with all that was said, where the exit code is another.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.out.contains(words) || self.err.contains(words), "`{words}` is not in\n{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn never_says(self, words: &str) -> Self {
        assert!(!self.out.contains(words) && !self.err.contains(words), "`{words}` is in\n{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in\n{}{}", self.out, self.err))
    }

    /// The codes of a JSON report, in its order.
    #[track_caller]
    pub(crate) fn codes(&self) -> Vec<String> {
        let report = self.json();
        let findings = report["findings"].as_array().expect("a report has findings");
        findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    }
}

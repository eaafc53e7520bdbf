//! The binary that the image holds, built for this machine's architecture.

use std::{
    env,
    env::consts::{ARCH, OS},
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

/// The program header that names a dynamic linker.
const PT_INTERP: u32 = 3;
/// The table of what is linked at run time, and its entry for a library.
const PT_DYNAMIC: u32 = 2;
const DT_NEEDED: u64 = 1;

pub(crate) fn target() -> String {
    format!("{ARCH}-unknown-linux-musl")
}

/// Why it cannot be built here.
pub(crate) fn missing() -> Option<String> {
    if OS != "linux" {
        return Some("it needs Linux".to_owned());
    }
    let target = target();
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", &target]).output();
    let libraries = libraries.ok().map(|ran| PathBuf::from(String::from_utf8_lossy(&ran.stdout).trim()));
    if !libraries.is_some_and(|folder| folder.is_dir()) {
        return Some(format!("it needs Rust's own libraries for musl: `rustup target add {target}`"));
    }
    let compiler = compiler();
    (!starts(&compiler)).then(|| {
        format!(
            "it needs a C compiler for musl: `{compiler}` cannot be started; Debian has it in the package musl-tools"
        )
    })
}

/// Whether there is such a program.
pub(crate) fn starts(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The program, built first where it is not there yet.
pub(crate) fn binary() -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(build);
    BUILT.clone()
}

fn build() -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = scratch.parent().unwrap_or(scratch);
    let (target, compiler) = (target(), compiler());
    let _ = writeln!(std::io::stderr(), "building for {target}: minutes, the first time");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--locked", "--bin", "portcullis", "--target", &target, "--target-dir"])
        .arg(folder)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env(compiler_variable(), compiler)
        .status()
        .expect("cargo starts");
    assert!(status.success(), "it does not build for {target}");
    folder.join(target).join("debug/portcullis")
}

/// No dynamic linker is named, and no library.
pub(crate) fn is_static(binary: &Path) {
    let bytes = fs::read(binary).unwrap();
    assert_eq!(&bytes[..6], b"\x7fELF\x02\x01", "64 bits, the lower byte first");
    let headers = number(&bytes, 32, 8);
    let (size, count) = (number(&bytes, 54, 2), number(&bytes, 56, 2));
    for header in (0..count).map(|nth| headers + nth * size) {
        let kind = u32::try_from(number(&bytes, header, 4)).unwrap();
        assert_ne!(kind, PT_INTERP, "it names a dynamic linker");
        if kind == PT_DYNAMIC {
            let (from, length) = (number(&bytes, header + 8, 8), number(&bytes, header + 32, 8));
            for entry in (0..length / 16).map(|nth| from + nth * 16) {
                assert_ne!(number(&bytes, entry, 8), DT_NEEDED, "it needs a library");
            }
        }
    }
}

fn number(bytes: &[u8], at: u64, length: usize) -> u64 {
    let at = usize::try_from(at).unwrap();
    bytes[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn compiler() -> String {
    env::var(compiler_variable()).unwrap_or_else(|_| "musl-gcc".to_owned())
}

fn compiler_variable() -> String {
    format!("CC_{}", target().replace('-', "_"))
}

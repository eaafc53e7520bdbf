//! The walls of the house: what may know of what. Clippy's `disallowed-methods` keeps the calls, these tests the names.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::binary::project;

/// Lines of code in one file, tests apart. Longer files hold more than one idea.
const LINES: usize = 400;
const MAIN_LINES: usize = 40;

/// Tables, as long as what they list.
const TABLES: [&str; 2] = ["codes.rs", "schema.rs"];

/// A file of `src/` without its tests and comments.
struct Code {
    /// As `engine/yaml.rs`.
    file: String,
    lines: Vec<String>,
}

fn code() -> Vec<Code> {
    let root = project("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let of = |path: PathBuf| {
        let file = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).map(str::to_owned).collect();
        Code { file, lines }
    };
    let is_test = |code: &Code| code.file.ends_with("/tests.rs") || code.file.contains("/tests/");
    files.into_iter().map(of).filter(|code| !is_test(code)).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

impl Code {
    fn is_in(&self, module: &str) -> bool {
        self.file == format!("{module}.rs") || self.file.starts_with(&format!("{module}/"))
    }

    /// Every path that it names, as `crate::engine::node::Node`: those of its `use` lines spelled out, and those in its
    /// code.
    fn paths(&self) -> BTreeSet<String> {
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let mut paths = BTreeSet::new();
        let mut lines = self.lines.iter().map(|line| line.split("//").next().unwrap_or_default());
        while let Some(line) = lines.next() {
            paths.extend(line.split(|c| !word(c)).filter(|path| path.contains("::")).map(str::to_owned));
            let Some((before, tree)) = line.split_once("use ") else { continue };
            if before.trim().is_empty() || before.trim().starts_with("pub") {
                let rest = lines.by_ref().take_while(|line| !line.contains("};"));
                let tree = if tree.contains(';') { tree.to_owned() } else { [tree].into_iter().chain(rest).collect() };
                spelled_out("", tree.trim_end().trim_end_matches(';'), &mut paths);
            }
        }
        paths
    }

    fn names(&self, what: &str) -> bool {
        self.paths().iter().any(|path| {
            let path = path.trim_start_matches(':');
            // `crate::files` begins a path; `Timestamp::now` may also be the end or the middle of one.
            let anywhere = what.contains("Timestamp").then(|| path.split_once(what)).flatten().is_some();
            anywhere || path == what || path.starts_with(&format!("{what}::"))
        })
    }
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d` and `a::c::e`.
fn spelled_out(prefix: &str, tree: &str, paths: &mut BTreeSet<String>) {
    let Some((before, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap().trim();
        let path = path.strip_suffix("::self").unwrap_or(path);
        paths.insert(if path == "self" { prefix.trim_end_matches("::").to_owned() } else { format!("{prefix}{path}") });
        return;
    };
    let prefix = format!("{prefix}{}", before.trim());
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let mut depth = 0;
    let parts = inner.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
        spelled_out(&prefix, part, paths);
    }
}

/// Who of these files names what it must not.
fn offenders(may: impl Fn(&Code) -> bool, names: &[&str]) -> Vec<String> {
    let mut offenders = Vec::new();
    for code in code().iter().filter(|code| !may(code)) {
        let named = names.iter().filter(|name| code.names(name));
        offenders.extend(named.map(|name| format!("src/{} names `{name}`", code.file)));
    }
    offenders
}

#[test]
fn names_are_found_wherever_they_stand() {
    let text = "\
use crate::{
    engine::{
        finding::{Level, Remedy as Cure},
        yaml::{self, tree},
    },
    files::Source,
};
pub(crate) use a::b;
fn f() {
    use c::*;
    let now = jiff::Timestamp::now(); // d::e
}
";
    let code = Code { file: String::new(), lines: text.lines().map(str::to_owned).collect() };
    let of_crate =
        ["engine::finding::Level", "engine::finding::Remedy", "engine::yaml", "engine::yaml::tree", "files::Source"];
    let expected = ["a::b", "c::*", "jiff::Timestamp::now"].map(str::to_owned).into_iter();
    let expected: BTreeSet<_> = expected.chain(of_crate.map(|path| format!("crate::{path}"))).collect();
    let paths = code.paths();
    assert!(expected.is_subset(&paths), "{paths:?}");
    for named in ["crate::files", "crate::engine::yaml", "c", "jiff", "Timestamp::now"] {
        assert!(code.names(named), "{named}");
    }
    for other in ["crate::cli", "d", "files", "Level", "now"] {
        assert!(!code.names(other), "{other}");
    }
}

#[test]
fn the_engine_is_pure() {
    let edges = ["clap", "kube", "k8s_openapi", "tokio", "axum", "hyper", "tower", "rustls", "tracing", "anyhow"];
    let world = [
        "std::fs",
        "std::env",
        // Addresses are data; what is done with them is not.
        "std::net::TcpListener",
        "std::net::TcpStream",
        "std::net::ToSocketAddrs",
        "std::net::UdpSocket",
        "std::io",
        "std::process",
        "std::thread",
        "std::time::SystemTime",
        "std::time::Instant",
        "std::sync::Mutex",
        "std::sync::RwLock",
        "Timestamp::now",
    ];
    let inside = [
        "crate::cli",
        "crate::files",
        "crate::webhook",
        "crate::serve",
        "crate::admin",
        "crate::cases",
        "crate::cluster",
        "crate::controller",
        "crate::operate",
    ];
    let names: Vec<_> = [&edges[..], &world, &inside].concat();
    assert_eq!(offenders(|code| !code.is_in("engine"), &names), Vec::<String>::new());
}

#[test]
fn the_webhook_knows_neither_files_nor_the_command_line_nor_kube() {
    let names =
        ["crate::files", "crate::cli", "crate::cases", "crate::serve", "crate::operate", "clap", "kube", "k8s_openapi"];
    assert_eq!(offenders(|code| !code.is_in("webhook"), &names), Vec::<String>::new());
}

#[test]
fn the_cluster_and_its_controller_do_not_know_who_calls_them() {
    let names =
        ["crate::webhook", "crate::serve", "crate::admin", "crate::files", "crate::cli", "crate::cases", "clap"];
    let may = |code: &Code| !code.is_in("cluster") && !code.is_in("controller");
    assert_eq!(offenders(may, &names), Vec::<String>::new());
    let names = ["crate::controller", "crate::operate"];
    assert_eq!(offenders(|code| !code.is_in("cluster"), &names), Vec::<String>::new());
}

#[test]
fn what_operates_it_does_not_know_what_answers_reviews() {
    let names = ["crate::webhook", "crate::serve", "crate::admin", "crate::controller", "clap"];
    assert_eq!(offenders(|code| !code.is_in("operate"), &names), Vec::<String>::new());
}

#[test]
fn what_doctor_says_of_what_it_was_told_is_pure() {
    let asks = ["operate/doctor/facts.rs", "operate/doctor/impact.rs"];
    let judges = |code: &Code| code.is_in("operate/doctor") && !asks.contains(&code.file.as_str());
    let names = ["kube", "tokio", "tracing", "crate::cluster::api", "Timestamp::now"];
    assert!(code().iter().any(judges));
    assert_eq!(offenders(|code| !judges(code), &names), Vec::<String>::new());
}

#[test]
fn what_the_controller_wants_is_pure() {
    let pure = ["controller/wanted.rs", "controller/registered.rs"];
    let names = ["kube", "k8s_openapi", "tokio", "tracing", "crate::cluster", "Timestamp::now"];
    assert_eq!(offenders(|code| !pure.contains(&code.file.as_str()), &names), Vec::<String>::new());
}

#[test]
fn what_is_registered_is_computed_without_a_cluster() {
    let names = ["kube", "tokio", "tracing", "futures", "crate::cluster", "Timestamp::now", "Instant::now"];
    let may = |code: &Code| !code.is_in("operate/webhooks") && code.file != "operate/register/closing.rs";
    assert_eq!(offenders(may, &names), Vec::<String>::new());
}

#[test]
fn only_the_command_line_and_its_cases_read_files() {
    let may = |code: &Code| ["cli", "serve", "main", "files", "cases"].iter().any(|module| code.is_in(module));
    assert_eq!(offenders(may, &["crate::files"]), Vec::<String>::new());
}

#[test]
fn one_module_names_the_yaml_parser() {
    assert_eq!(offenders(|code| code.is_in("engine/yaml"), &["granit_parser"]), Vec::<String>::new());
}

#[test]
fn main_only_starts() {
    let lines = fs::read_to_string(project("src/main.rs")).unwrap().lines().count();
    assert!(lines <= MAIN_LINES, "src/main.rs has {lines} lines");
}

#[test]
fn files_hold_one_idea() {
    let is_table = |code: &Code| TABLES.contains(&code.file.rsplit('/').next().unwrap());
    let long: Vec<_> = code()
        .into_iter()
        .filter(|code| code.lines.len() > LINES && !is_table(code))
        .map(|code| format!("src/{}: {} lines", code.file, code.lines.len()))
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

fn cargo(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let ran = command.current_dir(project("")).args(args).args(["--locked", "--offline"]).output().unwrap();
    assert!(ran.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn the_engine_alone_has_no_edge_in_its_graph() {
    let tree = cargo(&["tree", "--no-default-features", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let edges = ["tokio", "kube", "hyper", "axum", "clap", "tower", "rustls", "tracing"];
    let is_edge = |name: &str| edges.iter().any(|edge| name == *edge || name.starts_with(&format!("{edge}-")));
    let names: BTreeSet<_> =
        tree.lines().filter_map(|line| line.split(' ').next()).filter(|name| is_edge(name)).collect();
    assert_eq!(names, BTreeSet::new());
    assert!(tree.contains("serde_json "), "{tree}");
}

/// For the platform at hand: only its crates are sure to be there.
#[test]
fn no_dependency_needs_a_newer_rust_than_we_promise() {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = cargo(&["metadata", "--format-version", "1", "--filter-platform", host]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let version = |package: &Value| -> Option<Vec<u64>> {
        let mut parts: Vec<_> =
            package["rust_version"].as_str()?.split('.').map(|part| part.parse().unwrap()).collect();
        parts.resize(3, 0);
        Some(parts)
    };
    let promised = version(packages.iter().find(|package| package["name"] == "portcullis").unwrap()).unwrap();
    let newer: Vec<_> = packages
        .iter()
        .filter(|package| version(package).is_some_and(|needed| needed > promised))
        .map(|package| format!("{} {} needs {}", package["name"], package["version"], package["rust_version"]))
        .collect();
    assert_eq!(newer, Vec::<String>::new());
    assert!(packages.len() > 50, "{}", packages.len());
}

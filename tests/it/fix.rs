//! `portcullis fix`: what it wrote passes `check`, and what it need not touch it does not.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::binary::{project, run, run_with_input};

const CONFIG_MAP: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: collector, namespace: telemetry} # theirs
data:
  relay: |
    # three exporters
    receivers: {otlp: {protocols: {grpc: {}}}}
    exporters:
      debug: {verbosity: detailed}   # for the demo
      otlp: {endpoint: 'tempo:4317'}
    service:
      pipelines:
        traces:
          receivers: [otlp]
          exporters: [ debug , otlp ] # to tempo
  notes: 'exporters: [debug] is what the demo had'
";
const PRODUCTION: [&str; 2] = ["--namespace-labels", "telemetry:environment=production"];

fn copy_of(folder: &str) -> TempDir {
    let copy = TempDir::new().unwrap();
    for file in fs::read_dir(project(folder)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

fn texts(folder: &Path) -> Vec<(String, String)> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
    };
    let mut texts: Vec<_> = fs::read_dir(folder).unwrap().map(read).collect();
    texts.sort();
    texts
}

#[test]
fn what_it_wrote_leaves_nothing_to_fix() {
    for setup in ["kgateway", "agentgateway", "krakend", "central-collector"] {
        let copy = copy_of(&format!("examples/{setup}/broken"));
        let folder = copy.path().to_str().unwrap();
        run(["fix", "--write", folder]).ends_with(0).says("fixed:");
        let report = run(["check", "--format", "json", folder]).json();
        let left: Vec<_> =
            report["findings"].as_array().unwrap().iter().filter(|finding| finding["fixable"] == true).collect();
        assert!(left.is_empty(), "{setup}: {left:#?}");
        let once = texts(copy.path());
        run(["fix", "--write", folder]).ends_with(0).says("nothing to fix");
        assert_eq!(texts(copy.path()), once, "{setup}");
    }
}

#[test]
fn without_write_nothing_changes() {
    let copy = copy_of("examples/kgateway/broken");
    let before = texts(copy.path());
    run(["fix", copy.path().to_str().unwrap()]).ends_with(0).says("+++").says("add `--write`");
    assert_eq!(texts(copy.path()), before);
}

#[test]
fn every_other_byte_stays() {
    let crlf = CONFIG_MAP.replace('\n', "\r\n");
    let bom = format!("\u{feff}{CONFIG_MAP}");
    let cut = CONFIG_MAP.trim_end().to_owned();
    for text in [CONFIG_MAP, &crlf, &bom, &cut] {
        let fixed = run_with_input(&[&["fix"][..], &PRODUCTION, &["-"]].concat(), text.as_bytes()).ends_with(0).out;
        assert_eq!(fixed, text.replace("[ debug , otlp ]", "[ otlp ]"));
    }
}

#[test]
fn documents_around_it_stay_as_they_are() {
    let other = "# a header\n---\nkind: Unknown\napiVersion: example.com/v1\nx:   [ 1,2 ]\n";
    let text = format!("{other}---\n{CONFIG_MAP}---\n{other}---\nnot: [yaml\n---\n{other}");
    let ran = run_with_input(&[&["fix"][..], &PRODUCTION, &["-"]].concat(), text.as_bytes()).ends_with(2);
    assert_eq!(ran.out, text.replace("[ debug , otlp ]", "[ otlp ]"));
}

#[test]
fn a_grant_that_may_be_made_goes_into_a_file_of_its_own() {
    let copy = copy_of("examples/kgateway/good");
    fs::remove_file(copy.path().join("grants.yaml")).unwrap();
    let folder = copy.path().to_str().unwrap();
    run(["check", "--closed-world", folder]).ends_with(1).says("reference-grants/missing");
    run(["fix", "--write", folder]).ends_with(0).says("portcullis-grants.yaml");
    run(["check", "--closed-world", folder]).ends_with(0).says("no findings");
}

#[test]
fn whether_a_namespace_is_production_is_not_guessed() {
    let ran = run_with_input(&["fix", "-"], CONFIG_MAP.as_bytes()).ends_with(0).says("nothing to fix");
    assert_eq!(ran.out, CONFIG_MAP);
}

#[test]
fn a_grant_is_written_once_also_where_one_file_is_named() {
    let copy = copy_of("examples/kgateway/good");
    fs::remove_file(copy.path().join("grants.yaml")).unwrap();
    let telemetry = copy.path().join("telemetry.yaml");
    // The Services and the Namespace that opted in must be known; the folder's other files are not named.
    let files = ["telemetry.yaml", "namespaces.yaml", "collector-logs.yaml", "collector-traces.yaml"];
    let texts_of = files.map(|file| fs::read_to_string(copy.path().join(file)).unwrap());
    fs::write(&telemetry, texts_of.join("\n---\n")).unwrap();
    run(["fix", "--write", telemetry.to_str().unwrap()]).ends_with(0).says("portcullis-grants.yaml");
    let once = texts(copy.path());
    run(["fix", "--write", telemetry.to_str().unwrap()]).ends_with(0).says("nothing to fix");
    assert_eq!(texts(copy.path()), once);
}

#[test]
fn a_grants_file_that_cannot_be_read_is_left_alone() {
    let copy = copy_of("examples/kgateway/good");
    fs::remove_file(copy.path().join("grants.yaml")).unwrap();
    let grants = copy.path().join("portcullis-grants.yaml");
    fs::write(&grants, b"\xff\xfd not text").unwrap();
    run(["fix", "--write", copy.path().to_str().unwrap()]).ends_with(2);
    assert_eq!(fs::read(&grants).unwrap(), b"\xff\xfd not text");
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line() {
    let folder = TempDir::new().unwrap();
    let written = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let broken = written("broken.yaml", "apiVersion: v1\nkind: b: [");
    let policy =
        written("policy.yaml", "apiVersion: v1\nkind: GuardPolicy\nmetadata: { name: a }\nspec: { rul: {} }\n");
    let ran = run(["fix", "--policies", &policy, &broken]).ends_with(2);
    assert!(ran.err.contains(&format!("error: {broken}:2: ")), "{}", ran.err);
    let line = ran.err.lines().find(|line| line.starts_with(&format!("error: {policy}:"))).unwrap();
    assert!(line.contains(".yaml:1: ") || line.contains(".yaml:4: "), "{line}");
}

#[test]
fn a_file_keeps_its_encoding() {
    use portcullis::files::encoding::Encoding;
    for encoding in [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("collector.yaml");
        let text = CONFIG_MAP.replace("# theirs", "# 北 🦀");
        fs::write(&file, encoding.encode(&text)).unwrap();
        let args = [&["fix", "--write"][..], &PRODUCTION, &[file.to_str().unwrap()]].concat();
        run(&args).ends_with(0).says("fixed:");
        assert_eq!(fs::read(&file).unwrap(), encoding.encode(&text.replace("[ debug , otlp ]", "[ otlp ]")));
        run(&args).ends_with(0).says("nothing to fix");
    }
}

#[test]
#[cfg(unix)]
fn a_file_keeps_its_permissions_and_nothing_is_left_beside_it() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = TempDir::new().unwrap();
    let (file, link) = (folder.path().join("collector.yaml"), folder.path().join("link.yaml"));
    fs::write(&file, CONFIG_MAP).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("collector.yaml", &link).unwrap();
    // What anybody could put in the way of a name that can be guessed.
    let victim = folder.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    symlink("victim", folder.path().join("collector.portcullis-tmp")).unwrap();
    let before = fs::read_dir(folder.path()).unwrap().count();
    run([&["fix", "--write"][..], &PRODUCTION, &[link.to_str().unwrap()]].concat()).ends_with(0).says("fixed:");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&file).unwrap().contains("[ otlp ]"));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
}

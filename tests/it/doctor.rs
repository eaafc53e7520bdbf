//! `portcullis doctor` where there is no cluster to ask.

use std::fs;

use serde_json::json;

use crate::binary::run;

fn kubeconfig(folder: &tempfile::TempDir) -> String {
    let path = folder.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{ "name": "a", "cluster": { "server": "https://127.0.0.1:1" } }],
        "users": [{ "name": "a", "user": {} }],
        "contexts": [{ "name": "a", "context": { "cluster": "a", "user": "a" } }],
    });
    fs::write(&path, config.to_string()).unwrap();
    path.display().to_string()
}

#[test]
fn a_cluster_that_does_not_answer_is_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(&folder);
    for more in [&[][..], &["--impact"], &["--format", "json"]] {
        let ran = run([&["doctor", "--kubeconfig", &kubeconfig], more].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{ran:?}");
        assert!(ran.err.starts_with("error: the API server cannot be asked: "), "{ran:?}");
    }
    let ran = run(["doctor", "--kubeconfig", "/nowhere"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.starts_with("error: the kubeconfig /nowhere"), "{ran:?}");
}

#[test]
fn arguments_that_make_no_sense_are_refused_before_anybody_is_asked() {
    let of = |args: &[&str], words: &str| {
        let ran = run([&["doctor", "--kubeconfig", "/nowhere"], args].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    };
    of(&["--control-plane", "envoy=1"], "`envoy` is no control plane");
    of(&["--impact", "--policies", "/nowhere"], "/nowhere: no such file or folder");
    of(&["--policies", "policies"], "--impact");
    of(&["--format", "xml"], "possible values: human, json");
}

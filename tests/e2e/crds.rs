//! The CRDs that the tests need: Gateway API's own, and ours for the kinds of kgateway, agentgateway and the OpenTelemetry
//! operator. Those that `PORTCULLIS_CRDS` holds are taken in place of ours.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{kubectl::Kubectl, parts, patience::until};

/// Applies them, and waits until they are served.
pub(crate) fn apply(kubectl: &Kubectl, folder: &Path) -> Result<(), String> {
    let documents = documents()?;
    let names: Vec<_> = documents.keys().map(|name| format!("customresourcedefinition/{name}")).collect();
    let file = folder.join("crds.yaml");
    let text: Vec<_> = documents.values().map(String::as_str).collect();
    fs::write(&file, text.join("\n---\n")).map_err(|error| at(&file, error))?;
    // `create` and not `apply`: some are larger than the annotation that `apply` would leave on them may be.
    let created = kubectl.run(&["create", "-f", &file.display().to_string()]);
    if !created.ok {
        return Err(created.all());
    }
    let mut wait = vec!["wait", "--for=condition=Established", "--timeout=60s"];
    wait.extend(names.iter().map(String::as_str));
    until("the CRDs to be established", || said(kubectl, &wait))?;
    until("the CRDs to be served", || {
        let served = said(kubectl, &["api-resources", "--cached=false", "-o", "name"])?;
        let missing = documents.keys().find(|name| !served.lines().any(|line| line == name.as_str()));
        missing.map_or(Ok(()), |name| Err(format!("`{name}` is not served")))
    })
}

/// By the CRD's name. Of several with one name the first is taken, in the order of `PORTCULLIS_CRDS`, Gateway API, ours.
fn documents() -> Result<BTreeMap<String, String>, String> {
    let mut files = Vec::new();
    let given = parts::given_crds();
    if let Some(given) = &given {
        yaml_files(given, &mut files)?;
    }
    match parts::gateway_api_crds() {
        Ok(folder) => yaml_files(&folder, &mut files)?,
        Err(why) if given.is_none() => return Err(why),
        Err(_) => {}
    }
    yaml_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/crds"), &mut files)?;
    let mut documents = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|error| at(&file, error))?;
        for document in text.split("\n---") {
            if let Some(name) = crd_name(document) {
                documents.entry(name.to_owned()).or_insert_with(|| document.trim_start_matches("---").to_owned());
            }
        }
    }
    Ok(documents)
}

/// Of a CRD its name, which the API server wants to be `plural.group`; of anything else nothing.
fn crd_name(document: &str) -> Option<&str> {
    document.lines().find(|line| line.trim_end() == "kind: CustomResourceDefinition")?;
    let mut lines = document.lines().skip_while(|line| line.trim_end() != "metadata:");
    lines.find_map(|line| line.strip_prefix("  name: ")).map(str::trim)
}

/// In the order of their paths.
fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| at(folder, error))?;
    let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            yaml_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            found.push(path);
        }
    }
    Ok(())
}

fn said(kubectl: &Kubectl, args: &[&str]) -> Result<String, String> {
    let said = kubectl.run(args);
    if said.ok { Ok(said.out) } else { Err(said.all()) }
}

fn at(path: &Path, error: std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

//! The two recipes are one: what ends up in an image does not depend on where its binary was built.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) const OF_A_BINARY: &str = "deploy/Containerfile.binary";
const OF_A_CHECKOUT: &str = "deploy/Containerfile";

pub(crate) fn agree() {
    let of_a_binary = final_stage(OF_A_BINARY);
    let of_a_checkout = final_stage(OF_A_CHECKOUT).replace("COPY --from=build /portcullis ", "COPY portcullis ");
    assert_eq!(of_a_checkout, of_a_binary);
    let version = format!("ARG VERSION={}\n", env!("CARGO_PKG_VERSION"));
    assert!(of_a_binary.contains(&version), "they do not say {version}");
}

/// A checkout's recipe takes along what is compiled, and what is compiled in.
pub(crate) fn take_what_is_built() {
    let text = read(OF_A_CHECKOUT);
    let taken: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("COPY ")?.split(' ').next()).collect();
    let mut files = Vec::new();
    rust_files(&project("src"), &mut files);
    let mut included = 0;
    for file in files {
        let code = fs::read_to_string(&file).unwrap();
        let outside = code.lines().filter(|line| line.contains("include_")).filter_map(|line| line.split_once("\"../"));
        for (_, path) in outside {
            let folder = path.trim_start_matches("../").split(['/', '"']).next().unwrap();
            let is_of_src = project("src").join(folder).exists();
            assert!(is_of_src || taken.contains(&folder), "{} includes what is in {folder}", file.display());
            included += 1;
        }
    }
    assert!(included > 0, "nothing is included: look for it in another way");
    for named in read("Cargo.toml").lines().filter_map(|line| line.strip_prefix("path = \"")) {
        let folder = named.split('/').next().unwrap();
        assert!(taken.contains(&folder), "Cargo.toml names {named}");
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn final_stage(recipe: &str) -> String {
    read(recipe).split_once("FROM scratch\n").expect("it begins with nothing").1.to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap()
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

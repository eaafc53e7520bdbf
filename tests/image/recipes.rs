//! The two recipes are one: what ends up in an image does not depend on where its binary was built.

use std::{fs, path::Path};

pub(crate) const OF_A_BINARY: &str = "deploy/Containerfile.binary";
const OF_A_CHECKOUT: &str = "deploy/Containerfile";

pub(crate) fn agree() {
    let of_a_binary = final_stage(OF_A_BINARY);
    let of_a_checkout = final_stage(OF_A_CHECKOUT).replace("COPY --from=build /portcullis ", "COPY portcullis ");
    assert_eq!(of_a_checkout, of_a_binary);
    let version = format!("ARG VERSION={}\n", env!("CARGO_PKG_VERSION"));
    assert!(of_a_binary.contains(&version), "they do not say {version}");
}

fn final_stage(recipe: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(recipe)).unwrap();
    text.split_once("FROM scratch\n").expect("it begins with nothing").1.to_owned()
}

//! The default set: the files of `policies/`, compiled in.

use crate::engine::{
    policy::{Policy, PolicySet, compile},
    yaml::{self, Dialect},
};

macro_rules! shipped {
    ($($file:literal),* $(,)?) => { &[$(($file, include_str!(concat!("../../../policies/", $file)))),*] };
}

/// File names and texts.
pub static SHIPPED: &[(&str, &str)] = shipped![
    "backend-refs.yaml",
    "collector-credentials.yaml",
    "collector-encryption.yaml",
    "collector-endpoints.yaml",
    "collector-exposure.yaml",
    "debug-exporters.yaml",
    "gateway-telemetry.yaml",
    "in-use.yaml",
    "krakend-sampling.yaml",
    "krakend-telemetry.yaml",
    "listener-policies.yaml",
    "reference-grants.yaml",
    "scrape-annotations.yaml",
    "scrape-jobs.yaml",
    "trace-sampling.yaml",
    "unknown-fields.yaml",
];

/// The default policies. A test compiles every file, so that none is missing here.
pub fn policies() -> PolicySet {
    PolicySet::new(SHIPPED.iter().filter_map(|(_, text)| read(text)))
}

fn read(text: &str) -> Option<Policy> {
    let value = yaml::tree::parse(text).ok()?.value(Dialect::Kubernetes).ok()?;
    compile::compile(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_policy_compiles() {
        for (file, text) in SHIPPED {
            let value = yaml::tree::parse(text).unwrap().value(Dialect::Kubernetes).unwrap();
            if let Err(bad) = compile::compile(&value) {
                panic!("{file}: {}: {bad}", bad.path);
            }
        }
        let names: Vec<_> = policies().policies().iter().map(|policy| format!("{}.yaml", policy.name)).collect();
        assert_eq!(names, SHIPPED.iter().map(|(file, _)| *file).collect::<Vec<_>>());
    }
}

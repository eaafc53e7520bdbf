//! Every `*.test.yaml`, through every edge: the engine itself, the webhook and the command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a test's panic is its report"
)]

use std::{path::PathBuf, sync::Arc};

use libtest_mimic::{Arguments, Failed, Trial};
use portcullis::{
    cases::{self, Case, CaseFile, run},
    files::{Source, paths},
};

mod cases_edges;

/// Judges a case through one edge and says what differs.
type Through = fn(&CaseFile, &Case) -> Result<Vec<String>, String>;

fn main() {
    let arguments = Arguments::from_args();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let (sources, refusals) = paths::read(&[root.join("tests/cases"), root.join("policies")]);
    assert!(refusals.is_empty(), "{refusals:?}");
    let files = sources.iter().filter(|source| source.name.ends_with(".test.yaml"));
    let trials = files.flat_map(|source| trials(source, &root)).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn trials(source: &Source, root: &std::path::Path) -> Vec<Trial> {
    let name = source.name.trim_start_matches(&format!("{}/", root.display())).to_owned();
    let file = match cases::read(source) {
        Ok(file) => Arc::new(file),
        Err(unusable) => return vec![Trial::test(name, move || Err(Failed::from(unusable.to_string())))],
    };
    let edges: [(&str, Through); 3] =
        [("engine", through_engine), ("webhook", cases_edges::through_webhook), ("cli", cases_edges::through_cli)];
    let mut trials = Vec::new();
    for (position, case) in file.cases.iter().enumerate() {
        for (edge, through) in edges {
            let (file, title) = (Arc::clone(&file), format!("{name}: {}", case.name));
            trials.push(
                Trial::test(title, move || {
                    let differences = through(&file, &file.cases[position])?;
                    if differences.is_empty() { Ok(()) } else { Err(Failed::from(differences.join("\n"))) }
                })
                .with_kind(edge)
                .with_ignored_flag(case.skip.is_some()),
            );
        }
    }
    trials
}

fn through_engine(file: &CaseFile, case: &Case) -> Result<Vec<String>, String> {
    let prepared = run::prepare(file, case)?;
    Ok(run::differences(case, &run::judge(&prepared)).iter().map(ToString::to_string).collect())
}

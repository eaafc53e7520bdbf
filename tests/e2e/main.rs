//! Portcullis before a real API server, with the real kubectl.
//!
//! `cargo test --test e2e -- FILTER`. The control plane is built once from the Go modules in `tests/controlplane`, or taken
//! from `KUBEBUILDER_ASSETS`; `PORTCULLIS_CRDS` may name a folder of CRDs to use in place of ours. Where there is neither a
//! folder nor Go, every test is ignored and says why; with `PORTCULLIS_E2E=require` it fails instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test's panic is its report, and a test is an edge"
)]

mod basics;
mod caller;
mod cel;
#[path = "../cel_agreement/ours.rs"]
mod cel_ours;
mod cel_policies;
mod certificates;
mod cluster;
mod control_plane;
mod crds;
mod crossing;
mod denials;
mod doctoring;
mod edits;
mod exceptions;
mod faults;
#[path = "../go_programs.rs"]
mod go_programs;
mod grants;
mod guard;
mod helm;
mod helm_charts;
mod helm_install;
mod keeping;
mod kubectl;
mod leaders;
mod live;
mod live_edits;
mod objects;
mod oracle;
mod overload;
mod own_account;
mod parts;
mod patience;
mod policies;
mod portcullis;
mod processes;
mod registering;
mod registration;
mod replicas;
mod reports;
mod rights;
mod roll_outs;
mod sandbox;
mod strangers;
mod traffic;
mod trial;
mod upkeep;

use std::{io::Write as _, process::ExitCode};

use libtest_mimic::Arguments;

/// They wait for the API server more than they work.
const THREADS: usize = 4;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let cases = [
        basics::CASES,
        denials::CASES,
        doctoring::CASES,
        edits::CASES,
        exceptions::CASES,
        live::CASES,
        live_edits::CASES,
        oracle::CASES,
        guard::CASES,
        faults::CASES,
        grants::CASES,
        keeping::CASES,
        leaders::CASES,
        cel::CASES,
        cel_policies::CASES,
        certificates::CASES,
        policies::CASES,
        registering::CASES,
        reports::CASES,
        own_account::CASES,
        helm_charts::CASES,
        helm_install::CASES,
        overload::CASES,
        rights::CASES,
        roll_outs::CASES,
        strangers::CASES,
        upkeep::CASES,
    ]
    .concat();
    let conclusion = libtest_mimic::run(&arguments, trial::of(&cases));
    if let Some(plane) = trial::take_plane().filter(|_| conclusion.has_failed()) {
        let _ = writeln!(std::io::stderr(), "{}", plane.post_mortem());
    }
    conclusion.exit_code()
}

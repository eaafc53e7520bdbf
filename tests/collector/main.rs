//! Stripping is safe: what a real OpenTelemetry Collector accepts, it accepts when its debug exporters are taken out.
//!
//! `cargo test --test collector -- FILTER`. Each configuration goes through `otelcol validate`; if it is accepted it is
//! stripped as `fix` and the webhook do it, and `validate` must accept the result. No exporter may go on printing unless
//! it is tamed or the user is told. What cannot be tried, since our collector lacks a part of it, is counted and named.
//!
//! The collector is built once from the Go module in `distribution`, which OpenTelemetry's builder made of `manifest.yaml`,
//! or taken from `KUBEBUILDER_ASSETS` where that folder has an `otelcol`. Where there is neither, every test is ignored and
//! says why; with `PORTCULLIS_E2E=require` it fails instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test's panic is its report, and a test is an edge"
)]

mod configurations;
mod generated;
#[path = "../go_programs.rs"]
mod go_programs;
mod otelcol;
mod standins;
mod stripping;
mod trials;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use self::{configurations::Configuration, otelcol::Source, trials::Floor};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each starts collectors on every core.
    arguments.test_threads.get_or_insert(1);
    let trials = vec![
        trial("our_cases", configurations::of_cases, Floor { accepted: 95, stripped: 80 }),
        trial("the_examples", configurations::of_examples, Floor { accepted: 20, stripped: 10 }),
        trial("generated", generated::configurations, Floor { accepted: 300, stripped: 280 }),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &'static str, configurations: fn() -> Vec<Configuration>, floor: Floor) -> Trial {
    let required = std::env::var("PORTCULLIS_E2E").is_ok_and(|value| value == "require");
    Trial::ignorable_test(name, move || match otelcol::find() {
        Ok(source) => run(name, &source, &configurations(), floor),
        Err(why) if required => Err(Failed::from(format!("PORTCULLIS_E2E=require, and {why}"))),
        Err(why) => Ok(Completion::ignored_with(why)),
    })
}

fn run(name: &str, source: &Source, configurations: &[Configuration], floor: Floor) -> Result<Completion, Failed> {
    let seen = trials::of(&source.program()?, configurations);
    go_programs::tell(&format!("{name}: {seen}"));
    seen.judge(floor)?;
    Ok(Completion::Completed)
}

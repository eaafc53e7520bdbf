//! The container image: one static binary that needs nothing beside it.
//!
//! `cargo test --test image -- FILTER`. The binary is built for musl, into `target/` as everything else, unoptimised; the
//! image is built of it as deploy/Containerfile.binary says, into a folder of the test's own. Where a tool for that is
//! missing, the tests that need it are ignored and say so; with `PORTCULLIS_IMAGE=require` they fail instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a test's panic is its report, and a test is an edge"
)]

#[path = "../../benches/support/api_server.rs"]
mod api_server;
#[path = "../../benches/support/child.rs"]
mod child;
#[path = "../../benches/support/linux.rs"]
mod linux;
#[path = "../../benches/support/material.rs"]
mod material;
mod musl;
mod oci;
#[path = "../../benches/support/own.rs"]
mod own;
mod recipes;
mod root;
mod running;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait for the same build.
    arguments.test_threads.get_or_insert(1);
    let trials = vec![
        Trial::test("recipes_agree", || {
            recipes::agree();
            recipes::take_what_is_built();
            Ok(())
        }),
        trial("the_binary_is_static", musl::missing, || musl::is_static(&musl::binary())),
        trial("it_checks_in_an_empty_root", missing_for_a_root, running::checks),
        trial("it_serves_a_folder_in_an_empty_root", missing_for_a_root, running::serves_a_folder),
        trial("it_serves_in_a_cluster_in_an_empty_root", missing_for_a_root, running::serves_in_a_cluster),
        trial("the_image_holds_it_and_nothing_else", || musl::missing().or_else(oci::missing), oci::holds_the_binary),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &'static str, missing: fn() -> Option<String>, run: fn()) -> Trial {
    let required = std::env::var("PORTCULLIS_IMAGE").is_ok_and(|value| value == "require");
    Trial::ignorable_test(name, move || match missing() {
        None => {
            run();
            Ok(Completion::Completed)
        }
        Some(why) if required => Err(Failed::from(format!("PORTCULLIS_IMAGE=require, and {why}"))),
        Some(why) => Ok(Completion::ignored_with(why)),
    })
}

fn missing_for_a_root() -> Option<String> {
    musl::missing().or_else(root::missing)
}

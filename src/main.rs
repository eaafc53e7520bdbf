//! The binary: allocator, crypto provider, arguments, dispatch, exit code.

use std::{io::Write, process::ExitCode};

use clap::Parser;
use portcullis::cli::{self, args::Cli, check::Ended};

/// musl's own allocator is several times slower with two threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "server")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Ended::Refused as u8 } else { 0 });
        }
    };
    match cli::run(cli) {
        Ok(ended) => ExitCode::from(ended as u8),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(Ended::Failed as u8)
        }
    }
}

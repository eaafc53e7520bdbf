//! The command line: `check`, `fix`, `explain`, `test`, `serve`, `doctor`, `webhooks`, `crds`, `certs`, `completions`.

pub mod args;
#[cfg(feature = "server")]
pub mod certs;
pub mod check;
#[cfg(feature = "server")]
pub mod doctor;
pub mod explain;
pub mod fix;
pub mod output;
pub mod progress;
pub mod report;
pub mod test;
#[cfg(feature = "server")]
pub mod webhooks;

use std::io::Write;

use args::{Cli, Command};
use check::Ended;

use crate::files::policies;

/// Carries out what the command line says.
///
/// # Errors
/// A failure of ours: output that cannot be written, a port that cannot be opened.
pub fn run(cli: Cli) -> anyhow::Result<Ended> {
    match cli.command {
        Command::Check(args) => check::run(&args, now()),
        Command::Fix(args) => fix::run(&args, now()),
        Command::Explain(args) => explain_to(&args, &mut output::stdout()),
        Command::Test(args) => test::run(&args),
        #[cfg(feature = "server")]
        Command::Serve(args) => {
            if let Err(message) = args.judging.given(true) {
                return output::refuse(&message);
            }
            log();
            crate::serve::run(&args).map(|()| Ended::Clean)
        }
        #[cfg(feature = "server")]
        Command::Webhooks(args) => webhooks::run(&args),
        #[cfg(feature = "server")]
        Command::Doctor(args) => doctor::run(&args, now()),
        #[cfg(feature = "server")]
        Command::Crds => print(&crate::cluster::crds::yaml(), &mut output::stdout()),
        #[cfg(feature = "server")]
        Command::Certs(args) => certs::run(&args.command, now(), &mut output::stdout()),
        Command::Completions { shell } => complete(shell, &mut output::stdout()),
    }
}

fn explain_to(args: &args::ExplainArgs, out: &mut dyn Write) -> anyhow::Result<Ended> {
    let loaded = policies::load(&args.policies);
    if !loaded.refusals.is_empty() {
        return report::refused(loaded.sources, loaded.refusals);
    }
    let policies = &loaded.policies;
    let text = match &args.code {
        _ if args.markdown => explain::page(policies),
        None => explain::list(policies),
        Some(code) => match explain::explain(code, policies) {
            Some(text) => text,
            None => return output::refuse(&explain::unknown(code, policies)),
        },
    };
    print(&text, out)
}

fn print(text: &str, out: &mut dyn Write) -> anyhow::Result<Ended> {
    writeln!(out, "{}", text.trim_end())?;
    out.flush()?;
    Ok(Ended::Clean)
}

fn complete(shell: clap_complete::Shell, out: &mut dyn Write) -> anyhow::Result<Ended> {
    // `generate` panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut <Cli as clap::CommandFactory>::command(), "portcullis", &mut script);
    out.write_all(&script)?;
    out.flush()?;
    Ok(Ended::Clean)
}

#[expect(clippy::disallowed_methods, reason = "an edge: time enters the engine here")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Text on a terminal, else JSON; `RUST_LOG` filters.
#[cfg(feature = "server")]
fn log() {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    // What the API server refuses is said by whoever asked, in words.
    let filter = filter.unwrap_or_else(|_| "info,kube_client::client::builder=off".into());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().init();
    }
}

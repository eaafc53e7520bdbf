//! Holds our CEL against what a real API server answered: `cargo run --example cel_agreement -- RECORDS.jsonl [--objects FOLDER]`.
//!
//! Each line of the file is an expression with the API server's verdict: `expr`, `vars`, `params`, `op`, `self`; `compile`,
//! `static_type`, `compile_error`; `outcome` and, for each object that it ran on, `runs`. Beside the file, or in FOLDER, are
//! the `objects`. Those that are `volatile`, whose answer the API server itself does not repeat, are left out. Printed is the
//! agreement by library; with `--verbose` each disagreement. The exit code is 1 where we differ and not on purpose.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool for developers, which prints"
)]

mod objects;
mod ours;
mod records;
mod seen;
mod tally;

use std::{path::PathBuf, process::ExitCode};

use self::{objects::Objects, records::Record, tally::Tally};

const USAGE: &str = "usage: cel_agreement RECORDS.jsonl [--objects FOLDER] [--only TEXT] [--verbose]";

#[derive(Default)]
struct Asked {
    records: Option<PathBuf>,
    objects: Option<PathBuf>,
    /// Only expressions, libraries and ids with this in them.
    only: String,
    verbose: bool,
}

fn main() -> ExitCode {
    let Some((asked, records)) = asked().and_then(|asked| asked.records.clone().map(|records| (asked, records))) else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    let beside = records.parent().unwrap().join("objects");
    let objects = Objects::read(&asked.objects.unwrap_or(beside));
    let text = std::fs::read_to_string(records).unwrap();
    let mut tally = Tally::default();
    for line in text.lines() {
        let record: Record = serde_json::from_str(line).unwrap();
        if [&record.id, &record.lib, &record.expr].iter().any(|field| field.contains(&asked.only)) {
            tally.add(&record, record.judge(&objects));
        }
    }
    print!("{}", tally.report(asked.verbose));
    ExitCode::from(u8::from(tally.differs()))
}

fn asked() -> Option<Asked> {
    let mut asked = Asked::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--objects" => asked.objects = Some(arguments.next()?.into()),
            "--only" => asked.only = arguments.next()?,
            "--verbose" => asked.verbose = true,
            flag if flag.starts_with("--") => return None,
            path => asked.records = Some(path.into()),
        }
    }
    Some(asked)
}

//! `portcullis test`: runs the cases of `*.test.yaml` files and says what differs.

use std::{io::Write, path::PathBuf};

use crate::{
    cases::{self, run},
    cli::{args::TestArgs, check::Ended, output},
    files::{Source, paths},
};

/// Runs the command.
///
/// # Errors
/// Where its output cannot be written.
pub fn run(args: &TestArgs) -> anyhow::Result<Ended> {
    let mut out = output::stdout();
    let (sources, refusals) = case_files(&args.paths);
    let (mut passed, mut failed, mut refused) = (0_usize, 0_usize, refusals.len());
    for refusal in refusals {
        writeln!(out, "error: {}: {}", refusal.file, refusal.message)?;
    }
    for source in &sources {
        let file = match cases::read(source) {
            Ok(file) => file,
            Err(error) => {
                let line = source.text.get(..error.offset).unwrap_or_default().matches('\n').count() + 1;
                writeln!(out, "error: {}:{line}: {error}", source.name)?;
                refused += 1;
                continue;
            }
        };
        for case in &file.cases {
            if args.filter.as_ref().is_some_and(|filter| !case.name.contains(filter.as_str())) {
                continue;
            }
            let differences = match run::prepare(&file, case) {
                Ok(prepared) => run::differences(case, &run::judge(&prepared)),
                Err(message) => vec![message],
            };
            if differences.is_empty() {
                passed += 1;
                writeln!(out, "ok      {}: {}", source.name, case.name)?;
            } else {
                failed += 1;
                writeln!(out, "FAILED  {}: {}", source.name, case.name)?;
                for difference in differences {
                    writeln!(out, "        {difference}")?;
                }
            }
        }
    }
    if sources.is_empty() && refused == 0 {
        writeln!(out, "error: there are no `*.test.yaml` files here")?;
        refused += 1;
    }
    writeln!(out, "{passed} passed, {failed} failed, {refused} could not be read")?;
    out.flush()?;
    Ok(match (failed, refused) {
        (_, 1..) => Ended::Refused,
        (1.., _) => Ended::Findings,
        _ => Ended::Clean,
    })
}

/// The case files that these paths mean: a folder's `*.test.yaml`, or what is named.
fn case_files(paths: &[PathBuf]) -> (Vec<Source>, Vec<crate::files::Refusal>) {
    let (mut sources, refusals) = paths::read(paths);
    sources.retain(|source| {
        source.name.ends_with(".test.yaml") || paths.iter().any(|path| path.display().to_string() == source.name)
    });
    (sources, refusals)
}

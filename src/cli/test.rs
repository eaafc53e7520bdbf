//! `portcullis test`: runs the cases of `*.test.yaml` files and says what differs.

use std::{collections::BTreeSet, io::Write, path::PathBuf};

use crate::{
    cases::{self, run},
    cli::{args::TestArgs, check::Ended, output, report::line},
    engine::node::Path,
    files::{Refusal, Source, paths, refusal_line},
};

/// Runs the command.
///
/// # Errors
/// Where its output cannot be written.
pub fn run(args: &TestArgs) -> anyhow::Result<Ended> {
    let mut out = output::stdout();
    let (sources, mut refusals) = case_files(&args.paths);
    if sources.is_empty() && refusals.is_empty() {
        return output::refuse("there are no `*.test.yaml` files here");
    }
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for (index, source) in sources.iter().enumerate() {
        let file = match cases::read(source) {
            Ok(file) => file,
            Err(error) => {
                refusals.push(refusal(source, index, error.offset, error.message));
                continue;
            }
        };
        if file.cases.is_empty() {
            let at = cases::offset(source, &Path::of(&["cases"]));
            refusals.push(refusal(source, index, at, "there is no case in this file".to_owned()));
        }
        // What is wrong with the file's own policies is wrong with each of its cases.
        let mut bad = BTreeSet::new();
        for case in &file.cases {
            if args.filter.as_ref().is_some_and(|filter| !case.name.contains(filter.as_str())) {
                continue;
            }
            let differences = match run::prepare(&file, case) {
                Ok(prepared) => run::differences(case, &run::judge(&prepared)),
                Err(why) => {
                    bad.insert(why);
                    continue;
                }
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
        refusals.extend(bad.into_iter().map(|bad| refusal(source, index, cases::offset(source, &bad.at), bad.message)));
    }
    if passed + failed + refusals.len() == 0 {
        let filter = args.filter.as_deref().unwrap_or_default();
        return output::refuse(&format!("no case has `{}` in its name", line(filter)));
    }
    for refusal in &refusals {
        writeln!(out, "error: {}", line(&refusal_line(refusal, &sources)))?;
    }
    writeln!(out, "{passed} passed, {failed} failed, {} could not be read", refusals.len())?;
    out.flush()?;
    Ok(match (failed, refusals.len()) {
        (_, 1..) => Ended::Refused,
        (1.., _) => Ended::Findings,
        _ => Ended::Clean,
    })
}

fn refusal(source: &Source, index: usize, at: usize, message: String) -> Refusal {
    Refusal { file: source.name.clone(), span: Some((index, at..at)), message, help: None }
}

/// The case files that these paths mean: a folder's `*.test.yaml`, or what is named.
fn case_files(paths: &[PathBuf]) -> (Vec<Source>, Vec<Refusal>) {
    let (mut sources, refusals) = paths::read(paths);
    sources.retain(|source| {
        source.name.ends_with(".test.yaml") || paths.iter().any(|path| path.display().to_string() == source.name)
    });
    (sources, refusals)
}

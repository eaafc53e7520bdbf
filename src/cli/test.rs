//! `portcullis test`: runs the cases of `*.test.yaml` files and says what differs.

mod human;
pub mod json;
mod junit;

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use crate::{
    cases::{self, Case, CaseFile, Unusable, differences::Difference, run},
    cli::{
        args::{TestArgs, TestFormat},
        check::Ended,
        output,
        report::{Options, line},
    },
    files::{Refusal, Source, paths},
};

/// What became of the cases, in the order of files and of places in them.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) cases: Vec<Tried>,
    /// How many the filter left out.
    pub(super) filtered: usize,
    /// What the refusals point into.
    pub(super) sources: Vec<Source>,
    pub(super) refusals: Vec<Refusal>,
    /// File, line and message of what was refused.
    told: BTreeSet<(String, Option<usize>, String)>,
}

/// A case, and what became of it.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) file: String,
    /// Of its first line, from 1.
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) became: Became,
}

#[derive(Debug)]
pub(super) enum Became {
    Ok {
        /// Whether any policy selects what the case is about: where a kind is misspelt, none does.
        judged: bool,
    },
    Failed(Vec<Difference>),
    /// Why it is not run.
    Skipped(String),
    /// What is wrong with it is among the refusals.
    Refused,
    /// Nothing: it was only to be told.
    Listed,
}

/// The numbers.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, schemars::JsonSchema)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    /// Cases that the filter left out.
    pub filtered: usize,
    /// Files, policies and cases that make no sense.
    pub refused: usize,
}

/// Runs the command.
///
/// # Errors
/// Where its output cannot be written.
pub fn run(args: &TestArgs) -> anyhow::Result<Ended> {
    if args.list && args.format == TestFormat::Junit {
        return output::refuse("what `--list` prints is `human` or `json`: JUnit tells of cases that ran");
    }
    let (files, refusals) = paths::read_those(&args.paths, |path| path.to_string_lossy().ends_with(".test.yaml"));
    if files.is_empty() && refusals.is_empty() {
        let places: Vec<_> = args.paths.iter().map(|path| line(&path.display().to_string()).into_owned()).collect();
        return output::refuse(&format!("there are no `*.test.yaml` files in {}", places.join(" or ")));
    }
    let results = results(args, &files, refusals);
    if results.cases.is_empty() && results.refusals.is_empty() {
        let filters: Vec<_> = args.filter.iter().map(|filter| format!("`{}`", line(filter))).collect();
        let cases = results.filtered;
        return output::refuse(&format!("none of the {cases} cases has {} in its `FILE > NAME`", filters.join(" or ")));
    }
    let mut out = output::stdout();
    results.write(args, &mut out)?;
    out.flush()?;
    let counts = results.counts();
    Ok(match (counts.failed, counts.refused) {
        (_, 1..) => Ended::Refused,
        (1.., _) => Ended::Findings,
        _ => Ended::Clean,
    })
}

fn results(args: &TestArgs, files: &[Source], refusals: Vec<Refusal>) -> Results {
    let mut results = Results { refusals, ..Results::default() };
    for source in files {
        let file = match cases::read(source) {
            Ok(file) => file,
            Err(unusable) => {
                results.refuse(unusable);
                continue;
            }
        };
        for (case, line) in file.cases.iter().zip(file.lines()) {
            let full_name = format!("{} > {}", source.name, case.name);
            if !args.filter.is_empty() && !args.filter.iter().any(|filter| full_name.contains(filter.as_str())) {
                results.filtered += 1;
                continue;
            }
            let became = if args.list { Became::Listed } else { results.run(&file, case) };
            results.cases.push(Tried { file: source.name.clone(), line, name: case.name.clone(), became });
        }
    }
    results
}

// === impl Results ===

impl Results {
    fn run(&mut self, file: &CaseFile, case: &Case) -> Became {
        if let Some(why) = &case.skip {
            return Became::Skipped(why.clone());
        }
        match run::prepare(file, case) {
            Ok(prepared) => {
                let outcome = run::judge(&prepared);
                match run::differences(case, &outcome) {
                    differences if differences.is_empty() => Became::Ok { judged: outcome.judged },
                    differences => Became::Failed(differences),
                }
            }
            Err(unusable) => {
                self.refuse(unusable);
                Became::Refused
            }
        }
    }

    /// Takes note of what is wrong; what is wrong for several cases is told once.
    fn refuse(&mut self, unusable: Unusable) {
        let Unusable { sources, mut refusals } = unusable;
        refusals.retain(|refusal| {
            let place = (refusal.file.clone(), refusal.line(&sources), refusal.message.clone());
            self.told.insert(place)
        });
        if !refusals.is_empty() {
            let behind = self.sources.len();
            self.refusals.extend(refusals.into_iter().map(|refusal| refusal.behind(behind)));
            self.sources.extend(sources);
        }
    }

    fn write(&self, args: &TestArgs, out: &mut dyn io::Write) -> io::Result<()> {
        match args.format {
            TestFormat::Human => {
                human::write(self, Options { color: output::wants_color(args.color), width: None }, out)
            }
            TestFormat::Json => json::write(self, out),
            TestFormat::Junit => junit::write(self, out),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts { filtered: self.filtered, refused: self.refusals.len(), ..Counts::default() };
        for tried in &self.cases {
            match tried.became {
                Became::Ok { .. } => counts.passed += 1,
                Became::Failed(_) => counts.failed += 1,
                Became::Skipped(_) => counts.skipped += 1,
                Became::Refused | Became::Listed => {}
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests;

//! For people: a line for each case, what differs in those that fail, what could not be read, and the numbers.

use std::io;

use similar::{ChangeTag, TextDiff};

use crate::{
    cases::differences::{Difference, Field},
    cli::{
        report::{self, Options, Report, count},
        test::{Became, Results, Tried},
    },
};

/// Lines of a diff around what differs.
const CONTEXT: usize = 3;

/// Columns of what was expected beyond which what was found stands on a line of its own.
const WIDE: usize = 60;

#[derive(Clone, Copy)]
enum Paint {
    Red,
    Green,
    Yellow,
    Bold,
}

/// Where to write, and whether in colour.
struct Page<'o> {
    out: &'o mut dyn io::Write,
    color: bool,
}

pub(super) fn write(results: &Results, options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page { out, color: options.color };
    let width = results.cases.iter().map(|tried| place(tried).chars().count()).max().unwrap_or_default();
    let mut file = None;
    for tried in &results.cases {
        if file.is_some_and(|file: &str| file != tried.file) {
            writeln!(page.out)?;
        }
        file = Some(tried.file.as_str());
        page.case(tried, width)?;
    }
    for tried in &results.cases {
        if let Became::Failed(differences) = &tried.became {
            page.failure(tried, differences)?;
        }
    }
    if !results.cases.is_empty() {
        writeln!(page.out)?;
    }
    let (sources, refusals) = (results.sources.clone(), results.refusals.clone());
    report::write_refusals(&Report { sources, refusals, ..Report::default() }, options, page.out)?;
    page.summary(results)
}

fn place(tried: &Tried) -> String {
    format!("{}:{}", report::line(&tried.file), tried.line)
}

// === impl Page ===

impl Page<'_> {
    fn painted(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Red => "31",
            Paint::Green => "32",
            Paint::Yellow => "33",
            Paint::Bold => "1",
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn case(&mut self, tried: &Tried, width: usize) -> io::Result<()> {
        let (place, name) = (place(tried), report::line(&tried.name));
        let word = match tried.became {
            Became::Ok { .. } => self.painted(Paint::Green, "ok     "),
            Became::Failed(_) => self.painted(Paint::Red, "FAILED "),
            Became::Skipped(_) => self.painted(Paint::Yellow, "skipped"),
            Became::Refused => self.painted(Paint::Red, "refused"),
            Became::Listed => return writeln!(self.out, "{place:width$}  {name}"),
        };
        match &tried.became {
            Became::Skipped(why) => writeln!(self.out, "{word}  {place:width$}  {name} ({})", report::line(why)),
            Became::Ok { judged: false } => writeln!(self.out, "{word}  {place:width$}  {name} (no policy judges it)"),
            _ => writeln!(self.out, "{word}  {place:width$}  {name}"),
        }
    }

    fn failure(&mut self, tried: &Tried, differences: &[Difference]) -> io::Result<()> {
        let title = self.painted(Paint::Bold, &format!("{}: {}", place(tried), report::line(&tried.name)));
        writeln!(self.out, "\n{title}")?;
        differences.iter().try_for_each(|difference| self.difference(difference))
    }

    fn difference(&mut self, difference: &Difference) -> io::Result<()> {
        match difference {
            Difference::Missing { finding } => {
                let sign = self.painted(Paint::Red, "- missing");
                writeln!(self.out, "  {sign}     {}", report::line(finding))
            }
            Difference::Unexpected { finding } => {
                let sign = self.painted(Paint::Green, "+ unexpected");
                writeln!(self.out, "  {sign}  {}", report::line(finding))
            }
            Difference::Finding { code, fields } => {
                writeln!(self.out, "  ~ differs     {}", report::line(code))?;
                self.fields(fields, 16)
            }
            Difference::Value(field) => {
                write!(self.out, "  ~ differs   ")?;
                self.fields(std::slice::from_ref(field), 2)
            }
            Difference::Objects(field) => {
                writeln!(self.out, "  ~ differs     {}", field.name)?;
                self.diff(field)
            }
        }
    }

    /// What was expected beside what was found.
    fn fields(&mut self, fields: &[Field], indent: usize) -> io::Result<()> {
        let shown = |text: &str| report::line(if text.is_empty() { "none" } else { text }).into_owned();
        let names = fields.iter().map(|field| field.name.len()).max().unwrap_or_default();
        let wanted = fields.iter().map(|field| shown(&field.expected).chars().count()).filter(|width| *width <= WIDE);
        let wanted = wanted.max().unwrap_or_default();
        for field in fields {
            let (expected, found) = (shown(&field.expected), shown(&field.found));
            let behind = wanted.saturating_sub(expected.chars().count());
            let name = field.name;
            let expected_painted = self.painted(Paint::Red, &expected);
            let found_painted = self.painted(Paint::Green, &found);
            let between = if expected.chars().count() > WIDE {
                format!("\n{:indent$}{:names$}  ", "", "")
            } else {
                format!("{:behind$}  ", "")
            };
            writeln!(
                self.out,
                "{:indent$}{name:names$}  expected {expected_painted}{between}found {found_painted}",
                ""
            )?;
        }
        Ok(())
    }

    /// From what was expected to what was found.
    fn diff(&mut self, field: &Field) -> io::Result<()> {
        let diff = TextDiff::from_lines(&field.expected, &field.found);
        writeln!(self.out, "    --- expected\n    +++ found")?;
        for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
            writeln!(self.out, "    {}", hunk.header())?;
            for change in hunk.iter_changes() {
                let text = report::line(change.value().trim_end_matches(['\r', '\n'])).into_owned();
                let text = match change.tag() {
                    ChangeTag::Delete => self.painted(Paint::Red, &format!("-{text}")),
                    ChangeTag::Insert => self.painted(Paint::Green, &format!("+{text}")),
                    ChangeTag::Equal => format!(" {text}"),
                };
                writeln!(self.out, "    {text}")?;
            }
        }
        Ok(())
    }

    fn summary(&mut self, results: &Results) -> io::Result<()> {
        let counts = results.counts();
        let listed = results.cases.iter().filter(|tried| matches!(tried.became, Became::Listed)).count();
        let mut words = match listed {
            0 => vec![format!("{} passed", counts.passed), format!("{} failed", counts.failed)],
            _ => vec![count(listed, "case")],
        };
        for (n, what) in
            [(counts.skipped, "skipped"), (counts.filtered, "left out"), (counts.refused, "could not be read")]
        {
            words.extend((n > 0).then(|| format!("{n} {what}")));
        }
        let words = words.join(", ");
        let bad = counts.failed + counts.refused > 0;
        let words = if listed > 0 { words } else { self.painted(if bad { Paint::Red } else { Paint::Green }, &words) };
        writeln!(self.out, "{words}")
    }
}

//! The agreement by library, as a table.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::records::{Judged, Record};

#[derive(Default)]
struct Library {
    agree: usize,
    of: usize,
    let_pass: usize,
    refused: usize,
    differs: usize,
    on_purpose: usize,
}

#[derive(Default)]
pub(crate) struct Tally {
    libraries: BTreeMap<String, Library>,
    /// What they refuse and we let pass, by the kind of their refusal.
    let_pass: BTreeMap<String, usize>,
    on_purpose: BTreeMap<&'static str, usize>,
    volatile: usize,
    disagreements: Vec<String>,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn add(&mut self, record: &Record, judged: Judged) {
        if let Judged::Volatile = judged {
            self.volatile += 1;
            return;
        }
        let library = self.libraries.entry(record.lib.clone()).or_default();
        library.of += 1;
        let told = match judged {
            Judged::Agrees | Judged::Volatile => {
                library.agree += 1;
                return;
            }
            Judged::OnPurpose(reason) => {
                library.on_purpose += 1;
                *self.on_purpose.entry(reason).or_default() += 1;
                return;
            }
            Judged::LetPass { kind, theirs } => {
                library.let_pass += 1;
                *self.let_pass.entry(kind).or_default() += 1;
                format!("  theirs: refused: {theirs}\n  ours:   taken")
            }
            Judged::Refused { ours } => {
                library.refused += 1;
                format!("  theirs: taken\n  ours:   refused: {ours}")
            }
            Judged::Differs { object, theirs, ours } => {
                library.differs += 1;
                format!("  on {object}\n  theirs: {theirs}\n  ours:   {ours}")
            }
        };
        self.disagreements.push(format!("{} ({}): {}\n{told}", record.id, record.lib, record.expr));
    }

    pub(crate) fn differs(&self) -> bool {
        !self.disagreements.is_empty()
    }

    pub(crate) fn report(&self, verbose: bool) -> String {
        let mut text = String::new();
        if verbose {
            for disagreement in &self.disagreements {
                let _ = writeln!(text, "{disagreement}\n");
            }
        }
        let head = ["library", "agree", "of", "let pass", "refused", "differ", "on purpose"];
        let mut all = Library::default();
        let mut rows = Vec::new();
        for (name, library) in &self.libraries {
            all.agree += library.agree;
            all.of += library.of;
            all.let_pass += library.let_pass;
            all.refused += library.refused;
            all.differs += library.differs;
            all.on_purpose += library.on_purpose;
            rows.push((name.as_str(), library));
        }
        rows.push(("all", &all));
        let _ = writeln!(
            text,
            "{:<18}{:>7}{:>7}{:>10}{:>9}{:>8}{:>12}",
            head[0], head[1], head[2], head[3], head[4], head[5], head[6]
        );
        for (name, row) in rows {
            let _ = writeln!(
                text,
                "{name:<18}{:>7}{:>7}{:>10}{:>9}{:>8}{:>12}",
                row.agree, row.of, row.let_pass, row.refused, row.differs, row.on_purpose
            );
        }
        let _ = writeln!(text, "\n{} left out: the API server's own answer to them changes", self.volatile);
        for (reason, count) in &self.on_purpose {
            let _ = writeln!(text, "{count} differ on purpose: {reason}");
        }
        if !self.let_pass.is_empty() {
            let _ = writeln!(text, "\nrefused by the API server when written, and taken here:");
            for (kind, count) in &self.let_pass {
                let _ = writeln!(text, "{count:>6}  {kind}");
            }
        }
        text
    }
}

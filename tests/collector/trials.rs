//! What became of many configurations, counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use portcullis::engine::kinds::collector::validity::{Starts, starts};

use crate::{
    configurations::{Configuration, value},
    otelcol::{Otelcol, Verdict},
    standins, stripping,
};

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    tried: usize,
    accepted: usize,
    /// Of those accepted, how many only with [stand-ins](standins).
    with_stand_ins: usize,
    /// Of those accepted, how many were changed.
    stripped: usize,
    /// Of those accepted, how many keep a loud exporter because nobody can take it out for sure; the user hears of it.
    told: usize,
    /// Not accepted as they were.
    refused: usize,
    /// Nothing is known of them: by the component that our collector lacks.
    skipped: BTreeMap<String, usize>,
    problems: Vec<String>,
}

/// So many, else the test says less than it did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    pub(crate) accepted: usize,
    pub(crate) stripped: usize,
}

/// More wait than work.
const WORKERS: usize = 4;

pub(crate) fn of(otelcol: &Otelcol, configurations: &[Configuration]) -> Seen {
    let seen = Mutex::new(Seen::default());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(configuration) = configurations.get(next.fetch_add(1, Ordering::Relaxed)) {
                    try_one(otelcol, configuration, &seen);
                }
            });
        }
    });
    seen.into_inner().unwrap()
}

// === impl Seen ===

impl Seen {
    pub(crate) fn judge(&self, floor: Floor) -> Result<(), String> {
        if !self.problems.is_empty() {
            return Err(self.problems.join("\n\n"));
        }
        if self.accepted < floor.accepted || self.stripped < floor.stripped {
            return Err(format!("too few to say anything, of {floor:?}: {self}"));
        }
        Ok(())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tried, accepted, with_stand_ins, stripped, told, refused, skipped, problems } = self;
        let lacking: usize = skipped.values().sum();
        write!(f, "of {tried} configurations the collector accepts {accepted} ({with_stand_ins} with stand-ins), ")?;
        write!(f, "refuses {refused} and lacks parts of {lacking}")?;
        for (index, (component, count)) in skipped.iter().enumerate() {
            write!(f, "{}{count} {component}", if index == 0 { " (" } else { ", " })?;
        }
        let end = if skipped.is_empty() { "" } else { ")" };
        write!(f, "{end}; of those accepted {stripped} are stripped, {told} left and told, {} broken", problems.len())
    }
}

fn try_one(otelcol: &Otelcol, original: &Configuration, seen: &Mutex<Seen>) {
    let file = format!("{:?}", thread::current().id());
    let (configuration, verdict) = with_stand_ins(otelcol, &file, original);
    let before = configuration.texts_in(&configuration.object);
    {
        let mut seen = seen.lock().unwrap();
        seen.tried += 1;
        match verdict {
            Verdict::Accepted => {
                seen.accepted += 1;
                seen.with_stand_ins += usize::from(before != original.texts_in(&original.object));
            }
            Verdict::Refused(_) => seen.refused += 1,
            Verdict::Lacks { ref section, ref kind } => {
                *seen.skipped.entry(format!("{section}/{kind}")).or_default() += 1;
            }
        }
    }
    if verdict != Verdict::Accepted {
        return;
    }
    let name = &configuration.name;
    if let [one] = before.as_slice()
        && let Some(Starts::No(violations)) = value(one).map(|config| starts(&config))
    {
        let problem = format!("{name}: we say that it does not start: {violations:?}\n{one}");
        seen.lock().unwrap().problems.push(problem);
    }
    let mut results = BTreeSet::new();
    let (mut told, mut problems) = (false, Vec::new());
    for stripped in stripping::all(&configuration) {
        let loud = stripping::loud(&stripped.texts);
        told |= stripped.in_production && !loud.is_empty();
        if stripped.in_production && !loud.is_empty() && !stripped.told {
            problems.push(format!("{name}: {loud:?} stay, and nobody is told:\n{}", stripped.texts.join("---\n")));
        }
        results.insert(stripped.texts);
    }
    results.remove(&before);
    for after in &results {
        let verdict = otelcol.validate(&file, after);
        if verdict != Verdict::Accepted {
            problems.push(format!(
                "{name}: {verdict:?}, after it became\n{}\nfrom\n{}",
                after.join("---\n"),
                before.join("---\n")
            ));
        }
    }
    let mut seen = seen.lock().unwrap();
    seen.stripped += usize::from(!results.is_empty());
    seen.told += usize::from(told);
    seen.problems.extend(problems);
}

/// What the collector says, once what it lacks is replaced as far as that can be.
fn with_stand_ins(otelcol: &Otelcol, file: &str, original: &Configuration) -> (Configuration, Verdict) {
    let mut configuration = original.clone();
    loop {
        let verdict = otelcol.validate(file, &configuration.texts_in(&configuration.object));
        let Verdict::Lacks { section, kind } = &verdict else { return (configuration, verdict) };
        let Some(replaced) = standins::in_place_of(section, kind, &configuration) else {
            return (configuration, verdict);
        };
        configuration = replaced;
    }
}

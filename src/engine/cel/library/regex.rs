//! Regular expressions, as Go's RE2 has them: each is compiled once, and limited in size.
//!
//! `matches` is cel-go's (`common/stdlib`), `find` and `findAll` are Kubernetes' (apiserver `pkg/cel/library/regex.go`).

mod class;
mod syntax;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use regex::{Regex, RegexBuilder};

use crate::engine::{
    cel::{
        Failure, Meter, Type, Value,
        ast::{Expr, Kind, Literal},
        functions::{Answer, Call, Cost, Overload},
        library::{regex::syntax::Translated, strings},
        run::cost,
        value::{List, Text},
    },
    limits,
};

/// A pattern, compiled. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Pattern(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    go: Arc<str>,
    regex: Regex,
    /// About how many states a character is tried against at worst.
    width: usize,
}

/// Characters of a text that are tried against a state take this many to be worth a step of the meter: most are tried against few.
const STATES_OF_A_STEP: usize = 4;

/// What follows a text that was found is read this fast while the next one is looked for.
const BYTES_READ_IN_A_STEP: usize = 16;

/// A state takes about a microsecond where there are many, and what is small takes as long as a hundred states.
const STEPS_TO_MAKE_A_STATE: usize = 60;
const STATES_OF_ANY: usize = 100;

/// With what searching keeps of it.
const BYTES_OF_A_STATE: usize = 200;

/// Those that are written out are compiled with their expression, the others once in a request.
#[derive(Debug, Default)]
pub struct Patterns {
    made: BTreeMap<Arc<str>, Result<Pattern, String>>,
}

/// Compiles a pattern of Go.
///
/// # Errors
/// Why Go refuses it, in its words, or that it is too large.
pub fn prepare(pattern: &str) -> Result<Pattern, String> {
    compile(pattern, &syntax::translate(pattern).map_err(wrong)?)
}

/// The patterns that are written out in an expression, in the order in which they stand there.
pub fn written_out(expr: &Expr) -> Vec<Pattern> {
    let mut found: Vec<Pattern> = expr.parts().flat_map(written_out).collect();
    if let Kind::Call(call) = &expr.kind
        && matches!(&*call.function, "matches" | "find" | "findAll")
        && let Some(pattern) = call.target.iter().chain(&call.args).nth(1)
        && let Kind::Literal(Literal::String(pattern)) = &pattern.kind
    {
        found.extend(prepare(pattern));
    }
    found
}

pub fn functions() -> Vec<Overload> {
    let string = || Type::String;
    let texts = || Type::list(Type::String);
    let search: Cost = |args, _| cost::search(cost::size_of(args, 0), cost::size_of(args, 1));
    vec![
        // Of the two, cel-go knows what only the member costs.
        Overload::global("matches", "matches", [string(), string()], Type::Bool, matches),
        Overload::member("matches", "matches_string", [string(), string()], Type::Bool, matches)
            .costing_if_known(search),
        Overload::member("find", "string_find_string", [string(), string()], string(), find).costing(search),
        Overload::member("findAll", "string_find_all_string", [string(), string()], texts(), find_all).costing(search),
        Overload::member("findAll", "string_find_all_string_int", [string(), string(), Type::Int], texts(), find_all)
            .costing(search),
    ]
}

fn matches<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(text), Value::String(pattern)] = call.args else { return Err(Failure::no_such_overload()) };
    let pattern = call.patterns.get(pattern.as_str(), text.as_str(), "", call.meter)?;
    Ok(Value::Bool(pattern.0.regex.is_match(text.as_str())))
}

fn find<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(text), Value::String(pattern)] = call.args else { return Err(Failure::no_such_overload()) };
    let pattern = call.patterns.get(pattern.as_str(), text.as_str(), "Illegal regex: ", call.meter)?;
    let found = pattern.0.regex.find(text.as_str());
    Ok(found.map_or_else(|| Value::String(Text::Borrowed("")), |found| strings::part(text, found.start(), found.end())))
}

/// The third argument is the most that is wanted; all of them if it is below 0.
fn find_all<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (text, pattern, most) = match call.args {
        [Value::String(text), Value::String(pattern)] => (text, pattern, -1),
        [Value::String(text), Value::String(pattern), Value::Int(most)] => (text, pattern, *most),
        _ => return Err(Failure::no_such_overload()),
    };
    call.meter.afford(cost::search(cost::size_of(call.args, 0), cost::size_of(call.args, 1)))?;
    let pattern = call.patterns.get(pattern.as_str(), text.as_str(), "Illegal regex: ", call.meter)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for each in pattern.0.regex.find_iter(text.as_str()).take(most) {
        // To find the next one, all that follows may be read.
        call.meter.work((text.as_str().len() - each.start()) / BYTES_READ_IN_A_STEP)?;
        call.meter.allocate_items(1)?;
        call.meter.allocate(each.len())?;
        found.push(strings::part(text, each.start(), each.end()));
    }
    Ok(Value::List(List::from(found)))
}

// === impl Pattern ===

impl Pattern {
    /// As it was written, in Go's syntax.
    pub fn as_str(&self) -> &str {
        &self.0.go
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.0.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

// === impl Patterns ===

impl Patterns {
    /// These are compiled already.
    pub fn know(&mut self, patterns: &[Pattern]) {
        for pattern in patterns {
            if !self.made.contains_key(pattern.as_str()) {
                self.made.insert(Arc::clone(&pattern.0.go), Ok(pattern.clone()));
            }
        }
    }

    /// For what is searched with it, which is paid. What is wrong with it is said behind `prefix`.
    fn get(&mut self, pattern: &str, text: &str, prefix: &str, meter: &mut Meter) -> Result<Pattern, Failure> {
        let made = match self.made.get(pattern) {
            Some(made) => made.clone(),
            None => self.make(pattern, meter)?,
        };
        let made = made.map_err(|why| Failure::error(format!("{prefix}{why}")))?;
        meter.work(text.len().saturating_add(1).saturating_mul(made.0.width) / STATES_OF_A_STEP)?;
        Ok(made)
    }

    fn make(&mut self, pattern: &str, meter: &mut Meter) -> Result<Result<Pattern, String>, Failure> {
        meter.work(pattern.len())?;
        let translated = syntax::translate(pattern).map_err(wrong);
        if let Ok(translated) = &translated {
            let states = translated.size.saturating_add(STATES_OF_ANY);
            meter.work(states.saturating_mul(STEPS_TO_MAKE_A_STATE))?;
            meter.allocate(states.saturating_mul(BYTES_OF_A_STATE))?;
        }
        let made = translated.and_then(|translated| compile(pattern, &translated));
        self.made.insert(pattern.into(), made.clone());
        Ok(made)
    }
}

fn compile(pattern: &str, translated: &Translated) -> Result<Pattern, String> {
    let regex = RegexBuilder::new(&translated.pattern)
        .nest_limit(10 * u32::try_from(limits::CEL_PATTERN_DEPTH).unwrap_or(u32::MAX / 10))
        .build()
        .map_err(|_| wrong(syntax::refusal("expression too large", pattern)))?;
    Ok(Pattern(Arc::new(Compiled { go: pattern.into(), regex, width: translated.width })))
}

/// In Go's words.
fn wrong(why: String) -> String {
    format!("error parsing regexp: {why}")
}

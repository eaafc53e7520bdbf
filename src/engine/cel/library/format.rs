//! `"%s".format([…])` (cel-go `ext/formatting.go`, the one of version 2 of the strings), in the English of its `message` printer.
//!
//! What is wrong with a format that is written out with its arguments is known before it runs: `check/formats.rs` says so.

mod clause;
mod shown;
#[cfg(test)]
mod tests;

use crate::engine::cel::{
    Failure, Value,
    functions::{Answer, Call},
    library::format::shown::Shown,
};

pub(super) fn run<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(format), Value::List(args)] = call.args else { return Err(Failure::no_such_overload()) };
    let mut shown = Shown { text: String::new(), meter: call.meter };
    clause::each(format.as_str(), |step| match step {
        clause::Step::Text(part) => shown.text(part),
        clause::Step::Clause(index, clause) => {
            let arg = args.get(index).ok_or_else(|| Failure::error(format!("index {index} out of range")))?;
            shown.value(&arg, clause.map_err(Failure::Error)?)
        }
    })?;
    Ok(Value::text(shown.text))
}

//! `"%s".format([…])` (cel-go `ext/formatting.go`, the one of version 2 of the strings), in the English of its `message` printer.
//!
//! A format that is written out with its arguments is checked where it is written; all else when it runs.

mod clause;
mod shown;

use crate::engine::cel::{
    Failure, Type, Value,
    functions::{Answer, Call},
    library::format::shown::Shown,
};

/// An argument of `format`, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Byte in the source.
    pub at: u32,
    pub of: Type,
    /// The elements of a list, the keys and values of a map, where they are written out.
    pub parts: Vec<Self>,
}

/// Whether a format can be filled with these arguments, as far as their types tell.
///
/// # Errors
/// What is wrong, as cel-go words it, and where; nowhere for what is wrong with the call itself.
pub fn check(format: &str, args: &[Written]) -> Result<(), (Option<u32>, String)> {
    let mut used = 0;
    clause::each(format, |step| {
        let clause::Step::Clause(index, clause) = step else { return Ok(()) };
        let arg = args.get(index).ok_or_else(|| (None, format!("index {index} out of range")))?;
        let clause = clause.map_err(|message| (None, message))?;
        used = index + 1;
        match clause.refused(arg) {
            Some(bad) => Err((Some(bad.at), clause.refusal(&type_name(&bad.of)))),
            None => Ok(()),
        }
    })?;
    if args.len() > used {
        let message = format!("too many arguments supplied to string.format (expected {used}, got {})", args.len());
        return Err((None, message));
    }
    Ok(())
}

pub(super) fn run<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(format), Value::List(args)] = call.args else { return Err(Failure::no_such_overload()) };
    let mut shown = Shown { text: String::new(), meter: call.meter };
    clause::each(format.as_str(), |step| {
        match step {
            clause::Step::Text(part) => shown.text(part),
            clause::Step::Clause(index, clause) => {
                let arg = args.get(index).ok_or_else(|| Failure::error(format!("index {index} out of range")))?;
                shown.value(&arg, clause.map_err(Failure::Error)?)
            }
        }
    })?;
    Ok(Value::text(shown.text))
}

/// The name of what a static type is when it runs.
fn type_name(of: &Type) -> String {
    match of {
        Type::Null => "null_type".to_owned(),
        Type::Duration => "google.protobuf.Duration".to_owned(),
        Type::Timestamp => "google.protobuf.Timestamp".to_owned(),
        Type::List(_) => "list".to_owned(),
        Type::Map(..) => "map".to_owned(),
        Type::Optional(_) => "optional_type".to_owned(),
        Type::Type(_) => "type".to_owned(),
        Type::Object(object) => object.name.to_string(),
        other => other.to_string(),
    }
}

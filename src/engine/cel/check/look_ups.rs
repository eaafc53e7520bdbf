//! What the functions of `cluster` are asked with: what is written out and can name nothing is refused.

use crate::engine::{
    cel::{
        ast::{Expr, Kind, Literal},
        check::{Bad, Checked},
        given::look_ups::{Function, REFERRED, Takes},
        library::{named_formats, standard::names},
        types::Type,
    },
    rules::suggest,
};

pub(super) use crate::engine::cel::given::look_ups::function;

/// # Errors
/// The first argument with which it finds nothing, whatever there is in the cluster.
pub(super) fn check(function: &Function, args: &[Expr], given: &[Type]) -> Checked<()> {
    for ((takes, arg), of) in function.takes.iter().zip(args).zip(given) {
        if *takes == Takes::TelemetryObject && !matches!(of, Type::Dyn | Type::Map(..)) {
            let message = format!("`cluster.{}` takes an object as it is written, not {of}", function.name);
            return Err(Bad::new(arg.at, message));
        }
        let mut written = Vec::new();
        written_out(arg, &mut written);
        for (at, text) in written {
            wrong(*takes, text).map_or(Ok(()), |message| Err(Bad::new(at, message)))?;
        }
    }
    Ok(())
}

/// The strings that an argument may be, where they are written out.
fn written_out<'e>(arg: &'e Expr, into: &mut Vec<(u32, &'e str)>) {
    match &arg.kind {
        Kind::Literal(Literal::String(text)) => into.push((arg.at, text)),
        Kind::Call(call) if &*call.function == names::CONDITIONAL => {
            call.args.iter().skip(1).for_each(|branch| written_out(branch, into));
        }
        _ => {}
    }
}

fn wrong(takes: Takes, text: &str) -> Option<String> {
    let (is_name, kind, says) = match takes {
        Takes::TelemetryObject => return None,
        Takes::ReferredKind => return wrong_kind(text),
        Takes::Label(kind) => {
            (named_formats::is_label as fn(&str) -> bool, kind, "at most 63 lower-case letters, digits and `-`")
        }
        Takes::Name(kind) => (
            named_formats::is_subdomain as fn(&str) -> bool,
            kind,
            "at most 253 lower-case letters, digits, `-` and `.`",
        ),
    };
    // Nothing is the usual word for a name that is not there: `has(…) ? … : ''`.
    if text.is_empty() || is_name(text) {
        return None;
    }
    let what = format!("no {kind} can be named `{text}`");
    let lower = text.trim().to_ascii_lowercase();
    Some(if is_name(&lower) { format!("{what}; did you mean `{lower}`?") } else { format!("{what}: a name is {says}") })
}

fn wrong_kind(text: &str) -> Option<String> {
    let kinds = || REFERRED.iter().map(|(_, kind)| *kind);
    if text.is_empty() || kinds().any(|kind| kind == text) {
        return None;
    }
    let what = format!("`{text}` is no kind that telemetry refers or attaches to");
    Some(match suggest::closest(text, kinds()) {
        Some(closest) => format!("{what}; did you mean `{closest}`?"),
        None => format!("{what}; these are {}", suggest::listed(kinds().map(|kind| format!("`{kind}`")))),
    })
}

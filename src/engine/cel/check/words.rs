//! What is wrong, in words, and what would have been right.

use std::{collections::BTreeSet, fmt::Write};

use crate::engine::{
    cel::{
        functions::Overload,
        library::{self, protobuf},
        macros,
        types::{ObjectType, Type},
    },
    rules::suggest,
};

/// Overloads that a message lists.
const LISTED: usize = 6;

/// Names that other environments or languages have, and what does the same here.
const ELSEWHERE: [(&str, &str); 14] = [
    ("any", "exists"),
    ("every", "all"),
    ("includes", "contains"),
    ("len", "size"),
    ("length", "size"),
    ("oldSelf", "oldObject"),
    ("replaceAll", "replace"),
    ("self", "object"),
    ("some", "exists"),
    ("toLowerCase", "lowerAscii"),
    ("toUpperCase", "upperAscii"),
    ("tolower", "lowerAscii"),
    ("toupper", "upperAscii"),
    ("typeof", "type"),
];

/// Libraries of CEL that Kubernetes leaves out of its policies.
const LEFT_OUT: [&str; 5] = ["base64", "cel", "math", "proto", "regex"];

pub(super) fn no_name<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    if LEFT_OUT.contains(&name) {
        return left_out(name);
    }
    if is_namespace(name) {
        return format!("`{name}` is no value: it stands before the names of functions, as in `{}`", first_of(name));
    }
    match name {
        "params" => "there are no `params` without a `paramRef`, which names the ConfigMap that they are".to_owned(),
        "variables" => "match conditions see no `variables`, which are of what is judged".to_owned(),
        _ => with_closest(format!("there is no variable `{name}` here"), name, known),
    }
}

/// The type of `variables`, as Kubernetes calls it.
const VARIABLES: &str = "kubernetes.variables";

pub(super) fn no_field(of: &ObjectType, field: &str) -> String {
    let what = match &*of.name {
        VARIABLES => format!("there is no variable `variables.{field}` here: each sees those before it alone"),
        name => format!("`{name}` has no field `{field}`"),
    };
    let names = || of.fields.iter().map(|(name, _)| &**name);
    match suggest::closest(field, names()) {
        Some(closest) => format!("{what}; did you mean `{closest}`?"),
        None if of.fields.is_empty() => what,
        None if &*of.name == VARIABLES => {
            format!("{what}; there are {}", suggest::listed(names().map(|name| format!("`{name}`"))))
        }
        None => format!("{what}; it has {}", suggest::listed(names().map(|name| format!("`{name}`")))),
    }
}

pub(super) fn no_fields(of: &Type, field: &str) -> String {
    match elsewhere(field) {
        Some(here) => format!("{of} has no fields; did you mean `{here}()`?"),
        None => format!("{of} has no fields, and so no `{field}`"),
    }
}

pub(super) fn no_struct(name: &str, structs: &[Type]) -> String {
    if name.starts_with("google.protobuf.") {
        return with_closest(format!("there is no message `{name}`"), name, protobuf::names());
    }
    let known: Vec<String> = structs.iter().map(ToString::to_string).collect();
    let what = format!("nothing named `{name}` can be made here");
    match known.as_slice() {
        [] => what,
        _ => format!("{what}, but {}", suggest::listed(known.iter().map(|name| format!("`{name}`")))),
    }
}

pub(super) fn no_function(name: &str, member: bool) -> String {
    if let Some((library, _)) = name.split_once('.')
        && LEFT_OUT.contains(&library)
    {
        return left_out(library);
    }
    if macros::NAMES.contains(&name) {
        return format!("`{name}` is not called like this; write it as {}", macros::usage(name));
    }
    let what = format!("there is no function `{name}`");
    let known = library::names().filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic()));
    let styled = known.filter(|known| !member || library::overloads(known).iter().any(|overload| overload.member));
    with_closest(what, name, styled.chain(macros::NAMES))
}

/// Whether this and a dot stand before names of functions, here or in other environments.
pub(super) fn is_library(prefix: &str) -> bool {
    is_namespace(prefix) || LEFT_OUT.contains(&prefix)
}

fn is_namespace(prefix: &str) -> bool {
    library::names().any(|name| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')))
}

pub(super) fn mismatch(wanted: &Type, given: &Type) -> String {
    format!("this is {given}; it must be {wanted}")
}

pub(super) fn unlike(before: &Type, of: &Type) -> String {
    format!("this is {of}, and what comes before it is {before}; all must be of one type, or each in a `dyn(…)`")
}

/// `_+_` as it is written: `+`.
pub(super) fn shown(function: &str) -> String {
    let symbol = match function {
        "_?_:_" => "? :",
        "_[_]" => "[ ]",
        "_[?_]" => "[? ]",
        "@in" => "in",
        "@sortByAssociatedKeys" => "sortBy",
        macros::MAP_INSERT => "transformMap",
        _ => function.trim_matches('_'),
    };
    format!("`{symbol}`")
}

/// Which overloads there are, and which was wanted: those with the same target or first argument where there are any.
pub(super) fn no_overload(function: &str, given: &[Type], member: bool) -> String {
    if let Some(message) = not_a_map(function, given) {
        return message;
    }
    let wanted = call(function, given.iter(), member);
    let all: Vec<&Overload> = library::overloads(function).iter().collect();
    let styled: Vec<&Overload> = all.iter().copied().filter(|overload| overload.member == member).collect();
    let styled = if styled.is_empty() { all } else { styled };
    let same_first: Vec<&Overload> = styled
        .iter()
        .copied()
        .filter(|overload| overload.params.first().zip(given.first()).is_some_and(|(param, of)| may_be(param, of)))
        .collect();
    let close = if same_first.is_empty() { styled } else { same_first };
    let mut seen = BTreeSet::new();
    let takes: Vec<String> = close
        .iter()
        .map(|overload| call(function, overload.params.iter(), overload.member))
        .filter(|takes| seen.insert(takes.clone()))
        .collect();
    let mut message = format!("{} takes ", shown(function));
    let listed: Vec<&str> = takes.iter().take(LISTED).map(String::as_str).collect();
    message.push_str(&listed.join(" or "));
    if takes.len() > LISTED {
        let _ = write!(message, " or one of {} more", takes.len() - LISTED);
    }
    let _ = write!(message, ", not {wanted}");
    if function == "_==_" || function == "_!=_" {
        message = format!("{} compares two of one type, not {wanted}", shown(function));
    }
    message
}

/// What is asked of an object as of a map.
fn not_a_map(function: &str, given: &[Type]) -> Option<String> {
    let (of, instead) = match (function, given) {
        ("_[_]" | "_[?_]", [Type::Object(of), ..]) => (of, "is not indexed; its fields are read by name, as in `x."),
        ("@in", [_, Type::Object(of)]) => (of, "is no list and no map; whether it has a field is asked by `has(x."),
        _ => return None,
    };
    let (first, _) = of.fields.first()?;
    let end = if function == "@in" { ")`" } else { "`" };
    Some(format!("`{}` {instead}{first}{end}", of.name))
}

fn may_be(param: &Type, of: &Type) -> bool {
    matches!(
        (param, of),
        (Type::Parameter(_) | Type::Dyn, _)
            | (_, Type::Dyn)
            | (Type::List(_), Type::List(_))
            | (Type::Map(..), Type::Map(..))
            | (Type::Optional(_), Type::Optional(_))
    ) || param == of
}

/// `(string, int)`, or `string.f(int)` of a member.
fn call<'t>(function: &str, mut types: impl Iterator<Item = &'t Type>, member: bool) -> String {
    let target = if member { types.next() } else { None };
    let args: Vec<String> = types.map(ToString::to_string).collect();
    match target {
        Some(target) => format!("{target}.{}({})", shown(function).trim_matches('`'), args.join(", ")),
        None => format!("({})", args.join(", ")),
    }
}

fn left_out(library: &str) -> String {
    format!("the `{library}` library of CEL is left out of the policies of Kubernetes, and here too")
}

fn elsewhere(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name).map(|(_, here)| *here)
}

fn first_of(namespace: &str) -> &'static str {
    let in_it = |name: &&str| name.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('.'));
    library::names().find(in_it).unwrap_or_default()
}

fn with_closest<'a>(what: String, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match elsewhere(name).or_else(|| suggest::closest(name, known)) {
        Some(closest) => format!("{what}; did you mean `{closest}`?"),
        None => what,
    }
}

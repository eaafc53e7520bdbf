//! Kubernetes' named formats: `format.dns1123Label().validate("x")` has a value, what is wrong, unless the text is one.

mod names;
mod texts;

use crate::engine::cel::{
    functions::{Answer, Call, Failure, Overload, Run},
    run::cost,
    types::Type,
    value::Value,
};

/// One of the formats.
#[derive(Debug)]
pub struct NamedFormat {
    /// As in `format.named("dns1123Label")`.
    pub name: &'static str,
    /// What is wrong with a text, in Kubernetes' words; nothing if it is of this format.
    validate: fn(&str) -> Vec<String>,
    /// Characters of the pattern that Kubernetes matches, or is taken to.
    pattern: u64,
}

static FORMATS: [NamedFormat; 13] = [
    NamedFormat { name: "dns1123Label", validate: names::dns1123_label, pattern: 30 },
    NamedFormat { name: "dns1123Subdomain", validate: names::dns1123_subdomain, pattern: 60 },
    NamedFormat { name: "dns1035Label", validate: names::dns1035_label, pattern: 30 },
    NamedFormat { name: "qualifiedName", validate: names::qualified_name, pattern: 60 },
    NamedFormat { name: "dns1123LabelPrefix", validate: |text| of_prefix(text, names::dns1123_label), pattern: 30 },
    NamedFormat {
        name: "dns1123SubdomainPrefix",
        validate: |text| of_prefix(text, names::dns1123_subdomain),
        pattern: 60,
    },
    NamedFormat { name: "dns1035LabelPrefix", validate: |text| of_prefix(text, names::dns1035_label), pattern: 30 },
    NamedFormat { name: "labelValue", validate: names::label_value, pattern: 40 },
    NamedFormat { name: "uri", validate: texts::uri, pattern: 1103 },
    NamedFormat { name: "uuid", validate: texts::uuid, pattern: 70 },
    NamedFormat { name: "byte", validate: texts::byte, pattern: 84 },
    NamedFormat { name: "date", validate: texts::date, pattern: 71 },
    NamedFormat { name: "datetime", validate: texts::datetime, pattern: 71 },
];

pub fn functions() -> Vec<Overload> {
    let constants: [(&str, Run); 13] = [
        ("format.dns1123Label", constant::<0>),
        ("format.dns1123Subdomain", constant::<1>),
        ("format.dns1035Label", constant::<2>),
        ("format.qualifiedName", constant::<3>),
        ("format.dns1123LabelPrefix", constant::<4>),
        ("format.dns1123SubdomainPrefix", constant::<5>),
        ("format.dns1035LabelPrefix", constant::<6>),
        ("format.labelValue", constant::<7>),
        ("format.uri", constant::<8>),
        ("format.uuid", constant::<9>),
        ("format.byte", constant::<10>),
        ("format.date", constant::<11>),
        ("format.datetime", constant::<12>),
    ];
    let messages = Type::optional(Type::list(Type::String));
    let mut functions = vec![
        Overload::global("format.named", "format-named", [Type::String], Type::optional(type_of()), named),
        Overload::member("validate", "format-validate", [type_of(), Type::String], messages, validate).costing(
            |args, _| match args {
                [Value::Format(format), text] => cost::search(cost::size(text), format.pattern),
                _ => 1,
            },
        ),
    ];
    functions.extend(constants.map(|(function, run)| Overload::global(function, function, [], type_of(), run)));
    functions
}

/// What may be the name of a Namespace or a Service.
pub fn is_label(text: &str) -> bool {
    names::dns1123_label(text).is_empty()
}

/// What may be the name of any other object.
pub fn is_subdomain(text: &str) -> bool {
    names::dns1123_subdomain(text).is_empty()
}

impl PartialEq for NamedFormat {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Kubernetes appends something to it: it may end with a dash, which stands for a letter then. With the letter before it, as there.
fn of_prefix(text: &str, validate: fn(&str) -> Vec<String>) -> Vec<String> {
    let mut before = text.chars();
    if before.next_back() != Some('-') || before.next_back().is_none() {
        return validate(text);
    }
    validate(&format!("{}a", before.as_str()))
}

fn type_of() -> Type {
    Type::opaque("kubernetes.NamedFormat")
}

fn constant<'a, const INDEX: usize>(_: &mut Call<'_, 'a>) -> Answer<'a> {
    FORMATS.get(INDEX).map(Value::Format).ok_or_else(Failure::no_such_overload)
}

fn named<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(name)] = call.args else { return Err(Failure::no_such_overload()) };
    let format = FORMATS.iter().find(|format| format.name == name.as_str());
    Ok(Value::Optional(format.map(|format| Value::Format(format).into())))
}

fn validate<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::Format(format), Value::String(text)] = call.args else { return Err(Failure::no_such_overload()) };
    let messages = (format.validate)(text.as_str());
    if messages.is_empty() {
        return Ok(Value::Optional(None));
    }
    Ok(Value::some(Value::list(messages.into_iter().map(Value::text))))
}

#[cfg(test)]
mod tests;

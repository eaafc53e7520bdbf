//! Policies and codes that an exception names and that are none: where they are meant, it excepts nothing.

use std::fmt;

use crate::engine::{
    node::Path,
    policy::{PolicySet, codes, exception::Exception},
    rules::suggest,
};

/// A name that stands for nothing, and where in the exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misnamed {
    pub path: Path,
    pub what: What,
    pub name: String,
    /// What was meant, or what there is, as a question or clause.
    pub help: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Policy,
    /// None of the policies that are named has it.
    Code,
}

// === impl Exception ===

impl Exception {
    /// What it names that is not among these policies. Codes are looked for where every policy is known that could have them.
    pub fn misnamed(&self, policies: &PolicySet) -> Vec<Misnamed> {
        let all = || policies.policies().iter();
        let at = |field: &str, index| Path::of(&["spec", field]).index(index);
        let unknown = self.policies.iter().enumerate().filter(|(_, name)| !all().any(|known| known.name == **name));
        let unknown = unknown.map(|(index, name)| Misnamed {
            path: at("policies", index),
            what: What::Policy,
            name: name.clone(),
            help: suggest::closest(name, all().map(|policy| policy.name.as_str()))
                .map(|meant| format!("did you mean `{meant}`?")),
        });
        let unknown: Vec<_> = unknown.collect();
        if !unknown.is_empty() {
            return unknown;
        }
        let named = all().filter(|policy| self.names_policy(&policy.name));
        let known: Vec<String> = named.flat_map(|policy| policy.codes()).collect();
        let codes = self.codes.iter().enumerate().filter(|(_, code)| !known.contains(code));
        let misnamed = codes.map(|(index, code)| Misnamed {
            path: at("codes", index),
            what: What::Code,
            name: code.clone(),
            help: Some(codes::unknown(code, &known)),
        });
        misnamed.collect()
    }
}

// === impl Misnamed ===

/// Without the help, and of policies as they are in force.
impl fmt::Display for Misnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Policy => write!(f, "no policy in force is named `{}`", self.name),
            What::Code => write!(f, "no policy that it names has a code `{}`", self.name),
        }
    }
}

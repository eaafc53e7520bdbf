//! What is wrong with an installation, why it matters, and the command that repairs it: `portcullis doctor`.
//!
//! What is asked of the API server is in [`facts`]; every judgement is a function of that, so that what is said of a broken
//! cluster is tested without one. Nothing is written, and no check keeps another from being made.

mod certificates;
mod conflicts;
mod control_planes;
mod crds;
pub mod deployed;
pub mod facts;
pub mod impact;
mod installation;
mod lease;
mod policies;
mod reachability;
mod registration;
mod rights;
mod view;
mod webhooks;

use serde::Serialize;
use serde_json::Value;

use crate::operate::doctor::facts::Facts;

/// Where the installation is, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    pub own_namespace: String,
    pub service: String,
    pub webhook_configuration: String,
    pub tls_secret: String,
    pub service_account: String,
    /// As in `--control-plane`; empty where the Deployment says it.
    pub control_plane: Vec<String>,
}

/// All that was looked at, in a fixed order.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub check: &'static str,
    /// Problems first, then what is unknown.
    pub remarks: Vec<Remark>,
}

/// How something stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    pub standing: Standing,
    pub what: String,
    /// The object that it is about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What follows from it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What to type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Problem,
    /// It could not be looked at: that is not the same as that it is not there.
    Unknown,
    /// Nothing is wrong, and somebody may want to know.
    Note,
    Ok,
}

type Judge = fn(&Setup, &Facts) -> Vec<Remark>;

const CHECKS: [(&str, Judge); 11] = [
    ("installation", installation::judge),
    ("lease", lease::judge),
    ("crds", crds::judge),
    ("rights", rights::judge),
    ("certificates", certificates::judge),
    ("registration", registration::judge),
    ("reachability", reachability::judge),
    ("control planes", control_planes::judge),
    ("view", view::judge),
    ("policies", policies::judge),
    ("other webhooks", conflicts::judge),
];

/// What can be said where nothing is installed.
const WITHOUT_INSTALLATION: [&str; 3] = ["installation", "control planes", "other webhooks"];

/// Judges what was gathered. Where nothing is installed, that is all that is wrong: what an installation brings is not missed one
/// by one.
pub fn judge(setup: &Setup, facts: &Facts) -> Diagnosis {
    let check = |(check, judge): (&'static str, Judge)| {
        let mut remarks = judge(setup, facts);
        remarks.sort_by_key(|remark| remark.standing);
        Check { check, remarks }
    };
    let is_installed = !installation::is_absent(setup, facts);
    let checks = CHECKS.into_iter().filter(|(check, _)| is_installed || WITHOUT_INSTALLATION.contains(check));
    Diagnosis { checks: checks.map(check).collect() }
}

// === impl Diagnosis ===

impl Diagnosis {
    pub fn count(&self, standing: Standing) -> usize {
        self.checks.iter().flat_map(|check| &check.remarks).filter(|remark| remark.standing == standing).count()
    }
}

// === impl Remark ===

impl Remark {
    fn new(standing: Standing, what: impl Into<String>) -> Self {
        Self { standing, what: what.into(), place: String::new(), why: String::new(), repair: None }
    }

    fn ok(what: impl Into<String>) -> Self {
        Self::new(Standing::Ok, what)
    }

    fn problem(what: impl Into<String>) -> Self {
        Self::new(Standing::Problem, what)
    }

    fn note(what: impl Into<String>) -> Self {
        Self::new(Standing::Note, what)
    }

    /// What could not be looked at, and why not.
    fn unknown(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Standing::Unknown, what).because(why)
    }

    fn is_problem(&self) -> bool {
        self.standing == Standing::Problem
    }

    fn at(self, place: impl Into<String>) -> Self {
        Self { place: place.into(), ..self }
    }

    fn because(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }

    fn repair(self, command: impl Into<String>) -> Self {
        Self { repair: Some(command.into()), ..self }
    }
}

/// What installs or updates everything, where one object alone is not what is missing.
fn install(setup: &Setup) -> String {
    let install = |chart: &str| {
        format!(
            "helm upgrade --install {chart} deploy/charts/{chart} --namespace {} --create-namespace --reset-then-reuse-values",
            setup.own_namespace
        )
    };
    format!("{} && {}", install("portcullis-crds"), install("portcullis"))
}

/// The text at a pointer; empty where there is none.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a pointer; empty where there is none.
fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A list of texts at a pointer.
fn texts<'a>(value: &'a Value, pointer: &str) -> Vec<&'a str> {
    list(value, pointer).iter().filter_map(Value::as_str).collect()
}

fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `a`, `b` and 3 more.
fn some_of(names: &[impl AsRef<str>]) -> String {
    const NAMED: usize = 4;
    let named: Vec<_> = names.iter().take(NAMED).map(|name| format!("`{}`", name.as_ref())).collect();
    match names.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests;

//! Label selectors, as `metav1.LabelSelector` and as the string that `kubectl -l` takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// Labels that must be there, as in `metav1.LabelSelector`: all of it must match; empty matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LabelSelector {
    /// Labels with the values that they must have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: Labels,
    /// What else must be so of labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
}

/// What must be so of one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// How it is compared: `In` and `NotIn` take `values`, `Exists` and `DoesNotExist` take none. A label that is not
    /// there is `NotIn`.
    pub operator: Operator,
    /// The values that it must or must not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// What a selector leaves possible of one label.
#[derive(Default)]
struct Possible<'a> {
    exists: bool,
    is_absent: bool,
    one_of: Vec<Vec<&'a str>>,
    none_of: Vec<&'a str>,
}

// === impl LabelSelector ===

impl LabelSelector {
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| requirement.matches(labels))
    }

    /// All that it asks for, each thing in one way, and in order: two selectors can be compared by them.
    pub fn terms(&self) -> Vec<Requirement> {
        let labels = self.match_labels.iter().map(|(key, value)| Requirement {
            key: key.clone(),
            operator: Operator::In,
            values: vec![value.clone()],
        });
        let mut terms: Vec<_> = labels.chain(self.match_expressions.iter().cloned()).collect();
        for term in &mut terms {
            term.values.sort();
            term.values.dedup();
        }
        terms.sort();
        terms.dedup();
        terms
    }

    /// Why nothing can ever match it; None where something can.
    pub fn contradiction(&self) -> Option<String> {
        let mut by_key: BTreeMap<&str, Possible<'_>> = BTreeMap::new();
        for (key, value) in &self.match_labels {
            by_key.entry(key).or_default().one_of(&[value.as_str()]);
        }
        for Requirement { key, operator, values } in &self.match_expressions {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let possible = by_key.entry(key).or_default();
            match operator {
                Operator::In | Operator::NotIn if values.is_empty() => {
                    return Some(format!("`{operator:?}` needs `values` to compare `{key}` with"));
                }
                Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                    return Some(format!("`{operator:?}` of `{key}` takes no `values`"));
                }
                Operator::In => possible.one_of(&values),
                Operator::NotIn => possible.none_of.extend(values),
                Operator::Exists => possible.exists = true,
                Operator::DoesNotExist => possible.is_absent = true,
            }
        }
        by_key.into_iter().find_map(|(key, possible)| possible.contradiction(key))
    }

    /// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k`. None where it is not a selector: such a selector must never be
    /// taken for one that matches everything.
    pub fn parse(text: &str) -> Option<Self> {
        let mut selector = Self::default();
        for part in split_outside_brackets(text) {
            selector.match_expressions.push(Requirement::parse(part.trim())?);
        }
        (!selector.is_empty()).then_some(selector)
    }
}

/// As `kubectl -l` would take it, for messages.
impl std::fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let labels = self.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let expressions = self.match_expressions.iter().map(|Requirement { key, operator, values }| match operator {
            Operator::In => format!("{key} in ({})", values.join(",")),
            Operator::NotIn => format!("{key} notin ({})", values.join(",")),
            Operator::Exists => key.clone(),
            Operator::DoesNotExist => format!("!{key}"),
        });
        f.write_str(&labels.chain(expressions).collect::<Vec<_>>().join(","))
    }
}

// === impl Possible ===

impl<'a> Possible<'a> {
    fn one_of(&mut self, values: &[&'a str]) {
        self.exists = true;
        self.one_of.push(values.to_vec());
    }

    fn contradiction(&self, key: &str) -> Option<String> {
        if self.exists && self.is_absent {
            return Some(format!("it can match nothing: `{key}` cannot be there and not be there"));
        }
        let first = self.one_of.first()?;
        let others = self.one_of.get(1..).unwrap_or_default();
        let in_all = |value: &&str| others.iter().all(|values| values.contains(value));
        if first.iter().any(|value| in_all(value) && !self.none_of.contains(value)) {
            return None;
        }
        let wanted: Vec<_> = self.one_of.iter().map(|values| format!("`{}`", values.join("` or `"))).collect();
        let unwanted = match self.none_of.as_slice() {
            [] => String::new(),
            values => format!(" and not `{}`", values.join("`, not `")),
        };
        Some(format!("it can match nothing: `{key}` cannot be {}{unwanted}", wanted.join(" and ")))
    }
}

// === impl Requirement ===

impl Requirement {
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn => !value.is_some_and(|value| self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }

    fn parse(part: &str) -> Option<Self> {
        let is_word =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        let new = |key: &str, operator, values: Vec<String>| {
            let key = key.trim();
            is_word(key).then(|| Self { key: key.to_owned(), operator, values })
        };
        if let Some((key, value)) = part.split_once("!=") {
            return new(key, Operator::NotIn, vec![value.trim().to_owned()]);
        }
        if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            return new(key, Operator::In, vec![value.trim().to_owned()]);
        }
        if let Some(list) = part.strip_suffix(')') {
            let (head, values) = list.split_once('(')?;
            let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
            let (key, word) = head.trim().rsplit_once(char::is_whitespace)?;
            let operator = match word {
                "in" => Operator::In,
                "notin" => Operator::NotIn,
                _ => return None,
            };
            return new(key, operator, values);
        }
        match part.strip_prefix('!') {
            Some(key) => new(key, Operator::DoesNotExist, Vec::new()),
            None => new(part, Operator::Exists, Vec::new()),
        }
    }
}

fn split_outside_brackets(text: &str) -> Vec<&str> {
    let mut inside = false;
    text.split(|c| {
        inside = match c {
            '(' => true,
            ')' => false,
            _ => inside,
        };
        c == ',' && !inside
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn text_selects_as_kubectl_would() {
        let team_a = labels(&[("team", "a"), ("tier", "web")]);
        for (text, expected) in [
            ("team=a", true),
            ("team==b", false),
            ("team!=b", true),
            ("team in (a, b),tier", true),
            ("team notin (a)", false),
            ("!gone", true),
            ("!team", false),
        ] {
            assert_eq!(LabelSelector::parse(text).unwrap().matches(&team_a), expected, "{text}");
        }
    }

    #[test]
    fn what_can_never_match_is_told_from_what_can() {
        for (text, expected) in [
            ("a=b", None),
            ("a in (b,c),a notin (c)", None),
            ("a,a!=b", None),
            ("!a,a notin (b)", None),
            ("a,!a", Some("it can match nothing: `a` cannot be there and not be there")),
            ("a=b,!a", Some("it can match nothing: `a` cannot be there and not be there")),
            ("a=b,a=c", Some("it can match nothing: `a` cannot be `b` and `c`")),
            ("a in (b,c),a notin (b,c)", Some("it can match nothing: `a` cannot be `b` or `c` and not `b`, not `c`")),
        ] {
            assert_eq!(LabelSelector::parse(text).unwrap().contradiction().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_selects_nothing() {
        for text in ["", "team in a", "team of (a)", "a b", "=x"] {
            assert_eq!(LabelSelector::parse(text), None, "{text}");
        }
    }
}

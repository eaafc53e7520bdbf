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
    fn what_is_no_selector_selects_nothing() {
        for text in ["", "team in a", "team of (a)", "a b", "=x"] {
            assert_eq!(LabelSelector::parse(text), None, "{text}");
        }
    }
}

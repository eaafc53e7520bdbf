//! What readiness rests on, and how each of these things stands.
//!
//! Once ready, losing a watch, a lease or the API server is no reason to be taken out of the Service: every replica would be at
//! once, and judging with what is known beats not judging. Such a thing is [`Condition::Degraded`].

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, PoisonError, RwLock},
};

/// What readiness rests on, by name. Clones share it.
#[derive(Clone, Debug)]
pub struct Health {
    conditions: Arc<RwLock<BTreeMap<String, Condition>>>,
}

/// How one of the things stands that readiness rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    Ready,
    /// It does less than it should, and this is said; no reason to be unready.
    Degraded(String),
    /// Not ready, and why.
    Waiting(String),
}

// === impl Health ===

impl Health {
    /// Not ready until each of these has been [`set`](Self::set).
    pub fn new<'a>(conditions: impl IntoIterator<Item = &'a str>) -> Self {
        let waiting = |name: &str| (name.to_owned(), Condition::Waiting("not yet".to_owned()));
        let conditions = conditions.into_iter().map(waiting).collect();
        Self { conditions: Arc::new(RwLock::new(conditions)) }
    }

    pub fn set(&self, name: &str, condition: Condition) {
        let mut conditions = self.conditions.write().unwrap_or_else(PoisonError::into_inner);
        match conditions.get_mut(name) {
            Some(known) => *known = condition,
            None => drop(conditions.insert(name.to_owned(), condition)),
        }
    }

    pub fn is_ready(&self) -> bool {
        let conditions = self.conditions.read().unwrap_or_else(PoisonError::into_inner);
        !conditions.values().any(|condition| matches!(condition, Condition::Waiting(_)))
    }

    /// A line for each condition.
    pub fn report(&self) -> String {
        let mut out = String::new();
        for (name, condition) in &*self.conditions.read().unwrap_or_else(PoisonError::into_inner) {
            // Writing to a string does not fail.
            let _ = match condition {
                Condition::Ready => writeln!(out, "{name}: ready"),
                Condition::Degraded(why) => writeln!(out, "{name}: degraded: {why}"),
                Condition::Waiting(why) => writeln!(out, "{name}: not ready: {why}"),
            };
        }
        out
    }
}

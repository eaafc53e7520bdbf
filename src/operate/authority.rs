//! The life of a CA of our own: when it is made, when another is published beside it, when that one begins to sign, and when
//! the first is forgotten.
//!
//! Pure: what the Secret holds and what time it is go in, one [`Step`] comes out, and [`take`] makes what it says. Everything is
//! told from the certificates themselves, so that any replica can go on where another has stopped, at any step.
//!
//! ```text
//! the CA's life   0 ─────────────────────── 2/3 ───────── 5/6 ─────────────── 1
//!                 made, signs at once       the next is   the next signs:
//!                                           published     the first is believed until its last leaf has expired
//! ```
//!
//! INVARIANT: what is served is signed by a CA that callers have been told of before, wherever there is a choice.

pub mod held;

use std::{fmt, time::Duration};

use jiff::Timestamp;

use crate::tls::{
    bundle::{Authority, Bundle},
    made::{self, Made, MakeError},
};
pub use held::{Contents, Held};

/// How long certificates last. Everything else is a share of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    pub ca: Duration,
    pub leaf: Duration,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing until then, unless something else changes.
    Wait(Timestamp),
    Take(Change),
}

/// What is changed in the Secret, at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A CA and a leaf by it: there is nothing that could be kept.
    Begin,
    /// A leaf by the CA that signs.
    Renew,
    /// Another CA, beside the one that signs.
    Publish,
    /// The other CA signs from now on.
    Switch,
    /// CAs are no longer believed of which no leaf is valid any more.
    Forget,
    /// What was served is written again where it was damaged.
    Restore,
}

// === impl Lifetimes ===

impl Default for Lifetimes {
    /// A CA of five years signs leaves of sixty days: renewed every forty days, which is often enough to be noticed early where
    /// it fails, and twenty days before it matters.
    fn default() -> Self {
        Self { ca: made::days(5 * 365), leaf: made::days(60) }
    }
}

impl Lifetimes {
    /// For how long a CA must have been published before it signs, at least.
    pub fn settling(&self) -> Duration {
        self.ca / 60
    }

    /// The same where it is known that callers believe it: for API servers to hear of it too.
    fn settling_when_registered(&self) -> Duration {
        self.settling().min(Duration::from_mins(1))
    }
}

/// What is to be done now. `registered` is the CA bundle by which callers were last told whom to believe; None where nobody
/// knows, and time alone decides.
pub fn next(held: &Held, lifetimes: &Lifetimes, registered: Option<&str>, now: Timestamp) -> Step {
    if let Some(begins) = held.begins {
        return Step::Wait(begins);
    }
    let Some(signing) = &held.signing else { return Step::Take(Change::Begin) };
    let Some(leaf) = &held.leaf else {
        return Step::Take(match (&held.coming, held.signs) {
            (_, true) => Change::Renew,
            (Some(_), false) => Change::Switch,
            (None, false) => Change::Begin,
        });
    };
    if held.is_mended {
        return Step::Take(Change::Restore);
    }
    let mut at = Earliest { now, due: None, later: None };

    let (made, end) = (held::made(&signing.facts), signing.facts.not_after);
    // A leaf ends with its CA: near that end another one would hardly be valid for longer.
    let worth = plus(leaf.not_after, lifetimes.leaf / 10);
    let can_renew = held.signs && end >= worth;
    if let Some(coming) = &held.coming {
        let is_believed = registered.is_none_or(|bundle| Bundle::read(bundle).0.holds(&coming.der));
        let hurries = registered.is_some() && !held.signs;
        let settling = if hurries { lifetimes.settling_when_registered() } else { lifetimes.settling() };
        let settled = plus(held::made(&coming.facts), settling);
        if is_believed {
            at.take(Change::Switch, if held.signs { share(made, end, 5, 6).max(settled) } else { settled });
        }
        if !can_renew {
            // Who does not believe the coming one by then will believe nothing.
            at.take(Change::Switch, minus(leaf.not_after, lifetimes.leaf / 20));
        }
    } else {
        at.take(Change::Publish, if held.signs { share(made, end, 2, 3) } else { now });
    }
    if can_renew {
        let due = share(leaf.made, leaf.not_after, 2, 3);
        at.take(Change::Renew, due.max(minus(worth, lifetimes.leaf)));
    }
    if !held.leaving.is_empty() && leaf.is_by_signing {
        let until = held.leaving_until.or_else(|| held.leaving.iter().map(|ca| ca.facts.not_after).max());
        at.take(Change::Forget, until.unwrap_or(now));
    }
    at.step()
}

/// What the Secret holds when a change has been made.
///
/// # Errors
/// A certificate cannot be made: a name that none can be for.
pub fn take(
    change: Change,
    held: &Held,
    lifetimes: &Lifetimes,
    names: &[String],
    now: Timestamp,
) -> Result<Contents, MakeError> {
    let new_ca = || made::ca(&format!("portcullis CA {}", now.strftime("%Y-%m-%dT%H:%M:%SZ")), now, lifetimes.ca);
    let leaf_by = |ca: &Made| made::leaf(ca, names, now, lifetimes.leaf);
    let leaf_lasts = held.leaf.as_ref().map_or_else(|| plus(now, lifetimes.leaf), |leaf| leaf.not_after);
    let mut contents = held.contents.clone();
    let known = held.signing.iter().chain(&held.coming).chain(&held.leaving).cloned();
    match change {
        Change::Begin => {
            let ca = new_ca()?;
            let leaf = leaf_by(&ca)?;
            // What others serve still is believed until they have heard.
            let bundle = Bundle::of(ca.authority().into_iter().chain(known));
            let until = if bundle.authorities().len() > 1 { leaf_lasts.to_string() } else { String::new() };
            contents = Contents { ca_crt: bundle.pem(), ca_key: ca.key, leaving_until: until, ..Contents::default() };
            contents.serve(leaf);
        }
        Change::Renew => {
            let ca = Made { cert: pem(held.signing.as_ref()), key: contents.ca_key.clone() };
            contents.serve(leaf_by(&ca)?);
        }
        Change::Publish => {
            let ca = new_ca()?;
            contents.ca_crt = Bundle::of(known.chain(ca.authority())).pem();
            (contents.next_crt, contents.next_key) = (ca.cert, ca.key);
        }
        Change::Switch => {
            let ca = Made { cert: pem(held.coming.as_ref()), key: contents.next_key.clone() };
            contents.serve(leaf_by(&ca)?);
            contents.ca_crt = Bundle::of(held.coming.iter().cloned().chain(known)).pem();
            contents.ca_key = ca.key;
            (contents.next_crt, contents.next_key) = (String::new(), String::new());
            let until = held.leaving_until.map_or(leaf_lasts, |until| until.max(leaf_lasts));
            contents.leaving_until = until.to_string();
        }
        Change::Forget => {
            contents.ca_crt = Bundle::of(held.signing.iter().chain(&held.coming).cloned()).pem();
            contents.leaving_until = String::new();
        }
        Change::Restore => {}
    }
    Ok(contents)
}

/// What is due first, or comes next.
struct Earliest {
    now: Timestamp,
    due: Option<Change>,
    later: Option<Timestamp>,
}

// === impl Earliest ===

impl Earliest {
    fn take(&mut self, change: Change, at: Timestamp) {
        if at <= self.now {
            self.due = self.due.or(Some(change));
        } else {
            self.later = Some(self.later.map_or(at, |later| later.min(at)));
        }
    }

    fn step(self) -> Step {
        match (self.due, self.later) {
            (Some(change), _) => Step::Take(change),
            (None, later) => Step::Wait(later.unwrap_or(Timestamp::MAX)),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begin => "a CA and a certificate by it were made",
            Self::Renew => "a new certificate was made by the same CA",
            Self::Publish => "the next CA was published: it signs when callers believe it",
            Self::Switch => "the next CA signs from now on",
            Self::Forget => "a CA that signs nothing any more was removed",
            Self::Restore => "what was served was written again",
        })
    }
}

fn pem(ca: Option<&Authority>) -> String {
    ca.map(|ca| ca.pem.clone()).unwrap_or_default()
}

/// So many parts of the time between two moments.
fn share(from: Timestamp, to: Timestamp, parts: i64, of: i64) -> Timestamp {
    let seconds = to.as_second().saturating_sub(from.as_second()).max(0);
    Timestamp::from_second(from.as_second().saturating_add(seconds / of * parts + seconds % of * parts / of))
        .unwrap_or(to)
}

fn plus(at: Timestamp, lasts: Duration) -> Timestamp {
    at.checked_add(lasts).unwrap_or(Timestamp::MAX)
}

fn minus(at: Timestamp, lasts: Duration) -> Timestamp {
    at.checked_sub(lasts).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;

//! What the policies in force make of an exception, before any finding: what its status says.

use jiff::Timestamp;

use crate::engine::{
    policy::{
        Policy, PolicySet,
        exception::{Exception, Holds, misnamed::What},
    },
    view::{Lens, View},
};

/// How far an exception holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Some policy lets it.
    pub holds: bool,
    /// Why it does not hold as far as it says, each with a word for programs.
    pub problems: Vec<(&'static str, String)>,
}

impl Exception {
    /// How far the policies let it hold now.
    pub fn reach(&self, policies: &PolicySet, view: &View, now: Timestamp) -> Reach {
        if self.has_ended(now) {
            return Reach { holds: false, problems: vec![("Expired", format!("it ended at {}", self.expires))] };
        }
        let mut reach = Reach::default();
        let mut named: Vec<&Policy> = Vec::new();
        named.extend(policies.policies().iter().map(AsRef::as_ref).filter(|policy| self.names_policy(&policy.name)));
        let misnamed = self.misnamed(policies);
        for name in &misnamed {
            let word = if name.what == What::Policy { "UnknownPolicy" } else { "UnknownCode" };
            let help = name.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            reach.problems.push((word, format!("{name}{help}")));
        }
        for policy in &named {
            match self.problem_with(policy, view, now) {
                None => reach.holds = true,
                Some(problem) => reach.problems.push(problem),
            }
        }
        // Of several policies, each has its own codes.
        let allowing: Vec<_> = named.into_iter().filter(|policy| policy.exceptions.allowed).collect();
        let is_unknown = |code: &str| misnamed.iter().any(|name| name.what == What::Code && name.name == code);
        let is_let = |code: &str| !is_unknown(code) && allowing.iter().any(|policy| policy.exceptions.lets_code(code));
        if !allowing.is_empty() {
            let refused = self.codes.iter().filter(|code| !is_let(code) && !is_unknown(code));
            let refused: Vec<_> = refused.map(|code| format!("`{code}`")).collect();
            reach.holds &= self.codes.is_empty() || self.codes.iter().any(|code| is_let(code));
            if !refused.is_empty() {
                let message = format!("no policy that it names lets {} be excepted", refused.join(", "));
                reach.problems.push(("CodeNotAllowed", message));
            }
        }
        reach
    }

    fn problem_with(&self, policy: &Policy, view: &View, now: Timestamp) -> Option<(&'static str, String)> {
        let (name, permit) = (&policy.name, &policy.exceptions);
        if !permit.allowed {
            return Some(("NotAllowed", format!("the policy `{name}` allows no exceptions")));
        }
        if !policy.pages().iter().any(|page| permit.lets_code(page.code)) && permit.codes.is_empty() {
            let message = format!("the policy `{name}` names no codes in `exceptions`, and lets none be excepted else");
            return Some(("CodeNotAllowed", message));
        }
        if let Holds::No(why) = permit.lets_last(name, self, now) {
            return Some(("TooLong", why));
        }
        if permit.namespaces.is_empty() {
            return None;
        }
        match permit.lets_in(name, &self.namespace, Lens::new(view).namespace(&self.namespace)) {
            Holds::No(why) => Some(("NamespaceNotAllowed", why)),
            Holds::Yes | Holds::Unknown(_) => None,
        }
    }
}

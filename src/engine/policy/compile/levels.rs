//! Codes that a policy names and does not have: what is said of them does nothing, which nobody would see. It is no reason to
//! refuse it: another version of this program may have the code, and the policy must be in force before and after a roll-out.

use std::collections::BTreeSet;

use crate::engine::{
    node::Path,
    policy::{Policy, codes, compile::BadPolicy, spec::LevelOverride},
};

/// What the `levels` and `exceptions` of a policy say of codes that it does not have.
///
/// # Errors
/// Two levels for one code.
pub(super) fn unknown(policy: &Policy, levels: &[LevelOverride]) -> Result<Vec<BadPolicy>, BadPolicy> {
    let mut seen = BTreeSet::new();
    let mut named = Vec::new();
    for (index, LevelOverride { code, .. }) in levels.iter().enumerate() {
        let at = Path::of(&["spec", "levels"]).index(index).key("code");
        if !seen.insert(code) {
            return Err(BadPolicy::new(at, format!("there are two levels for `{code}`; leave one of them out")));
        }
        named.push((at, code));
    }
    let excepted = policy.exceptions.codes.iter().enumerate();
    named.extend(excepted.map(|(index, code)| (Path::of(&["spec", "exceptions", "codes"]).index(index), code)));
    let known = policy.codes();
    named.retain(|(_, code)| !known.contains(code));
    let said = |code: &str| format!("this policy has no code `{code}`; {}", codes::unknown(code, &known));
    Ok(named.into_iter().map(|(at, code)| BadPolicy::new(at, said(code))).collect())
}

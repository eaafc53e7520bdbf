//! Codes that a policy names and does not have: what is said of them does nothing, which nobody would see.

use std::collections::BTreeSet;

use crate::engine::{
    node::Path,
    policy::{Policy, codes, compile::BadPolicy, spec::LevelOverride},
};

/// Of a policy that is right else: what its `levels` and `exceptions` say of codes that it does not have.
pub(super) fn codes(policy: &Policy, levels: &[LevelOverride]) -> Result<(), BadPolicy> {
    let known = policy.codes();
    let is_known = |at: Path, code: &str| {
        if known.iter().any(|known| known == code) {
            return Ok(());
        }
        let message = format!("this policy has no code `{code}`; {}", codes::unknown(code, &known));
        Err(BadPolicy::new(at, message))
    };
    let mut seen = BTreeSet::new();
    for (index, LevelOverride { code, .. }) in levels.iter().enumerate() {
        let at = Path::of(&["spec", "levels"]).index(index).key("code");
        is_known(at.clone(), code)?;
        if !seen.insert(code) {
            return Err(BadPolicy::new(at, format!("there are two levels for `{code}`; leave one of them out")));
        }
    }
    let excepted = policy.exceptions.codes.iter().enumerate();
    excepted
        .into_iter()
        .try_for_each(|(index, code)| is_known(Path::of(&["spec", "exceptions", "codes"]).index(index), code))
}

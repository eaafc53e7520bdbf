//! The codes that a policy can say, beside those that its author wrote: what Portcullis itself says of it.

use crate::engine::{
    finding::{Code, Level},
    policy::{Body, Page, Policy, compile::cel},
    rules::suggest,
};

/// The second halves of codes that Portcullis says of a policy of whatever name, as pages.
pub const OF_ANY: [&Code; 2] = [&NOT_JUDGED, &NOT_IDEMPOTENT];

const NOT_JUDGED: Code = Code {
    name: cel::NOT_JUDGED,
    level: Level::Warning,
    title: "a policy selects the object and cannot be judged: a match condition failed, or its parameters are not there",
    why: "A match condition that fails is neither true nor false, so nothing is known of the object, not even whether the \
          policy is about it. Nothing is wrong with the object itself. With `failurePolicy: Fail` it is an error, which \
          `action: Deny` refuses; with `Ignore`, the default, a warning.",
    fix: "mend the policy: guard what may be missing in `matchConditions` by `has(…)` or `.?`, as in \
          `has(object.spec.x) && object.spec.x == 1`; or make the ConfigMap that `paramRef` names, in Portcullis' own \
          namespace, or write `parameterNotFoundAction: Allow`",
    example: "matchConditions:\n- name: sampled\n  expression: object.spec.sampling > 10   # fails where there is no `sampling`\n",
};

const NOT_IDEMPOTENT: Code = Code {
    name: cel::NOT_IDEMPOTENT,
    level: Level::Warning,
    title: "the mutations of a policy change something again each time that they are applied; none of them is applied",
    why: "Mutations are run again on what they made, as the API server may call a webhook more than once. A patch that never \
          comes to an end would make another object of it with every write, and `portcullis fix` would never be done.",
    fix: "make the patch depend on what it finds, as by `has(object.spec.x) ? [] : [JSONPatch{…}]`, and set values rather than \
          add to them",
    example: "mutations:\n- name: count\n  patchType: JSONPatch\n  jsonPatch:\n    expression: >-\n      [JSONPatch{op: 'replace', \
              path: '/data/count', value: object.data.count + 'x'}]\n",
};

// === impl Policy ===

impl Policy {
    /// Every code that a finding of this policy can have.
    pub fn codes(&self) -> Vec<String> {
        let own = self.pages().into_iter().map(|page| page.code.to_owned());
        let changes = matches!(self.body, Body::Mutations(_));
        let of_any = OF_ANY.iter().filter(|code| changes || code.name != cel::NOT_IDEMPOTENT);
        own.chain(of_any.map(|code| format!("{}/{}", self.name, code.name))).collect()
    }
}

/// The page of a code that policies of any name have, and the name of the policy; none where it is no such code.
pub fn of_any(code: &str) -> Option<(&str, Page<'_>)> {
    let (policy, short) = code.rsplit_once('/').unwrap_or(("", code));
    let known = OF_ANY.into_iter().find(|known| known.name == short)?;
    Some((policy, Page { code, ..Page::from(known) }))
}

/// The code that was meant: by its second half alone, or by a slip.
pub fn meant<'a>(wrong: &str, codes: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let is_second_half = |code: &&str| code.split_once('/').is_some_and(|(_, short)| short == wrong);
    let short = codes.clone().into_iter().find(is_second_half);
    short.or_else(|| suggest::closest(wrong, codes))
}

/// What is said of a code that is none of these.
pub fn unknown(wrong: &str, codes: &[String]) -> String {
    let names = || codes.iter().map(String::as_str);
    match meant(wrong, names().collect::<Vec<_>>()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", suggest::listed(names().map(|code| format!("`{code}`")))),
    }
}

//! GuardPolicies that are wrong are refused with their file, their line and what would be right.

use std::fs;

use tempfile::TempDir;

use crate::binary::{FORMATS, Ran, run};

const POLICY: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: GuardPolicy
metadata:
  name: mine
spec:
  matchConstraints:
    resourceRules:
    - apiGroups: [gateway.kgateway.dev]
      apiVersions: ['*']
      resources: [listenerpolicies]
      operations: [CREATE, UPDATE]
  action: Deny
  failurePolicy: Fail
  rule:
    backendRefs: {}
";

fn check_with(policy: &str, format: &str) -> Ran {
    let folder = TempDir::new().unwrap();
    let (file, subject) = (folder.path().join("policy.yaml"), folder.path().join("subject.yaml"));
    fs::write(&file, policy).unwrap();
    fs::write(&subject, "apiVersion: v1\nkind: Namespace\nmetadata: { name: a }\n").unwrap();
    let [file, subject] = [file, subject].map(|path| path.to_str().unwrap().to_owned());
    run(["check", "--policies", &file, &subject, "--format", format])
}

#[test]
fn a_right_policy_is_taken() {
    check_with(POLICY, "human").ends_with(0).says("policy that matched none of the objects: `mine`");
}

#[test]
fn a_wrong_policy_is_refused_with_its_line_and_what_would_be_right() {
    let inputs: &[(&str, &str, u64, &[&str])] = &[
        ("action: Deny", "acton: Deny", 12, &["unknown field `acton`; did you mean `action`?"]),
        ("action: Deny", "action: Block", 12, &["`Block`", "`Audit`", "`Warn`", "`Deny`"]),
        ("action: Deny", "action: deny", 12, &["`deny`", "`Deny`"]),
        ("action: Deny", "remedy: Always", 12, &["`Always`", "`Apply`", "`Suggest`"]),
        ("failurePolicy: Fail", "failurePolicy: Open", 13, &["`Open`", "`Fail`", "`Ignore`"]),
        ("[CREATE, UPDATE]", "[CREATE, PATCH]", 11, &["`PATCH`", "`UPDATE`", "`DELETE`"]),
        ("[listenerpolicies]", "['*']", 10, &["a policy names its resources"]),
        ("[listenerpolicies]", "['listenerpolicies/*']", 10, &["a policy names its resources"]),
        ("[gateway.kgateway.dev]", "['*']", 8, &["a policy names its groups"]),
        ("[listenerpolicies]", "[httproutes]", 10, &["does not judge `httproutes`", "`listenerpolicies`"]),
        ("    backendRefs: {}", "    backendRefs: { strict: true }", 15, &["unknown field `strict`"]),
        ("apiVersion: portcullis.dev/v1alpha1", "apiVersion: portcullis.dev/v9", 1, &["`portcullis.dev/v1alpha1`"]),
        ("action: Deny", "levels: [{ code: a/b, level: fatal }]", 12, &["`fatal`", "`error`", "`off`"]),
        (
            "action: Deny",
            "levels: [{ code: a/b, level: off }]",
            12,
            &["write `\"off\"`, quoted: YAML reads it as a boolean"],
        ),
        (
            "action: Deny",
            "levels: { a/b: warning }",
            12,
            &["wrong type: mapping, expected a list; each is written `- { code:"],
        ),
        (
            "action: Deny",
            "levels: [{ code: mine/not-judged, level: note }, { code: mine/not-judged, level: error }]",
            12,
            &["two levels for `mine/not-judged`"],
        ),
        (
            "action: Deny",
            "matchConditons:\n  - name: a\n    expression: 'true'",
            12,
            &["unknown field `matchConditons`; did you mean `matchConditions`?"],
        ),
        ("action: Deny", "validationActions: [Deny]", 12, &["unknown field `validationActions`; what follows"]),
        ("action: Deny", "objectSelector: {}", 12, &["`objectSelector`; it stands under `spec.matchConstraints`"]),
        ("metadata:", "rule: {}\nmetadata:", 3, &["unknown field `rule`; it stands under `spec`"]),
        (
            "    backendRefs: {}",
            "    backendRefs:",
            15,
            &["a rule is written with its parameters", "`rule: { backendRefs: {} }`"],
        ),
        ("rule:\n    backendRefs: {}", "rule: backendRefs", 14, &["a rule is written with its parameters"]),
        (
            "  action: Deny",
            "    excludeResourceRules:\n    - { apiGroups: [gateway.kgateway.dev], apiVersions: ['*'], resources: [listenerpolicies], operations: ['*'] }",
            12,
            &["it leaves out all that `resourceRules` select"],
        ),
        ("action: Deny", "action:", 12, &["it has no value; write one, or leave the field out"]),
        ("name: mine", "name: on", 4, &["wrong type: boolean `true`, expected a string: put it in quotes"]),
        (
            "kind: GuardPolicy",
            "kind: GaurdPolicy",
            2,
            &["there is no kind `GaurdPolicy`", "did you mean `GuardPolicy`?"],
        ),
        ("action: Deny", "action: Deny\n  action: Warn", 13, &["key `action` stands twice"]),
    ];
    for (from, to, line, words) in inputs {
        let policy = POLICY.replacen(from, to, 1);
        assert_ne!(policy, POLICY, "{from}");
        let report = check_with(&policy, "json").ends_with(2).json();
        let refusals = report["refusals"].as_array().unwrap();
        assert_eq!(refusals.len(), 1, "{to}: {refusals:?}");
        let refusal = &refusals[0];
        assert_eq!(refusal["line"].as_u64(), Some(*line), "{to}: {refusal}");
        assert!(refusal["file"].as_str().unwrap().ends_with("policy.yaml"));
        let message = refusal["message"].as_str().unwrap();
        for word in *words {
            assert!(message.contains(word), "{to}: `{word}` is not in: {message}");
        }
        for format in FORMATS {
            check_with(&policy, format).ends_with(2);
        }
    }
}

/// The key is what is wrong, and not what it holds.
#[test]
fn the_caret_is_under_a_wrong_key() {
    for (from, to, key) in [
        ("  action: Deny", "  acton: Deny", "acton"),
        ("    backendRefs: {}", "    backendRef: {}", "backendRef"),
        ("    backendRefs: {}", "    backendRefs: { strict: [1, 2] }", "strict"),
        ("  action: Deny", "  exceptions: { alowed: true }", "alowed"),
    ] {
        let policy = POLICY.replacen(from, to, 1);
        let report = check_with(&policy, "json").ends_with(2).json();
        let refusal = &report["refusals"][0];
        let place = |field: &str| usize::try_from(refusal[field].as_u64().unwrap()).unwrap() - 1;
        let line = policy.lines().nth(place("line")).unwrap();
        let shown: String = line.chars().skip(place("column")).take(place("endColumn") - place("column")).collect();
        assert_eq!(shown, key, "{refusal}");
    }
}

#[test]
fn an_unknown_rule_is_refused_with_the_rules_there_are() {
    for (to, words) in [("backendRef: {}", "`backendRef`"), ("noSuchRule: {}", "`noSuchRule`")] {
        let ran = check_with(&POLICY.replace("backendRefs: {}", to), "json").ends_with(2).says(words);
        let ran = ran.says("`backendRefs`").says("`referenceGrants`").says("`inUse`");
        let line = ran.json()["refusals"][0]["line"].as_u64().unwrap();
        assert!((14..=15).contains(&line), "{line}");
    }
    check_with(&POLICY.replace("  rule:\n    backendRefs: {}\n", ""), "human").ends_with(2).says("`backendRefs`");
    check_with(&format!("{POLICY}    inUse: {{}}\n"), "human").ends_with(2).says("policy.yaml:14");
}

#[test]
fn what_must_stay_writable_cannot_be_selected() {
    for (group, resource, says) in [
        ("''", "secrets", "a webhook must not see secrets"),
        ("''", "nodes", "stops the cluster"),
        ("''", "secrets/status", "a webhook must not see secrets"),
        ("coordination.k8s.io", "leases", "stops the cluster"),
        ("rbac.authorization.k8s.io", "clusterroles", "must not be selected"),
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations", "its own removal"),
        ("portcullis.dev", "guardpolicies", "its own repair"),
    ] {
        let policy = POLICY
            .replace("gateway.kgateway.dev", group)
            .replace("listenerpolicies", resource)
            .replace("Fail", "Ignore");
        check_with(&policy, "human").ends_with(2).says(&format!("`{resource}` must not be selected")).says(says);
    }
    let services = POLICY
        .replace("gateway.kgateway.dev", "''")
        .replace("listenerpolicies", "services")
        .replace("backendRefs", "inUse")
        .replace("CREATE, UPDATE", "UPDATE, DELETE");
    check_with(&services, "human")
        .ends_with(2)
        .says("only telemetry kinds may have `failurePolicy: Fail`")
        .says("policy.yaml:13");
    check_with(&services.replace("failurePolicy: Fail", "failurePolicy: Ignore"), "human").ends_with(0);
}

/// Another version of the program may have the code, and the policy must be in force before and after a roll-out.
#[test]
fn what_does_nothing_is_warned_of_and_no_reason_to_refuse() {
    check_with(POLICY, "json").ends_with(0).says("\"warnings\": []");
    for (wrong, says) in [
        (
            "levels: [{ code: backend-refs/no-prt, level: note }]",
            "this policy has no code `backend-refs/no-prt`; did you mean `backend-refs/no-port`?",
        ),
        ("levels: [{ code: x, level: note }]", "this policy has no code `x`; there are `backend-refs/"),
        (
            "exceptions: { allowed: true, codes: [no-port] }",
            "this policy has no code `no-port`; did you mean `backend-refs/no-port`?",
        ),
        (
            "matchConditions: [{ name: off-for-now, expression: 'false' }]",
            "it is never true, so the policy judges nothing",
        ),
    ] {
        let policy = POLICY.replace("action: Deny", wrong);
        let report = check_with(&policy, "json").ends_with(0).json();
        let warning = &report["warnings"][0];
        assert!(warning["message"].as_str().unwrap().contains(says), "{warning}");
        assert_eq!(warning["line"].as_u64(), Some(12), "{warning}");
        for format in FORMATS {
            check_with(&policy, format).ends_with(0).says("warning");
        }
    }
}

#[test]
fn two_policies_of_one_name_are_refused() {
    let twice = format!("{POLICY}---\n{POLICY}");
    check_with(&twice, "human").ends_with(2).says("there are two policies named `mine`").says("policy.yaml:20");
}

#[test]
fn policies_that_are_not_there_are_refused() {
    let subject = "examples/kgateway/good";
    run(["check", "--policies", "examples/kgateway/good", subject]).ends_with(2).says("there is no GuardPolicy here");
    run(["check", "--policies", "no/such/folder", subject]).ends_with(2).says("no such file or folder");
    let folder = TempDir::new().unwrap();
    run(["check", "--policies", folder.path().to_str().unwrap(), subject]).ends_with(2).says("there is no GuardPolicy");
}

#[test]
fn what_can_select_nothing_is_refused() {
    let rule = "[gateway.kgateway.dev]";
    for (from, to, says) in [
        (rule, "[]", "the rule selects nothing"),
        ("['*']", "[]", "the rule selects nothing"),
        ("[listenerpolicies]", "[]", "the rule selects nothing"),
        ("[CREATE, UPDATE]", "[]", "the rule selects nothing"),
    ] {
        check_with(&POLICY.replacen(from, to, 1), "human").ends_with(2).says(says);
    }
    for (selector, says) in [
        ("{ matchExpressions: [{ key: a, operator: In, values: [] }] }", "`In` needs `values`"),
        ("{ matchExpressions: [{ key: a, operator: Exists, values: [b] }] }", "takes no `values`"),
        ("{ matchLabels: { a: b }, matchExpressions: [{ key: a, operator: DoesNotExist }] }", "`a`"),
        ("{ matchLabels: { a: b }, matchExpressions: [{ key: a, operator: NotIn, values: [b] }] }", "`a`"),
        ("{ matchLabels: { a: b }, matchExpressions: [{ key: a, operator: In, values: [c] }] }", "`a`"),
    ] {
        for field in ["namespaceSelector", "objectSelector"] {
            let policy = POLICY.replacen("  action:", &format!("    {field}: {selector}\n  action:"), 1);
            check_with(&policy, "human").ends_with(2).says(says).says("policy.yaml:12");
        }
    }
}

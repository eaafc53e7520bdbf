//! What is wrong with the CEL of a policy is said where it is written, with what would be right.

use std::fs;

use tempfile::TempDir;

use crate::binary::{Ran, run};

const HEAD: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: GuardPolicy
metadata: { name: mine }
spec:
  matchConstraints:
    resourceRules:
    - { apiGroups: [gateway.kgateway.dev], apiVersions: ['*'], resources: [listenerpolicies], operations: [CREATE, UPDATE] }
";

const RIGHT: &str = "  validations:
  - name: a
    expression: object.spec.x == 1
";

/// `check` of an object, by a policy with this in its `spec`.
fn check(spec: &str) -> Ran {
    let folder = TempDir::new().unwrap();
    let (policy, subject) = (folder.path().join("policy.yaml"), folder.path().join("subject.yaml"));
    fs::write(&policy, format!("{HEAD}{spec}")).unwrap();
    fs::write(&subject, SUBJECT).unwrap();
    let [policy, subject] = [policy, subject].map(|path| path.to_str().unwrap().to_owned());
    run(["check", "--policies", &policy, &subject, "--format", "json"])
}

const SUBJECT: &str = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: ListenerPolicy
metadata: { name: a, namespace: gw }
spec: { x: 1 }
";

/// A validation with this expression.
fn validation(expression: &str) -> String {
    format!("  validations:\n  - name: a\n    expression: {}\n", serde_json::json!(expression))
}

#[test]
fn a_right_one_is_taken() {
    check(RIGHT).ends_with(0);
}

#[test]
fn a_policy_is_not_named_as_the_codes_of_a_rule_begin() {
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("policy.yaml");
    fs::write(&policy, format!("{}{RIGHT}", HEAD.replace("name: mine", "name: in-use"))).unwrap();
    let policy = policy.to_str().unwrap();
    run(["check", "--policies", policy, policy])
        .ends_with(2)
        .says("policy.yaml:3:")
        .says("codes of the rule `inUse` begin with");
}

/// What stands in the policy, in which line of the file the refusal is, and words of it.
#[test]
fn it_is_refused_where_it_is_written() {
    let body = |at: u64, spec: &str, words: &[&'static str]| (spec.to_owned(), at, words.to_vec());
    let cases = [
        body(4, "  action: Deny\n", &["validations", "mutations", "backendRefs"]),
        body(9, &format!("  rule: {{ backendRefs: {{}} }}\n{RIGHT}"), &["one body", "`rule` and `validations`"]),
        body(
            11,
            &format!("{RIGHT}    expresion: 'true'\n"),
            &["unknown field `expresion`; did you mean `expression`?"],
        ),
        body(9, "  validations:\n  - expression: 'true'\n", &["missing field `name`"]),
        body(11, &format!("{RIGHT}  - {{ name: a, expression: 'true' }}\n"), &["two of the name `a`"]),
        body(9, "  validations:\n  - { name: A_b, expression: 'true' }\n", &["`A_b` is no name"]),
        body(10, &validation("object.spec.x"), &["it must give `bool`", "`dyn`", "bool(x)"]),
        body(10, &validation("1 + 1"), &["it must give `bool`", "`int`"]),
        body(10, &validation("objct.spec.x == 1"), &["objct", "`object`"]),
        body(10, &validation("object.spec.x.startWith('a')"), &["startWith", "startsWith"]),
        body(10, &validation("request.operatoin == 'CREATE'"), &["operatoin", "`operation`"]),
        body(
            10,
            &validation("collector.exporters.all(e, e.config == {} || e.usd)"),
            &["`portcullis.Exporter`", "`used`"],
        ),
        body(10, &validation("krakend.configurations.all(one, one.port == '8080')"), &["(int, string)"]),
        body(10, &validation("cluster.service('a', 'b').value().prots.size() > 0"), &["prots", "`ports`"]),
        body(10, &validation("cluster.referrers('Servise', 'a', 'b').size() == 0"), &["Servise", "`Service`"]),
        body(10, &validation("cluster.namespace('Team').hasValue()"), &["Namespace", "`team`"]),
        body(
            12,
            &format!(
                "  variables:\n  - {{ name: sent, expression: collector.endpoints }}\n{}",
                validation("variables.sent.all(one, one.plantext)")
            ),
            &["`portcullis.Endpoint`", "`plaintext`"],
        ),
        body(10, &validation("namespaceObject.status.phase == 'Active'"), &["status"]),
        body(10, &validation("variables.x == 1"), &["x"]),
        body(10, &validation("params.data.x == '1'"), &["params"]),
        body(
            10,
            &validation("authorizer.requestResource.check('get').allowed()"),
            &["`authorizer`", "request.userInfo"],
        ),
        body(10, &validation("1 == '1'"), &["=="]),
        body(10, &validation("object.spec.x =="), &[]),
        body(10, &validation("(object.spec.x == 1"), &[]),
        body(10, &validation(""), &["no expression"]),
        body(10, &validation("'a'.matches('(')"), &["("]),
        body(10, &validation("duration('1 day') > duration('1h')"), &["duration"]),
        body(10, &validation("[JSONPatch{op: 'add'}].size() > 0"), &["JSONPatch"]),
        body(9, &format!("  matchConditions:\n  - {{ name: a, expression: variables.x }}\n{RIGHT}"), &["variables"]),
        body(9, &format!("  variables:\n  - {{ name: a-b, expression: '1' }}\n{RIGHT}"), &["`a-b`"]),
        body(
            9,
            &format!(
                "  variables:\n  - {{ name: one, expression: variables.two }}\n  - {{ name: two, expression: variables.one }}\n{RIGHT}"
            ),
            &["two"],
        ),
        body(
            10,
            &format!("  variables:\n  - {{ name: a, expression: '1' }}\n  - {{ name: a, expression: '2' }}\n{RIGHT}"),
            &["two of the name `a`"],
        ),
        body(9, &format!("  paramRef:\n    name: ''\n{RIGHT}"), &["`paramRef` names one ConfigMap"]),
        body(11, &format!("{RIGHT}    message: \"a\\nb\"\n"), &["one line"]),
        body(11, &format!("{RIGHT}    messageExpression: 1 + 1\n"), &["it must give `string`", "`int`"]),
        body(
            11,
            &format!("{RIGHT}    level: off\n"),
            &["`error`, `warning` or `note`", "`levels`", "\"off\"", "boolean"],
        ),
        body(11, &format!("{RIGHT}    level: 'off'\n"), &["`error`, `warning` or `note`", "`levels`", "\"off\""]),
        body(8, &format!("  validatons: []\n{RIGHT}"), &["unknown field `validatons`; did you mean `validations`?"]),
        body(11, &format!("{RIGHT}    reason: NotFound\n"), &["`NotFound`", "`Forbidden`", "`Invalid`"]),
        body(11, &format!("{RIGHT}    pathExpression: \"'spec'\"\n"), &["list"]),
        body(
            11,
            "  mutations:\n  - name: a\n    patchType: ApplyConfiguration\n    applyConfiguration: { expression: 'Object{}' }\n",
            &["`ApplyConfiguration` is not supported", "`jsonPatch`"],
        ),
        body(9, "  mutations:\n  - { name: a, patchType: JSONPatch }\n", &["needs a `jsonPatch`"]),
        body(
            9,
            "  mutations:\n  - { name: a, patchType: JSONPatch, jsonPatch: { expression: '[1]' } }\n",
            &["list(int)", "JSONPatch{op:"],
        ),
        body(
            9,
            "  mutations:\n  - { name: a, patchType: JSONPatch, jsonPatch: { expression: \"[JSONPatch{op: 1}]\" } }\n",
            &["op"],
        ),
        body(
            9,
            "  mutations:\n  - { name: a, patchType: JSONPatch, jsonPatch: { expression: \"[JSONPatch{opp: 'add'}]\" } }\n",
            &["opp", "`op`"],
        ),
    ];
    let mut wrong = Vec::new();
    for (spec, line, words) in &cases {
        let report = check(spec).ends_with(2).json();
        let refusals = report["refusals"].as_array().unwrap();
        let message = refusals.first().map_or("", |refusal| refusal["message"].as_str().unwrap());
        let at = refusals.first().and_then(|refusal| refusal["line"].as_u64()).unwrap_or_default();
        let missing: Vec<_> = words.iter().filter(|word| !message.contains(**word)).collect();
        if refusals.len() != 1 || !missing.is_empty() || at.abs_diff(*line) > 0 {
            wrong.push(format!(
                "{spec}  {} refusals, line {at} for {line}, without {missing:?}: {message}",
                refusals.len()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The line of the file, and a caret under the place in the expression.
#[test]
fn the_place_in_the_expression_is_shown() {
    let spec = validation("object.spec.x == 1 && objct.spec.y == 2");
    let written = spec.lines().nth(2).unwrap();
    let report = check(&spec).ends_with(2).json();
    let refusal = &report["refusals"][0];
    let column = usize::try_from(refusal["column"].as_u64().unwrap()).unwrap();
    assert!(written.split_at(column - 1).1.starts_with("objct.spec.y"), "{refusal}");
}

/// What can be seen only in an object is a finding about it that tells of the policy; nothing is changed.
#[test]
fn a_patch_that_cannot_be_is_not_made() {
    for (patch, says) in [
        ("[JSONPatch{op: 'add', path: '/spec/a/b/c', value: 1}]", "path is invalid at `/spec/a/b/c`"),
        ("[JSONPatch{op: 'remove', path: '/spec/gone'}]", "`/spec/gone`"),
        ("[JSONPatch{op: 'replace', path: '/metadata', value: 1}]", "which no mutation may"),
        ("[JSONPatch{op: 'remove', path: '/ki' + 'nd'}]", "would change `kind`"),
        ("[JSONPatch{op: 'add', path: '/metadata/name', value: 'b'}]", "would change `metadata.name`"),
        ("[JSONPatch{op: 'replace', path: '', value: 1}]", "which no mutation may"),
        ("[JSONPatch{op: 'add', path: 'sp' + 'ec', value: 1}]", "'/'"),
        ("[JSONPatch{op: 'pu' + 't', path: '/spec', value: 1}]", "`put`"),
        ("[JSONPatch{op: 'test', path: '/spec/x', value: 2}]", "cannot be"),
        ("[JSONPatch{op: 'add', path: '/spec/y', value: object.spec.gone}]", "no such key: gone"),
        ("[JSONPatch{op: 'add', path: '/spec/x', value: int(object.spec.x) + 1}]", "never come to an end"),
    ] {
        let patch = serde_json::json!(patch);
        let spec =
            format!("  mutations:\n  - {{ name: a, patchType: JSONPatch, jsonPatch: {{ expression: {patch} }} }}\n");
        let report = check(&spec).ends_with(0).json();
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{patch}: {report}");
        assert_eq!(findings[0]["level"], "warning", "{patch}");
        assert!(findings[0].to_string().contains(says), "{patch}: {}", findings[0]);
        assert_eq!(report["summary"]["fixable"], 0, "{patch}");
    }
}

/// A patch that fails whatever it is judged with is refused where it is written, with a caret under what is wrong.
#[test]
fn a_patch_that_can_never_be_made_is_refused() {
    for (patch, says, at) in [
        (
            "[JSONPatch{op: 'repalce', path: '/spec/x', value: 1}]",
            "no operation `repalce`; did you mean `replace`?",
            "'repalce'",
        ),
        ("[JSONPatch{op: 'put', path: '/spec', value: 1}]", "no operation `put`; there are `add`, `remove`", "'put'"),
        ("[JSONPatch{op: 'ADD', path: '/spec', value: 1}]", "no operation `ADD`", "'ADD'"),
        ("[JSONPatch{op: 'add', path: 'spec/x', value: 1}]", "`spec/x` is no path: it begins with `/`", "'spec/x'"),
        ("[JSONPatch{op: 'add', path: '/spec/a~b', value: 1}]", "`~` is written `~0`", "'/spec/a~b'"),
        ("[JSONPatch{op: 'copy', from: 'spec', path: '/spec/x'}]", "`spec` is no path", "'spec'"),
        ("[JSONPatch{op: 'move', path: '/spec/x'}]", "`from` is missing: `move` takes what is at `from`", "{op"),
        ("[JSONPatch{op: 'add', path: '/spec/x'}]", "`value` is missing: `add` needs what to add", "{op"),
        ("[JSONPatch{op: 'remove'}]", "`path` is missing", "{op"),
        ("[JSONPatch{path: '/spec/x'}]", "`op` is missing", "{path"),
        ("[JSONPatch{op: 'remove', path: '/kind'}]", "`/kind` is what no mutation may change", "'/kind'"),
        ("has(object.spec.x) ? [JSONPatch{op: 'test', path: '/spec/x'}] : []", "`value` is missing", "{op"),
    ] {
        let expression = serde_json::json!(patch);
        let spec = format!(
            "  mutations:\n  - {{ name: a, patchType: JSONPatch, jsonPatch: {{ expression: {expression} }} }}\n"
        );
        let report = check(&spec).ends_with(2).json();
        let refusal = &report["refusals"][0];
        assert!(refusal["message"].as_str().unwrap().contains(says), "{patch}: {refusal}");
        let column = usize::try_from(refusal["column"].as_u64().unwrap()).unwrap();
        let shown: String = spec.lines().nth(1).unwrap().chars().skip(column - 1).collect();
        assert!(shown.starts_with(at), "{patch}: {shown}");
    }
}

/// What the patch finds may make it right, or it is not known: it is judged.
#[test]
fn a_patch_that_may_be_made_is_taken() {
    for patch in [
        "[JSONPatch{op: 'replace', path: '/spec/' + 'x', value: 1}]",
        "[JSONPatch{op: 'remove', path: '/spec/x', value: 1}]",
        "[JSONPatch{op: 'add', path: '/spec/a~1b', value: object}]",
        "[JSONPatch{op: 'add', path: '/metadata/name', value: 'a'}]",
        "[JSONPatch{op: object.spec.x == 1 ? 'add' : 'replace', path: '/spec/y', value: null}]",
    ] {
        let patch = serde_json::json!(patch);
        let spec =
            format!("  mutations:\n  - {{ name: a, patchType: JSONPatch, jsonPatch: {{ expression: {patch} }} }}\n");
        assert_eq!(check(&spec).json()["refusals"], serde_json::json!([]), "{patch}");
    }
}

/// Each ends, at once, with a refusal or a finding: none crashes, hangs or fills the memory.
#[test]
fn hostile_expressions_are_stopped() {
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    let folds = |range: &str, levels: usize| {
        let open: String = (0..levels).map(|level| format!("{range}.all(x{level}, ")).collect();
        format!("{open}true{}", ")".repeat(levels))
    };
    let ten = "[0,1,2,3,4,5,6,7,8,9]";
    let hostile = [
        nested("!!(", "true", ")", 5_000),
        "!!(".repeat(41),
        nested("(", "true", ")", 20_000),
        format!("{} == []", nested("[", "", "]", 20_000)),
        format!("{} > 0", vec!["1"; 20_000].join("+")),
        format!("'a'{} == ''", ".trim()".repeat(5_000)),
        format!("object{} == 1", ".b".repeat(5_000)),
        format!("object{} == 1", "[0]".repeat(5_000)),
        vec!["true"; 10_000].join(" && "),
        vec!["true ? true : false"; 2_000].join(" ? true : "),
        folds(ten, 12),
        folds("lists.range(100000000)", 1),
        folds("lists.range(1000)", 4),
        "lists.range(9223372036854775807).size() > 0".to_owned(),
        "lists.range(1000).map(x, lists.range(1000).map(y, lists.range(1000))).size() > 0".to_owned(),
        nested("['a','a','a','a'].map(x, ", "'aaaaaaaaaaaaaaaa'", ").join()", 40) + ".size() > 0",
        "'a'.matches('(((((((((a{100}){100}){100}){100}){100}){100})))))')".to_owned(),
        "'a'.matches('(a|a|a|a|a)*(a|a|a|a)*(a|a|a|a)*b')".to_owned(),
        "lists.range(100000).map(x, 'x' + string(x)).distinct().size() > 0".to_owned(),
        "'%s'.format([lists.range(500000)]).size() > 0".to_owned(),
        format!("'{}' == ''", "x".repeat(1_000_000)),
        format!("{} == 1", "x".repeat(100_000)),
        "\u{0}\u{feff}\u{202e}".to_owned(),
    ];
    for expression in &hostile {
        let ran = check(&validation(expression));
        let report = ran.json();
        let refused = report["refusals"].as_array().is_some_and(|refusals| !refusals.is_empty());
        let text = report.to_string();
        let start: String = expression.chars().take(60).collect();
        assert!(
            refused || text.contains("mine/a") || report["findings"].as_array().is_some_and(Vec::is_empty),
            "{start}: {text}"
        );
    }
}

//! GuardExceptions in files: what they except counts for nothing, and one that is wrong is refused with its line and with what
//! would be right.

use std::fs;

use portcullis::engine::{
    policy::{compile, exception},
    yaml::{self, Dialect},
};
use tempfile::TempDir;

use crate::binary::{FORMATS, Ran, project, run};

const POLICY: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: GuardPolicy
metadata: { name: refs }
spec:
  matchConstraints:
    resourceRules:
    - { apiGroups: [gateway.kgateway.dev], apiVersions: ['*'], resources: [listenerpolicies], operations: [CREATE, UPDATE] }
  action: Deny
  exceptions:
    allowed: true
    maxDuration: 720h
  rule: { listenerPolicies: {} }
";

const SUBJECT: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: http, namespace: gw }
spec: { gatewayClassName: kgateway, listeners: [{ name: http, port: 8080, protocol: HTTP }] }
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: ListenerPolicy
metadata: { name: logs, namespace: gw }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: http }]
  default: { httpSettings: { accessLog: [{}] } }
";

const EXCEPTION: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: GuardException
metadata:
  name: demo
  namespace: gw
spec:
  policies: [refs]
  names: [logs]
  reason: the demo ends on Friday
  expires: EXPIRES
";

fn in_days(days: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    at.round(jiff::Unit::Second).unwrap().to_string()
}

fn exception(days: i64) -> String {
    EXCEPTION.replace("EXPIRES", &format!("\"{}\"", in_days(days)))
}

fn command(command: &str, policy: &str, exception: &str, more: &[&str]) -> Ran {
    let folder = TempDir::new().unwrap();
    let [policies, subject, granted] =
        ["policy.yaml", "subject.yaml", "exception.yaml"].map(|name| folder.path().join(name));
    fs::write(&policies, policy).unwrap();
    fs::write(&subject, SUBJECT).unwrap();
    fs::write(&granted, exception).unwrap();
    let [policies, subject, granted] = [policies, subject, granted].map(|path| path.to_str().unwrap().to_owned());
    let mut args = vec![command, "--policies", &policies, &subject, &granted];
    args.extend(more);
    run(args)
}

fn check(exception: &str, format: &str) -> Ran {
    command("check", POLICY, exception, &["--format", format])
}

#[test]
fn what_is_excepted_is_printed_and_counts_for_nothing() {
    for format in FORMATS {
        check("# none\n---\nkind: X\napiVersion: v1\n", format).ends_with(1);
        check(&exception(20), format).ends_with(0).says("the demo ends on Friday").says("listener-policies/no-sink");
    }
    let ran = check(&exception(20), "human").ends_with(0);
    let ran = ran.says("excepted[listener-policies/no-sink]").says("excepted by GuardException gw/demo until ");
    ran.says("no findings; 1 finding excepted").says("1 object judged, 1 skipped");
    let report = check(&exception(20), "json").ends_with(0).json();
    let (finding, summary) = (&report["findings"][0], &report["summary"]);
    assert_eq!((summary["errors"].as_u64(), summary["excepted"].as_u64()), (Some(0), Some(1)));
    assert_eq!(finding["action"], "record");
    assert_eq!(finding["level"], "error");
    assert_eq!(finding["exception"]["name"], "demo");
    assert_eq!(finding["exception"]["endsSoon"], false);
    let sarif = check(&exception(20), "sarif").ends_with(0).json();
    let suppression = &sarif["runs"][0]["results"][0]["suppressions"][0];
    assert_eq!(suppression["kind"], "external");
    assert!(suppression["justification"].as_str().unwrap().starts_with("GuardException gw/demo until "));
    check(&exception(20), "junit").says("<skipped").never_says("<failure");
    check(&exception(20), "github").says("::notice ").never_says("::error ");
    check(&exception(6), "human").ends_with(0).says(", which is soon: the demo ends on Friday");
}

#[test]
fn one_that_does_not_hold_is_named_with_why() {
    check(&exception(-1), "human").ends_with(1).says("GuardException gw/demo does not hold for it: it ended at ");
    check(&exception(60), "human").ends_with(1).says("longer than the 720h that the policy `refs` allows");
    let forbids = POLICY.replace("allowed: true", "allowed: false");
    let ran = command("check", &forbids, &exception(20), &[]).ends_with(1);
    ran.says("GuardException gw/demo does not hold for it: the policy `refs` allows no exceptions");
    let lapsed = check(&exception(-1), "json").ends_with(1).json();
    assert!(lapsed["findings"][0]["exception"]["lapsed"].as_str().unwrap().starts_with("it ended at "));
    assert_eq!(lapsed["findings"][0]["action"], "deny");
}

#[test]
fn it_may_stand_beside_the_policies_and_in_both_places() {
    let both = format!("{POLICY}---\n{}", exception(20));
    command("check", &both, "# none\n---\nkind: X\napiVersion: v1\n", &[]).ends_with(0).says("1 finding excepted");
    command("check", &both, &exception(20), &[]).ends_with(0).says("1 finding excepted");
    let another = exception(20).replace("Friday", "Monday");
    let ran = command("check", &both, &another, &[]).ends_with(2);
    ran.says("there are two exceptions named `gw/demo`").says("policy.yaml:");
}

#[test]
fn a_wrong_one_is_refused_with_its_line_and_what_would_be_right() {
    let good = exception(20);
    let expires = good.lines().last().unwrap().to_owned();
    let inputs: &[(&str, &str, u64, &[&str])] = &[
        (&expires, "", 6, &["an exception needs an end: `expires`", "`2026-03-01T00:00:00Z`"]),
        (&expires, "  expires: tomorrow", 10, &["`tomorrow` is no time", "`2026-03-01T00:00:00Z`"]),
        (&expires, "  expires: 30d", 10, &["`30d` is no time"]),
        ("  reason: the demo ends on Friday\n", "", 6, &["an exception needs a `reason`"]),
        ("the demo ends on Friday", "' '", 9, &["an exception needs a reason"]),
        ("  names: [logs]\n", "", 6, &["`names` or an `objectSelector`", "everything in its namespace"]),
        ("names: [logs]", "objectSelector: {}", 8, &["everything in its namespace"]),
        ("names: [logs]", "names: ['*']", 8, &["use `objectSelector`"]),
        ("names: [logs]", "name: [logs]", 8, &["unknown field `name`; did you mean `names`?"]),
        ("[refs]", "[]", 7, &["an exception names its `policies`"]),
        ("portcullis.dev/v1alpha1", "portcullis.dev/v9", 1, &["`portcullis.dev/v1alpha1`"]),
        ("GuardException", "GuardExcepton", 2, &["no kind `GuardExcepton`", "did you mean `GuardException`?"]),
        ("names: [logs]", "objectSelector: { matchExpressions: [{ key: a, operator: In }] }", 8, &["needs `values`"]),
        (
            "names: [logs]",
            "objectSelector: { matchLabels: { a: b }, matchExpressions: [{ key: a, operator: DoesNotExist }] }",
            8,
            &["it can match nothing: `a` cannot be there and not be there"],
        ),
    ];
    for (from, to, line, words) in inputs {
        let wrong = good.replacen(from, to, 1);
        assert_ne!(wrong, good, "{from}");
        let report = check(&wrong, "json").ends_with(2).json();
        let refusals = report["refusals"].as_array().unwrap();
        assert_eq!(refusals.len(), 1, "{to}: {refusals:?}");
        let refusal = &refusals[0];
        assert!(refusal["file"].as_str().unwrap().ends_with("exception.yaml"), "{refusal}");
        let message = refusal["message"].as_str().unwrap();
        for word in *words {
            assert!(message.contains(word), "{to}: `{word}` is not in: {message}");
        }
        assert_eq!(refusal["line"].as_u64(), Some(*line), "{to}: {refusal}");
        // What it should have excepted is judged all the same.
        assert_eq!(report["findings"].as_array().unwrap().len(), 1);
        for format in FORMATS {
            check(&wrong, format).ends_with(2);
        }
    }
}

/// A policy may be elsewhere, so it is no mistake by itself.
#[test]
fn one_that_names_what_there_is_not_is_warned_of() {
    let good = exception(20);
    check(&good, "json").ends_with(0).says("\"warnings\": []");
    for (from, to, line, says) in [
        ("[refs]", "[refs, resf]", 7, ["no policy that is given is named `resf`", "did you mean `refs`?"]),
        ("[refs]", "[refs, elsewhere]", 7, ["no policy that is given is named `elsewhere`", "`--policies`"]),
        (
            "names: [logs]",
            "codes: [listener-policies/no-sink, listener-policies/no-snk]\n  names: [logs]",
            8,
            [
                "no policy that it names has a code `listener-policies/no-snk`",
                "did you mean `listener-policies/no-sink`?",
            ],
        ),
    ] {
        let wrong = good.replacen(from, to, 1);
        let report = check(&wrong, "json").ends_with(0).json();
        let warning = &report["warnings"][0];
        assert_eq!(warning["line"].as_u64(), Some(line), "{warning}");
        assert!(warning["message"].as_str().unwrap().contains(says[0]), "{warning}");
        assert!(warning["help"].as_str().unwrap().contains(says[1]), "{warning}");
        for format in FORMATS {
            check(&wrong, format).ends_with(0).says(if format == "sarif" { "\"warning\"" } else { "warning" });
        }
    }
    let both = format!("{POLICY}---\n{}", good.replace("[refs]", "[refs, resf]"));
    let report = command("check", &both, "# none\n---\nkind: X\napiVersion: v1\n", &["--format", "json"]).ends_with(0);
    assert!(report.json()["warnings"][0]["file"].as_str().unwrap().ends_with("policy.yaml"));
}

#[test]
fn a_policy_that_says_nonsense_of_them_is_refused() {
    for (from, to, words) in [
        (
            "maxDuration: 720h",
            "maxDuration: 30d",
            "`30d` is no duration: it is hours, minutes and seconds, as in `720h`",
        ),
        ("maxDuration: 720h", "maxDuration: 0h", "`0h` is no duration"),
        ("allowed: true", "alowed: true", "unknown field `alowed`; did you mean `allowed`?"),
        ("allowed: true", "allowed: sometimes", "wrong type"),
        (
            "allowed: true",
            "namespaceSelector: { matchExpressions: [{ key: a, operator: Exists }, { key: a, operator: DoesNotExist }] }",
            "it can match nothing",
        ),
    ] {
        let ran = command("check", &POLICY.replace(from, to), &exception(20), &[]).ends_with(2);
        ran.says(words).says("policy.yaml:");
    }
}

#[test]
fn fix_leaves_what_is_excepted() {
    let policy = "\
apiVersion: portcullis.dev/v1alpha1
kind: GuardPolicy
metadata: { name: scrape }
spec:
  matchConstraints:
    resourceRules: [{ apiGroups: [''], apiVersions: ['*'], resources: [pods], operations: [CREATE] }]
  remedy: Apply
  exceptions: { allowed: true }
  rule: { scrapeAnnotations: {} }
";
    let pod = "---
apiVersion: v1
kind: Pod
metadata: { name: http, namespace: gw }
spec: { containers: [{ name: kgateway-proxy, ports: [{ name: http-monitoring, containerPort: 9091 }] }] }
";
    let granted = exception(20).replace("[refs]", "[scrape]").replace("[logs]", "[http]");
    command("fix", policy, pod, &[]).ends_with(0).says("prometheus.io/scrape");
    command("fix", policy, &format!("{granted}{pod}"), &[]).ends_with(0).says("nothing to fix");
    command("check", policy, &format!("{granted}{pod}"), &[]).says("1 finding excepted").never_says("portcullis fix");
}

#[test]
fn what_the_page_shows_compiles() {
    let page = fs::read_to_string(project("docs/exceptions.md")).unwrap();
    let blocks: Vec<_> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let value = yaml::tree::parse(block).unwrap().value(Dialect::Kubernetes).unwrap();
        if value["kind"] == exception::spec::KIND {
            exception::compile::compile(&value, "default").unwrap();
        } else {
            assert!(compile::compile(&value).unwrap().exceptions.allowed);
        }
    }
}

//! What the charts render: that it is what is committed, that wrong values are refused, and that a real API server takes every
//! variant.

use std::{env, fs};

use portcullis::engine::policy::shipped::SHIPPED;

use crate::{
    cluster,
    helm::{CHART, CRDS, Helm, lacking},
    kubectl::Kubectl,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("helm: what is committed is what the charts render", committed).needing(lacking),
    Case::new("helm: the charts pass the strict lint, and are the same from a package", packaged).needing(lacking),
    Case::new("helm: a value that does not exist, or is of another kind, is refused", typos).needing(lacking),
    Case::new("helm: the API server takes what every variant renders", variants).needing(lacking).alone(),
    Case::new("helm: the policies are as shipped where they are enforced, and only warn where not", policies)
        .needing(lacking),
];

const INSTALL: &str = "\
# Everything that Portcullis needs in a cluster; deploy/README.md says how to apply it.
# Rendered from deploy/charts with their default values by `UPDATE_FILES=1 cargo test --test e2e -- 'helm: what is committed'`.
---
";

const CERT_MANAGER: &str = "\
# A certificate by cert-manager: a CA of our own, and what it signs, in the Secret `portcullis-tls`. certs/README.md says how to
# use it. Rendered from deploy/charts by `UPDATE_FILES=1 cargo test --test e2e -- 'helm: what is committed'`.
";

/// Each is to be rendered, and taken by an API server.
const VARIANTS: &[&[&str]] = &[
    &[],
    &["enforce=true"],
    &["registration=external"],
    &["certificates.mode=certManager"],
    &["certificates.mode=certManager", "webhookUrl=https://[fd00::5]:8443"],
    &["certificates.mode=certManager", "webhookUrl=https://hook.example:8443", "registration=external"],
    &[
        "certificates.mode=certManager",
        "certificates.issuerRef.name=internal",
        "certificates.issuerRef.kind=ClusterIssuer",
    ],
    &["certificates.mode=files"],
    &["certificates.mode=files", "certificates.caKey="],
    &["clientAuthentication.configMap=callers", "clientAuthentication.names={kube-apiserver,other}"],
    &["hostNetwork=true", "webhookPort=10250", "adminPort=10251", "bindAddress=[::]"],
    &["networkPolicy.enabled=true"],
    &["networkPolicy.enabled=true", "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring"],
    &["metrics.serviceMonitor.enabled=true", "metrics.prometheusRule.enabled=true", "metrics.dashboard.enabled=true"],
    &["metrics.prometheusRule.enabled=true", "metrics.prometheusRule.runbookUrl=https://git.example/runbooks.md"],
    &["metrics.scrapeAnnotations=false", "flowSchema.priorityLevel=", "ownAccount.guarded=false", "runAsUser=null"],
    &["webhookUrl=https://10.0.0.5:8443", "controlPlanes={kgateway=2.2\\,grants=off,agentgateway=1.4}"],
    &["image.digest=sha256:0000000000000000000000000000000000000000000000000000000000000000"],
    &["priorityClassName=system-cluster-critical", "dnsPolicy=Default", "extraArgs={--grace=60}", "replicas=1"],
    &["nodeSelector.kubernetes\\.io/os=linux", "tolerations[0].operator=Exists", "podLabels.team=a"],
    &["podAnnotations.a=b", "serviceAnnotations.a=b", "serviceAccountAnnotations.a=b", "imagePullSecrets[0].name=pull"],
    &["extraEnv[0].name=RUST_LOG", "extraEnv[0].value=debug", "podDisruptionBudget.maxUnavailable=50%"],
    &["policies.debug-exporters.namespaceSelector.matchLabels.stage=live", "policies.in-use.action=Deny"],
    &["policies.unknown-fields.enabled=false", "policies.scrape-annotations.remedy=Apply"],
];

/// Kinds of others that some variants make. What is in them is not looked at.
const STRANGERS: [(&str, &str, &str); 4] = [
    ("cert-manager.io", "Issuer", "issuers"),
    ("cert-manager.io", "Certificate", "certificates"),
    ("monitoring.coreos.com", "ServiceMonitor", "servicemonitors"),
    ("monitoring.coreos.com", "PrometheusRule", "prometheusrules"),
];

fn set<'a>(values: &[&'a str]) -> Vec<&'a str> {
    values.iter().flat_map(|value| ["--set", value]).collect()
}

#[track_caller]
fn assert_file(path: &str, expected: &str) {
    let file = cluster::file(path);
    if env::var_os("UPDATE_FILES").is_some() {
        fs::write(&file, expected).expect("the file is written");
    }
    let actual = fs::read_to_string(&file).unwrap_or_default();
    assert!(actual == expected, "{path} is not up to date: run the tests once with UPDATE_FILES=1");
}

fn committed(sandbox: &Sandbox<'_>) {
    let helm = Helm::new(sandbox);
    let namespace = fs::read_to_string(cluster::file("deploy/namespace.yaml")).expect("the namespace");
    let install = [INSTALL, &namespace, &helm.template(CRDS, &[]), &helm.template(CHART, &[])].concat();
    assert_file("deploy/install.yaml", &install);
    let only = ["--show-only", "templates/certificates.yaml", "--set", "certificates.mode=certManager"];
    let certificates = helm.template(CHART, &only);
    let certificates: Vec<_> = certificates.lines().filter(|line| !line.starts_with("# Source: ")).collect();
    assert_file("certs/cert-manager.yaml", &[CERT_MANAGER, &certificates.join("\n"), "\n"].concat());
}

fn packaged(sandbox: &Sandbox<'_>) {
    let helm = Helm::new(sandbox);
    helm.run(&["lint", "--strict", "--kube-version", "1.30.0", CRDS, CHART]).succeeds().says("0 chart(s) failed");
    let version = env!("CARGO_PKG_VERSION");
    for (chart, name) in [(CRDS, "portcullis-crds"), (CHART, "portcullis")] {
        let folder = helm.write("readme", "");
        let folder = folder.trim_end_matches("readme");
        helm.run(&["package", chart, "--destination", folder]).succeeds();
        let package = format!("{folder}{name}-{version}.tgz");
        assert_eq!(helm.template(&package, &[]), helm.template(chart, &[]));
        helm.try_template(chart, &["--kube-version", "1.29.0"]).fails().says("incompatible with Kubernetes v1.29.0");
    }
}

fn typos(sandbox: &Sandbox<'_>) {
    let helm = Helm::new(sandbox);
    let wrong = [
        ("replica=3", "'replica' not allowed"),
        ("policies.backend-ref.enabled=false", "'backend-ref' not allowed"),
        ("policies.in-use.acton=Warn", "'acton' not allowed"),
        ("policies.in-use.action=warn", "policies/in-use/action"),
        ("policies.in-use.remedy=Fix", "policies/in-use/remedy"),
        ("certificates.mode=builtin", "certificates/mode"),
        ("registration=off", "registration"),
        ("metrics.servicemonitor.enabled=true", "'servicemonitor' not allowed"),
        ("enforce=yes", "enforce"),
        ("webhookPort=0", "webhookPort"),
        ("webhookUrl=http://plain", "webhookUrl"),
        ("replicas=0", "replicas"),
        ("controlPlanes={kgatway=2.2}", "controlPlanes"),
        ("controlPlanes={kgateway=9}", "controlPlanes"),
    ];
    for (value, says) in wrong {
        helm.try_template(CHART, &["--set", value]).fails().says("don't meet the specifications").says(says);
    }
    helm.try_template(CRDS, &["--set", "keep=false"]).fails().says("'keep' not allowed");
    // As in the values that a chart gives to those it depends on.
    helm.template(CHART, &["--set", "global.region=x"]);
}

fn variants(sandbox: &Sandbox<'_>) {
    let (helm, kubectl) = (Helm::new(sandbox), sandbox.kubectl());
    cluster::install(&kubectl);
    let strangers: Vec<_> = STRANGERS.iter().map(|stranger| definition(*stranger)).collect();
    let _gone_with_it = Strangers(&kubectl);
    kubectl.apply(&strangers.join("---\n"));
    kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]).succeeds();
    for variant in VARIANTS {
        let rendered = helm.template(CHART, &set(variant));
        let said = kubectl
            .run_with(&["apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-"], &rendered);
        assert!(said.ok, "{variant:?}: {}", said.all());
        let mut warnings = said.warnings();
        // kubectl's own, about what another kubectl has applied here.
        warnings.retain(|warning| !warning.contains("last-applied-configuration"));
        if variant.contains(&"hostNetwork=true") {
            // As values.yaml says of it; nothing else of what is restricted is given up.
            assert_eq!(
                warnings,
                ["would violate PodSecurity \"restricted:latest\": host namespaces (hostNetwork=true)"]
            );
            continue;
        }
        assert_eq!(warnings, Vec::<&str>::new(), "{variant:?}");
    }
}

fn policies(sandbox: &Sandbox<'_>) {
    let helm = Helm::new(sandbox);
    let count = |rendered: &str, line: &str| rendered.lines().filter(|there| there.trim() == line).count();
    let first = helm.template(CHART, &["--show-only", "templates/policies.yaml"]);
    for line in ["action: Warn", "remedy: Suggest", "failurePolicy: Ignore"] {
        assert_eq!(count(&first, line), SHIPPED.len(), "{line}\n{first}");
    }
    let enforced = helm.template(CHART, &["--show-only", "templates/policies.yaml", "--set", "enforce=true"]);
    assert_eq!((count(&enforced, "action: Deny"), count(&enforced, "remedy: Apply")), (4, 3), "{enforced}");
    assert_eq!(count(&enforced, "failurePolicy: Fail"), 3, "{enforced}");
    let one = set(&["policies.in-use.action=Deny", "policies.unknown-fields.enabled=false"]);
    let one = helm.template(CHART, &[&["--show-only", "templates/policies.yaml"], one.as_slice()].concat());
    assert_eq!((count(&one, "action: Deny"), count(&one, "action: Warn")), (1, SHIPPED.len() - 2), "{one}");
}

fn definition((group, kind, plural): (&str, &str, &str)) -> String {
    let schema = "{ openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }";
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{ name: {plural}.{group} }}\nspec:\n  \
         group: {group}\n  scope: Namespaced\n  names: {{ kind: {kind}, plural: {plural}, singular: {} }}\n  versions:\n  \
         - {{ name: v1, served: true, storage: true, schema: {schema} }}\n",
        kind.to_lowercase()
    )
}

struct Strangers<'a>(&'a Kubectl);

impl Drop for Strangers<'_> {
    fn drop(&mut self) {
        let names: Vec<_> = STRANGERS.iter().map(|(group, _, plural)| format!("crd/{plural}.{group}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        self.0.run(&[&["delete", "--ignore-not-found"], names.as_slice()].concat());
    }
}

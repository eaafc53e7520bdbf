//! Every reference into another namespace is allowed by a ReferenceGrant there.

use crate::engine::{
    finding::{Code, Finding, Level},
    kinds::{AGENTGATEWAY, KGATEWAY, meta::SHARED, telemetry::Reference},
    resolve::{self, Grant},
    rules::{Judge, Rule, SeenIn, backend_refs::telemetry_of, harm::with_harm, looked_up},
    subject::{ObjectKey, Operation},
};

pub static RULE: Rule = Rule {
    name: "referenceGrants",
    prefix: "reference-grants",
    resources: &[
        (KGATEWAY, "httplistenerpolicies"),
        (KGATEWAY, "listenerpolicies"),
        (AGENTGATEWAY, "agentgatewaypolicies"),
    ],
    operations: &[Operation::Create, Operation::Update],
    looks_up: looked_up::RESOLUTION,
    in_files: &[],
    seen_in: SeenIn::Everywhere,
    gives_edits: false,
    needle: Some("backendRef"),
    codes: &[&MISSING, &NOT_CHECKED],
    run,
};

static MISSING: Code = Code {
    name: "reference-grants/missing",
    level: Level::Error,
    title: "no ReferenceGrant allows a telemetry object to refer to another namespace",
    why: "kgateway checks the grant before anything else. Without one, every route of the Gateway answers HTTP 500; made after the \
telemetry object is stored it comes too late, made before it nothing happens. `from` must have exactly the group, kind and namespace of the telemetry \
object: a grant for HTTPListenerPolicy does not cover ListenerPolicy",
    fix: "the owner of the collector's namespace applies the grant that the finding shows, or labels the Service or the Namespace \
`portcullis.dev/shared: \"true\"` so that Portcullis may make it",
    example: "backendRef: { name: otel-collector, namespace: telemetry, port: 4317 }   # and no grant in `telemetry`",
};

static NOT_CHECKED: Code = Code {
    name: "reference-grants/not-checked",
    level: Level::Warning,
    title: "whether a ReferenceGrant allows the reference could not be looked up",
    why: "no grant that is known allows it, and there may be others in the cluster",
    fix: "give the grants of the collector's namespace too, or say `--closed-world`",
    example: "backendRef: { name: otel-collector, namespace: telemetry, port: 4317 }",
};

fn run(judge: &Judge<'_>) -> Vec<Finding> {
    let Some((kind, telemetry)) = telemetry_of(judge) else { return Vec::new() };
    let own = judge.subject.key.namespace.as_str();
    let blast = resolve::blast(telemetry, own, judge.lens);
    let mut found: Vec<Finding> = Vec::new();
    for reference in &telemetry.references {
        let granted = resolve::grant(kind, own, &reference.backend, judge.lens);
        if matches!(granted, Grant::NotNeeded | Grant::Given) {
            continue;
        }
        let crossing = resolve::crossing(kind, own, &reference.backend);
        let from = format!("{} in namespace `{own}`", kind.with_article());
        let to = format!("{} `{}/{}`", crossing.to_kind, crossing.to_namespace, crossing.to_name);
        let path = reference.path.key("namespace");
        match granted {
            Grant::NotNeeded | Grant::Given => {}
            Grant::Missing => {
                let message = format!(
                    "no ReferenceGrant in namespace `{}` allows {from} to refer to {to}",
                    crossing.to_namespace
                );
                found.push(with_remedy(judge, reference, with_harm(Finding::new(&MISSING, path, message), &blast)));
            }
            Grant::Unknown => {
                let message = format!("no ReferenceGrant that is known allows {from} to refer to {to}");
                let finding = Finding::new(&NOT_CHECKED, path, message)
                    .unknown(format!("whether namespace `{}` has another ReferenceGrant", crossing.to_namespace));
                found.push(with_remedy(judge, reference, finding));
            }
        }
    }
    found
}

/// The manifest that would mend it, and the remedy itself where the target's owner agreed to it.
fn with_remedy(judge: &Judge<'_>, reference: &Reference, finding: Finding) -> Finding {
    let own = judge.subject.key.namespace.as_str();
    let kind = crate::engine::kinds::telemetry::TelemetryKind::of(&judge.subject.key.group, &judge.subject.key.kind);
    let Some(kind) = kind else { return finding };
    let crossing = resolve::crossing(kind, own, &reference.backend);
    let mut grant = crossing.grant();
    let opted_in = resolve::opted_in(own, &reference.backend, judge.lens);
    if opted_in == Some(true) {
        let key = ObjectKey::new(crossing.to_group, crossing.to_kind, crossing.to_namespace, crossing.to_name);
        return finding
            .related(key, "its owner lets grants be made for it")
            .help("this grant allows it")
            .manifest(grant.clone())
            .ensure(vec![grant]);
    }
    // What nobody could read is no refusal: the owner may have agreed.
    let finding = if opted_in.is_none() && finding.unknown.is_none() {
        finding.unknown("whether its owner agreed to grants")
    } else {
        finding
    };
    // The owner's own grant does not carry our label: it would be ours to remove.
    if let Some(metadata) = grant.get_mut("metadata").and_then(|metadata| metadata.as_object_mut()) {
        metadata.remove("labels");
        metadata.insert(
            "name".to_owned(),
            format!("allow-{}-from-{own}-to-{}", kind.name().to_lowercase(), crossing.to_name).into(),
        );
    }
    finding
        .help(format!(
            "the owner of namespace `{}` labels {} `{}` with `{SHARED}: \"true\"` so that Portcullis may make the grant, or applies it",
            crossing.to_namespace, crossing.to_kind, crossing.to_name,
        ))
        .manifest(grant)
}

#[cfg(test)]
mod tests;

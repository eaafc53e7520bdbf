//! Whether a telemetry object attaches to anything: where it does not, its status stays empty and nobody is told.

use super::codes::{GATEWAY_MISSING, NO_MATCH, NO_SUCH_LISTENER, NO_TARGET, OTHER_CLASS, SECTION_IGNORED, WRONG_KIND};
use crate::engine::{
    finding::Finding,
    kinds::{
        gateway::Controller,
        telemetry::{Target, TargetBy, Telemetry, TelemetryKind},
    },
    node::Path,
    resolve::Attachment,
    rules::{Judge, harm::place, suggest},
};

pub(super) fn findings(
    judge: &Judge<'_>,
    telemetry: &Telemetry,
    attachments: &[(&Target, Attachment<'_>)],
) -> Vec<Finding> {
    if attachments.is_empty() {
        let kind = telemetry.kind.name();
        return vec![
            Finding::new(&NO_TARGET, Path::of(&["spec"]), format!("this {kind} has neither `targetRefs` nor `targetSelectors`, so it attaches to nothing"))
                .help("name the Gateway:\ntargetRefs:\n- group: gateway.networking.k8s.io\n  kind: Gateway\n  name: my-gateway"),
        ];
    }
    attachments.iter().filter_map(|(target, attachment)| of_target(judge, telemetry.kind, target, attachment)).collect()
}

fn of_target(judge: &Judge<'_>, kind: TelemetryKind, target: &Target, attachment: &Attachment<'_>) -> Option<Finding> {
    let own = judge.subject.key.namespace.as_str();
    let name = match &target.by {
        TargetBy::Name(name) => name,
        TargetBy::Labels(_) => "",
    };
    match attachment {
        Attachment::Unknown => None,
        Attachment::To(gateways) => section_ignored(kind, target, gateways),
        Attachment::WrongKind => Some(
            Finding::new(
                &WRONG_KIND,
                target.path.key("kind"),
                format!("telemetry of {} attaches to a Gateway alone, not to a `{}`", kind.with_article(), target.kind),
            )
            .help("target the Gateway with `group: gateway.networking.k8s.io` and `kind: Gateway`"),
        ),
        Attachment::Absent => {
            let finding = Finding::new(
                &GATEWAY_MISSING,
                target.path.key("name"),
                format!(
                    "Gateway `{own}/{name}` does not exist, so this attaches to nothing and its status stays empty"
                ),
            );
            let (here, _) = judge.lens.gateways(Some(own));
            let (everywhere, _) = judge.lens.gateways(None);
            let elsewhere = everywhere.iter().find(|(key, _)| key.name == name && key.namespace != own);
            Some(if let Some(close) = suggest::closest(name, here.iter().map(|(key, _)| key.name.as_str())) {
                finding.details(format!("did you mean `{close}`?"), false).help("correct the name")
            } else if let Some((key, _)) = elsewhere {
                finding
                    .details(format!("there is one in namespace `{}`", key.namespace), true)
                    .help(format!("{} must lie in the namespace of its Gateway", kind.with_article()))
            } else {
                finding.help("correct the name, or create the Gateway")
            })
        }
        Attachment::OtherController(key, gateway, controller) => {
            Some(other_class(kind, target, &place(key), &gateway.class, *controller))
        }
        Attachment::NoMatch => Some(
            Finding::new(
                &NO_MATCH,
                target.path.key("matchLabels"),
                format!("no Gateway in namespace `{own}` has these labels, so this attaches to nothing"),
            )
            .help("correct the labels; they are matched against the labels of Gateway objects"),
        ),
        Attachment::NoSuchListener(key, gateway) => {
            let section = target.section.as_deref().unwrap_or_default();
            let finding = Finding::new(
                &NO_SUCH_LISTENER,
                target.path.key("sectionName"),
                format!("Gateway `{}` has no listener `{section}`, so this attaches to nothing", place(key)),
            );
            let names = suggest::listed(gateway.listeners.iter().map(|listener| format!("`{}`", listener.name)));
            Some(
                finding
                    .details(format!("its listeners are {names}"), false)
                    .help("correct `sectionName`, or leave it out"),
            )
        }
    }
}

/// On an HTTP listener a ListenerPolicy with `sectionName` says Attached and does nothing; a bad one still gives 500.
fn section_ignored(
    kind: TelemetryKind,
    target: &Target,
    gateways: &[(&crate::engine::subject::ObjectKey, &crate::engine::kinds::gateway::Gateway)],
) -> Option<Finding> {
    let section = target.section.as_deref().filter(|_| kind == TelemetryKind::ListenerPolicy)?;
    let (key, _) = gateways
        .iter()
        .find(|(_, gateway)| gateway.listener(section).is_some_and(|listener| &*listener.protocol == "HTTP"))?;
    Some(
        Finding::new(
            &SECTION_IGNORED,
            target.path.key("sectionName"),
            format!("listener `{section}` of Gateway `{}` is HTTP, where a ListenerPolicy with `sectionName` says Attached and does nothing", place(key)),
        )
        .help("leave `sectionName` out, or use `perPort` with the listener's port"),
    )
}

fn other_class(kind: TelemetryKind, target: &Target, gateway: &str, class: &str, controller: Controller) -> Finding {
    let path = match &target.by {
        TargetBy::Name(_) => target.path.key("name"),
        TargetBy::Labels(_) => target.path.to_path(),
    };
    let finding = Finding::new(
        &OTHER_CLASS,
        path,
        format!(
            "Gateway `{gateway}` has the class `{class}`, on which {} does nothing and gets no status",
            kind.with_article()
        ),
    );
    match (kind.is_kgateway(), controller) {
        (true, Controller::Agentgateway) => finding.help(
            "for agentgateway write an AgentgatewayPolicy with `spec.frontend.accessLog` and `spec.frontend.tracing`",
        ),
        (false, Controller::Kgateway) => {
            finding.help("for kgateway write a ListenerPolicy with `spec.default.httpSettings`")
        }
        _ => finding
            .help(format!("target a Gateway of {}", if kind.is_kgateway() { "kgateway" } else { "agentgateway" })),
    }
}

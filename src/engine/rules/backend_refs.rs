//! Every telemetry `backendRef` leads to a collector that exists and can be spoken to.

mod codes;
mod port;

use crate::engine::{
    finding::Finding,
    kinds::{
        AGENTGATEWAY, KGATEWAY,
        meta::Sharing,
        service::{Service, ServicePort},
        telemetry::{BackendRef, Reference, Telemetry, TelemetryKind},
    },
    limits,
    resolve::{self, Backend, Blast},
    rules::{Judge, Rule, SeenIn, harm::with_harm, looked_up, suggest},
    subject::Operation,
    view::Answer,
};
use codes::{
    CODES, DOTTED_NAME, EXTERNAL_NAME, GROUP_CORE, NO_PORT, NO_SUCH_PORT, NOT_CHECKED, NOT_DISCOVERED, NOT_FOUND,
    NOT_HTTP2, OTLP_HTTP_PORT, PORT_ON_BACKEND, UDP, UNKNOWN_KIND,
};

pub static RULE: Rule = Rule {
    name: "backendRefs",
    prefix: "backend-refs",
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
    codes: CODES,
    run,
};

/// The port on which collectors take OTLP over HTTP.
const OTLP_HTTP: i64 = 4318;

fn run(judge: &Judge<'_>) -> Vec<Finding> {
    let Some((kind, telemetry)) = telemetry_of(judge) else { return Vec::new() };
    let blast = resolve::blast(telemetry, &judge.subject.key.namespace, judge.lens);
    let positions = telemetry.references.iter().enumerate();
    positions
        .flat_map(|(position, reference)| one(judge, kind, reference, &blast, position < limits::SUGGESTIONS))
        .collect()
}

/// The subject as a telemetry object, if it is one.
pub fn telemetry_of<'a>(judge: &Judge<'a>) -> Option<(TelemetryKind, &'a Telemetry)> {
    judge.subject.telemetry().map(|telemetry| (telemetry.kind, telemetry))
}

fn one(judge: &Judge<'_>, kind: TelemetryKind, reference: &Reference, blast: &Blast, suggests: bool) -> Vec<Finding> {
    if let Some(finding) = port::impossible(judge, reference) {
        return vec![finding];
    }
    let own = judge.subject.key.namespace.as_str();
    let backend = &reference.backend;
    let path = &reference.path;
    let target = format!("{} `{}/{}`", backend.kind, backend.namespace_or(own), backend.name);
    let finding = |code, at: &str, message: String| {
        let path = if at.is_empty() { path.to_path() } else { path.key(at) };
        Finding::new(code, path, message)
    };
    let said = match resolve::backend(kind, own, backend, judge.lens) {
        Backend::Port(service, port) => return flaws(judge, kind, reference, service, port),
        Backend::Object => return Vec::new(),
        Backend::Unknown => {
            return vec![
                finding(&NOT_CHECKED, "", format!("whether {target} exists could not be looked up"))
                    .unknown(format!("whether {target} exists"))
                    .help("give its manifest too, or say `--closed-world` if everything there is is given"),
            ];
        }
        Backend::UnknownKind => unknown_kind(kind, reference, own).in_itself(),
        Backend::PortOnBackend => finding(
            &PORT_ON_BACKEND,
            "port",
            format!("{target} defines its own port, and a reference to it must not name one"),
        )
        .help("remove `port`")
        .in_itself(),
        Backend::NoPort => finding(&NO_PORT, "", format!("the reference to {target} names no port"))
            .help("add `port`, usually `port: 4317` for OTLP over gRPC")
            .in_itself(),
        Backend::NotDiscovered => finding(
            &NOT_DISCOVERED,
            "namespace",
            format!(
                "kgateway does not look at namespace `{}`, so {target} does not exist for it",
                backend.namespace_or(own)
            ),
        )
        .help("label the namespace so that kgateway's discovery selector matches it"),
        Backend::Absent => absent(judge, reference, &target, suggests),
        Backend::NoSuchPort(service) => {
            let ports = suggest::listed(service.ports.iter().map(ToString::to_string));
            let port = backend.port.unwrap_or_default();
            let finding = finding(&NO_SUCH_PORT, "port", format!("{target} has no port {port}"));
            let likely = if service.ports.len() == 1 { service.ports.first() } else { service.port(4317) };
            let finding = match likely {
                Some(likely) => finding
                    .help(format!("write `port: {}`; `port` is the Service's port, not the container's", likely.port)),
                None => finding.help("name a port of the Service: `port` is the Service's port, not the container's"),
            };
            finding.details(format!("it has {ports}"), is_guarded(judge, backend, &service.sharing))
        }
    };
    vec![with_harm(said, blast)]
}

fn unknown_kind(kind: TelemetryKind, reference: &Reference, own: &str) -> Finding {
    let backend = &reference.backend;
    let path = reference.path.to_path();
    let place = format!("{}/{}", backend.namespace_or(own), backend.name);
    if &*backend.group == "core" {
        return Finding::new(
            &GROUP_CORE,
            path.key("group"),
            format!("`group: core` is not the core group, so `{place}` is of no kind that exists"),
        )
        .help("write `group: \"\"`, or leave `group` out");
    }
    let takes = if kind.is_kgateway() {
        "a Service, or a Backend of `gateway.kgateway.dev`"
    } else {
        "a Service, or an AgentgatewayBackend of `agentgateway.dev`"
    };
    let known =
        if backend.group.is_empty() { backend.kind.to_string() } else { format!("{}.{}", backend.kind, backend.group) };
    let finding = Finding::new(
        &UNKNOWN_KIND,
        path.key("kind"),
        format!("`{known}` is no kind that {} can send to", kind.with_article()),
    );
    if kind.is_kgateway() && matches!(&*backend.kind, "ServiceEntry" | "Hostname") {
        return finding.help("kgateway takes it only with its Istio integration; if that is on, say `--control-plane kgateway=2.4,istio=on`");
    }
    finding.help(format!("refer to {takes}"))
}

fn absent(judge: &Judge<'_>, reference: &Reference, target: &str, suggests: bool) -> Finding {
    let own = judge.subject.key.namespace.as_str();
    let backend = &reference.backend;
    let namespace = backend.namespace_or(own);
    let path = reference.path.key("name");
    if backend.is_service() && backend.name.contains('.') {
        let first = backend.name.split('.').next().unwrap_or_default();
        return Finding::new(
            &DOTTED_NAME,
            path,
            format!("`{}` is a host name, not the name of a Service", backend.name),
        )
        .help(format!("write `name: {first}`, and the namespace as `namespace`"))
        .in_itself();
    }
    let finding = Finding::new(&NOT_FOUND, path, format!("{target} does not exist"));
    if !backend.is_service() {
        return finding.help("create it first, or correct the name");
    }
    let here: Vec<_> = judge.lens.service_names(namespace).filter(|_| suggests).collect();
    let guarded = |name: &str| {
        let sharing = here.iter().find(|(known, _)| *known == name).map(|(_, service)| &service.sharing);
        is_guarded(judge, backend, sharing.unwrap_or(&Sharing::NotSaid))
    };
    if let Some(name) = suggest::closest(&backend.name, here.iter().map(|(name, _)| name.as_str())) {
        let guarded = guarded(name);
        return finding
            .details(format!("did you mean `{name}`?"), guarded)
            .help("correct the name, or create the Service first");
    }
    finding.help("correct `name` or `namespace`, or create the Service first")
}

/// What is wrong with a port that does exist.
fn flaws(
    judge: &Judge<'_>,
    kind: TelemetryKind,
    reference: &Reference,
    service: &Service,
    port: &ServicePort,
) -> Vec<Finding> {
    let own = judge.subject.key.namespace.as_str();
    let backend = &reference.backend;
    let target = format!("Service `{}/{}`", backend.namespace_or(own), backend.name);
    let guarded = is_guarded(judge, backend, &service.sharing);
    let signal = reference.signal.name();
    let mut found = Vec::new();
    let mut say = |code, message: String, help: &str| {
        found.push(Finding::new(code, reference.path.key("port"), message).help(help));
    };
    if service.is_external {
        say(
            &EXTERNAL_NAME,
            format!("{target} is an ExternalName, which has no endpoints for the gateway: no {signal} arrive"),
            "refer to a Service with a selector, or to a Backend with a static host",
        );
        return found;
    }
    if port.is_udp {
        say(
            &UDP,
            format!("port {} of {target} is UDP, and OTLP is sent over TCP: no {signal} arrive", port.port),
            "refer to the TCP port of the collector's `otlp` receiver, usually 4317",
        );
        return found;
    }
    if reference.grpc && i64::from(port.port) == OTLP_HTTP {
        let finding = Finding::new(
            &OTLP_HTTP_PORT,
            reference.path.key("port"),
            format!(
                "port 4318 of {target} is where collectors take OTLP over HTTP, and this is sent over gRPC: no {signal} arrive"
            ),
        );
        let other = service.ports.iter().find(|port| port.port == 4317);
        found.push(match other {
            Some(_) => finding.help("write `port: 4317`").details("it has 4317 too", guarded),
            None => finding.help("refer to the port of the collector's gRPC receiver, usually 4317"),
        });
        return found;
    }
    if reference.grpc && kind.is_kgateway() && !port.is_http2(judge.lens.control_plane().kgateway.minor) {
        let declared = match (&*port.app_protocol, &*port.name) {
            ("", "") => "it has neither `appProtocol` nor a name".to_owned(),
            ("", name) => format!("it has no `appProtocol`, and its name is `{name}`"),
            (protocol, _) => format!("it has `appProtocol: {protocol}`"),
        };
        found.push(
            Finding::new(
                &NOT_HTTP2,
                reference.path.key("port"),
                format!("port {} of {target} is not declared as HTTP/2, so Envoy speaks HTTP/1 to it and gRPC fails: no {signal} arrive, and every status stays green", port.port),
            )
            .details(declared, guarded)
            .help("set `appProtocol: kubernetes.io/h2c` on that port of the Service"),
        );
    }
    found
}

/// Whether facts about the target must not be told to whoever may write here.
fn is_guarded(judge: &Judge<'_>, backend: &BackendRef, sharing: &Sharing) -> bool {
    let own = judge.subject.key.namespace.as_str();
    let namespace = backend.namespace_or(own);
    if namespace == own {
        return false;
    }
    resolve::shared_with(own, namespace, Answer::Found(sharing), judge.lens) != Some(true)
}

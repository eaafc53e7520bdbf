//! What the control plane will say about a telemetry object. The only copy of its algorithm.
//!
//! kgateway: `BackendIndex.GetBackendFromRef`, `RefGrantIndex.ReferenceAllowed` (pkg/krtcollections/policy.go) and
//! `ComputeRouteConfiguration` (pkg/kgateway/translator/irtranslator/route.go), 2.0 to 2.4. agentgateway:
//! controller/pkg/agentgateway/plugins/reference_indexes.go, 1.0 to 1.4.

use crate::engine::{
    kinds::{
        AGENTGATEWAY, ISTIO, KGATEWAY,
        gateway::{Controller, Gateway},
        meta::Sharing,
        reference_grant::Crossing,
        service::{Service, ServicePort},
        telemetry::{BackendRef, Target, TargetBy, Telemetry, TelemetryKind, labels_match},
    },
    subject::ObjectKey,
    view::{Answer, Lens, control_plane::AgentgatewayGrants, is_backend},
};

/// Whether a reference may cross into another namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The same namespace, or nobody checks.
    NotNeeded,
    Given,
    Missing,
    /// No grant that is known allows it, and there may be others.
    Unknown,
}

/// What a reference leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backend<'v> {
    /// A port of a Service.
    Port(&'v Service, &'v ServicePort),
    /// An object that is no Service.
    Object,
    /// A kind that this control plane does not take.
    UnknownKind,
    /// A kgateway Backend defines its own port: a reference with one is refused.
    PortOnBackend,
    /// A Service reference without a port, which passes the API server only under another group.
    NoPort,
    Absent,
    /// The Service is there, the port is not.
    NoSuchPort(&'v Service),
    /// The namespace is not one that the control plane looks at.
    NotDiscovered,
    Unknown,
}

/// What becomes of a Gateway if the telemetry object is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blast {
    /// kgateway replaces the routes of these Gateways by HTTP 500.
    Gateways(Vec<ObjectKey>),
    /// The same, if a Gateway that is not known exists and is kgateway's.
    IfExists(Vec<ObjectKey>),
    /// It is attached to nothing yet, and would do harm as soon as it were.
    Dormant,
    /// Traffic is not affected: kgateway 2.0, or agentgateway.
    OnlyTelemetry,
}

/// A target of a telemetry object as the control plane takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Aim<'t, 'v> {
    pub target: &'t Target,
    /// The listener that is meant: None for the whole Gateway, also where the API server drops `sectionName`.
    pub section: Option<&'t str>,
    pub attachment: Attachment<'v>,
}

/// How one target of a telemetry object fares.
#[derive(Clone, Debug, PartialEq)]
pub enum Attachment<'v> {
    To(Vec<(&'v ObjectKey, &'v Gateway)>),
    /// A kind that this telemetry object cannot attach to.
    WrongKind,
    Absent,
    /// The Gateway belongs to another control plane.
    OtherController(&'v ObjectKey, &'v Gateway, Controller),
    /// A selector whose labels no Gateway has.
    NoMatch,
    /// The Gateway has no such listener.
    NoSuchListener(&'v ObjectKey, &'v Gateway),
    Unknown,
}

pub fn crossing<'a>(kind: TelemetryKind, namespace: &'a str, backend: &'a BackendRef) -> Crossing<'a> {
    Crossing {
        from_group: kind.group(),
        from_kind: kind.name(),
        from_namespace: namespace,
        to_group: &backend.group,
        to_kind: &backend.kind,
        to_namespace: backend.namespace_or(namespace),
        to_name: &backend.name,
    }
}

/// Grants are checked before existence, so both are asked separately: a message should say both.
pub fn grant(kind: TelemetryKind, namespace: &str, backend: &BackendRef, lens: &Lens<'_>) -> Grant {
    let control_plane = lens.control_plane();
    let checked = if kind.is_kgateway() {
        control_plane.kgateway.grants
    } else {
        control_plane.agentgateway.version >= (1, 3)
            && control_plane.agentgateway.grants == AgentgatewayGrants::RouteAndPolicy
    };
    let crossing = crossing(kind, namespace, backend);
    // An Istio Hostname is global: without a namespace nobody could grant it.
    let global = &*backend.group == ISTIO && &*backend.kind == "Hostname" && backend.namespace.is_none();
    if !checked || global || crossing.to_namespace == namespace {
        return Grant::NotNeeded;
    }
    let seen = discovered(kind, crossing.to_namespace, lens);
    if seen == Some(false) {
        return Grant::Missing;
    }
    let (grants, complete) = lens.grants(crossing.to_namespace);
    let counts = |leaving: bool| !leaving || lens.view().counts_leaving();
    if grants.iter().any(|(_, grant)| counts(grant.leaving) && grant.allows(&crossing)) {
        if seen.is_some() { Grant::Given } else { Grant::Unknown }
    } else if complete {
        Grant::Missing
    } else {
        Grant::Unknown
    }
}

pub fn backend<'v>(kind: TelemetryKind, namespace: &str, backend: &BackendRef, lens: &Lens<'v>) -> Backend<'v> {
    let target_namespace = backend.namespace_or(namespace);
    let exists = |answer: Answer<&'v crate::engine::view::Backend>| match answer {
        Answer::Found(_) => Backend::Object,
        Answer::Absent => Backend::Absent,
        Answer::Unknown => Backend::Unknown,
    };
    match (&*backend.group, &*backend.kind) {
        ("", "Service") => service(kind, target_namespace, backend, lens),
        (KGATEWAY, "Backend") if kind.is_kgateway() => {
            if backend.port.is_some() && lens.control_plane().kgateway.minor >= 1 {
                return Backend::PortOnBackend;
            }
            exists(lens.backend(KGATEWAY, "Backend", target_namespace, &backend.name))
        }
        (ISTIO, "ServiceEntry") if kind.is_kgateway() && lens.control_plane().kgateway.istio => {
            exists(lens.backend(ISTIO, "ServiceEntry", target_namespace, &backend.name))
        }
        // A host of some ServiceEntry, anywhere: which one cannot be told from its name.
        (ISTIO, "Hostname") if kind.is_kgateway() && lens.control_plane().kgateway.istio => Backend::Unknown,
        (AGENTGATEWAY, "AgentgatewayBackend") if !kind.is_kgateway() => {
            exists(lens.backend(AGENTGATEWAY, "AgentgatewayBackend", target_namespace, &backend.name))
        }
        _ => Backend::UnknownKind,
    }
}

/// Whether the reference resolves: None where that is not known.
pub fn resolves(kind: TelemetryKind, namespace: &str, reference: &BackendRef, lens: &Lens<'_>) -> Option<bool> {
    let granted = match grant(kind, namespace, reference, lens) {
        Grant::NotNeeded | Grant::Given => Some(true),
        Grant::Missing => Some(false),
        Grant::Unknown => None,
    };
    let there = match backend(kind, namespace, reference, lens) {
        Backend::Port(..) | Backend::Object => Some(true),
        Backend::Unknown => None,
        _ => Some(false),
    };
    match (granted, there) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// Where a telemetry object in this namespace attaches, target by target.
pub fn attachments<'v, 't>(telemetry: &'t Telemetry, namespace: &str, lens: &Lens<'v>) -> Vec<Aim<'t, 'v>> {
    // A ListenerPolicy has `sectionName` since 2.3 (kgateway #13518): the CRD of 2.2 makes the API server drop it.
    let sections = telemetry.kind != TelemetryKind::ListenerPolicy || lens.control_plane().kgateway.minor >= 3;
    let aim = |target: &'t Target| {
        let section = target.section.as_deref().filter(|_| sections);
        Aim { target, section, attachment: attachment(telemetry.kind, namespace, target, section, lens) }
    };
    telemetry.targets.iter().map(aim).collect()
}

/// Whether the owner of a backend lets grants be made for telemetry objects of this namespace: by a label on the backend,
/// or, where it has none, on its Namespace. None where that could not be looked up.
pub fn opted_in(namespace: &str, backend: &BackendRef, lens: &Lens<'_>) -> Option<bool> {
    let target = backend.namespace_or(namespace);
    let sharing = if backend.is_service() {
        lens.service(target, &backend.name).map(|service| &service.sharing)
    } else if is_backend(&backend.group, &backend.kind) {
        lens.backend(&backend.group, &backend.kind, target, &backend.name).map(|backend| &backend.sharing)
    } else {
        // Of no kind that has a say: this much is known.
        Answer::Absent
    };
    shared_with(namespace, target, sharing, lens)
}

/// The same for an object in this target namespace, by what it says itself.
pub fn shared_with(namespace: &str, target: &str, sharing: Answer<&Sharing>, lens: &Lens<'_>) -> Option<bool> {
    let by_namespace = lens.namespace(target).map(|namespace| &namespace.sharing);
    let decides = match sharing {
        Answer::Found(Sharing::NotSaid) | Answer::Absent => by_namespace,
        _ => sharing,
    };
    let labels = lens.namespace(namespace).map(|own| &own.labels);
    let allowed = match (decides, labels) {
        (Answer::Unknown, _) | (Answer::Found(Sharing::With(_)), Answer::Unknown) => None,
        (Answer::Absent, _) => Some(false),
        (Answer::Found(sharing), labels) => Some(sharing.allows(labels.found())),
    };
    // A closed world is what its files say: a Namespace that is in none of them has agreed to nothing.
    allowed.or_else(|| lens.view().is_closed().then_some(false))
}

/// What an error in this telemetry object would do.
pub fn blast(telemetry: &Telemetry, namespace: &str, lens: &Lens<'_>) -> Blast {
    if !telemetry.kind.is_kgateway() || lens.control_plane().kgateway.minor == 0 {
        return Blast::OnlyTelemetry;
    }
    // kgateway does not see the object at all.
    if discovered(telemetry.kind, namespace, lens) == Some(false) {
        return Blast::Dormant;
    }
    let mut gateways = Vec::new();
    let mut possible = Vec::new();
    for Aim { target, attachment, .. } in attachments(telemetry, namespace, lens) {
        match attachment {
            Attachment::To(found) => gateways.extend(found.iter().map(|(key, _)| (*key).clone())),
            Attachment::Unknown => {
                let name = match &target.by {
                    TargetBy::Name(name) => name,
                    TargetBy::Labels(_) => "",
                };
                possible.push(ObjectKey::new(&target.group, "Gateway", namespace, name));
            }
            _ => {}
        }
    }
    gateways.sort();
    gateways.dedup();
    match (gateways.is_empty(), possible.is_empty()) {
        (false, _) => Blast::Gateways(gateways),
        (true, false) => Blast::IfExists(possible),
        (true, true) => Blast::Dormant,
    }
}

fn service<'v>(kind: TelemetryKind, namespace: &str, backend: &BackendRef, lens: &Lens<'v>) -> Backend<'v> {
    let seen = discovered(kind, namespace, lens);
    if seen == Some(false) {
        return Backend::NotDiscovered;
    }
    // No Service can have such a name, whatever else exists.
    if backend.name.contains('.') {
        return Backend::Absent;
    }
    let Some(port) = backend.port else { return Backend::NoPort };
    match lens.service(namespace, &backend.name) {
        Answer::Found(service) => match service.port(port) {
            Some(_) if seen.is_none() => Backend::Unknown,
            Some(found) => Backend::Port(service, found),
            None => Backend::NoSuchPort(service),
        },
        // What does not exist is not there for kgateway either, wherever it looks.
        Answer::Absent => Backend::Absent,
        Answer::Unknown => Backend::Unknown,
    }
}

/// Whether kgateway looks at this namespace at all; None where its labels are not known.
fn discovered(kind: TelemetryKind, namespace: &str, lens: &Lens<'_>) -> Option<bool> {
    let Some(selector) = lens.control_plane().kgateway.discovery.as_ref().filter(|_| kind.is_kgateway()) else {
        return Some(true);
    };
    match lens.namespace(namespace) {
        Answer::Found(namespace) => Some(selector.matches(&namespace.labels)),
        Answer::Absent => Some(false),
        Answer::Unknown => None,
    }
}

fn attachment<'v>(
    kind: TelemetryKind,
    namespace: &str,
    target: &Target,
    section: Option<&str>,
    lens: &Lens<'v>,
) -> Attachment<'v> {
    if !target.is_gateway() {
        return Attachment::WrongKind;
    }
    match &target.by {
        TargetBy::Name(name) => match lens.gateway(namespace, name) {
            Answer::Found((key, gateway)) => of_gateway(kind, section, key, gateway, lens),
            Answer::Absent => Attachment::Absent,
            Answer::Unknown => Attachment::Unknown,
        },
        TargetBy::Labels(labels) => {
            let global = lens.control_plane().kgateway.global_policy_namespace.as_deref() == Some(namespace);
            let (gateways, complete) = lens.gateways(Some(namespace).filter(|_| !(global && kind.is_kgateway())));
            let matched = gateways
                .into_iter()
                .filter(|(_, gateway)| labels_match(labels, &gateway.labels))
                .map(|(key, gateway)| of_gateway(kind, section, key, gateway, lens));
            of_all(matched, complete)
        }
    }
}

/// How a telemetry object fares that selects these Gateways; if it attaches to none, for the reason that is closest to
/// attaching.
fn of_all<'v>(matched: impl Iterator<Item = Attachment<'v>>, complete: bool) -> Attachment<'v> {
    let mut attached = Vec::new();
    let (mut unknown, mut no_listener, mut other) = (!complete, None, None);
    for one in matched {
        match one {
            Attachment::To(gateways) => attached.extend(gateways),
            Attachment::NoSuchListener(..) => no_listener = no_listener.or(Some(one)),
            Attachment::OtherController(..) => other = other.or(Some(one)),
            _ => unknown = true,
        }
    }
    match (attached.is_empty(), unknown) {
        (false, _) => Attachment::To(attached),
        (true, true) => Attachment::Unknown,
        (true, false) => no_listener.or(other).unwrap_or(Attachment::NoMatch),
    }
}

/// How a telemetry object fares on this Gateway alone.
fn of_gateway<'v>(
    kind: TelemetryKind,
    section: Option<&str>,
    key: &'v ObjectKey,
    gateway: &'v Gateway,
    lens: &Lens<'v>,
) -> Attachment<'v> {
    match lens.controller(&gateway.class) {
        Answer::Found(controller) if controller == controller_of(kind) => {}
        Answer::Found(controller) => return Attachment::OtherController(key, gateway, controller),
        Answer::Absent => return Attachment::OtherController(key, gateway, Controller::Other),
        Answer::Unknown => return Attachment::Unknown,
    }
    match section {
        Some(section) if gateway.listener(section).is_none() => Attachment::NoSuchListener(key, gateway),
        _ => Attachment::To(vec![(key, gateway)]),
    }
}

const fn controller_of(kind: TelemetryKind) -> Controller {
    if kind.is_kgateway() { Controller::Kgateway } else { Controller::Agentgateway }
}

#[cfg(test)]
mod tests;

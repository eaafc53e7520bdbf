//! Telemetry objects that get in each other's way, or in their own.

use std::collections::{BTreeMap, BTreeSet};

use super::codes::{OVERRIDDEN, PER_PORT_HIDES_DEFAULT, TWO_KINDS};
use crate::engine::{
    finding::Finding,
    kinds::{
        gateway::Gateway,
        telemetry::{Listeners, Setting, Signal, Target, Telemetry, TelemetryKind},
    },
    node::Path,
    resolve::{self, Attachment},
    rules::{Judge, harm::place},
    subject::ObjectKey,
};

pub(super) fn findings(
    judge: &Judge<'_>,
    telemetry: &Telemetry,
    attachments: &[(&Target, Attachment<'_>)],
) -> Vec<Finding> {
    let gateways = attached(attachments);
    let mut found = per_port(telemetry, &gateways);
    if gateways.is_empty() {
        return found;
    }
    let own = &judge.subject.key;
    let others: BTreeMap<_, _> =
        gateways.iter().flat_map(|(key, _)| judge.lens.telemetry_targeting(&own.namespace, &key.name)).collect();
    for (key, other) in others {
        if key == own || !other.sets_telemetry() || other.kind.is_kgateway() != telemetry.kind.is_kgateway() {
            continue;
        }
        let theirs = resolve::attachments(other, &key.namespace, judge.lens);
        let theirs: BTreeSet<_> = attached(&theirs).into_iter().map(|(key, _)| key).collect();
        let Some((gateway, _)) = gateways.iter().find(|(gateway, _)| theirs.contains(gateway)) else { continue };
        if other.kind == telemetry.kind {
            found.extend(overridden(own, telemetry, key, other, gateway));
        } else {
            found.push(two_kinds(telemetry.kind, key, other.kind, gateway));
        }
    }
    found
}

fn attached<'v>(attachments: &[(&Target, Attachment<'v>)]) -> Vec<(&'v ObjectKey, &'v Gateway)> {
    let to = attachments.iter().filter_map(|(_, attachment)| match attachment {
        Attachment::To(gateways) => Some(gateways),
        _ => None,
    });
    to.flatten().copied().collect()
}

/// kgateway merges the settings of one kind by age: for each signal the oldest object's are taken whole.
fn overridden(
    own: &ObjectKey,
    telemetry: &Telemetry,
    key: &ObjectKey,
    other: &Telemetry,
    gateway: &ObjectKey,
) -> Vec<Finding> {
    let older = match (telemetry.created, other.created) {
        (Some(mine), Some(theirs)) if mine == theirs => key < own,
        (Some(mine), Some(theirs)) => theirs < mine,
        // Not stored yet: everything that is stored is older.
        (None, Some(_)) => true,
        (Some(_), None) => false,
        (None, None) => key < own,
    };
    if !older {
        return Vec::new();
    }
    let known = other.created.is_some();
    let both = telemetry.settings.iter().filter(|mine| {
        other.settings.iter().any(|theirs| theirs.signal == mine.signal && theirs.listeners == mine.listeners)
    });
    both.map(|setting| {
        let what = block(setting);
        let place = place(gateway);
        let message = if known {
            format!("{} `{}` is older and sets `{what}` on Gateway `{place}` too, so this one is ignored", key.kind, key.name)
        } else {
            format!("{} `{}` sets `{what}` on Gateway `{place}` too, and only the older of the two counts: they are not merged", key.kind, key.name)
        };
        Finding::new(&OVERRIDDEN, setting.path.to_path(), message)
            .related(key.clone(), format!("sets `{what}` as well"))
            .help("put all of it into one object")
    })
    .collect()
}

fn two_kinds(kind: TelemetryKind, key: &ObjectKey, other: TelemetryKind, gateway: &ObjectKey) -> Finding {
    Finding::new(
        &TWO_KINDS,
        Path::of(&["spec"]),
        format!(
            "Gateway `{}` has this {} and {} `{}`: which one's tracing survives is random, and access logs are written twice",
            place(gateway),
            kind.name(),
            other.name(),
            key.name
        ),
    )
    .related(key.clone(), "attached to the same Gateway")
    .help("move everything to one ListenerPolicy, and delete the HTTPListenerPolicy")
}

/// A `perPort` entry replaces `default` for its port: what it leaves out is not inherited.
fn per_port(telemetry: &Telemetry, gateways: &[(&ObjectKey, &Gateway)]) -> Vec<Finding> {
    let ports: BTreeSet<i64> = telemetry
        .settings
        .iter()
        .filter_map(|setting| match setting.listeners {
            Listeners::Port(port) => Some(port),
            Listeners::Default => None,
        })
        .collect();
    let mut found = Vec::new();
    for default in telemetry.settings.iter().filter(|setting| setting.listeners == Listeners::Default) {
        for port in &ports {
            let listened = gateways.iter().find(|(_, gateway)| gateway.listeners.iter().any(|l| l.port == *port));
            let set =
                |setting: &&Setting| setting.listeners == Listeners::Port(*port) && setting.signal == default.signal;
            if let (Some((key, _)), None) = (listened, telemetry.settings.iter().find(set)) {
                let what = block(default);
                found.push(
                    Finding::new(
                        &PER_PORT_HIDES_DEFAULT,
                        default.path.to_path(),
                        format!("`perPort` has an entry for port {port} of Gateway `{}` without `{what}`, and it replaces `default`: that port sends no {}", place(key), default.signal.name()),
                    )
                    .help(format!("repeat `{what}` in the entry for port {port}")),
                );
            }
        }
    }
    found
}

const fn block(setting: &Setting) -> &'static str {
    match setting.signal {
        Signal::AccessLog => "accessLog",
        Signal::Tracing => "tracing",
        Signal::Other => "telemetry",
    }
}

//! `cluster`: what policies may look up of other objects. Every look-up goes through the lens, so that it is recorded and
//! confirmed before a denial; what cannot be known is said, never guessed.

pub mod told;

use std::cell::Cell;

use serde_json::Value;

use crate::engine::{
    kinds::{
        AGENTGATEWAY, CORE, GATEWAY_API, ISTIO, KGATEWAY,
        telemetry::{TargetBy, Telemetry, TelemetryKind, labels_match},
    },
    limits,
    resolve::{self, Grant},
    rules::looked_up,
    subject::ObjectKey,
    view::{Answer, Lens},
};

/// What a look-up of one object says.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Found(Value),
    Absent,
    /// What is not known, as the end of a sentence: ``whether Service `a/b` exists``.
    Unknown(String),
}

/// What a look-up of several objects says.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub found: Vec<Value>,
    /// Why there may be more of them, as the end of a sentence.
    pub unknown: Option<String>,
}

/// What a function of `cluster` is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// The name of a Namespace, or of a Service.
    Label(&'static str),
    /// The name of any other object.
    Name(&'static str),
    /// One of [`REFERRED`].
    ReferredKind,
    TelemetryObject,
}

/// A function of `cluster`, and the kinds that it looks up: what a policy calls decides what is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: &'static str,
    pub takes: &'static [Takes],
    pub looks_up: &'static [(&'static str, &'static str)],
}

/// The kinds that telemetry objects refer or attach to.
pub const REFERRED: &[(&str, &str)] = &[
    (AGENTGATEWAY, "AgentgatewayBackend"),
    (KGATEWAY, "Backend"),
    (GATEWAY_API, "Gateway"),
    (CORE, "Service"),
    (ISTIO, "ServiceEntry"),
];

const NAMESPACE: Takes = Takes::Label("Namespace");

/// All of them.
pub const FUNCTIONS: &[Function] = &[
    Function { name: "service", takes: &[NAMESPACE, Takes::Label("Service")], looks_up: &[(CORE, "Service")] },
    Function {
        name: "gateway",
        takes: &[NAMESPACE, Takes::Name("Gateway")],
        looks_up: &[(GATEWAY_API, "Gateway"), (GATEWAY_API, "GatewayClass")],
    },
    Function { name: "namespace", takes: &[NAMESPACE], looks_up: &[(CORE, "Namespace")] },
    Function { name: "grants", takes: &[NAMESPACE], looks_up: &[(GATEWAY_API, "ReferenceGrant")] },
    Function { name: "references", takes: &[Takes::TelemetryObject], looks_up: looked_up::RESOLUTION },
    Function {
        name: "referrers",
        takes: &[Takes::ReferredKind, NAMESPACE, Takes::Name("object")],
        looks_up: &[
            (GATEWAY_API, "Gateway"),
            (KGATEWAY, "HTTPListenerPolicy"),
            (KGATEWAY, "ListenerPolicy"),
            (AGENTGATEWAY, "AgentgatewayPolicy"),
        ],
    },
];

/// A function by its name in expressions: `cluster.service`.
pub fn function(name: &str) -> Option<&'static Function> {
    let name = name.strip_prefix("cluster.")?;
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// The kinds that a function looks up, by its name in expressions: `cluster.service`.
pub fn kinds(name: &str) -> &'static [(&'static str, &'static str)] {
    function(name).map_or(&[], |function| function.looks_up)
}

/// `cluster`, as one subject sees it.
#[derive(Debug)]
pub struct Cluster<'a> {
    lens: &'a Lens<'a>,
    /// Of the subject.
    namespace: &'a str,
    told_of_others: Cell<bool>,
}

// === impl Listed ===

impl Listed {
    /// # Errors
    /// Why there may be more of them than are known.
    pub fn all(self) -> Result<Vec<Value>, String> {
        self.unknown.map_or(Ok(self.found), Err)
    }
}

// === impl Cluster ===

impl<'a> Cluster<'a> {
    pub fn new(lens: &'a Lens<'a>, namespace: &'a str) -> Self {
        Self { lens, namespace, told_of_others: Cell::new(false) }
    }

    /// Whether something was found in another namespace that has not opted in to be referred to from the subject's. What a
    /// policy says with it may hold names and ports that a webhook must keep to itself.
    pub fn told_of_others(&self) -> bool {
        self.told_of_others.get()
    }

    pub fn service(&self, namespace: &str, name: &str) -> Seen {
        Self::one("Service", namespace, name, self.lens.service(namespace, name), |service| {
            self.tells(namespace, Answer::Found(&service.sharing));
            told::service(namespace, name, service)
        })
    }

    pub fn gateway(&self, namespace: &str, name: &str) -> Seen {
        let found = match self.lens.gateway(namespace, name) {
            Answer::Found((key, gateway)) => match self.lens.controller(&gateway.class) {
                // A word for it would be a value like any other, and a policy that asks for `kgateway` would deny.
                Answer::Unknown => {
                    return Seen::Unknown(format!("which controller Gateway `{namespace}/{name}` belongs to"));
                }
                controller => Answer::Found((key, gateway, controller.found())),
            },
            Answer::Absent => Answer::Absent,
            Answer::Unknown => Answer::Unknown,
        };
        Self::one("Gateway", namespace, name, found, |(key, gateway, controller)| {
            self.tells(namespace, Answer::Absent);
            told::gateway(key, gateway, controller)
        })
    }

    pub fn namespace(&self, name: &str) -> Seen {
        Self::one("Namespace", "", name, self.lens.namespace(name), |namespace| {
            self.tells(name, Answer::Absent);
            told::namespace(name, namespace)
        })
    }

    /// # Errors
    /// What is not known.
    pub fn grants(&self, namespace: &str) -> Result<Vec<Value>, String> {
        let (grants, complete) = self.lens.grants(namespace);
        if !complete {
            return Err(format!("which ReferenceGrants there are in namespace `{namespace}`"));
        }
        if !grants.is_empty() {
            self.tells(namespace, Answer::Absent);
        }
        Ok(grants.into_iter().map(|(key, grant)| told::grant(key, grant)).collect())
    }

    /// Every telemetry reference of an object, with what its control plane will say. None where the object is not a
    /// telemetry object.
    ///
    /// # Errors
    /// What is not known of any of them.
    pub fn references(&self, object: &Value) -> Result<Vec<Value>, String> {
        let key = crate::engine::kinds::key_of(object, self.namespace);
        let Some(kind) = TelemetryKind::of(&key.group, &key.kind) else { return Ok(Vec::new()) };
        let telemetry = Telemetry::read(kind, object);
        telemetry
            .references
            .iter()
            .map(|reference| {
                let backend = &*reference.backend;
                let target = backend.namespace_or(&key.namespace);
                let shown = format!("{} `{target}/{}`", &*backend.kind, &*backend.name);
                let granted = match resolve::grant(kind, &key.namespace, backend, self.lens) {
                    Grant::NotNeeded | Grant::Given => true,
                    Grant::Missing => false,
                    Grant::Unknown => return Err(format!("whether a ReferenceGrant allows the reference to {shown}")),
                };
                let there = told::verdict(&resolve::backend(kind, &key.namespace, backend, self.lens));
                let Some(there) = there else { return Err(format!("whether {shown} takes what is sent there")) };
                Ok(told::reference(reference, target, granted, there))
            })
            .collect()
    }

    /// The stored telemetry objects that refer to an object, or that attach to it if it is a Gateway.
    pub fn referrers(&self, kind: &str, namespace: &str, name: &str) -> Listed {
        let refer = if kind == "Gateway" { "attach to" } else { "refer to" };
        let (found, mut unknown) = if kind == "Gateway" {
            self.attached(namespace, name)
        } else {
            let group = REFERRED.iter().find(|(_, known)| *known == kind).map_or(CORE, |(group, _)| group);
            let target = ObjectKey::new(group, kind, namespace, name);
            (self.lens.referrers(&target), None)
        };
        if let Some(kinds) = self.lens.telemetry_not_known().next() {
            unknown = Some(format!("which {} objects {refer} {kind} `{namespace}/{name}`", kinds.name()));
        }
        for (key, _) in &found {
            self.tells(&key.namespace, Answer::Absent);
        }
        // Each of them is reason enough for what is said of them, and can be read again.
        for (key, _) in found.iter().take(limits::CONFIRMED_RELATED) {
            self.lens.rests_on(key);
        }
        let found = found.into_iter().map(|(key, telemetry)| told::referrer(key, telemetry)).collect();
        Listed { found, unknown }
    }

    /// Telemetry objects that name the Gateway, or select it. What is not known is whether one does that selects by labels, where
    /// the Gateway is not stored: it may be one that is about to be created.
    fn attached(&self, namespace: &str, name: &str) -> (Vec<(&'a ObjectKey, &'a Telemetry)>, Option<String>) {
        let mut found = self.lens.telemetry_targeting(namespace, name);
        let global = self.lens.control_plane().kgateway.global_policy_namespace.as_deref();
        if let Some(global) = global.filter(|global| *global != namespace) {
            let selects = |telemetry: &Telemetry| {
                telemetry.kind.is_kgateway()
                    && telemetry.targets.iter().any(|target| matches!(target.by, TargetBy::Labels(_)))
            };
            found.extend(self.lens.telemetry_in(global).into_iter().filter(|(_, telemetry)| selects(telemetry)));
        }
        let labels = self.lens.gateway(namespace, name).found().map(|(_, gateway)| &gateway.labels);
        let attaches = |key: &ObjectKey, telemetry: &Telemetry| {
            let mut unknown = false;
            for target in telemetry.targets.iter().filter(|target| target.is_gateway()) {
                match (&target.by, labels) {
                    (TargetBy::Name(named), _) if *named == *name && *key.namespace == *namespace => return Some(true),
                    (TargetBy::Labels(wanted), Some(labels)) if labels_match(wanted, labels) => return Some(true),
                    (TargetBy::Labels(_), None) => unknown = true,
                    _ => {}
                }
            }
            (!unknown).then_some(false)
        };
        let (mut attached, mut unknown) = (Vec::new(), None);
        for (key, telemetry) in found {
            match attaches(key, telemetry) {
                Some(true) => attached.push((key, telemetry)),
                Some(false) => {}
                None => unknown = Some(format!("which labels Gateway `{namespace}/{name}` has")),
            }
        }
        (attached, unknown)
    }

    fn one<T>(kind: &str, namespace: &str, name: &str, answer: Answer<T>, value: impl FnOnce(T) -> Value) -> Seen {
        match answer {
            Answer::Found(found) => Seen::Found(value(found)),
            Answer::Absent => Seen::Absent,
            Answer::Unknown if namespace.is_empty() => Seen::Unknown(format!("what {kind} `{name}` is like")),
            Answer::Unknown => Seen::Unknown(format!("whether {kind} `{namespace}/{name}` exists")),
        }
    }

    /// Takes note of something found in a namespace, by what the object found says of itself.
    fn tells(&self, namespace: &str, sharing: Answer<&crate::engine::kinds::meta::Sharing>) {
        let others = namespace != self.namespace;
        if others && resolve::shared_with(self.namespace, namespace, sharing, self.lens) != Some(true) {
            self.told_of_others.set(true);
        }
    }
}

#[cfg(test)]
mod tests;

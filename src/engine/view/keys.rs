//! What is in the view, by key: what goes together, and what a list has brought.

use serde_json::Value;

use crate::engine::{
    kinds::{AGENTGATEWAY, CORE, GATEWAY_API, ISTIO, KGATEWAY},
    subject::ObjectKey,
    view::{View, key_of},
};

/// What goes with a namespace, in the order in which it is told.
const GONE_WITH_A_NAMESPACE: [(&str, &str); 9] = [
    (CORE, "Service"),
    (GATEWAY_API, "ReferenceGrant"),
    (AGENTGATEWAY, "AgentgatewayBackend"),
    (KGATEWAY, "Backend"),
    (ISTIO, "ServiceEntry"),
    (AGENTGATEWAY, "AgentgatewayPolicy"),
    (KGATEWAY, "HTTPListenerPolicy"),
    (KGATEWAY, "ListenerPolicy"),
    (GATEWAY_API, "Gateway"),
];

impl View {
    /// Everything in a namespace, as when it is deleted.
    pub fn keys_in(&self, namespace: &str) -> Vec<ObjectKey> {
        let mut keys = Vec::new();
        for (group, kind) in GONE_WITH_A_NAMESPACE {
            if let Some(table) = self.table(group, kind) {
                table.each_in(namespace, &mut |namespace, name| keys.push(key_of(group, kind, namespace, name)));
            }
        }
        keys
    }

    /// What a list of this kind in this namespace has brought, in place of what was known of it.
    pub fn replace_in(&mut self, namespace: &str, group: &str, kind: &str, listed: &[(ObjectKey, Value)]) {
        for gone in self.keys_in(namespace).iter().filter(|key| *key.group == *group && *key.kind == *kind) {
            self.remove(gone);
        }
        for (key, object) in listed {
            self.insert(key, object);
        }
    }

    /// The objects of a kind, as when its definition is deleted.
    pub fn keys_of(&self, group: &str, kind: &str) -> Vec<ObjectKey> {
        let mut keys = Vec::new();
        if let Some(table) = self.table(group, kind) {
            table.each(&mut |namespace, name| keys.push(key_of(group, kind, namespace, name)));
        }
        keys.sort();
        keys
    }

    /// Whether this object is in the view.
    pub fn has(&self, key: &ObjectKey) -> bool {
        self.table(&key.group, &key.kind).is_some_and(|table| table.has(&key.namespace, &key.name))
    }
}

//! Which telemetry objects concern something: found without reading the others.

use std::{ops::RangeFrom, sync::Arc};

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use crate::engine::{
    kinds::telemetry::{BackendRef, TargetBy, Telemetry},
    name::Name,
    subject::ObjectKey,
};

/// An object with its key, where who looks it up wants both for as long as the view lives.
#[derive(Clone, Debug)]
pub(super) struct Keyed<T> {
    pub(super) key: ObjectKey,
    pub(super) value: T,
}

/// A telemetry object as the view and its indexes hold it: once.
pub(super) type Stored = Arc<Keyed<Telemetry>>;

/// For each key, some telemetry objects: all of a cluster may refer to one collector, so each set is persistent too.
#[derive(Clone, Debug)]
pub(super) struct Index<K: Ord> {
    sets: RedBlackTreeMapSync<K, RedBlackTreeSetSync<Stored>>,
}

/// A backend as an index sorts it: what lies in one namespace lies together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Referred {
    namespace: Name,
    group: Name,
    kind: Name,
    name: Name,
}

/// A Gateway by its name, or, without one, every Gateway whose labels are selected.
pub(super) type Targeted = (Name, Option<Name>);

// === impl Keyed ===

/// INVARIANT: objects are told apart by their keys alone; no index holds an object in two states.
impl<T> PartialEq for Keyed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Keyed<T> {}

impl<T> PartialOrd for Keyed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Keyed<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

// === impl Index ===

impl<K: Ord> Default for Index<K> {
    fn default() -> Self {
        Self { sets: RedBlackTreeMapSync::new_sync() }
    }
}

impl<K: Ord + Clone> Index<K> {
    /// In the order of their keys.
    pub(super) fn get<'i>(&'i self, key: &K) -> impl Iterator<Item = &'i Stored> + use<'i, K> {
        self.sets.get(key).into_iter().flat_map(|set| set.iter())
    }

    /// The key as the index holds it, so that its names can be shared.
    pub(super) fn known(&self, key: &K) -> Option<&K> {
        self.sets.get_key_value(key).map(|(known, _)| known)
    }

    pub(super) fn add(&mut self, key: K, object: &Stored) {
        if let Some(set) = self.sets.get_mut(&key) {
            set.insert_mut(Arc::clone(object));
        } else {
            let mut set = RedBlackTreeSetSync::new_sync();
            set.insert_mut(Arc::clone(object));
            self.sets.insert_mut(key, set);
        }
    }

    pub(super) fn remove(&mut self, key: &K, object: &Stored) {
        let Some(set) = self.sets.get_mut(key) else { return };
        set.remove_mut(object);
        if set.is_empty() {
            self.sets.remove_mut(key);
        }
    }
}

impl Index<Referred> {
    /// What refers to anything in this namespace; an object comes once for each backend that it refers to.
    pub(super) fn of_namespace<'i>(&'i self, namespace: &str) -> impl Iterator<Item = &'i Stored> {
        let from = Referred {
            namespace: namespace.into(),
            group: Name::default(),
            kind: Name::default(),
            name: Name::default(),
        };
        let sets = self.sets.range::<Referred, RangeFrom<Referred>>(from..);
        sets.take_while(move |(key, _)| key.namespace == *namespace).flat_map(|(_, set)| set.iter())
    }
}

// === impl Referred ===

impl Referred {
    pub(super) fn of(key: &ObjectKey) -> Self {
        let ObjectKey { group, kind, namespace, name } = key.clone();
        Self { namespace, group, kind, name }
    }

    pub(super) fn by(backend: &BackendRef, own: &Name) -> Self {
        Self {
            namespace: backend.namespace.as_ref().unwrap_or(own).clone(),
            group: backend.group.clone(),
            kind: backend.kind.clone(),
            name: backend.name.clone(),
        }
    }
}

/// Where a telemetry object is found by what it targets.
pub(super) fn targeted(object: &Keyed<Telemetry>) -> impl Iterator<Item = Targeted> {
    let gateways = object.value.targets.iter().filter(|target| target.is_gateway());
    gateways.map(|target| {
        let name = match &target.by {
            TargetBy::Name(name) => Some(name.clone()),
            TargetBy::Labels(_) => None,
        };
        (object.key.namespace.clone(), name)
    })
}

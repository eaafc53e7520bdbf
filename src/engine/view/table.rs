//! A persistent table of one kind's objects, by namespace and name.

use std::sync::Arc;

use rpds::{HashTrieMapSync, RedBlackTreeMapSync};

use crate::engine::subject::ObjectKey;

type Rows<T> = RedBlackTreeMapSync<ObjectKey, Arc<T>>;

/// Cloning is one reference count; a change copies one path of the trie.
#[derive(Clone, Debug)]
pub struct Table<T> {
    namespaces: HashTrieMapSync<Box<str>, Rows<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { namespaces: HashTrieMapSync::new_sync() }
    }
}

impl<T> Table<T> {
    pub fn get(&self, key: &ObjectKey) -> Option<&Arc<T>> {
        self.namespaces.get(key.namespace.as_str())?.get(key)
    }

    /// With the table's own key, which lives as long as the table.
    pub fn row(&self, key: &ObjectKey) -> Option<(&ObjectKey, &Arc<T>)> {
        self.namespaces.get(key.namespace.as_str())?.get_key_value(key)
    }

    pub fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = (&ObjectKey, &Arc<T>)> {
        self.namespaces.get(namespace).into_iter().flat_map(|rows| rows.iter())
    }

    /// In no order.
    pub fn all(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<T>)> {
        self.namespaces.iter().flat_map(|(_, rows)| rows.iter())
    }

    pub fn insert(&mut self, key: &ObjectKey, value: T) {
        let mut rows =
            self.namespaces.get(key.namespace.as_str()).cloned().unwrap_or_else(RedBlackTreeMapSync::new_sync);
        rows.insert_mut(key.clone(), Arc::new(value));
        self.namespaces.insert_mut(key.namespace.as_str().into(), rows);
    }

    pub fn remove(&mut self, key: &ObjectKey) {
        let Some(mut rows) = self.namespaces.get(key.namespace.as_str()).cloned() else { return };
        if !rows.remove_mut(key) {
            return;
        }
        if rows.is_empty() {
            self.namespaces.remove_mut(key.namespace.as_str());
        } else {
            self.namespaces.insert_mut(key.namespace.as_str().into(), rows);
        }
    }
}

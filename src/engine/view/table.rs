//! A persistent table of one kind's objects, by namespace and name.

use rpds::{HashTrieMapSync, RedBlackTreeMapSync};

use crate::engine::name::Name;

/// Cloning is one reference count; a change copies one path of the trie.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    namespaces: HashTrieMapSync<Name, Rows<T>>,
    len: usize,
}

type Rows<T> = RedBlackTreeMapSync<Name, T>;

/// An object in a table. The names are the table's own: copying them allocates nothing.
#[derive(Debug)]
pub(super) struct Entry<'t, T> {
    pub(super) namespace: &'t Name,
    pub(super) name: &'t Name,
    pub(super) value: &'t T,
}

/// What a table does whatever it holds.
pub(super) trait AnyTable {
    fn len(&self) -> usize;
    fn has(&self, namespace: &str, name: &str) -> bool;
    /// Calls with the namespace and name of each object, in no order.
    fn each(&self, call: &mut dyn FnMut(&Name, &Name));
    /// The same in one namespace, in the order of names.
    fn each_in(&self, namespace: &str, call: &mut dyn FnMut(&Name, &Name));
    fn remove(&mut self, namespace: &str, name: &str);
}

// === impl Table ===

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { namespaces: HashTrieMapSync::new_sync(), len: 0 }
    }
}

impl<T> Table<T> {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&T> {
        self.namespaces.get(namespace)?.get(name)
    }

    pub(super) fn entry(&self, namespace: &str, name: &str) -> Option<Entry<'_, T>> {
        let (namespace, rows) = self.namespaces.get_key_value(namespace)?;
        let (name, value) = rows.get_key_value(name)?;
        Some(Entry { namespace, name, value })
    }

    /// In the order of names.
    pub(super) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = Entry<'_, T>> {
        self.namespaces.get_key_value(namespace).into_iter().flat_map(entries)
    }

    /// In no order.
    pub(super) fn all(&self) -> impl Iterator<Item = Entry<'_, T>> {
        self.namespaces.iter().flat_map(entries)
    }

    /// The table's own copy of a namespace's name, so that its objects share one.
    pub(super) fn namespace(&self, namespace: &Name) -> Name {
        self.namespaces.get_key_value(namespace.as_str()).map_or_else(|| namespace.clone(), |(known, _)| known.clone())
    }

    pub(super) fn insert(&mut self, namespace: &Name, name: Name, value: T) {
        if let Some(rows) = self.namespaces.get_mut(namespace.as_str()) {
            let before = rows.size();
            rows.insert_mut(name, value);
            self.len += rows.size() - before;
        } else {
            let mut rows = RedBlackTreeMapSync::new_sync();
            rows.insert_mut(name, value);
            self.namespaces.insert_mut(namespace.clone(), rows);
            self.len += 1;
        }
    }

    pub(super) fn remove(&mut self, namespace: &str, name: &str) {
        if self.get(namespace, name).is_none() {
            return;
        }
        self.len -= 1;
        let Some(rows) = self.namespaces.get_mut(namespace) else { return };
        rows.remove_mut(name);
        if rows.is_empty() {
            self.namespaces.remove_mut(namespace);
        }
    }
}

impl<T> AnyTable for Table<T> {
    fn len(&self) -> usize {
        self.len
    }

    fn has(&self, namespace: &str, name: &str) -> bool {
        self.get(namespace, name).is_some()
    }

    fn each(&self, call: &mut dyn FnMut(&Name, &Name)) {
        self.all().for_each(|entry| call(entry.namespace, entry.name));
    }

    fn each_in(&self, namespace: &str, call: &mut dyn FnMut(&Name, &Name)) {
        self.in_namespace(namespace).for_each(|entry| call(entry.namespace, entry.name));
    }

    fn remove(&mut self, namespace: &str, name: &str) {
        self.remove(namespace, name);
    }
}

fn entries<'t, T>((namespace, rows): (&'t Name, &'t Rows<T>)) -> impl Iterator<Item = Entry<'t, T>> {
    rows.iter().map(move |(name, value)| Entry { namespace, name, value })
}

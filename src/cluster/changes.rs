//! Which objects changed: from the index, which notes them, to the controller, which re-evaluates what they concern.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::engine::subject::ObjectKey;

/// Objects that changed since they were last taken, each once. Clones share them. No request waits for this lock.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    keys: Mutex<BTreeSet<ObjectKey>>,
    noted: Notify,
}

// === impl Changes ===

impl Changes {
    pub fn note(&self, changed: impl IntoIterator<Item = ObjectKey>) {
        self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner).extend(changed);
        self.shared.noted.notify_one();
    }

    /// What changed since the last call; waits until there is something.
    pub async fn next(&self) -> BTreeSet<ObjectKey> {
        loop {
            let keys = std::mem::take(&mut *self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner));
            if !keys.is_empty() {
                return keys;
            }
            self.shared.noted.notified().await;
        }
    }
}

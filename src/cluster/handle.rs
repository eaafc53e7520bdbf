//! What the webhook may ask of the cluster while a request waits: read these look-ups again, make these objects.
//!
//! Its types are ours: who holds it needs to know nothing of Kubernetes clients.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Instant};

use futures::StreamExt as _;
use serde_json::Value;
use tokio::{runtime, sync::Semaphore, task, time};

use crate::{
    cluster::{
        api::{Api, ApiError},
        ensure,
        metrics::{Confirmed, Grant, Metrics},
        watched::GUARD_EXCEPTION,
    },
    engine::{
        limits,
        policy::{Exception, exception},
        subject::ObjectKey,
        view::{LookUp, View},
    },
};

/// The cluster, as the webhook sees it. Its calls block the thread they are made on, and tell the runtime so.
#[derive(Clone, Debug)]
pub struct Handle {
    api: Api,
    runtime: runtime::Handle,
    metrics: Arc<Metrics>,
    /// Calls under way, of all requests together.
    calls: Arc<Semaphore>,
}

/// What a look-up brought when it was made in the cluster itself.
enum Read {
    Object(Option<Value>),
    List(Vec<(ObjectKey, Value)>),
}

// === impl Handle ===

impl Handle {
    pub fn new(api: Api, runtime: runtime::Handle, metrics: Arc<Metrics>) -> Self {
        Self { api, runtime, metrics, calls: Arc::new(Semaphore::new(limits::CONFIRMING_AT_ONCE)) }
    }

    /// The view with what the cluster itself says to these look-ups. What cannot be read until then is doubted.
    pub fn confirm(&self, view: &View, look_ups: &BTreeSet<LookUp>, until: Instant) -> View {
        let reads = self.wait(async {
            let reads = futures::stream::iter(look_ups.iter().map(async |look_up| {
                let read = time::timeout_at(until.into(), async {
                    let _turn = self.calls.acquire().await;
                    self.read(look_up).await
                })
                .await;
                (look_up.clone(), read.unwrap_or_else(|_| Err("it took too long".to_owned())))
            }));
            reads.buffer_unordered(limits::CONFIRM_AT_ONCE).collect::<Vec<_>>().await
        });
        let mut view = view.clone();
        let mut unread: Vec<(LookUp, String)> = Vec::new();
        for (look_up, read) in reads {
            match read {
                Ok(read) => lay_over(&mut view, &look_up, read),
                Err(why) => unread.push((look_up, why)),
            }
        }
        if let Some((look_up, why)) = unread.first() {
            tracing::warn!(?look_up, why, of = look_ups.len(), unread = unread.len(), "cannot be read again");
        }
        for (look_up, _) in unread {
            self.metrics.confirmed(Confirmed::Unread);
            view.doubt(look_up);
        }
        view
    }

    /// The exceptions of a namespace as they are stored now; None where they cannot be read until then.
    pub fn exceptions(&self, namespace: &str, until: Instant) -> Option<Vec<Arc<Exception>>> {
        let (group, kind) = GUARD_EXCEPTION;
        let listed = self.wait(async {
            let read = async {
                let _turn = self.calls.acquire().await;
                self.api.list(group, kind, namespace).await
            };
            time::timeout_at(until.into(), read).await
        });
        let listed =
            listed.ok()?.inspect_err(|error| tracing::warn!(%error, namespace, "exceptions cannot be read again"));
        let read = |(_, object): &(ObjectKey, Value)| exception::compile::compile(object, namespace).ok().map(Arc::new);
        Some(listed.ok()?.unwrap_or_default().iter().filter_map(read).collect())
    }

    /// Makes these objects, in this order, and says which ones exist now: under another name where theirs was taken.
    ///
    /// # Errors
    /// Why one of them could not be made, in words for the user.
    pub fn ensure(&self, objects: &[Value], until: Instant) -> Result<Vec<ObjectKey>, String> {
        let made = self.wait(async {
            let all = async {
                let mut keys = Vec::with_capacity(objects.len());
                for object in objects {
                    let ensured = ensure::ensure_one(&self.api, object).await.map_err(|error| error.to_string())?;
                    self.metrics.grant(if ensured.made { Grant::Made } else { Grant::Kept });
                    keys.push(ensured.key);
                }
                Ok(keys)
            };
            time::timeout_at(until.into(), all).await
        });
        let made = made.unwrap_or_else(|_| Err("a grant could not be made: the API server took too long".to_owned()));
        made.inspect_err(|_| self.metrics.grant(Grant::Failed))
    }

    async fn read(&self, look_up: &LookUp) -> Result<Read, String> {
        let words = |error: ApiError| error.to_string();
        match look_up {
            LookUp::Object(key) => self.api.get(key).await.map(Read::Object).map_err(words),
            LookUp::List { group, kind, namespace } => {
                let listed = self.api.list(group, kind, namespace).await;
                listed.map(|listed| Read::List(listed.unwrap_or_default())).map_err(words)
            }
            LookUp::All { .. } | LookUp::Referrers(_) => Err("it is more than can be read at once".to_owned()),
        }
    }

    /// Counts whether reading again has changed what follows.
    pub fn confirmed(&self, changed: bool) {
        self.metrics.confirmed(if changed { Confirmed::Changed } else { Confirmed::Alike });
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        task::block_in_place(|| self.runtime.block_on(work))
    }
}

fn lay_over(view: &mut View, look_up: &LookUp, read: Read) {
    match (look_up, read) {
        (LookUp::Object(key), Read::Object(Some(object))) if is_named(&object, &key.name) => view.insert(key, &object),
        (LookUp::Object(key), Read::Object(_)) => view.remove(key),
        (LookUp::List { group, kind, namespace }, Read::List(listed)) => {
            view.replace_in(namespace, group, kind, &listed);
        }
        _ => {}
    }
}

/// Whether the API server answered with the object that was asked for.
fn is_named(object: &Value, name: &str) -> bool {
    object.pointer("/metadata/name").and_then(Value::as_str) == Some(name)
}

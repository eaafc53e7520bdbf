//! One kind, followed for as long as it is wanted: listed, watched, listed again where the watch was lost, and looked for
//! where the API server does not serve it.

use std::time::Duration;

use futures::StreamExt as _;
use kube::{
    core::ApiResource,
    runtime::{WatchStreamExt as _, utils::Backoff, watcher},
};
use serde_json::Value;
use tokio::{sync::mpsc, time};

use crate::{
    cluster::api::{Api, Observed},
    engine::{kinds::Kind, name::Name, subject::ObjectKey},
};

/// How often a kind is looked for that is not served: a definition may be installed at any time.
const LOOK: Duration = Duration::from_secs(5);

/// Between two attempts at what has just failed.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two attempts: an API server that is back must not find us asleep for half a minute, in which
/// the guard would not hear of what has come to be needed.
const LONGEST: Duration = Duration::from_secs(4);

/// How long a watch that failed must be silent to be asked whether it has recovered: it says nothing when it is resumed.
///
/// INVARIANT: longer than [`LONGEST`], so that within it there was an attempt, and that one has not failed.
const SILENT: Duration = Duration::from_secs(6);

/// The largest page of a list where the API server cannot stream it.
const PAGE: u32 = 100;

/// What is heard of a kind.
#[derive(Debug)]
pub struct Heard {
    pub kind: &'static Kind,
    pub news: News,
}

#[derive(Debug)]
pub enum News {
    /// A list begins; what it does not bring is gone when it ends.
    Begun,
    Listed(ObjectKey, Value),
    Complete,
    Applied(ObjectKey, Value),
    Deleted(ObjectKey),
    /// The API server does not serve the kind: there are no such objects.
    NotServed,
    /// It cannot be listed or watched now.
    Failing(String),
    /// It can again, and nothing was missed.
    Recovered,
}

/// Pauses between attempts at a watch: [`PAUSE`], doubled up to [`LONGEST`].
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    last: Option<Duration>,
}

/// Why a watch ended.
enum Ended {
    /// Nobody listens any more.
    Unheard,
    /// The kind is not served any more, or not in this version.
    Gone,
    /// The API server does not stream lists.
    NoStreaming,
}

/// Tells what is heard of a kind, in one namespace or with an empty one in all, until nobody listens.
pub async fn follow(api: Api, kind: &'static Kind, namespace: Name, heard: mpsc::Sender<Heard>) {
    let mut streaming = true;
    loop {
        match api.discover(kind).await {
            Ok(Some(resource)) => match watch(&api, (&resource, &namespace), kind, streaming, &heard).await {
                Ended::Unheard => return,
                // Discovery may lag behind the API itself.
                Ended::Gone => time::sleep(PAUSE).await,
                Ended::NoStreaming => streaming = false,
            },
            Ok(None) => {
                if heard.send(Heard { kind, news: News::NotServed }).await.is_err() {
                    return;
                }
                time::sleep(LOOK).await;
            }
            Err(error) => {
                if heard.send(Heard { kind, news: News::Failing(error.to_string()) }).await.is_err() {
                    return;
                }
                time::sleep(PAUSE).await;
            }
        }
    }
}

async fn watch(
    api: &Api,
    (resource, namespace): (&ApiResource, &str),
    kind: &'static Kind,
    streaming: bool,
    heard: &mpsc::Sender<Heard>,
) -> Ended {
    let config = watcher::Config::default();
    // A streamed list is never held in one piece, neither here nor in the API server.
    let config = if streaming { config.streaming_lists() } else { config.page_size(PAGE).any_semantic() };
    let key = |observed: &Observed| observed.key(kind.group, kind.kind);
    let stream = watcher(api.objects_of(resource, namespace), config).backoff(Pauses::default());
    let mut stream = std::pin::pin!(stream);
    let mut failing = false;
    loop {
        let event = if failing {
            let Ok(event) = time::timeout(SILENT, stream.next()).await else {
                failing = !api.can_list(resource, namespace).await;
                if !failing && heard.send(Heard { kind, news: News::Recovered }).await.is_err() {
                    return Ended::Unheard;
                }
                continue;
            };
            event
        } else {
            stream.next().await
        };
        let Some(event) = event else { return Ended::Gone };
        let news = match event {
            Ok(watcher::Event::Init) => News::Begun,
            Ok(watcher::Event::InitApply(object)) => News::Listed(key(&object), object.value),
            Ok(watcher::Event::InitDone) => News::Complete,
            Ok(watcher::Event::Apply(object)) => News::Applied(key(&object), object.value),
            Ok(watcher::Event::Delete(object)) => News::Deleted(key(&object)),
            Err(error) if streaming && refuses_streaming(&error) => return Ended::NoStreaming,
            Err(error) if status(&error).is_some_and(|status| status.code == 404) => {
                // Where discovery goes on naming it, this must not look like a watch that stands.
                let sent = heard.send(Heard { kind, news: News::Failing(in_words(&error)) }).await;
                return if sent.is_ok() { Ended::Gone } else { Ended::Unheard };
            }
            // What is too old is listed again by the watcher itself: nothing fails.
            Err(error) if status(&error).is_some_and(|status| status.code == 410) => continue,
            Err(error) => News::Failing(in_words(&error)),
        };
        // That a list begins does not say that it will end.
        failing = matches!(news, News::Failing(_)) || failing && matches!(news, News::Begun | News::Listed(..));
        if heard.send(Heard { kind, news }).await.is_err() {
            return Ended::Unheard;
        }
    }
}

// === impl Pauses ===

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.last.map_or(PAUSE, |last| last.saturating_mul(2)).min(LONGEST);
        self.last = Some(pause);
        Some(pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.last = None;
    }
}

fn status(error: &watcher::Error) -> Option<&kube::core::Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

fn refuses_streaming(error: &watcher::Error) -> bool {
    status(error).is_some_and(|status| matches!(status.code, 400 | 422) && status.message.contains("sendInitialEvents"))
}

fn in_words(error: &watcher::Error) -> String {
    status(error).map_or_else(|| error.to_string(), |status| status.message.clone())
}

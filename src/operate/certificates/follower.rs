//! Every replica: serves what the Secret holds, if it can be served.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::{sync::watch, time};

use super::{Found, Known, Settings, now};
use crate::{
    cluster::watch::Pauses,
    health::Condition,
    operate::authority::Contents,
    tls::{Resolver, Standing, bundle::Bundle},
};

/// How often the clock is looked at, and the Secret where its watch is broken.
const LOOK: Duration = Duration::from_secs(2);

pub(super) struct Follower {
    secrets: kube::Api<Secret>,
    settings: Settings,
    resolver: Arc<Resolver>,
    knows: watch::Sender<Known>,
    /// What serves.
    served: Option<Contents>,
    bundle: Option<Bundle>,
    /// Why what the Secret holds does not serve.
    problem: Option<String>,
    /// Why the watch is broken.
    broken: Option<String>,
}

type Event = Result<watcher::Event<Secret>, watcher::Error>;

// === impl Follower ===

impl Follower {
    pub(super) fn new(
        secrets: kube::Api<Secret>,
        settings: Settings,
        resolver: Arc<Resolver>,
        knows: watch::Sender<Known>,
    ) -> Self {
        let problem = Some(format!("{} was not read yet", settings.place()));
        Self { secrets, settings, resolver, knows, served: None, bundle: None, problem, broken: None }
    }

    pub(super) async fn run(mut self, tell: impl Fn(Standing)) {
        let mut events = pin!(self.events());
        let mut listed = None;
        loop {
            let refused = match time::timeout(LOOK, events.next()).await {
                Ok(Some(Ok(event))) => {
                    self.broken = None;
                    match event {
                        watcher::Event::Init => {
                            listed = None;
                            None
                        }
                        watcher::Event::InitApply(secret) => {
                            listed = Some(secret);
                            None
                        }
                        watcher::Event::InitDone => self.hear(listed.take().into()),
                        watcher::Event::Apply(secret) => self.hear(Some(secret).into()),
                        watcher::Event::Delete(_) => self.hear(Found::Absent),
                    }
                }
                Ok(Some(Err(error))) => {
                    self.broken = Some(in_words(&error));
                    None
                }
                Ok(None) => {
                    events.set(self.events());
                    None
                }
                Err(_) => self.look().await,
            };
            tell(self.standing(refused));
        }
    }

    fn events(&self) -> impl Stream<Item = Event> + use<> {
        // By name alone: that is all that may be read of the Secrets.
        let config = watcher::Config::default().fields(&format!("metadata.name={}", self.settings.secret));
        watcher(self.secrets.clone(), config).backoff(Pauses::default())
    }

    /// What a watch does not tell: that it works again, and that time has passed.
    async fn look(&mut self) -> Option<&'static str> {
        if self.broken.is_some()
            && let Ok(Ok(secret)) = time::timeout(LOOK, self.secrets.get_opt(&self.settings.secret)).await
        {
            self.broken = None;
            return self.hear(secret.into());
        }
        let is_early = self.problem.is_some();
        let found = self.knows.borrow().found.clone();
        if let Found::There { contents, version } = found
            && is_early
            && !contents.is_empty()
        {
            // Said already why not, where it is not.
            let _ = self.serve(&contents);
            self.publish(Found::There { contents, version });
        }
        None
    }

    /// Takes over what is good; why it does not, in a word, where it is not.
    fn hear(&mut self, found: Found) -> Option<&'static str> {
        let before = self.knows.borrow().found.clone();
        let place = self.settings.place();
        let refused = match &found {
            Found::There { contents, .. } if contents.is_empty() => {
                self.problem = Some(match self.served {
                    None => format!("{place} is empty: the replica that leads has not made a certificate yet"),
                    Some(_) => format!("{place} was emptied: what was served before is served on"),
                });
                None
            }
            Found::There { contents, .. } => match &before {
                Found::There { contents: same, .. } if same == contents => None,
                _ => self.serve(contents).err(),
            },
            Found::Absent => {
                let then =
                    if self.served.is_some() { "what was served before is served on" } else { "nothing is made" };
                self.problem =
                    Some(format!("{place} does not exist: make it, empty, as the chart does; until then {then}"));
                None
            }
            Found::Unread => None,
        };
        if let (Some(problem), true) = (&self.problem, before != found) {
            tracing::warn!(problem, "the Secret with the certificates");
        }
        self.publish(found);
        refused
    }

    fn publish(&self, found: Found) {
        let served = self.served.clone();
        self.knows.send_if_modified(|known| {
            let is_new = known.found != found || known.served != served;
            *known = Known { found, served };
            is_new
        });
    }

    fn serve(&mut self, contents: &Contents) -> Result<(), &'static str> {
        match contents.served(&self.settings.names, now()) {
            Ok((pair, bundle)) => {
                let is_new = self.resolver.current().is_none_or(|current| current.chain() != pair.chain());
                if is_new {
                    tracing::info!(not_after = %pair.not_after, "serving a new certificate");
                    self.resolver.serve(pair);
                }
                (self.served, self.bundle, self.problem) = (Some(contents.clone()), Some(bundle), None);
                Ok(())
            }
            Err(error) => {
                self.problem = Some(format!("{} cannot be served: {error}", self.settings.place()));
                Err(error.reason())
            }
        }
    }

    fn standing(&self, refused: Option<&'static str>) -> Standing {
        let (now, current) = (now(), self.resolver.current());
        let broken = || self.broken.as_ref().map(|why| format!("{} cannot be read: {why}", self.settings.place()));
        let condition = match current.as_ref().map(|pair| pair.not_after) {
            None => Condition::Waiting(broken().or(self.problem.clone()).unwrap_or_default()),
            Some(end) if end < now => Condition::Waiting("the serving certificate has expired".to_owned()),
            Some(_) => self.problem.clone().or_else(broken).map_or(Condition::Ready, Condition::Degraded),
        };
        let ends = current.as_ref().zip(self.bundle.as_ref()).map(|(pair, bundle)| bundle.ends(pair.chain(), now));
        Standing {
            not_after: current.map(|pair| pair.not_after),
            bundle: Some(self.bundle.as_ref().map(Bundle::pem).unwrap_or_default()),
            authorities: ends.unwrap_or_default(),
            condition,
            refused,
        }
    }
}

fn in_words(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.message.clone(),
        other => other.to_string(),
    }
}

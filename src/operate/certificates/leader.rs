//! The replica that leads: makes what is missing, renews what ends, mends what is damaged.

use std::time::Duration;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::api::{Patch, PatchParams};
use serde_json::{Map, Value, json};
use tokio::{sync::watch, time};

use super::{AUTHORITY, Found, Known, Settings, now};
use crate::{
    cluster::api::ApiError,
    health::{Condition, Health},
    operate::authority::{self, Change, Contents, Held, Step},
    tls::made::MakeError,
};

/// At most this long nothing is looked at: clocks are set, and machines sleep.
const LOOK: Duration = Duration::from_mins(10);
/// How long an attempt may take, and the pause after one that failed.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Leader {
    secrets: kube::Api<Secret>,
    settings: Settings,
    known: watch::Receiver<Known>,
    leads: watch::Receiver<bool>,
    registered: Option<watch::Receiver<Option<String>>>,
    health: Health,
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] MakeError),
    #[error("{0}")]
    Write(ApiError),
    #[error("the API server took too long")]
    Late,
}

// === impl Leader ===

impl Leader {
    pub(super) fn new(
        secrets: kube::Api<Secret>,
        settings: Settings,
        known: watch::Receiver<Known>,
        leads: watch::Receiver<bool>,
        registered: Option<watch::Receiver<Option<String>>>,
        health: Health,
    ) -> Self {
        Self { secrets, settings, known, leads, registered, health }
    }

    pub(super) async fn run(mut self) {
        loop {
            let wait = self.act().await;
            let registered = async {
                let changed = match &mut self.registered {
                    Some(registered) => registered.changed().await.is_ok(),
                    None => false,
                };
                // A registrar that has ended says nothing new.
                if !changed {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = time::sleep(wait) => {}
                () = registered => {}
                changed = self.known.changed() => if changed.is_err() { return },
                changed = self.leads.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Does what is due, and says how long there is nothing more to do.
    async fn act(&mut self) -> Duration {
        let known = self.known.borrow_and_update().clone();
        let leads = *self.leads.borrow_and_update();
        let registered =
            self.registered.as_mut().map(|registered| registered.borrow_and_update().clone().unwrap_or_default());
        let Found::There { contents, version } = &known.found else { return LOOK };
        if !leads {
            self.health.set(AUTHORITY, Condition::Ready);
            return LOOK;
        }
        let now = now();
        let held = Held::read(contents, known.served.as_ref(), &self.settings.names, now);
        let step = authority::next(&held, &self.settings.lifetimes, registered.as_deref(), now);
        let change = match step {
            Step::Wait(until) => {
                self.say(&held.problems.join("; "));
                let seconds = until.as_second().saturating_sub(now.as_second()).saturating_add(1);
                return Duration::from_secs(u64::try_from(seconds).unwrap_or(1)).min(LOOK);
            }
            Step::Take(change) => change,
        };
        for problem in &held.problems {
            tracing::warn!(problem, "the Secret with the certificates is being mended");
        }
        match self.write(change, &held, contents, version).await {
            Ok(()) => {
                tracing::info!(%change, secret = self.settings.secret, "certificates");
                self.say("");
                // Until it is heard what was written.
                PAUSE
            }
            Err(Failed::Write(ApiError::Conflict(_))) => PAUSE,
            Err(error) => {
                tracing::warn!(%error, %change, "the Secret with the certificates cannot be written");
                self.say(&format!("{} cannot be written: {error}", self.settings.place()));
                PATIENCE
            }
        }
    }

    fn say(&self, problem: &str) {
        let condition = if problem.is_empty() { Condition::Ready } else { Condition::Degraded(problem.to_owned()) };
        self.health.set(AUTHORITY, condition);
    }

    /// All of a change at once, or nothing of it where somebody else was faster.
    async fn write(&self, change: Change, held: &Held, before: &Contents, version: &str) -> Result<(), Failed> {
        let made = authority::take(change, held, &self.settings.lifetimes, &self.settings.names, now())?;
        let patch = json!({ "metadata": { "resourceVersion": version }, "data": data(&made, before) });
        let (name, patch) = (&self.settings.secret, Patch::Merge(patch));
        let params = PatchParams { field_manager: Some("portcullis".to_owned()), ..PatchParams::default() };
        match time::timeout(PATIENCE, self.secrets.patch(name, &params, &patch)).await {
            Ok(written) => written.map(drop).map_err(|error| Failed::Write(error.into())),
            Err(_) => Err(Failed::Late),
        }
    }
}

/// What a merge patch has to say: only what changes.
fn data(made: &Contents, before: &Contents) -> Map<String, Value> {
    let changed = made.data().into_iter().zip(before.data()).filter(|(new, old)| new != old);
    let value = |text: &str| match text {
        "" => Value::Null,
        text => serde_json::to_value(ByteString(text.as_bytes().to_vec())).unwrap_or_default(),
    };
    changed.map(|((key, text), _)| (key.to_owned(), value(text))).collect()
}

//! Certificates of our own making, in one Secret of our own namespace: the replica that leads writes it, every replica follows it.
//!
//! What serves goes on serving until something better is there, whatever happens to the Secret. What is in it is never logged.
#![expect(clippy::disallowed_methods, reason = "an edge: certificates expire by the wall clock")]

mod follower;
mod leader;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use tokio::sync::watch;

use crate::{
    cluster::api::{Api, ApiError},
    health::{Condition, Health},
    operate::authority::{Contents, Lifetimes},
    tls::{Resolver, Standing},
};

/// Which Secret, and what is to be in it.
#[derive(Clone, Debug)]
pub struct Settings {
    pub namespace: String,
    pub secret: String,
    /// What callers ask for: `<service>.<namespace>.svc` first.
    pub names: Vec<String>,
    pub lifetimes: Lifetimes,
}

/// What the parts of a replica know of each other.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Whether this replica leads.
    pub leads: watch::Receiver<bool>,
    /// The CA bundle (PEM) that all our webhook entries hold now; None inside while there is none that all hold. Without the
    /// whole, others register us, and time alone decides when a new CA signs.
    pub registered: Option<watch::Receiver<Option<String>>>,
    pub health: Health,
}

/// The Secret as it was last heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// Not yet.
    Unread,
    Absent,
    There {
        contents: Contents,
        version: String,
    },
}

/// What the follower knows and the leader needs.
#[derive(Clone, Debug)]
struct Known {
    found: Found,
    /// What was last good.
    served: Option<Contents>,
}

/// By this name `/readyz` says how the certificate stands that is served, and by the next how the Secret does that the leader
/// keeps.
pub const CONDITION: &str = "certificate";
const AUTHORITY: &str = "authority";

/// Gives the resolver what the Secret holds, and tells how things stand; makes and renews it while this replica leads. It
/// never ends.
pub async fn run(
    api: Api,
    settings: Settings,
    surroundings: Surroundings,
    resolver: Arc<Resolver>,
    tell: impl Fn(Standing),
) {
    let (knows, known) = watch::channel(Known { found: Found::Unread, served: None });
    let secrets: kube::Api<Secret> = kube::Api::namespaced(api.client(), &settings.namespace);
    let Surroundings { leads, registered, health } = surroundings;
    let follower = follower::Follower::new(secrets.clone(), settings.clone(), resolver, knows);
    health.set(AUTHORITY, Condition::Ready);
    let leader = leader::Leader::new(secrets, settings, known, leads, registered, health);
    tokio::join!(follower.run(tell), leader.run());
}

/// The Secret as it is now; None where there is none.
///
/// # Errors
/// It cannot be read.
pub async fn read(api: &Api, namespace: &str, name: &str) -> Result<Option<Contents>, ApiError> {
    let secrets: kube::Api<Secret> = kube::Api::namespaced(api.client(), namespace);
    Ok(secrets.get_opt(name).await?.map(|secret| contents(&secret)))
}

/// Values that are no text are as good as garbage, and read as such.
fn contents(secret: &Secret) -> Contents {
    let data = secret.data.as_ref();
    Contents::from_data(|key| {
        let value = data.and_then(|data| data.get(key));
        value.map(|value| String::from_utf8_lossy(&value.0).into_owned()).unwrap_or_default()
    })
}

fn now() -> Timestamp {
    Timestamp::now()
}

// === impl Found ===

impl From<Option<Secret>> for Found {
    fn from(secret: Option<Secret>) -> Self {
        let Some(secret) = secret else { return Self::Absent };
        Self::There { contents: contents(&secret), version: secret.metadata.resource_version.unwrap_or_default() }
    }
}

// === impl Settings ===

impl Settings {
    fn place(&self) -> String {
        format!("the Secret `{}` in namespace `{}`", self.secret, self.namespace)
    }
}

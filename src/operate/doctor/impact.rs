//! What `Deny` would refuse among the objects that are stored today, were they written once more: `doctor --impact`.

mod judging;

use std::{sync::Arc, time::Duration};

use futures::TryFutureExt as _;
use jiff::Timestamp;
use kube::{api::ListParams, core::ApiResource};
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    cluster::{
        api::{Api, ApiError, Observed},
        watched,
    },
    engine::{
        kinds::{CORE, Kind},
        limits,
        policy::{Action, Exception, PolicySet, exception},
        subject::ObjectKey,
        view::{LookUp, View, control_plane::ControlPlane},
    },
};
use judging::Judging;

/// What would be refused, by policy and code.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Impact {
    /// Whose policies these are.
    pub by: &'static str,
    /// How many objects were judged.
    pub judged: usize,
    /// Why it is not all of it.
    pub partial: Vec<String>,
    /// Those that are about states: what is about changes says nothing of what is stored.
    pub policies: Vec<OfPolicy>,
}

/// What one policy would do.
#[derive(Clone, Debug, Serialize)]
pub struct OfPolicy {
    pub policy: String,
    /// What it does now.
    pub action: Action,
    /// The namespaces that its selector matches; None where it has none, and so is about all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// Objects that would be refused, each counted once.
    pub refused: usize,
    /// Objects that its remedies would mend: by edits, and by grants that may be made.
    pub mended: usize,
    pub codes: Vec<OfCode>,
}

/// What would be refused for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct OfCode {
    pub code: String,
    pub count: usize,
    /// The first of them, in the order in which they are listed.
    pub objects: Vec<Refused>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Refused {
    pub object: String,
    pub message: String,
}

/// Whose objects no webhook is asked about.
const NEVER: [&str; 2] = ["kube-system", "kube-node-lease"];

/// Judges all that is stored of what the policies select.
///
/// # Errors
/// The API server does not answer at all.
pub async fn judge(
    api: &Api,
    policies: &PolicySet,
    control_plane: ControlPlane,
    own_namespace: &str,
    now: Timestamp,
) -> Result<Impact, ApiError> {
    let mut judging = Judging::new(policies, View::open(control_plane), now);
    for kind in watched::by(policies).into_iter().filter_map(watched::row) {
        let read = look_up_all(api, kind, &mut judging).await;
        match read {
            Ok(()) => judging.know_all(kind),
            // Who does not tell of Namespaces tells of nothing, unless we may not ask.
            Err(error)
                if (kind.group, kind.kind) == (CORE, "Namespace") && !matches!(error, ApiError::Forbidden(_)) =>
            {
                return Err(error);
            }
            Err(error) => judging.lacks(format!("{} cannot be looked up: {error}", kind.resource)),
        }
    }
    if policies.policies().iter().any(|policy| policy.exceptions.allowed) {
        match exceptions(api).await {
            Ok(exceptions) => judging.except(exceptions),
            Err(error) => judging.lacks(format!("guardexceptions cannot be looked up: {error}")),
        }
    }
    for kind in judging.selected() {
        if let Err(error) = judge_all(api, kind, &mut judging, own_namespace).await {
            judging.lacks(format!("not all {} could be judged: {error}", kind.resource));
        }
    }
    Ok(judging.end())
}

async fn exceptions(api: &Api) -> Result<Vec<Arc<Exception>>, ApiError> {
    let Some(kind) = watched::row(watched::GUARD_EXCEPTION) else { return Ok(Vec::new()) };
    let Some(mut pages) = Pages::of(api, kind).await? else { return Ok(Vec::new()) };
    let mut exceptions = Vec::new();
    while let Some(page) = pages.next().await? {
        let read = |(key, object): &(ObjectKey, Value)| exception::compile::compile(object, &key.namespace).ok();
        exceptions.extend(page.iter().filter_map(read).map(Arc::new));
    }
    Ok(exceptions)
}

async fn look_up_all(api: &Api, kind: &'static Kind, judging: &mut Judging) -> Result<(), ApiError> {
    let Some(mut pages) = Pages::of(api, kind).await? else { return Ok(()) };
    while let Some(page) = pages.next().await? {
        for (key, object) in &page {
            judging.know(key, object);
        }
    }
    Ok(())
}

async fn judge_all(api: &Api, kind: &'static Kind, judging: &mut Judging, own_namespace: &str) -> Result<(), ApiError> {
    let Some(mut pages) = Pages::of(api, kind).await? else { return Ok(()) };
    while let Some(page) = pages.next().await? {
        for (key, object) in page {
            if NEVER.contains(&key.namespace.as_str()) || *key.namespace == *own_namespace {
                continue;
            }
            let version = pages.resource.version.clone();
            for look_up in judging.wanting(kind, &version, &key, &object) {
                let LookUp::Object(wanted) = look_up else { continue };
                if let Ok(Some(found)) = api.get(&wanted).await {
                    judging.know(&wanted, &found);
                }
            }
            judging.take(kind, &version, &key, &object);
        }
    }
    Ok(())
}

/// A list that is read page by page, so that one page is held at a time.
struct Pages {
    kind: &'static Kind,
    resource: ApiResource,
    objects: kube::Api<Observed>,
    next: Option<ListParams>,
    left: usize,
}

// === impl Pages ===

impl Pages {
    /// None where the kind is not served: then there are no such objects.
    async fn of(api: &Api, kind: &'static Kind) -> Result<Option<Self>, ApiError> {
        let Some(resource) = api.discover(kind).await? else { return Ok(None) };
        let objects = api.objects_of(&resource, "");
        let next = Some(ListParams::default().limit(limits::JUDGED));
        Ok(Some(Self { kind, resource, objects, next, left: limits::JUDGED_PAGES }))
    }

    async fn next(&mut self) -> Result<Option<Vec<(ObjectKey, Value)>>, ApiError> {
        let Some(page) = self.next.take() else { return Ok(None) };
        self.left = self.left.checked_sub(1).ok_or(ApiError::TooMany)?;
        let listed = self.objects.list(&page).map_err(ApiError::from);
        let listed = timeout(Duration::from_millis(limits::CALL_MS), listed).await.unwrap_or(Err(ApiError::Late))?;
        let more = listed.metadata.continue_.filter(|more| !more.is_empty());
        self.next = more.map(|more| page.continue_token(&more));
        let key = |object: Observed| (object.key(self.kind.group, self.kind.kind), object.value);
        Ok(Some(listed.items.into_iter().map(key).collect()))
    }
}

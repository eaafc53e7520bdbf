//! What is asked of the API server. Whatever cannot be told says why, and the rest is asked all the same.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    cluster::{api::Api, lease, policies::Policies, watched},
    engine::{
        kinds::{self, GATEWAY_API, KINDS, Kind},
        limits,
        policy::{PolicySet, shipped},
    },
    operate::{
        doctor::{Setup, control_planes, name},
        permissions::{self, Named, Permission, Scope},
        probe::{self, Reached},
    },
};

/// What is so, or why that is not known.
pub type Known<T> = Result<T, String>;

/// The state of a cluster, as far as an installation rests on it.
#[derive(Clone, Debug)]
pub struct Facts {
    pub now: Timestamp,
    pub namespaces: Known<Vec<Value>>,
    /// Of our own namespace, as the three below.
    pub deployments: Known<Vec<Value>>,
    pub pods: Known<Vec<Value>>,
    pub budgets: Known<Vec<Value>>,
    pub service: Known<Option<Value>>,
    pub lease: Known<Option<Value>>,
    pub secret: Known<Option<Value>>,
    pub validating: Known<Vec<Value>>,
    pub mutating: Known<Vec<Value>>,
    /// None where the API server serves no GuardPolicies.
    pub policies: Known<Option<Vec<Value>>>,
    pub definition: Known<Option<Value>>,
    /// The definition of GuardException.
    pub exceptions: Known<Option<Value>>,
    /// The definition of ReferenceGrant.
    pub grants: Known<Option<Value>>,
    pub served: Known<Served>,
    pub reached: Reached,
    /// For each permission and verb that the policies in force need, whether our service account has it.
    pub rights: Vec<Right>,
    /// Deployments of control planes, wherever they are.
    pub control_planes: Known<Vec<Value>>,
    /// Resources that policies need, as `gateways.gateway.networking.k8s.io`, with why they cannot be listed.
    pub unlisted: BTreeMap<String, String>,
}

/// In which versions the resources of the groups that we know are served, by group and plural.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served(pub BTreeMap<(String, String), Vec<String>>);

/// Whether the service account may do something.
#[derive(Clone, Debug)]
pub struct Right {
    pub permission: Permission,
    pub verb: &'static str,
    pub allowed: Known<bool>,
}

const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
const POLICIES: &str = "/apis/portcullis.dev/v1alpha1/guardpolicies";
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// Asks for everything.
///
/// # Errors
/// The API server does not answer at all.
pub async fn gather(api: &Api, setup: &Setup, nonce: &str, now: Timestamp) -> Result<Facts, String> {
    let asker = Asker { api };
    asker.get("/version").await?;
    let own = format!("namespaces/{}", setup.own_namespace);
    let leases = format!("/apis/coordination.k8s.io/v1/{own}/leases/{}", lease::NAME);
    let (deployments, pods) = (format!("/apis/apps/v1/{own}/deployments"), format!("/api/v1/{own}/pods"));
    let budgets = format!("/apis/policy/v1/{own}/poddisruptionbudgets");
    let service = format!("/api/v1/{own}/services/{}", setup.service);
    let secret = format!("/api/v1/{own}/secrets/{}", setup.tls_secret);
    let policies = asker.list_served(POLICIES).await;
    let needed = compiled(&policies);
    Ok(Facts {
        now,
        namespaces: asker.list("/api/v1/namespaces").await,
        deployments: asker.list(&deployments).await,
        pods: asker.list(&pods).await,
        budgets: asker.list(&budgets).await,
        service: asker.get(&service).await,
        lease: asker.get(&leases).await,
        secret: asker.get(&secret).await,
        validating: asker.list(&format!("{ADMISSION}/validatingwebhookconfigurations")).await,
        mutating: asker.list(&format!("{ADMISSION}/mutatingwebhookconfigurations")).await,
        policies,
        definition: asker.get(&format!("{CRDS}/guardpolicies.portcullis.dev")).await,
        exceptions: asker.get(&format!("{CRDS}/guardexceptions.portcullis.dev")).await,
        grants: asker.get(&format!("{CRDS}/referencegrants.{GATEWAY_API}")).await,
        served: asker.served().await,
        reached: probe::probe(api, nonce, Duration::from_millis(limits::CALL_MS)).await,
        rights: asker.rights(setup, &needed).await,
        control_planes: asker.list_of("/apis/apps/v1/deployments", control_planes::is_one).await,
        unlisted: asker.unlisted(&needed).await,
    })
}

/// Asks only for what says which policies there are, and how Portcullis is set.
///
/// # Errors
/// The API server does not answer at all.
pub async fn stored(api: &Api, setup: &Setup) -> Result<Facts, String> {
    let asker = Asker { api };
    asker.get("/version").await?;
    let own = &setup.own_namespace;
    Ok(Facts {
        deployments: asker.list(&format!("/apis/apps/v1/namespaces/{own}/deployments")).await,
        service: asker.get(&format!("/api/v1/namespaces/{own}/services/{}", setup.service)).await,
        policies: asker.list_served(POLICIES).await,
        ..Facts::unasked(Timestamp::UNIX_EPOCH)
    })
}

/// The policies that are in force, or would be: the default set where there are none yet.
pub fn compiled(policies: &Known<Option<Vec<Value>>>) -> PolicySet {
    let stored = policies.as_ref().ok().and_then(Option::as_ref).map_or(&[][..], Vec::as_slice);
    if stored.is_empty() {
        return shipped::policies();
    }
    let mut compiled = Policies::default();
    for policy in stored {
        compiled.insert(name(policy), policy);
    }
    compiled.in_force()
}

/// The API server, asked as whoever called us.
struct Asker<'a> {
    api: &'a Api,
}

// === impl Asker ===

impl Asker<'_> {
    async fn call(&self, request: http::Result<http::Request<Vec<u8>>>) -> Known<Option<Value>> {
        let request = request.map_err(|error| error.to_string())?;
        let call = self.api.client();
        match timeout(Duration::from_millis(limits::CALL_MS), call.request::<Value>(request)).await {
            Err(_) => Err("the API server did not answer in time".to_owned()),
            Ok(Ok(value)) => Ok(Some(value)),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(None),
            Ok(Err(kube::Error::Api(status))) => Err(status.message.clone()),
            Ok(Err(error)) => Err(error.to_string()),
        }
    }

    /// None where there is nothing.
    async fn get(&self, path: &str) -> Known<Option<Value>> {
        self.call(http::Request::get(path).body(Vec::new())).await
    }

    async fn list(&self, path: &str) -> Known<Vec<Value>> {
        self.list_of(path, |_| true).await
    }

    /// Those of a list that are wanted; none where no such thing is served.
    async fn list_of(&self, path: &str, wanted: fn(&Value) -> bool) -> Known<Vec<Value>> {
        let mut found = Vec::new();
        let mut page = format!("{path}?limit={}", limits::LISTED);
        for _ in 0..limits::LISTED_PAGES {
            let Some(mut listed) = self.get(&page).await? else { return Ok(found) };
            if let Some(Value::Array(items)) = listed.get_mut("items").map(Value::take) {
                found.extend(items.into_iter().filter(wanted));
            }
            match listed.pointer("/metadata/continue").and_then(Value::as_str).filter(|more| !more.is_empty()) {
                Some(more) => page = format!("{path}?limit={}&continue={more}", limits::LISTED),
                None => return Ok(found),
            }
        }
        Err("there are too many to read them all".to_owned())
    }

    /// The same, where it matters whether they are served.
    async fn list_served(&self, path: &str) -> Known<Option<Vec<Value>>> {
        if self.get(&format!("{path}?limit=1")).await?.is_none() {
            return Ok(None);
        }
        self.list(path).await.map(Some)
    }

    async fn served(&self) -> Known<Served> {
        let groups = self.get("/apis").await?.unwrap_or_default();
        let mut served = Served::default();
        for kind in KINDS.iter().filter(|kind| ["", "apps", "apiextensions.k8s.io"].contains(&kind.group)) {
            served.add(kind.group, kind.resource, "v1");
        }
        let known = |group: &str| KINDS.iter().any(|kind| kind.group == group && !group.is_empty());
        for group in super::list(&groups, "/groups") {
            let of = super::text(group, "/name");
            if !known(of) || ["apps", "apiextensions.k8s.io"].contains(&of) {
                continue;
            }
            for version in super::list(group, "/versions").iter().map(|version| super::text(version, "/version")) {
                let Some(resources) = self.get(&format!("/apis/{of}/{version}")).await? else { continue };
                for resource in super::list(&resources, "/resources") {
                    served.add(of, name_of(resource), version);
                }
            }
        }
        Ok(served)
    }

    async fn rights(&self, setup: &Setup, policies: &PolicySet) -> Vec<Right> {
        let permissions = permissions::needed(policies);
        let all =
            permissions.into_iter().flat_map(|permission| permission.verbs.iter().map(move |verb| (permission, *verb)));
        let ask = async |(permission, verb): (Permission, &'static str)| Right {
            permission,
            verb,
            allowed: self.may(setup, &permission, verb).await,
        };
        stream::iter(all).map(ask).buffered(limits::CALLS_AT_ONCE).collect().await
    }

    /// Asked of another user by a SubjectAccessReview, or, for who may not do that, in that user's own name.
    async fn may(&self, setup: &Setup, permission: &Permission, verb: &str) -> Known<bool> {
        let Setup { own_namespace, service_account, .. } = setup;
        let (resource, subresource) = permission.resource.split_once('/').unwrap_or((permission.resource, ""));
        let attributes = json!({
            "group": permission.group, "resource": resource, "subresource": subresource, "verb": verb,
            "namespace": if permission.scope == Scope::OwnNamespace { own_namespace } else { "" },
            "name": permission.named.map_or("", |named| named_as(setup, named)),
        });
        let user = format!("system:serviceaccount:{own_namespace}:{service_account}");
        let groups = [
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{own_namespace}"),
            "system:authenticated".to_owned(),
        ];
        let post = |kind: &str| {
            http::Request::post(format!("/apis/authorization.k8s.io/v1/{}s", kind.to_lowercase()))
                .header(http::header::CONTENT_TYPE, "application/json")
        };
        let review = |kind: &str, spec: Value| {
            json!({ "apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec }).to_string().into_bytes()
        };
        let kind = "SubjectAccessReview";
        let spec = json!({ "user": user, "groups": groups, "resourceAttributes": attributes });
        let mut answer = self.call(post(kind).body(review(kind, spec))).await;
        if answer.is_err() {
            let kind = "SelfSubjectAccessReview";
            let as_them = groups.iter().fold(post(kind).header("Impersonate-User", &user), |request, group| {
                request.header("Impersonate-Group", group)
            });
            let spec = json!({ "resourceAttributes": attributes });
            answer = self.call(as_them.body(review(kind, spec))).await.or(answer);
        }
        let allowed = answer?.and_then(|answer| answer.pointer("/status/allowed").and_then(Value::as_bool));
        allowed.ok_or_else(|| "the API server did not say".to_owned())
    }

    /// The kinds that cannot be listed although they are served, as when their versions cannot be converted.
    async fn unlisted(&self, policies: &PolicySet) -> BTreeMap<String, String> {
        let ask = async |kind: &'static Kind| {
            let resource = match self.api.discover(kind).await {
                Ok(Some(resource)) => resource,
                Ok(None) => return None,
                Err(error) => return Some((qualified(kind.group, kind.resource), error.to_string())),
            };
            let root = if kind.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", kind.group) };
            let path = format!("{root}/{}/{}?limit=1", resource.version, kind.resource);
            self.get(&path).await.err().map(|why| (qualified(kind.group, kind.resource), why))
        };
        let kinds = watched::by(policies).into_iter().filter_map(|(group, kind)| kinds::by_kind(group, kind));
        let asked: Vec<_> = stream::iter(kinds).map(ask).buffered(limits::CALLS_AT_ONCE).collect().await;
        asked.into_iter().flatten().collect()
    }
}

// === impl Served ===

impl Served {
    pub fn add(&mut self, group: &str, resource: &str, version: &str) {
        if !resource.contains('/') {
            self.0.entry((group.to_owned(), resource.to_owned())).or_default().push(version.to_owned());
        }
    }

    /// Empty where it is not served.
    pub fn versions(&self, group: &str, resource: &str) -> &[String] {
        let base = resource.split('/').next().unwrap_or_default();
        self.0.get(&(group.to_owned(), base.to_owned())).map_or(&[], Vec::as_slice)
    }
}

// === impl Facts ===

impl Facts {
    /// Nothing was asked.
    pub fn unasked(now: Timestamp) -> Self {
        fn unasked<T>() -> Known<T> {
            Err("it was not asked".to_owned())
        }
        Self {
            now,
            namespaces: unasked(),
            deployments: unasked(),
            pods: unasked(),
            budgets: unasked(),
            service: unasked(),
            lease: unasked(),
            secret: unasked(),
            validating: unasked(),
            mutating: unasked(),
            policies: unasked(),
            definition: unasked(),
            exceptions: unasked(),
            grants: unasked(),
            served: unasked(),
            reached: Reached::Unknown("it was not tried".to_owned()),
            rights: Vec::new(),
            control_planes: unasked(),
            unlisted: BTreeMap::new(),
        }
    }
}

/// As kubectl takes it: `services`, `gateways.gateway.networking.k8s.io`.
pub(super) fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

/// What an object is called whose name is known beforehand.
pub(super) fn named_as(setup: &Setup, named: Named) -> &str {
    match named {
        Named::Lease => lease::NAME,
        Named::WebhookConfiguration => &setup.webhook_configuration,
        Named::TlsSecret => &setup.tls_secret,
    }
}

fn name_of(resource: &Value) -> &str {
    super::text(resource, "/name")
}

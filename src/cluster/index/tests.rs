use kube::{Client, Config};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::*;
use crate::engine::{
    kinds::{self, CORE},
    view::{Answer, Lens, control_plane::ControlPlane},
};

/// An index that hears only what a test tells it.
fn index() -> Index {
    let client = Client::try_from(Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
    let health = Health::new(["view", "policies"]);
    let metrics = Metrics::register(&mut Registry::default());
    let view = View::open(ControlPlane::default());
    let mut index = Index::new(Api::new(client), view, Published::default(), health, metrics);
    let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
    let followed = Followed { task, listed: false, listing: None, failing: None, since: Instant::now() };
    index.kinds.insert((CORE, "Service"), followed);
    index
}

fn hear(index: &mut Index, news: impl IntoIterator<Item = News>) {
    let kind = kinds::by_kind(CORE, "Service").unwrap();
    index.take(news.into_iter().map(|news| Heard { kind, news }));
}

fn service(name: &str) -> (ObjectKey, Value) {
    let metadata = json!({ "name": name, "namespace": "gw" });
    let object = json!({ "metadata": metadata, "spec": { "ports": [{ "port": 4317 }] } });
    (ObjectKey::new(CORE, "Service", "gw", name), object)
}

fn listed(name: &str) -> News {
    let (key, object) = service(name);
    News::Listed(key, object)
}

fn applied(name: &str) -> News {
    let (key, object) = service(name);
    News::Applied(key, object)
}

/// What a request is told of Services by these names.
fn told(index: &Index, names: [&str; 3]) -> [&'static str; 3] {
    let current = index.published.current.load();
    let lens = Lens::new(&current.view);
    names.map(|name| match lens.service("gw", name) {
        Answer::Found(_) => "found",
        Answer::Absent => "absent",
        Answer::Unknown => "unknown",
    })
}

const NAMES: [&str; 3] = ["one", "two", "three"];

#[tokio::test]
async fn what_is_not_listed_yet_is_unknown_and_then_found_or_absent() {
    let mut index = index();
    hear(&mut index, [News::Begun, listed("one")]);
    assert_eq!(told(&index, NAMES), ["found", "unknown", "unknown"]);
    hear(&mut index, [News::Complete]);
    assert_eq!(told(&index, NAMES), ["found", "absent", "absent"]);
}

#[tokio::test]
async fn a_watch_that_was_too_old_is_listed_again_and_what_is_gone_goes_when_the_list_ends() {
    let mut index = index();
    hear(&mut index, [News::Begun, listed("one"), listed("two"), News::Complete]);
    // As after a 410: what is known stays known until the new list is whole.
    hear(&mut index, [News::Begun, listed("three")]);
    assert_eq!(told(&index, NAMES), ["found", "found", "found"]);
    hear(&mut index, [applied("one")]);
    hear(&mut index, [News::Complete]);
    assert_eq!(told(&index, NAMES), ["found", "absent", "found"]);
    let changed = index.published.changes.next().await;
    assert!(changed.contains(&service("two").0), "{changed:?}");
}

#[tokio::test]
async fn a_list_that_broke_off_removes_nothing() {
    let mut index = index();
    hear(&mut index, [News::Begun, listed("one"), News::Complete]);
    hear(&mut index, [News::Begun, News::Failing("the API server is away".to_owned())]);
    assert_eq!(told(&index, NAMES), ["found", "absent", "absent"]);
    hear(&mut index, [News::Begun, listed("two"), News::Complete]);
    assert_eq!(told(&index, NAMES), ["absent", "found", "absent"]);
}

#[tokio::test]
async fn what_fails_for_too_long_is_unknown_until_it_is_heard_again() {
    let mut index = index();
    hear(&mut index, [News::Begun, listed("one"), News::Complete, News::Failing("away".to_owned())]);
    index.lose_patience();
    assert_eq!(told(&index, NAMES), ["found", "absent", "absent"]);
    let followed = index.kinds.get_mut(&(CORE, "Service")).unwrap();
    followed.since = followed.since.checked_sub(PATIENCE).unwrap();
    index.lose_patience();
    assert_eq!(told(&index, NAMES), ["found", "unknown", "unknown"]);
    hear(&mut index, [News::Recovered]);
    assert_eq!(told(&index, NAMES), ["found", "absent", "absent"]);
}

#[tokio::test]
async fn what_is_not_served_is_absent_and_what_was_is_gone() {
    let mut index = index();
    hear(&mut index, [News::Begun, listed("one"), News::Complete]);
    hear(&mut index, [News::NotServed]);
    assert_eq!(told(&index, NAMES), ["absent", "absent", "absent"]);
}

#[tokio::test]
async fn a_list_that_only_begins_again_and_again_does_not_look_like_a_watch_that_stands() {
    let mut index = index();
    hear(&mut index, [News::Begun, listed("one"), News::Complete, News::Failing("away".to_owned())]);
    let followed = index.kinds.get_mut(&(CORE, "Service")).unwrap();
    followed.since = followed.since.checked_sub(PATIENCE).unwrap();
    hear(&mut index, [News::Begun, News::Failing("away".to_owned()), News::Begun, listed("one")]);
    assert_eq!(told(&index, NAMES), ["found", "unknown", "unknown"]);
    hear(&mut index, [News::Complete]);
    assert_eq!(told(&index, NAMES), ["found", "absent", "absent"]);
}

#[tokio::test]
async fn without_a_list_of_policies_nothing_is_ready_and_once_it_was_a_new_kind_does_not_unready() {
    let mut index = index();
    hear(&mut index, [News::Begun, News::Complete]);
    assert!(!index.health.is_ready(), "{}", index.health.report());
    let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
    let followed = Followed { task, listed: false, listing: None, failing: None, since: Instant::now() };
    index.kinds.insert(GUARD_POLICY, followed);
    let kind = watched::row(GUARD_POLICY).unwrap();
    index.take([Heard { kind, news: News::Failing("forbidden".to_owned()) }].into_iter());
    index.kinds.get_mut(&GUARD_POLICY).unwrap().since = Instant::now().checked_sub(2 * PATIENCE).unwrap();
    index.report();
    assert!(!index.health.is_ready(), "{}", index.health.report());

    // `compile` stops the watches that no policy needs: of Services, too.
    index.take([Heard { kind, news: News::Complete }].into_iter());
    index.report();
    assert!(index.health.is_ready(), "{}", index.health.report());
    index.follow((CORE, "Service"));
    index.report();
    assert!(index.health.is_ready(), "{}", index.health.report());
    assert!(index.health.report().contains("Service is not listed yet"), "{}", index.health.report());
}

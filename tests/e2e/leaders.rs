//! Of several processes one leads, and when it is gone another does.

use std::time::{Duration, Instant};

use crate::{
    crossing::{Crossing, leads, until_leads},
    patience::wait_until,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("leaders: of two processes one leads, and when it is killed the other goes on", killed).alone(),
    Case::new("leaders: a leader that is told to end lets another lead at once", terminated).alone(),
    Case::new("leaders: one that cannot renew in time steps down, and follows when it is back", paused).alone(),
];

fn holder(crossing: &Crossing<'_>) -> String {
    let lease = crossing.kubectl.get_json(&["lease", "portcullis", "-n", &crossing.gw]);
    lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

fn killed(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    crossing.share("otel");
    let first = crossing.leader(&["--identity", "first", "--lease", "3"]);
    let second = crossing.member(&["--identity", "second", "--lease", "3"]);
    assert_eq!(holder(&crossing), "first");
    crossing.kubectl.apply(&crossing.policy("logs"));
    let grant = crossing.until_granted();
    assert!(leads(&first) && !leads(&second));
    // As `kill -9` does.
    drop(first);
    let begun = Instant::now();
    crossing.kubectl.delete(&["referencegrant", "--all", "-n", &crossing.obs]);
    until_leads(&second);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    assert_eq!(holder(&crossing), "second");
    crossing.until_gone(&grant);
    crossing.until_granted();
    crossing.kubectl.apply(&crossing.old_policy("old-logs"));
    wait_until("another grant", || {
        let grants = crossing.grants();
        if grants.len() == 2 { Ok(()) } else { Err(format!("{grants:?}")) }
    });
    let lease = crossing.kubectl.get_json(&["lease", "portcullis", "-n", &crossing.gw]);
    assert_eq!(lease["spec"]["leaseTransitions"], 2);
}

fn terminated(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let long = ["--lease", "60"];
    let first = crossing.leader(&[&["--identity", "first"], long.as_slice()].concat());
    let second = crossing.member(&[&["--identity", "second"], long.as_slice()].concat());
    assert!(!leads(&second));
    let begun = Instant::now();
    assert!(first.terminate().success());
    let held = holder(&crossing);
    assert!(held.is_empty() || held == "second", "the Lease is held by `{held}`");
    until_leads(&second);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(30), "it took {took:?}");
    assert_eq!(holder(&crossing), "second");
}

fn paused(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let first = crossing.leader(&["--identity", "first", "--lease", "3"]);
    let second = crossing.member(&["--identity", "second", "--lease", "3"]);
    first.sleep();
    until_leads(&second);
    first.wake();
    wait_until("the first to follow", || if leads(&first) { Err(first.log()) } else { Ok(()) });
    assert!(leads(&second));
    assert_eq!(holder(&crossing), "second");
}

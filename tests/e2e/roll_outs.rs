//! Replicas come and go, certificates and CAs change, a leader dies: while users write all the time, and none of them notices.
//!
//! `PORTCULLIS_PROOF_SECONDS` says for how long at least, and `PORTCULLIS_PROOF_WRITES` how many writes a second.

use std::{
    io::Write as _,
    thread,
    time::{Duration, Instant},
};

use crate::{
    crossing::{Crossing, leads, shared},
    objects,
    patience::wait_until,
    registration::Registration,
    replicas::{Replicas, Signer},
    sandbox::Sandbox,
    traffic::{self, Figures, Traffic},
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("roll-outs: a rolling restart of two replicas loses no call", restart).alone(),
    Case::new("roll-outs: a certificate that is swapped in its files loses no call", leaf).alone(),
    Case::new("roll-outs: a CA that is replaced, published first, loses no call", ca).alone(),
    Case::new("roll-outs: when the leader is killed grants are made all the same, and another leads", killed).alone(),
];

/// Tells what was measured, in the test's own name.
pub(crate) fn report(what: &str, figures: &impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{what}: {figures}");
}

/// For how long a proof goes on at least.
pub(crate) fn duration() -> Duration {
    Duration::from_secs(setting("PORTCULLIS_PROOF_SECONDS", 8).into())
}

pub(crate) fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|given| given.parse().ok()).unwrap_or(default)
}

/// Two replicas that are asked about every write, while there are writes.
#[track_caller]
fn under_traffic(
    sandbox: &Sandbox<'_>,
    args: &[&str],
    change: impl FnOnce(&Crossing<'_>, &mut Replicas<'_>, &mut Registration, &Signer, &Traffic),
) -> Figures {
    let (crossing, signer) = (Crossing::new(sandbox), Signer::new("first CA"));
    let mut replicas = Replicas::start(&crossing, 2, &signer, args);
    let mut registration =
        Registration::balanced(&crossing.gw, sandbox, replicas.endpoints(), &signer.pem, &traffic::hooks());
    let kubeconfig = sandbox.plane().kubeconfig("writer", Some("system:masters"));
    let traffic = Traffic::start(&crossing, &kubeconfig, setting("PORTCULLIS_PROOF_WRITES", 20));
    change(&crossing, &mut replicas, &mut registration, &signer, &traffic);
    // What breaks late is seen too.
    thread::sleep(duration().saturating_sub(traffic.elapsed()).max(Duration::from_secs(1)));
    let figures = traffic.finish();
    drop(registration);
    figures
}

fn restart(sandbox: &Sandbox<'_>) {
    let mut rolled = 0;
    let figures = under_traffic(sandbox, &[], |_, replicas, _, _, traffic| {
        while rolled == 0 || traffic.elapsed() < duration() {
            replicas.roll();
            rolled += 1;
        }
    });
    report(&format!("two replicas restarted one after the other, {rolled} times"), &figures);
    figures.lost_none();
}

fn leaf(sandbox: &Sandbox<'_>) {
    let figures = under_traffic(sandbox, &[], |_, replicas, _, signer, _| {
        replicas.renew(signer);
        // So that connections are made with the new one.
        replicas.roll();
    });
    report("another certificate by the same CA, and a rolling restart", &figures);
    figures.lost_none();
}

fn ca(sandbox: &Sandbox<'_>) {
    let figures = under_traffic(sandbox, &[], |crossing, replicas, registration, old, _| {
        let (gw, new) = (crossing.gw.as_str(), Signer::new("second CA"));
        registration.trust(gw, sandbox, &format!("{}{}", old.pem, new.pem), &traffic::hooks());
        replicas.renew(&new);
        registration.trust(gw, sandbox, &new.pem, &traffic::hooks());
    });
    report("another CA, published beside the old one before it signs", &figures);
    figures.lost_none();
}

fn killed(sandbox: &Sandbox<'_>) {
    const LEASE: u64 = 6;
    let figures = under_traffic(sandbox, &["--lease", &LEASE.to_string()], |crossing, replicas, _, _, traffic| {
        thread::sleep(Duration::from_secs(1));
        let begun = traffic.elapsed();
        let (left, killed) = replicas.kill_leader();
        let mut granted = Vec::new();
        while !left.iter().any(|replica| leads(replica)) {
            let took = killed.elapsed();
            assert!(took < Duration::from_secs(LEASE + 10), "nobody leads {took:?} after the leader was killed");
            granted.push(grant_one(crossing, granted.len(), killed));
            thread::sleep(Duration::from_millis(200));
        }
        let (took, count) = (killed.elapsed(), granted.len());
        granted.push(grant_one(crossing, count, killed));
        report(
            &format!(
                "the leader was killed {:.1} s after the first write, with a lease of {LEASE} s",
                begun.as_secs_f64()
            ),
            &format!(
                "another led {:.1} s later, and {count} grants were made in between, at {granted:.1?}",
                took.as_secs_f64()
            ),
        );
        assert!(count > 0, "no grant was made while nobody led");
    });
    report("one of two replicas killed", &figures);
    // Until nobody sends anything there any more, calls are lost: a process that is dead answers none.
    let mixed = figures.failed.iter().find(|(_, why)| !why.contains("failed calling webhook"));
    assert!(mixed.is_none(), "{mixed:?}");
    let (first, last) = (figures.failed.first(), figures.failed.last());
    if let (Some((first, _)), Some((last, _))) = (first, last) {
        report(
            "the first and the last write that failed",
            &format!("{:.1} s apart", last.saturating_sub(*first).as_secs_f64()),
        );
    }
}

/// A collector that is shared, and an object that needs a grant for it: how long after the kill it was stored.
#[track_caller]
fn grant_one(crossing: &Crossing<'_>, number: usize, killed: Instant) -> Duration {
    let name = format!("later-{number}");
    crossing.kubectl.run_with(&["create", "-f", "-"], &shared(&crossing.obs, &name)).succeeds();
    let policy = objects::listener_policy(&crossing.gw, &name, &crossing.reference(&name));
    wait_until("the object to be stored", || {
        let said = crossing.kubectl.try_apply(&policy);
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
    let for_it = |grant: &serde_json::Value| grant["spec"]["to"][0]["name"] == name.as_str();
    assert!(crossing.grants().iter().any(for_it), "there is no grant for {name}");
    killed.elapsed()
}

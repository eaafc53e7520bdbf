//! All that keeps itself in order, at once: the registration, certificates of our own making and their CA, replicas that come
//! and go, while users write all the time.

use std::collections::BTreeSet;

use crate::{
    crossing::Crossing,
    registering::Configurations,
    replicas::Replicas,
    roll_outs::{duration, report, setting},
    sandbox::Sandbox,
    traffic::Traffic,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[Case::new(
    "upkeep: leaves, CAs, replicas and settings change under load without one lost call",
    everything_changes,
)
.alone()
.long()];

/// Its entries have the product's own timeout of 3 seconds: on a busy machine that is a bound on its speed, so this is a proof
/// to be run on its own (`PORTCULLIS_PROOF_SECONDS`, `PORTCULLIS_PROOF_WRITES`).
fn everything_changes(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    let lasting = ["--tls-ca-lifetime", "60", "--tls-leaf-lifetime", "20", "--probe-every", "2"];
    let args = [&lasting[..], &["--webhook-configuration", &configurations.name]].concat();
    let mut replicas = Replicas::start_alone(&crossing, 2, &args);
    configurations.until_fails("Fail");

    let kubeconfig = sandbox.plane().kubeconfig("writer", Some("system:masters"));
    let traffic = Traffic::start(&crossing, &kubeconfig, setting("PORTCULLIS_PROOF_WRITES", 20));
    let mut settings = 0;
    let mut bundles = BTreeSet::new();
    while settings == 0 || traffic.elapsed() < duration() {
        settings += 1;
        replicas.change(&["--control-plane", if settings % 2 == 0 { "kgateway=2.4" } else { "kgateway=2.3" }]);
        let entry = configurations.until_fails("Fail");
        bundles.insert(entry["clientConfig"]["caBundle"].to_string());
    }
    let figures = traffic.finish();
    let bundles = bundles.len();
    report(
        &format!("settings changed {settings} times, each by a rolling restart, with {bundles} CA bundles"),
        &figures,
    );
    figures.lost_none();
    assert!(bundles > 1, "the CA did not change in {:?}: let it take longer", duration());
}

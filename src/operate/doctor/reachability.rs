//! Whether the API server reaches us, as it says itself.

use crate::operate::{
    doctor::{Remark, Setup, deployed, deployed::Deployed, facts::Facts, registration},
    probe::{ENTRY, Reached},
};

pub(super) fn judge(setup: &Setup, facts: &Facts) -> Vec<Remark> {
    let name = deployed::ours(setup, facts).map_or("portcullis", Deployed::name);
    let why = "what fails closed is refused while nobody answers, and the rest is not judged";
    if facts.reached == Reached::NotAsked
        && (registration::is_switched_off(setup, facts) || registration::is_missing(setup, facts))
    {
        return vec![Remark::note("the API server asks nobody: see `registration`")];
    }
    vec![match &facts.reached {
        Reached::Yes => Remark::ok("the API server asks us, and does as we say"),
        Reached::NotAsked => Remark::problem(format!("the API server asked nobody: `{ENTRY}` is not in force"))
            .at(format!("ValidatingWebhookConfiguration {}", setup.webhook_configuration))
            .because("without it nothing shows that the API server reaches us, and no entry fails closed")
            .repair(registration::write_again(setup, facts)),
        Reached::No(said) => Remark::problem(format!("the API server does not reach us: {said}"))
            .because(why)
            .repair(repair(setup, name, said)),
        Reached::Unknown(said) => Remark::unknown("whether the API server reaches us is not known", said),
    }]
}

/// What to look at first, by what the API server says: nothing that it tried has been told to us.
fn repair(setup: &Setup, name: &str, said: &str) -> String {
    let Setup { own_namespace, service, .. } = setup;
    if said.contains("x509") || said.contains("certificate") {
        return format!("kubectl rollout restart --namespace {own_namespace} deployment/{name}");
    }
    if said.contains("no endpoints") || said.contains("connection refused") {
        return format!("kubectl rollout status --namespace {own_namespace} deployment/{name} --timeout=60s");
    }
    if said.contains("deadline exceeded") || said.contains("timeout") || said.contains("i/o timeout") {
        return format!("kubectl get networkpolicies,services,endpointslices --namespace {own_namespace}");
    }
    format!("kubectl get endpointslices --namespace {own_namespace} --selector kubernetes.io/service-name={service}")
}

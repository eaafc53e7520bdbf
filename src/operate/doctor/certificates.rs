//! Whether the API server can believe what is served, and for how long.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::Value;

use crate::{
    operate::{
        doctor::{
            Remark, Setup,
            deployed::{self, restart},
            facts::Facts,
            quoted, registration, text,
            webhooks::{self, Entry},
        },
        probe::Reached,
    },
    tls::{
        self,
        bundle::Bundle,
        x509::{self, Facts as Certificate},
    },
};

/// What cert-manager's cainjector goes by.
const INJECTED: &str = "cert-manager.io/inject-ca-from";

const EXPIRED: &str = "the API server does not believe it: what fails closed is refused, and the rest is not judged";

pub(super) fn judge(setup: &Setup, facts: &Facts) -> Vec<Remark> {
    let entries = webhooks::ours(setup, facts);
    let mut remarks: Vec<_> = entries.iter().filter_map(|entry| bundled(setup, facts, *entry)).collect();
    let bundles: BTreeSet<String> = entries.iter().filter_map(|entry| bundle(*entry)).collect();
    for bundle in &bundles {
        remarks.extend(authorities(setup, facts, bundle));
    }
    let place = format!("Secret {}/{}", setup.own_namespace, setup.tls_secret);
    match &facts.secret {
        Err(why) => remarks.push(unseen(facts, "which certificate is served is not known", why).at(place)),
        Ok(None) => remarks.push(absent(setup, facts).at(place)),
        Ok(Some(secret)) => {
            let chain = chain(secret, "/data/tls.crt");
            let Some(leaf) = chain.first() else {
                remarks.push(
                    Remark::problem("there is no certificate in it")
                        .at(place)
                        .because(kept(setup, facts, secret, "no replica is ready before there is one"))
                        .repair(renew(setup, facts, secret)),
                );
                return remarks;
            };
            remarks.extend(served(setup, facts, secret, leaf).into_iter().map(|remark| remark.at(&place)));
            for entry in &entries {
                remarks.extend(believed(setup, facts, *entry, &chain));
            }
        }
    }
    remarks
}

/// Where a probe came through, what cannot be seen has been seen to be right.
fn unseen(facts: &Facts, what: &str, why: &str) -> Remark {
    if facts.reached == Reached::Yes {
        Remark::ok("the API server believes what is served: a probe came through")
    } else {
        Remark::unknown(what, why)
    }
}

fn absent(setup: &Setup, facts: &Facts) -> Remark {
    if !deployed::makes_certificates(setup, facts) {
        return unseen(facts, "which certificate is served is not known", "it is not kept in this Secret");
    }
    let Setup { own_namespace, tls_secret, .. } = setup;
    Remark::problem("it does not exist")
        .because("certificates are kept in it, and it is only ever filled where it exists")
        .repair(format!("kubectl create secret generic {tls_secret} --namespace {own_namespace}"))
}

fn bundled(setup: &Setup, facts: &Facts, entry: Entry<'_>) -> Option<Remark> {
    if bundle(entry).is_some() || entry.value.pointer("/clientConfig/service").is_none() {
        return None;
    }
    let annotations = entry.configuration.pointer("/metadata/annotations");
    let injected = annotations.and_then(|annotations| annotations.get(INJECTED)).and_then(Value::as_str);
    let remark = Remark::problem(format!("`{}` has no `caBundle`", entry.name())).at(entry.place()).because(EXPIRED);
    Some(match injected {
        Some(from) => {
            let (namespace, certificate) = from.split_once('/').unwrap_or((&setup.own_namespace, from));
            remark.repair(format!("kubectl describe certificate {certificate} --namespace {namespace}"))
        }
        None => remark.repair(registration::write_again(setup, facts)),
    })
}

/// The CAs that an entry believes, as PEM.
fn bundle(entry: Entry<'_>) -> Option<String> {
    decoded(entry.value, "/clientConfig/caBundle").filter(|bundle| !bundle.trim().is_empty())
}

fn authorities(setup: &Setup, facts: &Facts, bundle: &str) -> Vec<Remark> {
    let place = format!("caBundle of {}", setup.webhook_configuration);
    let (bundle, _) = Bundle::read(bundle);
    if bundle.is_empty() {
        return vec![
            Remark::problem("no certificate can be read in it")
                .at(place)
                .because(EXPIRED)
                .repair(registration::write_again(setup, facts)),
        ];
    }
    // A CA that is leaving may expire there: one that is believed is enough.
    let last = bundle.authorities().iter().max_by_key(|ca| ca.facts.not_after);
    last.map(|ca| lasting("the CA", &ca.facts, facts.now, &registration::write_again(setup, facts)).at(place))
        .into_iter()
        .collect()
}

fn served(setup: &Setup, facts: &Facts, secret: &Value, leaf: &CertificateDer<'static>) -> Vec<Remark> {
    let repair = renew(setup, facts, secret);
    let mut remarks = Vec::new();
    if let Some(certificate) = x509::read(leaf) {
        remarks.push(lasting("the certificate", &certificate, facts.now, &repair));
    }
    for wanted in deployed::names(setup, facts) {
        remarks.push(if tls::is_for(leaf, std::slice::from_ref(&wanted)).is_ok() {
            Remark::ok(format!("it is for `{wanted}`"))
        } else {
            Remark::problem(format!("it is not for `{wanted}`"))
                .because(kept(setup, facts, secret, EXPIRED))
                .repair(&repair)
        });
    }
    remarks
}

/// What follows, and whose business it is.
fn kept(setup: &Setup, facts: &Facts, secret: &Value, follows: &str) -> String {
    let who = match certificate_of(secret) {
        _ if deployed::makes_certificates(setup, facts) => "who leads makes what is in this Secret".to_owned(),
        Some(certificate) => format!("cert-manager fills this Secret, for the Certificate `{certificate}`"),
        None => "somebody else than Portcullis fills this Secret, and must renew what is in it".to_owned(),
    };
    format!("{follows}; {who}")
}

/// Who leads makes what is not right anew; what others keep is shown, and theirs to mend.
fn renew(setup: &Setup, facts: &Facts, secret: &Value) -> String {
    let Setup { own_namespace, tls_secret, webhook_configuration, .. } = setup;
    match certificate_of(secret) {
        _ if deployed::makes_certificates(setup, facts) => restart(setup, facts),
        Some(certificate) => format!("kubectl describe certificate {certificate} --namespace {own_namespace}"),
        None => {
            let names: String =
                deployed::names(setup, facts).iter().map(|name| format!(" --name {}", quoted(name))).collect();
            format!(
                "portcullis certs show --own-namespace {own_namespace} --tls-secret {tls_secret} --webhook-configuration {webhook_configuration}{names}"
            )
        }
    }
}

/// What cert-manager calls its Certificate.
fn certificate_of(secret: &Value) -> Option<&str> {
    let annotations = secret.pointer("/metadata/annotations")?;
    annotations.get("cert-manager.io/certificate-name")?.as_str()
}

fn believed(setup: &Setup, facts: &Facts, entry: Entry<'_>, chain: &[CertificateDer<'static>]) -> Option<Remark> {
    let (cas, _) = Bundle::read(&bundle(entry)?);
    let why = cas.believes(chain, facts.now).err()?;
    let remark =
        Remark::problem(format!("by the `caBundle` of `{}` the certificate is not believed: {why}", entry.name()));
    Some(remark.at(entry.place()).because(EXPIRED).repair(registration::write_again(setup, facts)))
}

/// How long something lasts: it is renewed early, so that little time left means that nobody renews it.
fn lasting(what: &str, certificate: &Certificate, now: Timestamp, repair: &str) -> Remark {
    let Certificate { not_before, not_after, .. } = *certificate;
    let left = not_after.as_second().saturating_sub(now.as_second());
    let whole = not_after.as_second().saturating_sub(not_before.as_second());
    if left <= 0 {
        return Remark::problem(format!("{what} expired at {not_after}")).because(EXPIRED).repair(repair);
    }
    if now < not_before {
        return Remark::problem(format!("{what} is not valid before {not_before}")).because(EXPIRED).repair(repair);
    }
    let said = format!("{what} is valid for {} more, until {not_after}", span(left));
    if left < whole / 6 {
        return Remark::problem(said)
            .because("it should have been renewed: nobody does, or nobody could")
            .repair(repair);
    }
    Remark::ok(said)
}

fn span(seconds: i64) -> String {
    let (number, unit) = match seconds {
        172_800.. => (seconds / 86_400, "days"),
        7_200.. => (seconds / 3_600, "hours"),
        120.. => (seconds / 60, "minutes"),
        _ => (seconds, "seconds"),
    };
    format!("{number} {unit}")
}

fn chain(secret: &Value, pointer: &str) -> Vec<CertificateDer<'static>> {
    certificates(&decoded(secret, pointer).unwrap_or_default())
}

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok).collect()
}

/// The text that a field holds in base64.
fn decoded(object: &Value, pointer: &str) -> Option<String> {
    let field = Value::from(text(object, pointer));
    let bytes: ByteString = serde_json::from_value(field).ok()?;
    String::from_utf8(bytes.0).ok()
}

use std::fs;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;

use super::*;

fn pem(names: &[&str], from: (i32, u8, u8), to: (i32, u8, u8)) -> (Vec<u8>, Vec<u8>) {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
    params.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem().into(), key.serialize_pem().into())
}

fn lasting_pem(name: &str) -> (Vec<u8>, Vec<u8>) {
    pem(&[name], (2020, 1, 1), (2090, 1, 1))
}

#[test]
fn takes_a_pair_and_knows_when_it_ends() {
    let now = "2026-05-01T00:00:00Z".parse().unwrap();
    let (cert, key) = pem(&["a.test"], (2026, 4, 1), (2060, 7, 1));
    let pair = load_pair(&cert, &key, now).unwrap();
    assert_eq!(pair.not_before, "2026-04-01T00:00:00Z".parse().unwrap());
    assert_eq!(pair.not_after, "2060-07-01T00:00:00Z".parse().unwrap());
}

#[test]
fn says_why_it_takes_no_other() {
    let now: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
    let (cert, key) = lasting_pem("a.test");
    let (_, other) = lasting_pem("a.test");
    let (early, early_key) = pem(&["a.test"], (2026, 5, 2), (2027, 1, 1));
    let (late, late_key) = pem(&["a.test"], (2025, 1, 1), (2026, 4, 30));
    let cases: [(&[u8], &[u8], &str); 8] = [
        (&cert, &other, "the private key is not that of the first certificate"),
        (&early, &early_key, "the certificate is not valid before 2026-05-02T00:00:00Z"),
        (&late, &late_key, "the certificate expired at 2026-04-30T00:00:00Z"),
        (b"", &key, "there is no certificate"),
        (&key, &key, "there is no certificate"),
        (&cert, b"", "the private key is not PEM: no items found"),
        (b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n", &key, "the certificate is not PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key, "the certificate cannot be read"),
    ];
    for (cert, key, why) in cases {
        let error = load_pair(cert, key, now).unwrap_err().to_string();
        assert!(error.starts_with(why), "{error}");
    }
}

#[tokio::test]
async fn makes_its_own_for_the_names_given() {
    let source = CertSource::SelfSigned { names: vec!["portcullis.guard.svc".into()] };
    let opened = source.open().await.unwrap();
    assert!(opened.ca.unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    let pair = opened.resolver.current().unwrap();
    assert!(pair.not_before < Timestamp::now() && pair.not_after > Timestamp::now());
    let bad = CertSource::SelfSigned { names: vec!["ü.test".into()] };
    assert!(bad.open().await.unwrap_err().to_string().starts_with("cannot make a certificate"));
}

/// As the kubelet does it: a new folder, and `..data` turned to it at once.
fn mount(dir: &Path, version: &str, pair: &(Vec<u8>, Vec<u8>)) {
    let folder = dir.join(version);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("tls.crt"), &pair.0).unwrap();
    fs::write(folder.join("tls.key"), &pair.1).unwrap();
    let link = dir.join("..data_tmp");
    std::os::unix::fs::symlink(version, &link).unwrap();
    fs::rename(&link, dir.join("..data")).unwrap();
}

/// The certificate that is served.
fn served(resolver: &Resolver) -> CertificateDer<'static> {
    resolver.current().unwrap().end_entity().unwrap()
}

fn why(looked: Result<Option<Taken>, Refused>) -> String {
    match looked {
        Err(Refused::Because(error)) => format!("{} ({})", error, error.reason()),
        other => panic!("{other:?}"),
    }
}

fn is_as_before(looked: Result<Option<Taken>, Refused>) -> bool {
    matches!(looked, Err(Refused::Again))
}

#[tokio::test]
async fn follows_the_files_and_keeps_what_it_has_until_they_are_right() {
    let dir = tempfile::tempdir().unwrap();
    mount(dir.path(), "..1", &lasting_pem("one.test"));
    for name in ["tls.crt", "tls.key"] {
        std::os::unix::fs::symlink(format!("..data/{name}"), dir.path().join(name)).unwrap();
    }
    let source = CertSource::Files(files(dir.path(), &[]));
    let Opened { resolver, followed, .. } = source.open().await.unwrap();
    let mut followed = followed.unwrap();
    let first = served(&resolver);
    assert!(matches!(followed.look(&resolver).await, Ok(None)));

    let (cert, _) = lasting_pem("two.test");
    let (_, key) = lasting_pem("three.test");
    mount(dir.path(), "..2", &(cert, key));
    let problem = why(followed.look(&resolver).await);
    assert!(problem.contains("tls.crt`") && problem.contains("not that of the first"), "{problem}");
    assert!(problem.ends_with("(mismatch)"), "{problem}");
    assert!(is_as_before(followed.look(&resolver).await));
    assert_eq!(served(&resolver), first);

    fs::remove_file(dir.path().join("..data")).unwrap();
    assert!(why(followed.look(&resolver).await).starts_with("cannot read `"));
    assert!(is_as_before(followed.look(&resolver).await));
    assert_eq!(served(&resolver), first);

    mount(dir.path(), "..3", &lasting_pem("four.test"));
    assert!(matches!(followed.look(&resolver).await, Ok(Some(Taken { bundle: None }))));
    assert_ne!(served(&resolver), first);
    assert!(matches!(followed.look(&resolver).await, Ok(None)));

    fs::write(dir.path().join("tls.key"), &lasting_pem("four.test").1).unwrap();
    assert!(why(followed.look(&resolver).await).ends_with("(mismatch)"));
    assert!(is_as_before(followed.look(&resolver).await), "the certificate is the one served, its key is not");
}

fn files(dir: &Path, names: &[&str]) -> Files {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Files { cert: dir.join("tls.crt"), key: dir.join("tls.key"), ca: None, names }
}

#[tokio::test]
async fn begins_with_nothing_but_a_good_pair() {
    let dir = tempfile::tempdir().unwrap();
    let source = CertSource::Files(files(dir.path(), &[]));
    assert!(source.open().await.unwrap_err().to_string().starts_with("cannot read `"));
}

/// Writes `ca.crt`, `tls.crt` and `tls.key`.
fn write(dir: &Path, ca: &made::Made, leaf: &made::Made) {
    for (name, text) in [("ca.crt", &ca.cert), ("tls.crt", &leaf.cert), ("tls.key", &leaf.key)] {
        fs::write(dir.join(name), text).unwrap();
    }
}

#[tokio::test]
async fn takes_none_that_callers_would_not_believe() {
    let now = Timestamp::now();
    let dir = tempfile::tempdir().unwrap();
    let name = "portcullis.guard.svc".to_owned();
    let ca = made::ca("one", now, made::days(2)).unwrap();
    let leaf = made::leaf(&ca, std::slice::from_ref(&name), now, made::days(1)).unwrap();
    write(dir.path(), &ca, &leaf);
    let with_ca = Files { ca: Some(dir.path().join("ca.crt")), ..files(dir.path(), &[&name]) };
    let elsewhere = Files { names: vec!["portcullis.other.svc".to_owned()], ..with_ca.clone() };
    let refused = CertSource::Files(elsewhere).open().await.unwrap_err();
    assert_eq!(refused.reason(), "name");
    let words = refused.to_string();
    assert!(
        words.ends_with("is not for `portcullis.other.svc`, which callers ask for, but for `portcullis.guard.svc`"),
        "{words}"
    );

    let opened = CertSource::Files(with_ca).open().await.unwrap();
    assert_eq!(opened.ca.as_deref(), Some(ca.cert.as_str()));
    let (resolver, mut followed) = (opened.resolver, opened.followed.unwrap());
    let first = served(&resolver);

    let other = made::ca("two", now, made::days(2)).unwrap();
    let by_other = made::leaf(&other, std::slice::from_ref(&name), now, made::days(1)).unwrap();
    for (ca, leaf, reason) in [
        (&ca.cert, &by_other, "(ca)"),
        (&other.cert, &leaf, "(ca)"),
        (&String::new(), &by_other, "(ca)"),
        (&ca.cert, &made::leaf(&ca, &["a.test".to_owned()], now, made::days(1)).unwrap(), "(name)"),
    ] {
        write(dir.path(), &made::Made { cert: ca.clone(), key: String::new() }, leaf);
        let problem = why(followed.look(&resolver).await);
        assert!(problem.ends_with(reason), "{problem}");
        assert_eq!(served(&resolver), first);
    }
    // Both CAs, as in a rotation.
    let both = made::Made { cert: format!("{}{}", other.cert, ca.cert), key: String::new() };
    write(dir.path(), &both, &by_other);
    let bundle = followed.look(&resolver).await.unwrap().unwrap().bundle.unwrap();
    assert_eq!(bundle, both.cert);
    assert_ne!(served(&resolver), first);
}

use std::fs;

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
    let pair = opened.resolver.current();
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

#[tokio::test]
async fn follows_the_files_and_keeps_what_it_has_until_they_are_right() {
    let dir = tempfile::tempdir().unwrap();
    mount(dir.path(), "..1", &lasting_pem("one.test"));
    for name in ["tls.crt", "tls.key"] {
        std::os::unix::fs::symlink(format!("..data/{name}"), dir.path().join(name)).unwrap();
    }
    let source = CertSource::Files { cert: dir.path().join("tls.crt"), key: dir.path().join("tls.key") };
    let Opened { resolver, files, .. } = source.open().await.unwrap();
    let mut files = files.unwrap();
    let first = resolver.current().key.cert.clone();
    assert_eq!(files.look(&resolver).await, Ok(()));

    let (cert, _) = lasting_pem("two.test");
    let (_, key) = lasting_pem("three.test");
    mount(dir.path(), "..2", &(cert, key));
    let problem = files.look(&resolver).await.unwrap_err().unwrap();
    assert!(problem.contains("tls.crt`") && problem.contains("not that of the first"), "{problem}");
    assert_eq!(files.look(&resolver).await, Err(None));
    assert_eq!(resolver.current().key.cert, first);

    fs::remove_file(dir.path().join("..data")).unwrap();
    assert!(files.look(&resolver).await.unwrap_err().unwrap().starts_with("cannot read `"));
    assert_eq!(files.look(&resolver).await, Err(None));
    assert_eq!(resolver.current().key.cert, first);

    mount(dir.path(), "..3", &lasting_pem("four.test"));
    assert_eq!(files.look(&resolver).await, Ok(()));
    assert_ne!(resolver.current().key.cert, first);
    assert_eq!(files.look(&resolver).await, Ok(()));

    fs::write(dir.path().join("tls.key"), &lasting_pem("four.test").1).unwrap();
    assert!(files.look(&resolver).await.unwrap_err().is_some());
    assert_eq!(files.look(&resolver).await, Err(None), "the certificate is the one served, its key is not");
}

#[tokio::test]
async fn begins_with_nothing_but_a_good_pair() {
    let dir = tempfile::tempdir().unwrap();
    let source = CertSource::Files { cert: dir.path().join("tls.crt"), key: dir.path().join("tls.key") };
    assert!(source.open().await.unwrap_err().to_string().starts_with("cannot read `"));
}

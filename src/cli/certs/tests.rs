use super::*;

fn made_in(folder: &Path, days: u64) -> Result<Vec<PathBuf>, String> {
    let args = MakeArgs { out: folder.to_owned(), name: vec!["portcullis.guard.svc".to_owned()], days };
    make(&args, "2026-05-01T00:00:00Z".parse().unwrap())
}

fn show(folder: &Path, names: &[&str], at: &str) -> (String, usize) {
    let shown = Shown {
        title: "here".to_owned(),
        cert: read(&folder.join("tls.crt")).unwrap(),
        key: Some(read(&folder.join("tls.key")).unwrap()),
        authorities: Some(read(&folder.join("ca.crt")).unwrap()),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Shown::default()
    };
    shown.text(at.parse().unwrap())
}

#[test]
fn what_is_made_is_shown_and_fits() {
    let folder = tempfile::tempdir().unwrap();
    let paths = made_in(&folder.path().join("new"), 30).unwrap();
    assert_eq!(paths.len(), 4);
    let folder = folder.path().join("new");
    for (name, mode) in [("ca.key", 0o600), ("tls.key", 0o600)] {
        let is = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder.join(name)).unwrap().permissions());
        assert_eq!(is & 0o777, mode, "{name}");
    }
    let (text, problems) = show(&folder, &["portcullis.guard.svc"], "2026-05-02T00:00:00Z");
    let expected = "\
here
  certificate  CN=portcullis, signed by CN=portcullis CA
    for        portcullis.guard.svc
    valid      2026-04-30T23:00:00Z to 2026-05-31T00:00:00Z, 29 days left
  CA           CN=portcullis CA
    valid      2026-04-30T23:00:00Z to 2026-05-31T00:00:00Z, 29 days left
";
    assert_eq!((text.as_str(), problems), (expected, 0));

    let again = made_in(&folder, 30).unwrap_err();
    assert!(again.contains("ca.crt` exists, and no file is overwritten"), "{again}");
    let (text, problems) = show(&folder, &["other.svc"], "2026-05-02T00:00:00Z");
    assert!(text.contains("problem: the certificate is not for `other.svc`") && problems == 1, "{text}");
    let (text, problems) = show(&folder, &["portcullis.guard.svc"], "2026-07-02T00:00:00Z");
    assert!(text.contains("expired 32 days ago") && text.contains("problem: the certificate expired at"), "{text}");
    assert_eq!(problems, 1);

    let other = tempfile::tempdir().unwrap();
    made_in(other.path(), 30).unwrap();
    for (file, problem) in
        [("tls.key", "is not that of the first certificate"), ("ca.crt", "no CA that is shown has signed")]
    {
        let before = fs::read(folder.join(file)).unwrap();
        fs::copy(other.path().join(file), folder.join(file)).unwrap();
        let (text, problems) = show(&folder, &[], "2026-05-02T00:00:00Z");
        assert!(text.contains(problem) && problems == 1, "{text}");
        fs::write(folder.join(file), before).unwrap();
    }
}

#[test]
fn a_name_that_no_certificate_can_be_for_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let args = MakeArgs { out: folder.path().to_owned(), name: vec!["ü.test".to_owned()], days: 1 };
    let why = make(&args, "2026-05-01T00:00:00Z".parse().unwrap()).unwrap_err();
    assert!(why.starts_with("no certificate can be made for `ü.test`"), "{why}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_registered_is_held_against_what_is_served() {
    let folder = tempfile::tempdir().unwrap();
    made_in(folder.path(), 30).unwrap();
    let file = |name: &str| read(&folder.path().join(name)).unwrap();
    let other = made::ca("other", "2026-05-01T00:00:00Z".parse().unwrap(), made::days(1)).unwrap();
    let shown = Shown {
        cert: file("tls.crt"),
        key: Some(file("tls.key")),
        authorities: Some(file("ca.crt")),
        registered: vec![
            ("fail.validate.portcullis.dev".to_owned(), file("ca.crt")),
            ("mutate.portcullis.dev".to_owned(), other.cert),
        ],
        ..Shown::default()
    };
    let (text, problems) = shown.text("2026-05-02T00:00:00Z".parse().unwrap());
    assert!(text.contains("fail.validate.portcullis.dev holds 1 of 1 CAs"), "{text}");
    assert!(text.contains("problem: `mutate.portcullis.dev` does not believe the certificate"), "{text}");
    assert_eq!(problems, 1);
}

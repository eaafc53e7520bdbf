//! Certificates of our own making, in a real Secret: who leads makes them, all serve them, and nothing that happens to them is
//! noticed by who calls.

use std::{
    io::Read as _,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use ::portcullis::tls::made;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};

use crate::{
    cluster,
    crossing::{leads, metric, until_leads},
    kubectl::Kubectl,
    patience::wait_until,
    portcullis::Portcullis,
    registration::rule,
    sandbox::{LABEL, Sandbox},
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("certificates: of an empty Secret one makes what both serve", first_install),
    Case::new("certificates: without the Secret it says so, and what was served is served on when it goes", absent),
    Case::new("certificates: without the right to read the Secret it says so, and is not ready", forbidden),
    Case::new("certificates: files that are not there yet are waited for", awaited),
    Case::new("certificates: garbage in the Secret is mended, and nobody who calls notices", garbage),
    Case::new("certificates: when the leader is killed another renews", killed),
    Case::new("certificates: leaf and CA change under load without one error", rotated),
    Case::new("certificates: two-minute certificates for ten minutes under load without one error", two_minutes).long(),
];

pub(crate) const SECRET: &str = "portcullis-tls";

/// Where portcullis would be installed.
struct Home<'a> {
    sandbox: &'a Sandbox<'a>,
    kubectl: Kubectl,
    namespace: String,
    cluster_ip: String,
}

// === impl Home ===

impl<'a> Home<'a> {
    fn new(sandbox: &'a Sandbox<'a>) -> Self {
        let namespace = sandbox.namespace("home", &[]);
        let kubectl = sandbox.kubectl();
        kubectl.apply(&rights(&namespace));
        kubectl.run(&["create", "service", "clusterip", "portcullis", "--tcp=443", "-n", &namespace]).succeeds();
        let service = kubectl.get_json(&["service", "portcullis", "-n", &namespace]);
        let cluster_ip = service["spec"]["clusterIP"].as_str().expect("a cluster IP").to_owned();
        Self { sandbox, kubectl, namespace, cluster_ip }
    }

    /// With a Secret as the chart makes it.
    fn with_secret(sandbox: &'a Sandbox<'a>) -> Self {
        let home = Self::new(sandbox);
        home.make_secret();
        home
    }

    fn make_secret(&self) {
        self.kubectl.run(&["create", "secret", "generic", SECRET, "-n", &self.namespace]).succeeds();
    }

    /// A process that may not be ready yet.
    fn start(&self, identity: &str, args: &[&str]) -> Portcullis {
        let ours = ["--own-namespace", &self.namespace, "--tls-secret", SECRET, "--identity", identity];
        cluster::start_with(self.sandbox, &[ours.as_slice(), args].concat())
    }

    fn member(&self, identity: &str, args: &[&str]) -> Portcullis {
        let portcullis = self.start(identity, args);
        portcullis.wait_until_ready();
        portcullis
    }

    /// Two that are ready; the first leads.
    fn two(&self, args: &[&str]) -> (Portcullis, Portcullis) {
        let first = self.member("first", args);
        until_leads(&first);
        (first, self.member("second", args))
    }

    /// A value of the Secret as text; empty where there is none.
    fn held(&self, key: &str) -> String {
        let template = format!("go-template={{{{with index .data \"{key}\"}}}}{{{{base64decode .}}}}{{{{end}}}}");
        self.kubectl.run(&["get", "secret", SECRET, "-n", &self.namespace, "-o", &template]).out
    }

    fn overwrite(&self, values: &Value) {
        let patch = json!({ "stringData": values }).to_string();
        self.kubectl.run(&["patch", "secret", SECRET, "-n", &self.namespace, "--type=merge", "-p", &patch]).succeeds();
    }

    /// Tells the API server to believe these CAs, and to call this process by its Service.
    fn register(&self, bundle: &str, portcullis: &Portcullis) {
        self.sandbox.plane().route(&self.cluster_ip, 443, portcullis.address());
        let secret = self.kubectl.get_json(&["secret", SECRET, "-n", &self.namespace]);
        assert!(!bundle.is_empty());
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": { "name": self.configuration() },
            "webhooks": [{
                "name": "certificates.e2e.portcullis.dev",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {
                    "service": { "namespace": self.namespace, "name": "portcullis", "path": "/validate/ignore" },
                    "caBundle": secret["data"]["ca.crt"],
                },
                "rules": [rule("", &["configmaps"], &["CREATE"])],
                "namespaceSelector": { "matchLabels": { LABEL: self.sandbox.id() } },
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "timeoutSeconds": 10,
            }],
        });
        self.kubectl.apply(&configuration.to_string());
    }

    fn configuration(&self) -> String {
        format!("certificates-{}", self.sandbox.id())
    }

    fn name(&self) -> String {
        format!("portcullis.{}.svc", self.namespace)
    }

    /// What this process shows to who believes these CAs.
    fn shown(&self, portcullis: &Portcullis, bundle: &str) -> Result<CertificateDer<'static>, String> {
        handshake(portcullis.address(), bundle, &self.name())
    }

    /// Writes through the API server and shakes hands with these processes, again and again.
    fn load(&self, members: &[&Portcullis]) -> Load {
        let bundle = self.held("ca.crt");
        self.register(&bundle, members[0]);
        Load::start(self, members.iter().map(|member| member.address()).collect(), bundle)
    }
}

impl Drop for Home<'_> {
    fn drop(&mut self) {
        let name = self.configuration();
        self.kubectl.run(&["delete", "validatingwebhookconfiguration", &name, "--ignore-not-found"]);
    }
}

/// Callers that believe what was last registered.
struct Load {
    bundle: Arc<Mutex<String>>,
    ends: Arc<AtomicBool>,
    callers: Vec<JoinHandle<(usize, Vec<String>)>>,
}

// === impl Load ===

impl Load {
    fn start(home: &Home<'_>, members: Vec<SocketAddr>, bundle: String) -> Self {
        let (bundle, ends) = (Arc::new(Mutex::new(bundle)), Arc::new(AtomicBool::new(false)));
        let (name, known) = (home.name(), Arc::clone(&bundle));
        let shakes = move || {
            members.iter().try_for_each(|address| {
                let bundle = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
                handshake(*address, &bundle, &name).map(drop)
            })
        };
        let (kubectl, namespace) = (home.kubectl.clone(), home.namespace.clone());
        let writes = move || {
            let args = ["create", "configmap", "written", "--dry-run=server", "-n", &namespace];
            let said = kubectl.run(&args);
            if said.ok { Ok(()) } else { Err(said.all()) }
        };
        let callers = vec![again_and_again(Arc::clone(&ends), shakes), again_and_again(Arc::clone(&ends), writes)];
        Self { bundle, ends, callers }
    }

    /// As a registrar does: copies what the Secret says to believe.
    fn register(&self, home: &Home<'_>, member: &Portcullis) {
        let bundle = home.held("ca.crt");
        home.register(&bundle, member);
        *self.bundle.lock().unwrap_or_else(PoisonError::into_inner) = bundle;
    }

    fn registered(&self) -> String {
        self.bundle.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls there were, of which none failed.
    #[track_caller]
    fn end(self) -> usize {
        self.ends.store(true, Ordering::Relaxed);
        let ended = self.callers.into_iter().map(|caller| caller.join().expect("a caller ends"));
        let (calls, errors): (Vec<_>, Vec<_>) = ended.unzip();
        let errors = errors.concat();
        assert!(errors.is_empty(), "{} of {calls:?} calls failed, such as\n{}", errors.len(), errors[0]);
        assert!(calls.iter().all(|calls| *calls > 0), "{calls:?}");
        calls.iter().sum()
    }
}

fn again_and_again(
    ends: Arc<AtomicBool>,
    call: impl Fn() -> Result<(), String> + Send + 'static,
) -> JoinHandle<(usize, Vec<String>)> {
    thread::spawn(move || {
        let (mut calls, mut errors) = (0, Vec::new());
        while !ends.load(Ordering::Relaxed) {
            calls += 1;
            errors.extend(call().err());
            thread::sleep(Duration::from_millis(50));
        }
        (calls, errors)
    })
}

fn handshake(address: SocketAddr, bundle: &str, name: &str) -> Result<CertificateDer<'static>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{address}: {error}");
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(ca.map_err(|error| failed(&error))?).map_err(|error| failed(&error))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("TLS 1.2 and 1.3");
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    let mut stream = TcpStream::connect(address).map_err(|error| failed(&error))?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|error| failed(&error))?;
    }
    let shown = connection.peer_certificates().and_then(|chain| chain.first()).expect("a certificate").clone();
    connection.send_close_notify();
    let _ = connection.write_tls(&mut stream);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read(&mut [0; 512]);
    Ok(shown.into_owned())
}

/// What the chart lets our account do in our own namespace.
pub(crate) fn rights(namespace: &str) -> String {
    let metadata = json!({ "name": "portcullis", "namespace": namespace });
    let group = "rbac.authorization.k8s.io";
    let role = json!({
        "apiVersion": format!("{group}/v1"),
        "kind": "Role",
        "metadata": metadata,
        "rules": [
            { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"] },
            {
                "apiGroups": [""], "resources": ["secrets"], "resourceNames": [SECRET],
                "verbs": ["get", "list", "watch", "patch"],
            },
        ],
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"),
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": { "apiGroup": group, "kind": "Role", "name": "portcullis" },
        "subjects": [{ "apiGroup": group, "kind": "User", "name": cluster::USER }],
    });
    format!("{role}\n---\n{binding}\n")
}

fn until_shown(home: &Home<'_>, member: &Portcullis, bundle: &str, is_it: impl Fn(&CertificateDer<'_>) -> bool) {
    wait_until("another certificate to be served", || {
        let shown = home.shown(member, bundle)?;
        if is_it(&shown) { Ok(()) } else { Err(member.log()) }
    });
}

fn first_install(sandbox: &Sandbox<'_>) {
    let home = Home::with_secret(sandbox);
    let (first, second) = (home.start("first", &[]), home.start("second", &[]));
    first.wait_until_ready();
    second.wait_until_ready();
    let bundle = home.held("ca.crt");
    let shown = home.shown(&first, &bundle).expect("the first is believed");
    assert_eq!(home.shown(&second, &bundle).expect("the second is believed"), shown);
    assert!(home.held("ca.key").contains("PRIVATE KEY") && home.held("next.crt").is_empty());
    assert!(handshake(first.address(), &bundle, "localhost").is_err(), "it is for the Service alone");
    wait_until("one to lead", || if leads(&first) == leads(&second) { Err(first.log()) } else { Ok(()) });
    for member in [&first, &second] {
        assert!(metric(member, "portcullis_webhook_ca_expiry_seconds{ca=\"signing\"}") > Some(1_000_000_000));
        assert!(metric(member, "portcullis_webhook_certificate_expiry_seconds") > Some(1_000_000_000));
        assert!(!member.log().contains("PRIVATE"));
    }
    let load = home.load(&[&first, &second]);
    let reviews = "portcullis_webhook_requests_total{door=\"/validate/ignore\",outcome=\"allowed\"}";
    wait_until("the API server to call", || {
        metric(&first, reviews).filter(|calls| *calls > 2).ok_or("none".to_owned())
    });
    load.end();

    let kubeconfig = sandbox.plane().kubeconfig("admin", Some("system:masters")).display().to_string();
    let configuration = home.configuration();
    let show = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["certs", "show", "--kubeconfig", &kubeconfig, "--own-namespace", &home.namespace])
        .args(["--webhook-configuration", &configuration])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&show.stdout);
    assert!(show.status.success() && said.contains(&format!("for        {}", home.name())), "{said}");
    assert!(
        said.contains("59 days left") && said.contains("certificates.e2e.portcullis.dev holds 1 of 1 CAs"),
        "{said}"
    );
}

fn absent(sandbox: &Sandbox<'_>) {
    let home = Home::new(sandbox);
    let portcullis = home.start("only", &[]);
    wait_until("it to say what is missing", || {
        let answer = portcullis.get("/readyz")?;
        let says = answer.contains(&format!("the Secret `{SECRET}` in namespace `{}` does not exist", home.namespace));
        if says && answer.starts_with("HTTP/1.1 503") { Ok(()) } else { Err(answer) }
    });
    home.make_secret();
    portcullis.wait_until_ready();
    let bundle = home.held("ca.crt");
    let shown = home.shown(&portcullis, &bundle).expect("it is believed");

    home.kubectl.delete(&["secret", SECRET, "-n", &home.namespace]);
    portcullis.wait_until_it_says("certificate: degraded: the Secret");
    assert_eq!(home.shown(&portcullis, &bundle).as_ref(), Ok(&shown));
    home.make_secret();
    portcullis.wait_until_it_says("certificate: ready");
    // What was served is still believed; only a CA whose key is gone cannot sign any more.
    wait_until("another CA beside the old one", || {
        let held = home.held("ca.crt");
        if held.starts_with(bundle.trim()) && held.matches("BEGIN").count() == 2 { Ok(()) } else { Err(held) }
    });
    assert_eq!(home.shown(&portcullis, &bundle).as_ref(), Ok(&shown));
}

fn forbidden(sandbox: &Sandbox<'_>) {
    let home = Home::with_secret(sandbox);
    home.kubectl.delete(&["rolebinding", "portcullis", "-n", &home.namespace]);
    let member = home.start("first", &[]);
    wait_until("it to say what it may not", || {
        let answer = member.get("/readyz")?;
        let says = answer.starts_with("HTTP/1.1 503") && answer.contains("cannot list resource \"secrets\"");
        if says { Ok(()) } else { Err(answer) }
    });
    home.kubectl.apply(&rights(&home.namespace));
    member.wait_until_ready();
}

/// A pair that cannot be served is waited for: whoever leads has more to do than to serve.
fn awaited(sandbox: &Sandbox<'_>) {
    let home = Home::new(sandbox);
    cluster::ensure_installed(&home.kubectl);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key) = (file("tls.crt"), file("tls.key"));
    let made = made::ca("a CA", jiff::Timestamp::now(), made::days(1)).expect("a CA");
    let leaf = made::leaf(&made, &[home.name()], jiff::Timestamp::now(), made::days(1)).expect("a certificate");
    let member = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_secs(2));
            std::fs::write(&key, &leaf.key).expect("a key is written");
            std::fs::write(&cert, &leaf.cert).expect("a certificate is written");
        });
        // It listens when there is a certificate.
        let ours = ["--own-namespace", &home.namespace, "--tls-cert", &cert, "--tls-key", &key];
        cluster::start_with(sandbox, &ours)
    });
    member.wait_until_ready();
    assert!(member.log().contains("there is no certificate to serve: it is waited for"), "{}", member.log());
}

fn garbage(sandbox: &Sandbox<'_>) {
    let home = Home::with_secret(sandbox);
    let (first, second) = home.two(&["--tls-ca-lifetime", "600", "--tls-leaf-lifetime", "600"]);
    let load = home.load(&[&first, &second]);
    let bundle = load.registered();
    let shown = home.shown(&first, &bundle).expect("it is believed");

    home.overwrite(&json!({ "tls.crt": "garbage" }));
    for member in [&first, &second] {
        until_shown(&home, member, &bundle, |now| *now != shown);
        let refused = "portcullis_webhook_certificates_refused_total{reason=\"certificate\"}";
        assert_eq!(metric(member, refused), Some(1));
        member.wait_until_it_says("certificate: ready");
    }
    assert_eq!(home.held("ca.crt"), bundle, "the CA is good");

    home.overwrite(&json!({ "ca.crt": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n" }));
    wait_until("the CA to be written again", || {
        let held = home.held("ca.crt");
        if held == bundle { Ok(()) } else { Err(held) }
    });

    let shown = home.shown(&first, &bundle).expect("it is believed");
    home.overwrite(&json!({ "ca.key": "garbage" }));
    wait_until("another CA beside the old one", || {
        let held = home.held("ca.crt");
        if held.matches("BEGIN").count() == 2 { Ok(()) } else { Err(held) }
    });
    load.register(&home, &first);
    let both = load.registered();
    for member in [&first, &second] {
        until_shown(&home, member, &both, |now| *now != shown);
        assert!(home.shown(member, &bundle).is_err(), "it is by the other CA");
        member.wait_until_it_says("certificate: ready");
    }
    load.end();
}

fn killed(sandbox: &Sandbox<'_>) {
    let home = Home::with_secret(sandbox);
    let (first, second) = home.two(&["--tls-leaf-lifetime", "15", "--lease", "3"]);
    let bundle = home.held("ca.crt");
    let load = home.load(&[&second]);
    let shown = home.shown(&first, &bundle).expect("it is believed");
    // As `kill -9` does.
    drop(first);
    until_shown(&home, &second, &bundle, |now| *now != shown);
    assert!(leads(&second));
    assert_eq!(home.held("ca.crt"), bundle);
    load.end();
}

/// Calls while certificates change, and as a registrar copies what they say is to be believed; how many CAs and certificates
/// there were.
fn follow(
    home: &Home<'_>,
    members: [&Portcullis; 2],
    until: impl Fn(usize, Duration) -> bool,
) -> (usize, usize, usize) {
    let load = home.load(&members);
    let begun = Instant::now();
    let (mut leaves, mut authorities) = (Vec::new(), vec![home.held("ca.crt")]);
    while !until(authorities.len(), begun.elapsed()) {
        let held = home.held("ca.crt");
        if held != load.registered() {
            load.register(home, members[0]);
        }
        let leaf = home.held("tls.crt");
        if leaves.last() != Some(&leaf) {
            leaves.push(leaf);
        }
        if authorities.last() != Some(&held) {
            authorities.push(held);
        }
        assert!(begun.elapsed() < Duration::from_mins(12), "nothing changes any more: {}", members[0].log());
        thread::sleep(Duration::from_millis(100));
    }
    (leaves.len(), authorities.len(), load.end())
}

fn rotated(sandbox: &Sandbox<'_>) {
    let home = Home::with_secret(sandbox);
    let (first, second) = home.two(&["--tls-ca-lifetime", "36", "--tls-leaf-lifetime", "15"]);
    // The first alone, both, both the other way round, the second alone.
    let (leaves, _, _) = follow(&home, [&first, &second], |authorities, _| authorities >= 4);
    assert!(leaves >= 3, "{leaves} certificates");
}

fn two_minutes(sandbox: &Sandbox<'_>) {
    let home = Home::with_secret(sandbox);
    let (first, second) = home.two(&["--tls-ca-lifetime", "600", "--tls-leaf-lifetime", "120"]);
    let ten_minutes = Duration::from_mins(10);
    let (leaves, authorities, calls) = follow(&home, [&first, &second], |_, elapsed| elapsed > ten_minutes);
    assert!(leaves >= 6 && authorities >= 3, "{leaves} certificates, {authorities} bundles");
    let said = format!("{calls} calls, {leaves} certificates, {authorities} CA bundles, no error\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
}

//! Several processes behind one Service, as a Deployment keeps them: only those that are ready get what is new, and whoever
//! hears of a change hears of it late.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::{
    certificates, cluster,
    control_plane::Endpoints,
    crossing::{Crossing, leads},
    patience::wait_until,
    portcullis::Portcullis,
};

/// The replicas of one test.
pub(crate) struct Replicas<'a> {
    crossing: &'a Crossing<'a>,
    /// None where they make their certificates themselves.
    mounted: Option<Mounted>,
    own_namespace: String,
    args: Vec<String>,
    running: Arc<Mutex<Vec<Arc<Portcullis>>>>,
    endpoints: Endpoints,
    started: usize,
    stop: Arc<AtomicBool>,
    following: Option<JoinHandle<()>>,
}

/// A CA that signs serving certificates.
pub(crate) struct Signer {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A mounted Secret with a certificate and its key: files that lead through `..data`, which is swapped as kubelet does.
pub(crate) struct Mounted {
    folder: TempDir,
    written: u16,
}

/// How often it is asked who is ready: kubelet's `periodSeconds` is longer, but an end is told at once in a cluster.
const PROBE: Duration = Duration::from_millis(200);

/// From a change of who is ready to the last node that has heard of it.
const PROPAGATION: Duration = Duration::from_secs(1);

/// For how long each goes on serving when it ends, in seconds: longer than it takes until nobody sends it anything new.
const DRAIN: &str = "5";

// === impl Replicas ===

impl<'a> Replicas<'a> {
    /// So many, ready and known to be so, with a certificate by this signer.
    #[track_caller]
    pub(crate) fn start(crossing: &'a Crossing<'a>, count: usize, signer: &Signer, args: &[&str]) -> Self {
        let mut mounted = Mounted::new();
        mounted.swap(signer, &names(&crossing.gw));
        Self::of(crossing, count, Some(mounted), &crossing.gw, args)
    }

    /// The same in a namespace of their own, with certificates of their own making: there is a Secret for them, as the chart
    /// makes it, and a Service that leads to them.
    #[track_caller]
    pub(crate) fn start_alone(crossing: &'a Crossing<'a>, count: usize, args: &[&str]) -> Self {
        let (own, kubectl) = (crossing.sandbox.namespace("own", &[]), &crossing.kubectl);
        kubectl.apply(&certificates::rights(&own));
        kubectl.run(&["create", "secret", "generic", certificates::SECRET, "-n", &own]).succeeds();
        kubectl.run(&["create", "service", "clusterip", "portcullis", "--tcp=443", "-n", &own]).succeeds();
        let replicas = Self::of(crossing, count, None, &own, args);
        let service = kubectl.get_json(&["service", "portcullis", "-n", &own]);
        let cluster_ip = service["spec"]["clusterIP"].as_str().expect("a cluster IP");
        crossing.sandbox.plane().route(cluster_ip, 443, replicas.endpoints.clone());
        replicas
    }

    #[track_caller]
    fn of(
        crossing: &'a Crossing<'a>,
        count: usize,
        mounted: Option<Mounted>,
        own_namespace: &str,
        args: &[&str],
    ) -> Self {
        let running = Arc::default();
        let (endpoints, stop) = (Endpoints::default(), Arc::new(AtomicBool::default()));
        let following = follow(Arc::clone(&running), endpoints.clone(), Arc::clone(&stop));
        let mut replicas = Self {
            crossing,
            mounted,
            own_namespace: own_namespace.to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            running,
            endpoints,
            started: 0,
            stop,
            following: Some(following),
        };
        for _ in 0..count {
            replicas.surge();
        }
        thread::sleep(PROPAGATION + 2 * PROBE);
        replicas
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    pub(crate) fn running(&self) -> Vec<Arc<Portcullis>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One more, which is ready.
    #[track_caller]
    pub(crate) fn surge(&mut self) -> Arc<Portcullis> {
        self.started += 1;
        let identity = format!("replica-{}", self.started);
        let mut args = vec!["--identity", &identity, "--drain", DRAIN];
        args.extend(self.args.iter().map(String::as_str));
        let one = if let Some(mounted) = &self.mounted {
            let (cert, key) = (mounted.file("tls.crt"), mounted.file("tls.key"));
            args.extend(["--tls-cert", &cert, "--tls-key", &key]);
            self.crossing.member(&args)
        } else {
            args.extend(["--tls-secret", certificates::SECRET, "--own-namespace", &self.own_namespace]);
            cluster::serve_with(self.crossing.sandbox, &args)
        };
        let one = Arc::new(one);
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&one));
        one
    }

    /// Replaces each by one with this argument more, as after a change of the chart's values.
    #[track_caller]
    pub(crate) fn change(&mut self, arguments: &[&str]) {
        self.args.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self.roll();
    }

    /// Replaces each, as a Deployment does with `maxUnavailable: 0` and `maxSurge: 1`.
    #[track_caller]
    pub(crate) fn roll(&mut self) {
        for old in self.running() {
            self.surge();
            assert!(old.terminate().success(), "{}", old.log());
            self.forget(&old);
        }
    }

    /// Ends the one that leads as `kill -9` does; the others, and when that was.
    #[track_caller]
    pub(crate) fn kill_leader(&mut self) -> (Vec<Arc<Portcullis>>, Instant) {
        let leader = wait_until("one to lead", || {
            let leader = self.running().into_iter().find(|replica| leads(replica));
            leader.ok_or_else(|| "nobody leads".to_owned())
        });
        leader.kill();
        let killed = Instant::now();
        self.forget(&leader);
        (self.running(), killed)
    }

    /// Puts another certificate into the Secret, and waits until every replica serves it.
    #[track_caller]
    pub(crate) fn renew(&mut self, signer: &Signer) {
        let names = names(&self.crossing.gw);
        let year = self.mounted.as_mut().expect("certificates in files").swap(signer, &names);
        for replica in self.running() {
            wait_until("the new certificate to be served", || {
                let expires = replica.metric("portcullis_webhook_certificate_expiry_seconds");
                let begins = jiff::civil::date(year, 1, 1).to_zoned(jiff::tz::TimeZone::UTC).expect("a date");
                #[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
                let begins = begins.timestamp().as_second() as f64;
                if expires == Some(begins) { Ok(()) } else { Err(format!("{expires:?}, not {begins}")) }
            });
        }
    }

    fn forget(&self, gone: &Arc<Portcullis>) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).retain(|replica| !Arc::ptr_eq(replica, gone));
    }
}

impl Drop for Replicas<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(following) = self.following.take() {
            let _ = following.join();
        }
    }
}

// === impl Signer ===

impl Signer {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(Vec::new()).expect("no names");
        ca.distinguished_name.push(DnType::CommonName, name);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = ca.self_signed(&key).expect("a CA").pem();
        Self { issuer: Issuer::new(ca, key), pem }
    }
}

// === impl Mounted ===

impl Mounted {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(file), folder.path().join(file)).expect("a link");
        }
        Self { folder, written: 0 }
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Another pair for these names; the year at whose beginning it expires tells it from the others.
    pub(crate) fn swap(&mut self, signer: &Signer, names: &[String]) -> i16 {
        self.written += 1;
        let year = 2040 + i16::try_from(self.written).expect("few");
        let key = KeyPair::generate().expect("a key");
        let mut leaf = CertificateParams::new(names).expect("names");
        leaf.distinguished_name.push(DnType::CommonName, "portcullis");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.not_after = rcgen::date_time_ymd(year.into(), 1, 1);
        let certificate = leaf.signed_by(&key, &signer.issuer).expect("a certificate");
        let version = format!("..{}", self.written);
        let files = self.folder.path().join(&version);
        fs::create_dir(&files).expect("a folder");
        fs::write(files.join("tls.crt"), certificate.pem()).expect("a certificate is written");
        fs::write(files.join("tls.key"), key.serialize_pem()).expect("a key is written");
        let (next, data) = (self.folder.path().join("..data_tmp"), self.folder.path().join("..data"));
        symlink(version, &next).expect("a link");
        fs::rename(next, data).expect("the swap");
        year
    }
}

fn names(namespace: &str) -> [String; 2] {
    [format!("portcullis.{namespace}.svc"), "localhost".to_owned()]
}

/// What kubelet, the endpoints' controller and kube-proxy do together.
fn follow(running: Arc<Mutex<Vec<Arc<Portcullis>>>>, endpoints: Endpoints, stop: Arc<AtomicBool>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut under_way: Vec<(Instant, Vec<_>)> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let replicas = running.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let ready: Vec<_> = replicas.iter().filter(|one| one.is_ready()).map(|one| one.address()).collect();
            drop(replicas);
            if under_way.last().is_none_or(|(_, last)| *last != ready) {
                under_way.push((Instant::now(), ready));
            }
            let heard = under_way.iter().filter(|(at, _)| at.elapsed() >= PROPAGATION).count();
            if let Some((_, now)) = heard.checked_sub(1).and_then(|last| under_way.get(last)) {
                endpoints.set(now);
                // The last one heard stays to compare with.
                under_way.drain(..heard - 1);
            }
            thread::sleep(PROBE);
        }
    })
}

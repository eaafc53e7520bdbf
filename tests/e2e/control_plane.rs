//! A control plane of our own: etcd, kube-apiserver and kube-controller-manager on free ports of 127.0.0.1, with everything
//! they write in one temporary folder. There are no nodes: Pods stay Pending.

mod audit;
mod certificates;
mod service_network;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use self::service_network::Endpoints;
use self::{certificates::Authority, service_network::ServiceNetwork};
use crate::{
    crds,
    kubectl::Kubectl,
    parts::Programs,
    patience::until,
    processes::{self, Process, free_address},
};

/// Ends with everything in it when this is dropped.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    // Fields are dropped in this order: who needs the others first, the folder last.
    controller_manager: Option<Process>,
    api_server: Mutex<Process>,
    etcd: Process,
    programs: Programs,
    authority: Authority,
    services: ServiceNetwork,
    /// As in `https://127.0.0.1:6443`.
    server: String,
    arguments: Vec<String>,
    folder: TempDir,
}

const EGRESS: &str = "egress.json";

/// The administrator's group: what it may is not even looked up.
const MASTERS: &str = "system:masters";

// === impl ControlPlane ===

impl ControlPlane {
    /// Starts all of it and applies the CRDs.
    ///
    /// # Errors
    /// What failed, with the end of the log that says why.
    pub(crate) fn start(programs: Programs) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("portcullis-e2e-").tempdir();
        let folder = folder.map_err(|error| format!("no temporary folder: {error}"))?;
        let path = folder.path();
        let authority = Authority::new(path)?;
        write(&path.join("audit-policy.json"), &audit::policy())?;

        let services = ServiceNetwork::start(path)?;
        write(&path.join(EGRESS), &services.egress())?;

        let client = format!("http://{}", free_address());
        let etcd = start("etcd", &programs.etcd, &etcd_arguments(path, &client), path)?;
        let server = free_address();
        let arguments = api_server_arguments(path, &client, server.port(), programs.kube_controller_manager.is_some());
        let api_server = start("kube-apiserver", &programs.kube_apiserver, &arguments, path)?;
        let mut plane = Self {
            controller_manager: None,
            api_server: Mutex::new(api_server),
            etcd,
            programs,
            authority,
            services,
            server: format!("https://{server}"),
            arguments,
            folder,
        };
        plane.wait_until_ready()?;
        plane.controller_manager = plane.start_controllers()?;
        crds::apply(&plane.kubectl(), plane.folder())?;
        Ok(plane)
    }

    /// kubectl as the administrator.
    pub(crate) fn kubectl(&self) -> Kubectl {
        self.kubectl_as("admin", Some(MASTERS))
    }

    /// kubectl as anyone, who may what RBAC says of that user and that group.
    pub(crate) fn kubectl_as(&self, user: &str, group: Option<&str>) -> Kubectl {
        Kubectl::new(&self.programs.kubectl, &self.kubeconfig(user, group))
    }

    /// A kubeconfig with a certificate for this user.
    pub(crate) fn kubeconfig(&self, user: &str, group: Option<&str>) -> PathBuf {
        let pair = self.authority.client(user, group);
        let name: String = user.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = self.folder().join(format!("{name}.{}.kubeconfig", pair.number));
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "e2e", "cluster": {
                "server": self.server, "certificate-authority": self.authority.certificate_file(),
            }}],
            "users": [{ "name": user, "user": { "client-certificate": pair.certificate, "client-key": pair.key } }],
            "contexts": [{ "name": "e2e", "context": { "cluster": "e2e", "user": user } }],
            "current-context": "e2e",
        });
        fs::write(&path, config.to_string()).expect("a kubeconfig is written");
        path
    }

    /// Whether Deployments make Pods, and namespaces end.
    pub(crate) fn has_controllers(&self) -> bool {
        self.programs.kube_controller_manager.is_some()
    }

    /// Ends the API server and starts it again on the same port: every watch breaks, and nothing that was stored is lost.
    /// For tests that run alone.
    pub(crate) fn restart_api_server(&self) {
        self.stop_api_server();
        self.start_api_server();
    }

    /// Ends the API server as a crash does, until [`Self::start_api_server`]: asked nicely it takes a minute over its open
    /// connections. For tests that run alone.
    pub(crate) fn stop_api_server(&self) {
        self.api_server.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }

    /// Starts the API server again after [`Self::stop_api_server`].
    pub(crate) fn start_api_server(&self) {
        let again = start("kube-apiserver", &self.programs.kube_apiserver, &self.arguments, self.folder());
        *self.api_server.lock().unwrap_or_else(PoisonError::into_inner) = again.unwrap_or_else(|why| panic!("{why}"));
        self.wait_until_ready().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Leads what the API server sends to this cluster IP and port to processes here.
    pub(crate) fn route(&self, cluster_ip: &str, port: u16, endpoints: impl Into<Endpoints>) {
        self.services.route(format!("{cluster_ip}:{port}"), endpoints.into());
    }

    /// Everything that the API server has been asked so far to write: its audit events, oldest first.
    pub(crate) fn audit_events(&self) -> Vec<Value> {
        audit::events(self.folder())
    }

    /// What webhooks noted about the last such request that was answered: audit annotations by their full names, such as
    /// `ignore.portcullis.dev/warned`.
    pub(crate) fn audit_annotations(&self, verb: &str, resource: &str, namespace: &str, name: &str) -> Value {
        audit::annotations(&self.audit_events(), verb, resource, namespace, name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the folder, and shows the end of every log in it.
    pub(crate) fn post_mortem(mut self) -> String {
        self.folder.disable_cleanup(true);
        let api_server = self.api_server.lock().unwrap_or_else(PoisonError::into_inner).tail();
        let controllers = self.controller_manager.as_ref().map(Process::tail).unwrap_or_default();
        format!("{}\n{api_server}\n{controllers}\nlogs are kept in {}", self.etcd.tail(), self.folder().display())
    }

    fn wait_until_ready(&self) -> Result<(), String> {
        let kubectl = self.kubectl();
        let ready = until("the API server to be ready", || {
            let running = self.etcd.is_running();
            let running =
                running.and_then(|()| self.api_server.lock().unwrap_or_else(PoisonError::into_inner).is_running());
            if let Err(why) = running {
                return Ok(Err(why));
            }
            let said = kubectl.run(&["get", "--raw", "/readyz"]);
            if said.ok { Ok(Ok(())) } else { Err(said.all()) }
        });
        ready?
    }

    fn start_controllers(&self) -> Result<Option<Process>, String> {
        let Some(program) = &self.programs.kube_controller_manager else { return Ok(None) };
        let path = self.folder();
        let kubeconfig = self.kubeconfig("system:kube-controller-manager", None);
        let arguments = [
            format!("--kubeconfig={}", kubeconfig.display()),
            in_folder("--service-account-private-key-file", path, "sa.key"),
            in_folder("--root-ca-file", path, "ca.crt"),
            "--use-service-account-credentials=true".to_owned(),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
            // No nodes, no cloud, no volumes.
            "--controllers=*,-nodeipam,-cloud-node-lifecycle,-attachdetach,-persistentvolume-binder".to_owned(),
        ];
        start("kube-controller-manager", program, &arguments, path).map(Some)
    }
}

fn start(name: &'static str, program: &Path, arguments: &[String], folder: &Path) -> Result<Process, String> {
    let mut command: Command = processes::command(program);
    command.args(arguments).current_dir(folder);
    Process::start(name, command, folder.join(format!("{name}.log")))
}

fn etcd_arguments(folder: &Path, client: &str) -> [String; 7] {
    let peer = format!("http://{}", free_address());
    [
        in_folder("--data-dir", folder, "etcd"),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        "--unsafe-no-fsync".to_owned(),
    ]
}

fn api_server_arguments(folder: &Path, etcd: &str, port: u16, has_controllers: bool) -> Vec<String> {
    let mut arguments = vec![
        format!("--etcd-servers={etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        // Nobody looks for the API server inside the cluster, and 127.0.0.1 may be no endpoint.
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--secure-port={port}"),
        in_folder("--tls-cert-file", folder, "server.crt"),
        in_folder("--tls-private-key-file", folder, "server.key"),
        in_folder("--client-ca-file", folder, "ca.crt"),
        in_folder("--service-account-key-file", folder, "sa.pub"),
        in_folder("--service-account-signing-key-file", folder, "sa.key"),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        in_folder("--audit-policy-file", folder, "audit-policy.json"),
        in_folder("--audit-log-path", folder, audit::LOG),
        in_folder("--egress-selector-config-file", folder, EGRESS),
    ];
    if !has_controllers {
        // Nobody makes the service accounts that Pods would need.
        arguments.push("--disable-admission-plugins=ServiceAccount".to_owned());
    }
    arguments
}

fn in_folder(flag: &str, folder: &Path, file: &str) -> String {
    format!("{flag}={}", folder.join(file).display())
}

fn write(path: &Path, value: &Value) -> Result<(), String> {
    fs::write(path, value.to_string()).map_err(|error| format!("{}: {error}", path.display()))
}

//! What `--help` says below the options of each command: what one would type, and how it ends.

pub(super) const CHECK: &str = "\
Examples:
  portcullis check rendered/                        a folder: what is not in it is unknown
  portcullis check --closed-world rendered/         all there is: what is not in it does not exist
  helm template my-release my-chart | portcullis check -
  portcullis check --namespace-labels telemetry:environment=production collectors/
  portcullis check --control-plane kgateway=2.2,grants=off rendered/
  portcullis check --format sarif --fail-on never rendered/ > portcullis.sarif

Exit codes:
  0  no finding reaches the level of `--fail-on`
  1  some finding does
  2  some input, policy or argument could not be read; the rest was judged
  3  portcullis itself failed, as where its output cannot be written

`portcullis explain CODE` says what a finding means.";

pub(super) const FIX: &str = "\
Examples:
  portcullis fix rendered/                          print a diff, and change nothing
  portcullis fix --write rendered/                  change the files
  portcullis fix - < broken.yaml > mended.yaml

Comments, order and quoting stay. ReferenceGrants that are missing, and that the owner of the
Service agrees to, go into a file `portcullis-grants.yaml` beside what needs them.

Exit codes:
  0  done, also where there was nothing to fix
  2  some input, policy or argument could not be read; the rest was mended
  3  portcullis itself failed, as where a file cannot be written";

pub(super) const TEST: &str = "\
Examples:
  portcullis test                                   every `*.test.yaml` here and below
  portcullis test policies/ --filter 'sampling.test.yaml > half of all traces'
  portcullis test --list --filter sampling
  portcullis test --format junit policies/ > results.xml

A case file, such as `sampling.test.yaml` beside `sampling.yaml`, whose policies it tests:
  cases:
  - name: a Service that is not there
    subject: { apiVersion: gateway.kgateway.dev/v1alpha1, kind: ListenerPolicy, ... }
    expect: { findings: [{ code: backend-refs/not-found }] }

`policies: [backend-refs, { file: mine.yaml }]` names others: shipped ones, files, or GuardPolicies
written out. docs/testing.md says what a case can hold.

Exit codes:
  0  every case holds
  1  some case does not
  2  some file, policy or case could not be read, or there was no case to run
  3  portcullis itself failed, as where its output cannot be written";

#[cfg(feature = "server")]
pub(super) const SERVE: &str = "\
Examples:
  portcullis serve --tls-secret portcullis-tls --listen 0.0.0.0:8443
  portcullis serve --tls-cert /tls/tls.crt --tls-key /tls/tls.key --listen 0.0.0.0:8443
  portcullis serve --manifests rendered/ --ca-out ca.pem
  portcullis serve --manifests rendered/ --listen 0.0.0.0:8443 --tls-cert tls.crt --tls-key tls.key
  curl --cacert ca.pem -H 'content-type: application/json' --data @review.json \\
       https://localhost:8443/validate

`/validate` asks all policies, `/validate/fail` and `/validate/ignore` those with that failure
policy, `/mutate` answers with a JSON Patch. In a cluster, the GuardPolicies that exist are
the policies. A folder is read again when it changes; while it cannot be read the last good
state stays, and `/readyz` says so. Logs go to standard error, and `RUST_LOG` says how many.

Exit codes:
  0  stopped by SIGTERM or SIGINT, after draining
  2  an argument makes no sense
  3  it could not start: a file, a port or a certificate is not as it should be";

#[cfg(feature = "server")]
pub(super) const CERTS: &str = "\
Examples:
  portcullis certs show                             what is in the cluster that `kubectl` speaks to
  portcullis certs show --tls-cert tls.crt --tls-key tls.key --tls-ca ca.crt
  portcullis certs make --out tls/ --name portcullis.portcullis-system.svc
  kubectl create secret tls portcullis-tls -n portcullis-system --cert tls/tls.crt --key tls/tls.key

Exit codes:
  0  done; nothing is wrong with what is shown
  1  something is: it has expired, is for other names, or does not fit
  2  some file cannot be read, exists already, or an argument makes no sense
  3  portcullis itself failed, as where the API server does not answer";

#[cfg(feature = "server")]
pub(super) const WEBHOOKS: &str = "\
Examples:
  portcullis webhooks > webhooks.yaml
  portcullis webhooks --policies policies/ --ca ca.pem --fail-closed
  kubectl get guardpolicies -o yaml > guardpolicies.yaml && portcullis webhooks --policies guardpolicies.yaml
  portcullis webhooks --off

`portcullis serve --registration external` says in which the configurations in the cluster
differ from what this prints. What `--off` does is the long form of
`kubectl delete validatingwebhookconfiguration,mutatingwebhookconfiguration portcullis`:
Portcullis never makes them again.

Exit codes:
  0  printed, or deleted, or there was nothing to delete
  2  a policy or a file cannot be read
  3  the cluster cannot be reached, or does not allow it";

#[cfg(feature = "server")]
pub(super) const DOCTOR: &str = "\
Examples:
  portcullis doctor                                 everything, as the current kubeconfig sees it
  portcullis doctor --kubeconfig admin.conf --format json
  portcullis doctor --impact                        what `Deny` would refuse today, by the policies in the cluster
  portcullis doctor --impact --policies policies/   the same by policies that are not applied yet

It looks at the installation and its Lease, definitions, rights of the service account, certificates,
registration, whether the API server reaches Portcullis, control planes, kinds, policies, and
webhooks of others. Nothing is changed. What is unknown could not be looked at, and says why.

Exit codes:
  0  all is well; with `--impact`, nothing would be refused
  1  there are problems; with `--impact`, something would be refused
  2  an argument or a policy makes no sense
  3  the cluster could not be asked, or not all of it, and nothing else is wrong";

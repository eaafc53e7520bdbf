//! Which control planes run, and whether `--control-plane` says so.

use serde_json::Value;

use crate::{
    engine::{selector::LabelSelector, view::control_plane::ControlPlane},
    operate::doctor::{
        Remark, Setup, deployed,
        deployed::{labels, variable_of},
        facts::Facts,
        installation::version_of_image,
        list, name, quoted, text,
    },
};

/// A control plane that runs.
struct Found<'a> {
    which: Which,
    place: String,
    container: &'a Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Kgateway,
    Agentgateway,
}

/// What they run as: kgateway and agentgateway label their own Pods with their names, and gateways otherwise.
const CONTROL_PLANES: [(Which, &str); 2] = [(Which::Kgateway, "kgateway"), (Which::Agentgateway, "agentgateway")];

const WRONG: &str = "what is denied, and what is said of stored objects, is not what this control plane does";

/// Whether a Deployment is a control plane.
pub(super) fn is_one(deployment: &Value) -> bool {
    which(deployment).is_some()
}

pub(super) fn judge(setup: &Setup, facts: &Facts) -> Vec<Remark> {
    let deployments = match &facts.control_planes {
        Ok(deployments) => deployments,
        Err(why) => return vec![Remark::unknown("which control planes run is not known", why)],
    };
    let found: Vec<_> = deployments.iter().filter_map(found).collect();
    if found.is_empty() {
        return vec![Remark::ok("neither kgateway nor agentgateway runs here")];
    }
    let given = match given(setup, facts) {
        Ok(given) => given,
        Err(why) => {
            let remark = Remark::problem(format!("`--control-plane` is not understood: {why}"));
            return vec![remark.because("no replica starts with it").repair(set(setup, facts, &wanted(&found)))];
        }
    };
    let mut remarks: Vec<_> = found.iter().map(|one| fits(setup, facts, one, &found, given.as_ref())).collect();
    for (which, called) in CONTROL_PLANES {
        let mut flags: Vec<_> =
            found.iter().filter(|one| one.which == which).filter_map(|one| one.flag().ok()).collect();
        flags.dedup();
        if flags.len() > 1 {
            remarks.push(
                Remark::problem(format!("several of {called} run, and are set differently: {}", flags.join(" and ")))
                    .because("what is judged is right for one of them only")
                    .repair("kubectl get deployments --all-namespaces --output wide"),
            );
        }
    }
    remarks
}

fn fits(setup: &Setup, facts: &Facts, one: &Found<'_>, all: &[Found<'_>], given: Option<&ControlPlane>) -> Remark {
    let flag = match one.flag() {
        Ok(flag) => flag,
        Err(why) => {
            return Remark::unknown(format!("{} runs, and how is not known", one.which.name()), why).at(&*one.place);
        }
    };
    let mut runs = ControlPlane::default();
    if let Err(error) = runs.apply(&flag) {
        return Remark::unknown(format!("`{flag}` runs, which this version does not know"), error.to_string())
            .at(&*one.place);
    }
    let Some(given) = given else {
        return Remark::unknown(format!("`{flag}` runs"), "how Portcullis is set is not known").at(&*one.place);
    };
    let same = match one.which {
        Which::Kgateway => runs.kgateway == given.kgateway,
        Which::Agentgateway => runs.agentgateway == given.agentgateway,
    };
    if same {
        return Remark::ok(format!("`{flag}` runs, and `--control-plane` fits")).at(&*one.place);
    }
    Remark::problem(format!("`{flag}` runs, and `--control-plane` says otherwise"))
        .at(&*one.place)
        .because(WRONG)
        .repair(set(setup, facts, &wanted(all)))
}

/// What `--control-plane` should say, once for each control plane.
fn wanted(found: &[Found<'_>]) -> Vec<String> {
    let of = |which| found.iter().filter(move |one| one.which == which).find_map(|one| one.flag().ok());
    CONTROL_PLANES.into_iter().filter_map(|(which, _)| of(which)).collect()
}

fn set(setup: &Setup, facts: &Facts, wanted: &[String]) -> String {
    match deployed::ours(setup, facts) {
        Some(deployed) if setup.control_plane.is_empty() => deployed.set_control_plane(setup, wanted),
        _ => wanted.iter().map(|one| format!("--control-plane {}", quoted(one))).collect::<Vec<_>>().join(" "),
    }
}

/// What Portcullis was told; None where that is not known.
fn given(setup: &Setup, facts: &Facts) -> Result<Option<ControlPlane>, String> {
    let deployed = deployed::ours(setup, facts);
    let told: Vec<&str> = match deployed {
        _ if !setup.control_plane.is_empty() => setup.control_plane.iter().map(String::as_str).collect(),
        Some(deployed) => deployed.control_plane(),
        None => return Ok(None),
    };
    let mut given = ControlPlane::default();
    for text in told {
        given.apply(text).map_err(|error| error.to_string())?;
    }
    Ok(Some(given))
}

fn which(deployment: &Value) -> Option<Which> {
    let labels = labels(deployment, "/spec/template/metadata/labels");
    CONTROL_PLANES
        .into_iter()
        .find(|(_, called)| labels.get(*called).is_some_and(|value| value == called))
        .map(|(which, _)| which)
}

fn found(deployment: &Value) -> Option<Found<'_>> {
    let which = which(deployment)?;
    let containers = list(deployment, "/spec/template/spec/containers");
    let is_it = |container: &&Value| {
        text(container, "/image").contains(which.name()) || text(container, "/image").contains("controller")
    };
    let container = containers.iter().find(is_it).or_else(|| containers.first())?;
    let place = format!("Deployment {}/{}", text(deployment, "/metadata/namespace"), name(deployment));
    Some(Found { which, place, container })
}

// === impl Which ===

impl Which {
    const fn name(self) -> &'static str {
        match self {
            Self::Kgateway => "kgateway",
            Self::Agentgateway => "agentgateway",
        }
    }
}

// === impl Found ===

impl Found<'_> {
    /// What `--control-plane` has to say of it.
    fn flag(&self) -> Result<String, String> {
        let image = text(self.container, "/image");
        let version =
            version_of_image(image).ok_or_else(|| format!("the name of its image `{image}` is no version"))?;
        let mut parts = version.trim_start_matches('v').split('.');
        let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mut flag = format!("{}={major}.{minor}", self.which.name());
        match self.which {
            Which::Kgateway => self.add_kgateway(&mut flag)?,
            Which::Agentgateway => {
                if let Some(mode) = self.variable("AGW_BACKEND_REF_GRANT_MODE")? {
                    flag.push_str(&format!(",grants={}", mode.to_ascii_lowercase()));
                }
            }
        }
        Ok(flag)
    }

    fn add_kgateway(&self, flag: &mut String) -> Result<(), String> {
        if let Some(mode) = self.variable("KGW_REFERENCE_GRANT_MODE")? {
            flag.push_str(&format!(",grants={}", mode.to_ascii_lowercase()));
        }
        if self.variable("KGW_ENABLE_ISTIO_INTEGRATION")?.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            flag.push_str(",istio=on");
        }
        if let Some(namespace) = self.variable("KGW_GLOBAL_POLICY_NAMESPACE")?.filter(|name| !name.is_empty()) {
            flag.push_str(&format!(",global-policy-namespace={namespace}"));
        }
        if let Some(selectors) = self.variable("KGW_DISCOVERY_NAMESPACE_SELECTORS")? {
            let selectors: Vec<LabelSelector> = serde_json::from_str(selectors)
                .map_err(|error| format!("`KGW_DISCOVERY_NAMESPACE_SELECTORS` is not understood: {error}"))?;
            match selectors.as_slice() {
                [] => {}
                [one] => flag.push_str(&format!(",discovery={one}")),
                _ => return Err("it discovers by several selectors, and `discovery` is one".to_owned()),
            }
        }
        Ok(())
    }

    /// A variable that is written down; an error where it is somewhere else.
    fn variable(&self, variable: &str) -> Result<Option<&str>, String> {
        let value = variable_of(self.container, variable);
        let named = list(self.container, "/env").iter().any(|entry| text(entry, "/name") == variable);
        if named && value.is_none() {
            return Err(format!("its `{variable}` is taken from another object"));
        }
        Ok(value)
    }
}

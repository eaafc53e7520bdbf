//! Which control planes run, and how: what the same telemetry object does depends on it.

use std::str::FromStr;

use crate::engine::selector::LabelSelector;

/// `--control-plane kgateway=2.4,grants=permissive,istio=off`; by default the newest known with default modes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlPlane {
    pub kgateway: Kgateway,
    pub agentgateway: Agentgateway,
}

/// kgateway and the settings that change its verdict on a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kgateway {
    /// Of version 2.
    pub minor: u32,
    /// `KGW_REFERENCE_GRANT_MODE`: false only for OFF. PERMISSIVE and STRICT agree on telemetry objects.
    pub grants: bool,
    /// Whether ServiceEntry and Hostname are known kinds.
    pub istio: bool,
    /// `KGW_DISCOVERY_NAMESPACE_SELECTORS`: what lies elsewhere does not exist for kgateway.
    pub discovery: Option<LabelSelector>,
    /// `KGW_GLOBAL_POLICY_NAMESPACE`.
    pub global_policy_namespace: Option<String>,
}

/// agentgateway and its one such setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agentgateway {
    /// `(major, minor)`.
    pub version: (u32, u32),
    pub grants: AgentgatewayGrants,
}

/// `AGW_BACKEND_REF_GRANT_MODE`, since 1.3; before, references of policies were never checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentgatewayGrants {
    RouteAndPolicy,
    Route,
    None,
}

/// `--control-plane` was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadControlPlane {
    #[error(
        "`{0}` is no control plane; it is `kgateway=2.0` to `kgateway=2.4`, or `agentgateway=1.0` to `agentgateway=1.4`"
    )]
    Name(String),
    #[error("`{version}` is no version of {name} that is known; it is one of {known}")]
    Version { name: &'static str, version: String, known: &'static str },
    #[error(
        "`{0}` is no setting; kgateway has `grants`, `istio`, `discovery`, `global-policy-namespace`; agentgateway has `grants`"
    )]
    Setting(String),
    #[error("`{value}` is not a value of `{setting}`; it is one of {allowed}")]
    Value { setting: String, value: String, allowed: &'static str },
}

impl Default for ControlPlane {
    fn default() -> Self {
        Self {
            kgateway: Kgateway { minor: 4, grants: true, istio: false, discovery: None, global_policy_namespace: None },
            agentgateway: Agentgateway { version: (1, 4), grants: AgentgatewayGrants::Route },
        }
    }
}

impl ControlPlane {
    /// Takes over what one `--control-plane` says.
    ///
    /// # Errors
    /// A name, version, setting or value that is not known, with those that are.
    pub fn apply(&mut self, text: &str) -> Result<(), BadControlPlane> {
        // A selector holds commas of its own, so it must come last.
        let (text, discovery) = match text.split_once(",discovery=") {
            Some((text, selector)) => (text, Some(selector)),
            None => (text, None),
        };
        let mut parts = text.split(',').map(|part| part.split_once('=').unwrap_or((part, "")));
        let (name, version) = parts.next().unwrap_or_default();
        match name.trim() {
            "kgateway" => self.kgateway.minor = kgateway_minor(version)?,
            "agentgateway" => self.agentgateway.version = agentgateway_version(version)?,
            _ => return Err(BadControlPlane::Name(name.to_owned())),
        }
        let kgateway = name.trim() == "kgateway";
        for (setting, value) in parts {
            let bad =
                |allowed| BadControlPlane::Value { setting: setting.to_owned(), value: value.to_owned(), allowed };
            match (setting.trim(), kgateway) {
                ("grants", true) => {
                    self.kgateway.grants = match value.to_ascii_lowercase().as_str() {
                        "off" => false,
                        "permissive" | "strict" => true,
                        _ => return Err(bad("off, permissive, strict")),
                    }
                }
                ("istio", true) => {
                    self.kgateway.istio = match value {
                        "on" => true,
                        "off" => false,
                        _ => return Err(bad("on, off")),
                    }
                }
                ("global-policy-namespace", true) => {
                    self.kgateway.global_policy_namespace = Some(value.to_owned()).filter(|name| !name.is_empty());
                }
                ("grants", false) => {
                    self.agentgateway.grants = match value {
                        "route-and-policy" => AgentgatewayGrants::RouteAndPolicy,
                        "route" => AgentgatewayGrants::Route,
                        "none" => AgentgatewayGrants::None,
                        _ => return Err(bad("route-and-policy, route, none")),
                    }
                }
                _ => return Err(BadControlPlane::Setting(setting.to_owned())),
            }
        }
        if let Some(selector) = discovery {
            let parsed = LabelSelector::parse(selector).ok_or_else(|| BadControlPlane::Value {
                setting: "discovery".to_owned(),
                value: selector.to_owned(),
                allowed: "a label selector such as `team=a,env in (prod,dev)`",
            })?;
            self.kgateway.discovery = Some(parsed);
        }
        Ok(())
    }
}

impl FromStr for ControlPlane {
    type Err = BadControlPlane;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut control_plane = Self::default();
        control_plane.apply(text)?;
        Ok(control_plane)
    }
}

fn kgateway_minor(version: &str) -> Result<u32, BadControlPlane> {
    let known = "2.0, 2.1, 2.2, 2.3, 2.4";
    let minor =
        version.trim_start_matches('v').strip_prefix("2.").and_then(|rest| rest.split('.').next()?.parse().ok());
    minor.filter(|minor| *minor <= 4).ok_or_else(|| BadControlPlane::Version {
        name: "kgateway",
        version: version.to_owned(),
        known,
    })
}

fn agentgateway_version(version: &str) -> Result<(u32, u32), BadControlPlane> {
    let known = "1.0, 1.1, 1.2, 1.3, 1.4";
    let minor =
        version.trim_start_matches('v').strip_prefix("1.").and_then(|rest| rest.split('.').next()?.parse().ok());
    minor.filter(|minor| *minor <= 4).map(|minor| (1, minor)).ok_or_else(|| BadControlPlane::Version {
        name: "agentgateway",
        version: version.to_owned(),
        known,
    })
}

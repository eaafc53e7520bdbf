//! How bad an error in a telemetry object is: the same mistake is an outage on kgateway's Gateways and a silence elsewhere.

use crate::engine::{
    finding::{Finding, Level, Rests},
    resolve::Blast,
    subject::ObjectKey,
};

/// Gives a finding the level that its consequence deserves, and says the consequence. Both were looked up.
pub fn with_harm(mut finding: Finding, blast: &Blast) -> Finding {
    finding.rests = finding.rests.max(Rests::Harm);
    match blast {
        Blast::Gateways(gateways) => gateways.iter().fold(finding, |finding, gateway| {
            finding.related(gateway.clone(), "every route of it would answer HTTP 500")
        }),
        Blast::IfExists(gateways) => {
            let named: Vec<_> = gateways.iter().map(|gateway| format!("`{}`", place(gateway))).collect();
            finding.unknown(format!("whether Gateway {} exists and is kgateway's", named.join(" or ")))
        }
        Blast::Dormant | Blast::OnlyTelemetry => finding.at_most(Level::Warning),
    }
}

/// `namespace/name`, as it stands in a message after the kind.
pub fn place(key: &ObjectKey) -> String {
    if key.name.is_empty() { format!("in {}", key.namespace) } else { format!("{}/{}", key.namespace, key.name) }
}

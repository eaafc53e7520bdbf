//! The view row by row, for who goes through all of it: look-ups of a rule go through a lens.

use crate::engine::{kinds::telemetry::Telemetry, selector::LabelSelector, subject::ObjectKey, view::View};

impl View {
    /// A telemetry object that is stored, with the view's own key.
    pub fn telemetry_at(&self, key: &ObjectKey) -> Option<(&ObjectKey, &Telemetry)> {
        self.telemetry.row(key).map(|(key, telemetry)| (key, &**telemetry))
    }

    /// Every telemetry object, in no order.
    pub fn every_telemetry(&self) -> impl Iterator<Item = (&ObjectKey, &Telemetry)> {
        self.telemetry.all().map(|(key, telemetry)| (key, &**telemetry))
    }

    /// How many namespaces a selector matches.
    pub fn namespaces_matching(&self, selector: &LabelSelector) -> usize {
        self.namespaces.all().filter(|(_, namespace)| selector.matches(&namespace.labels)).count()
    }
}

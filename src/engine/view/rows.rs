//! The view row by row, for who goes through all of it: look-ups of a rule go through a lens.

use crate::engine::{
    kinds::telemetry::{Telemetry, TelemetryKind},
    selector::LabelSelector,
    subject::ObjectKey,
    view::View,
};

impl View {
    /// A telemetry object that is stored, with the view's own key.
    pub fn telemetry_at(&self, key: &ObjectKey) -> Option<(&ObjectKey, &Telemetry)> {
        let kind = TelemetryKind::of(&key.group, &key.kind)?;
        let stored = self.telemetry(kind)?.get(&key.namespace, &key.name)?;
        Some((&stored.key, &stored.value))
    }

    /// Every telemetry object, in no order.
    pub fn every_telemetry(&self) -> impl Iterator<Item = (&ObjectKey, &Telemetry)> {
        let stored = self.telemetry.iter().flat_map(super::table::Table::all).map(|entry| entry.value);
        stored.map(|stored| (&stored.key, &stored.value))
    }

    /// How many namespaces a selector matches.
    pub fn namespaces_matching(&self, selector: &LabelSelector) -> usize {
        self.namespaces.all().filter(|entry| selector.matches(&entry.value.labels)).count()
    }
}

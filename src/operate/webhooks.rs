//! What is registered with the API server.

/// What goes into `caBundle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaBundle {
    /// These CAs, as PEM; empty while there are none yet.
    Ours(String),
    /// Somebody else writes it, as cert-manager does.
    Foreign,
}

//! YAML with its bytes: documents, spans, YAML held in strings, and edits that keep everything else.
//!
//! A text is split into [`documents`], a document is parsed into a [`tree`] whose nodes know their bytes, and the tree
//! gives the JSON value that a reader of that [`Dialect`] sees, the place of a path, and the splices of an edit.

pub mod documents;
pub mod edit;
mod embedded;
mod error;
mod helm;
mod lines;
mod locate;
mod scalar;
pub mod spans;
pub mod tree;
mod value;
mod write;

pub use self::{
    error::YamlError,
    helm::looks_like_helm_template,
    locate::{Located, Slot},
    write::emit,
};

/// Whose reading of plain scalars counts: two versions of go-yaml, which disagree about `yes`, `on` and `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `sigs.k8s.io/yaml` (its `goyaml.v2`, `resolve.go`), as kubectl and the API server read: YAML 1.1 booleans, `y`
    /// and `n` among them. Floats without a fraction become integers, as they do on their way through Go's JSON.
    Kubernetes,
    /// go-yaml v3, as the OpenTelemetry Collector reads its configuration: `true` and `false` alone are booleans.
    Collector,
}

//! Lists: cel-go's extension, and Kubernetes' own.

use crate::engine::cel::functions::Overload;

pub fn functions() -> Vec<Overload> {
    Vec::new()
}

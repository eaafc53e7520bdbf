//! What mutations are written with: `JSONPatch{…}` and `jsonpatch.escapeKey`.

use crate::engine::cel::functions::Overload;

pub fn functions() -> Vec<Overload> {
    Vec::new()
}

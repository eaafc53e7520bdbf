//! The functions: one file for each library of Kubernetes' environment. Adding one is a file and a line in `FUNCTIONS`.

pub mod cidr;
pub mod cluster;
pub mod format;
pub mod go;
pub mod ip;
pub mod json_patch;
pub mod lists;
pub mod named_formats;
pub mod optionals;
pub mod protobuf;
pub mod quantity;
pub mod regex;
pub mod semver;
pub mod sets;
pub mod standard;
pub mod strings;
pub mod time;
#[cfg(test)]
mod tried;
pub mod url;

use std::{collections::BTreeMap, sync::LazyLock};

use crate::engine::cel::functions::Overload;

static FUNCTIONS: LazyLock<BTreeMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
    let all = [
        standard::functions(),
        optionals::functions(),
        time::functions(),
        strings::functions(),
        regex::functions(),
        lists::functions(),
        sets::functions(),
        json_patch::functions(),
        named_formats::functions(),
        quantity::functions(),
        semver::functions(),
        ip::functions(),
        cidr::functions(),
        url::functions(),
        cluster::functions(),
    ];
    let mut by_name: BTreeMap<&'static str, Vec<Overload>> = BTreeMap::new();
    for overload in all.into_iter().flatten() {
        by_name.entry(overload.function).or_default().push(overload);
    }
    by_name
});

/// The overloads of a function, in the order of their declaration; none where there is no such function.
pub fn overloads(function: &str) -> &'static [Overload] {
    FUNCTIONS.get(function).map(Vec::as_slice).unwrap_or_default()
}

/// Every function by its name, for those who look for one that is spelled alike.
pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.keys().copied()
}

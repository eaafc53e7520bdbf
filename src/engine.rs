//! The pure engine: rules, look-ups, policies and decisions as functions of data.
//!
//! Nothing in here knows a clock, a file, a socket, an environment variable or a lock; time comes in as an argument.

pub mod base64;
pub mod cel;
pub mod confirm;
pub mod decide;
pub mod evaluate;
pub mod finding;
pub mod kinds;
pub mod limits;
pub mod name;
pub mod node;
pub mod object;
pub mod patch;
pub mod policy;
pub mod resolve;
pub mod rules;
pub mod select;
pub mod selector;
pub mod snapshot;
pub mod subject;
pub mod verdict;
pub mod view;
pub mod yaml;

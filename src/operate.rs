//! What whoever runs Portcullis needs: that the API server sends us what the policies select, certificates that it believes,
//! and somebody to ask when it does not work.

pub mod authority;
pub mod certificates;
pub mod doctor;
pub mod permissions;
pub mod probe;
pub mod register;
pub mod webhooks;

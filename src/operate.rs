//! What whoever runs Portcullis needs: that the API server sends us what the policies select, certificates that it believes,
//! and somebody to ask when it does not work.

pub mod doctor;
pub mod permissions;
pub mod probe;

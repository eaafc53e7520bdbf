//! What a probe looks like, for who sends it (`operate`) and who answers it (`webhook`): a GuardPolicy that is only ever
//! tried, on dry run, and refused in our name.

/// The name of the entry in the ValidatingWebhookConfiguration.
pub const ENTRY: &str = "probe.portcullis.dev";
/// Where that entry leads to.
pub const PATH: &str = "/probe";
/// The label by which the entry selects the probe, of value `true`.
pub const LABEL: &str = "portcullis.dev/probe";
/// The annotation whose value the refusal repeats.
pub const NONCE: &str = "portcullis.dev/probe-nonce";
/// The annotation that says which version of the entry is meant; without it, any.
pub const WAY: &str = "portcullis.dev/probe-way";
/// Characters of a nonce that are repeated.
pub const NONCE_CHARS: usize = 64;

/// How the refusal of a probe begins.
pub fn refusal(nonce: &str) -> String {
    format!("portcullis answers the probe `{nonce}`")
}

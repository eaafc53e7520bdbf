//! Every bound, with its reason. Input is hostile until it is judged: nothing below is a tuning knob.

/// Bytes of one AdmissionReview. An API request is at most 3 MiB (`MaxRequestSizeBytes`), and the review of an UPDATE
/// carries the object twice, plus options and managedFields; controller-runtime takes 7 MiB.
pub const REVIEW_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of one file that `check` reads. A rendered cluster of several thousand objects is about 20 MB.
pub const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of one YAML document. etcd stores at most 1.5 MiB of an object and the API server takes 3 MiB.
pub const DOCUMENT_BYTES: usize = 8 * 1024 * 1024;

/// Levels of nesting in a document, which is also serde_json's limit: deeper input would end on the stack.
pub const DEPTH: usize = 100;

/// Nodes of one YAML document as written. The largest CRD in the field has about 60,000.
pub const NODES: usize = 1_000_000;

/// Nodes of one YAML document after aliases are followed: a bomb of a few hundred bytes has billions.
pub const EXPANDED_NODES: usize = 2_000_000;

/// Levels of YAML held in a string held in YAML. One is in use (a ConfigMap, a v1alpha1 OpenTelemetryCollector).
pub const EMBEDDED_DEPTH: usize = 2;

/// Edit rounds until nothing changes: a round exists for an edit that waits for another to be applied first.
pub const EDIT_ROUNDS: usize = 3;

/// Bytes of a denial's message, beyond which it says `and N more`: kubectl prints it in one piece.
pub const DENIAL_BYTES: usize = 4 * 1024;

/// Characters of one warning. The API server cuts longer ones (`AdmissionResponse.warnings`, 120 recommended).
pub const WARNING_CHARS: usize = 256;

/// Characters of all warnings of an answer together; the API server drops what goes beyond 4,096.
pub const WARNINGS_CHARS: usize = 4_096;

/// Levels of nesting that a policy or a case file may have is [`DEPTH`]; this is how many policies are judged.
pub const POLICIES: usize = 1_000;

/// Candidates compared for "did you mean": more is neither useful nor free.
pub const SUGGESTION_CANDIDATES: usize = 2_000;

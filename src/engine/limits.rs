//! Every bound, with its reason. Input is hostile until it is judged: nothing below is a tuning knob.

/// Bytes of one AdmissionReview. An API request is at most 3 MiB (`MaxRequestSizeBytes`), and the review of an UPDATE
/// carries the object twice, plus options and managedFields; controller-runtime takes 7 MiB.
pub const REVIEW_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of one file that `check` reads. A rendered cluster of several thousand objects is about 20 MB.
pub const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of one YAML document: one List of all objects of a large cluster, as `kubectl get -A -o json` prints it. An object
/// alone has at most 3 MiB.
pub const DOCUMENT_BYTES: usize = 32 * 1024 * 1024;

/// Levels of nesting in a document, which is also serde_json's limit: deeper input would end on the stack.
pub const DEPTH: usize = 100;

/// Nodes of one YAML document as written: a List of [`DOCUMENT_BYTES`] has about as many.
pub const NODES: usize = 2_000_000;

/// Nodes of one YAML document after aliases are followed: a bomb of a few hundred bytes has billions.
pub const EXPANDED_NODES: usize = 2_000_000;

/// Bytes of keys and scalars of one YAML document after aliases are followed: a long string that is named often.
pub const EXPANDED_BYTES: usize = 64 * 1024 * 1024;

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

/// Hours before an exception ends from which on it is told to those whom it spares: a week, so that somebody works in it.
pub const NOTICE_HOURS: i64 = 7 * 24;

/// Findings of one policy about one object: more are counted, and neither printed nor mended one by one.
pub const FINDINGS: usize = 256;

/// References of one object for which a name is suggested: a hostile object must not buy a comparison of names with each.
pub const SUGGESTIONS: usize = 64;

/// Candidates compared for "did you mean": more is neither useful nor free.
pub const SUGGESTION_CANDIDATES: usize = 2_000;

/// Bytes of a review that is judged on the worker that read it. Parsing is about 1 µs per KB; beyond this one review
/// would hold up the others on its worker for longer than a hand-over to another thread costs.
pub const INLINE_BYTES: usize = 256 * 1024;

/// Reviews beyond [`INLINE_BYTES`] judged at once: each holds its object as a tree of some ten times the bytes.
pub const LARGE_AT_ONCE: usize = 2;

/// Bytes of reviews in hand at once, of which each counts for at least [`REVIEW_UNIT`]: 512 small ones, or four of the
/// largest. Three API servers with default flow control send at most 600 mutating requests at a time.
pub const REVIEWS_BYTES: usize = 32 * 1024 * 1024;

/// The least that a review counts for in [`REVIEWS_BYTES`]: its buffers and task, and what judging it allocates.
pub const REVIEW_UNIT: usize = 64 * 1024;

/// Reviews that may wait for room: what comes beyond these is told so at once, while its caller can still use the time.
pub const REVIEWS_WAITING: usize = 512;

/// Milliseconds for which a review waits for room. Judging takes well under one, so a longer queue is no burst.
pub const WAIT_MS: u64 = 250;

/// Milliseconds for a review when its caller names no `timeout`: the API server's default for a webhook.
pub const REVIEW_MS: u64 = 10_000;

/// Milliseconds for a review whatever its caller names: the API server allows a webhook no more than 30 seconds.
pub const REVIEW_MS_MOST: u64 = 30_000;

/// Milliseconds for a body to arrive. The API server sends it in one piece; who trickles it holds room that others need.
pub const BODY_MS: u64 = 5_000;

/// Milliseconds for which room is kept for what a body has announced and not sent: a few round trips. After that it holds
/// room for what has come alone, so that announcing much is no way to keep others out.
pub const BODY_AT_ONCE_MS: u64 = 50;

/// Connections at once, with those in their handshake. An API server has one for each review in flight and keeps 25 idle
/// ones; more than this would come near the usual 1,024 open files.
pub const CONNECTIONS: usize = 768;

/// Connections at once to the port of probes and metrics: kubelet and a few Prometheus servers. With [`CONNECTIONS`] they stay
/// below the usual 1,024 open files.
pub const ADMIN_CONNECTIONS: usize = 64;

/// Connections that wait to be accepted. Where the queue is full a caller tries again a second later; systems cap this at 4,096
/// themselves.
pub const BACKLOG: u32 = 4_096;

/// Milliseconds without a sign of life after which a connection that has asked before gives its place to a new one when
/// there is none left: longer than the pauses of a caller that uses it.
pub const CROWDED_MS: u64 = 1_000;

/// Milliseconds for a TLS handshake: a few round trips inside one cluster.
pub const HANDSHAKE_MS: u64 = 5_000;

/// Milliseconds from the end of the handshake to the end of the first request's head.
pub const FIRST_REQUEST_MS: u64 = 10_000;

/// Milliseconds that a connection may be idle between requests. Go's client drops an idle connection after 90 seconds; were
/// we first, a review sent in that moment would be lost, and a POST is not sent again.
pub const IDLE_MS: u64 = 120_000;

/// Bytes of a request's head, and of what is read of a connection ahead of its use.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Streams of one HTTP/2 connection: probes and tests; API servers speak HTTP/1.1 to a webhook Service.
pub const STREAMS: u32 = 128;

/// Bytes of a certificate or key file: a chain of ten certificates is about 20 KB.
pub const PEM_BYTES: u64 = 1024 * 1024;

/// Rounds of `fix`: what has to wait for another edit is made in a later one, and few have to wait twice.
pub const FIX_ROUNDS: usize = 16;

/// Objects of one list that is read while a request waits: a namespace's grants are a handful, and what is more than this
/// is not read in a request's time.
pub const LISTED: u32 = 500;

/// Pages of [`LISTED`] objects of one list that is read before a grant is removed: no cluster has more telemetry objects in
/// one namespace, and what is not known whole removes nothing.
pub const LISTED_PAGES: usize = 40;

/// Names tried for a grant, `-2` to this, where somebody else has the one before: a squatter must not buy a search without end.
pub const GRANT_NAMES: u32 = 16;

/// Calls to the API server that the controller has under way: it must not crowd out the cluster's own controllers.
pub const CALLS_AT_ONCE: usize = 8;

/// Telemetry objects that the controller looks at again between two looks at what changed.
pub const RECONCILED_AT_ONCE: usize = 64;

/// Milliseconds for one call of the controller.
pub const CALL_MS: u64 = 10_000;

/// Telemetry objects that are judged for Events in one go, which is at most once per second.
pub const EVENTS_AT_ONCE: usize = 20;

/// Telemetry objects that wait to be judged for Events: beyond these it is the cluster that is broken, not an object.
pub const EVENTS_WAITING: usize = 1_000;

/// Events that are remembered, so that none is told twice within the hour.
pub const EVENTS_KEPT: usize = 10_000;

/// Bytes of an Event's note: the API server takes no more.
pub const EVENT_BYTES: usize = 1_024;

/// Look-ups that are read again before one answer, in one round: a telemetry object with all its sinks has fewer.
pub const CONFIRMED: usize = 64;

/// Of the Gateways that a finding names, and of its other objects, those that are read again: each alone is reason enough
/// for what it says.
pub const CONFIRMED_RELATED: usize = 16;

/// Rounds of reading again: what is read may lead to other look-ups, once.
pub const CONFIRM_ROUNDS: usize = 2;

/// Calls to the API server at once for one answer.
pub const CONFIRM_AT_ONCE: usize = 16;

/// The same for all answers together: more would only queue in the API server, which has requests of its own in hand.
pub const CONFIRMING_AT_ONCE: usize = 64;

/// Milliseconds kept of a review's time for its answer, when the cluster is read or written before it.
pub const ANSWER_MS: u64 = 200;

/// Objects of one page of what `doctor --impact` judges: ConfigMaps are up to 1 MiB each, and one page is held at a time.
pub const JUDGED: u32 = 100;

/// Pages of [`JUDGED`] objects of one kind that `doctor --impact` judges: beyond these the rest is like what was seen.
pub const JUDGED_PAGES: usize = 1_000;

/// Objects that `doctor --impact` names for one code of one policy: the others are counted.
pub const REFUSED_NAMED: usize = 1_000;

/// Bytes of one CEL expression: a page of text. Kubernetes takes 100,000 characters, which no one reads.
pub const CEL_SOURCE: usize = 16 * 1024;

/// Levels of nesting of a CEL expression, as cel-go has them.
pub const CEL_DEPTH: usize = 250;

/// Nodes of one CEL expression after its macros are expanded.
pub const CEL_NODES: usize = 20_000;

/// Comprehensions inside one another, in one CEL expression: the API server was seen to take 20. What they cost bounds them;
/// this bounds the stack.
pub const CEL_FOLDS: usize = 32;

/// Levels of the tree that a CEL expression comes to: a loop has four. It is walked on a stack of 2 MiB.
pub const CEL_LEVELS: usize = 400;

/// Steps through types while one CEL expression is checked. A type can hold another twice, and that one another: a few hundred
/// bytes would come to more than can be walked.
pub const CEL_TYPE_STEPS: usize = 2_000_000;

/// Parts of one type in a CEL expression: `list(map(string, int))` has four, and lists may be nested as deep as anything.
pub const CEL_TYPE_PARTS: usize = 1_000;

/// Cost of one CEL expression: Kubernetes' `PerCallLimit` (apiserver pkg/apis/cel/config.go).
pub const CEL_EXPRESSION: u64 = 1_000_000;

/// Cost of all CEL expressions of one policy: Kubernetes' `RuntimeCELCostBudget`.
pub const CEL_POLICY: u64 = 10_000_000;

/// Cost of the match conditions of one policy: Kubernetes' `RuntimeCELCostBudgetMatchConditions`.
pub const CEL_CONDITIONS: u64 = 2_500_000;

/// Cost of all CEL of one request, whatever the number of policies and however often it is judged: before and after edits, and again
/// after what it rests on was read again. It is what four policies may cost at most, and a second or two of one core.
pub const CEL_REQUEST: u64 = 40_000_000;

/// Nodes that a JSON patch may put into an object, sixteen bytes of a text counting for one: as many as an object of 3 MiB has.
pub const CEL_JSON_NODES: usize = 200_000;

/// Operations of one JSON patch that a mutation gives: each is made on the whole object.
pub const CEL_OPERATIONS: usize = 1_000;

/// Bytes of a message that an expression gives, as in Kubernetes: a longer one is not said.
pub const CEL_MESSAGE: usize = 5 * 1024;

/// Bytes of a text or a key that the message of a failed expression shows.
pub const CEL_SHOWN: usize = 256;

/// States of one regular expression of CEL, about, and bytes of its text: a label takes 300, a class of Unicode 800. Making so
/// many takes some 30 ms.
pub const CEL_PATTERN: usize = 40_000;

/// Levels of groups and repetitions in one regular expression of CEL. Go takes 1,000, on a stack that grows.
pub const CEL_PATTERN_DEPTH: usize = 100;

/// Bytes that all CEL of one request may make, whether they are kept or not: twice what the largest object takes several times
/// over, and little enough that a few requests at a time fit into the memory of a small pod.
pub const CEL_MEMORY: usize = 64 * 1024 * 1024;

/// Levels of lists and maps that a CEL variable may hold, besides those of the objects of a request: variables that hold others
/// would nest without end what is compared, printed and dropped by functions that call themselves.
pub const CEL_VALUE_DEPTH: usize = 200;

/// Bytes of what one mutation writes, and values of it: an object of Kubernetes is smaller (etcd takes 1.5 MiB).
pub const CEL_JSON: usize = 3 * 1024 * 1024;

/// Levels of evaluation that run inside each other, variables that ask for variables included: what the stack of a thread holds
/// (2 MiB, without optimisations), and several times what one expression of [`CEL_DEPTH`] takes.
pub const CEL_STACK: usize = 1_000;

/// Digits of a quantity in CEL. Nothing has so many, and all that is done with them costs one unit each time.
pub const CEL_QUANTITY_DIGITS: usize = 1_000;

/// Bytes of a semantic version in CEL, each comparison of which costs one unit.
pub const CEL_VERSION_BYTES: usize = 4 * 1024;

/// Bytes, about, that `collector` and `krakend` may take beside the configurations themselves: places are written out for everything
/// that is defined, and a thousand exporters take two million.
pub const CEL_GIVEN: usize = 16 * 1024 * 1024;

/// Headers, endpoints, scrape jobs and their rules that are told of one component: more stand in no configuration.
pub const CEL_GIVEN_EACH: usize = 1_000;

/// Relabelling rules that are told of one scrape job.
pub const CEL_GIVEN_RULES: usize = 50;

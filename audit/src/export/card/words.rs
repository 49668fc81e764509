//! The words of a data card. They are part of the format: see the module above.

use serde::Serialize;

use super::record_fields::RECORD;
use crate::export::manifest::{Kind, Manifest};

/// A field of a file.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Field {
    pub(super) path: &'static str,
    pub(super) what: &'static str,
}

pub(super) const fn field(path: &'static str, what: &'static str) -> Field {
    Field { path, what }
}

/// A file, or all files of a folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    pub(super) path: &'static str,
    when: When,
    pub(super) what: &'static str,
    pub(super) fields: &'static [Field],
}

/// In which exports a file is.
#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    Whole,
    Receipts,
    Annex,
}

impl File {
    pub(super) fn is_in(&self, manifest: &Manifest) -> bool {
        match self.when {
            When::Always => true,
            When::Whole => manifest.kind == Kind::Whole,
            When::Receipts => manifest.selection.is_some(),
            When::Annex => !manifest.annex.is_empty(),
        }
    }
}

/// A way to verify an export.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Verifying {
    pub(super) with: &'static str,
    pub(super) how: &'static str,
}

/// A format, and which version of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Format {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

pub(super) const NOT_IN_IT: [&str; 5] = [
    "Contents: no prompt, no answer, no sample and no thought. A record has commitments to them, which nobody can guess contents from. \
     Reasons that people gave for what they did stand in records as they wrote them.",
    "Keys: neither those that seal contents nor those that sign the log, and no secret of a client.",
    "Whom contents are about: that stands in the vault of keys alone.",
    "Requests that were refused before they were let in.",
    "In a part, every record that was not asked for: of these there are hashes in receipts. That nothing is missing, only the whole log \
     proves.",
];

pub(super) const ERASURE: &str = "A content is erased by destroying its key. Its record stays as it was, with its commitment, so that the \
     tree goes on to hold; the content can no longer be read by anybody. That it was erased, on whose demand and why, is a record of its \
     own: an act `contents.erased`, with the random names of the keys. An erasure that was refused is an act \
     `contents.erasure_refused`, with the rule or the hold that forbids it. An export made before an erasure does not know of it.";

pub(super) const VERIFYING: [Verifying; 4] = [
    Verifying {
        with: "forethought audit verify-export",
        how: "checks every digest, the signature, every entry and tile up to the root, every line of the other files, and every receipt. \
              Give it the log's public key from a source that you trust, not from this folder.",
    },
    Verifying {
        with: "any verifier of logs in C2SP tlog-tiles and of receipts in C2SP tlog-proof",
        how: "`checkpoint`, `tile/` and `receipts/` are laid out as these say; a leaf is hashed as RFC 6962 says: SHA-256 of a byte 0 and \
              the entry.",
    },
    Verifying {
        with: "sha256sum",
        how: "every file has its SHA-256 in `manifest.json`; that of `manifest.json` itself was told when the export was made.",
    },
    Verifying {
        with: "the OpenTelemetry collector",
        how: "its receiver `otlpjsonfile` reads `traces.jsonl`, which proves nothing by itself.",
    },
];

pub(super) const FORMATS: [Format; 8] = [
    Format { name: "manifest.json (forethought-export)", version: "2" },
    Format { name: "data-card.json (forethought-data-card)", version: "1" },
    Format { name: "records", version: "1 and 2, as each says in v" },
    Format { name: "checkpoint", version: "C2SP tlog-checkpoint v1.0.0, signed-note v1.0.0" },
    Format { name: "tile/", version: "C2SP tlog-tiles v0.1.0" },
    Format { name: "receipts/", version: "C2SP tlog-proof v1" },
    Format { name: "traces.jsonl", version: "OTLP/JSON, protocol 1.x; semantic conventions 1.41.0" },
    Format { name: "records.csv", version: "RFC 4180" },
];

pub(super) const FILES: [File; 13] = [
    File {
        path: "checkpoint",
        when: When::Always,
        what: "The signed note: name, size and root of the log.",
        fields: &[],
    },
    File {
        path: "tile/entries/…",
        when: When::Whole,
        what: "The entries of the log, 256 a file, each behind its length in two bytes.",
        fields: &[],
    },
    File {
        path: "tile/<level>/…",
        when: When::Whole,
        what: "The hashes of the tree, 256 a file, 32 bytes each.",
        fields: &[],
    },
    File {
        path: "keys.txt",
        when: When::Always,
        what: "The log's public keys, a line each, for comparison. Do not believe them because they are here.",
        fields: &[],
    },
    File {
        path: "records.jsonl",
        when: When::Always,
        what: "A record a line. Fields that begin with `<type>` are those of `record.body` where `record.body.type` is that type.",
        fields: RECORD,
    },
    File {
        path: "records.csv",
        when: When::Always,
        what: "A request a line, for spreadsheets. A cell that could be taken for a formula has an apostrophe before it.",
        fields: &CSV,
    },
    File {
        path: "traces.jsonl",
        when: When::Always,
        what: "A finished request a line, as a trace in OTLP/JSON: one span of the request, and one below it for each of its first 64 \
               samples. Samples have no times of their own in the records: they have the request's. A number above 2^63 - 1 is left out.",
        fields: &TRACES,
    },
    File {
        path: "receipts/<record id>.txt",
        when: When::Receipts,
        what: "The proof that the record is in the log.",
        fields: &[],
    },
    File {
        path: "receipts/<record id>.json",
        when: When::Receipts,
        what: "The bytes that are hashed as the leaf of that record.",
        fields: &[],
    },
    File {
        path: "annex/…",
        when: When::Annex,
        what: "What whoever made the export put beside it. The log attests none of it, but for files that are marked as named by the log.",
        fields: &[],
    },
    File { path: "data-card.json", when: When::Always, what: "This description, for programs.", fields: &[] },
    File { path: "data-card.md", when: When::Always, what: "This description, for people.", fields: &[] },
    File {
        path: "manifest.json",
        when: When::Always,
        what: "What this is, and the SHA-256 of every other file. It was written last: a folder without it is no export.",
        fields: &MANIFEST,
    },
];

#[rustfmt::skip]
const CSV: [Field; 14] = [
    field("time", "When the request was let in, UTC."),
    field("tenant", "Whose it is."),
    field("principal", "The key that asked."),
    field("model", "The model's name."),
    field("strategy", "How the budget is spent."),
    field("effort", "The budget's name."),
    field("status", "How it stands: its outcome's status, what a person decided, `interrupted`, or `open` while it has no end."),
    field("prompt_tokens", "Tokens of the prompt."),
    field("generated_tokens", "Tokens that all samples generated."),
    field("cost_thousandths", "What it cost, in thousandths of a unit."),
    field("rules", "Rules, safeguards and classifiers that had a say."),
    field("request_id", "The request."),
    field("record_ids", "Its records, in their order."),
    field("leaves", "Their leaves."),
];

#[rustfmt::skip]
const MANIFEST: [Field; 20] = [
    field("format", "`forethought-export`."),
    field("version", "The version of the format of the whole folder."),
    field("made", "When it was made, as its maker says."),
    field("kind", "`whole` or `part`."),
    field("note", "In words what it is, and what it is not."),
    field("selection", "What was asked for."),
    field("origin", "The log's name."),
    field("size", "The leaves of the log."),
    field("root", "The root of the log, in base64."),
    field("records", "Records in the export."),
    field("requests", "Requests among them."),
    field("receipts", "Receipts in the export."),
    field("annex", "The files of the annex."),
    field("annex[].name", "Its path within `annex/`."),
    field("annex[].title", "What it is, as the maker of the export says."),
    field("annex[].media_type", "Its media type."),
    field("annex[].standing", "Who attests it: `maker`, `belongs_to` a digest that the log names, as the maker says, or `log`."),
    field("files[].path", "A file's path."),
    field("files[].bytes", "Its length."),
    field("files[].sha256", "Its SHA-256."),
];

#[rustfmt::skip]
const TRACES: [Field; 53] = [
    field("service.name", "Of the resource: `forethought`."),
    field("forethought.log.origin", "Of the resource: the log's name."),
    field("traceId", "The first 16 bytes of the SHA-256 of the request's id."),
    field("spanId", "The first 8 bytes of the SHA-256 of the admission's record id; for a sample, of the outcome's record id, `/` and the index."),
    field("parentSpanId", "Of a sample: the request's span."),
    field("startTimeUnixNano", "When the request was let in."),
    field("endTimeUnixNano", "That, and the time that the outcome says it took; the record's time for one that was interrupted, which is when that was found."),
    field("status.code", "2 for a request that ended in an error."),
    field("gen_ai.operation.name", "`chat`."),
    field("gen_ai.provider.name", "`forethought`."),
    field("gen_ai.request.model", "The model's name."),
    field("gen_ai.request.seed", "What every random draw comes from."),
    field("gen_ai.request.choice.count", "Answers that were asked for, where that is not 1."),
    field("gen_ai.request.max_tokens", "Tokens that all samples together may generate."),
    field("gen_ai.response.id", "The request's id."),
    field("gen_ai.response.finish_reasons", "Why the answer ends where it does."),
    field("gen_ai.usage.input_tokens", "Tokens of the prompt."),
    field("gen_ai.usage.output_tokens", "Tokens that all samples generated."),
    field("gen_ai.usage.reasoning.output_tokens", "Those of them that were thought."),
    field("error.type", "The code of the error that the client got, or else the status."),
    field("forethought.tenant", "Whose it is."),
    field("forethought.principal", "The key that asked."),
    field("forethought.strategy", "How the budget is spent."),
    field("forethought.effort", "The budget's name."),
    field("forethought.budget.max_samples", "Samples that may be started."),
    field("forethought.budget.total_tokens", "Tokens that all samples together may generate."),
    field("forethought.budget.sample_tokens", "Tokens that one sample may generate."),
    field("forethought.budget.deadline_ms", "Time that it may take, in milliseconds."),
    field("forethought.seed", "The seed as text, which is never left out."),
    field("forethought.weights.digest", "The digest of the model's weights."),
    field("forethought.policy.version", "The version of the policy that let it in."),
    field("forethought.policy.digest", "The digest of that policy's files."),
    field("forethought.samples", "Samples that were started."),
    field("forethought.samples.without_span", "Samples that have no span here, since there are more than 64."),
    field("forethought.votes.answers", "Different answers that were voted for."),
    field("forethought.votes.agreement", "The share of the votes that the most frequent answer has."),
    field("forethought.wall_ms", "Time that it took, in milliseconds."),
    field("forethought.cost_thousandths", "What it cost, in thousandths of a unit."),
    field("forethought.status", "How it stands."),
    field("forethought.rules", "Rules, safeguards and classifiers that had a say."),
    field("forethought.review.decision", "What was decided on an answer that was held."),
    field("forethought.review.principal", "The key of who decided."),
    field("forethought.review.time", "When that was decided."),
    field("forethought.record.ids", "Its records, in their order."),
    field("forethought.record.leaves", "Their leaves."),
    field("forethought.sample.index", "The sample's place, from 0."),
    field("forethought.sample.seed", "Its own seed, as text."),
    field("forethought.sample.tokens", "Tokens that it generated."),
    field("forethought.sample.thinking_tokens", "Those of them that were thought."),
    field("forethought.sample.finish_reason", "Why it ended."),
    field("forethought.sample.counted", "Whether its answer was counted in the vote."),
    field("forethought.sample.cancelled", "Whether it was stopped from outside."),
    field("forethought.sample.check", "What verifiers said of it."),
];

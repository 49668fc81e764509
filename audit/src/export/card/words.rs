//! The words of a data card. They are part of the format: see the module above. Each says in which versions of an export it stands.

use serde::Serialize;

use super::{record_fields::RECORD, trace_fields::TRACES};
use crate::export::manifest::{Kind, Manifest, has_tools};

/// In which versions of an export words stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum In {
    /// In every version that has a data card.
    All,
    /// In those that tell nothing of calls of tools.
    Old,
    /// In those that tell of them.
    New,
}

impl In {
    pub(super) const fn has(self, version: u32) -> bool {
        match self {
            Self::All => true,
            Self::Old => !has_tools(version),
            Self::New => has_tools(version),
        }
    }
}

/// A field of a file.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Field {
    pub(super) path: &'static str,
    pub(super) what: &'static str,
    #[serde(skip)]
    pub(super) versions: In,
}

pub(super) const fn field(path: &'static str, what: &'static str) -> Field {
    Field { path, what, versions: In::All }
}

/// As it stood before calls of tools were told of.
pub(super) const fn old(path: &'static str, what: &'static str) -> Field {
    Field { path, what, versions: In::Old }
}

/// As it stands since they are.
pub(super) const fn new(path: &'static str, what: &'static str) -> Field {
    Field { path, what, versions: In::New }
}

/// A file, or all files of a folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    pub(super) path: &'static str,
    when: When,
    versions: In,
    pub(super) what: &'static str,
    fields: &'static [Field],
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
    /// Its fields in this version.
    pub(super) fn fields(&self, version: u32) -> Vec<Field> {
        self.fields.iter().filter(|field| field.versions.has(version)).copied().collect()
    }

    #[cfg(test)]
    pub(super) const fn versions(&self) -> In {
        self.versions
    }

    pub(super) fn is_in(&self, manifest: &Manifest) -> bool {
        self.versions.has(manifest.version) && self.is_asked_for(manifest)
    }

    fn is_asked_for(&self, manifest: &Manifest) -> bool {
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
    #[serde(skip)]
    pub(super) versions: In,
}

/// The formats of an export of this version.
pub(super) fn formats(version: u32) -> Vec<Format> {
    FORMATS.iter().filter(|format| format.versions.has(version)).copied().collect()
}

/// What is not in an export of this version.
pub(super) fn not_in_it(version: u32) -> Vec<&'static str> {
    let contents = if has_tools(version) { CONTENTS } else { OLD_CONTENTS };
    std::iter::once(contents).chain(NOT_IN_IT).collect()
}

const OLD_CONTENTS: &str = "Contents: no prompt, no answer, no sample and no thought. A record has commitments to them, which nobody can \
     guess contents from. Reasons that people gave for what they did stand in records as they wrote them.";

const CONTENTS: &str = "Contents: no prompt, no answer, no sample, no thought, and nothing that a tool was called with or has said. A \
     record has commitments to them, which nobody can guess contents from. Reasons that people gave for what they did stand in records as \
     they wrote them.";

const NOT_IN_IT: [&str; 4] = [
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

const FORMATS: [Format; 10] = [
    Format { name: "manifest.json (forethought-export)", version: "2", versions: In::Old },
    Format { name: "manifest.json (forethought-export)", version: "3", versions: In::New },
    Format { name: "data-card.json (forethought-data-card)", version: "1", versions: In::All },
    Format { name: "records", version: "1 and 2, as each says in v", versions: In::Old },
    Format { name: "records", version: "1 to 3, as each says in v", versions: In::New },
    Format { name: "checkpoint", version: "C2SP tlog-checkpoint v1.0.0, signed-note v1.0.0", versions: In::All },
    Format { name: "tile/", version: "C2SP tlog-tiles v0.1.0", versions: In::All },
    Format { name: "receipts/", version: "C2SP tlog-proof v1", versions: In::All },
    Format { name: "traces.jsonl", version: "OTLP/JSON, protocol 1.x; semantic conventions 1.41.0", versions: In::All },
    Format { name: "records.csv", version: "RFC 4180", versions: In::All },
];

pub(super) const FILES: [File; 14] = [
    File {
        path: "checkpoint",
        when: When::Always,
        versions: In::All,
        what: "The signed note: name, size and root of the log.",
        fields: &[],
    },
    File {
        path: "tile/entries/…",
        when: When::Whole,
        versions: In::All,
        what: "The entries of the log, 256 a file, each behind its length in two bytes.",
        fields: &[],
    },
    File {
        path: "tile/<level>/…",
        when: When::Whole,
        versions: In::All,
        what: "The hashes of the tree, 256 a file, 32 bytes each.",
        fields: &[],
    },
    File {
        path: "keys.txt",
        when: When::Always,
        versions: In::All,
        what: "The log's public keys, a line each, for comparison. Do not believe them because they are here.",
        fields: &[],
    },
    File {
        path: "records.jsonl",
        when: When::Always,
        versions: In::All,
        what: "A record a line. Fields that begin with `<type>` are those of `record.body` where `record.body.type` is that type.",
        fields: RECORD,
    },
    File {
        path: "records.csv",
        when: When::Always,
        versions: In::All,
        what: "A request a line, for spreadsheets. A cell that could be taken for a formula has an apostrophe before it.",
        fields: &CSV,
    },
    File {
        path: "traces.jsonl",
        when: When::Always,
        versions: In::Old,
        what: "A finished request a line, as a trace in OTLP/JSON: one span of the request, and one below it for each of its first 64 \
               samples. Samples have no times of their own in the records: they have the request's. A number above 2^63 - 1 is left out.",
        fields: TRACES,
    },
    File {
        path: "traces.jsonl",
        when: When::Always,
        versions: In::New,
        what: "A finished request a line, as a trace in OTLP/JSON: one span of the request, one below it for each of its first 64 samples, \
               and one below that for each of its first 64 calls of tools. Samples have no times of their own in the records: they have \
               the request's. Calls have their own. A number above 2^63 - 1 is left out.",
        fields: TRACES,
    },
    File {
        path: "receipts/<record id>.txt",
        when: When::Receipts,
        versions: In::All,
        what: "The proof that the record is in the log.",
        fields: &[],
    },
    File {
        path: "receipts/<record id>.json",
        when: When::Receipts,
        versions: In::All,
        what: "The bytes that are hashed as the leaf of that record.",
        fields: &[],
    },
    File {
        path: "annex/…",
        when: When::Annex,
        versions: In::All,
        what: "What whoever made the export put beside it. The log attests none of it, but for files that are marked as named by the log.",
        fields: &[],
    },
    File {
        path: "data-card.json",
        when: When::Always,
        versions: In::All,
        what: "This description, for programs.",
        fields: &[],
    },
    File {
        path: "data-card.md",
        when: When::Always,
        versions: In::All,
        what: "This description, for people.",
        fields: &[],
    },
    File {
        path: "manifest.json",
        when: When::Always,
        versions: In::All,
        what: "What this is, and the SHA-256 of every other file. It was written last: a folder without it is no export.",
        fields: &MANIFEST,
    },
];

#[rustfmt::skip]
const CSV: [Field; 16] = [
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
    new("tool_calls", "Calls of tools that its models made."),
    new("tools", "The tools that they called, at most 64, in the order in which each was called first."),
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

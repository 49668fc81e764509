//! One request with everything about it as JSON: the same on the command line and over HTTP.

use forethought_audit::{Content, Digest, Record, Shown, Status, Story};
use serde_json::{Value, json};

/// A request, its records with their digests, and its contents if they were read.
pub fn shown_json(shown: &Shown) -> Value {
    let with_hash = |record: &Record, hash: Option<Digest>| json!({ "hash": hash, "record": record });
    let contents: Vec<Value> = shown.contents.iter().map(content_json).collect();
    json!({
        "status": Status::as_str(shown.status),
        "admission": with_hash(&shown.admission, Some(shown.admission_hash)),
        "end": shown.end.as_ref().map(|end| with_hash(end, shown.end_hash)),
        "review": shown.review.as_ref().map(|review| with_hash(review, shown.review_hash)),
        "contents": contents,
        "story": Story::of(shown),
    })
}

/// A content that is no text stands there in hexadecimal digits; one that cannot be read, with the reason.
fn content_json(content: &Content) -> Value {
    let (key, value) = match &content.content {
        Ok(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => ("text", text.to_owned()),
            Err(_) => ("hex", hex::encode(bytes)),
        },
        Err(error) => ("error", error.to_string()),
    };
    json!({ "record_id": content.record_id, "name": content.name, key: value })
}

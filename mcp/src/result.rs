//! What a server's result says to a model: text, cut to what may be kept.

use forethought_tools::Reply;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;

/// The reply that a result makes. Texts are joined by an empty line; of what is no text only its type and length are told.
pub(crate) fn reply(result: &CallToolResult, bytes: usize) -> Reply {
    let mut parts: Vec<String> = result.content.iter().map(part).collect();
    if let Some(structured) = result.structured_content.as_ref().filter(|value| !is_told(value, &result.content)) {
        parts.push(structured.to_string());
    }
    Reply { failed: result.is_error == Some(true), ..Reply::new(parts.join("\n\n"), bytes) }
}

/// Servers repeat what is structured as text, for clients that know no better (2025-06-18, server/tools). SDKs also wrap a plain
/// text or number into an object of one field.
fn is_told(structured: &Value, content: &[ContentBlock]) -> bool {
    let inner = structured.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.values().next());
    content.iter().any(|block| match block {
        ContentBlock::Text(text) => {
            let told = serde_json::from_str::<Value>(&text.text).ok();
            told.as_ref().is_some_and(|told| told == structured || Some(told) == inner)
                || inner.and_then(Value::as_str) == Some(text.text.as_str())
        }
        _ => false,
    })
}

fn part(block: &ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => left_out("image", Some(&image.mime_type), &image.data),
        ContentBlock::Audio(audio) => left_out("audio", Some(&audio.mime_type), &audio.data),
        ContentBlock::Resource(embedded) => resource(&embedded.resource),
        ContentBlock::ResourceLink(link) => {
            let about = link.description.as_deref().map(|about| format!(": {about}")).unwrap_or_default();
            format!("[link to a resource: {} <{}>{about}]", link.name, link.uri)
        }
        _ => "[something that is no text was left out]".to_owned(),
    }
}

fn resource(contents: &ResourceContents) -> String {
    match contents {
        ResourceContents::TextResourceContents { uri, text, .. } => format!("[resource <{uri}>]\n{text}"),
        ResourceContents::BlobResourceContents { uri, blob, mime_type, .. } => {
            format!("[resource <{uri}>]\n{}", left_out("blob", mime_type.as_deref(), blob))
        }
        _ => "[a resource that is no text was left out]".to_owned(),
    }
}

/// A note in the place of data in base64, whose length is that of what it stands for.
fn left_out(what: &str, kind: Option<&str>, base64: &str) -> String {
    let bytes = base64.trim_end_matches('=').len() / 4 * 3 + (base64.trim_end_matches('=').len() % 4).saturating_sub(1);
    let kind: String = kind.unwrap_or("unknown type").chars().filter(|letter| !letter.is_control()).take(80).collect();
    format!("[{what} left out: {kind}, {bytes} bytes]")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(result: Value, expected: &str) {
        let result: CallToolResult = serde_json::from_value(result).unwrap();
        assert_eq!(reply(&result, 1000).text, expected);
    }

    #[test]
    fn texts_are_joined_and_other_things_noted() {
        check(json!({ "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] }), "a\n\nb");
        check(json!({ "content": [] }), "");
        let image = json!({ "type": "image", "data": "QUJD", "mimeType": "image/png" });
        check(json!({ "content": [image] }), "[image left out: image/png, 3 bytes]");
        let audio = json!({ "type": "audio", "data": "QQ==", "mimeType": "audio/wav\n" });
        check(json!({ "content": [audio] }), "[audio left out: audio/wav, 1 bytes]");
        let link = json!({ "type": "resource_link", "uri": "file:///a", "name": "a", "description": "the first" });
        check(json!({ "content": [link] }), "[link to a resource: a <file:///a>: the first]");
        let text = json!({ "type": "resource", "resource": { "uri": "file:///a", "text": "hello" } });
        check(json!({ "content": [text] }), "[resource <file:///a>]\nhello");
        let blob = json!({ "type": "resource", "resource": { "uri": "file:///a", "blob": "QUI=" } });
        check(json!({ "content": [blob] }), "[resource <file:///a>]\n[blob left out: unknown type, 2 bytes]");
    }

    #[test]
    fn what_is_structured_is_told_once() {
        check(json!({ "content": [], "structuredContent": { "a": 1 } }), r#"{"a":1}"#);
        let text = json!({ "type": "text", "text": "{ \"a\": 1 }" });
        check(json!({ "content": [text], "structuredContent": { "a": 1 } }), "{ \"a\": 1 }");
        check(json!({ "content": [text], "structuredContent": { "a": 2 } }), "{ \"a\": 1 }\n\n{\"a\":2}");
        let of = |text: &str| json!([{ "type": "text", "text": text }]);
        check(json!({ "content": of("42"), "structuredContent": { "result": 42 } }), "42");
        check(json!({ "content": of("hello\n"), "structuredContent": { "content": "hello\n" } }), "hello\n");
        check(json!({ "content": of("42"), "structuredContent": { "result": 43 } }), "42\n\n{\"result\":43}");
    }

    #[test]
    fn a_long_result_is_cut_and_an_error_told() {
        let result = json!({ "content": [{ "type": "text", "text": "é".repeat(100) }], "isError": true });
        let reply = reply(&serde_json::from_value(result).unwrap(), 11);
        assert_eq!((reply.text.as_str(), reply.left_out, reply.failed), ("ééééé", 190, true));
    }
}

//! Cuts a text as the model was trained, before its tokens are merged.
//!
//! mistralrs 0.8.1 gives every byte-level BPE tokenizer of a GGUF file the cut of Qwen 2 (`gguf_tokenizer.rs`), which
//! changes the tokens of spaces, digits and line ends for other models. Drop this when a later version reads
//! `tokenizer.ggml.pre`.

use std::str::FromStr;

use serde_json::{Value, json};

use crate::GgufHeader;

/// The pre-tokenizer that the file asks for, or `None` where the library's own is right.
///
/// # Errors
/// The name of a cut that is not known: wrong tokens would be worse than no model.
pub(super) fn wanted(header: &GgufHeader) -> Result<Option<Value>, String> {
    if header.tokenizer.as_deref() != Some("gpt2") {
        return Ok(None);
    }
    let bytes = |regex: bool| json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": regex });
    let sequence = |first: Value, regex| json!({ "type": "Sequence", "pretokenizers": [first, bytes(regex)] });
    let name = header.pre_tokenizer.as_deref().unwrap_or("gpt-2");
    match name {
        "qwen2" | "deepseek-r1-qwen" => Ok(None),
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => {
            Ok(Some(sequence(json!({ "type": "Digits", "individual_digits": true }), true)))
        }
        "gpt-2" | "mpt" | "olmo" | "jais" | "phi-2" | "default" => Ok(Some(bytes(true))),
        "llama-bpe" | "llama3" | "llama-v3" | "smaug-bpe" => Ok(Some(sequence(
            json!({
                "type": "Split",
                "pattern": { "Regex": LLAMA_3 },
                "behavior": "Isolated",
                "invert": false,
            }),
            false,
        ))),
        other => Err(other.to_owned()),
    }
}

/// As in `tokenizer.json` of Llama 3.
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The same tokenizer with another cut. It goes through its own JSON, so that this crate need not name its type.
///
/// # Errors
/// What the tokenizer says when it cannot be written or read again.
pub(super) fn with_cut<T: FromStr<Err: ToString>>(tokenizer_json: &str, cut: Value) -> Result<T, String> {
    let mut tokenizer: Value = serde_json::from_str(tokenizer_json).map_err(|error| error.to_string())?;
    if let Value::Object(fields) = &mut tokenizer {
        fields.insert("pre_tokenizer".to_owned(), cut);
    }
    tokenizer.to_string().parse().map_err(|error: T::Err| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(model: &str, pre: Option<&str>) -> GgufHeader {
        GgufHeader {
            architecture: "llama".into(),
            context_tokens: 1,
            chat_template: None,
            tokenizer: Some(model.into()),
            pre_tokenizer: pre.map(ToOwned::to_owned),
            bos: None,
            eos: None,
            control_tokens: vec![],
        }
    }

    #[test]
    fn the_file_decides_the_cut() {
        assert_eq!(wanted(&header("llama", None)), Ok(None));
        assert_eq!(wanted(&header("gpt2", Some("qwen2"))), Ok(None));
        assert!(wanted(&header("gpt2", Some("smollm"))).unwrap().unwrap().to_string().contains("Digits"));
        assert!(wanted(&header("gpt2", None)).unwrap().unwrap().to_string().contains("ByteLevel"));
        assert_eq!(wanted(&header("gpt2", Some("no-such"))), Err("no-such".to_owned()));
    }
}

//! One text for each JSON value, whatever the order of its keys, and the digest of it.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// `sha256:` and the digest of a value, kept apart by its domain from every other use of SHA-256.
pub(crate) fn digest(domain: &str, value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    let hash = Sha256::new().chain_update(domain).chain_update([0]).chain_update(text).finalize();
    format!("sha256:{}", hex::encode(hash))
}

/// A number to six significant digits. The last digits of a fraction can change when JSON is read, so [`digest`] looks at
/// ten of them, and what is kept has six.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => text.push_str(&plain(number)),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            text.push('{');
            for (name, value) in sorted {
                write(&Value::String(name.clone()), text);
                text.push(':');
                write(value, text);
                text.push(',');
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// A whole number as it is, however it is written; another to ten digits.
fn plain(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => format!("{float:.9e}"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_said_decides_the_digest() {
        let of = |text: &str| digest("d", &serde_json::from_str(text).unwrap());
        let base = of(r#"{"a":[1,0.25,"x"],"b":null}"#);
        let check = |text: &str, same: bool| assert_eq!(of(text) == base, same, "{text}");
        check(r#"{ "b": null, "a": [1, 0.2500, "x"] }"#, true);
        check(r#"{"a":[1,0.25000000000000006,"x"],"b":null}"#, true);
        check(r#"{"a":[1,0.250001,"x"],"b":null}"#, false);
        check(r#"{"a":[1,0.25,"x"]}"#, false);
        check(r#"{"a":[1,0.25],"b":null}"#, false);
        check(r#"{"a":[1,0.25,"x,"],"b":null}"#, false);
        assert_ne!(digest("e", &json!({})), digest("d", &json!({})));
    }

    #[test]
    fn rounded_numbers_keep_six_digits() {
        let check =
            |value: f64, expected: f64| assert!((rounded(value) - expected).abs() < f64::MIN_POSITIVE, "{value}");
        check(0.123_456_789, 0.123_457);
        check(-1.234_567_89e-12, -1.234_57e-12);
        check(0.0, 0.0);
        check(1.0, 1.0);
    }
}

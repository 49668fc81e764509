//! The files of questions, and when two answers are the same.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Keeps these hashes apart from every other use of SHA-256.
const DOMAIN: &[u8] = b"forethought bench votes 1";
/// Two numbers whose relative difference is smaller are the same: the files hold decimals such as 7.26.
const TOLERANCE: f64 = 1e-9;

/// One question and its right answer.
#[derive(Debug)]
pub struct Question {
    /// Its name, which no other one of the file has.
    pub id: String,
    /// What is asked.
    pub text: String,
    /// The right answer: a number or an object.
    pub answer: Value,
}

/// Reads a file of questions; an error names the file and the line.
pub fn read(file: &Path, limit: Option<u32>) -> Result<Vec<Question>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&text, limit).map_err(|(line, why)| anyhow!("{}:{line}: {why}", file.display()))
}

fn parse(text: &str, limit: Option<u32>) -> Result<Vec<Question>, (usize, String)> {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let mut lines: HashMap<String, usize> = HashMap::new();
    let mut questions = Vec::new();
    let filled = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    for (number, line) in filled.take(limit) {
        let question = Question::parse(line).map_err(|why| (number, format!("{why:#}")))?;
        if let Some(first) = lines.insert(question.id.clone(), number) {
            return Err((
                number,
                format!("the id `{}` stands on line {first} already: give each its own", question.id),
            ));
        }
        questions.push(question);
    }
    if questions.is_empty() {
        return Err((1, "there is no question: write one JSON object a line".to_owned()));
    }
    Ok(questions)
}

impl Question {
    fn parse(line: &str) -> Result<Self> {
        const MEND: &str = "write a JSON object with `id`, `question` and `answer`";
        let value: Value = serde_json::from_str(line).with_context(|| format!("this is no JSON; {MEND}"))?;
        let text = |key: &str| {
            let text = value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(ToOwned::to_owned).with_context(|| format!("`{key}` is no text; {MEND}"))
        };
        let answer = value.get("answer").cloned().unwrap_or_default();
        ensure!(answer.is_number() || answer.is_object(), "`answer` is neither a number nor an object");
        Ok(Self { id: text("id")?, text: text("question")?, answer })
    }

    /// What the service is to look for in a sample, as `deliberation.answer` names it.
    pub fn kind(&self) -> &'static str {
        if self.answer.is_object() { "json" } else { "number" }
    }

    /// The request's seed: other questions have other ones, and the same in every run. It has 53 bits, which every JSON
    /// library keeps.
    pub fn seed(&self, base: u64) -> u64 {
        let hash =
            Sha256::new().chain_update(DOMAIN).chain_update(base.to_le_bytes()).chain_update(&self.id).finalize();
        hash.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte)) >> 11
    }

    /// Whether this canonical answer of the service is the right one: by number, or as a whole JSON value.
    pub fn is_right(&self, canonical: &str) -> bool {
        match self.answer.as_f64() {
            Some(right) => number(canonical).is_some_and(|given| close(given, right)),
            None => serde_json::from_str(canonical).is_ok_and(|given| same(&given, &self.answer)),
        }
    }
}

/// A canonical number is a decimal or a fraction.
fn number(canonical: &str) -> Option<f64> {
    match canonical.split_once('/') {
        Some((over, under)) => Some(over.parse::<f64>().ok()? / under.parse::<f64>().ok()?),
        None => canonical.parse().ok(),
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * b.abs().max(1.0)
}

/// JSON equality for which 42 and 42.0 are the same, and spaces at a text's ends do not count, as in a vote.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| close(a, b)),
        (Value::String(a), Value::String(b)) => a.trim() == b.trim(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn question(id: &str, answer: Value) -> Question {
        Question { id: id.into(), text: "?".into(), answer }
    }

    #[test]
    fn a_wrong_line_is_named_with_what_is_wrong() {
        let check = |text: &str, line: usize, expect: &str| {
            let (at, why) = parse(text, None).unwrap_err();
            assert!(at == line && why.contains(expect), "{text:?}: {at}: {why}");
        };
        let good = r#"{"id": "a", "question": "?", "answer": 1}"#;
        check("", 1, "no question");
        check(&format!("{good}\nnot json\n"), 2, "no JSON");
        check(&format!("{good}\n\n{good}\n"), 3, "`a` stands on line 1");
        check(r#"{"question": "?", "answer": 1}"#, 1, "`id` is no text");
        check(r#"{"id": "a", "question": 7, "answer": 1}"#, 1, "`question` is no text");
        for answer in ["\"7\"", "null", "[1]", "true"] {
            check(&format!("{{\"id\": \"a\", \"question\": \"?\", \"answer\": {answer}}}"), 1, "neither a number");
        }
        let missing = read(Path::new("/none.jsonl"), None).unwrap_err().to_string();
        assert_eq!(missing, "cannot read /none.jsonl");
    }

    #[test]
    fn the_limit_takes_the_first_ones() {
        let text =
            "{\"id\":\"a\",\"question\":\"?\",\"answer\":1}\n{\"id\":\"b\",\"question\":\"?\",\"answer\":{}}\nbroken";
        let ids: Vec<String> = parse(text, Some(2)).unwrap().into_iter().map(|question| question.id).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    #[test]
    fn numbers_are_compared_by_value() {
        let check = |right: Value, canonical: &str, expect| {
            assert_eq!(question("a", right.clone()).is_right(canonical), expect, "{right} {canonical}");
        };
        check(json!(20.0), "20", true);
        check(json!(20), "21", false);
        check(json!(7.26), "7.26", true);
        check(json!(0.5), "1/2", true);
        check(json!(0), "-0.1", false);
        check(json!(-3), "-3", true);
        check(json!(3), "three", false);
    }

    #[test]
    fn objects_are_compared_as_a_whole() {
        let check = |canonical: &str, expect| {
            let right = json!({ "name": "Ann", "age": 42 });
            assert_eq!(question("a", right).is_right(canonical), expect, "{canonical}");
        };
        check(r#"{"age":42,"name":"Ann"}"#, true);
        check(r#"{"age":42.0,"name":"Ann "}"#, true);
        check(r#"{"age":"42","name":"Ann"}"#, false);
        check(r#"{"age":42,"name":"Ann","city":"Oslo"}"#, false);
        check(r#"{"age":42}"#, false);
        check("42", false);
        check("", false);
    }

    #[test]
    fn seeds_are_repeatable_and_differ() {
        let seed = |id: &str, base| question(id, json!(1)).seed(base);
        assert_eq!(seed("a", 1), seed("a", 1));
        assert_ne!(seed("a", 1), seed("b", 1));
        assert_ne!(seed("a", 1), seed("a", 2));
        assert!(seed("a", 1) < 1 << 53);
    }
}

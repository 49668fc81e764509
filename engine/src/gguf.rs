//! Reads the header of a GGUF file, so that a wrong file is refused with a clear error before the model library sees it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

/// Longest text and largest count that a sane header holds; more means that the file is damaged.
const MAX_TEXT: u64 = 16 << 20;
const MAX_COUNT: u64 = 1 << 20;

/// Why a file is not a usable model.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}; check the path and its permissions, or run `cargo xtask model`")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{path} is not a GGUF file; give the path of a .gguf model")]
    NotGguf {
        /// The file.
        path: PathBuf,
    },
    /// A part is missing.
    #[error("{path} is cut short: it holds {actual} bytes and its header speaks of {expected}; fetch it again")]
    CutShort {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        actual: u64,
        /// The size that the header implies, at least.
        expected: u64,
    },
    /// The header makes no sense.
    #[error("{path} is damaged: {what}; fetch it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What makes no sense.
        what: String,
    },
}

/// What is known of a model before it is loaded.
#[derive(Clone, Debug)]
pub struct GgufHeader {
    /// Such as `llama`.
    pub architecture: String,
    /// Tokens that prompt and answer may hold together.
    pub context_tokens: u32,
    /// The Jinja chat template, when the file has one.
    pub chat_template: Option<String>,
    /// The kind of tokenizer, such as `gpt2` (byte-level BPE).
    pub tokenizer: Option<String>,
    /// How that tokenizer cuts a text before it merges, such as `smollm`.
    pub pre_tokenizer: Option<String>,
    /// The text of the token that begins a sequence, when the file names one.
    pub bos: Option<String>,
    /// The text of the token that ends a turn, when the file names one.
    pub eos: Option<String>,
    /// The texts of tokens that stand for no text, such as `<|im_start|>`.
    pub control_tokens: Vec<String>,
}

#[derive(Debug)]
enum Value {
    Number(u64),
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<u64>),
    Other,
}

impl GgufHeader {
    /// Reads the header and checks that the file is as long as it must be.
    ///
    /// # Errors
    /// [`GgufError`], which names the file and the mend.
    pub fn read(path: &Path) -> Result<Self, GgufError> {
        let io = |source| GgufError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let mut reader = Reader { path, size, input: BufReader::new(file), read: 0 };
        let (fields, needed) = reader.header()?;
        if size < needed {
            return Err(GgufError::CutShort { path: path.to_owned(), actual: size, expected: needed });
        }
        let text = |key: &str| match fields.get(key) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let architecture = text("general.architecture").ok_or_else(|| GgufError::Damaged {
            path: path.to_owned(),
            what: "it does not name its architecture".to_owned(),
        })?;
        let number = |key: &str| match fields.get(key) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        };
        let token = |key: &str| match fields.get("tokenizer.ggml.tokens") {
            Some(Value::Texts(tokens)) => number(key).and_then(|id| tokens.get(usize::try_from(id).ok()?).cloned()),
            _ => None,
        };
        Ok(Self {
            context_tokens: number(&format!("{architecture}.context_length"))
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(4096),
            chat_template: text("tokenizer.chat_template"),
            tokenizer: text("tokenizer.ggml.model"),
            pre_tokenizer: text("tokenizer.ggml.pre"),
            bos: token("tokenizer.ggml.bos_token_id"),
            eos: token("tokenizer.ggml.eos_token_id"),
            control_tokens: control_tokens(&fields),
            architecture,
        })
    }
}

/// Normal text is of type 1; what the model's makers added is of type 4: control tokens in some files, and tags or runs of
/// spaces in others.
fn control_tokens(fields: &BTreeMap<String, Value>) -> Vec<String> {
    let (Some(Value::Texts(tokens)), Some(Value::Numbers(types))) =
        (fields.get("tokenizer.ggml.tokens"), fields.get("tokenizer.ggml.token_type"))
    else {
        return Vec::new();
    };
    let is_control = |token: &str, kind: u64| match kind {
        1 => false,
        4 => token.starts_with("<|") && token.ends_with("|>"),
        _ => true,
    };
    tokens.iter().zip(types).filter(|(token, kind)| is_control(token, **kind)).map(|(token, _)| token.clone()).collect()
}

struct Reader<'a> {
    path: &'a Path,
    size: u64,
    input: BufReader<File>,
    read: u64,
}

impl Reader<'_> {
    fn header(&mut self) -> Result<(BTreeMap<String, Value>, u64), GgufError> {
        if self.size < 4 || self.bytes::<4>()? != *b"GGUF" {
            return Err(GgufError::NotGguf { path: self.path.to_owned() });
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(self.damaged(format!("GGUF version {version} is not known")));
        }
        let tensors = self.count("tensors")?;
        let count = self.count("fields")?;
        let mut fields = BTreeMap::new();
        for _ in 0..count {
            let key = self.text()?;
            let kind = self.u32()?;
            let value = self.value(kind)?;
            fields.insert(key, value);
        }
        let mut furthest = 0;
        for _ in 0..tensors {
            furthest = furthest.max(self.tensor()?);
        }
        let alignment = match fields.get("general.alignment") {
            Some(Value::Number(n)) if n.is_power_of_two() => *n,
            _ => 32,
        };
        Ok((fields, self.read.next_multiple_of(alignment).saturating_add(furthest)))
    }

    /// Where a tensor ends, counted from the start of the data.
    fn tensor(&mut self) -> Result<u64, GgufError> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        if dimensions > 8 {
            return Err(self.damaged(format!("tensor {name} has {dimensions} dimensions")));
        }
        let mut elements = 1u64;
        for _ in 0..dimensions {
            elements = elements.saturating_mul(self.u64()?);
        }
        let kind = self.u32()?;
        let offset = self.u64()?;
        // Elements and bytes of a block, as in ggml.h; an unknown type is left to the model library.
        let (block, bytes) = match kind {
            0 => (1, 4),
            1 | 30 => (1, 2),
            2 => (32, 18),
            3 => (32, 20),
            6 => (32, 22),
            7 => (32, 24),
            8 => (32, 34),
            9 => (32, 36),
            10 => (256, 84),
            11 => (256, 110),
            12 => (256, 144),
            13 => (256, 176),
            14 => (256, 210),
            15 => (256, 292),
            _ => (1, 0),
        };
        Ok(offset.saturating_add((elements / block).saturating_mul(bytes)))
    }

    fn value(&mut self, kind: u32) -> Result<Value, GgufError> {
        Ok(match kind {
            0 | 1 | 7 => Value::Number(u64::from(self.bytes::<1>()?[0])),
            2 | 3 => Value::Number(u64::from(u16::from_le_bytes(self.bytes()?))),
            4 | 5 => Value::Number(u64::from(self.u32()?)),
            10 | 11 => Value::Number(self.u64()?),
            6 => {
                self.bytes::<4>()?;
                Value::Other
            }
            12 => {
                self.bytes::<8>()?;
                Value::Other
            }
            8 => Value::Text(self.text()?),
            9 => {
                let inner = self.u32()?;
                // No model has a use for it, and a file that nests deeper and deeper would overflow the stack.
                if inner == 9 {
                    return Err(self.damaged("it holds an array of arrays".to_owned()));
                }
                let count = self.count("array elements")?;
                let (mut texts, mut numbers) = (Vec::new(), Vec::new());
                for _ in 0..count {
                    match self.value(inner)? {
                        Value::Text(text) => texts.push(text),
                        Value::Number(number) => numbers.push(number),
                        _ => {}
                    }
                }
                match (texts.is_empty(), numbers.is_empty()) {
                    (false, _) => Value::Texts(texts),
                    (true, false) => Value::Numbers(numbers),
                    (true, true) => Value::Other,
                }
            }
            other => return Err(self.damaged(format!("value type {other} is not known"))),
        })
    }

    fn count(&mut self, what: &str) -> Result<u64, GgufError> {
        let count = self.u64()?;
        if count > MAX_COUNT {
            return Err(self.damaged(format!("it speaks of {count} {what}")));
        }
        Ok(count)
    }

    fn text(&mut self) -> Result<String, GgufError> {
        let length = self.u64()?;
        if length > MAX_TEXT {
            return Err(self.damaged(format!("it speaks of a text of {length} bytes")));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.fill(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), GgufError> {
        self.read += bytes.len() as u64;
        if self.read > self.size {
            return Err(GgufError::CutShort { path: self.path.to_owned(), actual: self.size, expected: self.read });
        }
        self.input.read_exact(bytes).map_err(|source| GgufError::Io { path: self.path.to_owned(), source })
    }

    fn damaged(&self, what: String) -> GgufError {
        GgufError::Damaged { path: self.path.to_owned(), what }
    }
}

/// Headers for tests.
#[cfg(test)]
pub(crate) mod fixture {
    pub(crate) fn text(s: &str) -> Vec<u8> {
        [(s.len() as u64).to_le_bytes().as_slice(), s.as_bytes()].concat()
    }

    /// A file without tensors, with these fields of text.
    pub(crate) fn file(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3u32.to_le_bytes());
        file.extend(0u64.to_le_bytes());
        file.extend((fields.len() as u64 + 1).to_le_bytes());
        for (key, value) in [&[("general.architecture", "llama")], fields].concat() {
            file.extend([text(key), 8u32.to_le_bytes().to_vec(), text(value)].concat());
        }
        file.resize(file.len().next_multiple_of(32), 0);
        file
    }
}

#[cfg(test)]
mod tests {
    use super::{fixture::text, *};

    fn small() -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3u32.to_le_bytes());
        file.extend(1u64.to_le_bytes());
        file.extend(2u64.to_le_bytes());
        file.extend([text("general.architecture"), 8u32.to_le_bytes().to_vec(), text("llama")].concat());
        file.extend([text("llama.context_length"), 4u32.to_le_bytes().to_vec(), 64u32.to_le_bytes().to_vec()].concat());
        file.extend([text("w"), 1u32.to_le_bytes().to_vec(), 8u64.to_le_bytes().to_vec()].concat());
        file.extend([0u32.to_le_bytes().to_vec(), 0u64.to_le_bytes().to_vec()].concat());
        file.resize(file.len().next_multiple_of(32) + 32, 0);
        file
    }

    fn check(bytes: &[u8], expect: &str) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.gguf");
        std::fs::write(&path, bytes).unwrap();
        let got = GgufHeader::read(&path).map_or_else(|e| e.to_string(), |h| format!("ok {}", h.context_tokens));
        assert!(got.contains(expect), "{got}");
    }

    #[test]
    fn a_wrong_file_is_refused_with_the_mend() {
        check(&small(), "ok 64");
        check(b"", "is not a GGUF file; give the path");
        check(b"PK\x03\x04 something else", "is not a GGUF file");
        let whole = small();
        for cut in [10, 40, 100, whole.len() - 1] {
            check(&whole[..cut], "is cut short");
        }
        let mut damaged = small();
        damaged[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        check(&damaged, "is damaged: it speaks of");
        let mut nested = b"GGUF".to_vec();
        nested.extend([3u32.to_le_bytes().as_slice(), &0u64.to_le_bytes(), &1u64.to_le_bytes(), &text("k")].concat());
        nested.extend(9u32.to_le_bytes());
        for _ in 0..100_000 {
            nested.extend([9u32.to_le_bytes().as_slice(), &1u64.to_le_bytes()].concat());
        }
        check(&nested, "is damaged: it holds an array of arrays");
        let missing = GgufHeader::read(Path::new("/nowhere/m.gguf")).unwrap_err().to_string();
        assert!(missing.contains("cannot read /nowhere/m.gguf") && missing.contains("check the path"), "{missing}");
    }
}

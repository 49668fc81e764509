//! A small reader and writer of GGUF, the file format of ggml: header, metadata, tensors.
//!
//! Source: `docs/gguf.md` in ggml. Metadata values are kept as their bytes; only what is needed is understood.

mod read;
mod write;

use anyhow::{Result, bail};

pub use write::{Planned, write};

const MAGIC: &[u8] = b"GGUF";
const VERSION: u32 = 3;
/// The type number of a `u32` metadata value.
const VALUE_U32: u32 = 4;

/// A parsed file; tensors' data borrow from its bytes.
pub struct Gguf<'a> {
    /// Metadata in the file's order.
    pub metadata: Vec<Entry<'a>>,
    /// Tensors in the file's order.
    pub tensors: Vec<Tensor<'a>>,
    /// Each tensor's data begins at a multiple of this many bytes.
    pub alignment: usize,
}

/// One metadata key with its value's type number and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value's type number.
    pub kind: u32,
    /// The value as it is stored.
    pub value: &'a [u8],
}

impl Entry<'_> {
    /// The value, when it is a `u32`.
    fn as_u32(&self) -> Option<u32> {
        let bytes = self.value.try_into().ok()?;
        (self.kind == VALUE_U32).then(|| u32::from_le_bytes(bytes))
    }
}

/// One tensor: name, shape, type and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The dimensions, the fastest first.
    pub shape: Vec<u64>,
    /// How the weights are stored.
    pub stored: Type,
    /// The weights as they are stored.
    pub data: &'a [u8],
}

/// How a tensor's weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// 32-bit floats.
    F32,
    /// A scale and 32 half-bytes.
    Q4_0,
    /// A scale, a minimum and 32 half-bytes.
    Q4_1,
    /// A scale and 32 bytes.
    Q8_0,
}

impl Type {
    /// ggml's number of the type.
    pub fn number(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q8_0 => 8,
        }
    }

    /// The type with this number.
    pub fn from_number(number: u32) -> Result<Self> {
        Ok(match number {
            0 => Self::F32,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            8 => Self::Q8_0,
            other => bail!("tensor type {other} is not supported: only F32 (0), Q4_0 (2), Q4_1 (3) and Q8_0 (8) are"),
        })
    }

    /// Bytes a block.
    pub fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q8_0 => 34,
        }
    }

    /// Weights a block.
    pub fn block_weights(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q8_0 => 32,
        }
    }

    /// Bytes that so many weights take; `None` when they do not fill whole blocks.
    pub fn bytes(self, weights: usize) -> Option<usize> {
        weights.is_multiple_of(self.block_weights()).then_some(())?;
        (weights / self.block_weights()).checked_mul(self.block_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with two metadata keys and two tensors.
    fn sample() -> Vec<u8> {
        let norm: Vec<u8> = [1.0_f32, 2.0, 3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let metadata = [
            Entry { key: b"general.file_type", kind: VALUE_U32, value: &3_u32.to_le_bytes() },
            Entry { key: b"words", kind: 9, value: &strings(&["a", "bc"]) },
        ];
        let planned = [
            Planned { name: b"norm", shape: &[3], wanted: Type::F32 },
            Planned { name: b"w", shape: &[32, 2], wanted: Type::Q8_0 },
        ];
        let mut out = Vec::new();
        let mut data = [norm, vec![7; 68]].into_iter();
        write(&mut out, &metadata, &planned, 32, |_| Ok(data.next().unwrap().into())).unwrap();
        out
    }

    fn strings(words: &[&str]) -> Vec<u8> {
        let mut bytes = 8_u32.to_le_bytes().to_vec();
        bytes.extend((words.len() as u64).to_le_bytes());
        for word in words {
            bytes.extend((word.len() as u64).to_le_bytes());
            bytes.extend(word.as_bytes());
        }
        bytes
    }

    fn refusal(bytes: &[u8]) -> String {
        Gguf::parse(bytes).err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = sample();
        let file = Gguf::parse(&bytes).unwrap();
        assert_eq!(file.alignment, 32);
        assert_eq!(file.metadata[0].as_u32(), Some(3));
        assert_eq!(file.metadata[1].key, b"words");
        assert_eq!(file.metadata[1].value, strings(&["a", "bc"]));
        assert_eq!(file.tensors[0].data.len(), 12);
        assert_eq!((&file.tensors[1].shape[..], file.tensors[1].stored), (&[32, 2][..], Type::Q8_0));
        assert_eq!(file.tensors[1].data, [7; 68]);
        assert_eq!(bytes.len() % 32, 0, "the last tensor is padded too");
    }

    #[test]
    fn other_files_are_refused() {
        assert!(refusal(b"PK\x03\x04 a zip file").contains("not a GGUF file"));
        assert!(refusal(b"").contains("not a GGUF file"));
        let mut old = sample();
        old[4] = 1;
        assert!(refusal(&old).contains("version 1"), "{}", refusal(&old));
    }

    #[test]
    fn a_file_cut_short_anywhere_is_refused() {
        let bytes = sample();
        let end = bytes.len() - 28; // the last tensor's padding may be missing
        for cut in 4..end {
            let text = refusal(&bytes[..cut]);
            assert!(text.contains("cut short"), "cut at {cut}: {text:?}");
        }
        assert!(Gguf::parse(&bytes[..end]).is_ok());
    }

    #[test]
    fn absurd_counts_are_refused_without_taking_memory() {
        let mut bytes = sample();
        bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(!refusal(&bytes).is_empty());
        let mut bytes = sample();
        bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(!refusal(&bytes).is_empty());
    }

    #[test]
    fn an_unknown_tensor_type_is_refused_by_name() {
        let bytes = sample();
        let at = bytes.windows(12).position(|window| window == [2, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0]).unwrap() + 20;
        let mut strange = bytes;
        strange[at] = 99;
        assert!(refusal(&strange).contains("tensor w: tensor type 99"), "{}", refusal(&strange));
    }
}

//! Reading GGUF: every length is checked against what is there.

use anyhow::{Context, Result, bail, ensure};

use super::{Entry, Gguf, MAGIC, Tensor, Type};

const VALUE_STRING: u32 = 8;
const VALUE_ARRAY: u32 = 9;

impl<'a> Gguf<'a> {
    /// Reads a whole file (versions 2 and 3, little-endian).
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut cursor = Cursor { bytes, at: 0 };
        ensure!(bytes.starts_with(MAGIC), "this is not a GGUF file: it does not begin with \"GGUF\"");
        cursor.take(MAGIC.len())?;
        let version = cursor.u32()?;
        ensure!((2..=3).contains(&version), "GGUF version {version} is not supported: only 2 and 3 are");
        let tensor_count = cursor.u64()?;
        let metadata_count = cursor.u64()?;
        // Counts are not trusted: the lists grow only as far as there are bytes.
        let mut metadata = Vec::new();
        for _ in 0..metadata_count {
            metadata.push(cursor.entry()?);
        }
        let alignment = alignment(&metadata)?;
        let mut described = Vec::new();
        for _ in 0..tensor_count {
            described.push(cursor.described()?);
        }
        let data_start = cursor.at.next_multiple_of(alignment);
        let tensors = described.into_iter().map(|tensor| tensor.with_data(bytes, data_start)).collect::<Result<_>>()?;
        Ok(Self { metadata, tensors, alignment })
    }
}

fn alignment(metadata: &[Entry<'_>]) -> Result<usize> {
    let Some(entry) = metadata.iter().find(|entry| entry.key == b"general.alignment") else {
        return Ok(32);
    };
    let value =
        entry.as_u32().filter(|value| value.is_power_of_two()).context("general.alignment is no power of two")?;
    usize::try_from(value).context("general.alignment is too large")
}

/// A tensor's description, before its data are looked up.
struct Described<'a> {
    name: &'a [u8],
    shape: Vec<u64>,
    stored: Type,
    offset: u64,
}

impl<'a> Described<'a> {
    fn with_data(self, bytes: &'a [u8], data_start: usize) -> Result<Tensor<'a>> {
        let name = String::from_utf8_lossy(self.name);
        let weights = self.shape.iter().try_fold(1_u64, |product, n| product.checked_mul(*n));
        let length = weights.and_then(|n| usize::try_from(n).ok()).and_then(|n| self.stored.bytes(n));
        let length = length.with_context(|| format!("tensor {name}: its shape {:?} fills no blocks", self.shape))?;
        let start = usize::try_from(self.offset).ok().and_then(|offset| data_start.checked_add(offset));
        let range = start.and_then(|start| Some(start..start.checked_add(length)?));
        let data = range.and_then(|range| bytes.get(range)).with_context(|| {
            format!("the file is cut short: tensor {name} needs {length} bytes at offset {}", self.offset)
        })?;
        Ok(Tensor { name: self.name, shape: self.shape, stored: self.stored, data })
    }
}

/// The bytes, and how far they are read.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let taken = self.at.checked_add(length).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.with_context(|| {
            let (at, size) = (self.at, self.bytes.len());
            format!("the file is cut short: {length} bytes are needed at byte {at}, but it has {size}")
        })?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into()?)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn string(&mut self) -> Result<&'a [u8]> {
        let length = self.u64()?;
        self.take(usize::try_from(length)?)
    }

    fn entry(&mut self) -> Result<Entry<'a>> {
        let key = self.string()?;
        let kind = self.u32()?;
        let start = self.at;
        self.skip_value(kind).with_context(|| format!("metadata key {}", String::from_utf8_lossy(key)))?;
        let value = self.bytes.get(start..self.at).unwrap_or_default();
        Ok(Entry { key, kind, value })
    }

    fn skip_value(&mut self, kind: u32) -> Result<()> {
        if kind != VALUE_ARRAY {
            return self.skip_one(kind);
        }
        let item = self.u32()?;
        let count = self.u64()?;
        if item == VALUE_STRING {
            return (0..count).try_for_each(|_| self.skip_one(item));
        }
        let length = usize::try_from(count)?.checked_mul(size_of_scalar(item)?);
        self.take(length.context("an array's length is absurd")?)?;
        Ok(())
    }

    fn skip_one(&mut self, kind: u32) -> Result<()> {
        if kind == VALUE_STRING {
            self.string()?;
        } else {
            self.take(size_of_scalar(kind)?)?;
        }
        Ok(())
    }

    fn described(&mut self) -> Result<Described<'a>> {
        let name = self.string()?;
        let text = || format!("tensor {}", String::from_utf8_lossy(name));
        let dimensions = self.u32()?;
        ensure!(dimensions <= 4, "{}: {dimensions} dimensions, but GGUF allows at most 4", text());
        let shape = (0..dimensions).map(|_| self.u64()).collect::<Result<_>>()?;
        let stored = Type::from_number(self.u32()?).with_context(text)?;
        Ok(Described { name, shape, stored, offset: self.u64()? })
    }
}

fn size_of_scalar(kind: u32) -> Result<usize> {
    Ok(match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        other => bail!("a metadata value of type {other} is not supported"),
    })
}

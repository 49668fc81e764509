//! Writing GGUF: the layout is known from the plan, so the data can be made tensor by tensor.

use std::borrow::Cow;
use std::io::Write;

use anyhow::{Context, Result, ensure};

use super::{Entry, MAGIC, Type, VERSION};

/// A tensor to be written.
pub struct Planned<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The dimensions, the fastest first.
    pub shape: &'a [u64],
    /// How its weights are to be stored.
    pub wanted: Type,
}

impl Planned<'_> {
    fn bytes(&self) -> Result<usize> {
        let weights = self.shape.iter().try_fold(1_u64, |product, n| product.checked_mul(*n));
        let bytes = weights.and_then(|n| usize::try_from(n).ok()).and_then(|n| self.wanted.bytes(n));
        bytes.with_context(|| {
            let name = String::from_utf8_lossy(self.name);
            format!("tensor {name}: its shape {:?} does not fill {:?} blocks", self.shape, self.wanted)
        })
    }
}

/// Writes a file; `data` is asked for each planned tensor's bytes in turn, by its place in the plan.
pub fn write<'a>(
    out: &mut impl Write,
    metadata: &[Entry<'_>],
    plan: &[Planned<'_>],
    alignment: usize,
    mut data: impl FnMut(usize) -> Result<Cow<'a, [u8]>>,
) -> Result<()> {
    let mut head = header(metadata, plan, alignment)?;
    pad(&mut head, alignment);
    out.write_all(&head)?;
    for (place, planned) in plan.iter().enumerate() {
        let bytes = data(place)?;
        let expected = planned.bytes()?;
        ensure!(bytes.len() == expected, "a tensor of {expected} bytes came with {} bytes", bytes.len());
        out.write_all(&bytes)?;
        out.write_all(&vec![0; bytes.len().next_multiple_of(alignment) - bytes.len()])?;
    }
    Ok(())
}

fn header(metadata: &[Entry<'_>], plan: &[Planned<'_>], alignment: usize) -> Result<Vec<u8>> {
    let mut head = MAGIC.to_vec();
    head.extend(VERSION.to_le_bytes());
    push_u64(&mut head, plan.len())?;
    push_u64(&mut head, metadata.len())?;
    for entry in metadata {
        push_string(&mut head, entry.key)?;
        head.extend(entry.kind.to_le_bytes());
        head.extend(entry.value);
    }
    let mut offset = 0;
    for planned in plan {
        push_string(&mut head, planned.name)?;
        head.extend(u32::try_from(planned.shape.len())?.to_le_bytes());
        head.extend(planned.shape.iter().flat_map(|n| n.to_le_bytes()));
        head.extend(planned.wanted.number().to_le_bytes());
        push_u64(&mut head, offset)?;
        offset += planned.bytes()?.next_multiple_of(alignment);
    }
    Ok(head)
}

fn push_string(head: &mut Vec<u8>, text: &[u8]) -> Result<()> {
    push_u64(head, text.len())?;
    head.extend(text);
    Ok(())
}

fn push_u64(head: &mut Vec<u8>, number: usize) -> Result<()> {
    head.extend(u64::try_from(number)?.to_le_bytes());
    Ok(())
}

fn pad(head: &mut Vec<u8>, alignment: usize) {
    head.resize(head.len().next_multiple_of(alignment), 0);
}

//! One GGUF file into another form: metadata as it is, weights through floats.

use std::borrow::Cow;
use std::io::Write;

use anyhow::{Context, Result};

use super::blocks;
use super::form::Form;
use super::gguf::{self, Entry, Gguf, Planned, Tensor, Type};

const FILE_TYPE: &[u8] = b"general.file_type";

/// Writes `input` to `out` in `form`; `step` is called after each tensor.
pub fn convert(input: &Gguf<'_>, form: Form, out: &mut impl Write, mut step: impl FnMut()) -> Result<()> {
    let file_type = form.file_type().to_le_bytes();
    let metadata: Vec<Entry<'_>> = input
        .metadata
        .iter()
        .map(|entry| if entry.key == FILE_TYPE { Entry { value: &file_type, ..*entry } } else { *entry })
        .collect();
    let plan: Vec<Planned<'_>> = input
        .tensors
        .iter()
        .map(|tensor| Planned { name: tensor.name, shape: &tensor.shape, wanted: form.tensor_type(tensor.stored) })
        .collect();
    gguf::write(out, &metadata, &plan, input.alignment, |place| {
        let tensor = input.tensors.get(place).context("the plan has more tensors than the file")?;
        let data = convert_tensor(tensor, form.tensor_type(tensor.stored))
            .with_context(|| format!("tensor {}", String::from_utf8_lossy(tensor.name)))?;
        step();
        Ok(data)
    })
}

fn convert_tensor<'a>(tensor: &Tensor<'a>, wanted: Type) -> Result<Cow<'a, [u8]>> {
    if tensor.stored == wanted {
        return Ok(Cow::Borrowed(tensor.data));
    }
    let values = blocks::decode(tensor.stored, tensor.data)?;
    Ok(Cow::Owned(blocks::encode(wanted, &values)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> Vec<u8> {
        let mut q4_1 = half::f16::from_f32(0.25).to_le_bytes().to_vec();
        q4_1.extend(half::f16::from_f32(-1.0).to_le_bytes());
        q4_1.extend(0..16_u8);
        let norm: Vec<u8> = 1.5_f32.to_le_bytes().to_vec();
        let metadata = [
            Entry { key: b"general.name", kind: 8, value: b"\x01\0\0\0\0\0\0\0x" },
            Entry { key: FILE_TYPE, kind: 4, value: &3_u32.to_le_bytes() },
        ];
        let plan = [
            Planned { name: b"norm", shape: &[1], wanted: Type::F32 },
            Planned { name: b"w", shape: &[32], wanted: Type::Q4_1 },
        ];
        let mut out = Vec::new();
        let mut data = [norm, q4_1].into_iter();
        gguf::write(&mut out, &metadata, &plan, 32, |_| Ok(data.next().unwrap().into())).unwrap();
        out
    }

    #[test]
    fn only_the_file_type_and_the_weights_change() {
        let bytes = input();
        let input = Gguf::parse(&bytes).unwrap();
        for (form, stored, file_type) in [(Form::Q8_0, Type::Q8_0, 7_u32), (Form::F32, Type::F32, 0)] {
            let mut out = Vec::new();
            let mut steps = 0;
            convert(&input, form, &mut out, || steps += 1).unwrap();
            let output = Gguf::parse(&out).unwrap();
            assert_eq!(output.metadata[0], input.metadata[0]);
            assert_eq!(output.metadata[1].value, file_type.to_le_bytes());
            assert_eq!(output.tensors[0], input.tensors[0], "norms are kept");
            assert_eq!((output.tensors[1].stored, steps), (stored, 2));
        }
    }

    #[test]
    fn the_same_form_gives_the_same_bytes() {
        let bytes = input();
        let mut out = Vec::new();
        convert(&Gguf::parse(&bytes).unwrap(), Form::Q4_1, &mut out, || ()).unwrap();
        assert_eq!(out, bytes);
    }

    #[test]
    fn dense_weights_are_the_dequantised_ones() {
        let bytes = input();
        let mut out = Vec::new();
        convert(&Gguf::parse(&bytes).unwrap(), Form::F32, &mut out, || ()).unwrap();
        let output = Gguf::parse(&out).unwrap();
        let values = blocks::decode(Type::F32, output.tensors[1].data).unwrap();
        assert_eq!(values[..4], [-1.0, -0.75, -0.5, -0.25]);
        assert_eq!(values[16..], [-1.0; 16]);
    }
}

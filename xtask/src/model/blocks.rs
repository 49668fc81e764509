//! Weights in blocks of 32: ggml's `Q4_0`, `Q4_1` and `Q8_0`, as its reference code reads and writes them.
//!
//! Source: `dequantize_row_q4_1`, `dequantize_row_q8_0`, `quantize_row_q8_0_ref`, `quantize_row_q4_0_ref` in
//! ggml's `ggml-quants.c`.

use anyhow::{Result, bail, ensure};
use half::f16;

use super::gguf::Type;

const BLOCK: usize = 32;

/// Reads stored weights as floats.
pub fn decode(stored: Type, bytes: &[u8]) -> Result<Vec<f32>> {
    let mut values = Vec::with_capacity(bytes.len() / stored.block_bytes() * stored.block_weights());
    ensure!(bytes.len().is_multiple_of(stored.block_bytes()), "{stored:?} data does not end at a block's end");
    match stored {
        Type::F32 => {
            let (words, _) = bytes.as_chunks::<4>();
            values.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
        }
        Type::Q4_1 => bytes.as_chunks::<20>().0.iter().for_each(|block| decode_q4_1(block, &mut values)),
        Type::Q8_0 => bytes.as_chunks::<34>().0.iter().for_each(|block| decode_q8_0(block, &mut values)),
        Type::Q4_0 => bail!("reading Q4_0 is not needed and not written"),
    }
    Ok(values)
}

/// Writes floats in the wanted way of storing; the last block must be full.
pub fn encode(wanted: Type, values: &[f32]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(values.len() / wanted.block_weights() * wanted.block_bytes());
    ensure!(
        values.len().is_multiple_of(wanted.block_weights()),
        "{} weights do not fill {wanted:?} blocks",
        values.len()
    );
    let (blocks, _) = values.as_chunks::<BLOCK>();
    match wanted {
        Type::F32 => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        Type::Q8_0 => blocks.iter().for_each(|block| encode_q8_0(block, &mut bytes)),
        Type::Q4_0 => blocks.iter().for_each(|block| encode_q4_0(block, &mut bytes)),
        Type::Q4_1 => bail!("writing Q4_1 is not needed and not written"),
    }
    Ok(bytes)
}

/// Two halves a byte: the low ones are weights 0 to 15, the high ones 16 to 31.
fn decode_q4_1(block: &[u8; 20], values: &mut Vec<f32>) {
    let [d0, d1, m0, m1, quants @ ..] = block;
    let scale = f16::from_le_bytes([*d0, *d1]).to_f32();
    let minimum = f16::from_le_bytes([*m0, *m1]).to_f32();
    values.extend(quants.iter().map(|byte| f32::from(byte & 0x0f) * scale + minimum));
    values.extend(quants.iter().map(|byte| f32::from(byte >> 4) * scale + minimum));
}

fn decode_q8_0(block: &[u8; 34], values: &mut Vec<f32>) {
    let [d0, d1, quants @ ..] = block;
    let scale = f16::from_le_bytes([*d0, *d1]).to_f32();
    values.extend(quants.iter().map(|byte| f32::from(byte.cast_signed()) * scale));
}

#[expect(clippy::cast_possible_truncation, reason = "the rounded value lies in -127..=127")]
fn encode_q8_0(block: &[f32; BLOCK], bytes: &mut Vec<u8>) {
    let largest = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    let inverse = inverse(scale);
    bytes.extend(f16::from_f32(scale).to_le_bytes());
    // `round` goes away from zero at one half, as C's `roundf` does.
    bytes.extend(block.iter().map(|value| ((value * inverse).round() as i8).cast_unsigned()));
}

#[expect(clippy::cast_possible_truncation, reason = "the value lies in 0.5..=16.5")]
#[expect(clippy::cast_sign_loss, reason = "the value lies in 0.5..=16.5")]
fn encode_q4_0(block: &[f32; BLOCK], bytes: &mut Vec<u8>) {
    let first_wins = |largest: f32, value: &f32| if value.abs() > largest.abs() { *value } else { largest };
    let scale = block.iter().fold(0.0, first_wins) / -8.0;
    let inverse = inverse(scale);
    let quant = |value: &f32| ((value * inverse + 8.5) as u8).min(15);
    bytes.extend(f16::from_f32(scale).to_le_bytes());
    let (low, high) = block.split_at(BLOCK / 2);
    bytes.extend(low.iter().zip(high).map(|(low, high)| quant(low) | (quant(high) << 4)));
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(first: &[f32]) -> Vec<f32> {
        let mut values = first.to_vec();
        values.resize(BLOCK, 0.0);
        values
    }

    #[test]
    fn q4_1_is_scale_times_nibble_plus_minimum() {
        let mut bytes = Vec::new();
        bytes.extend(f16::from_f32(0.5).to_le_bytes());
        bytes.extend(f16::from_f32(-2.0).to_le_bytes());
        bytes.extend([0x10, 0xf3]);
        bytes.resize(20, 0x00);
        let values = decode(Type::Q4_1, &bytes).unwrap();
        assert_eq!(values.len(), BLOCK);
        assert_eq!(values[..3], [-2.0, -0.5, -2.0], "low halves: 0, 3, 0");
        assert_eq!(values[16..19], [-1.5, 5.5, -2.0], "high halves: 1, 15, 0");
    }

    #[test]
    fn q8_0_scales_by_the_largest_and_rounds_away_from_zero() {
        let bytes = encode(Type::Q8_0, &block(&[127.0, -127.0, 0.5, -0.5, 0.49, 2.5])).unwrap();
        assert_eq!(bytes.len(), 34);
        assert_eq!(bytes[..2], f16::from_f32(1.0).to_le_bytes());
        let quants: Vec<i8> = bytes[2..9].iter().map(|byte| byte.cast_signed()).collect();
        assert_eq!(quants, [127, -127, 1, -1, 0, 3, 0]);
    }

    #[test]
    fn q8_0_read_back_is_close() {
        let values: Vec<f32> = (0..64_u8).map(|i| (f32::from(i) - 31.0) * 0.037).collect();
        let back = decode(Type::Q8_0, &encode(Type::Q8_0, &values).unwrap()).unwrap();
        let worst = values.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1.2 / 127.0, "{worst}");
    }

    #[test]
    fn q4_0_maps_the_largest_to_minus_eight() {
        let bytes = encode(Type::Q4_0, &block(&[-8.0, 7.0, 8.0, 0.4])).unwrap();
        assert_eq!(bytes.len(), 18);
        assert_eq!(bytes[..2], f16::from_f32(1.0).to_le_bytes());
        assert_eq!(bytes[2..6], [0x80, 0x8f, 0x8f, 0x88], "low halves 0, 15, 15 (capped), 8; high halves 8");
    }

    #[test]
    fn a_block_of_zeros_stays_zero() {
        assert_eq!(encode(Type::Q8_0, &block(&[])).unwrap(), [0; 34]);
        let bytes = encode(Type::Q4_0, &block(&[])).unwrap();
        assert_eq!(bytes[2..], [0x88; 16]);
    }

    #[test]
    fn unfilled_blocks_are_refused() {
        assert!(encode(Type::Q8_0, &[1.0; 33]).is_err());
        assert!(decode(Type::Q4_1, &[0; 19]).is_err());
    }
}

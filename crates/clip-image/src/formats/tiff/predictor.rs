//! Rows as stored to rows of numbers in the byte order of the machine.

use super::fields::Order;
use super::page::Predictor;

/// Undoes what was done to a row of numbers of this many bits, `samples` of them a pixel. `scratch` is of use to some.
pub(super) fn undo(
    row: &mut [u8],
    predictor: Predictor,
    bits: u16,
    samples: usize,
    order: Order,
    scratch: &mut Vec<u8>,
) {
    match (predictor, bits) {
        (Predictor::Float, _) => undo_float(row, usize::from(bits / 8), samples, scratch),
        (Predictor::None, 16) => each::<2>(row, |bytes| order.u16(bytes).to_ne_bytes()),
        (Predictor::None, 32) => each::<4>(row, |bytes| order.u32(bytes).to_ne_bytes()),
        (Predictor::None, 64) => each::<8>(row, |bytes| order.u64(bytes).to_ne_bytes()),
        (Predictor::None, _) => (),
        (Predictor::Horizontal, 16) => {
            each::<2>(row, |bytes| order.u16(bytes).to_ne_bytes());
            add::<2>(row, samples, |a, b| u16::from_ne_bytes(a).wrapping_add(u16::from_ne_bytes(b)).to_ne_bytes());
        }
        (Predictor::Horizontal, 32) => {
            each::<4>(row, |bytes| order.u32(bytes).to_ne_bytes());
            add::<4>(row, samples, |a, b| u32::from_ne_bytes(a).wrapping_add(u32::from_ne_bytes(b)).to_ne_bytes());
        }
        (Predictor::Horizontal, 64) => {
            each::<8>(row, |bytes| order.u64(bytes).to_ne_bytes());
            add::<8>(row, samples, |a, b| u64::from_ne_bytes(a).wrapping_add(u64::from_ne_bytes(b)).to_ne_bytes());
        }
        (Predictor::Horizontal, _) => add::<1>(row, samples, |[a], [b]| [a.wrapping_add(b)]),
    }
}

/// Whether undoing takes a copy of the row.
pub(super) fn takes_copy(predictor: Predictor) -> bool {
    predictor == Predictor::Float
}

fn each<const N: usize>(row: &mut [u8], native: impl Fn([u8; N]) -> [u8; N]) {
    row.as_chunks_mut::<N>().0.iter_mut().for_each(|number| *number = native(*number));
}

/// Adds to each sample the same one of the pixel to the left.
fn add<const N: usize>(row: &mut [u8], samples: usize, sum: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let (numbers, _) = row.as_chunks_mut::<N>();
    for i in samples..numbers.len() {
        numbers[i] = sum(numbers[i], numbers[i - samples]);
    }
}

/// The bytes of all numbers stand together, the highest ones first, each as the difference to the one of the pixel to the
/// left, whatever the byte order of the file.
fn undo_float(row: &mut [u8], bytes: usize, samples: usize, scratch: &mut Vec<u8>) {
    add::<1>(row, samples, |[a], [b]| [a.wrapping_add(b)]);
    scratch.clear();
    scratch.extend_from_slice(row);
    let count = row.len() / bytes.max(1);
    for (i, number) in row.chunks_exact_mut(bytes).enumerate() {
        for (at, byte) in number.iter_mut().enumerate() {
            let place = if cfg!(target_endian = "big") { at } else { bytes - 1 - at };
            *byte = scratch[place * count + i];
        }
    }
}

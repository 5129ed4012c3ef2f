//! The number formats of stored weights, read from bytes.

/// A number format that is read from bytes.
pub trait Element {
    const BYTES: usize;

    /// The number that the first bytes hold.
    fn read(bytes: &[u8]) -> f32;

    /// The numbers that the first bytes hold.
    fn read_array<const COUNT: usize>(bytes: &[u8]) -> [f32; COUNT];
}

/// The first bytes as `COUNT` groups of `SIZE`, with a single check.
#[inline(always)]
fn groups<const SIZE: usize, const COUNT: usize>(bytes: &[u8]) -> &[[u8; SIZE]; COUNT] {
    let groups = &bytes[..SIZE * COUNT].as_chunks::<SIZE>().0;
    groups.first_chunk::<COUNT>().unwrap_or(&[[0; SIZE]; COUNT])
}

impl Element for f32 {
    const BYTES: usize = 4;

    #[inline(always)]
    fn read(bytes: &[u8]) -> f32 {
        f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    #[inline(always)]
    fn read_array<const COUNT: usize>(bytes: &[u8]) -> [f32; COUNT] {
        groups::<4, COUNT>(bytes).map(|bytes| Self::read(&bytes))
    }
}

/// A 16-bit IEEE number.
pub struct F16;

impl Element for F16 {
    const BYTES: usize = 2;

    #[inline(always)]
    fn read(bytes: &[u8]) -> f32 {
        let bits = u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        // Exponent and fraction moved to their places; the product corrects the exponent's offset, and normalises what
        // was too small to be normal.
        let size = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((127 + 127 - 15) << 23);
        f32::from_bits(size.to_bits() | (bits & 0x8000) << 16)
    }

    #[inline(always)]
    fn read_array<const COUNT: usize>(bytes: &[u8]) -> [f32; COUNT] {
        groups::<2, COUNT>(bytes).map(|bytes| Self::read(&bytes))
    }
}

/// The upper 16 bits of an `f32`.
pub struct Bf16;

impl Element for Bf16 {
    const BYTES: usize = 2;

    #[inline(always)]
    fn read(bytes: &[u8]) -> f32 {
        f32::from_bits(u32::from(u16::from_le_bytes([bytes[0], bytes[1]])) << 16)
    }

    #[inline(always)]
    fn read_array<const COUNT: usize>(bytes: &[u8]) -> [f32; COUNT] {
        groups::<2, COUNT>(bytes).map(|bytes| Self::read(&bytes))
    }
}

impl Element for i8 {
    const BYTES: usize = 1;

    #[inline(always)]
    fn read(bytes: &[u8]) -> f32 {
        f32::from(bytes[0].cast_signed())
    }

    #[inline(always)]
    fn read_array<const COUNT: usize>(bytes: &[u8]) -> [f32; COUNT] {
        groups::<1, COUNT>(bytes).map(|bytes| Self::read(&bytes))
    }
}

//! Dot products of vectors as an index stores them: in eight bits to find candidates, in 16 or 32 to score them.
//!
//! Codes are symmetric: `x ≈ scale · code`, with codes from -127 to 127 and one scale for each vector. So the dot product
//! of two vectors is about `scale_a · scale_b · Σ code_a · code_b`. Sums of codes are exact integers, the same with all
//! instruction sets; those of floats differ in the last bits.

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::Isa;
use crate::isa::Instructions;
#[cfg(target_arch = "x86_64")]
use crate::isa::{Avx512Vnni, AvxVnni};
use crate::prefetch::{CACHE_LINE, fetch_line};

/// Codes of a row are padded to a multiple of this many.
const GROUP: usize = 64;
/// The greatest code. Leaving out -128 keeps codes symmetric, and lets pairs of products fit into 16 bits.
const MAX_CODE: f32 = 127.0;

/// How many codes a vector of this dimension has, padding included.
pub fn code_len(dimension: usize) -> usize {
    dimension.next_multiple_of(GROUP)
}

/// Writes the codes of `row`, padded with zeros, and gives their scale: 0 if the row has no finite value but 0.
///
/// # Panics
/// If `codes` is not [`code_len`] long.
pub fn quantise(row: &[f32], codes: &mut [i8]) -> f32 {
    assert_eq!(codes.len(), code_len(row.len()), "codes of a row");
    let max = row.iter().fold(0.0, |max: f32, x| if x.is_finite() { max.max(x.abs()) } else { max });
    let (codes, padding) = codes.split_at_mut(row.len());
    padding.fill(0);
    if max == 0.0 {
        codes.fill(0);
        return 0.0;
    }
    let scale = max / MAX_CODE;
    // Not a product with the reciprocal, which is infinite for the smallest numbers. NaN becomes 0.
    for (code, x) in codes.iter_mut().zip(row) {
        *code = (x / scale).round().clamp(-MAX_CODE, MAX_CODE) as i8;
    }
    scale
}

/// The vector instructions for products of codes; finer than [`Isa`], since processors got these by themselves.
#[derive(Debug, Clone, Copy)]
enum Products {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(AvxVnni),
    #[cfg(target_arch = "x86_64")]
    Avx2(crate::isa::Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(crate::isa::NeonDotProduct),
    Portable,
}

impl Products {
    fn of(isa: Isa) -> Products {
        match isa.instructions() {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512(avx512) => {
                Avx512Vnni::detect().map_or(Products::Avx2(avx512.avx2()), Products::Avx512Vnni)
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2(avx2) => AvxVnni::detect().map_or(Products::Avx2(avx2), Products::AvxVnni),
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon(neon) => Products::Neon(neon),
            Instructions::Portable => Products::Portable,
        }
    }
}

/// One side of many products of codes, prepared for the processor's instructions.
#[derive(Debug, Clone)]
pub struct CodeQuery {
    products: Products,
    /// The codes, then, for instructions that multiply unsigned with signed bytes, their absolute values.
    codes: Vec<i8>,
    len: usize,
    /// The sum of the codes, 128 times, for instructions that take a row's codes for unsigned.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    offset: i32,
    scale: f32,
}

impl CodeQuery {
    /// Quantises a vector.
    pub fn new(isa: Isa, vector: &[f32]) -> CodeQuery {
        let mut codes = vec![0; code_len(vector.len())];
        let scale = quantise(vector, &mut codes);
        CodeQuery::from_codes(isa, &codes, scale)
    }

    /// Of a vector that is quantised already.
    ///
    /// # Panics
    /// If the number of codes is not a multiple of 64.
    pub fn from_codes(isa: Isa, codes: &[i8], scale: f32) -> CodeQuery {
        let mut query = CodeQuery { products: Products::of(isa), codes: Vec::new(), len: 0, offset: 0, scale };
        query.set_codes(codes, scale);
        query
    }

    /// As [`CodeQuery::from_codes`], in the memory of an earlier query.
    ///
    /// # Panics
    /// If the number of codes is not a multiple of 64.
    pub fn set_codes(&mut self, codes: &[i8], scale: f32) {
        assert!(codes.len().is_multiple_of(GROUP), "codes are padded to a multiple of {GROUP}");
        self.len = codes.len();
        self.scale = scale;
        self.codes.clear();
        self.codes.extend_from_slice(codes);
        #[cfg(target_arch = "x86_64")]
        match self.products {
            Products::Avx512Vnni(_) | Products::AvxVnni(_) => {
                self.offset = 128 * codes.iter().map(|&code| i32::from(code)).sum::<i32>();
            }
            Products::Avx2(_) => self.codes.extend(codes.iter().map(|code| code.wrapping_abs())),
            Products::Portable => {}
        }
    }

    /// The scale of the codes.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The sum of the products with a row's codes.
    ///
    /// # Panics
    /// If the row has another number of codes.
    #[inline]
    pub fn dot(&self, row: &[i8]) -> i32 {
        assert_eq!(row.len(), self.len, "codes of a row");
        match self.products {
            // SAFETY: the variant proves the instructions; the row has as many codes as the query, a multiple of 64.
            #[cfg(target_arch = "x86_64")]
            Products::Avx512Vnni(_) => unsafe { x86::avx512_vnni(&self.codes, row) - self.offset },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Products::AvxVnni(_) => unsafe { x86::avx_vnni(&self.codes, row) - self.offset },
            // SAFETY: as above, and the absolute values follow the codes.
            #[cfg(target_arch = "x86_64")]
            Products::Avx2(_) => unsafe {
                let (codes, absolute) = self.codes.split_at(self.len);
                x86::avx2(codes, absolute, row)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Products::Neon(_) => unsafe { neon::dot(&self.codes, row) },
            Products::Portable => portable::dot(&self.codes, row),
        }
    }

    /// The sums for rows that lie one after the other.
    ///
    /// # Panics
    /// If there are not as many rows as sums.
    pub fn dots(&self, rows: &[i8], out: &mut [i32]) {
        assert_eq!(rows.len(), self.len * out.len(), "codes of the rows");
        if self.len == 0 {
            return out.fill(0);
        }
        match self.products {
            // SAFETY: the variant proves the instructions; there is a row for each sum, as long as the query.
            #[cfg(target_arch = "x86_64")]
            Products::Avx512Vnni(_) => unsafe { x86::avx512_vnni_rows(&self.codes, self.offset, rows, out) },
            _ => rows.chunks_exact(self.len).zip(out).for_each(|(row, out)| *out = self.dot(row)),
        }
    }
}

/// Asks for the memory of a row, or of other numbers, before it is needed.
#[inline]
pub fn prefetch<T>(row: &[T]) {
    for at in (0..size_of_val(row)).step_by(CACHE_LINE) {
        fetch_line(row.as_ptr().cast::<u8>().wrapping_add(at));
    }
}

/// The dot product of two vectors of equal length.
///
/// # Panics
/// If the lengths differ.
pub fn dot_f32(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "lengths of vectors");
    match isa.instructions() {
        // SAFETY: the variant proves the instructions.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) => unsafe { x86::avx512_f32(a, b) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2(_) => unsafe { x86::avx2_f32(a, b) },
        _ => portable::dot_f32::<{ cfg!(target_arch = "aarch64") }>(a, b),
    }
}

/// The dot product of a vector with one whose numbers are stored in half precision (IEEE 754 binary16, as bits).
///
/// # Panics
/// If the lengths differ.
pub fn dot_f16(isa: Isa, query: &[f32], row: &[u16]) -> f32 {
    assert_eq!(query.len(), row.len(), "lengths of vectors");
    match isa.instructions() {
        // SAFETY: the variant proves the instructions; the lengths are equal.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) => unsafe { x86::avx512_f16(query, row) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2(_) => unsafe { x86::avx2_f16(query, row) },
        _ => portable::dot_f16(query, row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;
    use half::f16;
    use half::slice::HalfFloatSliceExt;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    const LENGTHS: [usize; 13] = [1, 2, 3, 15, 16, 63, 64, 65, 100, 384, 500, 512, 768];

    fn all() -> Vec<Products> {
        let all = Isa::available().into_iter().map(Products::of);
        // These hide behind better ones.
        #[cfg(target_arch = "x86_64")]
        let all =
            all.chain(AvxVnni::detect().map(Products::AvxVnni)).chain(crate::isa::Avx2::detect().map(Products::Avx2));
        all.collect()
    }

    fn with(products: Products, codes: &[i8]) -> CodeQuery {
        let mut query = CodeQuery { products, codes: Vec::new(), len: 0, offset: 0, scale: 1.0 };
        query.set_codes(codes, 1.0);
        query
    }

    #[test]
    fn sums_of_codes_are_exact() {
        let mut rng = StdRng::seed_from_u64(3);
        for length in LENGTHS.map(code_len) {
            // Extremes beside random codes: they are where narrow sums would overflow.
            let rows: Vec<Vec<i8>> = [Some(-127), Some(127), None, None, None]
                .into_iter()
                .map(|fixed| (0..length).map(|_| fixed.unwrap_or_else(|| rng.random_range(-127..=127))).collect())
                .collect();
            for products in all() {
                for a in &rows {
                    let query = with(products, a);
                    let expected: Vec<i32> = rows
                        .iter()
                        .map(|b| a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum())
                        .collect();
                    let found: Vec<i32> = rows.iter().map(|b| query.dot(b)).collect();
                    assert_eq!(found, expected, "{products:?}, {length} codes");
                    let mut found = vec![0; rows.len()];
                    query.dots(&rows.concat(), &mut found);
                    assert_eq!(found, expected, "{products:?}, {length} codes, all rows");
                }
            }
        }
    }

    /// A damaged file may hold it.
    #[test]
    fn the_code_that_is_never_written_harms_nothing() {
        for products in all() {
            for (query, row) in [([-128i8; 64], [-128i8; 64]), ([127; 64], [-128; 64]), ([-127; 64], [-128; 64])] {
                let _ = with(products, &query).dot(&row);
            }
        }
    }

    #[test]
    fn codes_are_near_what_they_stand_for() {
        for length in LENGTHS {
            let row = noise(length as u64, length);
            let mut codes = vec![1; code_len(length)];
            let scale = quantise(&row, &mut codes);
            for (x, &code) in row.iter().zip(&codes) {
                assert!((x - scale * f32::from(code)).abs() <= scale * 0.5001, "{x} as {code} of {scale}");
            }
            assert!(codes[length..].iter().all(|&code| code == 0));
        }
    }

    #[test]
    fn what_is_no_vector_has_codes_too() {
        let cases = [
            vec![0.0; 5],
            vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY],
            vec![f32::NAN, 1.0],
            vec![f32::MAX, -f32::MAX],
            vec![f32::MIN_POSITIVE / 1e6, 0.0],
        ];
        for row in cases {
            let mut codes = vec![1; 64];
            let scale = quantise(&row, &mut codes);
            assert!(scale.is_finite() && codes.iter().all(|&code| code != i8::MIN), "{row:?}: {scale}, {codes:?}");
        }
    }

    #[test]
    fn products_of_floats_agree_with_double_precision() {
        for length in LENGTHS {
            let (a, b) = (noise(1, length), noise(2, length));
            let halves: Vec<f16> = b.iter().map(|&x| f16::from_f32(x)).collect();
            let mut rounded = vec![0.0; length];
            halves.convert_to_f32_slice(&mut rounded);
            let bits: Vec<u16> = halves.iter().map(|x| x.to_bits()).collect();
            let exact = |b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
            for isa in Isa::available() {
                let found = f64::from(dot_f32(isa, &a, &b));
                assert!((found - exact(&b)).abs() < 1e-4, "{isa:?}, {length}: {found}");
                let found = f64::from(dot_f16(isa, &a, &bits));
                assert!((found - exact(&rounded)).abs() < 1e-4, "{isa:?}, {length}, half: {found}");
            }
        }
    }

    #[test]
    fn halves_are_read_as_they_were_written() {
        // All of them, the subnormal ones too.
        let bits: Vec<u16> = (0..=u16::MAX).filter(|&bits| f16::from_bits(bits).is_finite()).collect();
        for isa in Isa::available() {
            for &bits in &bits {
                assert_eq!(dot_f16(isa, &[1.0], &[bits]).to_bits(), (f16::from_bits(bits).to_f32() + 0.0).to_bits());
            }
            for sixteen in bits.chunks_exact(16) {
                let query = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
                assert_eq!(dot_f16(isa, &query, sixteen), f16::from_bits(sixteen[3]).to_f32());
            }
        }
    }
}

//! Rows as they are stored.

use clip_kernels::{Isa, similarity};
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

/// How the numbers of stored embeddings are represented. This is what scores are computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFormat {
    /// 16 bits, IEEE 754 binary16. The score of two unit vectors differs by at most 0.0005 from that of
    /// [`F32`](Self::F32), and hardly ever by more than 0.00005.
    #[default]
    F16,
    /// 32 bits: embeddings are stored as they are, and take twice the space.
    F32,
}

impl RowFormat {
    /// Its number in files.
    pub(crate) fn code(self) -> u32 {
        match self {
            RowFormat::F16 => 1,
            RowFormat::F32 => 2,
        }
    }

    pub(crate) fn from_code(code: u32) -> Option<RowFormat> {
        [RowFormat::F16, RowFormat::F32].into_iter().find(|format| format.code() == code)
    }

    /// Bytes of one number.
    pub(crate) fn size(self) -> usize {
        match self {
            RowFormat::F16 => size_of::<u16>(),
            RowFormat::F32 => size_of::<f32>(),
        }
    }

    /// The most by which storing a unit vector changes its length: half a unit in the last place.
    pub(crate) fn rounding(self) -> f32 {
        match self {
            RowFormat::F16 => 1.0 / 2048.0,
            RowFormat::F32 => 0.0,
        }
    }
}

/// A row where it lies, or several rows one after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RowRef<'a> {
    /// IEEE 754 binary16, as bits.
    F16(&'a [u16]),
    F32(&'a [f32]),
}

impl<'a> RowRef<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            RowRef::F16(row) => row.len(),
            RowRef::F32(row) => row.len(),
        }
    }

    pub(crate) fn format(self) -> RowFormat {
        match self {
            RowRef::F16(_) => RowFormat::F16,
            RowRef::F32(_) => RowFormat::F32,
        }
    }

    /// The dot product with a vector of the same length: the score, if both are unit vectors. All scores of this crate
    /// come from here, so that a pair of vectors has the same score wherever it is computed on one machine.
    pub(crate) fn dot(self, isa: Isa, query: &[f32]) -> f32 {
        match self {
            RowRef::F16(row) => similarity::dot_f16(isa, query, row),
            RowRef::F32(row) => similarity::dot_f32(isa, query, row),
        }
    }

    /// Widens the row into `out`, of the same length.
    pub(crate) fn to_f32(self, out: &mut [f32]) {
        match self {
            RowRef::F16(row) => row.reinterpret_cast::<half::f16>().convert_to_f32_slice(out),
            RowRef::F32(row) => out.copy_from_slice(row),
        }
    }

    pub(crate) fn to_vec(self) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        self.to_f32(&mut out);
        out
    }

    /// The rows of several, each this long.
    pub(crate) fn split(self, dimension: usize) -> impl Iterator<Item = RowRef<'a>> {
        let (halves, floats) = match self {
            RowRef::F16(rows) => (rows, &[][..]),
            RowRef::F32(rows) => (&[][..], rows),
        };
        halves.chunks_exact(dimension).map(RowRef::F16).chain(floats.chunks_exact(dimension).map(RowRef::F32))
    }
}

/// Rounds numbers to half precision, as bits.
pub(super) fn to_halves(row: &[f32], out: &mut [u16]) {
    out.reinterpret_cast_mut::<half::f16>().convert_from_f32_slice(row);
}

//! The matrix that the threads of a product write to together.

use std::marker::PhantomData;
use std::ops::Range;

/// A matrix that several threads write to, each its own columns or rows.
#[derive(Clone, Copy)]
pub struct OutputMatrix<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: it stands for the mutable slice that it was made from, and whoever writes promises to write to parts of their
// own.
unsafe impl Send for OutputMatrix<'_> {}
// SAFETY: as above.
unsafe impl Sync for OutputMatrix<'_> {}

impl<'a> OutputMatrix<'a> {
    /// The whole of `values`, `[rows, columns]`.
    pub fn new(values: &'a mut [f32], columns: usize) -> Self {
        Self { start: values.as_mut_ptr(), rows: values.len() / columns.max(1), columns, borrowed: PhantomData }
    }

    /// Pointer to the first value of some columns of some rows, all of which lie in the matrix.
    pub fn start(self, rows: Range<usize>, columns: Range<usize>) -> *mut f32 {
        assert!(rows.end <= self.rows && columns.end <= self.columns);
        self.start.wrapping_add(rows.start * self.columns + columns.start)
    }

    /// Values between the starts of two rows.
    pub fn columns(self) -> usize {
        self.columns
    }

    /// Part of a row.
    ///
    /// # Safety
    /// No other part that overlaps this one may be in use, and `first + count` must not overflow.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, row: usize, first: usize, count: usize) -> &mut [f32] {
        assert!(row < self.rows && first + count <= self.columns);
        // SAFETY: inside the slice that this was made from, as asserted, and not used by anyone else, as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.columns + first), count) }
    }
}

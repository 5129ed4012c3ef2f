//! The matrix that the threads of a product write to.

use std::marker::PhantomData;
use std::ops::Range;

/// A matrix that several threads write to, each its own columns or rows.
#[derive(Clone, Copy)]
pub struct Out<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is no more than the mutable slice that it was made from, and who writes promises not to meet others.
unsafe impl Send for Out<'_> {}
// SAFETY: as above.
unsafe impl Sync for Out<'_> {}

impl<'a> Out<'a> {
    /// All of `values`, `[rows, columns]`.
    pub fn new(values: &'a mut [f32], columns: usize) -> Self {
        Self { start: values.as_mut_ptr(), rows: values.len() / columns.max(1), columns, borrowed: PhantomData }
    }

    /// Where a value of a row is, for who writes some columns of some rows from there on.
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
    /// No other part that overlaps this one may be in use.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, row: usize, first: usize, count: usize) -> &mut [f32] {
        assert!(row < self.rows && count <= self.columns && first <= self.columns - count);
        // SAFETY: inside the slice that this was made from, and of no one else by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.columns + first), count) }
    }
}

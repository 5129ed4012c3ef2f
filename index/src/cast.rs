//! Views of mapped bytes as numbers, without copying. The files are little-endian, and so must the machine be.
#![allow(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("vector files are little-endian and are mapped as they are: big-endian machines are not supported");

/// Types without padding and invalid bit patterns.
///
/// # Safety
/// Every bit pattern must be a valid value, and no byte of a value may be padding.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: all bit patterns of these are valid, and they have no padding.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for u16 {}
// SAFETY: as above.
unsafe impl Plain for i8 {}
// SAFETY: as above.
unsafe impl Plain for u8 {}

/// The bytes as numbers; `None` if they are misaligned or no whole number of them.
pub(crate) fn from_bytes<T: Plain>(bytes: &[u8]) -> Option<&[T]> {
    // SAFETY: `Plain` types are valid for any bytes; `align_to` takes care of alignment and length.
    let (before, numbers, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// The numbers as bytes, as they go into a file.
pub(crate) fn to_bytes<T: Plain>(numbers: &[T]) -> &[u8] {
    // SAFETY: the slice's memory is initialised and has no padding (`Plain`); u8 has no alignment.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), std::mem::size_of_val(numbers)) }
}

//! Sizes of shapes, which must not wrap around unnoticed.

/// Number of values of a shape.
///
/// Unsafe code relies on checks of lengths, and a product that wrapped around could pass one.
///
/// # Panics
/// If the number does not fit in `usize`.
pub fn volume<const N: usize>(shape: [usize; N]) -> usize {
    let volume = shape.iter().try_fold(1usize, |volume, size| volume.checked_mul(*size));
    volume.unwrap_or_else(|| panic!("expected a shape that fits in memory, found {shape:?}"))
}

#[cfg(test)]
mod tests {
    use super::volume;

    #[test]
    fn shapes_have_their_volume() {
        assert_eq!(volume([2, 3, 7]), 42);
        assert_eq!(volume([usize::MAX, 1]), usize::MAX);
    }

    #[test]
    #[should_panic(expected = "a shape that fits in memory")]
    fn overflow_is_noticed() {
        volume([1 << (usize::BITS / 2), 1 << (usize::BITS / 2)]);
    }
}

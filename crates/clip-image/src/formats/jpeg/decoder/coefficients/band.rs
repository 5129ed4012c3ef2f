//! The coefficients that a scan contains.

use super::super::header::NATURAL;

/// The spectral band of a scan, and its bits (successive approximation).
pub(super) struct Band {
    pub(super) kind: Kind,
    /// Positions in zigzag order.
    pub(super) first: usize,
    pub(super) last: usize,
    /// How many of the lowest bits are left to later scans.
    pub(super) low: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All of each block.
    Sequential,
    /// DC coefficients, except for their lowest bits.
    Mean,
    /// One more bit of each DC coefficient.
    MeanBit,
    /// AC coefficients, except for their lowest bits.
    Coefficients,
    /// One more bit of each.
    Bit,
}

impl Band {
    pub(super) fn sequential() -> Self {
        Self { kind: Kind::Sequential, first: 0, last: 63, low: 0 }
    }

    /// Parses the header of a scan of this many components. `None` if it is not valid.
    pub(super) fn progressive(first: u8, last: u8, approximation: u8, components: usize) -> Option<Self> {
        let (high, low) = (approximation >> 4, approximation & 15);
        let kind = match (first, high) {
            (0, 0) => Kind::Mean,
            (0, _) => Kind::MeanBit,
            (_, 0) => Kind::Coefficients,
            _ => Kind::Bit,
        };
        let is_possible = if first == 0 { last == 0 } else { first <= last && last < 64 && components == 1 };
        let (first, last) = (usize::from(first), usize::from(last));
        (is_possible && low <= 13).then_some(Self { kind, first, last, low: u32::from(low) })
    }

    /// A bit for each place.
    pub(super) fn places(&self) -> u64 {
        places(self.first, self.last)
    }

    /// Whether the data cannot be read without knowing which coefficients are zero so far.
    pub(super) fn depends_on_zeros(&self) -> bool {
        self.kind == Kind::Bit
    }

    /// Whether it makes coefficients at these places more precise than a sample shows: without it, none changes a sample by
    /// more than one level. The steps are in natural order.
    pub(super) fn is_within_a_level(&self, places: u64, quantisation: &[u16; 64]) -> bool {
        /// A coefficient is at most four times as large as the largest change of a sample that it makes (T.81, A.3.3).
        const LEVEL: u32 = 4;

        let unknown = (2 << self.low) - 1;
        let is_fine = |place: usize| u32::from(quantisation[usize::from(NATURAL[place])]) * unknown <= LEVEL;
        self.kind == Kind::Bit && (0..64).all(|place| places & 1 << place == 0 || is_fine(place))
    }

    pub(super) fn needs_dc_table(&self) -> bool {
        matches!(self.kind, Kind::Sequential | Kind::Mean)
    }

    pub(super) fn needs_ac_table(&self) -> bool {
        matches!(self.kind, Kind::Sequential | Kind::Coefficients | Kind::Bit)
    }
}

/// A bit for each place from `first` to `last`.
#[inline(always)]
pub(super) fn places(first: usize, last: usize) -> u64 {
    (u64::MAX << first) & (u64::MAX >> (63 - last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands() {
        assert_eq!(places(0, 0), 1);
        assert_eq!(places(0, 63), u64::MAX);
        assert_eq!(places(1, 5), 0b11_1110);
        assert_eq!(places(63, 63), 1 << 63);
        let progressive = |first, last, approximation| Band::progressive(first, last, approximation, 1);
        assert!(progressive(0, 5, 0).is_none(), "a mean and other coefficients");
        assert!(progressive(6, 5, 0).is_none() && progressive(1, 64, 0).is_none());
        assert!(Band::progressive(1, 5, 0, 3).is_none(), "of several components");
        assert!(progressive(1, 63, 0x21).unwrap().depends_on_zeros());
        assert!(!progressive(0, 0, 0x21).unwrap().depends_on_zeros());
    }
}

//! What the segments before a scan define.

use super::super::huffman::Table;

/// What segments before a scan have defined.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
    /// MCUs between restart markers; 0 for none.
    pub(super) restart_interval: usize,
    pub(super) conditioning: Conditioning,
}

/// What the decisions about differences of means, and about other coefficients, depend on: by the number of a table.
#[derive(Clone, Copy)]
pub(super) struct Conditioning {
    /// Differences up to the first are none, those above the second large; powers of two.
    pub(super) means: [(u8, u8); 4],
    /// The last place in zigzag order of low frequencies.
    pub(super) low: [u8; 4],
}

impl Default for Conditioning {
    fn default() -> Self {
        Self { means: [(0, 1); 4], low: [5; 4] }
    }
}

impl Conditioning {
    /// Takes what a segment defines. `None` if it is not valid.
    pub(super) fn define(&mut self, segment: &[u8]) -> Option<()> {
        let (pairs, rest) = segment.as_chunks::<2>();
        for [target, value] in pairs {
            let table = usize::from(target & 15);
            match target >> 4 {
                0 if value & 15 <= value >> 4 => *self.means.get_mut(table)? = (value & 15, value >> 4),
                1 if (1..64).contains(value) => *self.low.get_mut(table)? = *value,
                _ => return None,
            }
        }
        rest.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditioning_is_checked() {
        let define = |segment: &[u8]| Conditioning::default().define(segment);
        assert!(define(&[0x00, 0x10, 0x11, 63]).is_some());
        assert!(define(&[0x00, 0x01]).is_none(), "the lower bound above the upper one");
        assert!(define(&[0x10, 0]).is_none() && define(&[0x10, 64]).is_none());
        assert!(define(&[0x04, 0x10]).is_none() && define(&[0x20, 1]).is_none() && define(&[0x00]).is_none());
    }
}

//! Tables of fields, of which EXIF data and TIFF files are made, in untrusted bytes.

/// Bytes that begin with a TIFF header.
pub(crate) struct Source<'a> {
    pub(crate) block: &'a [u8],
    pub(crate) order: Order,
}

impl<'a> Source<'a> {
    /// `None` without a header. Olympus and Panasonic have put words of their own into the ones of their raw files.
    pub(crate) fn new(block: &'a [u8]) -> Option<Self> {
        let order = match block.first_chunk()? {
            [b'I', b'I', 42, 0] | [b'I', b'I', b'U', 0] | [b'I', b'I', b'R', b'O' | b'S'] => Order::Little,
            [b'M', b'M', 0, 42] | [b'M', b'M', b'O', b'R'] => Order::Big,
            _ => return None,
        };
        Some(Self { block, order })
    }

    /// Where the first table begins.
    pub(crate) fn first_table(&self) -> Option<u32> {
        self.order.u32(self.from(4)?)
    }

    /// Where the table begins that follows the one at `start`; none after the last.
    pub(crate) fn next_table(&self, start: u32) -> Option<u32> {
        let table = self.from(start)?;
        let count = usize::from(self.order.u16(table)?);
        self.order.u32(table.get(2 + 12 * count..)?).filter(|next| *next != 0)
    }

    /// Visits each field of the table that begins at `start`, as far as they and their values lie in the block.
    pub(crate) fn each_field(&self, start: u32, mut visit: impl FnMut(u16, Field<'a>)) {
        let Some((count, entries)) = self.from(start).and_then(|table| Some((self.order.u16(table)?, &table[2..])))
        else {
            return;
        };
        for entry in entries.as_chunks::<12>().0.iter().take(usize::from(count)) {
            let [tag, kind] = [0, 2].map(|at| self.order.u16(&entry[at..]).unwrap_or_default());
            let [count, at] = [4, 8].map(|at| self.order.u32(&entry[at..]).unwrap_or_default());
            let length = u64::from(count) * unit(kind) as u64;
            let value = if length <= 4 {
                Some(&entry[8..])
            } else {
                usize::try_from(length).ok().and_then(|length| self.from(at)?.get(..length))
            };
            if let Some(value) = value {
                visit(tag, Field { kind, count, value });
            }
        }
    }

    fn from(&self, at: u32) -> Option<&'a [u8]> {
        self.block.get(usize::try_from(at).ok()?..)
    }
}

/// A field as it stands in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) kind: u16,
    pub(crate) count: u32,
    /// A value of four bytes at most is followed by what fills its place up.
    pub(crate) value: &'a [u8],
}

impl<'a> Field<'a> {
    /// The value, if it is bytes of some length: some makers put pictures there.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        if [1, 7].contains(&self.kind) && self.value.len() > 4 { self.value } else { &[] }
    }

    /// The first of the whole numbers that the value has. Fractions are rounded down.
    pub(crate) fn numbers(&self, order: Order) -> Vec<u32> {
        /// Tables of subordinate pictures have a few.
        const MOST: usize = 32;
        let units = self.value.chunks_exact(unit(self.kind).max(1)).take(self.count as usize).take(MOST);
        let number = |unit: &[u8]| match self.kind {
            1 | 7 => unit.first().copied().map(u32::from),
            3 => order.u16(unit).map(u32::from),
            4 | 13 => order.u32(unit),
            5 => order.u32(unit)?.checked_div(order.u32(&unit[4..])?),
            _ => None,
        };
        units.map_while(number).collect()
    }
}

/// Bytes of a value of a kind; 0 if it is not known.
pub(crate) const fn unit(kind: u16) -> usize {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 => 8,
        _ => 0,
    }
}

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// By the letters that stand for it.
    pub(crate) fn by_name(name: &[u8]) -> Option<Self> {
        match name {
            [b'I', b'I', ..] => Some(Self::Little),
            [b'M', b'M', ..] => Some(Self::Big),
            _ => None,
        }
    }

    pub(crate) fn u16(self, bytes: &[u8]) -> Option<u16> {
        let bytes = *bytes.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    pub(crate) fn u32(self, bytes: &[u8]) -> Option<u32> {
        let bytes = *bytes.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    pub(crate) fn push_u16(self, to: &mut Vec<u8>, number: u16) {
        to.extend(match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        });
    }

    pub(crate) fn push_u32(self, to: &mut Vec<u8>, number: u32) {
        to.extend(match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        });
    }
}

//! The binary arithmetic decoder (ITU-T T.81, annex D), with the names that it has there.

/// What is known of a kind of decision: the more probable outcome, and an index into [`STATES`].
#[derive(Clone, Copy, Default)]
pub(super) struct Bin {
    is_one: bool,
    state: u8,
}

impl Bin {
    /// For decisions that are as likely one as the other, whatever came before (T.851, 10.3).
    pub(super) const FIXED: Self = Self { is_one: false, state: 113 };
}

/// Decodes decisions from the data of an interval.
pub(super) struct Coder<'a> {
    data: std::slice::Iter<'a, u8>,
    /// Zeros that were read behind the data.
    missing: usize,
    code: u32,
    interval: u32,
    /// Bits of `code` until the next byte is needed.
    bits: u32,
}

impl<'a> Coder<'a> {
    /// The procedure `Initdec`.
    pub(super) fn new(data: &'a [u8]) -> Self {
        let mut coder = Self { data: data.iter(), missing: 0, code: 0, interval: 0x1_0000, bits: 0 };
        for _ in 0..2 {
            coder.byte_in();
            coder.code <<= 8;
        }
        coder
    }

    /// Whether no more was read than the data and what an encoder may leave out: zeros at the end.
    pub(super) fn is_within(&self) -> bool {
        const LEFT_OUT: usize = 64;
        self.missing <= LEFT_OUT
    }

    fn byte_in(&mut self) {
        let byte = self.data.next().copied().unwrap_or_else(|| {
            self.missing += 1;
            0
        });
        self.code += u32::from(byte) << 8;
    }

    /// The procedure `Decode(S)`.
    #[inline(always)]
    pub(super) fn decide(&mut self, bin: &mut Bin) -> bool {
        let State { probability, after_less, after_more, switches } = STATES[usize::from(bin.state)];
        let probability = u32::from(probability);
        self.interval -= probability;
        let is_in_less = self.code >> 16 >= self.interval;
        if !is_in_less && self.interval >= 0x8000 {
            return bin.is_one;
        }
        // Where the less probable outcome has the larger part of the interval, the two are exchanged.
        let is_less = is_in_less != (self.interval < probability);
        if is_in_less {
            self.code -= self.interval << 16;
            self.interval = probability;
        }
        let outcome = bin.is_one != is_less;
        if is_less {
            bin.is_one ^= switches;
            bin.state = after_less;
        } else {
            bin.state = after_more;
        }
        self.renormalise();
        outcome
    }

    fn renormalise(&mut self) {
        while self.interval < 0x8000 {
            if self.bits == 0 {
                self.byte_in();
                self.bits = 8;
            }
            self.interval <<= 1;
            self.code <<= 1;
            self.bits -= 1;
        }
    }
}

/// A state of the estimate: how probable the less probable outcome is, and what comes after each of the two.
#[derive(Clone, Copy)]
struct State {
    probability: u16,
    after_less: u8,
    after_more: u8,
    /// Whether the less probable outcome becomes the more probable one when it occurs.
    switches: bool,
}

const fn state(probability: u16, after_less: u8, after_more: u8, switches: u8) -> State {
    State { probability, after_less, after_more, switches: switches == 1 }
}

/// Table D.3, and a last state that is never left.
#[rustfmt::skip]
const STATES: [State; 114] = [
    state(0x5a1d, 1, 1, 1), state(0x2586, 14, 2, 0), state(0x1114, 16, 3, 0), state(0x080b, 18, 4, 0),
    state(0x03d8, 20, 5, 0), state(0x01da, 23, 6, 0), state(0x00e5, 25, 7, 0), state(0x006f, 28, 8, 0),
    state(0x0036, 30, 9, 0), state(0x001a, 33, 10, 0), state(0x000d, 35, 11, 0), state(0x0006, 9, 12, 0),
    state(0x0003, 10, 13, 0), state(0x0001, 12, 13, 0), state(0x5a7f, 15, 15, 1), state(0x3f25, 36, 16, 0),
    state(0x2cf2, 38, 17, 0), state(0x207c, 39, 18, 0), state(0x17b9, 40, 19, 0), state(0x1182, 42, 20, 0),
    state(0x0cef, 43, 21, 0), state(0x09a1, 45, 22, 0), state(0x072f, 46, 23, 0), state(0x055c, 48, 24, 0),
    state(0x0406, 49, 25, 0), state(0x0303, 51, 26, 0), state(0x0240, 52, 27, 0), state(0x01b1, 54, 28, 0),
    state(0x0144, 56, 29, 0), state(0x00f5, 57, 30, 0), state(0x00b7, 59, 31, 0), state(0x008a, 60, 32, 0),
    state(0x0068, 62, 33, 0), state(0x004e, 63, 34, 0), state(0x003b, 32, 35, 0), state(0x002c, 33, 9, 0),
    state(0x5ae1, 37, 37, 1), state(0x484c, 64, 38, 0), state(0x3a0d, 65, 39, 0), state(0x2ef1, 67, 40, 0),
    state(0x261f, 68, 41, 0), state(0x1f33, 69, 42, 0), state(0x19a8, 70, 43, 0), state(0x1518, 72, 44, 0),
    state(0x1177, 73, 45, 0), state(0x0e74, 74, 46, 0), state(0x0bfb, 75, 47, 0), state(0x09f8, 77, 48, 0),
    state(0x0861, 78, 49, 0), state(0x0706, 79, 50, 0), state(0x05cd, 48, 51, 0), state(0x04de, 50, 52, 0),
    state(0x040f, 50, 53, 0), state(0x0363, 51, 54, 0), state(0x02d4, 52, 55, 0), state(0x025c, 53, 56, 0),
    state(0x01f8, 54, 57, 0), state(0x01a4, 55, 58, 0), state(0x0160, 56, 59, 0), state(0x0125, 57, 60, 0),
    state(0x00f6, 58, 61, 0), state(0x00cb, 59, 62, 0), state(0x00ab, 61, 63, 0), state(0x008f, 61, 32, 0),
    state(0x5b12, 65, 65, 1), state(0x4d04, 80, 66, 0), state(0x412c, 81, 67, 0), state(0x37d8, 82, 68, 0),
    state(0x2fe8, 83, 69, 0), state(0x293c, 84, 70, 0), state(0x2379, 86, 71, 0), state(0x1edf, 87, 72, 0),
    state(0x1aa9, 87, 73, 0), state(0x174e, 72, 74, 0), state(0x1424, 72, 75, 0), state(0x119c, 74, 76, 0),
    state(0x0f6b, 74, 77, 0), state(0x0d51, 75, 78, 0), state(0x0bb6, 77, 79, 0), state(0x0a40, 77, 48, 0),
    state(0x5832, 80, 81, 1), state(0x4d1c, 88, 82, 0), state(0x438e, 89, 83, 0), state(0x3bdd, 90, 84, 0),
    state(0x34ee, 91, 85, 0), state(0x2eae, 92, 86, 0), state(0x299a, 93, 87, 0), state(0x2516, 86, 71, 0),
    state(0x5570, 88, 89, 1), state(0x4ca9, 95, 90, 0), state(0x44d9, 96, 91, 0), state(0x3e22, 97, 92, 0),
    state(0x3824, 99, 93, 0), state(0x32b4, 99, 94, 0), state(0x2e17, 93, 86, 0), state(0x56a8, 95, 96, 1),
    state(0x4f46, 101, 97, 0), state(0x47e5, 102, 98, 0), state(0x41cf, 103, 99, 0), state(0x3c3d, 104, 100, 0),
    state(0x375e, 99, 93, 0), state(0x5231, 105, 102, 0), state(0x4c0f, 106, 103, 0), state(0x4639, 107, 104, 0),
    state(0x415e, 103, 99, 0), state(0x5627, 105, 106, 1), state(0x50e7, 108, 107, 0), state(0x4b85, 109, 103, 0),
    state(0x5597, 110, 109, 0), state(0x504f, 111, 107, 0), state(0x5a10, 110, 111, 1), state(0x5522, 112, 109, 0),
    state(0x59eb, 112, 111, 1), state(0x5a1d, 113, 113, 0),
];

//! What fuzzers call: one function for each parser of bytes that come from elsewhere.

/// A holder file, which another program left: it is taken over or reported, and nothing else.
pub fn lock_holder(bytes: &[u8]) {
    crate::lock::check_holder(bytes);
}

#[cfg(test)]
mod tests {
    /// Numbers that look random and are the same every time.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % limit.max(1) as u64) as usize
        }
    }

    #[test]
    fn damaged_holder_files() {
        let own = format!("host=here\nprocess={}\nsince=5\nrun=0\n", std::process::id());
        let seeds: [&[u8]; 5] = [
            b"host=here\nprocess=4000000\nsince=1700000000\nrun=0123456789abcdef\n",
            own.as_bytes(),
            b"host=there\r\nprocess=7\nprocess=8\nsince=18446744073709551616\n",
            b"run==\nhost=\x1b[31mhere\xff\nprocess=-1",
            b"=\n\n\0host=here",
        ];
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        seeds.iter().for_each(|seed| super::lock_holder(seed));
        for round in 0..1000 {
            let mut bytes = seeds[random.below(seeds.len())].to_vec();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
                    1 => bytes.truncate(at),
                    2 => {
                        let other = seeds[random.below(seeds.len())];
                        bytes.splice(at.., other[random.below(other.len())..].iter().copied());
                    }
                    _ => bytes.insert(at, b"=\n\r\0 90h"[random.below(8)]),
                }
            }
            if round % 100 == 0 {
                // Only the beginning of a file is read.
                bytes.resize(9000, b'x');
            }
            super::lock_holder(&bytes);
        }
    }
}

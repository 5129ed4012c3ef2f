//! What fuzzers call: one function for each parser of bytes that come from elsewhere.

/// A `.clipignore`.
pub fn ignore_file(bytes: &[u8]) {
    crate::ignore_file::check(bytes);
}

/// A pattern, as a user or an index has it.
pub fn pattern(text: &str) {
    crate::pattern::check(text);
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

    /// One of the seeds, with some damage.
    fn damaged(seeds: &[&[u8]], random: &mut Random) -> Vec<u8> {
        let mut bytes = seeds[random.below(seeds.len())].to_vec();
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len() + 1);
            match random.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
                1 => bytes.truncate(at),
                2 => {
                    let other = seeds[random.below(seeds.len())];
                    bytes.splice(at.., other[random.below(other.len())..].iter().copied());
                }
                _ => bytes.insert(at, b"*?[]!^-/\\#\n\r .a\xc3\xa4\0"[random.below(18)]),
            }
        }
        bytes
    }

    const PATTERNS: [&str; 8] = [
        "*.png",
        "raw/**/proofs/",
        "/photos/20[01]?/**",
        "[!a-cä-ö]*[^]x]?",
        r"\!a\*\[b\ ",
        "**/**/a**b/***",
        "C:\\photos\\*.jpg",
        "!keep/[[:alpha:]]/é*",
    ];

    #[test]
    fn damaged_patterns() {
        let seeds = PATTERNS.map(str::as_bytes);
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        PATTERNS.iter().for_each(|pattern| super::pattern(pattern));
        for _ in 0..20_000 {
            super::pattern(&String::from_utf8_lossy(&damaged(&seeds, &mut random)));
        }
        // As long as they can be.
        for part in ["**/a/", "*a", "[a-", "[!b]", "\\*"] {
            super::pattern(&part.repeat(2000));
        }
    }

    #[test]
    fn damaged_ignore_files() {
        let all = PATTERNS.join("\n");
        let seeds: [&[u8]; 4] = [
            all.as_bytes(),
            b"\xef\xbb\xbf# drafts\r\n*.png\r\n\r\n!keep.png  \r\n/top.jpg\\ \r\n",
            b"[\n[\n\\\n\xff\n//\n[[:x:]]\n[\n[\n[\n[\n[\n[\n*.gif\n!*\n",
            b"",
        ];
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        seeds.iter().for_each(|seed| super::ignore_file(seed));
        for _ in 0..10_000 {
            super::ignore_file(&damaged(&seeds, &mut random));
        }
        // More lines, more bytes and more faults than are heeded.
        for line in ["*.a\n", "[\n", "*a?[b-d]*\n\n!x/y\n", "\n"] {
            super::ignore_file(line.repeat((300 << 10) / line.len()).as_bytes());
        }
    }
}

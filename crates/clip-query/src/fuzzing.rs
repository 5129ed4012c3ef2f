//! What fuzzers call: one function for each parser of bytes that come from elsewhere.

use crate::language::{self, Date, ParseOptions};
use crate::text_cache::check_file;

/// The file of the text cache.
pub fn text_cache(bytes: &[u8]) {
    check_file(bytes);
}

/// A query as it is typed: what is understood is written as a query that is understood in the same way.
pub fn query(text: &str) {
    let options = ParseOptions { today: Date::constant(2024, 9, 13), literal: false };
    let Ok(parsed) = language::parse(text, &options) else { return };
    let again = language::parse(&parsed.expr.to_string(), &options).expect("what was written can be read");
    assert_eq!(again.expr, parsed.expr);
    let _ = parsed.alternatives();
    // With absolute paths it is a query of as many parts, and has no others.
    let folder = std::path::Path::new(if cfg!(windows) { "C:\\photos" } else { "/photos" });
    let absolute = language::with_absolute_paths(text, folder).expect("this folder can be written");
    assert!(language::parse(&absolute, &options).is_ok() || absolute.len() > language::MOST_BYTES);
    assert_eq!(language::with_absolute_paths(&absolute, folder).as_deref(), Ok(absolute.as_str()));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::text_cache::TextCache;

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
    fn damaged_files_of_the_text_cache() {
        let folder = tempfile::tempdir().unwrap();
        let seeds: Vec<Vec<u8>> = (0..3)
            .map(|count| {
                let file = folder.path().join(count.to_string());
                let cache = TextCache::open(&file);
                (0..=count * 2).for_each(|text| cache.insert("m", &text.to_string(), &vec![0.5; count * 3]));
                fs::read(file).unwrap()
            })
            .collect();
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        for round in 0..3000 {
            let mut bytes = seeds[random.below(seeds.len())].clone();
            for _ in 0..random.below(4) {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes.truncate(at.max(1)),
                    2 => {
                        let other = &seeds[random.below(seeds.len())];
                        bytes.splice(at.., other[random.below(other.len())..].iter().copied());
                    }
                    _ => bytes[at] = random.below(256) as u8,
                }
                if bytes.is_empty() {
                    bytes.push(0);
                }
            }
            if round % 10 == 0 {
                bytes = (0..random.below(200)).map(|_| random.below(256) as u8).collect();
            }
            super::text_cache(&bytes);
        }
    }
}

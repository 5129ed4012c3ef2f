//! Reads the character maps of SentencePiece's vocabularies (`precompiled_charsmap`), which the `tokenizers` crate looks
//! into without asking whether they hold together.
//!
//! A map is a trie over the bytes of text, as a double array of 32-bit units (the darts-clone library), and behind it the
//! replacements, one after the other, each with a zero at its end: the length of the trie in bytes, the trie, the text.

use tokenizers::normalizers::Precompiled;

/// Bytes that one letter, or a few, may be replaced by. Unicode's longest takes 33.
const MAX_REPLACEMENT_BYTES: usize = 128;

/// Reads a map in base64; the error says what is wrong with it.
pub(super) fn read(base64: &str) -> Result<Precompiled, String> {
    let bytes = decode(base64).ok_or("its character map is not base64")?;
    check(&bytes)?;
    Precompiled::from(&bytes).map_err(|error| error.to_string())
}

fn check(bytes: &[u8]) -> Result<(), String> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or("its character map is cut off")?;
    let length = u32::from_le_bytes(*length) as usize;
    let (trie, replacements) = rest.split_at_checked(length / 4 * 4).ok_or("its character map is cut off")?;
    let replacements = std::str::from_utf8(replacements).map_err(|_| "its character map is not UTF-8 text")?;
    if let Some(long) = replacements.split('\0').map(str::len).find(|bytes| *bytes > MAX_REPLACEMENT_BYTES) {
        return Err(format!(
            "its character map has a replacement of {long} bytes, expected at most {MAX_REPLACEMENT_BYTES}"
        ));
    }
    let units: Vec<usize> = trie.as_chunks::<4>().0.iter().map(|unit| u32::from_le_bytes(*unit) as usize).collect();
    let sound = |at: usize, unit: usize| {
        // Only what holds a value has this bit, and no byte leads there. The search begins at the first, whatever it is.
        if at > 0 && unit >> 31 == 1 {
            return true;
        }
        let offset = (unit >> 10) << ((unit & (1 << 9)) >> 6);
        let children = at ^ offset;
        let has_value = unit >> 8 & 1 == 1;
        let value = units.get(children).map(|unit| unit & ((1 << 31) - 1));
        (children | 0xff) < units.len()
            && (!has_value || value.is_some_and(|value| replacements.is_char_boundary(value)))
    };
    match units.iter().enumerate().all(|(at, unit)| sound(at, *unit)) && !units.is_empty() {
        true => Ok(()),
        false => Err("its character map is inconsistent".into()),
    }
}

/// Standard base64 with padding.
fn decode(base64: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(base64.len() / 4 * 3);
    let (quads, rest) = base64.as_bytes().as_chunks::<4>();
    for (number, quad) in quads.iter().enumerate() {
        let padding = quad.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || padding > 0 && number + 1 < quads.len() {
            return None;
        }
        let mut bits = 0u32;
        for byte in &quad[..4 - padding] {
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(digit);
        }
        bits <<= 6 * padding;
        bytes.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    rest.is_empty().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for digit in 0..4 {
                let value = bits >> (18 - 6 * digit) & 63;
                out.push(if digit > chunk.len() { '=' } else { char::from(DIGITS[value as usize]) });
            }
        }
        out
    }

    /// A map from `a` to what stands at `value` of the replacements: the root's children are at 256.
    fn map(value: u32, replacements: &str) -> Vec<u8> {
        let mut units = vec![0u32; 1024];
        units[0] = 256 << 10;
        // The unit that the byte leads to, whose children are at 512, with a value there.
        let at = 256 ^ u32::from(b'a');
        units[at as usize] = (512 ^ at) << 10 | 1 << 8 | u32::from(b'a');
        units[512] = 1 << 31 | value;
        let mut bytes = (4 * units.len() as u32).to_le_bytes().to_vec();
        units.iter().for_each(|unit| bytes.extend(unit.to_le_bytes()));
        bytes.extend(replacements.as_bytes());
        bytes
    }

    #[test]
    fn base64_is_decoded() {
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", b"\xff\xfe\xfd\xfc"] {
            assert_eq!(decode(&encoded(bytes)).as_deref(), Some(bytes));
        }
        for wrong in ["A", "A===", "=AAA", "AA==AAAA", "AAA\n", "AA-A"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn maps_that_lead_astray_are_refused() {
        let good = map(0, "b\0");
        assert_eq!(read(&encoded(&good)).unwrap().transform("a"), Some("b"));
        let refused = |bytes: &[u8]| read(&encoded(bytes)).unwrap_err();
        assert!(refused(&map(0, &"b".repeat(129))).contains("129 bytes"));
        assert!(refused(&map(7, "b\0")).contains("inconsistent"));
        assert!(refused(&map(1, "ä\0")).contains("inconsistent"));
        assert!(refused(&good[..20]).contains("cut off"));
        assert!(refused(&[0; 4]).contains("inconsistent"));
        assert!(refused(&[0xff; 9]).contains("cut off"));
        let mut root = good.clone();
        root[7] = 0xff;
        assert!(refused(&root).contains("inconsistent"));
        let mut astray = good.clone();
        astray[4..8].copy_from_slice(&(4096u32 << 10).to_le_bytes());
        assert!(refused(&astray).contains("inconsistent"));
    }
}

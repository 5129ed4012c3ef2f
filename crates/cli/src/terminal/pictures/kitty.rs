//! Kitty's protocol: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>

use std::io::Write;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::Area;

/// The most characters of data in one escape sequence.
const CHUNK: usize = 4096;

/// Takes all pictures off the screen and frees their memory.
pub(super) const ERASE_ALL: &[u8] = b"\x1b_Ga=d,d=A,q=2\x1b\\";

/// Draws a PNG file over an area, without an answer (`q=2`) and without moving the cursor (`C=1`).
pub(super) fn bytes(png: &[u8], Area { columns, rows }: Area) -> Vec<u8> {
    let data = BASE64_STANDARD.encode(png);
    let chunks: Vec<&[u8]> = data.as_bytes().chunks(CHUNK).collect();
    let mut bytes = Vec::with_capacity(data.len() + 16 * chunks.len() + 64);
    for (at, chunk) in chunks.iter().enumerate() {
        let more = u8::from(at + 1 < chunks.len());
        // Writing to memory does not fail.
        let _ = match at {
            0 => write!(bytes, "\x1b_Ga=T,f=100,q=2,C=1,c={columns},r={rows},m={more};"),
            _ => write!(bytes, "\x1b_Gm={more};"),
        };
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\x1b\\");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_data_comes_in_chunks() {
        let png: Vec<u8> = (0..7000_u32).map(|byte| byte as u8).collect();
        let text = String::from_utf8(bytes(&png, Area { columns: 12, rows: 5 })).unwrap();
        let sequences: Vec<&str> = text.split_terminator("\x1b\\").collect();
        assert_eq!(sequences.len(), 3);
        assert!(sequences[0].starts_with("\x1b_Ga=T,f=100,q=2,C=1,c=12,r=5,m=1;"));
        assert!(sequences[1].starts_with("\x1b_Gm=1;") && sequences[2].starts_with("\x1b_Gm=0;"));
        let data: String = sequences.iter().map(|sequence| sequence.split_once(';').unwrap().1).collect();
        assert_eq!(BASE64_STANDARD.decode(data).unwrap(), png);
    }
}

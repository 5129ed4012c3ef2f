//! iTerm2's protocol: <https://iterm2.com/documentation-images.html>

use std::io::Write;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::Area;

/// Draws a PNG file into an area.
pub(super) fn bytes(png: &[u8], Area { columns, rows }: Area) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = write!(
        bytes,
        "\x1b]1337;File=inline=1;size={};width={columns};height={rows};preserveAspectRatio=1;doNotMoveCursor=1:{}\x07",
        png.len(),
        BASE64_STANDARD.encode(png)
    );
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_file_is_in_one_sequence() {
        let text = String::from_utf8(bytes(b"PNG", Area { columns: 12, rows: 5 })).unwrap();
        assert!(text.starts_with("\x1b]1337;File=inline=1;size=3;width=12;height=5;"), "{text:?}");
        assert!(text.ends_with(":UE5H\x07"), "{text:?}");
    }
}

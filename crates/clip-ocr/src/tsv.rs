//! What tesseract says: a line for each word, with tabs between its columns.

use crate::text::Text;

/// The columns, of which the words have the number 5 in the first.
const LEVEL: &str = "5";
const COLUMNS: usize = 12;

/// Reads the words that are at least so sure, in percent. Lines that are none are passed over.
pub(crate) fn read(tsv: &[u8], least: f32) -> Text {
    let tsv = String::from_utf8_lossy(tsv);
    let mut text = Text::default();
    let mut line_before = None;
    for row in tsv.lines() {
        // level page block paragraph line word left top width height confidence text
        let columns: Vec<&str> = row.splitn(COLUMNS, '\t').collect();
        let &[LEVEL, _, block, paragraph, line, _, _, _, _, _, confidence, word] = columns.as_slice() else { continue };
        let Ok(confidence) = confidence.parse::<f32>() else { continue };
        // Tesseract's own limits are 0 and 100. A single letter is mostly a speck.
        let least =
            if word.chars().filter(|c| c.is_alphanumeric()).count() < 2 { least.max(LEAST_OF_ONE) } else { least };
        if !(least..=100.0).contains(&confidence) {
            continue;
        }
        let line = Some((block, paragraph, line));
        let before = text.words().len();
        text.push(word, confidence.round() as u8, line != line_before);
        if text.words().len() > before {
            line_before = line;
        }
    }
    text
}

const LEAST_OF_ONE: f32 = 85.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TSV: &str = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n\
        1\t1\t0\t0\t0\t0\t0\t0\t640\t480\t-1\t\n\
        4\t1\t1\t1\t1\t0\t36\t92\t582\t30\t-1\t\n\
        5\t1\t1\t1\t1\t1\t36\t92\t100\t30\t96.06\tOpen\n\
        5\t1\t1\t1\t1\t2\t140\t92\t100\t30\t20\tjunk\n\
        5\t1\t1\t1\t1\t3\t140\t92\t100\t30\t75\ta\n\
        5\t1\t1\t1\t1\t4\t140\t92\t100\t30\t91.5\tdaily\n\
        5\t1\t1\t1\t2\t1\t36\t132\t100\t30\t60\t9-17h\r\n";

    #[test]
    fn words_and_lines() {
        let text = read(TSV.as_bytes(), 60.0);
        assert_eq!((text.to_text().as_str(), text.confidences()), ("Open daily\n9-17h", vec![96, 92, 60]));
        assert_eq!(read(TSV.as_bytes(), 95.0).to_text(), "Open");
        assert!(read(b"", 0.0).is_empty());
        for broken in ["5\t1", "5\t1\t1\t1\t1\t1\t0\t0\t1\t1\tNaN\tword", "5\t1\t1\t1\t1\t1\t0\t0\t1\t1\t1e9\tword"] {
            assert!(read(broken.as_bytes(), 0.0).is_empty(), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_no_panic(bytes: Vec<u8>, cut in 0..TSV.len()) {
            let _ = read(&bytes, 0.0);
            let damaged = [&TSV.as_bytes()[..cut], &bytes].concat();
            let text = read(&damaged, 0.0);
            prop_assert_eq!(text.confidences().len(), text.words().len());
            prop_assert!(text.words().iter().all(|word| word.confidence <= 100 && !word.text.is_empty()));
        }
    }
}

//! CLIP's lower-case byte-pair encoding, as `SimpleTokenizer` of OpenAI's CLIP and of open_clip.
//!
//! A text is cleaned, split into words by a pattern, and each word's bytes are merged pair by pair in the order in
//! which the vocabulary lists the merges. The last byte of a word carries the suffix `</w>`, so that "cat" as a word
//! and "cat" as the start of "catalogue" are different tokens.

use hashbrown::HashMap;
use regex::Regex;

use super::clean::clean_lower;
use super::error::TokenizerError;

/// How many of the published merges CLIP uses: its 49,408 tokens less twice 256 bytes and two special ones.
const MERGES: usize = 49152 - 256 - 2;

/// Words are cut here: far more than fills any context, and a bound on the quadratic cost of merging.
const MAX_WORD_BYTES: usize = 4096;

const START: &str = "<start_of_text>";
const END: &str = "<end_of_text>";
const WORD_END: &str = "</w>";

/// The original pattern. It is case-insensitive as a whole, which in Python has one effect beyond the literals: the
/// combining iota U+0345 matches nothing at all.
const WORDS: &str = r"(?i:<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}\x{345}]+";

/// The encoder: which ids the bytes have, and which pairs of ids merge into which.
pub(super) struct ClipBpe {
    words: Regex,
    /// Ids of the 256 bytes inside a word, then of the 256 bytes that end one.
    bytes: Box<[u32; 512]>,
    /// (left, right) to the rank of the merge (lower goes first) and the id it makes.
    merges: HashMap<(u32, u32), (u32, u32)>,
    pub(super) start: u32,
    pub(super) end: u32,
    /// How many ids there are where they follow from the merges alone.
    counted: Option<usize>,
}

impl ClipBpe {
    /// Reads a merge list: an optional header line, then `left right` a line, most frequent first.
    ///
    /// Ids follow from the order, as in the original: bytes, bytes that end a word, merges, start, end.
    pub(super) fn from_merges(text: &str) -> Result<Self, TokenizerError> {
        let lines = text.lines().enumerate();
        let header = |line: &str| line.contains("#version") || line.starts_with('"');
        let mut pairs = Vec::with_capacity(MERGES);
        for (number, line) in lines.filter(|(number, line)| !(line.is_empty() || *number == 0 && header(line))) {
            if pairs.len() == MERGES {
                break;
            }
            let pair = line.split_once(' ').filter(|(left, right)| !left.is_empty() && !right.contains(' '));
            pairs.push(pair.ok_or_else(|| TokenizerError::Merge { line: number + 1, found: line.to_owned() })?);
        }
        let letters = byte_letters();
        let order = byte_order();
        // All tokens one behind the other: a string for each would take longer than all the rest.
        let mut tokens = String::with_capacity(text.len() + 4096);
        let mut ends = Vec::with_capacity(512 + pairs.len() + 2);
        let mut add = |parts: [&str; 2]| {
            parts.into_iter().for_each(|part| tokens.push_str(part));
            ends.push(tokens.len());
        };
        for suffix in ["", WORD_END] {
            for &byte in &order {
                add([letters[usize::from(byte)].encode_utf8(&mut [0; 4]), suffix]);
            }
        }
        pairs.iter().for_each(|(left, right)| add([left, right]));
        [START, END].into_iter().for_each(|special| add([special, ""]));
        let starts = std::iter::once(0).chain(ends.iter().copied());
        // Of a token that is made twice, the last id counts, as in the original.
        let vocabulary: HashMap<&str, u32> =
            starts.zip(&ends).map(|(start, &end)| &tokens[start..end]).zip(0..).collect();
        let bpe = Self::from_vocabulary(|token| vocabulary.get(token).copied(), pairs.iter().copied(), (START, END))?;
        Ok(Self { counted: Some(ends.len()), ..bpe })
    }

    /// Builds the encoder from explicit ids and the merges in their order.
    pub(super) fn from_vocabulary<'a>(
        id_of: impl Fn(&str) -> Option<u32>,
        pairs: impl Iterator<Item = (&'a str, &'a str)>,
        (start, end): (&str, &str),
    ) -> Result<Self, TokenizerError> {
        let id = |token: &str| id_of(token).ok_or_else(|| TokenizerError::missing(token));
        let mut bytes = Box::new([0; 512]);
        for (byte, letter) in byte_letters().into_iter().enumerate() {
            bytes[byte] = id(letter.encode_utf8(&mut [0; 4]))?;
            bytes[byte + 256] = id(&format!("{letter}{WORD_END}"))?;
        }
        let mut merges = HashMap::with_capacity(pairs.size_hint().0);
        let mut token = String::new();
        for ((left, right), rank) in pairs.zip(0..) {
            token.clear();
            token.push_str(left);
            token.push_str(right);
            merges.entry((id(left)?, id(right)?)).or_insert((rank, id(&token)?));
        }
        let words = Regex::new(WORDS).map_err(|error| TokenizerError::Pattern(error.to_string()))?;
        Ok(Self { words, bytes, merges, start: id(start)?, end: id(end)?, counted: None })
    }

    /// The tokens of the bytes inside a word, then of those that end one.
    #[cfg(test)]
    pub(super) fn byte_tokens() -> Vec<String> {
        let letters = byte_letters().map(String::from);
        letters.iter().cloned().chain(letters.iter().map(|letter| format!("{letter}{WORD_END}"))).collect()
    }

    /// The ids that a text can have.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        let merged = self.merges.values().map(|&(_, id)| id);
        self.bytes.iter().copied().chain(merged).chain([self.start, self.end])
    }

    /// Says if there are others among them than the `tower` ones that a text tower knows.
    pub(super) fn fits(&self, tower: usize) -> Result<(), TokenizerError> {
        match self.ids().find(|&id| id as usize >= tower) {
            Some(id) => Err(TokenizerError::Id { id, tower }),
            None => Ok(()),
        }
    }

    /// Says if ids that follow from the order of the merges are not as many as a text tower knows: with a line too few,
    /// the start and the end, too, are others.
    pub(super) fn fills(&self, tower: usize) -> Result<(), TokenizerError> {
        match self.counted {
            Some(found) if found != tower => Err(TokenizerError::Size { found, expected: tower }),
            _ => Ok(()),
        }
    }

    /// Appends the tokens of `text`, without start and end, until `limit` tokens are there.
    pub(super) fn encode(&self, text: &str, limit: usize, ids: &mut Vec<u32>) {
        let cleaned = clean_lower(text);
        let mut word = Vec::new();
        for found in self.words.find_iter(&cleaned) {
            if ids.len() >= limit {
                break;
            }
            match found.as_str() {
                START => ids.push(self.start),
                END => ids.push(self.end),
                other => {
                    let bytes = other.as_bytes();
                    let bytes = &bytes[..bytes.len().min(MAX_WORD_BYTES)];
                    word.clear();
                    word.extend(bytes.iter().map(|&byte| self.bytes[usize::from(byte)]));
                    if let (Some(id), Some(&byte)) = (word.last_mut(), bytes.last()) {
                        *id = self.bytes[usize::from(byte) + 256];
                    }
                    self.merge(&mut word);
                    ids.extend_from_slice(&word);
                }
            }
        }
        ids.truncate(limit);
    }

    /// Merges the pair of lowest rank, wherever it stands, until no known pair is left.
    fn merge(&self, word: &mut Vec<u32>) {
        loop {
            let known = word.windows(2).filter_map(|pair| {
                let pair = (pair[0], pair[1]);
                self.merges.get(&pair).map(|&(rank, id)| (rank, id, pair))
            });
            let Some((_, id, (left, right))) = known.min() else {
                return;
            };
            let (mut read, mut write) = (0, 0);
            while read < word.len() {
                let here = word[read] == left && word.get(read + 1) == Some(&right);
                word[write] = if here { id } else { word[read] };
                read += if here { 2 } else { 1 };
                write += 1;
            }
            word.truncate(write);
        }
    }
}

/// The bytes in the order in which the vocabulary lists them: printable ones first.
fn byte_order() -> Vec<u8> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let others = (0..=255).filter(|byte| !printable(byte));
    (0..=255).filter(printable).chain(others).collect()
}

/// The visible character that stands for each byte in vocabulary files (GPT-2's `bytes_to_unicode`).
fn byte_letters() -> [char; 256] {
    let mut letters = ['\0'; 256];
    // 188 bytes are printable and stand for themselves; the others get the letters from U+0100 on.
    let mut invented = '\u{100}'..;
    for (position, byte) in byte_order().into_iter().enumerate() {
        let own = char::from(byte);
        letters[usize::from(byte)] = if position < 188 { own } else { invented.next().unwrap_or(own) };
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_distinct_letters() {
        let mut letters = byte_letters().to_vec();
        assert_eq!((letters[b' ' as usize], letters[b'a' as usize]), ('Ġ', 'a'));
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 256);
    }

    #[test]
    fn merges_go_by_rank() {
        let bpe = ClipBpe::from_merges("#version: 0.2\na b\nb c</w>\nab c</w>\n").unwrap();
        let mut ids = Vec::new();
        bpe.encode("ABC abcb bc", 10, &mut ids);
        let (a_b, bc, abc) = (512, 513, 514);
        let (c, b_end) = (u32::from(b'c' - b'!'), 256 + u32::from(b'b' - b'!'));
        assert_eq!(ids, [abc, a_b, c, b_end, bc]);
        assert_eq!((bpe.start, bpe.end), (515, 516));
    }

    #[test]
    fn the_merges_are_those_of_the_tower() {
        let bpe = ClipBpe::from_merges("#version: 0.2\na b\nb c</w>\nab c</w>\n").unwrap();
        assert!(bpe.fits(517).is_ok() && bpe.fits(518).is_ok() && bpe.fits(516).is_err() && bpe.fills(517).is_ok());
        for other in [516, 518, 49408] {
            let error = bpe.fills(other).unwrap_err().to_string();
            assert!(error.contains("517 tokens") && error.contains(&other.to_string()), "{error}");
        }
    }

    #[test]
    fn a_broken_merge_is_named() {
        let error = ClipBpe::from_merges("a b\nnonsense\n").err().unwrap().to_string();
        assert!(error.contains("line 2") && error.contains("nonsense"), "{error}");
        let error = ClipBpe::from_merges(&"x".repeat(3 << 20)).err().unwrap().to_string();
        assert!(error.contains("line 1") && error.len() < 300, "{} bytes", error.len());
        let error = ClipBpe::from_merges("ab c\n").err().unwrap().to_string();
        assert!(error.contains("`ab`"), "{error}");
    }
}

//! What a `tokenizer.json` does to a text before and after its vocabulary: the steps that the known families use, and no
//! others.
//!
//! Each step is read into a type of this module, checked, and made with the constructor of the `tokenizers` crate. A step
//! can make a text longer, and a row of them can do so without end, so what a step puts in has few bytes, there are few
//! steps, and after each normaliser a text is cut to a multiple of what it was ([`Normalizers`]).

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use tokenizers::normalizer::Range;
use tokenizers::normalizers::{self, NormalizerWrapper};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::punctuation::Punctuation;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::pre_tokenizers::whitespace::{Whitespace, WhitespaceSplit};
use tokenizers::{NormalizedString, Normalizer, PreTokenizerWrapper, SplitDelimiterBehavior};

use super::charsmap;
use super::cut::{MAX_TEXT_BYTES, cut_at};
use super::error::TokenizerError;
use super::file::AtMost;

/// Normalisers, and pre-tokenizers, of one file. Published ones have up to five.
const MAX_STEPS: usize = 16;

/// Bytes that a step may put into a text at a time; published ones put in up to four.
const MAX_INSERTED_BYTES: usize = 16;

/// Bytes of a pattern.
const MAX_PATTERN_BYTES: usize = 1024;

/// Ids that are put around a text.
const MAX_FRAME: usize = 64;

/// How many times as long a part of a text may become. Unicode's own compatibility forms take up to eleven times the
/// space.
const MAX_GROWTH: usize = 16;

type Steps<T> = AtMost<T, MAX_STEPS>;

fn refused(reason: impl Into<String>) -> TokenizerError {
    TokenizerError::Refused(reason.into())
}

/// What happens to the letters of a text.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum NormalizerJson {
    Sequence {
        normalizers: Steps<NormalizerJson>,
    },
    Lowercase,
    #[serde(rename = "NFC")]
    Nfc,
    #[serde(rename = "NFD")]
    Nfd,
    #[serde(rename = "NFKC")]
    Nfkc,
    #[serde(rename = "NFKD")]
    Nfkd,
    Nmt,
    StripAccents,
    Strip {
        strip_left: bool,
        strip_right: bool,
    },
    BertNormalizer {
        clean_text: bool,
        handle_chinese_chars: bool,
        strip_accents: Option<bool>,
        lowercase: bool,
    },
    Precompiled {
        #[serde(default)]
        precompiled_charsmap: Option<String>,
    },
    Replace {
        pattern: PatternJson,
        content: String,
    },
    Prepend {
        prepend: String,
    },
}

/// Where a text is split into words.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum PreTokenizerJson {
    Sequence {
        pretokenizers: Steps<PreTokenizerJson>,
    },
    BertPreTokenizer,
    Whitespace,
    WhitespaceSplit,
    Digits {
        individual_digits: bool,
    },
    Punctuation {
        behavior: Option<SplitDelimiterBehavior>,
    },
    Split {
        pattern: PatternJson,
        behavior: SplitDelimiterBehavior,
        invert: bool,
    },
    Metaspace {
        replacement: char,
        prepend_scheme: Option<PrependScheme>,
        add_prefix_space: Option<bool>,
        split: Option<bool>,
    },
    ByteLevel {
        add_prefix_space: bool,
        use_regex: Option<bool>,
    },
}

#[derive(Deserialize)]
pub(super) enum PatternJson {
    String(String),
    Regex(String),
}

/// What is put around the ids of a text.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum PostProcessorJson {
    Sequence { processors: Steps<PostProcessorJson> },
    TemplateProcessing { single: Steps<PieceJson>, special_tokens: Value },
    BertProcessing { sep: (String, u32), cls: (String, u32) },
    RobertaProcessing { sep: (String, u32), cls: (String, u32) },
    // It says which bytes of a text a token stands for, which nobody asks.
    ByteLevel,
}

#[derive(Deserialize)]
pub(super) enum PieceJson {
    Sequence { id: SequenceJson },
    SpecialToken { id: String },
}

/// Which of two texts.
#[derive(Deserialize, PartialEq, Eq)]
pub(super) enum SequenceJson {
    A,
    B,
}

fn inserted(what: &str, text: String) -> Result<String, TokenizerError> {
    match text.len() {
        0..=MAX_INSERTED_BYTES => Ok(text),
        bytes => Err(refused(format!("its {what} inserts {bytes} bytes, expected at most {MAX_INSERTED_BYTES}"))),
    }
}

/// A pattern that takes time by the length of the text and no more. The crate's own engine tries alternatives one after
/// the other where a pattern looks around or repeats without giving back.
fn pattern(pattern: PatternJson) -> Result<SplitPattern, TokenizerError> {
    let (PatternJson::String(text) | PatternJson::Regex(text)) = &pattern;
    if text.len() > MAX_PATTERN_BYTES {
        return Err(refused(format!("it has a pattern of {} bytes, expected at most {MAX_PATTERN_BYTES}", text.len())));
    }
    match pattern {
        PatternJson::String(text) => Ok(SplitPattern::String(text)),
        PatternJson::Regex(text) => {
            // What this engine has no form for, it refuses; only one thing it reads otherwise.
            match Regex::new(&text) {
                Ok(_) if !has_possessive(&text) => Ok(SplitPattern::Regex(text)),
                _ => Err(refused(format!(
                    "its pattern `{text}` is not a regular expression, or one with look-around, back-references or possessive \
                     repetition"
                ))),
            }
        }
    }
}

/// Whether a pattern repeats without giving back, as `a++` does. To the `regex` crate this is a repetition of a repetition.
fn has_possessive(pattern: &str) -> bool {
    let (mut classes, mut repeated) = (0u32, false);
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                letters.next();
                // Letters in braces: `\p{L}`.
                if letters.peek() == Some(&'{') {
                    letters.by_ref().find(|letter| *letter == '}');
                }
                repeated = false;
            }
            '[' => {
                classes += 1;
                // A bracket that comes first is one of the letters.
                letters.next_if_eq(&'^');
                letters.next_if_eq(&']');
                repeated = false;
            }
            ']' if classes > 0 => classes -= 1,
            _ if classes > 0 => {}
            '+' if repeated => return true,
            '*' | '+' | '?' | '}' => repeated = true,
            _ => repeated = false,
        }
    }
    false
}

/// Normalisers, one after the other. Stops a text from growing without end: after each, a part of a text is cut at
/// [`MAX_GROWTH`] times its length.
pub(super) struct Normalizers(Vec<NormalizerWrapper>);

impl Normalizers {
    pub(super) fn new(json: NormalizerJson) -> Result<Self, TokenizerError> {
        let mut steps = Vec::new();
        add_normalizer(json, &mut steps)?;
        Ok(Self(steps))
    }

    /// The same with lower-casing, letter by letter, before all others.
    pub(super) fn after_lower_case(this: Option<Self>) -> Self {
        let mut steps = vec![normalizers::Lowercase.into()];
        steps.extend(this.into_iter().flat_map(|this| this.0));
        Self(steps)
    }
}

impl Normalizer for Normalizers {
    fn normalize(&self, text: &mut NormalizedString) -> tokenizers::Result<()> {
        // What is put in counts even where the part is short, as parts between special tokens are.
        let limit = (text.len_original() * MAX_GROWTH + 4 * MAX_INSERTED_BYTES).min(MAX_TEXT_BYTES);
        for step in &self.0 {
            step.normalize(text)?;
            if text.len() > limit {
                let end = cut_at(text.get(), limit).len();
                *text = text.slice(Range::Normalized(..end)).ok_or("a text could not be cut")?;
            }
        }
        Ok(())
    }
}

fn add_normalizer(json: NormalizerJson, steps: &mut Vec<NormalizerWrapper>) -> Result<(), TokenizerError> {
    use NormalizerJson as Json;
    let step: NormalizerWrapper = match json {
        Json::Sequence { normalizers } => {
            return normalizers.0.into_iter().try_for_each(|step| add_normalizer(step, steps));
        }
        Json::Lowercase => normalizers::Lowercase.into(),
        Json::Nfc => normalizers::NFC.into(),
        Json::Nfd => normalizers::NFD.into(),
        Json::Nfkc => normalizers::NFKC.into(),
        Json::Nfkd => normalizers::NFKD.into(),
        Json::Nmt => normalizers::Nmt.into(),
        Json::StripAccents => normalizers::StripAccents.into(),
        Json::Strip { strip_left, strip_right } => normalizers::Strip::new(strip_left, strip_right).into(),
        Json::BertNormalizer { clean_text, handle_chinese_chars, strip_accents, lowercase } => {
            normalizers::BertNormalizer::new(clean_text, handle_chinese_chars, strip_accents, lowercase).into()
        }
        Json::Precompiled { precompiled_charsmap } => {
            let map = precompiled_charsmap.ok_or_else(|| refused("its character map is missing"))?;
            charsmap::read(&map).map_err(TokenizerError::Refused)?.into()
        }
        Json::Replace { pattern: json, content } => {
            let pattern = match pattern(json)? {
                SplitPattern::String(text) => normalizers::replace::ReplacePattern::String(text),
                SplitPattern::Regex(text) => normalizers::replace::ReplacePattern::Regex(text),
            };
            let content = inserted("replacement", content)?;
            normalizers::Replace::new(pattern, content).map_err(TokenizerError::HuggingFace)?.into()
        }
        Json::Prepend { prepend } => normalizers::Prepend::new(inserted("prefix", prepend)?).into(),
    };
    if steps.len() == MAX_STEPS {
        return Err(refused(format!("it normalises in more than {MAX_STEPS} steps")));
    }
    steps.push(step);
    Ok(())
}

/// The steps that split a text into words.
pub(super) fn pre_tokenizer(json: PreTokenizerJson) -> Result<PreTokenizerWrapper, TokenizerError> {
    let mut steps = Vec::new();
    add_pre_tokenizer(json, &mut steps)?;
    // Each makes two bytes of every one beyond ASCII, and so would the next.
    if steps.iter().filter(|step| matches!(step, PreTokenizerWrapper::ByteLevel(_))).count() > 1 {
        return Err(refused("it has more than one ByteLevel step"));
    }
    Ok(Sequence::new(steps).into())
}

fn add_pre_tokenizer(json: PreTokenizerJson, steps: &mut Vec<PreTokenizerWrapper>) -> Result<(), TokenizerError> {
    use PreTokenizerJson as Json;
    let step: PreTokenizerWrapper = match json {
        Json::Sequence { pretokenizers } => {
            return pretokenizers.0.into_iter().try_for_each(|step| add_pre_tokenizer(step, steps));
        }
        Json::BertPreTokenizer => BertPreTokenizer.into(),
        Json::Whitespace => Whitespace.into(),
        Json::WhitespaceSplit => WhitespaceSplit.into(),
        Json::Digits { individual_digits } => Digits::new(individual_digits).into(),
        Json::Punctuation { behavior } => behavior.map_or_else(Punctuation::default, Punctuation::new).into(),
        Json::Split { pattern: json, behavior, invert } => {
            Split::new(pattern(json)?, behavior, invert).map_err(TokenizerError::HuggingFace)?.into()
        }
        Json::Metaspace { replacement, prepend_scheme, add_prefix_space, split } => {
            let scheme = match (add_prefix_space, prepend_scheme) {
                (Some(false), None | Some(PrependScheme::Never)) => PrependScheme::Never,
                (Some(false), Some(_)) => {
                    return Err(refused("its `add_prefix_space` and `prepend_scheme` contradict each other"));
                }
                (_, scheme) => scheme.unwrap_or(PrependScheme::Always),
            };
            Metaspace::new(replacement, scheme, split.unwrap_or(true)).into()
        }
        Json::ByteLevel { add_prefix_space, use_regex } => {
            ByteLevel::new(add_prefix_space, false, use_regex.unwrap_or(true)).into()
        }
    };
    if steps.len() == MAX_STEPS {
        return Err(refused(format!("it splits texts in more than {MAX_STEPS} steps")));
    }
    steps.push(step);
    Ok(())
}

/// The ids around those of a text.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) before: Vec<u32>,
    pub(super) after: Vec<u32>,
}

impl Frame {
    pub(super) fn new(json: PostProcessorJson) -> Result<Self, TokenizerError> {
        let mut frame = Self::default();
        frame.add(json)?;
        if frame.before.len() + frame.after.len() > MAX_FRAME {
            return Err(refused(format!("it puts more than {MAX_FRAME} tokens around a text")));
        }
        Ok(frame)
    }

    fn add(&mut self, json: PostProcessorJson) -> Result<(), TokenizerError> {
        use PostProcessorJson as Json;
        let (before, after) = match json {
            Json::Sequence { processors } => return processors.0.into_iter().try_for_each(|json| self.add(json)),
            Json::ByteLevel => return Ok(()),
            Json::BertProcessing { sep, cls } | Json::RobertaProcessing { sep, cls } => (vec![cls.1], vec![sep.1]),
            Json::TemplateProcessing { single, special_tokens } => template(single.0, &special_tokens)?,
        };
        // Each goes around what those before it made.
        self.before.splice(0..0, before);
        self.after.extend(after);
        Ok(())
    }
}

/// The ids before and behind the text of a template.
fn template(pieces: Vec<PieceJson>, special_tokens: &Value) -> Result<(Vec<u32>, Vec<u32>), TokenizerError> {
    let ids = |name: &str| {
        let listed = special_tokens.get(name).and_then(|token| token.get("ids")).and_then(Value::as_array);
        let listed = listed.filter(|ids| ids.len() <= MAX_FRAME);
        let ids = listed.and_then(|ids| ids.iter().map(|id| u32::try_from(id.as_u64()?).ok()).collect());
        ids.ok_or_else(|| refused(format!("its template has `{name}`, whose ids are not listed")))
    };
    let (mut before, mut after, mut texts) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        match piece {
            PieceJson::Sequence { id: SequenceJson::A } => texts += 1,
            PieceJson::Sequence { id: SequenceJson::B } => texts = usize::MAX / 2,
            PieceJson::SpecialToken { id } => {
                let ids: Vec<u32> = ids(&id)?;
                if texts == 0 { before.extend(ids) } else { after.extend(ids) }
            }
        }
    }
    match texts {
        1 => Ok((before, after)),
        _ => Err(refused("its template for a single text does not contain the text exactly once")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn normalize(json: Value, text: &str) -> Result<String, TokenizerError> {
        let normalizers = Normalizers::new(serde_json::from_value(json)?)?;
        let mut text = NormalizedString::from(text);
        normalizers.normalize(&mut text).map_err(TokenizerError::HuggingFace)?;
        Ok(text.get().to_owned())
    }

    fn replace(from: &str, to: &str) -> Value {
        json!({ "type": "Replace", "pattern": { "String": from }, "content": to })
    }

    #[test]
    fn texts_do_not_grow_without_end() {
        let nested = json!({ "type": "Sequence", "normalizers": vec![replace("a", &"a".repeat(16)); 16] });
        let grown = normalize(nested, "aaaa").unwrap();
        assert_eq!(grown.len(), 4 * MAX_GROWTH + 4 * MAX_INSERTED_BYTES);
        // Cut between letters.
        let nested = json!({ "type": "Sequence", "normalizers": vec![replace("é", &"é".repeat(8)); 7] });
        let grown = normalize(nested.clone(), &"é".repeat(40_000)).unwrap();
        assert!(grown.len() <= MAX_TEXT_BYTES && grown.chars().all(|c| c == 'é'));
        // What Unicode makes long stays.
        let ligature = json!({ "type": "NFKC" });
        assert_eq!(normalize(ligature, &"\u{fdfa}".repeat(9)).unwrap().chars().count(), 18 * 9);
        assert_eq!(normalize(json!({ "type": "Prepend", "prepend": "▁" }), "a").unwrap(), "▁a");
    }

    #[test]
    fn what_no_family_needs_is_refused() {
        let many = |step: Value| json!({ "type": "Sequence", "normalizers": vec![step; 9] });
        for (json, word) in [
            (json!({ "type": "Reverse" }), "Reverse"),
            (json!({ "strip_left": true, "strip_right": true }), "type"),
            (replace("a", &"b".repeat(17)), "17 bytes"),
            (replace(&"a".repeat(1025), "b"), "1025 bytes"),
            (json!({ "type": "Prepend", "prepend": "a".repeat(99) }), "99 bytes"),
            (json!({ "type": "Precompiled" }), "missing"),
            (json!({ "type": "Precompiled", "precompiled_charsmap": "AAAA" }), "cut off"),
            (many(many(replace("a", "b"))), "16 steps"),
            (json!({ "type": "Replace", "pattern": { "Regex": "(a|a)*(?!b)" }, "content": "" }), "look-around"),
            (json!({ "type": "Replace", "pattern": { "Regex": "(a|ab)++c" }, "content": "" }), "look-around"),
            (json!({ "type": "Replace", "pattern": { "Regex": "(a+)\\1" }, "content": "" }), "look-around"),
        ] {
            let error = normalize(json.clone(), "a").unwrap_err().to_string();
            assert!(error.contains(word), "{json}: {error}");
        }
        let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true });
        let twice = json!({ "type": "Sequence", "pretokenizers": [bytes, bytes] });
        assert!(pre_tokenizer(serde_json::from_value(bytes).unwrap()).is_ok());
        let error = pre_tokenizer(serde_json::from_value(twice).unwrap()).err().unwrap().to_string();
        assert!(error.contains("more than one ByteLevel"), "{error}");
        let fixed = json!({ "type": "FixedLength", "length": 0 });
        assert!(serde_json::from_value::<PreTokenizerJson>(fixed).is_err());
    }

    #[test]
    fn possessive_repetition_is_told_from_letters() {
        for pattern in ["a++", "(a|b)*+", "a?+", "a{2,3}+c", "[ab]++", r"\p{L}++", r"[\]]++"] {
            assert!(has_possessive(pattern), "{pattern}");
        }
        for pattern in [
            "a+",
            "a+?",
            " {2,}",
            r"\p{L}+| ?\p{N}+",
            r"\++",
            r"[!#$%&'()*+,-./:;<=>?@\[\\\]^_`{|}~]+",
            r"[]*+]+",
            "[^*+]+",
            r"\s+|\*\+",
        ] {
            assert!(!has_possessive(pattern), "{pattern}");
            assert!(Regex::new(pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn frames_are_those_of_the_template() {
        let frame = |json: Value| Frame::new(serde_json::from_value(json).unwrap());
        let token = |name: &str| json!({ "SpecialToken": { "id": name, "type_id": 0 } });
        let text = |name: &str| json!({ "Sequence": { "id": name, "type_id": 0 } });
        let ids = json!({ "a": { "id": "a", "ids": [1, 2], "tokens": ["a", "b"] }, "z": { "ids": [3] } });
        let template =
            |pieces: Vec<Value>| json!({ "type": "TemplateProcessing", "single": pieces, "special_tokens": ids });
        let good = template(vec![token("a"), text("A"), token("z")]);
        let found = frame(good.clone()).unwrap();
        assert_eq!((found.before, found.after), (vec![1, 2], vec![3]));
        let bert = json!({ "type": "BertProcessing", "sep": ["s", 8], "cls": ["c", 9] });
        let both = json!({ "type": "Sequence", "processors": [good, { "type": "ByteLevel" }, bert] });
        let found = frame(both).unwrap();
        assert_eq!((found.before, found.after), (vec![9, 1, 2], vec![3, 8]));
        for pieces in [
            vec![token("missing"), text("A")],
            vec![text("A"), text("A")],
            vec![text("A"), text("B")],
            vec![token("a")],
        ] {
            assert!(frame(template(pieces)).is_err());
        }
        let long = json!({ "a": { "ids": vec![1; 65] } });
        let long = json!({ "type": "TemplateProcessing", "single": [token("a"), text("A")], "special_tokens": long });
        assert!(frame(long).is_err());
    }
}

//! What captions of a user say of the relevance of results, kept beside an index.
//!
//! A small file of text in the folder of the index, which belongs to no generation of it. It names the model, the bank of texts and
//! the numbers that it is for; where one of them is another now, it says nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clip_index::refinement::{FILE, HEAD};
use clip_index::{IndexError, IndexReader};
use clip_query::refinement::{Line, Refinement};
use clip_query::{bank, relevance};

use crate::error::LibraryError;
use crate::text_file::{self, HeadFault, VERSION};

/// It has some hundred.
const MOST_BYTES: u64 = 4 << 10;

/// What is kept beside an index of what captions say.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptRefinement {
    /// What they say.
    pub refinement: Refinement,
    /// How many captions it was, of different words.
    pub captions: usize,
    /// How many photos they ask for.
    pub photos: usize,
    /// Whether it still holds: the model is the same, and so is what estimates are made of otherwise.
    pub holds: bool,
}

/// What a refinement is for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Purpose {
    fingerprint: String,
    bank: String,
    /// Version of the numbers without a refinement.
    numbers: u32,
}

impl Purpose {
    fn of(index: &IndexReader) -> Purpose {
        let fingerprint = index.model().fingerprint.clone();
        Purpose { bank: bank::name(&fingerprint), fingerprint, numbers: relevance::VERSION }
    }
}

/// What is kept beside an index; `None` if there is nothing.
///
/// # Errors
/// [`LibraryError::DamagedRefinement`] if the file is not as it should be, [`IndexError::NewerFormat`] if a newer version has
/// written it, [`IndexError::Io`] if the system refuses to read it; the last two within [`LibraryError::Index`].
pub fn refinement_of(index: &IndexReader) -> Result<Option<KeptRefinement>, LibraryError> {
    let path = index.dir().join(FILE);
    let damaged = |reason: String| LibraryError::DamagedRefinement { path: path.clone(), reason };
    let Some(text) = text_file::read(&path, MOST_BYTES, damaged)? else { return Ok(None) };
    let lines = text_file::unseal(HEAD, &text).map_err(|fault| match fault {
        HeadFault::Newer(found) => IndexError::NewerFormat { path: path.clone(), found, supported: VERSION }.into(),
        HeadFault::Damaged(reason) => damaged(reason),
    })?;
    let (kept, purpose) = parse(lines).map_err(damaged)?;
    Ok(Some(KeptRefinement { holds: purpose == Purpose::of(index), ..kept }))
}

/// Reads what comes after the first line.
fn parse(lines: &str) -> Result<(KeptRefinement, Purpose), String> {
    let value = |name: &str| {
        let lines = lines.lines().map(|line| line.split_once(' ').unwrap_or((line, "")));
        let mut values = lines.filter(|(known, _)| *known == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(format!("expected one line that begins with `{name} `")),
        }
    };
    fn numbers<T: std::str::FromStr, const N: usize>(name: &str, value: &str) -> Result<[T; N], String> {
        let numbers: Result<Vec<T>, _> = value.split(' ').map(str::parse).collect();
        let numbers = numbers.ok().and_then(|numbers| numbers.try_into().ok());
        numbers.ok_or_else(|| format!("expected {N} numbers after `{name}`, found `{value}`"))
    }
    let pair = |name: &str| {
        let pair: [f32; 2] = numbers(name, value(name)?)?;
        if pair.iter().all(|number| number.is_finite()) {
            Ok(pair)
        } else {
            Err(format!("expected numbers after `{name}`"))
        }
    };
    let line = |name: &str| {
        let [slope, offset] = pair(name)?;
        if slope >= 0.0 {
            Ok(Line { slope, offset })
        } else {
            Err(format!("expected a slope of 0 or more after `{name}`"))
        }
    };
    let least = pair("least")?;
    if least.iter().any(|least| !(0.0..=1.0).contains(least)) {
        return Err("expected numbers from 0 to 1 after `least`".to_owned());
    }
    let refinement = Refinement { captions: line("captions")?, phrases: line("phrases")?, least: least.into() };
    let [captions, photos] = numbers("from", value("from")?)?;
    let [version] = numbers("numbers", value("numbers")?)?;
    let purpose =
        Purpose { fingerprint: value("model")?.to_owned(), bank: value("bank")?.to_owned(), numbers: version };
    Ok((KeptRefinement { refinement, captions, photos, holds: false }, purpose))
}

/// What comes after the first line.
fn encode(kept: &KeptRefinement, purpose: &Purpose) -> String {
    let mut text = String::new();
    let Purpose { fingerprint, bank, numbers } = purpose;
    let Refinement { captions, phrases, least } = kept.refinement;
    let _ = writeln!(text, "model {fingerprint}\nbank {bank}\nnumbers {numbers}");
    let _ =
        writeln!(text, "captions {} {}\nphrases {} {}", captions.slope, captions.offset, phrases.slope, phrases.offset);
    let _ = writeln!(text, "least {} {}\nfrom {} {}", least.0, least.1, kept.captions, kept.photos);
    text
}

/// Keeps what captions say beside the index in this folder, for what `reader` is made with.
///
/// # Errors
/// [`IndexError::Io`], within [`LibraryError::Index`], if it cannot be written.
pub(crate) fn keep(index: &Path, reader: &IndexReader, kept: &KeptRefinement) -> Result<(), LibraryError> {
    text_file::write(&path_in(index), &text_file::seal(HEAD, &encode(kept, &Purpose::of(reader))))
}

/// Takes back what captions have refined in the index in this folder; `false` if there was nothing. Needs no model.
///
/// # Errors
/// [`IndexError::Io`], within [`LibraryError::Index`], if it cannot be removed.
pub fn unrefine(index: &Path) -> Result<bool, LibraryError> {
    let path = path_in(index);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if clip_files::system_error::says_missing(&error) => Ok(false),
        Err(source) => Err(IndexError::Io { action: "remove", path, source }.into()),
    }
}

fn path_in(index: &Path) -> PathBuf {
    index.join(FILE)
}

/// What holds of what is kept beside an index. A file that cannot be read is in nobody's way: `status` tells of it.
pub(crate) fn holding(index: &IndexReader) -> Option<Refinement> {
    let kept = refinement_of(index).ok().flatten();
    kept.filter(|kept| kept.holds).map(|kept| kept.refinement)
}

/// What a file says, written and read again. For [`fuzzing`](crate::fuzzing).
#[cfg(any(test, fuzzing))]
pub(crate) fn check_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lines = text_file::unseal(HEAD, text).unwrap_or_default();
    if let Ok((kept, purpose)) = parse(lines) {
        assert_eq!(parse(&encode(&kept, &purpose)), Ok((kept, purpose)));
    }
}

#[cfg(test)]
mod tests {
    use clip_index::{IndexWriter, ModelId};
    use proptest::prelude::*;

    use super::*;

    fn kept() -> KeptRefinement {
        let captions = Line { slope: 0.75, offset: -0.125 };
        let refinement = Refinement { captions, phrases: Line::UNCHANGED, least: (0.0625, 0.03) };
        KeptRefinement { refinement, captions: 500, photos: 100, holds: true }
    }

    fn index(dir: &Path, fingerprint: &str) -> IndexReader {
        let model = ModelId { name: "m".into(), fingerprint: fingerprint.into(), dimension: 2 };
        IndexWriter::open_or_create(dir, &model).unwrap().close().unwrap();
        IndexReader::open(dir).unwrap()
    }

    #[test]
    fn what_is_kept_holds_for_the_model_that_it_was_made_for() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (index(&folder.path().join("1"), "one"), index(&folder.path().join("2"), "two"));
        assert_eq!(refinement_of(&one).unwrap(), None);
        assert!(!unrefine(one.dir()).unwrap());
        for index in [&one, &other] {
            keep(index.dir(), &one, &kept()).unwrap();
        }
        assert_eq!(refinement_of(&one).unwrap(), Some(kept()));
        assert_eq!(holding(&one), Some(kept().refinement));
        assert_eq!(refinement_of(&other).unwrap(), Some(KeptRefinement { holds: false, ..kept() }));
        assert_eq!(holding(&other), None);
        // Made for other numbers.
        let text = format!("{HEAD}1\n{}", encode(&kept(), &Purpose::of(&one)));
        std::fs::write(path_in(one.dir()), &text).unwrap();
        assert_eq!(refinement_of(&one).unwrap(), Some(kept()), "earlier versions wrote no checksum");
        std::fs::write(path_in(one.dir()), text.replace("numbers 1", "numbers 0")).unwrap();
        assert_eq!(holding(&one), None);
        assert!(unrefine(one.dir()).unwrap());
        assert_eq!(refinement_of(&one).unwrap(), None);
    }

    #[test]
    fn what_is_wrong_with_the_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let index = index(folder.path(), "one");
        let text = format!("{HEAD}1\n{}", encode(&kept(), &Purpose::of(&index)));
        for (from, to, reason) in [
            ("# clip-search relevance 1", "x", "expected `# clip-search relevance 1`, found `x`"),
            ("least 0.0625", "least 1.5", "expected numbers from 0 to 1 after `least`"),
            ("least 0.0625", "least", "expected 2 numbers after `least`, found `0.03`"),
            ("captions 0.75", "captions -1", "expected a slope of 0 or more after `captions`"),
            ("captions 0.75", "captions inf", "expected numbers after `captions`"),
            ("phrases 1 0\n", "", "expected one line that begins with `phrases `"),
            ("phrases 1 0\n", "phrases 1 0\nphrases 1 0\n", "expected one line that begins with `phrases `"),
        ] {
            assert!(text.contains(from), "{from}");
            std::fs::write(path_in(index.dir()), text.replace(from, to)).unwrap();
            let error = refinement_of(&index).unwrap_err();
            assert!(matches!(error, LibraryError::DamagedRefinement { .. }), "{error}");
            assert!(error.to_string().ends_with(reason), "{error}");
            assert_eq!(holding(&index), None);
        }
        let sealed = text_file::seal(HEAD, &encode(&kept(), &Purpose::of(&index)));
        std::fs::write(path_in(index.dir()), sealed.replace("captions 0.75", "captions 0.55")).unwrap();
        let error = refinement_of(&index).unwrap_err();
        assert!(error.to_string().contains("the checksum does not match"), "{error}");
        std::fs::write(path_in(index.dir()), "#".repeat(10_000)).unwrap();
        assert!(matches!(refinement_of(&index), Err(LibraryError::DamagedRefinement { .. })));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(lines in prop::collection::vec("(model|bank|numbers|captions|phrases|least|from) [0-9.e -]{0,9}", 0..12)) {
            check_file(format!("{HEAD}1\n{}\n", lines.join("\n")).as_bytes());
        }
    }
}

//! Checking an index with all that lies in its folder.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use clip_index::{IndexError, IndexReader, Problem, VerifyReport};
use clip_progress::{Progress, Steps};

use crate::error::LibraryError;
use crate::refinement::refinement_of;
use crate::saved::SavedSearches;

/// As [`clip_index::verify`], with the saved searches and what captions say of relevance, which lie beside the index.
///
/// # Errors
/// Those of [`clip_index::verify`]. Damage is no error but part of the report.
pub fn verify(index: impl AsRef<Path>) -> Result<VerifyReport, IndexError> {
    let index = index.as_ref();
    with_texts(index, clip_index::verify(index)?)
}

/// As [`verify`], for an index that takes a while to read: `progress` gets the bytes that were read so far and in all. `None` if
/// `cancel` was set.
///
/// # Errors
/// Those of [`clip_index::verify`].
pub fn verify_with(
    index: impl AsRef<Path>,
    progress: &dyn Progress<Steps>,
    cancel: &AtomicBool,
) -> Result<Option<VerifyReport>, IndexError> {
    let index = index.as_ref();
    let report = clip_index::verify_with(index, progress, cancel)?;
    report.map(|report| with_texts(index, report)).transpose()
}

/// Adds what is wrong with the files of text. The remedy stays that of the index, which is none where these alone are damaged: no
/// repair can know what they said.
fn with_texts(index: &Path, mut report: VerifyReport) -> Result<VerifyReport, IndexError> {
    let searches = SavedSearches::open(index).map(drop);
    // Where the index cannot be opened, nobody asks for it.
    let relevance = IndexReader::open(index).map_or(Ok(()), |reader| refinement_of(&reader).map(drop));
    for found in [searches, relevance] {
        match found {
            Err(LibraryError::DamagedSearches { path, reason } | LibraryError::DamagedRefinement { path, reason }) => {
                report.problems.push(Problem { path, message: reason });
            }
            Err(LibraryError::Index(error @ (IndexError::Io { .. } | IndexError::NewerFormat { .. }))) => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use clip_index::{IndexWriter, ModelId, refinement, searches};
    use clip_progress::Silent;
    use clip_query::language::Date;

    use super::*;

    #[test]
    fn damage_beside_the_index_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index");
        let model = ModelId { name: "m".into(), fingerprint: "m-1".into(), dimension: 2 };
        IndexWriter::open_or_create(&index, &model).unwrap().close().unwrap();
        let today = Date::constant(2024, 9, 13);
        SavedSearches::open(&index).unwrap().save("pets", "dog | cat", folder.path(), today).unwrap();
        assert!(verify(&index).unwrap().is_clean());

        // It would be another search, and nothing else of it is wrong.
        let file = index.join(searches::FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("dog", "dow")).unwrap();
        let report = verify_with(&index, &Silent, &AtomicBool::new(false)).unwrap().unwrap();
        assert_eq!((report.problems.len(), &report.problems[0].path, report.remedy.as_ref()), (1, &file, None));
        assert!(report.problems[0].message.contains("the checksum does not match"), "{report:?}");
        assert!(SavedSearches::open(&index).is_err());

        // By hand, and as earlier versions wrote it.
        std::fs::write(&file, format!("{}1\npets dow\n", searches::HEAD)).unwrap();
        assert!(verify(&index).unwrap().is_clean());
        let file = index.join(refinement::FILE);
        std::fs::write(&file, "nothing of ours").unwrap();
        assert_eq!(verify(&index).unwrap().problems[0].path, file);
    }
}

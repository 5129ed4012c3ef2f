//! What an index is made of, as its commit point alone says.

use std::path::{Path, PathBuf};

use crate::commit_point::CommitPoint;
use crate::error::IndexError;
use crate::layout::Layout;
use crate::manifest::Manifest;
use crate::model::{ModelId, ModelOrigin, StoredPath};
use crate::reader::IndexReader;
use crate::spare;

/// What an index is made of: a model and folders. Where other files of the index are damaged, the commit point still tells from
/// what to build it again.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexSource {
    /// The model that made the embeddings.
    pub model: ModelId,
    /// Where that model came from, if the index says so.
    pub origin: Option<ModelOrigin>,
    /// The folders that the index was made of.
    pub roots: Vec<PathBuf>,
}

impl IndexSource {
    /// Reads the commit point of the index in `dir`, or the spare manifest where that is damaged, and nothing else of it. An index
    /// of version 1 has to be opened.
    ///
    /// # Errors
    /// [`IndexError::NotFound`] if there is no index, and those of [`IndexReader::open`] that are about the commit point.
    pub fn read(dir: impl AsRef<Path>) -> Result<IndexSource, IndexError> {
        let layout = Layout::new(dir.as_ref());
        match CommitPoint::read(&layout) {
            Ok(CommitPoint::Version1(_)) => IndexReader::open(layout.root()).map(|reader| IndexSource::of(&reader)),
            Ok(CommitPoint::Version2(manifest)) => Ok(IndexSource::said_by(*manifest)),
            // Files that the spare manifest names may be gone: for this, that is all the same.
            Err(error) => match spare::newest(&layout) {
                Ok(Some(manifest)) => Ok(IndexSource::said_by(manifest)),
                _ => Err(error),
            },
        }
    }

    fn said_by(manifest: Manifest) -> IndexSource {
        let roots = manifest.roots.iter().map(StoredPath::path).collect();
        IndexSource { model: manifest.model.id, origin: manifest.origin, roots }
    }

    /// What an index that can be read is made of.
    pub fn of(reader: &IndexReader) -> IndexSource {
        IndexSource { model: reader.model().clone(), origin: reader.origin().cloned(), roots: reader.roots() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Asset, IndexWriter};

    #[test]
    fn an_index_whose_files_are_gone_still_tells_what_it_is_made_of() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("index");
        assert!(matches!(IndexSource::read(&dir), Err(IndexError::NotFound { .. })));

        let model = ModelId { name: "m".into(), fingerprint: "m-1".into(), dimension: 2 };
        let mut writer = IndexWriter::open_or_create(&dir, &model).unwrap();
        writer.set_roots(&["/photos".into()]).unwrap();
        writer.set_origin(Some(ModelOrigin::Path { path: StoredPath::Text("/models/m".into()) }));
        writer.add(Asset { path: "/photos/a.jpg".into(), ..Asset::default() }, vec![0.6, 0.8]).unwrap();
        writer.commit().unwrap();
        writer.close().unwrap();

        let whole = IndexSource::of(&IndexReader::open(&dir).unwrap());
        assert_eq!(whole.roots, [PathBuf::from("/photos")]);
        assert_eq!(IndexSource::read(&dir).unwrap(), whole);
        std::fs::remove_dir_all(dir.join("vectors")).unwrap();
        assert!(IndexReader::open(&dir).is_err());
        assert_eq!(IndexSource::read(&dir).unwrap(), whole);
        std::fs::write(dir.join("manifest.json"), "damaged").unwrap();
        assert_eq!(IndexSource::read(&dir).unwrap(), whole);
        std::fs::remove_file(dir.join("manifest.spare")).unwrap();
        assert!(IndexSource::read(&dir).is_err());
    }
}

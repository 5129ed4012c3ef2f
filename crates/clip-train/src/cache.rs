//! Rows of activations on disk as 16-bit floats, written once in order and then mapped.
//!
//! A cache belongs to one run: its folder is the run's, and its key names all that its content depends on. One that
//! was interrupted goes on where it stopped.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clip_files::private;
use half::f16;
use half::slice::HalfFloatSliceExt;
use memmap2::Mmap;

use crate::error::TrainError;

/// A finished cache.
#[derive(Debug)]
pub struct Rows {
    map: Mmap,
    width: usize,
}

/// A cache that is being written.
#[derive(Debug)]
pub struct RowsWriter {
    path: PathBuf,
    file: BufWriter<File>,
    width: usize,
    done: usize,
    total: usize,
}

impl RowsWriter {
    /// Opens `<folder>/<name>-<key>.f16` for `total` rows of `width` values, keeping the whole rows that it has.
    pub fn open(folder: &Path, name: &str, key: &str, width: usize, total: usize) -> Result<Self, TrainError> {
        let path = folder.join(format!("{name}-{key}.f16"));
        let mut file = private::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(TrainError::writing(&path))?;
        let bytes = file.metadata().map_err(TrainError::writing(&path))?.len();
        let done = ((bytes / (2 * width as u64)) as usize).min(total);
        let length = done as u64 * 2 * width as u64;
        file.set_len(length).map_err(TrainError::writing(&path))?;
        file.seek(SeekFrom::Start(length)).map_err(TrainError::writing(&path))?;
        Ok(Self { file: BufWriter::new(file), path, width, done, total })
    }

    /// Rows that were written already.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Drops the rows from `rows` on, so that two caches written side by side have the same number.
    pub fn truncate(&mut self, rows: usize) -> Result<(), TrainError> {
        let length = rows as u64 * 2 * self.width as u64;
        self.file.get_ref().set_len(length).map_err(TrainError::writing(&self.path))?;
        self.file.seek(SeekFrom::Start(length)).map_err(TrainError::writing(&self.path))?;
        self.done = rows;
        Ok(())
    }

    /// Appends whole rows.
    pub fn push(&mut self, values: &[f32]) -> Result<(), TrainError> {
        let mut rows = vec![f16::ZERO; values.len()];
        rows.convert_from_f32_slice(values);
        let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.file.write_all(&bytes).map_err(TrainError::writing(&self.path))?;
        self.done += values.len() / self.width;
        Ok(())
    }

    /// Maps the finished cache.
    pub fn finish(self) -> Result<Rows, TrainError> {
        let path = self.path;
        if self.done != self.total {
            return Err(TrainError::Data {
                path,
                reason: format!("the cache has {} rows, expected {}", self.done, self.total),
            });
        }
        let file = self.file.into_inner().map_err(|error| TrainError::writing(&path)(error.into_error()))?;
        // SAFETY: the file lies in the run's own folder and is written by this process alone; after this point no
        // one writes it.
        let map = unsafe { Mmap::map(&file) }.map_err(TrainError::reading(&path))?;
        Ok(Rows { map, width: self.width })
    }
}

impl Rows {
    /// Values per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Appends columns `from..to` of a row to `out` as 32-bit floats.
    pub fn read(&self, row: usize, from: usize, to: usize, out: &mut Vec<f32>) {
        let start = (row * self.width + from) * 2;
        let bytes = &self.map[start..start + (to - from) * 2];
        let values: Vec<f16> = bytes.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]])).collect();
        let at = out.len();
        out.resize(at + values.len(), 0.0);
        values.convert_to_f32_slice(&mut out[at..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_cache_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = RowsWriter::open(dir.path(), "a", "k", 3, 3).unwrap();
        writer.push(&[1.0, 2.0, 3.0]).unwrap();
        drop(writer);
        // Half a row, as a crash leaves it.
        let path = dir.path().join("a-k.f16");
        // What photos look like to a model is nobody else's business.
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&path.metadata().unwrap()) & 0o777, 0o600);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&[1, 2, 3]).unwrap();
        let mut writer = RowsWriter::open(dir.path(), "a", "k", 3, 3).unwrap();
        assert_eq!(writer.done(), 1);
        writer.push(&[4.0, 5.0, 6.0, 7.0, 8.0, 9.5]).unwrap();
        let rows = writer.finish().unwrap();
        let mut out = Vec::new();
        rows.read(0, 0, 3, &mut out);
        rows.read(2, 1, 3, &mut out);
        assert_eq!(out, [1.0, 2.0, 3.0, 8.0, 9.5]);
    }

    #[test]
    fn an_unfinished_cache_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = RowsWriter::open(dir.path(), "a", "k", 1, 2).unwrap();
        writer.push(&[1.0]).unwrap();
        assert!(writer.finish().is_err());
    }
}

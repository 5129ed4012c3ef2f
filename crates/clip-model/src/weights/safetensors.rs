//! Safetensors files: a mapped reader that distrusts what it reads, and a writer.
//!
//! Format: <https://huggingface.co/docs/safetensors>. `F32`, `F16` and `BF16` are read as they are.
//! Our own files may also hold `I8` matrices with a companion `F32` vector `<name>.scale`: row `r`
//! of the matrix is `scale[r] * i8`. The companion is part of its matrix, never a tensor of its own.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use clip_files::atomic;
use clip_kernels::gemv::Format;
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::tensor::{Dtype, Metadata, SafeTensorError, SafeTensors, TensorView};
use serde_json::Value;

use super::file_bytes::Bytes;
use super::source::TensorSource;
use super::stored_matrix::StoredMatrix;
use super::stored_tensor::StoredTensor;
use crate::error::FileKind;
use crate::json;
use crate::{ModelError, Precision};

/// Largest header that is parsed. That of a model with 10,000 tensors takes about 1 MiB; parsing
/// needs several times a header's size, so that a lying length must not get far.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// After the name of an `I8` tensor: the scales of its rows.
const SCALE_SUFFIX: &str = ".scale";

/// An open safetensors file, or one that is part of the program.
pub struct SafetensorsFile {
    bytes: Arc<Bytes>,
    metadata: Metadata,
    /// Where the tensors' bytes begin.
    data_start: usize,
    origin: String,
}

impl std::fmt::Debug for SafetensorsFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SafetensorsFile")
            .field("origin", &self.origin)
            .field("tensors", &self.metadata.tensors().len())
            .finish()
    }
}

impl SafetensorsFile {
    /// Maps a file and checks its header. No tensor is read yet.
    ///
    /// # Errors
    /// [`ModelError::Io`], [`ModelError::NotSafetensors`] for other kinds of files and
    /// [`ModelError::DamagedWeights`] for headers that do not fit the file.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let io = |action| move |source| ModelError::Io { action, path: path.to_path_buf(), source };
        // A FIFO or device would block or never end.
        if !std::fs::metadata(path).map_err(io("read"))?.is_file() {
            return Err(ModelError::NotSafetensors { origin: path.display().to_string(), found: FileKind::NotRegular });
        }
        let file = clip_files::regular::open(path).map_err(io("read"))?;
        // SAFETY: a mapping is sound as long as nobody changes or truncates the file meanwhile.
        // Weights are read-only data that their writers (ours included) replace by renaming, which
        // leaves the mapped file intact.
        let map = unsafe { Mmap::map(&file) }.map_err(io("map"))?;
        Self::parse(Bytes::Mapped { map, file }, path.display().to_string())
    }

    /// Parses a file that is part of the program. The bytes are used in place.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for `Io`.
    pub fn from_static(bytes: &'static [u8], origin: &str) -> Result<Self, ModelError> {
        Self::parse(Bytes::Embedded(bytes), origin.to_owned())
    }

    /// Parses a file in memory.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for `Io`.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn from_bytes(bytes: Vec<u8>, origin: &str) -> Result<Self, ModelError> {
        Self::parse(Bytes::Owned(bytes), origin.to_owned())
    }

    fn parse(bytes: Bytes, origin: String) -> Result<Self, ModelError> {
        let slice = bytes.as_slice();
        let (header_len, metadata) = read_header(slice, &origin)?;
        Ok(Self { data_start: 8 + header_len, bytes: Arc::new(bytes), metadata, origin })
    }

    /// An entry of the header's `__metadata__`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// All tensors as they are stored, sorted by name: name, number format, shape, bytes.
    pub fn raw(&self) -> Vec<(String, String, Vec<usize>, &[u8])> {
        let mut names: Vec<String> = self.metadata.tensors().into_keys().collect();
        names.sort();
        let tensors = names.into_iter().filter_map(|name| {
            let view = self.view(&name)?;
            Some((name, format!("{:?}", view.dtype()), view.shape().to_vec(), view.data()))
        });
        tensors.collect()
    }

    /// The bytes of a `U8` tensor, in place.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`], or [`ModelError::TensorType`] if it is no `U8` tensor.
    pub fn bytes(&self, name: &str) -> Result<&[u8], ModelError> {
        let view = self.view(name).ok_or_else(|| self.missing(name))?;
        if view.dtype() != Dtype::U8 {
            return Err(ModelError::TensorType {
                origin: self.origin.clone(),
                name: name.to_owned(),
                found: format!("{:?}", view.dtype()),
                expected: "only U8 (a file's bytes)",
            });
        }
        Ok(view.data())
    }

    /// Whether there is a tensor of that name, weights or not.
    pub fn contains(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    fn view(&self, name: &str) -> Option<TensorView<'_>> {
        let info = self.metadata.info(name)?;
        let data = self.bytes.as_slice().get(self.data_start..)?;
        let (start, end) = info.data_offsets;
        TensorView::new(info.dtype, info.shape.clone(), data.get(start..end)?).ok()
    }

    fn missing(&self, name: &str) -> ModelError {
        ModelError::MissingTensor { origin: self.origin.clone(), name: name.to_owned(), expected: Vec::new() }
    }

    fn is_scale(&self, name: &str) -> bool {
        name.strip_suffix(SCALE_SUFFIX)
            .and_then(|base| self.metadata.info(base))
            .is_some_and(|info| info.dtype == Dtype::I8)
    }

    /// The scales of an `I8` tensor's rows, as bytes.
    fn scales(&self, name: &str, rows: usize) -> Result<&[u8], ModelError> {
        let name = format!("{name}{SCALE_SUFFIX}");
        let Some(view) = self.view(&name) else {
            return Err(ModelError::MissingTensor { origin: self.origin.clone(), name, expected: vec![rows] });
        };
        if view.dtype() != Dtype::F32 {
            return Err(ModelError::TensorType {
                origin: self.origin.clone(),
                name,
                found: format!("{:?}", view.dtype()),
                expected: "only F32 (scales of an I8 tensor's rows)",
            });
        }
        if view.shape() != [rows] {
            return Err(ModelError::MisshapenTensor {
                origin: self.origin.clone(),
                name,
                expected: vec![rows],
                found: view.shape().to_vec(),
            });
        }
        Ok(view.data())
    }

    /// Copies a part of this file's bytes without touching it, see [`Bytes::read_at`].
    ///
    /// # Errors
    /// [`ModelError::Io`].
    pub(crate) fn copy(&self, part: &[u8], out: &mut [u8]) -> Result<(), ModelError> {
        let io = |source| ModelError::Io { action: "read", path: self.origin.clone().into(), source };
        self.bytes.read_at(self.range(part).start, out).map_err(io)
    }

    /// Lets the system take back the memory of a part of this file's bytes, see [`Bytes::release`].
    fn release(&self, part: &[u8]) {
        self.bytes.release(self.range(part));
    }

    /// Where a part of this file's bytes lies.
    fn range(&self, part: &[u8]) -> Range<usize> {
        let start = part.as_ptr() as usize - self.bytes.as_slice().as_ptr() as usize;
        start..start + part.len()
    }
}

impl TensorSource for SafetensorsFile {
    fn origin(&self) -> String {
        self.origin.clone()
    }

    fn names(&self) -> Vec<String> {
        self.metadata.tensors().into_keys().filter(|name| !self.is_scale(name)).collect()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.metadata.info(name).map(|info| info.shape.clone())
    }

    fn read(&self, name: &str) -> Result<StoredTensor, ModelError> {
        let view = self.view(name).ok_or_else(|| self.missing(name))?;
        let bytes = view.data();
        let data = match view.dtype() {
            Dtype::F32 => floats(bytes),
            Dtype::F16 => pairs(bytes).map(|b| f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::BF16 => pairs(bytes).map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
            Dtype::I8 => {
                let rows = view.shape().first().copied().unwrap_or(1);
                let scales = self.scales(name, rows)?;
                let columns = bytes.len().checked_div(rows).unwrap_or(0).max(1);
                bytes
                    .chunks_exact(columns)
                    .zip(floats(scales))
                    .flat_map(|(row, scale)| row.iter().map(move |&b| f32::from(b.cast_signed()) * scale))
                    .collect()
            }
            other => {
                return Err(ModelError::TensorType {
                    origin: self.origin.clone(),
                    name: name.to_owned(),
                    found: format!("{other:?}"),
                    expected: "F32, F16, BF16 and I8 with row scales",
                });
            }
        };
        self.release(bytes);
        Ok(StoredTensor { shape: view.shape().to_vec(), data })
    }

    fn matrix(&self, name: &str) -> Result<StoredMatrix, ModelError> {
        let view = self.view(name).ok_or_else(|| self.missing(name))?;
        let (format, scales) = match (view.dtype(), view.shape()) {
            (Dtype::F32, [_, _]) => (Format::F32, 0..0),
            (Dtype::F16, [_, _]) => (Format::F16, 0..0),
            (Dtype::BF16, [_, _]) => (Format::Bf16, 0..0),
            (Dtype::I8, [rows, _]) => (Format::Int8, self.range(self.scales(name, *rows)?)),
            // What is no matrix, or of an unknown type, is for `read` to judge.
            _ => return Ok(StoredMatrix::owned(self.read(name)?)),
        };
        Ok(StoredMatrix::new(self.bytes.clone(), format, self.range(view.data()), scales, view.shape()[1]))
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = [u8; 2]> + '_ {
    bytes.as_chunks::<2>().0.iter().copied()
}

/// Checks the beginning of a file and parses its header.
fn read_header(bytes: &[u8], origin: &str) -> Result<(usize, Metadata), ModelError> {
    let damaged =
        |reason: String| ModelError::DamagedWeights { origin: origin.to_owned(), reason, len: bytes.len() as u64 };
    if let Some(found) = foreign_kind(bytes) {
        return Err(ModelError::NotSafetensors { origin: origin.to_owned(), found });
    }
    let Some(length) = bytes.first_chunk::<8>() else {
        return Err(damaged("it is too short for a header".into()));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(damaged(format!("its header claims {length} bytes, at most {MAX_HEADER_BYTES} are accepted")));
    }
    if length > bytes.len() as u64 - 8 {
        return Err(damaged(format!("its header claims {length} bytes, but the file is shorter")));
    }
    SafeTensors::read_metadata(bytes).map_err(|error| {
        damaged(match error {
            SafeTensorError::InvalidHeader(_) => "its header is not text".into(),
            SafeTensorError::InvalidHeaderDeserialization(e) => {
                let header = bytes.get(8..8 + length as usize).unwrap_or_default();
                let reason = wrong_tensor(header).unwrap_or_else(|| json::describe(&e));
                format!("its header cannot be read: {reason}")
            }
            SafeTensorError::MisalignedSlice => "a tensor of numbers of less than a byte ends inside a byte".into(),
            SafeTensorError::InvalidOffset(name) => {
                format!("tensor `{}` has offsets that overlap or leave gaps", json::cut(&name))
            }
            SafeTensorError::TensorInvalidInfo => "a tensor's shape and type do not fit its offsets".into(),
            SafeTensorError::MetadataIncompleteBuffer => {
                "the tensors in its header end elsewhere than the file does (cut off?)".into()
            }
            SafeTensorError::ValidationOverflow => "a tensor's size overflows".into(),
            other => format!("{other}"),
        })
    })
}

/// The first tensor that a header, which is JSON, describes in another way than the format does.
fn wrong_tensor(header: &[u8]) -> Option<String> {
    // As values, a header takes many times its size.
    const MAX_BYTES: usize = 1 << 20;
    let header = std::str::from_utf8(header).ok().filter(|header| header.len() <= MAX_BYTES)?;
    let header = match json::object(header) {
        Ok(header) => header,
        Err(reason) => return Some(reason),
    };
    header.iter().filter(|(name, _)| *name != "__metadata__").find_map(|(name, tensor)| {
        let name = json::cut(name);
        let Value::Object(tensor) = tensor else {
            return Some(format!("tensor `{name}` is {}, expected an object", json::quoted(tensor)));
        };
        let entry = |key: &str| tensor.get(key).unwrap_or(&Value::Null);
        let wrong = |key: &str, expected: &str| {
            Some(format!("the {key} of tensor `{name}` is {}, expected {expected}", json::quoted(entry(key))))
        };
        if serde_json::from_value::<Dtype>(entry("dtype").clone()).is_err() {
            return wrong("dtype", "the name of a number format, such as \"F32\"");
        }
        if serde_json::from_value::<Vec<usize>>(entry("shape").clone()).is_err() {
            return wrong("shape", "a list of whole numbers");
        }
        if serde_json::from_value::<[usize; 2]>(entry("data_offsets").clone()).is_err() {
            return wrong("data_offsets", "two whole numbers");
        }
        None
    })
}

/// Names the kind of a file that is known not to be safetensors.
fn foreign_kind(bytes: &[u8]) -> Option<FileKind> {
    match bytes {
        [] => Some(FileKind::Empty),
        [b'P', b'K', 3, 4, ..] => Some(FileKind::Zip),
        // The opcode of pickle's protocol 2 to 5 and the frame, class or dict that follows.
        [0x80, 2..=5, b'}' | b'c' | b'(' | b']' | 0x8a | 0x95 | b'X', ..] => Some(FileKind::Pickle),
        [0x89, b'H', b'D', b'F', ..] => Some(FileKind::Hdf5),
        [b'G', b'G', b'U', b'F', ..] => Some(FileKind::Gguf),
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', b'h', ..] => Some(FileKind::GitLfsPointer),
        [b'<' | b'{', ..] if bytes.iter().take(512).all(|b| b.is_ascii()) => Some(FileKind::Text),
        _ => None,
    }
}

/// What to put into a file.
#[derive(Debug, Default)]
pub struct Contents<'a> {
    /// Header entries.
    pub metadata: Vec<(&'a str, String)>,
    /// Weights: name, shape, row-major values.
    pub tensors: &'a [(String, Vec<usize>, Vec<f32>)],
    /// Whole files, kept as `U8` tensors.
    pub files: Vec<(&'a str, &'a [u8])>,
    /// How the weights are stored.
    pub precision: Precision,
}

struct Encoded<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Cow<'a, [u8]>,
}

impl safetensors::View for Encoded<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Encodes a safetensors file. The same contents give the same bytes.
///
/// # Errors
/// [`ModelError::Input`] if a tensor's shape does not fit its values or a value is not finite.
pub fn encode(contents: &Contents<'_>) -> Result<Vec<u8>, ModelError> {
    let mut entries: Vec<(String, Encoded<'_>)> = Vec::new();
    for (name, shape, data) in contents.tensors {
        if shape.iter().product::<usize>() != data.len() {
            return Err(ModelError::Input(format!("tensor `{name}` of shape {shape:?} has {} values", data.len())));
        }
        if let Some(bad) = data.iter().find(|v| !v.is_finite()) {
            return Err(ModelError::Input(format!("tensor `{name}` holds {bad}; weights must be finite to be stored")));
        }
        match contents.precision {
            Precision::F32 => entries.push((name.clone(), single(shape, data))),
            Precision::Int8 if shape.len() > 1 => {
                let (rows, scales) = quantize(shape[0], data);
                entries.push((name.clone(), Encoded { dtype: Dtype::I8, shape: shape.clone(), bytes: rows.into() }));
                let scale = single(&[shape[0]], &scales);
                entries.push((format!("{name}{SCALE_SUFFIX}"), scale));
            }
            Precision::F16 | Precision::Int8 if data.iter().any(|v| !f16::from_f32(*v).is_finite()) => {
                return Err(ModelError::Input(format!("tensor `{name}` is too large for half precision")));
            }
            Precision::F16 | Precision::Int8 => entries.push((
                name.clone(),
                Encoded {
                    dtype: Dtype::F16,
                    shape: shape.clone(),
                    bytes: data.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
                },
            )),
        }
    }
    for (name, bytes) in &contents.files {
        let file = Encoded { dtype: Dtype::U8, shape: vec![bytes.len()], bytes: Cow::Borrowed(bytes) };
        entries.push(((*name).to_owned(), file));
    }
    let metadata: HashMap<String, String> =
        contents.metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    safetensors::serialize(entries, (!metadata.is_empty()).then_some(metadata))
        .map_err(|e| ModelError::Input(format!("cannot encode the weights: {e}")))
}

/// Writes a file that appears under its name complete or not at all, for its owner only.
///
/// # Errors
/// As [`encode`], and [`ModelError::Io`].
pub fn write(path: &Path, contents: &Contents<'_>) -> Result<(), ModelError> {
    let bytes = encode(contents)?;
    atomic::write_bytes(path, &bytes).map_err(|source| ModelError::Io {
        action: "write",
        path: path.to_path_buf(),
        source,
    })
}

fn single(shape: &[usize], data: &[f32]) -> Encoded<'static> {
    Encoded { dtype: Dtype::F32, shape: shape.to_vec(), bytes: data.iter().flat_map(|v| v.to_le_bytes()).collect() }
}

/// Symmetric quantisation, a scale a row.
fn quantize(rows: usize, data: &[f32]) -> (Vec<u8>, Vec<f32>) {
    let columns = data.len().checked_div(rows).unwrap_or(0).max(1);
    let mut quantized = Vec::with_capacity(data.len());
    let mut scales = Vec::with_capacity(rows);
    for row in data.chunks_exact(columns) {
        let largest = row.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let scale = largest / 127.0;
        scales.push(scale);
        // A row of zeros, or of values so small that the scale underflows, is stored as zeros.
        let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
        let inverse = if inverse.is_finite() { inverse } else { 0.0 };
        quantized.extend(row.iter().map(|v| ((v * inverse).round().clamp(-127.0, 127.0) as i8).cast_unsigned()));
    }
    (quantized, scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors() -> Vec<(String, Vec<usize>, Vec<f32>)> {
        vec![
            ("a.weight".into(), vec![2, 3], vec![0.5, -1.0, 0.25, 100.0, 0.0, -3.0]),
            ("a.bias".into(), vec![2], vec![1.5, -0.125]),
        ]
    }

    fn reopened(bytes: Vec<u8>) -> Result<SafetensorsFile, ModelError> {
        SafetensorsFile::from_static(bytes.leak(), "test.safetensors")
    }

    fn encoded(precision: Precision) -> Vec<u8> {
        encode(&Contents {
            metadata: vec![("key", "value".into())],
            tensors: &tensors(),
            files: vec![("tokenizer", b"abc")],
            precision,
        })
        .unwrap()
    }

    #[test]
    fn all_precisions_come_back() {
        for (precision, tolerance) in [(Precision::F32, 0.0), (Precision::F16, 1e-3), (Precision::Int8, 0.005)] {
            let file = reopened(encoded(precision)).unwrap();
            assert_eq!(file.metadata("key"), Some("value"));
            assert_eq!(file.bytes("tokenizer").unwrap(), b"abc");
            let mut names = file.names();
            names.sort();
            assert_eq!(names, ["a.bias", "a.weight", "tokenizer"]);
            for (name, shape, data) in tensors() {
                let read = file.read(&name).unwrap();
                assert_eq!(read.shape, shape);
                for (row, expected) in read.data.chunks(3).zip(data.chunks(3)) {
                    let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                    for (a, b) in row.iter().zip(expected) {
                        assert!((a - b).abs() <= tolerance * largest, "{name}: {a} for {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_are_scaled_on_their_own() {
        // With one scale for the whole matrix, the first row would come back as [1, -1, 0] * 0.79.
        let file = reopened(encoded(Precision::Int8)).unwrap();
        let read = file.read("a.weight").unwrap().data;
        assert!((read[2] - 0.25).abs() < 0.005, "{read:?}");
    }

    #[test]
    fn files_are_mapped_and_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let contents = Contents { tensors: &tensors(), ..Contents::default() };
        write(&path, &contents).unwrap();
        let file = SafetensorsFile::open(&path).unwrap();
        assert_eq!(file.read("a.bias").unwrap().data, [1.5, -0.125]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn other_kinds_of_files_are_named() {
        let cases: [(&[u8], &str); 5] = [
            (b"", "empty"),
            (b"PK\x03\x04rest of a zip archive", "zip"),
            (b"\x80\x02}q\x00(X\x05\x00\x00\x00", "pickle"),
            (b"<!doctype html><title>404</title>", "text"),
            (b"version https://git-lfs.github.com/spec/v1\n", "LFS"),
        ];
        for (bytes, word) in cases {
            match reopened(bytes.to_vec()) {
                Err(error @ ModelError::NotSafetensors { .. }) => {
                    assert!(error.to_string().contains(word), "{error}");
                }
                other => panic!("{word}: {other:?}"),
            }
        }
    }

    #[test]
    fn hostile_headers_are_errors() {
        let with_header = |header: &str, data: usize| {
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend(header.as_bytes());
            bytes.resize(bytes.len() + data, 0);
            bytes
        };
        let good = encoded(Precision::F32);
        let mut cases = vec![
            ("short", vec![1, 2, 3]),
            ("cut off in the data", good[..good.len() - 1].to_vec()),
            ("cut off in the header", good[..40].to_vec()),
            ("trailing bytes", [good.as_slice(), &[0]].concat()),
            ("huge header", [u64::MAX.to_le_bytes().as_slice(), &[0; 64]].concat()),
            ("large header", [(1u64 << 40).to_le_bytes().as_slice(), &[0; 64]].concat()),
            ("header is not UTF-8", [8u64.to_le_bytes().as_slice(), &[0xff; 8]].concat()),
        ];
        for (what, header, data) in [
            ("offsets past the end", r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#, 8),
            ("offsets reversed", r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8),
            ("a gap", r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8),
            ("shape and offsets differ", r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8),
            (
                "a shape that overflows",
                r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}"#,
                8,
            ),
            (
                "offsets that overflow",
                r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}"#,
                8,
            ),
            ("no JSON", "not json", 0),
            ("unknown type", r#"{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}"#, 8),
        ] {
            cases.push((what, with_header(header, data)));
        }
        for (what, bytes) in cases {
            match reopened(bytes) {
                Err(ModelError::DamagedWeights { .. }) => {}
                other => panic!("{what}: {other:?}"),
            }
        }
    }

    #[test]
    fn integer_weights_need_their_scales() {
        let header = r#"{"a":{"dtype":"I8","shape":[2,2],"data_offsets":[0,4]},"b":{"dtype":"I64","shape":[1],"data_offsets":[4,12]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + 12, 0);
        let file = reopened(bytes).unwrap();
        match file.read("a") {
            Err(ModelError::MissingTensor { name, .. }) => assert_eq!(name, "a.scale"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(file.read("b"), Err(ModelError::TensorType { .. })));
        assert!(matches!(file.read("c"), Err(ModelError::MissingTensor { .. })));
    }

    #[test]
    fn weights_that_are_not_finite_are_not_stored() {
        let tensors = [("a".to_owned(), vec![1], vec![f32::NAN])];
        let contents = Contents { tensors: &tensors, ..Contents::default() };
        assert!(matches!(encode(&contents), Err(ModelError::Input(_))));
    }
}

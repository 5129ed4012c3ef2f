//! Why a file gave no photo.

use std::io;

use clip_files::system_error;

use crate::Format;

/// Why a file gave no photo. The message is one line that a summary can show next to the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A directory, FIFO, socket or device. It was not read from.
    #[error("not a regular file but {found}")]
    NotARegularFile {
        /// What it is, with its article: "a folder".
        found: &'static str,
    },
    /// The file holds no bytes at all.
    #[error("the file is empty")]
    Empty,
    /// The file holds more bytes than [`Limits::max_file_bytes`](crate::Limits::max_file_bytes).
    #[error("{}", describe_excess(*bytes, *max_bytes))]
    FileTooLarge {
        /// Size of the file.
        bytes: u64,
        /// The limit that it exceeds.
        max_bytes: u64,
    },
    /// The header claims more pixels than [`Limits::max_pixels`](crate::Limits::max_pixels).
    #[error("the header claims {width}x{height} pixels; the limit is {max_pixels}")]
    TooLarge {
        /// Width according to the header.
        width: u32,
        /// Height according to the header.
        height: u32,
        /// The limit on their product.
        max_pixels: u64,
    },
    /// The picture is within the pixel limit, but decoding it takes more memory than
    /// [`Limits::max_memory`](crate::Limits::max_memory): many bits a pixel, all scans or frames at once.
    #[error("decoding the {format} takes too much memory: {reason}")]
    TooMuchMemory {
        /// Format by content.
        format: Format,
        /// How much memory it takes, and the limit.
        reason: String,
    },
    /// The first bytes match no known picture format, whatever the name says.
    #[error("not a supported image: its first bytes are those of no known format")]
    UnknownFormat,
    /// A known format whose decoder was left out when the program was built. The file may well be good.
    #[error("{format} support is not built in")]
    NotBuiltIn {
        /// Format by content.
        format: Format,
    },
    /// A known format that needs a system library, which is missing. The file may well be good.
    #[error("{format} cannot be read: {reason}")]
    NeedsLibrary {
        /// Format by content.
        format: Format,
        /// What is missing: "libheif is not installed".
        reason: String,
    },
    /// A picture format, or a variety of one, that is recognised but not decoded.
    #[error("{what} is not supported; convert the photo to JPEG or PNG")]
    Unsupported {
        /// Which one: "JPEG XR", "JPEG with hierarchical frames".
        what: String,
    },
    /// The file ends before its picture does: an interrupted copy or download.
    ///
    /// A JPEG whose rows are all there may lack its end marker, and bytes after the end of any
    /// picture are ignored.
    #[error("truncated {format}: the file ends before the image data does")]
    Truncated {
        /// Format by content.
        format: Format,
    },
    /// The content contradicts itself or its format.
    #[error("damaged {format}: {reason}")]
    Decode {
        /// Format by content.
        format: Format,
        /// What was expected and what was found.
        reason: String,
    },
    /// The decoder panicked. The file may be good or bad; the decoder has a fault in either case.
    #[error("the {format} decoder crashed")]
    Panicked {
        /// Format by content.
        format: Format,
        /// The message of the panic, for a report of the fault.
        message: String,
    },
    /// Decoding took longer than [`Workers`](crate::Workers) allows.
    #[error("decoding the {format} took more than {seconds} s")]
    TookTooLong {
        /// Format by content.
        format: Format,
        /// The limit.
        seconds: u64,
    },
    /// No worker process could be started. The file may well be good.
    #[error("no process could decode the {format}: {}", system_error::describe(.error))]
    NoWorker {
        /// Format by content.
        format: Format,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The file cannot be opened or read.
    #[error("{}", describe_io(.0))]
    Io(#[from] io::Error),
}

/// How much larger a file is than it may be: in words, unless both are the same in words.
fn describe_excess(bytes: u64, max_bytes: u64) -> String {
    match (in_words(bytes), in_words(max_bytes)) {
        (size, limit) if size != limit => format!("the file has {size}; the limit is {limit}"),
        _ => format!("the file has {bytes} bytes; the limit is {max_bytes}"),
    }
}

/// A number of bytes with a unit that suits it: "3.3 TB".
fn in_words(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut size, mut unit) = (bytes as f64, "bytes");
    for next in UNITS {
        // Rounded, it would be 1000.0 of the smaller unit.
        if size < if unit == "bytes" { 1000.0 } else { 999.95 } {
            break;
        }
        (size, unit) = (size / 1000.0, next);
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{size:.1} {unit}") }
}

/// What can be done so that the next attempt succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Raise [`Limits::max_file_bytes`](crate::Limits::max_file_bytes).
    RaiseMaxFileBytes {
        /// The least limit that lets the file pass, in bytes.
        to: u64,
    },
    /// Raise [`Limits::max_pixels`](crate::Limits::max_pixels).
    RaiseMaxPixels {
        /// The least limit that lets the picture pass, in pixels.
        to: u64,
    },
    /// Raise [`Limits::max_memory`](crate::Limits::max_memory), or store the photo in a way that takes less: with fewer
    /// bits a pixel, without progressive scans or in a smaller size.
    RaiseMaxMemoryOrConvert {
        /// Format by content.
        format: Format,
    },
    /// Report it, with the file: the decoder has a fault.
    Report,
    /// Try again when the machine is less busy.
    TryAgain,
    /// Install libheif 1.12 or later with its decoder for the format: HEVC for HEIC, AV1 for AVIF.
    InstallLibheif {
        /// The format to decode.
        format: Format,
    },
    /// Build the program with the cargo feature [`Format::feature`].
    BuildIn {
        /// The format to build in.
        format: Format,
    },
}

impl ImageError {
    /// What can be done about it, if it is known.
    pub fn remedy(&self) -> Option<Remedy> {
        match *self {
            Self::FileTooLarge { bytes, .. } => Some(Remedy::RaiseMaxFileBytes { to: bytes }),
            Self::TooLarge { width, height, .. } => {
                Some(Remedy::RaiseMaxPixels { to: u64::from(width) * u64::from(height) })
            }
            Self::TooMuchMemory { format, .. } => Some(Remedy::RaiseMaxMemoryOrConvert { format }),
            Self::Panicked { .. } => Some(Remedy::Report),
            Self::TookTooLong { .. } => Some(Remedy::TryAgain),
            Self::NotBuiltIn { format } => Some(Remedy::BuildIn { format }),
            Self::NeedsLibrary { format, .. } => Some(Remedy::InstallLibheif { format }),
            _ => None,
        }
    }
}

fn describe_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file, or a broken link".into(),
        io::ErrorKind::PermissionDenied => "cannot be read: permission denied".into(),
        _ => format!("cannot be read: {}", system_error::describe(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_told_in_units_that_can_be_read() {
        let message = |bytes, max_bytes| ImageError::FileTooLarge { bytes, max_bytes }.to_string();
        assert_eq!(message(3_298_534_883_328, 1 << 30), "the file has 3.3 TB; the limit is 1.1 GB");
        assert_eq!(message(1 << 31, 999_960), "the file has 2.1 GB; the limit is 1.0 MB");
        assert_eq!(message(11, 10), "the file has 11 bytes; the limit is 10 bytes");
        assert_eq!(message(u64::MAX, 999), "the file has 18.4 EB; the limit is 999 bytes");
        let next = (1 << 30) + 1;
        assert_eq!(message(next, 1 << 30), "the file has 1073741825 bytes; the limit is 1073741824");
    }

    #[test]
    fn what_takes_too_much_memory_can_be_converted() {
        let error = ImageError::TooMuchMemory { format: Format::Png, reason: "2 bytes, the limit is 1".into() };
        assert_eq!(error.remedy(), Some(Remedy::RaiseMaxMemoryOrConvert { format: Format::Png }));
    }

    #[cfg(unix)]
    #[test]
    fn the_system_is_quoted_without_its_numbers() {
        // EIO has the same number on all Unixes.
        let error = ImageError::Io(io::Error::from_raw_os_error(5)).to_string();
        assert!(error.starts_with("cannot be read: i") && !error.contains("os error"), "{error}");
    }
}

//! Identifies the kind of raw file by its content.

use super::tables::Tables;

/// A kind of raw file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats) enum Kind {
    /// Based on TIFF; the text is the maker's name for such files.
    Tables(&'static str),
    Cr3,
    Crw,
    Mrw,
    Raf,
    X3f,
}

impl Kind {
    /// `None` for anything else, or a part of a file that is too short to tell.
    pub(in crate::formats) fn of(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [_, _, _, _, b'f', b't', b'y', b'p', b'c', b'r', b'x', b' ', ..] => Self::Cr3,
            [b'I', b'I', _, _, _, _, b'H', b'E', b'A', b'P', b'C', b'C', b'D', b'R', ..] => Self::Crw,
            [0, b'M', b'R', b'M', ..] => Self::Mrw,
            [b'F', b'O', b'V', b'b', ..] => Self::X3f,
            _ if bytes.starts_with(b"FUJIFILMCCD-RAW") => Self::Raf,
            [b'I', b'I', b'U', 0, ..] => Self::Tables("RW2"),
            [b'I', b'I', b'R', b'O' | b'S', ..] | [b'M', b'M', b'O', b'R', ..] => Self::Tables("ORF"),
            [b'I', b'I', 42, 0, _, _, _, _, b'C', b'R', 2, ..] => Self::Tables("CR2"),
            [b'I', b'I', 42, 0, _, _, _, _, b'I', b'I', b'I', b'I', ..]
            | [b'M', b'M', 0, 42, _, _, _, _, b'M', b'M', b'M', b'M', ..] => Self::Tables("IIQ"),
            [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Self::Tables(Tables::read(bytes)?.kind()?),
            _ => return None,
        })
    }

    /// The name that makers give to such files.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tables(name) => name,
            Self::Cr3 => "CR3",
            Self::Crw => "CRW",
            Self::Mrw => "MRW",
            Self::Raf => "RAF",
            Self::X3f => "X3F",
        }
    }
}

//! What ties a photo to other files: the shots of a burst, the video of a Live Photo.

use crate::text::LONGEST_NAME;

/// What ties a photo to other files, or says that it moves.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Related {
    /// The identifier that the shots of a burst share.
    pub burst: Option<String>,
    /// Whether the photo stands for its burst: the camera or the owner chose it.
    pub is_burst_primary: bool,
    /// The identifier that the picture and the video of a Live Photo share.
    pub live_photo: Option<String>,
    /// Whether the file also contains a short video (motion photo).
    pub has_motion: bool,
}

impl Related {
    /// Takes over from `other` what is not known yet.
    pub(crate) fn or(self, other: Related) -> Related {
        Related {
            burst: self.burst.or(other.burst),
            is_burst_primary: self.is_burst_primary || other.is_burst_primary,
            live_photo: self.live_photo.or(other.live_photo),
            has_motion: self.has_motion || other.has_motion,
        }
    }
}

/// An identifier as it is compared: its printable characters, in capitals as UUIDs are written by Apple. `None` if there are
/// none.
pub(crate) fn identifier(text: &str) -> Option<String> {
    let printable = text.chars().take(4 * LONGEST_NAME).filter(char::is_ascii_graphic);
    let id: String = printable.take(LONGEST_NAME).map(|c| c.to_ascii_uppercase()).collect();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_compared_without_case_and_padding() {
        assert_eq!(identifier(" 5e9b3f2c-6C39 \0").as_deref(), Some("5E9B3F2C-6C39"));
        assert_eq!(identifier("\0\0 \u{e9}"), None);
        assert_eq!(identifier(&"a".repeat(1000)).map(|id| id.len()), Some(LONGEST_NAME));
    }
}

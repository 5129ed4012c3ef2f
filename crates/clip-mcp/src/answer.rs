//! What an assistant is told.

use clip_search::language::Note;
use clip_search::{Alternative, Filter, Forbidden, ImageError, IndexError, LibraryError, with_causes};
use serde::Serialize;
use serde_json::Value;

/// Why a tool has no answer, in words for an assistant.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(String);

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Failure {
        Failure(with_causes(&error))
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Failure {
        LibraryError::from(error).into()
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Failure {
        Failure(format!("the photo cannot be shown: {error}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure(format!("the photo's file cannot be read: {}", with_causes(&error)))
    }
}

impl From<Forbidden> for Failure {
    fn from(error: Forbidden) -> Failure {
        Failure(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure(format!("the answer cannot be written: {error}"))
    }
}

/// What lets every photo pass. A query must say something, and this does: no photo meets none of no conditions.
pub(crate) fn everything() -> Alternative {
    let nothing = Filter::Any(Vec::new());
    Alternative { terms: Vec::new(), filter: Filter::Not(Box::new(nothing)) }
}

/// What is worth knowing of how a query was understood.
pub(crate) fn note(note: &Note) -> Option<String> {
    match note {
        Note::NotACondition { text, reason, .. } => Some(format!("{text:?} was searched for as text: {reason}")),
        Note::Date { words, condition } => {
            Some(format!("{words:?} was taken as {condition}; with \"literal\": true it is searched for as text"))
        }
        _ => None,
    }
}

pub(crate) fn json(value: &impl Serialize) -> Result<Value, Failure> {
    Ok(serde_json::to_value(value)?)
}

/// What is known of a photo, with or without where it was taken.
pub(crate) fn photo(photo: &impl Serialize, places: bool) -> Result<Value, Failure> {
    let mut value = json(photo)?;
    if let (false, Value::Object(members)) = (places, &mut value) {
        for member in ["gps", "place"] {
            members.remove(member);
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_can_be_kept_back() {
        let known = serde_json::json!({ "id": 1, "gps": [1.0, 2.0], "place": "Rome", "camera": "x" });
        assert_eq!(photo(&known, true).unwrap(), known);
        assert_eq!(photo(&known, false).unwrap(), serde_json::json!({ "id": 1, "camera": "x" }));
    }
}

//! The one error type of the crate.

use clip_encoder::BoxedError;

/// Why labels, examples or captions could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifyError {
    /// Something is needed, and none was given.
    #[error("no {what}; expected at least one")]
    Empty {
        /// What is missing: `labels`, `prompt templates`, `photos` or `captions`.
        what: &'static str,
    },
    /// A prompt template does not have exactly one place for the label.
    #[error("the prompt template {template:?} has {found} places for the label, expected one `{{}}`")]
    Template {
        /// The template.
        template: String,
        /// How many places it has.
        found: usize,
    },
    /// Values are not whole vectors of a width, or not as many vectors as there should be.
    #[error("the {what} have {found} values, expected {}", expected_values(*vectors, *dimension))]
    Length {
        /// What the values are.
        what: &'static str,
        /// How many values there are.
        found: usize,
        /// How many vectors are expected, if that is known.
        vectors: Option<usize>,
        /// Width of a vector.
        dimension: usize,
    },
    /// A vector does not have the width of those that it is compared with.
    #[error("the photo's embedding has {found} dimensions, expected {expected}")]
    Dimension {
        /// Values of the photo's vector.
        found: usize,
        /// Values of the vectors that it is compared with.
        expected: usize,
    },
    /// There are too few classes to tell apart.
    #[error("expected at least two classes, found {found}")]
    Classes {
        /// How many there are.
        found: usize,
    },
    /// A class has no example.
    #[error("class {class} has no examples; expected at least one per class")]
    NoExample {
        /// The class, from 0.
        class: usize,
    },
    /// An index points past the end.
    #[error("{what} {index} does not exist, expected less than {count}")]
    Index {
        /// What the index points to: `class` or `photo`.
        what: &'static str,
        /// The index, from 0.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// Not every caption has a photo, or more photos are named than there are captions.
    #[error("{captions} captions have embeddings but {photos} have a photo")]
    Captions {
        /// Captions that have an embedding.
        captions: usize,
        /// Captions of which the photo is given.
        photos: usize,
    },
    /// The encoder failed.
    #[error("the labels could not be embedded: {0}")]
    Encoder(#[source] BoxedError),
}

fn expected_values(vectors: Option<usize>, dimension: usize) -> String {
    match vectors {
        Some(vectors) => format!("{vectors} vectors of {dimension} each"),
        None => format!("one or more vectors of {dimension} each"),
    }
}

/// What may help against a [`ClassifyError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Write a template with one place for the label, such as `a photo of a {}.`
    WriteTemplate,
    /// Give at least one example for every class.
    AddExamples,
}

impl ClassifyError {
    /// What may help, if that is known.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Template { .. } | Self::Empty { what: TEMPLATES } => Some(Remedy::WriteTemplate),
            Self::NoExample { .. } => Some(Remedy::AddExamples),
            _ => None,
        }
    }
}

/// The name of prompt templates in [`ClassifyError::Empty`].
pub(crate) const TEMPLATES: &str = "prompt templates";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_quoted_without_control_characters() {
        let error = ClassifyError::Template { template: "\u{1b}[2Jwho\u{202e}".into(), found: 0 };
        assert_eq!(
            error.to_string(),
            r#"the prompt template "\u{1b}[2Jwho\u{202e}" has 0 places for the label, expected one `{}`"#
        );
        assert_eq!(error.remedy(), Some(Remedy::WriteTemplate));
    }
}

//! Prompt templates: the sentences that a label is put into before it is embedded.

use crate::error::{ClassifyError, TEMPLATES};

/// What stands in a template for the label.
const PLACE: &str = "{}";

/// Sentences with a place for a label.
///
/// A label is embedded in all of them and the embeddings are averaged (Radford et al. 2021, section 3.1.4): a lone word
/// is unlike the captions that a model was trained on, and an average over many sentences keeps what they share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates {
    lines: Vec<String>,
}

impl Templates {
    /// The 80 templates of the CLIP paper.
    pub fn imagenet() -> Self {
        Self::built_in(include_str!("../prompts/imagenet.txt"))
    }

    /// The 7 of them that OpenAI's forward selection chose, by their account a little better than all 80 (the notebook named
    /// in the file), and eleven times faster.
    pub fn short() -> Self {
        Self::built_in(include_str!("../prompts/short.txt"))
    }

    /// The label as it is.
    pub fn none() -> Self {
        Self { lines: vec![PLACE.to_owned()] }
    }

    /// Reads one template per line. Empty lines and lines that begin with `#` are ignored.
    ///
    /// # Errors
    /// [`ClassifyError::Template`] if a line has no `{}` or more than one, [`ClassifyError::Empty`] if there is no
    /// template at all.
    pub fn parse(text: &str) -> Result<Self, ClassifyError> {
        let lines: Vec<String> = Self::lines_of(text).map(str::to_owned).collect();
        if lines.is_empty() {
            return Err(ClassifyError::Empty { what: TEMPLATES });
        }
        match lines.iter().find(|line| line.matches(PLACE).count() != 1) {
            Some(line) => Err(ClassifyError::Template { template: line.clone(), found: line.matches(PLACE).count() }),
            None => Ok(Self { lines }),
        }
    }

    /// What the tests below have checked needs no error.
    fn built_in(text: &str) -> Self {
        Self { lines: Self::lines_of(text).map(str::to_owned).collect() }
    }

    fn lines_of(text: &str) -> impl Iterator<Item = &str> {
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    }

    /// How many there are, at least one.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// The templates, `{}` in the place of the label.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The label in every template, in their order.
    pub fn prompts(&self, label: &str) -> impl Iterator<Item = String> {
        self.lines.iter().map(move |line| line.replacen(PLACE, label, 1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_built_in_sets_are_those_of_openai() {
        let imagenet = Templates::parse(include_str!("../prompts/imagenet.txt")).unwrap();
        assert_eq!(imagenet, Templates::imagenet());
        assert_eq!(imagenet.lines().iter().collect::<HashSet<_>>().len(), 80);
        assert_eq!(
            (imagenet.lines()[0].as_str(), imagenet.lines()[79].as_str()),
            ("a bad photo of a {}.", "a tattoo of the {}.")
        );
        let short = Templates::parse(include_str!("../prompts/short.txt")).unwrap();
        assert_eq!(short, Templates::short());
        assert_eq!(short.count(), 7);
        assert!(short.lines().iter().all(|line| imagenet.lines().contains(line)));
    }

    #[test]
    fn labels_are_put_in_as_they_are() {
        let prompts: Vec<String> = Templates::short().prompts("{} 50 % \"x\"").collect();
        assert_eq!(prompts[0], "itap of a {} 50 % \"x\".");
        assert_eq!(Templates::none().prompts("a cat").collect::<Vec<_>>(), ["a cat"]);
    }

    #[test]
    fn lines_without_a_place_are_refused() {
        assert_eq!(Templates::parse("# note\r\n\r\na {}\r\n").unwrap().lines(), ["a {}"]);
        let error = |text| Templates::parse(text).unwrap_err().to_string();
        assert!(error("a {}\na photo").contains("\"a photo\" has 0 places"));
        assert!(error("{} or {}").contains("has 2 places"));
        assert!(error("# nothing\n").contains("no prompt templates"));
    }
}

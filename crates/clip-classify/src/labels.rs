//! The names of the classes.

use std::collections::HashSet;

use crate::error::ClassifyError;

/// Names of classes, each once, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    names: Vec<String>,
    repeated: Vec<String>,
}

impl Labels {
    /// Takes names as they come; blanks around them and empty names are dropped. A name that is given again counts
    /// once, since two equal classes would share a probability.
    ///
    /// # Errors
    /// [`ClassifyError::Empty`] if no name is left.
    pub fn new<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<Self, ClassifyError> {
        let mut labels = Self { names: Vec::new(), repeated: Vec::new() };
        let mut known = HashSet::new();
        for name in names {
            let name = name.as_ref().trim();
            if name.is_empty() {
                continue;
            }
            if known.insert(name.to_owned()) {
                labels.names.push(name.to_owned());
            } else if !labels.repeated.iter().any(|repeated| repeated == name) {
                labels.repeated.push(name.to_owned());
            }
        }
        if labels.names.is_empty() {
            return Err(ClassifyError::Empty { what: "labels" });
        }
        Ok(labels)
    }

    /// Reads one label per line.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_lines(text: &str) -> Result<Self, ClassifyError> {
        // Some editors put a mark in front of what is UTF-8.
        Self::new(text.strip_prefix('\u{feff}').unwrap_or(text).lines())
    }

    /// Reads labels separated by commas.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_list(text: &str) -> Result<Self, ClassifyError> {
        Self::new(text.split(','))
    }

    /// How many there are, at least one.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Those that were given more than once.
    pub fn repeated(&self) -> &[String] {
        &self.repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_once_and_keep_their_order() {
        let labels = Labels::from_list("dog, cat ,,dog,crane,dog, Cat").unwrap();
        assert_eq!(labels.names(), ["dog", "cat", "crane", "Cat"]);
        assert_eq!(labels.repeated(), ["dog"]);
        let labels = Labels::from_lines("\u{feff}a dog, running\r\n\r\n  a cat\n").unwrap();
        assert_eq!(labels.names(), ["a dog, running", "a cat"]);
        assert!(labels.repeated().is_empty());
    }

    #[test]
    fn no_labels_are_an_error() {
        for text in ["", " \n\t\n", "\u{feff}"] {
            assert!(Labels::from_lines(text).unwrap_err().to_string().contains("no labels"));
        }
        assert!(Labels::from_list(" , ,").is_err());
    }
}

//! Which languages are looked for.

use std::fmt;

use crate::OcrError;

/// The most languages at a time: each makes tesseract slower.
const MOST: usize = 16;
const LONGEST: usize = 64;

/// Languages by tesseract's names for them, at least one: `eng`, `deu`, `chi_sim`, `script/Cyrillic`. The first counts most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Languages(String);

impl Languages {
    /// Reads names with `+` or commas between them; each counts once.
    ///
    /// # Errors
    /// [`OcrError::Languages`] if there is none, if there are more than 16, or one that cannot be a name.
    pub fn parse(text: &str) -> Result<Languages, OcrError> {
        let refused = || OcrError::Languages { found: text.chars().take(200).collect() };
        let mut names: Vec<&str> = Vec::new();
        for name in text.split(['+', ',']).map(str::trim) {
            // A name is part of a path and of an argument: it must not lead elsewhere, or be an option.
            let is_part = |part: &str| {
                let mut chars = part.chars();
                chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
                    && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            };
            if name.len() > LONGEST || !name.split('/').all(is_part) {
                return Err(refused());
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.len() > MOST {
            return Err(refused());
        }
        Ok(Languages(names.join("+")))
    }

    /// As tesseract takes them: `eng+deu`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split('+')
    }
}

impl Default for Languages {
    /// English, which every installation has.
    fn default() -> Languages {
        Languages("eng".to_owned())
    }
}

impl fmt::Display for Languages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, expected) in [
            ("eng", "eng"),
            ("eng+deu", "eng+deu"),
            ("deu, eng,deu", "deu+eng"),
            ("script/Latin+chi_sim", "script/Latin+chi_sim"),
        ] {
            assert_eq!(Languages::parse(text).unwrap().as_str(), expected);
        }
        for text in [
            "",
            "+",
            "eng+",
            "-l",
            "eng -c x=1",
            "../eng",
            "/etc/eng",
            "eng/",
            "é",
            &"a".repeat(65),
            &["a1", "a2"].repeat(9).join("+-"),
        ] {
            assert!(matches!(Languages::parse(text), Err(OcrError::Languages { .. })), "{text}");
        }
        let many = (0..17).map(|number| format!("l{number}")).collect::<Vec<_>>();
        assert!(Languages::parse(&many.join("+")).is_err() && Languages::parse(&many[1..].join("+")).is_ok());
        assert_eq!(Languages::default().iter().collect::<Vec<_>>(), ["eng"]);
    }
}

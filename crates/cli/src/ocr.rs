//! Which text in photos is read, and by what.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use clip_search::{IndexReader, Languages, OcrError, OcrOptions, OcrRemedy, Tesseract, TextReport};

use crate::escape::escaped_text;
use crate::output::{count, notice, warning};

/// Looked for where the system looks for programs.
const PROGRAM: &str = "tesseract";

/// What `--ocr` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ocr {
    /// No text from now on.
    Off,
    /// Text in these languages from now on.
    In(Languages),
}

/// Reads the value of `--ocr`.
pub(crate) fn parse(value: &str) -> Result<Ocr, String> {
    match value {
        "none" => Ok(Ocr::Off),
        languages => Languages::parse(languages).map(Ocr::In).map_err(|error| error.to_string()),
    }
}

/// What reads text: in the languages that are asked for, or else in those that the index remembers. Says why there is nothing that
/// reads them.
pub(crate) fn options(index: &Path, asked: Option<&Ocr>, threads: Option<NonZeroUsize>) -> Option<OcrOptions> {
    let languages = match asked {
        Some(Ocr::Off) => return None,
        Some(Ocr::In(languages)) => languages.clone(),
        None => {
            // What is wrong with an index is told by whoever updates it.
            let reader = IndexReader::open(index).ok()?;
            Languages::parse(reader.text_languages()?).ok()?
        }
    };
    match Tesseract::new(PROGRAM.into(), languages) {
        Ok(tesseract) => Some(OcrOptions { reader: Arc::new(tesseract), threads }),
        Err(error) => {
            let words = format!("no text in photos is read: {}", explained(&error));
            if asked.is_some() {
                warning(words)
            } else {
                notice(words)
            }
            None
        }
    }
}

/// Tells what went wrong with reading text, or what it has found.
pub(crate) fn tell(text: &TextReport) {
    if let Some(error) = &text.fault {
        warning(format_args!("text was not read in {}: {}", count(text.remaining, "photo"), explained(error)));
    }
    if text.failed > 0 {
        notice(format_args!("tesseract could not read {}", count(text.failed, "photo")));
    }
    if text.with_words > 0 {
        notice(format_args!(
            "text was found in {}; `text:WORD` in a query looks for it",
            count(text.with_words, "photo")
        ));
    }
}

/// An error and what to do about it.
fn explained(error: &OcrError) -> String {
    let message = escaped_text(&error.to_string());
    match error.remedy() {
        Some(OcrRemedy::InstallTesseract) => {
            format!("{message}; install tesseract (Debian and Ubuntu: `sudo apt-get install tesseract-ocr`)")
        }
        Some(OcrRemedy::InstallLanguages(missing)) => {
            // Debian's packages have hyphens where tesseract's names have underscores.
            let packages: Vec<String> =
                missing.iter().map(|name| format!("tesseract-ocr-{}", name.replace('_', "-"))).collect();
            let packages = escaped_text(&packages.join(" "));
            format!("{message}; install them (Debian and Ubuntu: `sudo apt-get install {packages}`)")
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        assert_eq!(parse("none"), Ok(Ocr::Off));
        assert_eq!(parse("eng+deu"), Ok(Ocr::In(Languages::parse("eng+deu").unwrap())));
        assert!(parse("-l eng").is_err_and(|error| error.starts_with("expected languages as eng or eng+deu")));
    }

    #[test]
    fn what_is_missing_is_told_with_the_packages() {
        let missing = vec!["deu".to_owned(), "chi_sim".to_owned()];
        let words = explained(&OcrError::NoLanguages { missing, found: vec!["eng".to_owned()] });
        assert!(words.ends_with("`sudo apt-get install tesseract-ocr-deu tesseract-ocr-chi-sim`)"), "{words}");
    }
}

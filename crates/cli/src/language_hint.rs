//! A word to those who describe photos in a language that the model has not learned.

use clip_hub::{Catalogue, Entry};
use whatlang::{Lang, Script};

/// Latin letters are shared by many languages, so as many words have to agree.
const WORDS: usize = 4;

/// What to tell about a description, if the model does not understand it.
pub(crate) fn of(text: &str, model: &str) -> Option<String> {
    let (code, name) = language(text)?;
    let catalogue = Catalogue::built_in().ok()?;
    // Nobody knows what a model that is not in the catalogue has learned.
    let entry = catalogue.find(model)?;
    if entry.speaks(code) {
        return None;
    }
    let speaks = || catalogue.entries().iter().filter(|entry| entry.speaks(code) && !entry.is_built_in());
    // Of those that are hardly larger than the smallest, the one that finds most.
    let smallest = speaks().map(|entry| entry.bytes).min()?;
    let recall = |entry: &&Entry| entry.retrieval_on("MSCOCO 5k").map_or(0.0, |figures| figures.text_to_image);
    let small = speaks().filter(|entry| entry.bytes <= smallest + smallest / 4);
    let other = small.max_by(|a, b| recall(a).total_cmp(&recall(b)))?;
    Some(format!(
        "the model {model} has learned English only, and this seems to be {name}; a model that knows it: `clip-search model pull \
         {other}`, then `clip-search index --model {other}`",
        other = other.name
    ))
}

/// The language of a text: its ISO 639-1 code and its English name; `None` if it is English or cannot be told.
fn language(text: &str) -> Option<(&'static str, &'static str)> {
    // Latin letters of full width, as they are typed among Chinese ones, are no Korean.
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    let info = whatlang::detect(&text.chars().map(narrow).collect::<String>())?;
    let is_latin = info.script() == Script::Latin;
    if is_latin && (text.split_whitespace().count() < WORDS || !info.is_reliable()) {
        return None;
    }
    Some(match info.lang() {
        Lang::Eng => return None,
        Lang::Deu => ("de", "German"),
        Lang::Fra => ("fr", "French"),
        Lang::Spa => ("es", "Spanish"),
        Lang::Por => ("pt", "Portuguese"),
        Lang::Ita => ("it", "Italian"),
        Lang::Nld => ("nl", "Dutch"),
        Lang::Pol => ("pl", "Polish"),
        Lang::Ces => ("cs", "Czech"),
        Lang::Swe => ("sv", "Swedish"),
        Lang::Tur => ("tr", "Turkish"),
        Lang::Rus => ("ru", "Russian"),
        Lang::Ukr => ("uk", "Ukrainian"),
        Lang::Ell => ("el", "Greek"),
        Lang::Heb => ("he", "Hebrew"),
        Lang::Ara => ("ar", "Arabic"),
        Lang::Pes => ("fa", "Persian"),
        Lang::Hin => ("hi", "Hindi"),
        Lang::Cmn => ("zh", "Chinese"),
        Lang::Jpn => ("ja", "Japanese"),
        Lang::Kor => ("ko", "Korean"),
        Lang::Tha => ("th", "Thai"),
        Lang::Vie => ("vi", "Vietnamese"),
        // Languages that look like others are told only where their letters are their own.
        _ if is_latin => return None,
        _ => ("und", "another language"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_that_the_model_does_not_know_are_told() {
        for (text, name) in [
            ("ein kleiner Hund spielt mit einem roten Ball im Schnee", "German"),
            ("un petit chien joue dans la neige avec une balle rouge", "French"),
            ("маленькая собака играет в снегу с красным мячом", "Russian"),
            ("海辺の犬", "Japanese"),
            ("海滩上的狗", "Chinese"),
            ("해변의 개", "Korean"),
        ] {
            let told = of(text, "pocket").unwrap_or_else(|| panic!("{text}"));
            assert!(told.contains(name) && told.contains("model pull siglip2-b-16-256"), "{told}");
            assert_eq!(of(text, "siglip2-b-16-256"), None, "it knows them");
            assert_eq!(of(text, "of-my-own"), None, "nobody knows");
        }
    }

    #[test]
    fn english_is_left_alone() {
        for text in [
            "cat",
            "a dog on a beach",
            "two children in red jackets climb a snowy hill near a frozen lake",
            "taxi restaurant menu",
            "Hund",
            "café in Paris",
            "IMG_1234.jpg",
            "ｄｏｇ",
            "",
        ] {
            assert_eq!(of(text, "pocket"), None, "{text}");
        }
    }
}

//! Whether what stands before a phrase changes what it means.
//!
//! "Dog older than 2015" has nothing to do with photos of 2015. No list of such words is complete, but the small words of the
//! language, which join a phrase to what is before it, are few.

use super::period;
use crate::language::values;

/// These change what any phrase means.
const CHANGING: &str = "\
    and or nor but yet if unless whether either neither not no never none nothing nowhere cannot except excepting \
    excluding without besides only & / + ~ than as like unlike versus vs v over under above below beyond past pre \
    post older newer younger earlier later sooner early late mid prior previous next following preceding every \
    each per other about around circa ca c approximately roughly almost nearly hardly barely scarcely rarely \
    seldom mostly mainly especially particularly maybe perhaps probably possibly preferably ideally usually often \
    always even ever also too just shortly soon long right immediately directly well anytime sometime before after \
    since until till to between through throughout from by for of at with within in on during into onto via toward \
    towards against among regarding concerning because while when where why how what which whose starting \
    beginning ending upto up taken born built made founded released produced painted established manufactured dated \
    printed written published died set invented designed drawn constructed destroyed abandoned \
    apart aside minus sans save barring instead rather away far different differs predating predates postdating \
    postdates";

/// These change what a phrase without a preposition means.
const CHANGING_BARE: &str = "\
    a an the this that these those my your his her its our their some any all another such last first second third \
    half quarter end start middle rest most inside outside near behind beside across along off out down \
    number nr route room page version model class new old week weeks weekend weekends month months year years \
    season decade century eve";

/// Times that a phrase may only be told from: "the week before last summer".
const UNITS: &str = "\
    second seconds minute minutes hour hours day days night nights morning afternoon evening weekend weekends week \
    weeks month months year years decade decades century centuries season eve time moment monday tuesday wednesday \
    thursday friday saturday sunday";

/// What photos are called.
pub(super) const PHOTOS: &[&str] = &["photo", "photos", "picture", "pictures", "image", "images", "pic", "pics"];

/// These only say that photos are meant, so that a word of denial before them is about the phrase behind them.
const STANDING_FOR_PHOTOS: &str = "\
    those that these ones one any anything everything shots shot seen captured photographed recorded created snapped";
const DENYING: &str =
    "not no never none nor except excepting excluding without but than unlike besides apart aside minus save instead";

/// Whether a phrase that begins with a word means the same behind these.
pub(super) fn leaves(before: &[&str], first: &str) -> bool {
    let Some((&last, others)) = before.split_last() else { return true };
    // "Paris - June 2019", but not "31 June - 4 July 2019".
    if matches!(last, "-" | "–" | "—" | "−") {
        return others.last().is_none_or(|word| !is_date(word) && !begins_with_digit(word) && !is_changing(word));
    }
    if is_changing(last) || is_part_of_date(last) {
        return false;
    }
    // "All photos except those from 2019"
    let is_denied = || others.iter().any(|word| is_among(DENYING, word) || is_denying_verb(word));
    if (PHOTOS.contains(&last) || is_among(STANDING_FOR_PHOTOS, last)) && is_denied() {
        return false;
    }
    match first {
        "in" | "during" | "on" | "not" | "but" | "and" | "except" | "excluding" | "without" => true,
        "of" => PHOTOS.contains(&last),
        "taken" | "since" | "before" | "after" | "until" | "till" | "up" | "from" | "between" => {
            !is_among(UNITS, last) && !begins_with_digit(last)
        }
        _ => !begins_with_digit(last) && !is_among(CHANGING_BARE, last),
    }
}

/// Whether a phrase may end in this word.
pub(super) fn is_date(word: &str) -> bool {
    is_part_of_date(word)
        || matches!(word, "week" | "month" | "year")
        || begins_with_digit(word)
        || matches!(word, "on" | "onward" | "onwards")
}

fn is_changing(word: &str) -> bool {
    is_among(CHANGING, word) || is_denying_verb(word)
}

fn is_denying_verb(word: &str) -> bool {
    word.ends_with("n't") || word.ends_with("n’t")
}

/// Whether a word, or a part of it as in "mid-june", is of a date that was not understood.
fn is_part_of_date(word: &str) -> bool {
    word.split(|c: char| !c.is_alphanumeric()).any(|part| {
        matches!(part, "today" | "yesterday" | "tomorrow")
            || period::is_named(part)
            || values::year_number(part.strip_suffix('s').unwrap_or(part)).is_some()
    })
}

fn is_among(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

fn begins_with_digit(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

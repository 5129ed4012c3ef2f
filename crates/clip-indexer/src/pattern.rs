//! Patterns of paths: `*.png`, `raw/**/proofs`, `/photos/20[01]?/`. `docs/index-format.md` says what they match.
//!
//! The lines of a `.clipignore` are read into the same patterns, by the rules of git.

/// Whether letters A to Z match in either case, as file names do on these systems.
const FOLDS_CASE: bool = cfg!(any(windows, target_os = "macos"));

const NOT_CLOSED: &str = "expected ] after [";
const CLASS_BY_NAME: &str = "classes by name, such as [:alpha:], are not known";

/// A pattern, ready to be compared with paths. Every text is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    /// It is compared with whole paths, not with their ends.
    pub is_absolute: bool,
    folders_only: bool,
}

/// What a component of a path is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`: any number of components.
    Any,
    Name(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `?`
    One,
    /// `*`
    Many,
    /// `[…]`: ranges, and whether it is what is not in them.
    Class {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
}

impl Pattern {
    pub fn new(text: &str) -> Pattern {
        let is_separator = |c: char| c == '/' || cfg!(windows) && c == '\\';
        let has_drive = cfg!(windows) && text.as_bytes().get(1) == Some(&b':');
        let mut parts = Vec::new();
        for name in text.split(is_separator).filter(|name| !name.is_empty() && *name != ".") {
            match name {
                // One after another says no more than one.
                "**" if parts.last() == Some(&Part::Any) => {}
                "**" => parts.push(Part::Any),
                name => parts.push(Part::Name(tokens(name))),
            }
        }
        Pattern {
            parts,
            is_absolute: has_drive || text.starts_with(is_separator),
            folders_only: text.ends_with(is_separator),
        }
    }

    /// Parses a line as git does, without a leading `!`. It is compared with the path below the file's folder; if
    /// [`is_absolute`](Self::is_absolute), with the whole of that path.
    ///
    /// # Errors
    /// What is wrong with it, as a phrase. Git ignores such lines.
    pub fn of_ignore_file(text: &str) -> Result<Pattern, &'static str> {
        let folders_only = text.ends_with('/');
        let text = text.strip_suffix('/').unwrap_or(text);
        let mut parts = Vec::new();
        let names: Vec<&str> = text.strip_prefix('/').unwrap_or(text).split('/').collect();
        for (place, name) in names.iter().enumerate() {
            let backslashes = name.len() - name.trim_end_matches('\\').len();
            // An escaped slash is a slash.
            let name = if backslashes % 2 == 1 && place + 1 < names.len() { &name[..name.len() - 1] } else { name };
            match name {
                "" => return Err("expected a name"),
                stars if stars.len() > 1 && stars.bytes().all(|byte| byte == b'*') => {
                    if parts.last() != Some(&Part::Any) {
                        parts.push(Part::Any);
                    }
                }
                name => parts.push(Part::Name(tokens_with_escapes(name)?)),
            }
        }
        if parts.last() == Some(&Part::Any) {
            // What is in a folder is not the folder.
            parts.push(Part::Name(vec![Token::Many]));
        }
        Ok(Pattern { parts, is_absolute: text.contains('/'), folders_only })
    }

    /// What is wrong with a text as a pattern, as a phrase: all that [`Pattern::new`] reads in another way than was meant.
    pub fn fault(text: &str) -> Option<String> {
        let is_separator = |c: char| c == '/' || cfg!(windows) && c == '\\';
        for name in text.split(is_separator) {
            let mut rest = name;
            while let Some(at) = rest.find('[') {
                let after = &rest[at + 1..];
                if names_class(after) {
                    return Some(CLASS_BY_NAME.to_owned());
                }
                let Some((_, after)) = class(after, false) else { return Some(NOT_CLOSED.to_owned()) };
                rest = after;
            }
        }
        Pattern::new(text).empty_range()
    }

    /// What is wrong with a range that holds no character, as a phrase. Git takes no notice of such a range.
    pub fn empty_range(&self) -> Option<String> {
        let names =
            self.parts.iter().filter_map(|part| if let Part::Name(tokens) = part { Some(tokens) } else { None });
        let classes = names.flatten().filter_map(|token| match token {
            Token::Class { ranges, .. } => Some(ranges),
            _ => None,
        });
        let (first, last) = classes.flatten().find(|(first, last)| first > last)?;
        let (first, last) = (first.escape_debug(), last.escape_debug());
        Some(format!("expected the range {last}-{first}, found {first}-{last}, which holds nothing"))
    }

    /// Whether it matches these components of a file or folder: all of them if it [is absolute](Self::is_absolute), or else
    /// those at the end.
    pub fn matches(&self, components: &[&[u8]], is_folder: bool) -> bool {
        if self.parts.is_empty() || self.folders_only && !is_folder {
            return false;
        }
        if self.is_absolute {
            return matches_parts(&self.parts, components);
        }
        (0..components.len()).any(|start| matches_parts(&self.parts, &components[start..]))
    }
}

/// Whether `parts` match all of `components`. `**` is what makes this more than a comparison one by one; it is tried with
/// ever more components, and only the last `**` needs to be gone back to.
fn matches_parts(parts: &[Part], components: &[&[u8]]) -> bool {
    let (mut part, mut component) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match parts.get(part) {
            Some(Part::Any) => {
                back = Some((part, component));
                part += 1;
                continue;
            }
            Some(Part::Name(tokens)) if components.get(component).is_some_and(|name| matches_name(tokens, name)) => {
                (part, component) = (part + 1, component + 1);
                continue;
            }
            None if component == components.len() => return true,
            _ => {}
        }
        let Some((any, from)) = back.filter(|(_, from)| *from < components.len()) else { return false };
        back = Some((any, from + 1));
        (part, component) = (any + 1, from + 1);
    }
}

/// As [`matches_parts`], for the characters of a name.
fn matches_name(tokens: &[Token], name: &[u8]) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match tokens.get(token) {
            Some(Token::Many) => {
                back = Some((token, at));
                token += 1;
                continue;
            }
            Some(Token::Byte(expected)) if name.get(at).is_some_and(|found| is_same(*found, *expected)) => {
                (token, at) = (token + 1, at + 1);
                continue;
            }
            Some(Token::One) if at < name.len() => {
                (token, at) = (token + 1, at + first_char(&name[at..]).1);
                continue;
            }
            Some(Token::Class { ranges, negated }) if at < name.len() => {
                let (found, length) = first_char(&name[at..]);
                if found.is_some_and(|found| is_in(ranges, found)) != *negated {
                    (token, at) = (token + 1, at + length);
                    continue;
                }
            }
            None if at == name.len() => return true,
            _ => {}
        }
        let Some((many, from)) = back.filter(|(_, from)| *from < name.len()) else { return false };
        // By whole characters, so that the rest begins with one.
        let from = from + first_char(&name[from..]).1;
        back = Some((many, from));
        (token, at) = (many + 1, from);
    }
}

fn is_same(found: u8, expected: u8) -> bool {
    found == expected || FOLDS_CASE && found.eq_ignore_ascii_case(&expected)
}

fn is_in(ranges: &[(char, char)], found: char) -> bool {
    let in_one = |found: char| ranges.iter().any(|(first, last)| (*first..=*last).contains(&found));
    in_one(found) || FOLDS_CASE && (in_one(found.to_ascii_lowercase()) || in_one(found.to_ascii_uppercase()))
}

/// The first character and its length in bytes; where the bytes are no UTF-8, a single byte that is no character.
fn first_char(bytes: &[u8]) -> (Option<char>, usize) {
    let valid = match str::from_utf8(&bytes[..bytes.len().min(4)]) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(found) => (Some(found), found.len_utf8()),
        None => (None, 1),
    }
}

fn tokens(name: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = name;
    while let Some(next) = rest.chars().next() {
        let after = &rest[next.len_utf8()..];
        rest = match next {
            '*' => {
                if tokens.last() != Some(&Token::Many) {
                    tokens.push(Token::Many);
                }
                after
            }
            '?' => {
                tokens.push(Token::One);
                after
            }
            '[' if let Some((class, after)) = class(after, false) => {
                tokens.push(class);
                after
            }
            _ => {
                tokens.extend(rest[..next.len_utf8()].bytes().map(Token::Byte));
                after
            }
        };
    }
    tokens
}

/// As [`tokens`], with `\` as the escape character. A bracket that is not closed is an error.
fn tokens_with_escapes(name: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut rest = name;
    while let Some(at) = rest.find(['\\', '[']) {
        tokens.extend(self::tokens(&rest[..at]));
        let after = &rest[at + 1..];
        if rest[at..].starts_with('[') {
            if names_class(after) {
                return Err(CLASS_BY_NAME);
            }
            let (class, after) = class(after, true).ok_or(NOT_CLOSED)?;
            tokens.push(class);
            rest = after;
        } else {
            let escaped = after.chars().next().ok_or("expected a character after \\")?;
            let (literal, after) = after.split_at(escaped.len_utf8());
            tokens.extend(literal.bytes().map(Token::Byte));
            rest = after;
        }
    }
    tokens.extend(self::tokens(rest));
    tokens.dedup_by(|a, b| *a == Token::Many && *b == Token::Many);
    Ok(tokens)
}

/// Whether what comes after an opening bracket names a class, as POSIX has it.
fn names_class(text: &str) -> bool {
    text.split(']').next().is_some_and(|class| class.contains("[:"))
}

/// Parses a class after its opening bracket, and returns it with the rest; `None` if it is not closed. With `escapes`, `\`
/// is the escape character.
fn class(text: &str, escapes: bool) -> Option<(Token, &str)> {
    let (negated, mut rest) = match text.strip_prefix(['!', '^']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut ranges = Vec::new();
    // A closing bracket that comes first is one of the characters.
    while ranges.is_empty() || !rest.starts_with(']') {
        let first;
        (first, rest) = class_char(rest, escapes)?;
        let mut last = first;
        if let Some(after) = rest.strip_prefix('-')
            && !after.starts_with(']')
            && let Some((end, after)) = class_char(after, escapes)
        {
            (last, rest) = (end, after);
        }
        ranges.push((first, last));
    }
    Some((Token::Class { ranges, negated }, &rest[1..]))
}

fn class_char(text: &str, escapes: bool) -> Option<(char, &str)> {
    let text = text.strip_prefix('\\').filter(|_| escapes).unwrap_or(text);
    let first = text.chars().next()?;
    Some((first, &text[first.len_utf8()..]))
}

/// Reads a text as a pattern of both kinds, compares it with paths that are made of its own parts, and asserts what must hold of
/// the results. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(text: &str) {
    let names: Vec<&[u8]> = text.split('/').filter(|name| !name.is_empty()).map(str::as_bytes).collect();
    let paths: [&[&[u8]]; 3] = [&names[..], &[b"a"], &[&[0xff, b'a'], b"b"]];
    for pattern in [Ok(Pattern::new(text)), Pattern::of_ignore_file(text)].into_iter().flatten() {
        for path in paths {
            // A folder matches wherever a file does.
            assert!(!pattern.matches(path, false) || pattern.matches(path, true));
        }
    }
    // A name whose characters are escaped one by one stands for itself, and for no longer one.
    for name in text.split('/').filter(|name| !name.is_empty()) {
        let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
        let pattern = Pattern::of_ignore_file(&escaped).expect("every character can be escaped");
        assert!(pattern.matches(&[b"folder", name.as_bytes()], false));
        assert!(!pattern.matches(&[format!("{name}x").as_bytes()], false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with a file; with a folder if the path ends with a slash.
    fn matches(pattern: &str, path: &str) -> bool {
        let components: Vec<&[u8]> = path.split('/').filter(|name| !name.is_empty()).map(str::as_bytes).collect();
        Pattern::new(pattern).matches(&components, path.ends_with('/'))
    }

    #[test]
    fn names_match_at_any_depth() {
        for (pattern, path) in [
            ("*.png", "a/b/c.png"),
            ("private", "2019/private/"),
            ("private", "private"),
            ("IMG_????.jpg", "x/IMG_0042.jpg"),
            ("*", "anything"),
            ("a*b*c", "a-b-b-c"),
            ("caf?", "café"),
            ("[!a-c]x", "dx"),
            ("[^a-c]x", "öx"),
            ("[a-cx-z].jpg", "y.jpg"),
            ("[]]", "]"),
            ("[a-]", "-"),
            ("[open", "[open"),
            ("ä*", "äh"),
            ("./raw", "x/raw"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*.png", "a.png/b.jpg"),
            ("private", "private.jpg"),
            ("private", "not private"),
            ("?", ""),
            ("?", "ab"),
            ("*[!é]", "é"),
            ("[!a-c]x", "bx"),
            ("*b", "abc"),
            ("", "a"),
            ("/", "a"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn a_slash_at_the_end_means_folders() {
        assert!(matches("raw/", "x/raw/") && !matches("raw/", "x/raw"));
        assert!(matches("raw", "x/raw/") && matches("raw", "x/raw"));
    }

    #[test]
    fn components_match_one_by_one_and_two_stars_match_any_number() {
        for (pattern, path) in [
            ("raw/*.jpg", "a/raw/b.jpg"),
            ("raw/**", "a/raw/b/c"),
            ("raw/**/proofs", "raw/proofs/"),
            ("raw/**/proofs", "x/raw/a/b/proofs/"),
            ("**/x", "x"),
            ("/photos/**/x", "photos/a/b/x"),
            ("/photos/20[01]?/", "photos/2019/"),
            ("/**", "a"),
            ("a/**/b/**/c", "a/b/x/b/c"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("raw/*.jpg", "raw/a/b.jpg"),
            ("/x", "a/x"),
            ("/photos", "photos/a"),
            ("raw/**/proofs", "raw/a/b"),
            ("*/x", "x"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    /// Compares a line of a `.clipignore` with a path below its folder.
    fn ignores(line: &str, path: &str) -> bool {
        let components: Vec<&[u8]> = path.split('/').filter(|name| !name.is_empty()).map(str::as_bytes).collect();
        Pattern::of_ignore_file(line).unwrap().matches(&components, path.ends_with('/'))
    }

    #[test]
    fn lines_are_read_as_git_reads_them() {
        for (line, path) in [
            ("*.png", "a/b.png"),
            ("raw", "a/raw/"),
            ("raw/", "a/raw/"),
            ("/raw", "raw"),
            ("raw/*.jpg", "raw/a.jpg"),
            ("**/raw/*.jpg", "x/raw/a.jpg"),
            ("raw/**", "raw/a/b.jpg"),
            ("a/**/b", "a/b"),
            ("**", "a/b"),
            (r"\!a\*b", "x/!a*b"),
            (r"\#a", "#a"),
            (r"a\ ", "a "),
            (r"[\]a]", "]"),
            ("{a,b}", "{a,b}"),
            ("a**b", "axxb"),
            ("a/***/b", "a/x/y/b"),
            (r"a\/b", "a/b"),
        ] {
            assert!(ignores(line, path), "{line} {path}");
        }
        for (line, path) in [
            ("/raw", "a/raw"),
            ("raw/*.jpg", "x/raw/a.jpg"),
            ("raw/", "raw"),
            ("raw/**", "raw/"),
            (r"a\*b", "axb"),
            ("{a,b}", "a"),
            ("a*b", "a/b"),
        ] {
            assert!(!ignores(line, path), "{line} {path}");
        }
    }

    #[test]
    fn what_git_takes_no_notice_of_is_a_mistake() {
        for line in ["a[bc", "a\\", "x/[/y", "[[:alpha:]]", "/", "", "a//b", "//a"] {
            assert!(Pattern::of_ignore_file(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_is_read_in_another_way_than_was_meant_is_a_fault() {
        let fault = |text: &str| Pattern::fault(text).unwrap_or_default();
        for text in ["[", "a[bc", "x/[/y]", "[]", "[!]"] {
            assert_eq!(fault(text), "expected ] after [", "{text}");
        }
        assert_eq!(fault("a[z-a]b"), "expected the range a-z, found z-a, which holds nothing");
        assert_eq!(fault("raw/[0-9b-a]"), "expected the range a-b, found b-a, which holds nothing");
        assert!(fault("[[:alpha:]]").starts_with("classes by name"));
        for text in ["[[]", "[]]", "[a-]", "[!a-c]*", "]", "a-z", "x[[]y[]]z", "[a-a]", "", "/"] {
            assert_eq!(fault(text), "", "{text}");
        }
    }

    #[test]
    fn the_case_counts_where_it_counts_for_files() {
        assert_eq!(matches("*.png", "A.PNG"), FOLDS_CASE);
        assert!(matches("*.[pP][nN][gG]", "A.PNG"));
    }

    #[test]
    fn names_need_not_be_text_and_none_takes_long() {
        let name = [b'a', 0xff, b'b'];
        assert!(Pattern::new("a?b").matches(&[&name], false));
        assert!(Pattern::new("a[!x]b").matches(&[&name], false));
        assert!(!Pattern::new("a[x]b").matches(&[&name], false));
        // A naive matcher would try this out for years.
        let stars = "*a".repeat(60);
        assert!(!Pattern::new(&stars).matches(&[&[b'a'; 59]], false));
        let many = vec![&b"a"[..]; 200];
        assert!(!Pattern::new(&format!("{}b", "**/a/".repeat(60))).matches(&many, false));
    }

    #[test]
    fn any_text_is_a_pattern() {
        // A generator that is good enough, and the same everywhere.
        let mut state = 7_u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let alphabet = ['a', 'b', '*', '?', '[', ']', '!', '-', '/', '.', '\\', 'ä', '\u{0}'];
        for _ in 0..20_000 {
            let text: String = (0..next(12)).map(|_| alphabet[next(alphabet.len())]).collect();
            let bytes: Vec<u8> = (0..next(8)).map(|_| [b'a', b'b', 0xff, 0xc3][next(4)]).collect();
            let is_folder = next(2) == 0;
            for pattern in [Ok(Pattern::new(&text)), Pattern::of_ignore_file(&text)].into_iter().flatten() {
                pattern.matches(&[&bytes, b"ab", &bytes], is_folder);
            }
        }
    }
}

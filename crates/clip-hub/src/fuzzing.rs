//! Every parser of text from outside, run on any bytes: for `cargo fuzz`, and as seeded loops in the tests.
//!
//! Each function panics if a parser does, or if what it let through breaks what the rest of the crate relies on.

use std::collections::BTreeSet;
use std::path::{Component, Path};
use std::sync::LazyLock;

use ureq::http::{HeaderMap, HeaderName, HeaderValue};

use crate::cache::parse_reference;
use crate::digest::Digest;
use crate::escape::{Escaped, EscapedPath, shortened, without_secrets};
use crate::files::{choose, parse_shards};
use crate::headers::{self, MAX_FILE_BYTES};
use crate::listing::parse_listing;
use crate::location::{Origin, redirect};
use crate::repository::{is_commit, is_file_name, is_revision};
use crate::{Catalogue, Named, NoProxy, Repository};

/// The index of a sharded checkpoint, `model.safetensors.index.json`.
pub fn shard_index(bytes: &[u8]) {
    match parse_shards(bytes) {
        Ok(names) => {
            assert!(!names.is_empty());
            for name in &names {
                assert_eq!(components(name), 1, "{name:?}");
            }
        }
        Err(reason) => assert_plain(&reason),
    }
}

/// A repository's listing, and the choice of files from it.
pub fn listing(bytes: &[u8]) {
    let repository = Repository::parse("org/name").expect("it is a name");
    match parse_listing(bytes) {
        Ok(listing) => {
            assert!(is_commit(&listing.commit) && components(&listing.commit) == 1);
            listing.files.iter().for_each(|name| assert!(components(name) > 0, "{name:?}"));
            match choose(&repository, &listing.files) {
                Ok(chosen) => {
                    let different: BTreeSet<&String> = chosen.iter().collect();
                    assert_eq!(different.len(), chosen.len(), "no file is chosen twice: {chosen:?}");
                    chosen.iter().for_each(|name| assert!(listing.files.contains(name) && components(name) > 0));
                }
                Err(error) => assert_plain(&error.to_string()),
            }
        }
        Err(reason) => assert_plain(&reason),
    }
}

/// The headers of an answer, as lines of `NAME: VALUE`.
pub fn response_headers(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(100) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.insert(name, value);
        }
    }
    for status in [200, 302] {
        match headers::file_info(status, &headers, headers::commit(&headers)) {
            Ok(info) => {
                assert!(info.size <= MAX_FILE_BYTES && is_commit(&info.commit));
                assert_eq!(Digest::parse(&info.digest.to_string()), Some(info.digest));
            }
            Err(reason) => assert_plain(&reason),
        }
    }
    if let Err(reason) = headers::range_start(&headers) {
        assert_plain(&reason);
    }
    assert_plain(&headers::error_message(&headers));
    let location = headers::header(&headers, "location").unwrap_or_default();
    for from in ["https://hub.example/a", "http://127.0.0.1:8080/a"] {
        match redirect(from, location) {
            Ok(next) => {
                let origin = Origin::of_url(&next).expect("a redirect leads to an address");
                assert!(!origin.host().is_empty());
                assert!(origin.is_encrypted() || from.starts_with("http:"), "{next}");
            }
            Err(reason) => assert_plain(&reason),
        }
    }
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().expect("it is part of the program"));

/// Names of models, repositories, files and revisions, and the content of a reference.
pub fn names(bytes: &[u8]) {
    if let Some(commit) = parse_reference(bytes) {
        assert!(is_commit(&commit) && components(&commit) == 1);
    }
    let text = String::from_utf8_lossy(bytes);
    match Repository::parse(&text) {
        Ok(repository) => {
            assert_eq!(repository.as_str(), text);
            assert_eq!(components(&repository.folder_name()), 1);
            assert_eq!(Repository::of_folder(&repository.folder_name()).as_ref(), Some(&repository));
        }
        Err(error) => assert_plain(&error.to_string()),
    }
    if let Some(repository) = Repository::of_folder(&text) {
        assert_eq!(repository.folder_name(), text);
    }
    match CATALOGUE.resolve(&text) {
        Ok(Named::OnHub { checkpoint, .. }) => assert_eq!(components(&checkpoint.repository.folder_name()), 1),
        Ok(Named::BuiltIn(entry)) => assert!(entry.is_built_in()),
        Err(error) => assert_plain(&error.to_string()),
    }
    if is_file_name(&text) || is_revision(&text) {
        assert!(components(&text) > 0);
    }
    if let Some(digest) = Digest::parse(&text) {
        assert_eq!(components(&digest.to_string()), 1);
    }
    assert_plain(&Escaped(&text).to_string());
    assert_plain(&EscapedPath(Path::new(&*text)).to_string());
    assert!(shortened(&text, 10).chars().count() <= 10 * "\\u{10ffff}".len() + 1);
    assert!(!without_secrets(&text).contains(['?', '#']));
}

/// A list of hosts without a proxy, and after the first line feed a host.
pub fn no_proxy(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (list, host) = text.split_once('\n').unwrap_or((&text, "example.com"));
    let parsed = NoProxy::parse(list);
    let contained = parsed.contains(host, 443);
    assert_eq!(parsed.contains(&host.to_ascii_uppercase(), 443), contained, "{list:?} {host:?}");
    assert_eq!(NoProxy::parse(&list.to_ascii_uppercase()).contains(host, 443), contained, "{list:?} {host:?}");
    assert!(NoProxy::parse(&format!("{list},*")).contains(host, 443));
    assert!(!NoProxy::parse("").contains(host, 443));
}

/// How many folders and files deep a name leads below a folder. Panics if it leads anywhere else.
fn components(name: &str) -> usize {
    let components: Vec<Component<'_>> = Path::new(name).components().collect();
    assert!(components.iter().all(|part| matches!(part, Component::Normal(_))), "{name:?}");
    assert_eq!(Path::new("a").join(name).components().count(), components.len() + 1, "{name:?}");
    components.len()
}

/// What a message must not have in it, listed apart from what is escaped.
fn assert_plain(message: &str) {
    let acts = |c: char| matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!message.contains(acts), "{message:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that look random and are the same in every run.
    struct Random(u64);

    impl Random {
        fn next(&mut self, below: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 16) as usize % below.max(1)
        }

        /// A seed that was damaged in a few places: bytes changed, cut off, repeated, or spliced with another seed.
        fn mutated(&mut self, seeds: &[&[u8]]) -> Vec<u8> {
            let mut bytes = seeds[self.next(seeds.len())].to_vec();
            for _ in 0..=self.next(4) {
                let (at, to) = (self.next(bytes.len() + 1), self.next(bytes.len() + 1));
                let (at, to) = (at.min(to), at.max(to));
                match self.next(6) {
                    0 => bytes.truncate(to),
                    1 => drop(bytes.drain(at..to)),
                    2 => bytes.extend_from_within(at..to),
                    3 => {
                        let other = seeds[self.next(seeds.len())];
                        bytes.splice(at..to, other[self.next(other.len())..].iter().copied());
                    }
                    4 => {
                        const TELLING: [&[u8]; 12] = [
                            b"..",
                            b"/",
                            b"\\",
                            b"\x1b[31m",
                            b"\0",
                            b"\xff",
                            "\u{202e}".as_bytes(),
                            b"://",
                            b":",
                            b"99999999999999999999",
                            b"\"",
                            b"-",
                        ];
                        bytes.splice(at..at, TELLING[self.next(TELLING.len())].iter().copied());
                    }
                    _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << self.next(8)),
                }
            }
            bytes
        }

        fn noise(&mut self) -> Vec<u8> {
            let length = self.next(200);
            (0..length).map(|_| self.next(256) as u8).collect()
        }
    }

    fn run(target: fn(&[u8]), seeds: &[&[u8]]) {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        seeds.iter().for_each(|seed| target(seed));
        for _ in 0..2000 {
            target(&random.mutated(seeds));
        }
        for _ in 0..200 {
            target(&random.noise());
        }
    }

    #[test]
    fn shard_indexes() {
        run(
            shard_index,
            &[
                br#"{"metadata":{"total_size":12},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#,
                br#"{"weight_map":{"a":"../secret"}}"#,
                br#"{"weight_map":{"a":".."}}"#,
                br#"{"weight_map":{"a":"."}}"#,
                br#"{"weight_map":{"a":"\u001b[31m\u202e"}}"#,
                br#"{"weight_map":{"a":{"\u001b":1}}}"#,
                br#"{"weight_map":{}}"#,
            ],
        );
    }

    #[test]
    fn listings() {
        run(
            listing,
            &[
                br#"{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"config.json"},{"rfilename":"model.safetensors"},{"rfilename":"tokenizer.json"}]}"#,
                br#"{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"config.json"},{"rfilename":"model.safetensors.index.json"},{"rfilename":"model-00001-of-00001.safetensors"}]}"#,
                br#"{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"config.json"},{"rfilename":"pytorch_model.bin"}]}"#,
                br#"{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"config.json"},{"rfilename":"a/../b"},{"rfilename":".."},{"rfilename":"/etc/passwd"},{"rfilename":"\u001b[31m\u202e.bin"}]}"#,
                br#"{"sha":"\u001b[31m\u202e","siblings":[]}"#,
            ],
        );
    }

    #[test]
    fn headers_of_answers() {
        run(
            response_headers,
            &[
                b"X-Repo-Commit: 0123456789abcdef0123456789abcdef01234567\nETag: \"ce013625030ba8dba906f756967f9e9ca394464a\"\nContent-Length: 6\n",
                b"X-Repo-Commit: 0123456789abcdef0123456789abcdef01234567\nX-Linked-ETag: \"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\"\nX-Linked-Size: 6\nLocation: https://cdn.example/x?Signature=y\n",
                b"Content-Range: bytes 10-19/20\nX-Error-Code: RepoNotFound\nX-Error-Message: Invalid username or password.\n",
                b"Location: /api/resolve-cache/models/org/name?from=http://hub.example/\n",
                b"Location: //cdn.example:8443/x\nContent-Range: bytes 0-0/*\n",
            ],
        );
    }

    #[test]
    fn names_of_all_kinds() {
        run(
            names,
            &[
                b"timm/vit_base_patch32_clip_224.openai",
                b"models--timm--vit_base_patch32_clip_224.openai",
                b"clip-vit-b-32",
                b"\x1b[31m\xe2\x80\xae",
                b"org/\x1b[31m\xe2\x80\xae",
                b"..",
                b"a/../b",
                b"/etc/passwd",
                b"../a",
                b"refs/pr/1",
                b"model-00001-of-00002.safetensors",
                b"0123456789abcdef0123456789abcdef01234567\n",
                b"\"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\"",
                b"https://user:pass@hub.example:8080/a?b#c",
            ],
        );
    }

    #[test]
    fn lists_of_hosts() {
        run(
            no_proxy,
            &[
                b"localhost,127.0.0.1,.example.com\na.example.com",
                b"10.0.0.0/8 fd00::/8,[::1]:8080\n10.1.2.3",
                b"*.example.com:443,*\nexample.com",
                b"::ffff:10.0.0.1\n::ffff:10.0.0.1",
            ],
        );
    }
}

//! What a hub's answers say in their headers. All of it is a stranger's text.

use std::time::Duration;

use ureq::http::HeaderMap;

use crate::digest::Digest;
use crate::escape::shortened;
use crate::repository::is_commit;

/// How many characters of a header a message repeats.
const SHOWN: usize = 200;

/// The largest file that is believed: a terabyte, some hundred times the largest checkpoint. What a server says beyond
/// that is a mistake, and sums of sizes below it cannot overflow.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 40;

/// What the hub says about a file.
#[derive(Debug, Clone)]
pub(crate) struct FileInfo {
    /// The commit that the file was asked for in, in small hexadecimal digits.
    pub commit: String,
    pub digest: Digest,
    /// Its size in bytes, at most [`MAX_FILE_BYTES`].
    pub size: u64,
}

/// A header's text; `None` if there is none, or if it has other than visible ASCII characters.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The commit in `X-Repo-Commit`, as it is written there.
pub(crate) fn commit(headers: &HeaderMap) -> Option<&str> {
    header(headers, "x-repo-commit")
}

/// Whether the answer describes a content that lies elsewhere.
pub(crate) fn is_linked(headers: &HeaderMap) -> bool {
    headers.contains_key("x-linked-etag")
}

/// The hub's name for what went wrong, such as `RepoNotFound`.
pub(crate) fn error_code(headers: &HeaderMap) -> Option<&str> {
    header(headers, "x-error-code")
}

/// The hub's words for what went wrong; empty if it has none.
pub(crate) fn error_message(headers: &HeaderMap) -> String {
    shortened(header(headers, "x-error-message").unwrap_or_default(), SHOWN)
}

/// How long the server asks to wait, where it says so in seconds.
pub(crate) fn wait(headers: &HeaderMap) -> Option<Duration> {
    header(headers, "retry-after").and_then(|seconds| number(seconds.trim())).map(Duration::from_secs)
}

/// Whether the answer is a page for people, such as the login of a hotel's network.
pub(crate) fn is_web_page(headers: &HeaderMap) -> bool {
    header(headers, "content-type").is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("text/html"))
}

/// Reads what the headers of an answer with this status say about a file. `commit` may come from an earlier redirect.
///
/// # Errors
/// What was expected and found, for headers that leave something open.
pub(crate) fn file_info(status: u16, headers: &HeaderMap, commit: Option<&str>) -> Result<FileInfo, String> {
    let commit = commit
        .filter(|commit| is_commit(commit))
        .ok_or_else(|| "its X-Repo-Commit header is not a commit hash".to_owned())?;
    let tag = header(headers, "x-linked-etag").or_else(|| header(headers, "etag")).unwrap_or_default();
    let digest = Digest::parse(tag)
        .ok_or_else(|| format!("expected the file's hash as its ETag, found `{}`", shortened(tag, SHOWN)))?;
    // Of a redirect the length is that of the redirect.
    let length = if status == 200 { header(headers, "content-length") } else { None };
    let size = header(headers, "x-linked-size")
        .or(length)
        .ok_or_else(|| "neither X-Linked-Size nor Content-Length gives the file size".to_owned())?;
    let size = number(size).filter(|size| *size <= MAX_FILE_BYTES).ok_or_else(|| {
        format!("expected a file size of at most {MAX_FILE_BYTES} bytes, found `{}`", shortened(size, SHOWN))
    })?;
    Ok(FileInfo { commit: commit.to_ascii_lowercase(), digest, size })
}

/// The first byte of a partial answer, from `Content-Range: bytes FIRST-LAST/SIZE`, where SIZE may be `*`.
pub(crate) fn range_start(headers: &HeaderMap) -> Result<u64, String> {
    let text = header(headers, "content-range").unwrap_or_default();
    parse_range(text).ok_or_else(|| format!("expected a range of bytes, found `{}`", shortened(text, SHOWN)))
}

fn parse_range(text: &str) -> Option<u64> {
    let (unit, range) = text.trim().split_once(' ')?;
    let (range, size) = range.trim_start().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let fits = size == "*" || number(size).is_some_and(|size| last < size);
    (unit.eq_ignore_ascii_case("bytes") && first <= last && fits).then_some(first)
}

/// A number in digits alone; `parse` would take a sign, too.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ureq::http::{HeaderName, HeaderValue};

    use super::*;

    const COMMIT: &str = "0123456789ABCDEF0123456789abcdef01234567";
    const TAG: &str = "\"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\"";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect()
    }

    fn size_of(status: u16, pairs: &[(&'static str, &str)]) -> Result<u64, String> {
        file_info(status, &headers(&[&[("etag", TAG)], pairs].concat()), Some(COMMIT)).map(|info| info.size)
    }

    #[test]
    fn a_file_is_described_by_its_headers() {
        let info = file_info(200, &headers(&[("etag", TAG), ("content-length", "12")]), Some(COMMIT)).unwrap();
        assert_eq!((info.commit, info.size), (COMMIT.to_ascii_lowercase(), 12));
        assert_eq!(size_of(302, &[("x-linked-size", "7"), ("content-length", "12")]), Ok(7));
        assert!(size_of(302, &[("content-length", "12")]).is_err(), "that is the redirect's own");
        let linked = headers(&[("etag", "\"other\""), ("x-linked-etag", TAG), ("x-linked-size", "1")]);
        assert!(is_linked(&linked));
        file_info(302, &linked, Some(COMMIT)).unwrap();
        assert!(file_info(302, &linked, None).is_err());
        assert!(file_info(302, &linked, Some("main")).is_err());
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for size in [
            "",
            "-1",
            "+1",
            " 1",
            "1.0",
            "1e3",
            "0x10",
            "18446744073709551616",
            "18446744073709551615",
            "1099511627777",
        ] {
            assert!(size_of(200, &[("x-linked-size", size)]).is_err(), "{size}");
        }
        assert_eq!(size_of(200, &[("x-linked-size", "1099511627776")]), Ok(MAX_FILE_BYTES));
        assert_eq!(size_of(200, &[("x-linked-size", "0")]), Ok(0));
    }

    #[test]
    fn ranges() {
        for (text, start) in
            [("bytes 0-0/1", 0), ("bytes 10-19/20", 10), ("Bytes 5-9/*", 5), ("bytes 7-18446744073709551615/*", 7)]
        {
            assert_eq!(range_start(&headers(&[("content-range", text)])), Ok(start), "{text}");
        }
        for text in [
            "",
            "bytes",
            "bytes ",
            "bytes */20",
            "bytes 5-/20",
            "bytes -5/20",
            "bytes 9-5/20",
            "bytes 0-20/20",
            "items 0-1/2",
            "bytes +1-2/3",
            "bytes 0-1",
            "bytes 18446744073709551616-18446744073709551617/*",
        ] {
            assert!(range_start(&headers(&[("content-range", text)])).is_err(), "{text}");
        }
        assert!(range_start(&HeaderMap::new()).is_err());
    }

    #[test]
    fn how_long_to_wait() {
        let wait = |text: &str| wait(&headers(&[("retry-after", text)]));
        assert_eq!(wait("3600"), Some(Duration::from_secs(3600)));
        for text in ["", "-1", "1.5", "soon", "99999999999999999999"] {
            assert_eq!(wait(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_ascii_is_not_taken() {
        let strange = headers(&[("x-error-message", "a\u{202e}b"), ("x-error-code", "é")]);
        assert_eq!((error_message(&strange).as_str(), error_code(&strange)), ("", None));
        assert_eq!(error_message(&headers(&[("x-error-message", "a\tb")])), "a\\u{9}b");
    }

    proptest! {
        #[test]
        fn a_range_is_read_as_it_is_written(first: u64, length in 1u64..1 << 40, rest in 0u64..1 << 40) {
            let last = first.saturating_add(length - 1);
            let headers = |size: &str| headers(&[("content-range", &format!("bytes {first}-{last}/{size}"))]);
            prop_assert_eq!(range_start(&headers("*")), Ok(first));
            if let Some(size) = last.checked_add(1 + rest) {
                prop_assert_eq!(range_start(&headers(&size.to_string())), Ok(first));
            }
            prop_assert!(range_start(&headers(&last.to_string())).is_err());
        }
    }
}

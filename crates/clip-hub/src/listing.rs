//! What a hub says about a repository as a whole: its commit, and the names of its files.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::escape::shortened;
use crate::repository::{is_commit, is_file_name};

/// How many characters of a value a message repeats.
const SHOWN: usize = 200;

/// The names of all files of a commit.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    /// In small hexadecimal digits.
    pub commit: String,
    /// Names that may become paths below a snapshot; others are left out.
    pub files: BTreeSet<String>,
}

/// Reads the answer of the model-info API.
///
/// # Errors
/// What was expected and found.
pub(crate) fn parse_listing(json: &[u8]) -> Result<Listing, String> {
    let expected = "expected a JSON object with the commit as `sha` and the files as `siblings`";
    let info: Value = serde_json::from_slice(json)
        .map_err(|_| format!("{expected}, found `{}`", shortened(&String::from_utf8_lossy(json), SHOWN)))?;
    let found = |value: &Value| format!("{expected}, found `{}`", shortened(&value.to_string(), SHOWN));
    let sha = info.get("sha").and_then(Value::as_str).ok_or_else(|| found(&info))?;
    if !is_commit(sha) {
        return Err(format!("expected a commit as its `sha`, found `{}`", shortened(sha, SHOWN)));
    }
    let siblings = match info.get("siblings") {
        None | Some(Value::Null) => <&[Value]>::default(),
        Some(files) => files.as_array().ok_or_else(|| found(files))?.as_slice(),
    };
    let names = siblings.iter().map(|file| file.get("rfilename").and_then(Value::as_str).ok_or_else(|| found(file)));
    let names: Vec<&str> = names.collect::<Result<_, _>>()?;
    // Names that would lead out of the folder are none of ours.
    let files = names.into_iter().filter(|name| is_file_name(name)).map(str::to_owned).collect();
    Ok(Listing { commit: sha.to_ascii_lowercase(), files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_stay_in_the_folder() {
        let json = r#"{"sha":"0123456789ABCDEF0123456789abcdef01234567","id":"x","siblings":[
            {"rfilename":"a/b.json","size":3},{"rfilename":"../c"},{"rfilename":"/d"},{"rfilename":"e\u001b"}]}"#;
        let listing = parse_listing(json.as_bytes()).unwrap();
        assert_eq!(listing.commit, "0123456789abcdef0123456789abcdef01234567");
        assert_eq!(listing.files.iter().collect::<Vec<_>>(), ["a/b.json"]);
        for json in ["", "{}", "[]", r#"{"sha":"main"}"#, r#"{"sha":"../../../../../../../../../../../../../../"}"#] {
            let reason = parse_listing(json.as_bytes()).unwrap_err();
            assert!(reason.starts_with("expected a ") && reason.contains(", found `"), "{reason}");
        }
    }
}

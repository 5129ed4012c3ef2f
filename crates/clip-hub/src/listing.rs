//! What a hub says about a repository as a whole: its commit, and the names of its files.

use std::collections::BTreeSet;

use serde::Deserialize;

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
    #[derive(Deserialize)]
    struct Info {
        sha: String,
        #[serde(default)]
        siblings: Vec<Sibling>,
    }
    #[derive(Deserialize)]
    struct Sibling {
        rfilename: String,
    }
    let info: Info = serde_json::from_slice(json).map_err(|error| shortened(&error.to_string(), SHOWN))?;
    if !is_commit(&info.sha) {
        return Err(format!("expected a commit as its `sha`, found `{}`", shortened(&info.sha, SHOWN)));
    }
    // Names that would lead out of the folder are none of ours.
    let files = info.siblings.into_iter().map(|file| file.rfilename).filter(|name| is_file_name(name)).collect();
    Ok(Listing { commit: info.sha.to_ascii_lowercase(), files })
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
            parse_listing(json.as_bytes()).unwrap_err();
        }
    }
}

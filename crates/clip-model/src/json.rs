//! JSON that other programs wrote: what is read of it, and what is said of it where it is something else than expected.
//!
//! A value that has another type than expected is an error and never taken for one that is missing: what depends on it
//! would have a default that gives other embeddings. `null` is as good as missing, as in the libraries that write these files.

use serde_json::{Map, Value};

/// Letters of a value that a message quotes.
const MAX_QUOTED_CHARS: usize = 80;

/// Letters of what the library says of a file, in which a value may be quoted.
const MAX_SAID_CHARS: usize = 300;

/// Parses a file that must hold an object.
///
/// # Errors
/// What it is instead.
pub fn object(json: &str) -> Result<Map<String, Value>, String> {
    match parse(json)? {
        Value::Object(map) => Ok(map),
        other => Err(format!("it is {}, expected a JSON object", quoted(&other))),
    }
}

/// Parses a file.
///
/// # Errors
/// Where it stops being JSON.
pub fn parse(json: &str) -> Result<Value, String> {
    serde_json::from_str(json).map_err(|error| describe(&error))
}

/// A value for a message, cut where it is long.
pub fn quoted(value: &Value) -> String {
    cut(&value.to_string())
}

/// Text from a file for a message, cut where it is long.
pub fn cut(text: &str) -> String {
    cut_at(text, MAX_QUOTED_CHARS)
}

fn cut_at(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What is wrong with JSON, in words that are no programmer's.
pub fn describe(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Eof if error.line() <= 1 && error.column() == 0 => "it is empty, expected JSON".into(),
        Category::Eof => format!("it is cut off at line {}, column {}", error.line(), error.column()),
        Category::Syntax => format!("it is not JSON: {}", cut_at(&error.to_string(), MAX_SAID_CHARS)),
        Category::Io | Category::Data => in_plain_words(&error.to_string()),
    }
}

/// The library's messages without Rust's names of types.
fn in_plain_words(message: &str) -> String {
    let (message, place) = match message.rfind(" at line ") {
        Some(at) => message.split_at(at),
        None => (message, ""),
    };
    let (found, expected) = match message.rsplit_once(", expected ") {
        Some((found, expected)) => (found, Some(expected)),
        None => (message, None),
    };
    let found = match found {
        "invalid type: map" => "found an object",
        "invalid type: sequence" => "found a list",
        found => found.strip_prefix("invalid type: ").unwrap_or(found),
    };
    let found = found.replace("unknown variant", "unknown value");
    let expected = expected.map(|expected| match expected {
        "usize" | "u8" | "u16" | "u32" | "u64" => "a whole number",
        "f32" | "f64" => "a number",
        "a map" => "an object",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        other if ["struct ", "enum "].iter().any(|kind| other.contains(kind)) => "an object",
        other => other,
    });
    match expected {
        Some(expected) => format!("{}, expected {expected}{place}", cut_at(&found, MAX_SAID_CHARS)),
        None => format!("{}{place}", cut_at(&found, MAX_SAID_CHARS)),
    }
}

/// The entries of an object, each by its type.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    path: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The entries of the object at `path` in its file; an empty path is the file itself, or one that the caller names.
    pub fn new(path: &'a str, map: &'a Map<String, Value>) -> Self {
        Self { path, map }
    }

    /// What an entry is called in messages.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() { format!("`{key}`") } else { format!("`{}.{key}`", self.path) }
    }

    /// The names of the entries.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.map.keys().map(String::as_str)
    }

    /// An entry that is there.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Says that an entry is not what it should be.
    pub fn wrong(&self, key: &str, expected: &str) -> String {
        match self.value(key) {
            Some(value) => format!("{} is {}, expected {expected}", self.name(key), quoted(value)),
            None => format!("{} is missing, expected {expected}", self.name(key)),
        }
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.value(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.wrong(key, expected))
    }

    /// A whole number from 0 on.
    pub fn whole(&self, key: &str) -> Result<Option<usize>, String> {
        self.typed(key, "a whole number", |value| value.as_u64().and_then(|v| usize::try_from(v).ok()))
    }

    /// A number.
    pub fn number(&self, key: &str) -> Result<Option<f64>, String> {
        self.typed(key, "a number", Value::as_f64)
    }

    /// A truth value.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, String> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, String> {
        self.typed(key, "text", Value::as_str)
    }

    /// An object.
    pub fn object(&self, key: &str) -> Result<Option<&'a Map<String, Value>>, String> {
        self.typed(key, "an object", Value::as_object)
    }

    /// A number for each of red, green and blue, or one for all of them.
    pub fn channels(&self, key: &str) -> Result<Option<[f32; 3]>, String> {
        self.typed(key, "three numbers", |value| match value {
            Value::Number(number) => Some([number.as_f64()? as f32; 3]),
            value => serde_json::from_value(value.clone()).ok(),
        })
    }

    /// An entry that must be there.
    pub fn required<T>(&self, key: &str, found: Option<T>) -> Result<T, String> {
        found.ok_or_else(|| format!("{} is missing", self.name(key)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_object_is_named() {
        for (json, word) in [
            ("", "it is empty"),
            ("null", "it is null"),
            ("[1]", "it is [1], expected a JSON object"),
            ("{\"a\": ", "cut off at line 1"),
            ("{a}", "not JSON"),
            ("\"x\"", "it is \"x\""),
        ] {
            let error = object(json).unwrap_err();
            assert!(error.contains(word) && !error.contains("EOF"), "{json}: {error}");
        }
        let error = object(&format!("[\"{}\"]", "x".repeat(1 << 20))).unwrap_err();
        assert!(error.len() < 200, "{} bytes", error.len());
    }

    #[test]
    fn entries_have_types() {
        let json =
            json!({ "n": 2, "text": "2", "half": 2.5, "negative": -1, "yes": true, "none": null, "list": [1, 2, 3] });
        let fields = Fields::new("text_config", json.as_object().unwrap());
        assert_eq!((fields.whole("n"), fields.whole("none"), fields.whole("x")), (Ok(Some(2)), Ok(None), Ok(None)));
        for key in ["text", "half", "negative", "yes", "list"] {
            let error = fields.whole(key).unwrap_err();
            assert!(error.starts_with(&format!("`text_config.{key}` is {}", json[key])), "{error}");
        }
        assert_eq!((fields.number("half"), fields.flag("yes")), (Ok(Some(2.5)), Ok(Some(true))));
        assert!(fields.number("text").is_err() && fields.flag("n").is_err() && fields.text("n").is_err());
        assert_eq!(fields.channels("list"), Ok(Some([1.0, 2.0, 3.0])));
        assert_eq!(fields.channels("half"), Ok(Some([2.5; 3])));
        assert!(fields.channels("text").is_err() && fields.object("list").is_err());
        assert_eq!(fields.required("x", fields.whole("x").unwrap()).unwrap_err(), "`text_config.x` is missing");
    }

    #[test]
    fn types_have_plain_names() {
        #[derive(Debug, serde::Deserialize)]
        struct Model {
            #[serde(rename = "n")]
            _n: usize,
        }
        let error = |json| describe(&serde_json::from_str::<Model>(json).unwrap_err());
        for (json, expected) in [
            ("{\"n\": \"2\"}", "string \"2\", expected a whole number at line 1"),
            ("2", "integer `2`, expected an object at line 1"),
            ("{}", "missing field `n`"),
        ] {
            let error = error(json);
            assert!(error.starts_with(expected), "{error}");
        }
        let list = describe(&serde_json::from_str::<bool>("[]").unwrap_err());
        assert!(list.starts_with("found a list, expected true or false"), "{list}");
    }
}

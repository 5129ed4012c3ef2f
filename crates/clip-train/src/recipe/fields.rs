//! The fields of a recipe's tables, so that all that are missing, unknown or of the wrong type can be told at once. serde
//! tells the first.

use toml::{Table, Value};

/// A field of a table.
struct Field {
    name: &'static str,
    required: bool,
    shape: Shape,
}

enum Shape {
    /// A string.
    Text,
    /// Strings.
    Texts,
    /// A whole number that is not negative.
    Whole,
    /// Any number.
    Number,
    /// A table.
    Table(&'static [Field]),
    /// Tables: `[[name]]`, or a list of them.
    Tables(&'static [Field]),
}

const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, required: true, shape }
}

const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, required: false, shape }
}

const RECIPE: &[Field] = &[
    required("name", Shape::Text),
    optional("seed", Shape::Whole),
    optional("config", Shape::Text),
    optional("tokenizer", Shape::Text),
    optional("start", Shape::Text),
    optional("data", Shape::Text),
    required("photos", Shape::Tables(PHOTOS)),
    required("dev", Shape::Table(DEV)),
    optional("views", Shape::Table(VIEWS)),
    optional("classifier", Shape::Table(CLASSIFIER)),
    required("stages", Shape::Tables(STAGES)),
    optional("export", Shape::Table(EXPORT)),
];

const PHOTOS: &[Field] = &[
    required("csv", Shape::Text),
    required("images", Shape::Text),
    optional("share", Shape::Number),
    optional("phrases", Shape::Number),
    optional("leave_out", Shape::Texts),
    optional("leave_out_labels", Shape::Texts),
    optional("templates", Shape::Texts),
];

const DEV: &[Field] = &[required("csv", Shape::Text), required("images", Shape::Text)];

const VIEWS: &[Field] = &[
    required("count", Shape::Whole),
    required("min_area", Shape::Number),
    required("max_aspect", Shape::Number),
    required("flip", Shape::Number),
];

const CLASSIFIER: &[Field] =
    &[required("weights", Shape::Text), required("names", Shape::Text), required("templates", Shape::Texts)];

const STAGES: &[Field] = &[
    required("name", Shape::Text),
    required("train", Shape::Tables(TRAIN)),
    required("epochs", Shape::Whole),
    optional("patience", Shape::Whole),
    required("batch", Shape::Whole),
    optional("captions", Shape::Whole),
    optional("warm_up", Shape::Number),
    optional("weight_decay", Shape::Number),
    optional("average", Shape::Number),
    optional("losses", Shape::Table(LOSSES)),
    optional("class_names", Shape::Whole),
    optional("scale", Shape::Number),
];

const TRAIN: &[Field] = &[required("tensors", Shape::Text), required("rate", Shape::Number)];

const LOSSES: &[Field] = &[
    optional("contrastive", Shape::Number),
    optional("classes", Shape::Number),
    optional("prototypes", Shape::Number),
    optional("sigmoid", Shape::Number),
];

const EXPORT: &[Field] = &[optional("weights", Shape::Text), optional("image_size", Shape::Whole)];

/// What is wrong with the shape of a recipe.
#[derive(Default)]
pub(super) struct Problems {
    /// Fields that are missing or that no recipe has.
    pub fields: Vec<String>,
    /// Fields of the wrong type.
    pub types: Vec<String>,
}

/// Looks at every field of a recipe.
pub(super) fn problems(recipe: &Table) -> Problems {
    let mut problems = Problems::default();
    compare(recipe, RECIPE, "", &mut problems);
    problems
}

/// `place` says where the table is, as ` in [views]`.
fn compare(table: &Table, fields: &'static [Field], place: &str, problems: &mut Problems) {
    for field in fields.iter().filter(|field| field.required && !table.contains_key(field.name)) {
        problems.fields.push(format!("missing field `{}`{place}", field.name));
    }
    for (key, value) in table {
        let Some(field) = fields.iter().find(|field| field.name == key) else {
            let key = key.escape_debug().to_string();
            let meant = nearest(&key, fields).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            problems.fields.push(format!("unknown field `{key}`{place}{meant}"));
            continue;
        };
        let mut expected = |ok: bool, what: &str| {
            if !ok {
                problems.types.push(format!("`{key}`{place} is of type {}, expected {what}", value.type_str()));
            }
        };
        match (&field.shape, value) {
            (Shape::Text, value) => expected(value.is_str(), "a string"),
            (Shape::Texts, value) => {
                let texts = value.as_array().is_some_and(|list| list.iter().all(Value::is_str));
                expected(texts, "a list of strings");
            }
            (Shape::Whole, value) => {
                expected(value.as_integer().is_some_and(|value| value >= 0), "a whole number, 0 or more");
            }
            (Shape::Number, value) => expected(value.is_integer() || value.is_float(), "a number"),
            (Shape::Table(fields), Value::Table(table)) => {
                compare(table, fields, &format!(" in [{key}]{place}"), problems);
            }
            (Shape::Table(_), _) => expected(false, "a table"),
            (Shape::Tables(fields), Value::Array(entries)) => {
                expected(entries.iter().all(Value::is_table), "a list of tables");
                for (number, entry) in entries.iter().enumerate() {
                    if let Value::Table(table) = entry {
                        compare(table, fields, &format!(" in [[{key}]] entry {}{place}", number + 1), problems);
                    }
                }
            }
            (Shape::Tables(_), _) => expected(false, "a list of tables"),
        }
    }
}

/// Keys longer than this are compared by their beginning: no field has such a name.
const LONGEST_KEY: usize = 64;

/// The field whose name differs least from `key`, if it differs little.
fn nearest(key: &str, fields: &'static [Field]) -> Option<&'static str> {
    let key: String = key.chars().take(LONGEST_KEY).collect();
    let with_distance = fields.iter().map(|field| (strsim::osa_distance(&key, field.name), field.name));
    let close = with_distance.filter(|(distance, name)| *distance <= name.len().div_ceil(3));
    close.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::Recipe;
    use super::*;

    /// All fields, with none left out of its serialized form.
    fn full() -> Json {
        json!({
            "name": "a", "seed": 1, "config": "c", "tokenizer": "t", "start": "s", "data": "d",
            "photos": [{ "csv": "c", "images": "i", "share": 0.5, "phrases": 0.5, "leave_out": [], "leave_out_labels": [],
                "templates": ["{}"] }],
            "dev": { "csv": "c", "images": "i" },
            "views": { "count": 1, "min_area": 0.5, "max_aspect": 1.5, "flip": 0.5 },
            "classifier": { "weights": "w", "names": "n", "templates": ["{}"] },
            "stages": [{ "name": "a", "train": [{ "tensors": ".", "rate": 1.0 }], "epochs": 1, "patience": 1, "batch": 2,
                "captions": 1, "warm_up": 0.0, "weight_decay": 0.0, "average": 0.0, "class_names": 1, "scale": 1.0,
                "losses": { "contrastive": 1.0, "classes": 0.5, "prototypes": 0.5, "sigmoid": 0.5 } }],
            "export": { "weights": "f16", "image_size": 64 }
        })
    }

    /// Takes each field of each table away in turn, and sees that serde and the lists here agree on it.
    fn without(json: &mut Json, fields: &'static [Field], whole: &dyn Fn(Json) -> Json) {
        let table = json.as_object().unwrap().clone();
        assert_eq!(table.len(), fields.len(), "{table:?}");
        for field in fields {
            let mut less = table.clone();
            let value = less.remove(field.name).unwrap_or_else(|| panic!("{}", field.name));
            let recipe = whole(Json::Object(less.clone()));
            assert_eq!(serde_json::from_value::<Recipe>(recipe.clone()).is_err(), field.required, "{}", field.name);
            let toml: Table = serde_json::from_value(recipe).unwrap();
            let found = problems(&toml);
            assert_eq!(found.fields.len(), usize::from(field.required), "{}", field.name);
            assert_eq!(found.types.len(), 0, "{}", field.name);
            // No field takes these.
            let mut wrong = table.clone();
            wrong.insert(field.name.to_owned(), json!(true));
            let wrong: Table = serde_json::from_value(whole(Json::Object(wrong))).unwrap();
            assert_eq!(problems(&wrong).types.len(), 1, "{}", field.name);
            let place = |inner: Json| {
                let mut table = table.clone();
                table.insert(field.name.to_owned(), inner);
                whole(Json::Object(table))
            };
            match &field.shape {
                Shape::Table(fields) => without(&mut value.clone(), fields, &place),
                Shape::Tables(fields) => without(&mut value[0].clone(), fields, &|inner| place(json!([inner]))),
                Shape::Text | Shape::Texts | Shape::Whole | Shape::Number => {}
            }
        }
    }

    #[test]
    fn the_lists_are_those_of_the_recipe() {
        assert!(serde_json::from_value::<Recipe>(full()).is_ok());
        without(&mut full(), RECIPE, &|recipe| recipe);
    }

    #[test]
    fn likely_names_are_suggested() {
        for (key, name) in [("epoch", Some("epochs")), ("btach", Some("batch")), ("learning_rate", None), ("", None)] {
            assert_eq!(nearest(key, STAGES), name, "{key}");
        }
        let table: Table = "\"a\\u001b\" = 1".parse().unwrap();
        assert!(problems(&table).fields.iter().all(|problem| !problem.contains('\u{1b}')));
    }
}

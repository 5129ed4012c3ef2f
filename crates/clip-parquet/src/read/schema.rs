//! What columns a table has.

use super::thrift::{Input, Kind};
use crate::error::Error;
use crate::format::{converted, logical, physical, repetition};

/// More elements of a schema are refused.
const MOST_ELEMENTS: usize = 1 << 16;
/// Groups within groups. What is read lies at three.
const DEEPEST: usize = 32;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A truth value.
    Bool,
    /// A whole number.
    Integer,
    /// A whole number that is not negative.
    Unsigned,
    /// A floating-point number of 16 bits.
    Half,
    /// A floating-point number of 32 bits.
    Float,
    /// A floating-point number of 64 bits.
    Double,
    /// Text in UTF-8, says the file.
    Text,
    /// Bytes.
    Bytes,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name. The parts of a structure are columns of their own, with a point between the names. What lists of values
    /// are made of does not show: it is `embedding`, not `embedding.list.element`.
    pub name: String,
    /// What its values are, or what its lists are of; `None` if such values are not read.
    pub kind: Option<Type>,
    /// Each row has a list of values.
    pub is_list: bool,
    pub(super) physical: Physical,
    pub(super) levels: Levels,
}

impl Column {
    /// The type in words, for messages: `text`, `list of 32-bit floating-point numbers`.
    #[must_use]
    pub fn describe(&self) -> String {
        let name = match self.kind {
            None => return "something else".into(),
            Some(Type::Bool) => "truth values",
            Some(Type::Integer | Type::Unsigned) => "whole numbers",
            Some(Type::Half) => "16-bit floating-point numbers",
            Some(Type::Float) => "32-bit floating-point numbers",
            Some(Type::Double) => "64-bit floating-point numbers",
            Some(Type::Text) => "texts",
            Some(Type::Bytes) => "bytes",
        };
        if self.is_list { format!("lists of {name}") } else { name.into() }
    }
}

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    Float,
    Double,
    ByteArray,
    /// Of so many bytes.
    Fixed(usize),
    /// Not read.
    Other,
}

impl Physical {
    fn new(number: i64, length: i64) -> Result<Physical, Error> {
        Ok(match number {
            physical::BOOLEAN => Physical::Boolean,
            physical::INT32 => Physical::Int32,
            physical::INT64 => Physical::Int64,
            physical::INT96 => Physical::Other,
            physical::FLOAT => Physical::Float,
            physical::DOUBLE => Physical::Double,
            physical::BYTE_ARRAY => Physical::ByteArray,
            physical::FIXED_LEN_BYTE_ARRAY => match usize::try_from(length) {
                Ok(0) | Err(_) => return Err(Error::damaged("values of a fixed length have none")),
                Ok(length) => Physical::Fixed(length),
            },
            _ => return Err(Error::damaged("a column is of no known type")),
        })
    }

    /// Bytes that a value takes, if all take the same.
    pub(super) fn width(self) -> Option<usize> {
        match self {
            Physical::Int32 | Physical::Float => Some(4),
            Physical::Int64 | Physical::Double => Some(8),
            Physical::Fixed(width) => Some(width),
            Physical::Boolean | Physical::ByteArray | Physical::Other => None,
        }
    }
}

/// What the numbers beside the values of a column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Levels {
    /// With so many steps of the path there, a value is.
    pub(super) definition: u32,
    /// 0, or 1 for lists.
    pub(super) repetition: u32,
    /// With fewer steps there, a list is empty or missing.
    pub(super) element: u32,
}

/// An element of a schema as it is in the file.
#[derive(Default)]
struct Element {
    kind: Option<i64>,
    length: i64,
    repetition: i64,
    name: String,
    children: i64,
    is_list: bool,
    annotation: Annotation,
}

/// What more is said of a type.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Annotation {
    #[default]
    None,
    Text,
    Signed,
    Unsigned,
    Half,
    /// A date or a decimal number, for example.
    Other,
}

/// A step from the root to a column.
struct Step {
    name: String,
    /// Children that are still to come.
    children: i64,
    child_count: i64,
    is_list: bool,
    is_repeated: bool,
    levels: Levels,
}

/// Reads the schema: all columns, in the order of their data.
pub(super) fn read(input: &mut Input<'_>, kind: Kind) -> Result<Vec<Column>, Error> {
    let mut elements = Vec::new();
    input.structures(kind, |input| {
        if elements.len() == MOST_ELEMENTS {
            return Err(Error::TooLarge(format!("expected a schema of at most {MOST_ELEMENTS} elements, found more")));
        }
        elements.push(element(input)?);
        Ok(())
    })?;
    columns(elements)
}

fn element(input: &mut Input<'_>) -> Result<Element, Error> {
    let mut element = Element::default();
    input.fields(|input, id, kind| -> Result<bool, Error> {
        match id {
            1 => element.kind = Some(input.int(kind)?),
            2 => element.length = input.int(kind)?,
            3 => element.repetition = input.int(kind)?,
            4 => element.name = String::from_utf8_lossy(input.bytes(kind)?).into_owned(),
            5 => element.children = input.int(kind)?,
            6 => {
                let number = input.int(kind)?;
                element.is_list |= number == converted::LIST;
                // The newer annotation says the same, and more exactly.
                if element.annotation == Annotation::None {
                    element.annotation = older_annotation(number);
                }
            }
            10 => newer_annotation(input, kind, &mut element)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(element)
}

fn older_annotation(number: i64) -> Annotation {
    match number {
        converted::UTF8 | converted::ENUM | converted::JSON => Annotation::Text,
        converted::UINT_8..=converted::UINT_64 => Annotation::Unsigned,
        converted::INT_8..=converted::INT_64 => Annotation::Signed,
        _ => Annotation::Other,
    }
}

fn newer_annotation(input: &mut Input<'_>, kind: Kind, element: &mut Element) -> Result<(), Error> {
    input.structure(kind, |input, id, kind| {
        let mut is_signed = true;
        element.is_list |= id == logical::LIST;
        element.annotation = match id {
            logical::STRING | logical::ENUM | logical::JSON => Annotation::Text,
            logical::FLOAT16 => Annotation::Half,
            logical::INTEGER => {
                input.structure(kind, |input, id, kind| -> Result<bool, Error> {
                    if id == 2 {
                        is_signed = input.bool(kind)?;
                    }
                    Ok(id == 2)
                })?;
                element.annotation = if is_signed { Annotation::Signed } else { Annotation::Unsigned };
                return Ok(true);
            }
            _ => Annotation::Other,
        };
        Ok(false)
    })
}

/// The leaves of the tree whose elements follow each other, parents before children.
fn columns(elements: Vec<Element>) -> Result<Vec<Column>, Error> {
    let mut elements = elements.into_iter();
    let root = elements.next().ok_or_else(|| Error::damaged("its schema is empty"))?;
    let none = Levels { definition: 0, repetition: 0, element: 0 };
    let mut steps = vec![Step {
        name: String::new(),
        children: root.children,
        child_count: root.children,
        is_list: false,
        is_repeated: false,
        levels: none,
    }];
    let mut columns = Vec::new();
    for element in elements {
        // Groups whose children have all come are left.
        while steps.last().is_some_and(|step| step.children <= 0) {
            steps.pop();
        }
        let parent = steps.last_mut().ok_or_else(|| Error::damaged("its schema has elements of no group"))?;
        parent.children -= 1;
        let mut levels = parent.levels;
        match element.repetition {
            repetition::REQUIRED => {}
            repetition::OPTIONAL => levels.definition += 1,
            repetition::REPEATED => {
                levels.definition += 1;
                levels.repetition += 1;
                levels.element = levels.definition;
            }
            _ => return Err(Error::damaged("a column is neither required nor optional nor repeated")),
        }
        let step = Step {
            name: element.name,
            children: element.children,
            child_count: element.children,
            is_list: element.is_list,
            is_repeated: element.repetition == repetition::REPEATED,
            levels,
        };
        match element.kind {
            // Some writers give leaves a number of children, which is 0.
            Some(kind) if element.children == 0 => {
                let physical = Physical::new(kind, element.length)?;
                columns.push(column(&steps[1..], &step, physical, element.annotation));
            }
            None if element.children >= 0 && steps.len() < DEEPEST => steps.push(step),
            None if element.children >= 0 => return Err(Error::damaged("its schema is nested too deeply")),
            _ => return Err(Error::damaged("a column is a group as well")),
        }
    }
    if steps.iter().any(|step| step.children > 0) {
        return Err(Error::damaged("its schema lacks elements"));
    }
    Ok(columns)
}

fn column(groups: &[Step], leaf: &Step, physical: Physical, annotation: Annotation) -> Column {
    let levels = leaf.levels;
    let all: Vec<&Step> = groups.iter().chain([leaf]).collect();
    let repeated = all.iter().position(|step| step.is_repeated);
    // Of `embedding.list.element` the name is `embedding`. Older writers have but two steps, or one.
    let shown = match repeated {
        Some(at) if all[at..].iter().all(|step| std::ptr::eq(*step, leaf) || step.child_count == 1) => {
            let is_wrapped = at > 0 && all[at - 1].is_list;
            if is_wrapped { &all[..at] } else { &all[..=at] }
        }
        _ => &all[..],
    };
    let name = shown.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join(".");
    // Lists of structures are read as little as lists of lists.
    let is_simple = match repeated {
        None => true,
        Some(at) => {
            levels.repetition == 1 && all.len() - at <= 2 && shown.len() < all.len() + usize::from(at + 1 == all.len())
        }
    };
    let kind = match (physical, annotation) {
        (Physical::Boolean, Annotation::None) => Some(Type::Bool),
        (Physical::Int32 | Physical::Int64, Annotation::None | Annotation::Signed) => Some(Type::Integer),
        (Physical::Int32 | Physical::Int64, Annotation::Unsigned) => Some(Type::Unsigned),
        (Physical::Fixed(2), Annotation::Half) => Some(Type::Half),
        (Physical::Float, Annotation::None) => Some(Type::Float),
        (Physical::Double, Annotation::None) => Some(Type::Double),
        (Physical::ByteArray, Annotation::Text) => Some(Type::Text),
        (Physical::ByteArray | Physical::Fixed(_), Annotation::None) => Some(Type::Bytes),
        _ => None,
    };
    Column { name, kind: kind.filter(|_| is_simple), is_list: levels.repetition > 0, physical, levels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, repetition: i64, children: i64, is_list: bool) -> Element {
        Element { name: name.into(), repetition, children, is_list, ..Element::default() }
    }

    fn leaf(name: &str, repetition: i64, kind: i64, annotation: Annotation) -> Element {
        Element { name: name.into(), repetition, kind: Some(kind), length: 2, annotation, ..Element::default() }
    }

    #[test]
    fn all_ways_to_write_a_list_have_the_same_name() {
        let (required, optional, repeated) = (repetition::REQUIRED, repetition::OPTIONAL, repetition::REPEATED);
        let found = columns(vec![
            group("schema", required, 7, false),
            leaf("path", optional, physical::BYTE_ARRAY, Annotation::Text),
            // As pyarrow and most others do.
            group("three", optional, 1, true),
            group("list", repeated, 1, false),
            leaf("element", optional, physical::FLOAT, Annotation::None),
            group("two", optional, 1, true),
            leaf("array", repeated, physical::FIXED_LEN_BYTE_ARRAY, Annotation::Half),
            leaf("one", repeated, physical::DOUBLE, Annotation::None),
            group("image", optional, 2, false),
            leaf("bytes", optional, physical::BYTE_ARRAY, Annotation::None),
            leaf("path", optional, physical::BYTE_ARRAY, Annotation::Text),
            // A list of structures, and one of lists.
            group("faces", optional, 1, true),
            group("list", repeated, 1, false),
            group("element", optional, 2, false),
            leaf("x", optional, physical::FLOAT, Annotation::None),
            leaf("y", optional, physical::FLOAT, Annotation::None),
            group("matrix", optional, 1, true),
            group("list", repeated, 1, false),
            group("element", optional, 1, true),
            group("list", repeated, 1, false),
            leaf("element", optional, physical::FLOAT, Annotation::None),
        ])
        .unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|column| {
                let Levels { definition, repetition, element } = column.levels;
                (column.name.as_str(), column.kind, column.is_list, (definition, repetition, element))
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("path", Some(Type::Text), false, (1, 0, 0)),
                ("three", Some(Type::Float), true, (3, 1, 2)),
                ("two", Some(Type::Half), true, (2, 1, 2)),
                ("one", Some(Type::Double), true, (1, 1, 1)),
                ("image.bytes", Some(Type::Bytes), false, (2, 0, 0)),
                ("image.path", Some(Type::Text), false, (2, 0, 0)),
                ("faces.list.element.x", None, true, (4, 1, 2)),
                ("faces.list.element.y", None, true, (4, 1, 2)),
                ("matrix", None, true, (5, 2, 4)),
            ]
        );
    }

    #[test]
    fn trees_that_are_none_are_refused() {
        let leaf = |name| leaf(name, repetition::REQUIRED, physical::INT32, Annotation::None);
        let group = |children| group("group", repetition::REQUIRED, children, false);
        assert!(columns(Vec::new()).is_err());
        assert!(columns(vec![group(2), leaf("a")]).is_err());
        assert!(columns(vec![group(1), leaf("a"), leaf("b")]).is_err());
        assert!(columns(vec![group(-1), leaf("a")]).is_err());
        let deep = (0..MOST_ELEMENTS - 1).map(|_| group(1)).chain([leaf("a")]).collect();
        assert!(columns(deep).unwrap_err().to_string().contains("deeply"));
    }
}

//! The values of a column, one row after the other.

use std::sync::Arc;

use super::footer::Chunk;
use super::page::{self, Found, Page};
use super::schema::{Column, Physical};
use super::values::{self, Dictionary, Place, Value};
use super::{Inner, codec};
use crate::error::Error;

/// Reads a column of a [`Table`](crate::Table). In memory is one page of it, and its dictionary.
pub struct ColumnReader {
    table: Arc<Inner>,
    column: usize,
    /// The range of rows that comes next.
    group: usize,
    /// Rows that are left in the present one.
    rows: u64,
    /// What is left of its pages.
    chunk: Chunk,
    page: Option<Box<Page>>,
    dictionary: Option<Dictionary>,
    /// Was the level read that says whether the next value is in the same row? Then this is it.
    repetition: Option<u32>,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for ColumnReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ColumnReader").field("column", &self.column).field("group", &self.group).finish_non_exhaustive()
    }
}

impl ColumnReader {
    pub(super) fn new(table: Arc<Inner>, column: usize) -> ColumnReader {
        ColumnReader {
            table,
            column,
            group: 0,
            rows: 0,
            chunk: Chunk::default(),
            page: None,
            dictionary: None,
            repetition: None,
            scratch: Vec::new(),
        }
    }

    /// The value of the next row, or `None` if it has none. The column is not one of lists.
    ///
    /// # Errors
    /// See [`Error`]; that there are no more rows is one. Nothing can be read after an error.
    pub fn next_value(&mut self) -> Result<Option<Value<'_>>, Error> {
        if self.column().is_list {
            return Err(Error::Unsupported(format!("the column {} has lists of values", self.column().name)));
        }
        self.next_row()?;
        self.next_level()?;
        self.value()
    }

    /// Calls `on` with each value in the list of the next row, `None` for one that is missing. False if there is no list,
    /// not even one of no values. The column is one of lists.
    ///
    /// # Errors
    /// See [`Error`]; that there are no more rows is one. Nothing can be read after an error.
    pub fn next_list(&mut self, on: &mut dyn FnMut(Option<Value<'_>>)) -> Result<bool, Error> {
        let column = self.column();
        if !column.is_list {
            return Err(Error::Unsupported(format!("the column {} has no lists of values", column.name)));
        }
        let (element, longest) = (column.levels.element, self.table.limits.list);
        self.next_row()?;
        if self.next_level()? != 0 {
            return Err(self.damaged("begins within a list"));
        }
        let mut count = 0u64;
        loop {
            let definition = self.definition()?;
            if definition < element {
                if count > 0 {
                    return Err(self.damaged("has a list that ends within itself"));
                }
                if !self.end_of_list()? {
                    return Err(self.damaged("has a list of nothing that goes on"));
                }
                return Ok(definition + 1 == element);
            }
            count += 1;
            if count > longest {
                let name = &self.column().name;
                return Err(Error::TooLarge(format!(
                    "expected lists of at most {longest} values, found more in {name}"
                )));
            }
            on(self.value_of(definition)?);
            if self.end_of_list()? {
                return Ok(true);
            }
        }
    }

    fn column(&self) -> &Column {
        &self.table.columns[self.column]
    }

    fn damaged(&self, what: &str) -> Error {
        Error::damaged(format!("the column {} {what}", self.column().name))
    }

    /// Begins a row.
    fn next_row(&mut self) -> Result<(), Error> {
        while self.rows == 0 {
            if self.chunk.values > 0 || self.page.as_ref().is_some_and(|page| page.left > 0) {
                return Err(self.damaged("has more values than rows"));
            }
            let Some(group) = self.table.groups.get(self.group) else {
                return Err(self.damaged("has no more rows"));
            };
            let chunk = group.chunks.get(self.column).copied().unwrap_or_default();
            if group.rows > 0 {
                codec::check(chunk.codec)?;
            }
            (self.rows, self.chunk) = (group.rows, chunk);
            (self.page, self.dictionary, self.repetition) = (None, None, None);
            self.group += 1;
        }
        self.rows -= 1;
        Ok(())
    }

    /// Finds the page of the next value; false if the range of rows has no more.
    fn find_page(&mut self) -> Result<bool, Error> {
        loop {
            if self.page.as_ref().is_some_and(|page| page.left > 0) {
                return Ok(true);
            }
            if self.chunk.values == 0 {
                return Ok(false);
            }
            // Its memory is free before more is asked for.
            self.page = None;
            let Inner { file, columns, budget, .. } = &*self.table;
            let Column { physical, levels, .. } = columns[self.column];
            match page::next(file, &mut self.chunk, physical, levels, budget, &mut self.scratch)? {
                Found::Data(page) => {
                    self.chunk.values -= page.left;
                    self.page = Some(page);
                }
                Found::Dictionary(dictionary) => self.dictionary = Some(dictionary),
                Found::Other => {}
            }
        }
    }

    /// The level that says whether the next value, which there must be, is in the row of the one before.
    fn next_level(&mut self) -> Result<u32, Error> {
        if let Some(level) = self.repetition.take() {
            return Ok(level);
        }
        if !self.find_page()? {
            return Err(self.damaged("has fewer values than rows"));
        }
        let Some(page) = &mut self.page else { return Ok(0) };
        let level = match &mut page.repetition {
            Some(levels) => levels.next(&page.bytes)?,
            None => 0,
        };
        if level > self.column().levels.repetition { Err(self.damaged("has an invalid level")) } else { Ok(level) }
    }

    /// Whether no more values belong to the row.
    fn end_of_list(&mut self) -> Result<bool, Error> {
        if !self.find_page()? {
            return Ok(true);
        }
        let level = self.next_level()?;
        if level == 0 {
            self.repetition = Some(level);
        }
        Ok(level == 0)
    }

    /// How much of the path to the next value is there.
    fn definition(&mut self) -> Result<u32, Error> {
        let most = self.column().levels.definition;
        let Some(page) = &mut self.page else { return Err(self.damaged("has fewer values than rows")) };
        page.left = page.left.saturating_sub(1);
        let level = match &mut page.definition {
            Some(levels) => levels.next(&page.bytes)?,
            None => most,
        };
        if level > most { Err(self.damaged("has an invalid level")) } else { Ok(level) }
    }

    fn value(&mut self) -> Result<Option<Value<'_>>, Error> {
        let definition = self.definition()?;
        self.value_of(definition)
    }

    fn value_of(&mut self, definition: u32) -> Result<Option<Value<'_>>, Error> {
        let column = &self.table.columns[self.column];
        if definition < column.levels.definition {
            return Ok(None);
        }
        let dictionary = self.dictionary.as_ref();
        let Some(page) = &mut self.page else { return Ok(None) };
        let bytes = match page.values.next(&page.bytes, dictionary)? {
            Place::Page(range) => page.bytes.get(range),
            Place::Dictionary(range) => dictionary.and_then(|dictionary| dictionary.bytes.get(range)),
            Place::Own(range) => page.values.own().get(range),
            // What does not fit comes from sums that wrap.
            Place::Number(number) if column.physical == Physical::Int32 => {
                return Ok(Some(values::number(column, i64::from(number as i32))));
            }
            Place::Number(number) => return Ok(Some(values::number(column, number))),
            Place::Truth(value) => return Ok(Some(Value::Bool(value))),
        };
        let value = bytes.and_then(|bytes| values::value(column, bytes));
        value.map(Some).ok_or_else(|| Error::damaged(format!("the column {} has an invalid value", column.name)))
    }
}

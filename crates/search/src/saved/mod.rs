//! Searches that a user keeps under a name.

mod file;
mod name;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clip_files::lock::{FileLock, LockError};
use clip_index::{IndexError, IndexReader, searches};
use clip_query::language::{self, Date, Expr, Note, ParseError, ParseErrorKind, ParseOptions, Parsed};

use crate::error::LibraryError;
use crate::text_file;
use file::Fault;
use name::{MOST_NAME_CHARS, is_name};

/// A file of saved searches has at most this many bytes.
const MOST_BYTES: u64 = 1 << 20;
/// How long another process may write before this one gives up. It takes a moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// The searches that were saved for an index, each under a name.
///
/// They lie in a small file of text in the folder of the index, belong to no generation of it, and outlast rebuilds and
/// changes of the model. A reader takes no lock. Writers wait for one another, and each begins with what the last one has
/// written. A process that is killed leaves the file as it was before or after.
///
/// ```
/// use clip_search::language::{self, Date, ParseOptions};
/// use clip_search::{Library, SavedSearches};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let index = folder.path().join("index");
/// # let model = clip_search::ModelId { name: "m".into(), fingerprint: "m".into(), dimension: 2 };
/// # clip_search::IndexWriter::open_or_create(&index, &model)?.close()?;
/// # let photos = folder.path();
/// # let today = Date::constant(2024, 9, 13);
/// let mut searches = SavedSearches::open(&index)?;
/// searches.save("pets", "dog | cat", photos, today)?;
///
/// let options = ParseOptions { today, literal: false };
/// let query = language::parse("beach @pets", &options)?;
/// assert_eq!(searches.resolve(query.expr, &options)?.to_string(), "beach + (dog | cat)");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSearches {
    index: PathBuf,
    searches: BTreeMap<String, String>,
}

/// What became of a search that was to be saved.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedSearch {
    /// The query as it was saved: as it was typed, but in one line and with absolute paths.
    pub query: String,
    /// The query that had the name before.
    pub before: Option<String>,
    /// What its writer should be told. Dates in words are understood when the search is run, so they are only those of
    /// today.
    pub notes: Vec<Note>,
}

impl SavedSearches {
    /// Reads the searches that were saved for the index in the folder `index`; there may be none.
    ///
    /// # Errors
    /// [`LibraryError::DamagedSearches`] if the file is not as it should be, [`IndexError::NewerFormat`] if a newer version
    /// has written it, [`IndexError::NotFound`] if there is no index, [`IndexError::Io`] if the system refuses to read it; the
    /// last three within [`LibraryError::Index`].
    pub fn open(index: impl Into<PathBuf>) -> Result<SavedSearches, LibraryError> {
        let index = index.into();
        let Some(searches) = read(&index)? else {
            // Where there are none the folder may have been mistyped. A damaged index is one nevertheless.
            if let Err(error @ IndexError::NotFound { .. }) = IndexReader::open(&index) {
                return Err(error.into());
            }
            return Ok(SavedSearches { index, searches: BTreeMap::new() });
        };
        Ok(SavedSearches { index, searches })
    }

    /// The names and queries, in the order of the names.
    pub fn list(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.searches.iter().map(|(name, query)| (name.as_str(), query.as_str()))
    }

    /// The query that was saved under a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.searches.get(name).map(String::as_str)
    }

    /// The names of the searches that refer to this one themselves.
    pub fn users_of(&self, name: &str) -> Vec<&str> {
        let uses = |query: &str| {
            let parsed = language::parse(query, &ParseOptions { today: Date::constant(2000, 1, 1), literal: false });
            parsed.is_ok_and(|parsed| parsed.expr.searches().contains(&name))
        };
        self.list().filter(|(_, query)| uses(query)).map(|(name, _)| name).collect()
    }

    /// Saves a query under a name, in the place of the one that has it. Relative paths in it begin in `folder`, which must be
    /// absolute. `today` is for the notes alone.
    ///
    /// # Errors
    /// [`LibraryError::SearchName`] if this cannot be a name; [`LibraryError::UnreadableSearch`] with the place if the query is
    /// wrong, refers to itself or has a path that cannot be made absolute; [`LibraryError::UnknownSearch`] if it refers to a
    /// search that there is not; [`LibraryError::TooManySearches`] if there is no room for it. [`IndexError::Locked`], within
    /// [`LibraryError::Index`], if another process does not come to an end with its writing. Those of
    /// [`open`](SavedSearches::open). Nothing has changed then.
    pub fn save(&mut self, name: &str, query: &str, folder: &Path, today: Date) -> Result<SavedSearch, LibraryError> {
        if !is_name(name) {
            return Err(LibraryError::SearchName { name: name.to_owned(), longest: MOST_NAME_CHARS });
        }
        let options = ParseOptions { today, literal: false };
        let wrong = |error| unreadable(name, query, error);
        let parsed = language::parse(query, &options).map_err(wrong)?;
        let absolute = language::with_absolute_paths(query, folder).map_err(wrong)?;
        let line = file::one_line(&absolute);
        self.change(|searches| {
            let before = searches.searches.insert(name.to_owned(), line.clone());
            // With all that it refers to.
            let expr = searches.resolve(Expr::Saved(name.to_owned()), &options)?;
            let resolved = Parsed { expr, notes: Vec::new() };
            resolved.alternatives().map_err(wrong)?;
            Ok(SavedSearch { query: line, before, notes: parsed.notes })
        })
    }

    /// Removes the search of this name, and gives its query.
    ///
    /// # Errors
    /// [`LibraryError::UnknownSearch`] if there is none; otherwise those of [`save`](SavedSearches::save) that are about the
    /// file.
    pub fn remove(&mut self, name: &str) -> Result<String, LibraryError> {
        self.change(|searches| match searches.searches.remove(name) {
            Some(query) => Ok(query),
            None => Err(searches.unknown(name, None)),
        })
    }

    /// Puts the saved searches in the places of their names, understood as of the day that `options` has.
    ///
    /// # Errors
    /// [`LibraryError::UnknownSearch`] if there is none of a name; [`LibraryError::UnreadableSearch`] if the text of one is no
    /// query, or if they refer to one another in a circle, too deeply or too often.
    pub fn resolve(&self, expr: Expr, options: &ParseOptions) -> Result<Expr, LibraryError> {
        let options = ParseOptions { literal: false, ..*options };
        let asked: Vec<String> = expr.searches().into_iter().map(str::to_owned).collect();
        let wrong = RefCell::new(None);
        let saved = |name: &str| {
            let query = self.get(name)?;
            match language::parse(query, &options) {
                Ok(parsed) => Some(parsed.expr),
                Err(error) => {
                    *wrong.borrow_mut() = Some(unreadable(name, query, error));
                    None
                }
            }
        };
        let result = expr.resolve(&saved);
        result.map_err(|error| match (wrong.take(), &error.kind.clone()) {
            (Some(wrong), _) => wrong,
            (None, ParseErrorKind::UnknownSearch { name }) => {
                // It may be unknown to whoever asked that this one has a part in it.
                let is_asked = asked.iter().any(|asked| asked == name);
                let user = if is_asked { None } else { self.users_of(name).first().map(|&user| user.to_owned()) };
                self.unknown(name, user)
            }
            (None, ParseErrorKind::CircularSearch { name } | ParseErrorKind::SearchTooDeep { name }) => {
                unreadable(name, self.get(name).unwrap_or_default(), error)
            }
            _ => unreadable(asked.first().map_or("", String::as_str), "", error),
        })
    }

    fn unknown(&self, name: &str, user: Option<String>) -> LibraryError {
        let distance = |known: &str| strsim::osa_distance(&known.to_lowercase(), &name.to_lowercase());
        let nearest = self.searches.keys().map(|known| (distance(known), known)).min();
        // A letter for every three may be wrong.
        let nearest = nearest.filter(|(distance, _)| *distance <= (name.chars().count() / 3).max(1));
        LibraryError::UnknownSearch { name: name.to_owned(), user, nearest: nearest.map(|(_, known)| known.clone()) }
    }

    /// Changes what is in the file at present, and writes it, unless the change fails.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&mut SavedSearches) -> Result<T, LibraryError>,
    ) -> Result<T, LibraryError> {
        let _lock = lock(&self.index)?;
        let searches = read(&self.index)?.unwrap_or_default();
        let mut changed = SavedSearches { index: self.index.clone(), searches };
        let outcome = change(&mut changed)?;
        let text = file::encode(&changed.searches);
        let path = self.index.join(searches::FILE);
        if text.len() as u64 > MOST_BYTES {
            return Err(LibraryError::TooManySearches { path, most: MOST_BYTES });
        }
        text_file::write(&path, &text)?;
        *self = changed;
        Ok(outcome)
    }
}

fn unreadable(name: &str, query: &str, error: ParseError) -> LibraryError {
    LibraryError::UnreadableSearch { name: name.to_owned(), query: query.to_owned(), error }
}

/// The searches in the file of an index; `None` if there is no file.
fn read(index: &Path) -> Result<Option<BTreeMap<String, String>>, LibraryError> {
    let path = index.join(searches::FILE);
    let damaged = |reason: String| LibraryError::DamagedSearches { path: path.clone(), reason };
    let Some(text) = text_file::read(&path, MOST_BYTES, damaged)? else { return Ok(None) };
    match file::parse(&text) {
        Ok(searches) => Ok(Some(searches)),
        Err(Fault::Newer(found)) => Err(IndexError::NewerFormat { path, found, supported: text_file::VERSION }.into()),
        Err(Fault::Line { line, reason }) => Err(damaged(format!("line {line}: {reason}"))),
    }
}

/// Takes the lock, as soon as others are done.
fn lock(index: &Path) -> Result<FileLock, LibraryError> {
    let (path, holder) = (index.join(searches::LOCK), index.join(searches::LOCK_HOLDER));
    let begun = Instant::now();
    loop {
        let error = match FileLock::acquire(&path, &holder) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Io(path, source)) => IndexError::Io { action: "lock", path, source },
            Err(LockError::Held) => IndexError::Locked { dir: index.to_owned() },
            Err(LockError::HeldBy(holder)) => IndexError::LockedBy {
                dir: index.to_owned(),
                file: holder.file,
                host: holder.host,
                process: holder.process,
                since: holder.since,
            },
        };
        if matches!(error, IndexError::Io { .. }) || begun.elapsed() > PATIENCE {
            return Err(error.into());
        }
        sleep(Duration::from_millis(10));
    }
}

/// What a file of saved searches says, written and read again. For [`fuzzing`](crate::fuzzing).
#[cfg(any(test, fuzzing))]
pub(crate) fn check_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(searches) = file::parse(text) {
        assert_eq!(file::parse(&file::encode(&searches)), Ok(searches));
    }
}

#[cfg(test)]
mod tests;

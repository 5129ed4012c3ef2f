//! Which of the pictures in a file is meant.
//!
//! A file may hold a thumbnail before its picture, or keep the picture in a directory below the first; a pyramid has
//! it in several sizes. The largest picture that can be decoded is the photo, the first of several of that size.

use super::fields::{Directory, File};
use super::page::Page;
use super::{compression, jpeg, tags};
use crate::formats::library::Fault;

/// Most directories that are looked at. Beyond are documents of many pages, of which the first is shown.
const MOST: usize = 256;

/// Directories below directories below a page.
const DEEPEST: usize = 2;

/// A page and how it stands to others.
struct Found<'a> {
    page: Page<'a>,
    /// Whether it is said to be another one at a smaller size.
    is_reduced: bool,
}

/// The pictures of a file.
pub(super) struct Pages<'a> {
    found: Vec<Found<'a>>,
    main: usize,
}

impl<'a> Pages<'a> {
    /// The pictures that can be decoded. If there are none, what is wrong with the first.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Fault> {
        let (file, first) = File::of(bytes)?;
        let mut walk = Walk { file, seen: Vec::new(), found: Vec::new(), fault: None };
        walk.chain(first, 0);
        let Walk { found, fault, .. } = walk;
        // The first of the largest: `max_by_key` would give the last.
        let main = (0..found.len()).rev().max_by_key(|index| found[*index].page.pixels());
        match main {
            Some(main) => Ok(Self { found, main }),
            None => Err(fault.unwrap_or_else(|| Fault::damaged("it has no page"))),
        }
    }

    /// The photo.
    pub(super) fn main(&self) -> &Page<'a> {
        &self.found[self.main].page
    }

    /// The photo at the smallest stored size with at least this many pixels on its shorter side; `None` if that is the
    /// largest.
    pub(super) fn overview(&self, least: u32) -> Option<&Page<'a>> {
        let main = self.main();
        let fits = |found: &&Found<'a>| {
            let (width, height) = found.page.size;
            found.is_reduced
                && width.min(height) >= least
                && found.page.pixels() < main.pixels()
                && is_same_shape(found.page.size, main.size)
        };
        self.found.iter().filter(fits).map(|found| &found.page).min_by_key(|page| page.pixels())
    }
}

/// Whether one is the other at a smaller size, rounded either way.
fn is_same_shape(small: (u32, u32), large: (u32, u32)) -> bool {
    let expected = u64::from(large.1) * u64::from(small.0) / u64::from(large.0.max(1));
    u64::from(small.1).abs_diff(expected) <= 2 + expected / 200
}

struct Walk<'a> {
    file: File<'a>,
    seen: Vec<u64>,
    found: Vec<Found<'a>>,
    /// What is wrong with the first page that cannot be decoded.
    fault: Option<Fault>,
}

impl<'a> Walk<'a> {
    /// A directory, those below it and those after it.
    fn chain(&mut self, first: u64, depth: usize) {
        let mut at = first;
        while at != 0 && self.seen.len() < MOST && !self.seen.contains(&at) {
            self.seen.push(at);
            let directory = match self.file.directory(at) {
                Ok(directory) => directory,
                Err(fault) => {
                    self.fault.get_or_insert(fault);
                    return;
                }
            };
            self.add(&directory, depth);
            if depth < DEEPEST
                && let Some(below) = directory.get(tags::SUB_IFDS)
            {
                below.uints().take(MOST).for_each(|at| self.chain(at, depth + 1));
            }
            at = directory.next;
        }
    }

    fn add(&mut self, directory: &Directory<'a>, depth: usize) {
        const REDUCED: u64 = 1;
        const MASK: u64 = 4;

        let kind = directory.uint(tags::NEW_SUBFILE_TYPE).unwrap_or(0);
        // The field of older programs.
        let is_reduced = kind & REDUCED != 0 || directory.uint(tags::SUBFILE_TYPE) == Some(2) || depth > 0;
        if kind & MASK != 0 {
            return;
        }
        match page(directory) {
            Ok(page) => self.found.push(Found { page, is_reduced }),
            Err(fault) => _ = self.fault.get_or_insert(fault),
        }
    }
}

/// A page whose pixels can be decoded.
fn page<'a>(directory: &Directory<'a>) -> Result<Page<'a>, Fault> {
    if let Some(page) = jpeg::whole_page(directory, Page::code_of_compression(directory)?)? {
        return Ok(page);
    }
    let page = Page::of(directory)?;
    compression::check(&page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overviews_have_the_shape_of_the_picture() {
        assert!(is_same_shape((500, 334), (1000, 667)));
        assert!(is_same_shape((500, 333), (1000, 667)));
        assert!(is_same_shape((63, 47), (1001, 750)));
        assert!(!is_same_shape((160, 120), (1500, 1000)));
    }
}

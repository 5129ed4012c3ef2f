//! What is known of the hubness of rows, and what has to be measured.

use std::sync::Arc;

use rayon::prelude::*;

use crate::error::IndexError;
use crate::hubness::{Bank, Hubness, HubnessFile};
use crate::segment::Segment;
use crate::snapshot::Snapshot;
use crate::watch::Watch;

/// Rows that are measured between two looks at whether to go on.
const AT_ONCE: usize = 4096;

/// What was measured with one bank.
pub(crate) struct Known<'a> {
    snapshot: &'a Snapshot,
    bank: &'a str,
}

impl<'a> Known<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, bank: &'a str) -> Known<'a> {
        Known { snapshot, bank }
    }

    fn files(&self) -> impl Iterator<Item = (usize, &'a Arc<HubnessFile>)> {
        let files = self.snapshot.hubness_files().iter().enumerate();
        files.filter_map(|(at, file)| Some((at, file.as_ref()?))).filter(|(_, file)| file.entry().bank == self.bank)
    }

    /// The file of a vector file's rows, if there is one already.
    pub(crate) fn file_of(&self, segment: &Segment) -> Option<Arc<HubnessFile>> {
        self.files().find(|(_, file)| file.entry().segment == segment.file_id()).map(|(_, file)| Arc::clone(file))
    }

    /// The numbers of a vector file's rows, if they are known, or are those of new items and there is a bank. A row that was
    /// not measured has to wait until somebody has the time.
    pub(crate) fn numbers_of(
        &self,
        segment: &Segment,
        bank: Option<&Bank>,
        is_new: impl Fn(u64) -> bool + Sync,
    ) -> Option<Vec<Hubness>> {
        // A copy gets checksums of its own: damage must not be copied along with it.
        let known: Vec<(usize, &Arc<HubnessFile>)> = self
            .files()
            .filter(|&(at, _)| {
                let source = &self.snapshot.segments()[at];
                source.first_id() <= segment.last_id() && segment.first_id() <= source.last_id()
            })
            .filter(|(_, file)| file.verify().is_ok())
            .collect();
        let number = |row: usize| {
            let id = segment.ids()[row];
            if let Some(place) = self.snapshot.locate(id) {
                let (_, file) = known.iter().find(|&&(at, _)| at == place.segment as usize)?;
                return file.of(place.row as usize);
            }
            bank.filter(|_| is_new(id)).map(|bank| bank.hubness_of(segment, row))
        };
        (0..segment.len()).into_par_iter().map(number).collect()
    }
}

/// Measures the rows of a vector file, and tells `watch` of each.
pub(crate) fn measure(segment: &Segment, bank: &Bank, watch: &Watch<'_>) -> Result<Vec<Hubness>, IndexError> {
    let mut numbers = Vec::with_capacity(segment.len());
    let failed = || IndexError::io("measure", segment.path());
    while numbers.len() < segment.len() {
        let rows = numbers.len()..segment.len().min(numbers.len() + AT_ONCE);
        numbers.par_extend(rows.clone().into_par_iter().map(|row| bank.hubness_of(segment, row)));
        watch.steps(rows.len()).and_then(|()| watch.check()).map_err(failed())?;
    }
    Ok(numbers)
}

//! Refining the relevance of a library's results by captions of its user's own.

use clip_index::Bank;
use clip_query::refinement::{Captioned, TooFew, Trial};

use crate::error::LibraryError;
use crate::library::Library;
use crate::refinement::{self, KeptRefinement};

/// What came of captions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RefineOutcome {
    /// They were tried; [`Trial::is_better`] says whether the refinement was kept.
    Tried(Trial),
    /// There are too few of them.
    TooFew(TooFew),
    /// Results have no relevance in this index: it has too few photos for another model than the built-in one, or they were not
    /// measured yet.
    NoRelevance,
}

impl Library {
    /// Refines the relevance of results by captions, if that makes it better on photos that it was not fitted on; otherwise nothing
    /// changes. `bank` is that of the model, as [`measure_bank`](crate::measure_bank) gives it. The next library that is opened takes it
    /// up.
    ///
    /// # Errors
    /// [`IndexError::Io`](clip_index::IndexError::Io), within [`LibraryError::Index`], if it cannot be written; otherwise those of
    /// [`searcher`](Library::searcher).
    ///
    /// # Panics
    /// If there is not a row of the model's dimension for each photo and each caption.
    pub fn refine(&self, captioned: &Captioned<'_>, bank: &Bank) -> Result<RefineOutcome, LibraryError> {
        let searcher = self.searcher()?;
        let trial = match searcher.try_refinement(captioned, bank) {
            Ok(Some(trial)) => trial,
            Ok(None) => return Ok(RefineOutcome::NoRelevance),
            Err(few) => return Ok(RefineOutcome::TooFew(few)),
        };
        if trial.is_better {
            let Trial { refinement, captions, photos, .. } = trial;
            let kept = KeptRefinement { refinement, captions, photos, holds: true };
            refinement::keep(self.index(), searcher.reader(), &kept)?;
        }
        Ok(RefineOutcome::Tried(trial))
    }

    /// Takes back what [`refine`](Library::refine) has kept; `false` if there was nothing.
    ///
    /// # Errors
    /// [`IndexError::Io`](clip_index::IndexError::Io), within [`LibraryError::Index`], if it cannot be removed.
    pub fn unrefine(&self) -> Result<bool, LibraryError> {
        refinement::unrefine(self.index())
    }
}

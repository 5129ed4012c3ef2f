//! How much memory reading may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Error;

/// Bytes that all columns of a table share.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    left: Arc<AtomicUsize>,
    whole: usize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Budget {
        Budget { left: Arc::new(AtomicUsize::new(bytes)), whole: bytes }
    }

    /// Takes so many bytes, which come back when what is returned goes away.
    pub(super) fn take(&self, bytes: usize) -> Result<Share, Error> {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        match taken {
            Ok(_) => Ok(Share { budget: self.clone(), bytes }),
            Err(left) => Err(Error::TooLarge(format!(
                "expected pages of at most {} bytes together, found one of {bytes} besides {} that are in use; write it \
                 again with smaller pages",
                self.whole,
                self.whole - left
            ))),
        }
    }
}

/// Bytes that are in use.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let budget = Budget::new(10);
        let share = budget.take(7).unwrap();
        assert!(budget.take(4).unwrap_err().to_string().contains("besides 7"));
        let rest = budget.take(3).unwrap();
        drop(share);
        budget.take(7).unwrap();
        drop(rest);
        budget.take(10).unwrap();
    }
}

//! Batches that fit the device.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::ModelError;
use crate::shown::shown;

/// How many items a GPU takes at once. It begins with a size that suits most, and is halved for good when a batch fails:
/// GPUs do not tell beforehand how much memory a batch may take, and drivers report its end in whatever way.
#[derive(Debug)]
pub(crate) struct BatchSize(AtomicUsize);

impl BatchSize {
    pub(crate) fn new(most: usize) -> BatchSize {
        BatchSize(AtomicUsize::new(most.max(1)))
    }

    /// Runs `encode` on batch after batch and joins the results. A batch that fails is run again in halves.
    ///
    /// # Errors
    /// That of a single item, with which a smaller batch is of no use; and those that are not the device's at once.
    pub(crate) fn run<T>(
        &self,
        mut items: &[T],
        encode: impl Fn(&[T]) -> Result<Vec<f32>, ModelError>,
    ) -> Result<Vec<f32>, ModelError> {
        let mut values = Vec::new();
        while !items.is_empty() {
            let batch = self.0.load(Ordering::Relaxed).min(items.len());
            let (now, later) = items.split_at(batch);
            // Drivers fail at any point, and burn then panics.
            let reason = match catch_unwind(AssertUnwindSafe(|| encode(now))) {
                Ok(Ok(encoded)) => {
                    values.extend(encoded);
                    items = later;
                    continue;
                }
                Ok(Err(ModelError::Execution { reason, .. })) => reason,
                Ok(Err(other)) => return Err(other),
                Err(_) => "its driver stopped".to_owned(),
            };
            if batch == 1 {
                return Err(ModelError::Execution { device: "GPU", reason });
            }
            log::warn!("the GPU failed on a batch of {batch} ({}); retrying with {}", shown(&reason), batch / 2);
            self.0.fetch_min(batch / 2, Ordering::Relaxed);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// A device that takes `most` items at once, and the sizes that it was given.
    fn device(
        most: usize,
        panics: bool,
        asked: &RefCell<Vec<usize>>,
    ) -> impl Fn(&[u8]) -> Result<Vec<f32>, ModelError> {
        move |items| {
            asked.borrow_mut().push(items.len());
            assert!(!panics || items.len() <= most, "out of memory");
            if items.len() > most {
                return Err(ModelError::Execution { device: "GPU", reason: "out of memory".into() });
            }
            Ok(items.iter().map(|item| f32::from(*item)).collect())
        }
    }

    #[test]
    fn batches_shrink_until_they_fit_and_stay_so() {
        let items: Vec<u8> = (0..70).collect();
        let expected: Vec<f32> = items.iter().map(|item| f32::from(*item)).collect();
        for panics in [false, true] {
            let (size, asked) = (BatchSize::new(32), RefCell::default());
            let encode = device(9, panics, &asked);
            assert_eq!(size.run(&items, &encode).unwrap(), expected);
            assert_eq!(asked.borrow()[..5], [32, 16, 8, 8, 8]);
            asked.borrow_mut().clear();
            assert_eq!(size.run(&items[..10], &encode).unwrap(), expected[..10]);
            assert_eq!(*asked.borrow(), [8, 2]);
        }
    }

    #[test]
    fn a_device_that_takes_nothing_is_an_error() {
        for panics in [false, true] {
            let asked = RefCell::default();
            let error = BatchSize::new(5).run(&[1, 2, 3, 4, 5, 6], device(0, panics, &asked)).unwrap_err();
            assert!(matches!(error, ModelError::Execution { .. }));
            assert_eq!(*asked.borrow(), [5, 2, 1]);
        }
    }

    #[test]
    fn other_errors_are_not_tried_again() {
        let asked = RefCell::new(0);
        let encode = |_: &[u8]| {
            *asked.borrow_mut() += 1;
            Err(ModelError::Input("wrong".into()))
        };
        assert!(matches!(BatchSize::new(4).run(&[1, 2, 3], encode), Err(ModelError::Input(_))));
        assert_eq!((*asked.borrow(), BatchSize::new(0).run(&[], encode).unwrap()), (1, vec![]));
    }
}

//! Waits for the network without missing that the caller wants to stop.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::HubError;
use crate::progress::go_on;

/// How long it takes at most until it is noticed that the caller wants to stop.
pub(crate) const MOMENT: Duration = Duration::from_millis(50);
/// How many results a thread may be ahead of who takes them.
const AHEAD: usize = 4;

/// Does work that waits for the network in a thread of its own, which sends its results. Whoever stops waiting for them
/// leaves the thread to itself: it ends when it sends the next, or when its own patience is over.
///
/// The system's calls for connecting, finding addresses and reading can be ended in no other way that works everywhere.
pub(crate) fn aside<T: Send + 'static>(work: impl FnOnce(&dyn Fn(T) -> bool) + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = sync_channel(AHEAD);
    // If there is no thread to be had, the receiver finds that nobody sends.
    let _ = std::thread::Builder::new().name("hub".into()).spawn(move || work(&|result| sender.send(result).is_ok()));
    receiver
}

/// The next result of a thread; `None` once it has ended.
///
/// # Errors
/// [`HubError::Cancelled`] if `cancel` says so.
pub(crate) fn next<T>(results: &Receiver<T>, cancel: &AtomicBool) -> Result<Option<T>, HubError> {
    loop {
        go_on(cancel)?;
        match results.recv_timeout(MOMENT) {
            Ok(result) => return Ok(Some(result)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn results_come_in_order_until_the_thread_ends() {
        let results = aside(|send| (0..10).for_each(|n| assert!(send(n))));
        let go_on = AtomicBool::new(false);
        let all: Vec<i32> = std::iter::from_fn(|| next(&results, &go_on).unwrap()).collect();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_thread_that_never_answers_keeps_nobody_waiting() {
        let (_never, waited_for) = channel::<()>();
        let results = aside(move |send| {
            let _ = waited_for.recv();
            send(());
        });
        assert!(matches!(next(&results, &AtomicBool::new(true)), Err(HubError::Cancelled)));
    }
}

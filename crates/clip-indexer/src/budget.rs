//! Memory that the decoding threads share.
//!
//! A photo takes the bytes of its file first and, once its header tells how many, those for decoding it. Both come out
//! of one budget. What does not fit waits, and what is small passes it by for a while.
//!
//! No thread can wait for ever. Files are read only as long as the largest photo can still be decoded beside all of
//! them, so whoever waits for decoding gets its share once those that decode are done, and they need nothing more. A
//! file that is too large even for that is read when nothing else is in memory.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many others may take memory before one that was waiting already. Then nobody may until it has its share.
const PASSES: u32 = 64;

/// The budget of all threads.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Bytes in all.
    total: u64,
    /// The most bytes that decoding one photo takes.
    largest: u64,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes of files.
    files: u64,
    /// Bytes for decoding.
    decoding: u64,
    /// Shares that exist.
    shares: usize,
    /// Who waits for bytes to decode with, the longest first.
    waiting: VecDeque<Waiting>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    passed: u32,
}

/// What one photo has of the budget. Gives it back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    file: u64,
    decoding: Cell<u64>,
}

impl Budget {
    /// A budget of `total` bytes, for photos whose decoding takes at most `largest`.
    pub fn new(total: u64, largest: u64) -> Budget {
        Budget { total, largest, state: Mutex::default(), freed: Condvar::new() }
    }

    /// A share for a file of this many bytes, as soon as there is room for it.
    pub fn share(&self, file: u64) -> Share<'_> {
        let room = self.total.saturating_sub(self.largest);
        let mut state = self.lock();
        while state.shares > 0
            && (state.files.saturating_add(file) > room
                || state.in_use().saturating_add(file) > self.total
                || state.waiting.front().is_some_and(|first| first.passed >= PASSES))
        {
            state = self.wait(state);
        }
        state.pass(None);
        state.files += file;
        state.shares += 1;
        Share { budget: self, file, decoding: Cell::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock can leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.freed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn in_use(&self) -> u64 {
        self.files.saturating_add(self.decoding)
    }

    /// Notes that somebody takes memory whom the one that waits longest has to let pass.
    fn pass(&mut self, ticket: Option<u64>) {
        if let Some(first) = self.waiting.front_mut()
            && Some(first.ticket) != ticket
        {
            first.passed += 1;
        }
    }
}

impl Share<'_> {
    /// Makes this many bytes the share for decoding, in place of what it was; if they are more, as soon as they are
    /// free.
    pub fn decode_with(&self, bytes: u64) {
        let mut state = self.budget.lock();
        if bytes <= self.decoding.get() {
            state.decoding -= self.decoding.replace(bytes) - bytes;
            self.budget.freed.notify_all();
            return;
        }
        state.decoding -= self.decoding.replace(0);
        // Somebody may have waited for what was just given back.
        self.budget.freed.notify_all();
        let mut ticket = None;
        loop {
            let is_first = state.waiting.front().is_none_or(|first| Some(first.ticket) == ticket);
            let may_pass = is_first || state.waiting.front().is_some_and(|first| first.passed < PASSES);
            let fits = state.in_use().saturating_add(bytes) <= self.budget.total;
            // Where nobody decodes, nobody is going to give anything back.
            if may_pass && fits || is_first && state.decoding == 0 {
                break;
            }
            if ticket.is_none() {
                let own = state.next_ticket;
                ticket = Some(own);
                state.next_ticket += 1;
                state.waiting.push_back(Waiting { ticket: own, passed: 0 });
            }
            state = self.budget.wait(state);
        }
        state.pass(ticket);
        if ticket.is_some() {
            state.waiting.retain(|waiting| Some(waiting.ticket) != ticket);
            // The next one may be the first now.
            self.budget.freed.notify_all();
        }
        state.decoding += bytes;
        self.decoding.set(bytes);
    }

    /// Notes that the file takes another number of bytes than was thought, or none any more.
    pub fn set_file(&mut self, bytes: u64) {
        let mut state = self.budget.lock();
        state.files = state.files - self.file + bytes;
        self.file = bytes;
        self.budget.freed.notify_all();
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.files -= self.file;
        state.decoding -= self.decoding.get();
        state.shares -= 1;
        drop(state);
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Long enough for a thread that may go on to do so.
    const A_WHILE: Duration = Duration::from_millis(100);

    #[test]
    fn what_is_large_waits_and_what_is_small_goes_on() {
        let budget = Budget::new(100, 60);
        let first = budget.share(10);
        first.decode_with(60);
        thread::scope(|scope| {
            let (done, large) = mpsc::channel();
            let budget = &budget;
            scope.spawn(move || {
                let share = budget.share(10);
                share.decode_with(50);
                done.send(()).unwrap();
            });
            assert!(large.recv_timeout(A_WHILE).is_err(), "130 bytes are too many");
            // 20 bytes of files, 60 of decoding: there is room for a small one.
            budget.share(5).decode_with(10);
            drop(first);
            large.recv().unwrap();
        });
        assert_eq!(budget.lock().in_use(), 0);
    }

    #[test]
    fn what_is_too_large_is_alone() {
        let budget = Budget::new(100, 60);
        let huge = budget.share(500);
        huge.decode_with(60);
        thread::scope(|scope| {
            let (done, small) = mpsc::channel();
            let budget = &budget;
            scope.spawn(move || {
                let _share = budget.share(1);
                done.send(()).unwrap();
            });
            assert!(small.recv_timeout(A_WHILE).is_err(), "the huge one should be alone");
            drop(huge);
            small.recv().unwrap();
        });
    }

    #[test]
    fn what_waits_is_not_passed_for_ever() {
        let budget = Budget::new(100, 60);
        let keeper = budget.share(0);
        keeper.decode_with(50);
        let passed = AtomicU64::new(0);
        thread::scope(|scope| {
            let (done, large) = mpsc::channel();
            let budget = &budget;
            scope.spawn(move || {
                let share = budget.share(0);
                share.decode_with(60);
                done.send(()).unwrap();
            });
            while budget.lock().waiting.is_empty() {
                thread::yield_now();
            }
            let passed = &passed;
            scope.spawn(move || {
                for _ in 0..2 * PASSES {
                    budget.share(0).decode_with(1);
                    passed.fetch_add(1, Ordering::Relaxed);
                }
            });
            while budget.lock().waiting.front().is_some_and(|first| first.passed < PASSES) {
                thread::yield_now();
            }
            thread::sleep(A_WHILE);
            assert!(large.try_recv().is_err());
            // Each takes a share twice.
            assert_eq!(passed.load(Ordering::Relaxed), u64::from(PASSES) / 2);
            drop(keeper);
            large.recv().unwrap();
        });
    }

    #[test]
    fn a_panic_gives_the_share_back() {
        let budget = Budget::new(100, 60);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let share = budget.share(10);
            share.decode_with(60);
            panic!("a decoder's");
        }));
        assert!(result.is_err());
        assert_eq!(budget.lock().in_use(), 0);
        budget.share(10).decode_with(60);
    }

    #[test]
    fn a_file_that_has_grown_is_counted() {
        let budget = Budget::new(100, 60);
        let mut share = budget.share(10);
        share.set_file(30);
        assert_eq!(budget.lock().files, 30);
        drop(share);
        assert_eq!(budget.lock().in_use(), 0);
    }

    /// Many threads with photos of all sizes, each of which changes its mind once: all get through, and the budget
    /// holds.
    #[test]
    fn nobody_waits_for_ever() {
        const LARGEST: u64 = 60;
        for total in [100, 60, 1] {
            let budget = Budget::new(total, LARGEST);
            let in_use = AtomicU64::new(0);
            thread::scope(|scope| {
                for thread in 0..16_u64 {
                    let (budget, in_use) = (&budget, &in_use);
                    scope.spawn(move || {
                        for round in 0..200_u64 {
                            let random = (thread * 7919 + round * 104_729) % 1009;
                            let file = random % 50;
                            let share = budget.share(file);
                            for decoding in [random * 31 % 61, random * 17 % 61] {
                                share.decode_with(decoding);
                                let now = in_use.fetch_add(file + decoding, Ordering::SeqCst) + file + decoding;
                                // Files that are read but not decoded are not in this sum. One photo alone may take
                                // more.
                                assert!(now <= total.max(50 + LARGEST), "{now} of {total}");
                                thread::yield_now();
                                in_use.fetch_sub(file + decoding, Ordering::SeqCst);
                            }
                        }
                    });
                }
            });
            assert_eq!(budget.lock().in_use(), 0);
        }
    }
}

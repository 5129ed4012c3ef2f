//! A few threads for work that takes long, with a queue that has an end.
//!
//! The runtime's own threads for blocking work are many, and as many searches at a time would take each other's time. Here as
//! many are under way as there are threads, the others wait in the order in which they came, and one too many is refused at
//! once. Work whose client has gone is not begun.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::priority;

/// Does a piece of work unless nobody waits for it.
type Job = Box<dyn FnOnce() + Send>;

/// Threads with a queue. They end with the pool.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    most_waiting: usize,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

/// Work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undone {
    /// Too much was waiting.
    Full,
    /// It panicked.
    Panicked,
}

/// Whose time work takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Somebody waits for it.
    Usual,
    /// It takes what others leave.
    Low,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is locked.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system's, if it has no thread to give.
    pub(crate) fn new(name: &str, threads: usize, most_waiting: usize, at: Priority) -> std::io::Result<Pool> {
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new() });
        // Ends the threads that were started if one cannot be.
        let pool = Pool { shared, most_waiting };
        for _ in 0..threads {
            let shared = Arc::clone(&pool.shared);
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                if at == Priority::Low {
                    priority::lower();
                }
                work(&shared);
            })?;
        }
        Ok(pool)
    }

    /// Does the work on one of the threads. If the future is dropped before it begins, the work is not done.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Undone> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            if !reply.is_closed()
                && let Ok(value) = catch_unwind(AssertUnwindSafe(work))
            {
                let _ = reply.send(value);
            }
        });
        {
            let mut queue = self.shared.queue();
            if queue.jobs.len() >= self.most_waiting {
                return Err(Undone::Full);
            }
            queue.jobs.push_back(job);
        }
        self.shared.changed.notify_one();
        answer.await.map_err(|_| Undone::Panicked)
    }
}

fn work(shared: &Shared) {
    loop {
        let mut queue = shared.queue();
        let job = loop {
            if queue.is_closed {
                return;
            }
            match queue.jobs.pop_front() {
                Some(job) => break job,
                None => queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(queue);
        job();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue().is_closed = true;
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn work_is_done_and_a_panic_is_told() {
        let pool = Pool::new("test", 2, 10, Priority::Low).unwrap();
        assert_eq!(block_on(pool.run(|| 6 * 7)), Ok(42));
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        assert_eq!(block_on(pool.run(|| -> u8 { panic!("expected") })), Err(Undone::Panicked));
        std::panic::set_hook(hook);
        assert_eq!(block_on(pool.run(|| 1)), Ok(1), "the thread goes on");
    }

    #[test]
    fn too_much_work_is_refused_and_what_nobody_waits_for_is_not_begun() {
        let pool = Pool::new("test", 1, 1, Priority::Usual).unwrap();
        let (begin, begun) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        block_on(async {
            let first = pool.run(move || {
                begin.send(()).unwrap();
                let _ = ended.recv();
                "first"
            });
            let mut first = Box::pin(first);
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(first.as_mut().poll(&mut context).is_pending());
            begun.recv().unwrap();
            let mut second = Box::pin(pool.run(|| panic!("nobody waits for this")));
            assert!(second.as_mut().poll(&mut context).is_pending());
            assert_eq!(pool.run(|| ()).await, Err(Undone::Full));
            drop(second);
            end.send(()).unwrap();
            assert_eq!(first.await, Ok("first"));
            // Until the thread comes to see that nobody waits for the second, it takes up the room.
            while pool.run(|| ()).await == Err(Undone::Full) {
                std::thread::yield_now();
            }
            assert_eq!(pool.run(|| ()).await, Ok(()));
        });
    }
}

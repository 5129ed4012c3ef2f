//! From single changes to batches of complete ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A batch is complete when nothing has changed for this long.
    pub quiet: Duration,
    /// A batch waits no longer than this for quiet, or for files that keep growing.
    pub longest: Duration,
    /// A file has stopped growing if it is the same in two looks that lie this far apart.
    pub settle: Duration,
    /// How often to look whether drives have come or gone, which no system tells of reliably.
    pub roots: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            quiet: Duration::from_millis(1500),
            longest: Duration::from_secs(30),
            settle: Duration::from_secs(1),
            roots: Duration::from_secs(10),
        }
    }
}

/// Something that a system tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// What is at this path is new, gone or different.
    Changed(PathBuf),
    /// Changes were lost, as when there were too many of them at once.
    Lost,
}

/// What a look at a path tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A file that may be growing.
    File {
        /// Its size in bytes.
        size: u64,
        /// When it was modified, in nanoseconds since 1970.
        modified: i128,
    },
    /// Anything else, or nothing at all.
    Other,
}

/// What is asked of a disk.
pub trait Disk {
    /// Looks at a path, not through links.
    fn look(&self, path: &Path) -> Look;
}

/// Changes that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// What has changed, sorted: files that are complete, folders, and what is gone.
    pub paths: Vec<PathBuf>,
    /// Files that are still being written. They are in a later batch.
    pub unsettled: Vec<PathBuf>,
    /// Changes were lost, so anything may have changed.
    pub is_incomplete: bool,
}

/// Gathers changes into batches.
///
/// Times are those since any moment that the caller chooses, as long as it is always the same.
#[derive(Debug)]
pub struct Batcher<D> {
    timing: Timing,
    disk: D,
    pending: BTreeMap<PathBuf, Pending>,
    has_lost: bool,
    /// When the oldest and the newest change came in that no batch was made of.
    first: Option<Duration>,
    last: Duration,
}

/// A path that has changed.
#[derive(Debug, Clone, Copy)]
enum Pending {
    /// Not looked at since it changed, at this time.
    Changed(Duration),
    /// How it looked at this time.
    Seen(Look, Duration),
    Settled,
}

impl<D: Disk> Batcher<D> {
    /// Without changes.
    pub fn new(timing: Timing, disk: D) -> Batcher<D> {
        Batcher { timing, disk, pending: BTreeMap::new(), has_lost: false, first: None, last: Duration::ZERO }
    }

    /// Takes a change in.
    pub fn take(&mut self, happening: Happening, now: Duration) {
        match happening {
            Happening::Changed(path) => drop(self.pending.insert(path, Pending::Changed(now))),
            Happening::Lost => self.has_lost = true,
        }
        self.first.get_or_insert(now);
        self.last = now;
    }

    /// The next batch, if one is complete. Looks at files that have changed.
    pub fn batch(&mut self, now: Duration) -> Option<Batch> {
        let first = self.first?;
        self.look(now);
        let is_settled = |pending: &Pending| matches!(pending, Pending::Settled);
        let is_late = now >= first + self.timing.longest;
        let is_complete = now >= self.last + self.timing.quiet && self.pending.values().all(is_settled);
        if !is_late && !is_complete {
            return None;
        }
        let (settled, unsettled): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.pending).into_iter().partition(|(_, pending)| is_settled(pending));
        self.first = (!unsettled.is_empty()).then_some(now);
        let batch = Batch {
            paths: settled.into_keys().collect(),
            unsettled: unsettled.keys().cloned().collect(),
            is_incomplete: std::mem::take(&mut self.has_lost),
        };
        self.pending = unsettled;
        (!batch.paths.is_empty() || batch.is_incomplete).then_some(batch)
    }

    /// Whether this very path has changed and is in no batch yet.
    pub fn is_pending(&self, path: &Path) -> bool {
        self.pending.contains_key(path)
    }

    /// When to ask for a batch again, if nothing changes until then.
    pub fn wake(&self) -> Option<Duration> {
        let first = self.first?;
        let quiet = self.last + self.timing.quiet;
        let next_look = self.pending.values().filter_map(|pending| self.due(*pending)).min();
        Some(next_look.unwrap_or(quiet).min(first + self.timing.longest))
    }

    /// When to look at a path.
    fn due(&self, pending: Pending) -> Option<Duration> {
        match pending {
            Pending::Changed(at) | Pending::Seen(_, at) => Some(at + self.timing.settle),
            Pending::Settled => None,
        }
    }

    fn look(&mut self, now: Duration) {
        let settle = self.timing.settle;
        for (path, pending) in &mut self.pending {
            *pending = match *pending {
                Pending::Changed(at) if now >= at + settle => match self.disk.look(path) {
                    Look::Other => Pending::Settled,
                    look => Pending::Seen(look, now),
                },
                Pending::Seen(before, at) if now >= at + settle => match self.disk.look(path) {
                    look if look == before || look == Look::Other => Pending::Settled,
                    look => Pending::Seen(look, now),
                },
                other => other,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Files(Rc<RefCell<HashMap<PathBuf, u64>>>);

    impl Files {
        fn set(&self, path: &str, size: u64) {
            self.0.borrow_mut().insert(path.into(), size);
        }
    }

    impl Disk for Files {
        fn look(&self, path: &Path) -> Look {
            self.0.borrow().get(path).map_or(Look::Other, |&size| Look::File { size, modified: 0 })
        }
    }

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn batcher() -> (Files, Batcher<Files>) {
        let files = Files::default();
        (files.clone(), Batcher::new(Timing::default(), files))
    }

    fn changed(path: &str) -> Happening {
        Happening::Changed(path.into())
    }

    /// Asks for batches, every 100 ms, until one comes or the time is over.
    fn until(batcher: &mut Batcher<Files>, from: u64, to: u64) -> Option<(u64, Batch)> {
        (from..=to).step_by(100).find_map(|now| Some((now, batcher.batch(ms(now))?)))
    }

    fn paths(paths: &[&str]) -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_burst_is_one_batch() {
        let (files, mut batcher) = batcher();
        assert_eq!((batcher.batch(ms(0)), batcher.wake()), (None, None));
        for number in 0..10 {
            files.set(&format!("/{number}.jpg"), 5);
            batcher.take(changed(&format!("/{number}.jpg")), ms(number * 700));
        }
        let (at, batch) = until(&mut batcher, 6300, 20_000).unwrap();
        assert_eq!((at, batch.paths.len(), batch.unsettled.len()), (8300, 10, 0));
        assert_eq!((until(&mut batcher, at, 60_000), batcher.wake()), (None, None));
    }

    #[test]
    fn what_is_gone_needs_only_quiet() {
        let (_, mut batcher) = batcher();
        batcher.take(changed("/gone.jpg"), ms(0));
        assert_eq!(until(&mut batcher, 0, 5000).unwrap().0, 1500);
    }

    #[test]
    fn a_growing_file_is_waited_for() {
        let (files, mut batcher) = batcher();
        batcher.take(changed("/a.jpg"), ms(0));
        batcher.take(changed("/old.jpg"), ms(0));
        for now in (0..10_000).step_by(100) {
            files.set("/a.jpg", now);
            // Not every system tells of each write.
            assert_eq!(batcher.batch(ms(now)), None, "{now}");
        }
        let (at, batch) = until(&mut batcher, 10_000, 20_000).unwrap();
        assert!(at < 12_500, "{at}");
        assert_eq!(batch.paths, paths(&["/a.jpg", "/old.jpg"]), "a move is not taken for a removal");
    }

    #[test]
    fn others_do_not_wait_for_ever_for_a_growing_file() {
        let (files, mut batcher) = batcher();
        files.set("/b.jpg", 1);
        batcher.take(changed("/a.jpg"), ms(0));
        batcher.take(changed("/b.jpg"), ms(0));
        let mut batches = Vec::new();
        for now in (0..100_000).step_by(100) {
            files.set("/a.jpg", now);
            batches.extend(batcher.batch(ms(now)).map(|batch| (now, batch)));
        }
        let [(at, batch)] = &batches[..] else { panic!("{batches:?}") };
        assert_eq!((*at, &batch.paths, &batch.unsettled), (30_000, &paths(&["/b.jpg"]), &paths(&["/a.jpg"])));
        assert_eq!(until(&mut batcher, 100_000, 200_000).unwrap().1.paths, paths(&["/a.jpg"]));
    }

    #[test]
    fn a_stream_without_end_gives_a_batch_now_and_then() {
        let (files, mut batcher) = batcher();
        let mut taken = Vec::new();
        for now in (0..100_000).step_by(100) {
            let path = format!("/{now}.jpg");
            files.set(&path, 1);
            batcher.take(changed(&path), ms(now));
            taken.extend(batcher.batch(ms(now)).map(|batch| batch.paths.len()));
        }
        assert_eq!(taken.len(), 3, "{taken:?}");
        assert!(taken.iter().all(|&count| count > 250), "{taken:?}");
    }

    #[test]
    fn lost_changes_are_told() {
        let (_, mut batcher) = batcher();
        batcher.take(Happening::Lost, ms(0));
        let (at, batch) = until(&mut batcher, 0, 10_000).unwrap();
        assert_eq!((at, batch), (1500, Batch { is_incomplete: true, ..Batch::default() }));
    }

    proptest! {
        /// Whatever happens, every path comes in a batch at last, and no file does while it grows.
        #[test]
        fn nothing_is_forgotten(steps in prop::collection::vec((0u8..6, 0u64..4000, 0u64..3), 1..60)) {
            let (files, mut batcher) = batcher();
            let (mut now, mut told, mut last) = (0, HashMap::new(), HashMap::new());
            for (name, pause, size) in steps {
                let path = format!("/{name}.jpg");
                files.set(&path, size);
                batcher.take(changed(&path), ms(now));
                last.insert(PathBuf::from(path), now);
                let end = now + pause;
                while let Some(wake) = batcher.wake().map(|wake| wake.as_millis() as u64).filter(|wake| *wake <= end) {
                    now = wake.max(now + 1);
                    for path in batcher.batch(ms(now)).into_iter().flat_map(|batch| batch.paths) {
                        prop_assert!(now >= last[&path] + 2000, "{}", path.display());
                        told.insert(path, now);
                    }
                }
                now = end.max(now);
            }
            while let Some(wake) = batcher.wake() {
                now = (wake.as_millis() as u64).max(now + 1);
                for path in batcher.batch(ms(now)).into_iter().flat_map(|batch| batch.paths) {
                    told.insert(path, now);
                }
            }
            for (path, at) in last {
                prop_assert!(told.get(&path).is_some_and(|told| *told > at));
            }
        }
    }
}

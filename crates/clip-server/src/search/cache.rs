//! The results of recent searches, so that a page of them takes no search.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// Searches that are remembered, whatever they found.
const MOST: usize = 2048;

/// Remembers what was found for recent keys in one generation of the index. What is being found is waited for, so that it is not
/// looked for twice.
pub(crate) struct Cache<K, V> {
    inner: Mutex<Inner<K, V>>,
    /// Bytes that may be remembered.
    most_bytes: usize,
}

struct Inner<K, V> {
    generation: u64,
    slots: HashMap<K, Slot<V>>,
    clock: u64,
    bytes: usize,
}

struct Slot<V> {
    cell: Arc<OnceCell<Arc<V>>>,
    used: u64,
    bytes: usize,
}

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    pub(crate) fn new(most_bytes: usize) -> Cache<K, V> {
        let inner = Inner { generation: 0, slots: HashMap::new(), clock: 0, bytes: 0 };
        Cache { inner: Mutex::new(inner), most_bytes }
    }

    fn inner(&self) -> MutexGuard<'_, Inner<K, V>> {
        // No change is left half done by a panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was found in other generations than this one.
    pub(crate) fn enter(&self, generation: u64) {
        let mut inner = self.inner();
        if inner.generation != generation {
            inner.generation = generation;
            inner.slots.clear();
            inner.bytes = 0;
        }
    }

    /// What was found for a key, if it is known.
    pub(crate) fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut inner = self.inner();
        inner.clock += 1;
        let clock = inner.clock;
        let slot = inner.slots.get_mut(key)?;
        let value = slot.cell.get().cloned()?;
        slot.used = clock;
        Some(value)
    }

    /// What is found for a key. `find` is asked if it is not known and nobody else is asking.
    pub(crate) async fn get_or_find<E, F: Future<Output = Result<V, E>>>(
        &self,
        key: &K,
        find: impl FnOnce() -> F,
        weight: impl FnOnce(&V) -> usize,
    ) -> Result<Arc<V>, E> {
        let claim = Claim { cache: self, key, cell: self.claim(key) };
        let mut is_new = false;
        let found = claim.cell.get_or_try_init(|| {
            is_new = true;
            let find = find();
            async { find.await.map(Arc::new) }
        });
        let value = Arc::clone(found.await?);
        if is_new {
            self.keep(key, &claim.cell, weight(&value));
        }
        Ok(value)
    }

    /// The place for what is found for a key.
    fn claim(&self, key: &K) -> Arc<OnceCell<Arc<V>>> {
        let mut inner = self.inner();
        inner.clock += 1;
        let used = inner.clock;
        let slot = inner.slots.entry(key.clone());
        let slot = slot.or_insert_with(|| Slot { cell: Arc::default(), used, bytes: 0 });
        slot.used = used;
        Arc::clone(&slot.cell)
    }

    /// Notes how much was found, and forgets what was not used for longest where it is too much.
    fn keep(&self, key: &K, cell: &Arc<OnceCell<Arc<V>>>, bytes: usize) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        // It may have been forgotten meanwhile.
        let Some(slot) = inner.slots.get_mut(key).filter(|slot| Arc::ptr_eq(&slot.cell, cell)) else { return };
        slot.bytes = bytes;
        inner.bytes += bytes;
        while inner.bytes > self.most_bytes || inner.slots.len() > MOST {
            let known = inner.slots.iter().filter(|(_, slot)| slot.cell.initialized());
            let Some(oldest) = known.min_by_key(|(_, slot)| slot.used).map(|(key, _)| key.clone()) else { break };
            if let Some(slot) = inner.slots.remove(&oldest) {
                inner.bytes -= slot.bytes;
            }
        }
    }
}

/// Somebody looks for something. If nothing comes of it, because of an error or because the client has gone, and nobody else
/// waits for it, its place is removed.
struct Claim<'c, K: Eq + Hash + Clone, V> {
    cache: &'c Cache<K, V>,
    key: &'c K,
    cell: Arc<OnceCell<Arc<V>>>,
}

impl<K: Eq + Hash + Clone, V> Drop for Claim<'_, K, V> {
    fn drop(&mut self) {
        if self.cell.initialized() {
            return;
        }
        let mut inner = self.cache.inner();
        let is_ours = inner.slots.get(self.key).is_some_and(|slot| Arc::ptr_eq(&slot.cell, &self.cell));
        // One of them is in the map, the other is this one.
        if is_ours && Arc::strong_count(&self.cell) <= 2 {
            inner.slots.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    async fn find(cache: &Cache<u32, usize>, key: u32, value: usize) -> usize {
        *cache.get_or_find(&key, || async move { Ok::<_, ()>(value) }, |value| *value).await.unwrap()
    }

    #[test]
    fn what_is_known_is_not_looked_for() {
        block_on(async {
            let cache = Cache::new(100);
            cache.enter(1);
            assert_eq!(find(&cache, 1, 10).await, 10);
            assert_eq!(find(&cache, 1, 20).await, 10);
            assert_eq!(cache.get(&1).as_deref(), Some(&10));
            cache.enter(1);
            assert_eq!(cache.get(&1).as_deref(), Some(&10));
            cache.enter(2);
            assert_eq!(cache.get(&1), None, "the index has changed");
        });
    }

    #[test]
    fn what_was_not_used_for_longest_is_forgotten() {
        block_on(async {
            let cache = Cache::new(100);
            find(&cache, 1, 40).await;
            find(&cache, 2, 40).await;
            find(&cache, 1, 0).await;
            find(&cache, 3, 40).await;
            assert_eq!(cache.get(&2), None);
            assert!(cache.get(&1).is_some() && cache.get(&3).is_some());
            // What is too large by itself is not kept, and costs the others their places.
            find(&cache, 4, 200).await;
            assert_eq!(cache.get(&4), None);
            assert_eq!(cache.inner().bytes, 0);
        });
    }

    #[test]
    fn errors_are_not_remembered() {
        block_on(async {
            let cache: Cache<u32, usize> = Cache::new(100);
            let failed = cache.get_or_find(&1, || async { Err::<usize, _>("no") }, |value| *value).await;
            assert_eq!(failed, Err("no"));
            assert!(cache.inner().slots.is_empty());
            // A client that has gone leaves nothing behind either.
            let gone = cache.get_or_find(&1, std::future::pending::<Result<usize, ()>>, |value| *value);
            let mut gone = Box::pin(gone);
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(gone.as_mut().poll(&mut context).is_pending());
            drop(gone);
            assert!(cache.inner().slots.is_empty());
            assert_eq!(find(&cache, 1, 10).await, 10);
        });
    }

    #[test]
    fn two_that_look_for_the_same_look_once() {
        block_on(async {
            let cache = Arc::new(Cache::<u32, usize>::new(100));
            let (open, opened) = tokio::sync::oneshot::channel::<()>();
            let first = {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move {
                    let find = || async {
                        opened.await.unwrap();
                        Ok::<_, ()>(10)
                    };
                    *cache.get_or_find(&1, find, |value| *value).await.unwrap()
                })
            };
            tokio::task::yield_now().await;
            let second = {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move { find(&cache, 1, 20).await })
            };
            tokio::task::yield_now().await;
            open.send(()).unwrap();
            assert_eq!((first.await.unwrap(), second.await.unwrap()), (10, 10));
        });
    }
}

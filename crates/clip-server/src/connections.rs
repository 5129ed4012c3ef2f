//! The connections that are open, and which of them has to go when there are too many.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    open: Mutex<Open>,
    most: usize,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, State>,
}

#[derive(Debug)]
struct State {
    /// Requests that are being answered: one or none.
    busy: u32,
    /// Since when nothing is being answered.
    idle_since: Instant,
    close: Arc<Notify>,
}

/// One of them; gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    id: u64,
    all: Arc<Connections>,
    close: Arc<Notify>,
}

/// A request is being answered until this is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Connection>);

impl Connections {
    pub(crate) fn new(most: usize) -> Connections {
        Connections { open: Mutex::default(), most: most.max(1) }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // No change is left half done by a panic.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.open().connections.len()
    }

    /// Takes in another one. If there are too many, the one that has waited longest without a request is told to close; if all of
    /// them are being answered, the new one is refused.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Arc<Connection>> {
        let mut open = self.open();
        if open.connections.len() >= self.most {
            let idle = open.connections.iter().filter(|(_, state)| state.busy == 0);
            let victim = idle.min_by_key(|(_, state)| state.idle_since).map(|(id, _)| *id)?;
            if let Some(state) = open.connections.remove(&victim) {
                state.close.notify_one();
            }
        }
        let id = open.next;
        open.next += 1;
        let close = Arc::new(Notify::new());
        let state = State { busy: 0, idle_since: Instant::now(), close: Arc::clone(&close) };
        open.connections.insert(id, state);
        Some(Arc::new(Connection { id, all: Arc::clone(self), close }))
    }
}

impl Connection {
    /// Ends when the connection has to make room for another one.
    pub(crate) async fn closed(&self) {
        self.close.notified().await;
    }

    /// Says that a request is being answered.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        if let Some(state) = self.all.open().connections.get_mut(&self.id) {
            state.busy += 1;
        }
        Busy(Arc::clone(self))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.open().connections.remove(&self.id);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(state) = self.0.all.open().connections.get_mut(&self.0.id) {
            state.busy = state.busy.saturating_sub(1);
            state.idle_since = Instant::now();
        }
    }
}

/// A body whose connection is busy until it was sent.
pub(crate) struct BusyBody {
    body: Body,
    _busy: Busy,
}

impl BusyBody {
    pub(crate) fn new(body: Body, busy: Busy) -> BusyBody {
        BusyBody { body, _busy: busy }
    }
}

impl HttpBody for BusyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_closed(connection: &Connection) -> bool {
        let mut context = Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(connection.closed()).poll(&mut context).is_ready()
    }

    #[test]
    fn who_waits_longest_without_a_request_makes_room() {
        let all = Arc::new(Connections::new(3));
        let (first, second, third) = (all.enter().unwrap(), all.enter().unwrap(), all.enter().unwrap());
        // The first has had a request since, and the second has one.
        drop(first.busy());
        let busy = second.busy();
        let fourth = all.enter().unwrap();
        assert!(is_closed(&third) && !is_closed(&first) && !is_closed(&second) && !is_closed(&fourth));
        drop(third);
        assert_eq!(all.len(), 3);
        let fifth = all.enter().unwrap();
        assert!(is_closed(&first));
        drop((first, busy));
        drop((second, fourth, fifth));
        assert_eq!(all.len(), 0);
    }

    #[test]
    fn where_all_are_busy_no_other_comes_in() {
        let all = Arc::new(Connections::new(1));
        let first = all.enter().unwrap();
        let busy = first.busy();
        assert!(all.enter().is_none());
        drop(busy);
        assert!(all.enter().is_some());
    }
}

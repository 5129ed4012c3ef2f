//! How work that takes long tells its caller how far it is: the one way of all crates.

/// Listens to work, which tells it of events `E`. It is called from any of the threads that work; a call that takes long holds the
/// work up. Any closure that takes an event is one.
pub trait Progress<E>: Sync {
    /// Something happened.
    fn event(&self, event: E);
}

impl<E, F: Fn(E) + Sync> Progress<E> for F {
    fn event(&self, event: E) {
        self(event);
    }
}

/// The listener that does nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl<E> Progress<E> for Silent {
    fn event(&self, _event: E) {}
}

/// How far work is of which there is nothing else to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// How many steps are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn closures_listen() {
        let told = Mutex::new(Vec::new());
        let closure = |steps: Steps| told.lock().unwrap().push(steps.done);
        let listeners: [&dyn Progress<Steps>; 2] = [&closure, &Silent];
        for listener in listeners {
            listener.event(Steps { done: 3, total: 4 });
        }
        assert_eq!(*told.lock().unwrap(), [3]);
    }
}

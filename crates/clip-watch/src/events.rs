//! What the system's events mean.

use std::path::PathBuf;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind};

/// An event, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Something is new or different.
    There(PathBuf),
    /// Something is not where it was, or is not what it was.
    Gone(PathBuf),
    /// Events were lost.
    Lost,
}

/// What an event says. Reading a file says nothing.
pub(crate) fn seen(event: Event) -> Vec<Seen> {
    if event.need_rescan() {
        return vec![Seen::Lost];
    }
    let kind: fn(PathBuf) -> Seen = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Seen::There,
        EventKind::Access(_) => return Vec::new(),
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Seen::Gone,
        // Both names were told of before, one by one.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both))
            if cfg!(any(target_os = "linux", target_os = "android")) =>
        {
            return Vec::new();
        }
        _ => Seen::There,
    };
    event.paths.into_iter().map(kind).collect()
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, Flag, RemoveKind};

    use super::*;

    #[test]
    fn reading_is_no_change_and_a_lost_event_is() {
        let of = |kind| seen(Event::new(kind).add_path("/a".into()));
        assert!(of(EventKind::Access(AccessKind::Open(AccessMode::Any))).is_empty());
        assert_eq!(of(EventKind::Access(AccessKind::Close(AccessMode::Write))), [Seen::There("/a".into())]);
        assert_eq!(of(EventKind::Create(CreateKind::File)), [Seen::There("/a".into())]);
        assert_eq!(of(EventKind::Remove(RemoveKind::Folder)), [Seen::Gone("/a".into())]);
        assert_eq!(of(EventKind::Modify(ModifyKind::Name(RenameMode::From))), [Seen::Gone("/a".into())]);
        assert_eq!(seen(Event::new(EventKind::Other).set_flag(Flag::Rescan)), [Seen::Lost]);
    }
}

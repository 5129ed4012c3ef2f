//! In which order results come.

use std::cmp::Ordering;

use clip_index::{Asset, Neighbour, Record};

use crate::query::Order;

/// Sorts by score, and what was indexed first comes first where scores are equal.
pub(crate) fn best_first(neighbours: &mut [Neighbour]) {
    neighbours.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
}

/// Compares two results that are no better than one another. Where they are equal, the one that was indexed first comes first.
pub(crate) fn of(order: Order, a: &Record, b: &Record) -> Ordering {
    let by_id = a.id.cmp(&b.id);
    match order {
        Order::Best => by_id,
        Order::Newest => dated(&a.asset, &b.asset, |a, b| b.cmp(&a)).then(by_id),
        Order::Oldest => dated(&a.asset, &b.asset, |a, b| a.cmp(&b)).then(by_id),
        Order::Path => a.asset.path.cmp(&b.asset.path).then(by_id),
        Order::Largest => b.asset.stamp.size.cmp(&a.asset.stamp.size).then(by_id),
    }
}

/// By date; those without one last.
fn dated(a: &Asset, b: &Asset, compare: impl Fn(i64, i64) -> Ordering) -> Ordering {
    match (a.taken_at, b.taken_at) {
        (Some(a), Some(b)) => compare(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use clip_index::Stamp;

    use super::*;

    #[test]
    fn those_without_a_date_come_last() {
        let record = |id: u64, taken_at, size| Record {
            id,
            asset: Asset {
                path: format!("/{}", 9 - id).into(),
                taken_at,
                stamp: Stamp { size, ..Stamp::default() },
                ..Asset::default()
            },
            positions: vec![0],
        };
        let records = [record(1, None, 5), record(2, Some(10), 5), record(3, Some(20), 9), record(4, Some(10), 1)];
        let ids = |order: Order| {
            let mut sorted = records.clone();
            sorted.sort_by(|a, b| of(order, a, b));
            sorted.map(|record| record.id)
        };
        assert_eq!(ids(Order::Newest), [3, 2, 4, 1]);
        assert_eq!(ids(Order::Oldest), [2, 4, 3, 1]);
        assert_eq!(ids(Order::Path), [4, 3, 2, 1]);
        assert_eq!(ids(Order::Largest), [3, 1, 2, 4]);
        assert_eq!(ids(Order::Best), [1, 2, 3, 4]);
    }
}

//! Which interval of a scan each piece of its data is, whatever became of the restart markers between them.

/// Goes through the pieces in their order, and gives those of use with the interval that each is.
///
/// A picture with as many pieces as it should have lacks none of them, whatever their markers are called. Where there are more or
/// fewer, numbers tell what happened, as in libjpeg (`jpeg_resync_to_restart`): one a little ahead says that intervals were
/// lost, one a little behind that its data are to be passed over. Unlike there, a number is wrong if the next one goes on as
/// though it were the expected one, and one further off is right if the next one goes on from it.
pub(super) struct Restarts<'a> {
    /// The number of the marker before each piece but the first; 0 to 7, and round again.
    numbers: &'a [u8],
    /// Whether there are as many pieces as intervals.
    are_all_there: bool,
    /// The piece that comes next, and the interval that it should be.
    piece: usize,
    expected: usize,
}

impl<'a> Restarts<'a> {
    /// Those of a scan that should have this many intervals.
    pub(super) fn new(numbers: &'a [u8], intervals: usize) -> Self {
        Self { numbers, are_all_there: numbers.len() + 1 == intervals, piece: 0, expected: 0 }
    }
}

impl Iterator for Restarts<'_> {
    /// A piece, and its interval.
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        loop {
            let piece = self.piece;
            let place = match piece.checked_sub(1) {
                None => Place::Ahead(0),
                Some(marker) => {
                    let number = *self.numbers.get(marker)?;
                    // The first marker, number 0, is before the interval 1.
                    let expected = (self.expected + 7) as u8 % 8;
                    if self.are_all_there {
                        Place::Ahead(0)
                    } else {
                        place(number, expected, self.numbers.get(marker + 1).copied())
                    }
                }
            };
            self.piece += 1;
            if let Place::Ahead(lost) = place {
                let interval = self.expected + lost;
                self.expected = interval + 1;
                return Some((piece, interval));
            }
        }
    }
}

/// Where a piece belongs.
enum Place {
    /// So many intervals after the one that comes next.
    Ahead(usize),
    /// Nowhere: it is one of the past, or none at all.
    Nowhere,
}

/// Where the data behind the marker `number` belong if `expected` should come, and `next` follows.
fn place(number: u8, expected: u8, next: Option<u8>) -> Place {
    let is_followed = |number: u8| next == Some((number + 1) % 8);
    let ahead = (number + 8 - expected) % 8;
    match ahead {
        0 => Place::Ahead(0),
        _ if is_followed(expected) => Place::Ahead(0),
        1 | 2 => Place::Ahead(ahead.into()),
        3 | 4 if is_followed(number) => Place::Ahead(ahead.into()),
        6 | 7 => Place::Nowhere,
        5 if is_followed(number) => Place::Nowhere,
        _ => Place::Ahead(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval of each piece that is of use.
    fn intervals(numbers: &[u8], intervals: usize) -> Vec<(usize, usize)> {
        Restarts::new(numbers, intervals).collect()
    }

    /// The numbers of a sound scan of 20 intervals.
    fn sound() -> Vec<u8> {
        (0..19).map(|marker| marker % 8).collect()
    }

    #[test]
    fn where_nothing_is_missing_the_numbers_do_not_matter() {
        let expected: Vec<(usize, usize)> = (0..20).map(|piece| (piece, piece)).collect();
        assert_eq!(intervals(&sound(), 20), expected);
        assert_eq!(intervals(&[0; 19], 20), expected);
        assert_eq!(intervals(&[5], 2), [(0, 0), (1, 1)]);
        assert_eq!(intervals(&[], 1), [(0, 0)]);
    }

    #[test]
    fn a_wrong_number_costs_nothing_in_a_file_that_ends_early() {
        for (place, by) in (0..18).flat_map(|place| (1..8).map(move |by| (place, by))) {
            let mut numbers = sound();
            numbers[place] = (numbers[place] + by) % 8;
            let expected: Vec<(usize, usize)> = (0..20).map(|piece| (piece, piece)).collect();
            assert_eq!(intervals(&numbers, 30), expected, "marker {place} by {by}");
        }
    }

    #[test]
    fn lost_markers_leave_the_others_where_they_belong() {
        for (place, lost) in (0..13).flat_map(|place| (1..5).map(move |lost| (place, lost))) {
            let mut numbers = sound();
            numbers.drain(place..place + lost);
            let interval = |piece: usize| if piece <= place { piece } else { piece + lost };
            let expected: Vec<(usize, usize)> = (0..20 - lost).map(|piece| (piece, interval(piece))).collect();
            assert_eq!(intervals(&numbers, 20), expected, "{lost} from {place} on");
        }
    }

    /// Damaged data may look like a marker.
    #[test]
    fn after_a_marker_too_many_the_others_are_where_they_belong() {
        for (place, number) in (0..18).flat_map(|place| (0..8).map(move |number| (place, number))) {
            let mut numbers = sound();
            numbers.insert(place, number);
            let found = intervals(&numbers, 20);
            // The piece before is cut, and what comes up to three intervals behind may be lost.
            for piece in place + 5..20 {
                assert!(found.contains(&(piece, piece - 1)), "{number} at {place}: {found:?}");
            }
        }
    }
}

//! Where in a picture text may be.

use super::windows::{ACROSS, CELL, DOWN};

/// A part of a picture, as shares of its width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Region {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Region {
    pub fn area(&self) -> f32 {
        (self.right - self.left) * (self.bottom - self.top)
    }
}

/// A window that is like text: the size that it was seen in, how much, and the first cell of that size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub size: usize,
    pub likeness: f32,
    pub row: usize,
    pub column: usize,
}

/// Cells of the largest size: from a row and column up to others.
type Cells = [usize; 4];

/// Joins windows that touch, if one of them is at least so much like text. Each region has the extent that it has in the size in which it is most like text, and in larger ones: in
/// smaller ones, windows reach far beyond it. The most like text first.
pub(super) fn regions(marks: &[Mark], least: f32, (width, height): (u32, u32)) -> Vec<Region> {
    let (columns, rows) = ((width as usize).div_ceil(CELL), (height as usize).div_ceil(CELL));
    let cells = |mark: &Mark| -> Cells {
        let (row, column) = (mark.row << mark.size, mark.column << mark.size);
        [row, column, (row + (DOWN << mark.size)).min(rows), (column + (ACROSS << mark.size)).min(columns)]
    };
    let mut groups = vec![usize::MAX; columns * rows];
    const MARKED: usize = usize::MAX - 1;
    for [top, left, bottom, right] in marks.iter().map(cells) {
        for row in top..bottom {
            groups[row * columns + left..row * columns + right].fill(MARKED);
        }
    }
    let mut count = 0;
    for start in 0..groups.len() {
        if groups[start] != MARKED {
            continue;
        }
        groups[start] = count;
        let mut ahead = vec![start];
        while let Some(cell) = ahead.pop() {
            let (row, column) = (cell / columns, cell % columns);
            for row in row.saturating_sub(1)..(row + 2).min(rows) {
                for column in column.saturating_sub(1)..(column + 2).min(columns) {
                    let cell = row * columns + column;
                    if groups[cell] == MARKED {
                        groups[cell] = count;
                        ahead.push(cell);
                    }
                }
            }
        }
        count += 1;
    }
    let mut members = vec![Vec::new(); count];
    for mark in marks {
        let [top, left, ..] = cells(mark);
        if let Some(members) = groups.get(top * columns + left).and_then(|&group| members.get_mut(group)) {
            members.push(*mark);
        }
    }
    let mut found: Vec<(f32, Region)> = members
        .iter()
        .filter_map(|members| {
            let best = members.iter().max_by(|a, b| a.likeness.total_cmp(&b.likeness))?;
            if best.likeness < least {
                return None;
            }
            let extent = members.iter().filter(|mark| mark.size <= best.size).map(cells).reduce(united)?;
            // Letters may stick out, and tesseract wants an edge around them.
            let margin = 1 << best.size;
            let share = |cells: usize, pixels: u32| ((cells * CELL) as f32 / pixels.max(1) as f32).min(1.0);
            let region = Region {
                left: share(extent[1].saturating_sub(margin), width),
                top: share(extent[0].saturating_sub(margin), height),
                right: share(extent[3] + margin, width),
                bottom: share(extent[2] + margin, height),
            };
            Some((best.likeness, region))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, region)| region).collect()
}

fn united(a: Cells, b: Cells) -> Cells {
    [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_touch_are_one_region() {
        let mark = |size, likeness, row, column| Mark { size, likeness, row, column };
        let marks = [
            mark(0, 5.0, 10, 10),
            mark(0, 3.0, 10, 14),
            // In a smaller size, it reaches further.
            mark(2, 4.0, 2, 2),
            mark(0, 6.0, 40, 60),
        ];
        let found = regions(&marks, 5.0, (800, 400));
        assert_eq!(found.len(), 2);
        let expected = Region { left: 72.0 / 800.0, top: 72.0 / 400.0, right: 152.0 / 800.0, bottom: 104.0 / 400.0 };
        assert_eq!(found[1], expected);
        assert!(found[0].area() < 0.02 && found[0].left > 0.5);
        // Beyond the edge.
        let found = regions(&[mark(3, 5.0, 6, 11)], 5.0, (801, 401));
        assert_eq!((found[0].right, found[0].bottom), (1.0, 1.0));
        assert!(regions(&[], 5.0, (9, 9)).is_empty() && regions(&marks, 6.5, (800, 400)).is_empty());
    }
}

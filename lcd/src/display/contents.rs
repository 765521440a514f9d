//! What stands in the controller's memories, as far as that is known, and what should stand there.

use crate::driver::plan::{Travel, travel};
use crate::driver::{CGRAM, DDRAM, Edit, LINE};
use crate::glyphs::SLOTS;
use crate::rom_a00::Bitmap;
use crate::{Cell, Frame, Size};

/// Rows of dots of a glyph.
const ROWS: usize = CGRAM / SLOTS;

/// Where the address counter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressCounter {
    Cell(usize),
    GlyphRow(usize),
}

/// What is known of the controller; `None` is unknown.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    cells: [Option<u8>; DDRAM],
    glyphs: [Option<u8>; CGRAM],
    at: Option<AddressCounter>,
    lit: bool,
}

impl Contents {
    pub(crate) fn unknown() -> Self {
        Self { cells: [None; DDRAM], glyphs: [None; CGRAM], at: None, lit: false }
    }

    /// Nothing is known but that the address counter is at the first cell.
    pub(crate) fn at_home() -> Self {
        Self { at: Some(AddressCounter::Cell(0)), ..Self::unknown() }
    }

    /// What is to be done until the target is reached: the glyphs first, then the cells, and characters are
    /// shown only when all of them are right.
    pub(crate) fn edits(&self, target: &Target) -> Vec<Edit> {
        let glyphs_at = if let Some(AddressCounter::GlyphRow(row)) = self.at { Some(row) } else { None };
        let glyphs = travel(&target.glyphs, &self.glyphs, glyphs_at);
        let cells_at = match self.at {
            Some(AddressCounter::Cell(cell)) if glyphs.is_empty() => Some(cell),
            _ => None,
        };
        let cells = travel(&target.cells, &self.cells, cells_at);
        let mut edits: Vec<_> = glyphs.into_iter().map(|step| edit(step, Edit::ToGlyphRow)).collect();
        edits.extend(cells.into_iter().map(|step| edit(step, Edit::ToCell)));
        edits.extend((!self.lit).then_some(Edit::Light));
        edits
    }

    /// Whether anything is to be done, without saying what.
    pub(crate) fn differs(&self, target: &Target) -> bool {
        let differ = |wanted: &[Option<u8>], known: &[Option<u8>]| {
            wanted.iter().zip(known).any(|(wanted, known)| wanted.is_some() && wanted != known)
        };
        !self.lit || differ(&target.glyphs, &self.glyphs) || differ(&target.cells, &self.cells)
    }

    /// The cells of a panel of this size that are not as they should be: row, column and code, row by row.
    pub(crate) fn wrong_cells(&self, target: &Target, size: Size) -> Vec<(usize, usize, u8)> {
        let places = (0..size.rows).flat_map(|row| (0..size.columns).map(move |column| (row, column)));
        let wrong = |(row, column)| {
            let at = place(size, row, column)?;
            let code = target.cells[at].filter(|code| self.cells[at] != Some(*code))?;
            Some((row, column, code))
        };
        places.filter_map(wrong).collect()
    }

    /// The glyphs that are not as they should be: slot and dots.
    pub(crate) fn wrong_glyphs(&self, target: &Target) -> Vec<(usize, Bitmap)> {
        let rows = |slot: usize| slot * ROWS..(slot + 1) * ROWS;
        let wrong = |slot: &usize| {
            let wanted = &target.glyphs[rows(*slot)];
            wanted[0].is_some() && *wanted != self.glyphs[rows(*slot)]
        };
        let dots = |slot: usize| {
            let wanted = &target.glyphs[rows(slot)];
            (slot, std::array::from_fn(|row| wanted[row].unwrap_or_default()))
        };
        (0..SLOTS).filter(wrong).map(dots).collect()
    }

    /// The controller has taken these.
    pub(crate) fn apply(&mut self, edits: &[Edit]) {
        for &edit in edits {
            match edit {
                Edit::ToCell(cell) => self.at = Some(AddressCounter::Cell(cell)),
                Edit::ToGlyphRow(row) => self.at = Some(AddressCounter::GlyphRow(row)),
                Edit::Put(byte) => self.put(byte),
                Edit::Light => self.lit = true,
            }
        }
    }

    fn put(&mut self, byte: u8) {
        match self.at {
            Some(AddressCounter::Cell(cell)) => {
                self.cells[cell] = Some(byte);
                self.at = Some(AddressCounter::Cell((cell + 1) % DDRAM));
            }
            Some(AddressCounter::GlyphRow(row)) => {
                self.glyphs[row] = Some(byte);
                self.at = Some(AddressCounter::GlyphRow((row + 1) % CGRAM));
            }
            None => {}
        }
    }
}

fn edit(step: Travel, to: fn(usize) -> Edit) -> Edit {
    match step {
        Travel::To(place) => to(place),
        Travel::Put(byte) => Edit::Put(byte),
    }
}

/// What should stand in the memories; `None` is whatever there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    cells: [Option<u8>; DDRAM],
    glyphs: [Option<u8>; CGRAM],
}

impl Target {
    /// For a frame on a panel of this size. A glyph stays where its dots already are; a new one gets a slot
    /// that no cell shows, so that nothing on the panel changes before its time, or else one that the frame
    /// does not need.
    pub(crate) fn of(frame: &Frame, size: Size, known: &Contents, before: Option<&Self>) -> Self {
        let places =
            || (0..size.rows).flat_map(move |row| (0..size.columns).map(move |column| (row, column)));
        let used: [Option<Bitmap>; SLOTS] = std::array::from_fn(|slot| {
            places().find_map(|(row, column)| match frame.cell(row, column) {
                Cell::Glyph(used, dots) if used == slot => Some(dots),
                _ => None,
            })
        });
        let slots = allocate(&used, known, before);
        let mut target = Self { cells: [None; DDRAM], glyphs: [None; CGRAM] };
        for (row, column) in places() {
            let code = match frame.cell(row, column) {
                Cell::Rom(code) => code,
                Cell::Glyph(slot, _) => code_of(slots[slot]),
            };
            if let Some(place) = place(size, row, column) {
                target.cells[place] = Some(code);
            }
        }
        for (dots, slot) in used.iter().zip(slots) {
            if let Some(dots) = dots {
                target.glyphs[slot * ROWS..][..ROWS].copy_from_slice(&dots.map(Some));
            }
        }
        target
    }
}

/// The place of a cell in the memory, if the controller has one. The third and the fourth row continue the first
/// and the second.
fn place(size: Size, row: usize, column: usize) -> Option<usize> {
    let along = row / 2 * size.columns + column;
    (row < 4 && along < LINE).then_some(row % 2 * LINE + along)
}

/// A slot of the controller for each of the frame's glyphs.
fn allocate(used: &[Option<Bitmap>; SLOTS], known: &Contents, before: Option<&Target>) -> [usize; SLOTS] {
    let mut slots = [None; SLOTS];
    for (slot, dots) in slots.iter_mut().zip(used) {
        *slot = dots.and_then(|dots| (0..SLOTS).find(|&at| holds(at, dots, known, before)));
    }
    for at in 0..SLOTS {
        if slots[at].is_none() {
            let free = |slot: &usize| !slots.contains(&Some(*slot));
            let hidden = |slot: &usize| free(slot) && !is_seen(*slot, known, before);
            slots[at] = (0..SLOTS).find(hidden).or_else(|| (0..SLOTS).find(free));
        }
    }
    // Of eight slots the other seven glyphs take seven at most, so there is always one left.
    slots.map(Option::unwrap_or_default)
}

/// Whether a slot of the controller has these dots, or is about to.
fn holds(slot: usize, dots: Bitmap, known: &Contents, before: Option<&Target>) -> bool {
    let rows = slot * ROWS..(slot + 1) * ROWS;
    let intended = before.map(|target| &target.glyphs[rows.clone()]);
    intended.filter(|rows| rows[0].is_some()).unwrap_or(&known.glyphs[rows]) == dots.map(Some)
}

/// Whether any cell shows this slot, or is about to.
fn is_seen(slot: usize, known: &Contents, before: Option<&Target>) -> bool {
    let code = Some(code_of(slot));
    known.cells.contains(&code) || before.is_some_and(|target| target.cells.contains(&code))
}

#[expect(clippy::cast_possible_truncation, reason = "a slot is less than eight")]
fn code_of(slot: usize) -> u8 {
    slot as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Bitmap = [1; 8];
    const B: Bitmap = [2; 8];

    fn with_glyphs(glyphs: &[Bitmap]) -> Frame {
        let codes: Vec<u8> = (0..glyphs.len()).map(code_of).collect();
        Frame::of_codes(Size::SMALL, &codes, std::array::from_fn(|slot| glyphs.get(slot).copied()))
    }

    fn shown(frame: &Frame, known: &mut Contents, before: Option<&Target>) -> (Target, usize) {
        let target = Target::of(frame, Size::SMALL, known, before);
        let edits = known.edits(&target);
        assert_eq!(known.differs(&target), !edits.is_empty());
        known.apply(&edits);
        assert!(known.edits(&target).is_empty() && !known.differs(&target));
        (target, edits.len())
    }

    #[test]
    fn cells_that_no_controller_has_are_left_out() {
        let size = Size { columns: 24, rows: 5 };
        let target = Target::of(&Frame::blank(size), size, &Contents::unknown(), None);
        assert_eq!(target.cells, [Some(b' '); DDRAM]);
        assert_eq!(place(size, 2, 16), None);
        assert_eq!(place(Size::LARGE, 3, 19), Some(79));
    }

    #[test]
    fn a_glyph_stays_in_its_slot_when_the_picture_numbers_it_differently() {
        let mut known = Contents::at_home();
        let (first, _) = shown(&with_glyphs(&[A, B]), &mut known, None);
        assert_eq!((first.cells[0], first.cells[1]), (Some(0), Some(1)));
        let (second, edits) = shown(&with_glyphs(&[B, A]), &mut known, Some(&first));
        assert_eq!((second.cells[0], second.cells[1]), (Some(1), Some(0)));
        assert_eq!(edits, 3, "two cells are written and no dots");
    }

    #[test]
    fn a_new_glyph_gets_a_slot_that_is_not_seen() {
        let mut known = Contents::at_home();
        let (first, _) = shown(&with_glyphs(&[A]), &mut known, None);
        let (second, _) = shown(&with_glyphs(&[B]), &mut known, Some(&first));
        assert_eq!(second.cells[0], Some(1));
        assert_eq!(second.glyphs[..8], [None; 8]);
    }

    #[test]
    fn eight_new_glyphs_replace_eight_that_are_seen() {
        let all = |first: u8| -> Vec<Bitmap> { (first..first + 8).map(|dots| [dots; 8]).collect() };
        let mut known = Contents::at_home();
        let (first, _) = shown(&with_glyphs(&all(1)), &mut known, None);
        let (second, _) = shown(&with_glyphs(&all(11)), &mut known, Some(&first));
        assert!(second.glyphs.iter().all(Option::is_some));
    }
}

//! The frame buffer: the characters that a panel should show, and the same in a terminal.

/// The size of a panel in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

impl Size {
    /// The common small panel.
    pub const SMALL: Self = Self { columns: 16, rows: 2 };
    /// The common large panel.
    pub const LARGE: Self = Self { columns: 20, rows: 4 };
}

/// What a panel should show: exactly `rows` rows of `columns` characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    size: Size,
    cells: Vec<char>,
}

impl Frame {
    /// A blank frame.
    pub fn blank(size: Size) -> Self {
        Self { size, cells: vec![' '; size.columns * size.rows] }
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Writes a text from the left edge of a row; what does not fit is cut. Rows that the panel does not
    /// have are left out.
    pub fn write(&mut self, row: usize, text: &str) {
        for (column, character) in text.chars().take(self.size.columns).enumerate() {
            self.set(row, column, character);
        }
    }

    /// Writes a text that ends at the right edge of a row.
    pub fn write_right(&mut self, row: usize, text: &str) {
        let length = text.chars().count().min(self.size.columns);
        for (index, character) in text.chars().take(length).enumerate() {
            self.set(row, self.size.columns - length + index, character);
        }
    }

    /// The characters of a row.
    pub fn row(&self, row: usize) -> String {
        self.cells[row * self.size.columns..(row + 1) * self.size.columns].iter().collect()
    }

    /// The panel as a person sees it, drawn with a border; lines end in line feeds.
    pub fn to_terminal(&self) -> String {
        let edge = "─".repeat(self.size.columns + 2);
        let rows: String = (0..self.size.rows).map(|row| format!("│ {} │\n", self.row(row))).collect();
        format!("┌{edge}┐\n{rows}└{edge}┘\n")
    }

    fn set(&mut self, row: usize, column: usize, character: char) {
        if row < self.size.rows {
            self.cells[row * self.size.columns + column] = character;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_does_not_fit_is_cut_and_a_row_that_is_not_there_is_left_out() {
        let mut frame = Frame::blank(Size::SMALL);
        frame.write(0, "0123456789abcdefGHI");
        frame.write(1, "left");
        frame.write_right(1, "48.3°C");
        frame.write(2, "nowhere");
        assert_eq!(frame.row(0), "0123456789abcdef");
        assert_eq!(frame.row(1), "left      48.3°C");
    }

    #[test]
    fn a_frame_is_drawn_with_its_border() {
        let mut frame = Frame::blank(Size { columns: 3, rows: 1 });
        frame.write(0, "ok");
        assert_eq!(frame.to_terminal(), "┌─────┐\n│ ok  │\n└─────┘\n");
    }
}

//! Panels of dots: an OLED of 128 × 64 or 128 × 32 with the controller SSD1306 or SH1106.
//!
//! A [`Picture`] is what it should show. [`pages`] draws one of the facts that the character panel's pages have too,
//! with large figures, and with the [curve](curve::Curve) of the last ten minutes; [`display::OledDisplay`] brings it
//! onto the glass and keeps it there, [`model`] has a glass to try that on, [`crate::pixels`] and [`crate::png`] show it
//! without one.
//!
//! ```
//! use picollect_lcd::oled::pages::{Curves, draw};
//! use picollect_lcd::oled::OledSize;
//! use picollect_lcd::page::Page;
//! use picollect_lcd::pages::{Facts, NodeFacts};
//!
//! let node = NodeFacts { name: "pi-3".into(), temp_c: Some(61.2), ..NodeFacts::default() };
//! let facts = Facts { node, ..Facts::default() };
//! let picture = draw(Page::Node, &facts, &Curves::default(), &[], OledSize::Tall, 0);
//! assert!(picture.lit() > 500, "dots");
//! ```

mod alarm;
mod canvas;
mod chart;
mod commands;
pub mod curve;
pub mod display;
mod figures;
pub mod model;
pub mod pages;
mod trial;

pub use alarm::alarm;
pub use commands::{Controller, Light};
pub use trial::trial;

/// Dots in a row.
pub const WIDTH: usize = 128;
/// Rows of dots that the controller keeps in one byte for each column; it calls them a page.
pub const BAND_ROWS: usize = 8;
/// The most bands that a glass has.
pub const MAX_BANDS: usize = 8;

/// The two sizes of glass that pages are drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OledSize {
    /// 128 × 64 dots.
    Tall,
    /// 128 × 32 dots.
    Flat,
}

impl OledSize {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tall, Self::Flat];

    /// Rows of dots.
    pub fn height(self) -> usize {
        self.bands() * BAND_ROWS
    }

    /// Bands of eight rows.
    pub fn bands(self) -> usize {
        match self {
            Self::Tall => 8,
            Self::Flat => 4,
        }
    }

    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tall => "128x64",
            Self::Flat => "128x32",
        }
    }

    /// How many small letters fit: that is what templates are written for.
    pub fn letters(self) -> crate::Size {
        crate::Size { columns: 20, rows: self.bands() }
    }
}

/// What a glass should show: a byte for each column of each band, the uppermost dot in its lowest bit, as both
/// controllers have it in their memories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    size: OledSize,
    bands: [[u8; WIDTH]; MAX_BANDS],
    /// How bright, and whether what is lit and what is dark change places.
    pub light: Light,
}

impl Picture {
    /// A dark glass that is switched on.
    pub fn blank(size: OledSize) -> Self {
        Self { size, bands: [[0; WIDTH]; MAX_BANDS], light: Light::USUAL }
    }

    /// The glass that it is drawn for.
    pub fn size(&self) -> OledSize {
        self.size
    }

    /// The bytes of each band, from the top.
    pub fn bands(&self) -> &[[u8; WIDTH]] {
        &self.bands[..self.size.bands()]
    }

    /// Whether this dot is set; the light may show it dark. Outside there are none.
    pub fn is_set(&self, x: usize, y: usize) -> bool {
        let inside = x < WIDTH && y < self.size.height();
        inside && self.bands[y / BAND_ROWS][x] >> (y % BAND_ROWS) & 1 == 1
    }

    /// How many dots are set.
    pub fn lit(&self) -> u32 {
        self.bands.iter().flatten().map(|byte| byte.count_ones()).sum()
    }

    pub(crate) fn set(&mut self, x: usize, y: usize, on: bool) {
        if x >= WIDTH || y >= self.size.height() {
            return;
        }
        let (byte, bit) = (&mut self.bands[y / BAND_ROWS][x], 1 << (y % BAND_ROWS));
        *byte = if on { *byte | bit } else { *byte & !bit };
    }
}

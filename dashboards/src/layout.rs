//! Where panels stand: from left to right on Grafana's grid of 24 columns, a new line where one does not fit. On a phone
//! Grafana itself puts them below each other, in this order.
//!
//! Invariant: no two panels overlap, and none leaves the grid.

use crate::panel::Panel;

/// Columns of Grafana's grid.
pub(crate) const COLUMNS: u32 = 24;

/// A panel's place, in columns and rows of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GridPos {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) w: u32,
    pub(crate) h: u32,
}

/// The places of panels, in their order.
pub(crate) fn places(panels: &[&Panel]) -> Vec<GridPos> {
    let (mut x, mut y, mut tallest) = (0, 0, 0);
    let mut places = Vec::new();
    for panel in panels {
        let (w, h) = panel.size;
        if x + w > COLUMNS {
            (x, y, tallest) = (0, y + tallest, 0);
        }
        places.push(GridPos { x, y, w, h });
        x += w;
        tallest = tallest.max(h);
    }
    places
}

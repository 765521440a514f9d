//! Colours that people tell apart whatever their eyes: Okabe and Ito's (<https://jfly.uni-koeln.de/color/>). No colour
//! stands alone; every state has its text too.

pub(crate) const ORANGE: &str = "#E69F00";
pub(crate) const SKY: &str = "#56B4E9";
pub(crate) const GREEN: &str = "#009E73";
pub(crate) const YELLOW: &str = "#F0E442";
pub(crate) const BLUE: &str = "#0072B2";
pub(crate) const VERMILLION: &str = "#D55E00";
pub(crate) const PURPLE: &str = "#CC79A7";
/// Neither good nor bad: nothing is known.
pub(crate) const GREY: &str = "#999999";

/// Series that are told apart by their order.
pub(crate) const SERIES: [&str; 8] = [BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, YELLOW, GREY];

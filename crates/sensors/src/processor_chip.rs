//! The processor's own thermometer where it is a monitor chip and no thermal zone: AMD's, and Intel's on kernels
//! without `x86_pkg_temp`.
//!
//! Reads `temp1_input` of the chips `coretemp` (the package), `k10temp` (Tctl) and `zenpower` (Tdie), in
//! thousandths of a degree (<https://docs.kernel.org/hwmon/k10temp.html> and its neighbours). Where a thermal zone is the
//! processor's these would say the same again.

use picollect_board::attr::{Attr, Root};
use picollect_board::hwmon;

const CHIPS: [&str; 3] = ["coretemp", "k10temp", "zenpower"];

/// Each chip's name in series and its file.
pub(super) fn discover(root: &Root) -> Vec<(String, Attr)> {
    let chips = hwmon::chips(root).into_iter().filter(|chip| CHIPS.contains(&chip.name.as_str()));
    chips.map(|chip| (chip.key, root.attr(format!("{}/temp1_input", chip.directory)))).collect()
}

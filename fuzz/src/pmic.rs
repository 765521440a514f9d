//! Whatever the firmware prints for `pmic_read_adc`, the sum is a power or an error.

use crate::text_of;
use picollect_metering::pmic::rails_w;

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let text = text_of(input);
    if let Ok(watts) = rails_w(text) {
        assert!(watts.is_finite() && watts >= 0.0, "{watts}");
        assert!(text.contains("VDD_CORE_A") && text.contains("VDD_CORE_V"), "the processor's rail counts");
    }
}

//! Whatever the firmware prints for `pmic_read_adc`, the sum is a power or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use picollect_metering::pmic::rails_w;

fuzz_target!(|text: &str| {
    if let Ok(watts) = rails_w(text) {
        assert!(watts.is_finite() && watts >= 0.0, "{watts}");
        assert!(text.contains("VDD_CORE_A") && text.contains("VDD_CORE_V"), "the processor's rail counts");
    }
});

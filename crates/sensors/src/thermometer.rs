//! What a thermometer measures, by what the kernel calls it: which of several has *the* temperature of a node.

/// The least telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thermometer {
    /// Something beside the processor, or a constant of the firmware's tables (`acpitz`).
    Elsewhere,
    /// Neither the kernel nor the configuration says what it measures.
    Unknown,
    /// The processor, by the kernel's type or label.
    Processor,
}

/// Types of thermal zones, and beginnings of them, that are the processor's: Raspberry Pi and other Arm boards,
/// Intel, Nvidia, Rockchip (`bigcore0-thermal`), Qualcomm (`cpu-0-0-thermal`).
const PROCESSORS: [&str; 7] =
    ["cpu", "soc-thermal", "soc_thermal", "x86_pkg_temp", "tcpu", "bigcore", "littlecore"];
/// Types that are something else.
const OTHERS: [&str; 12] =
    ["acpitz", "iwlwifi", "wifi", "wlan", "nvme", "bat", "gpu", "npu", "pch", "pmic", "ambient", "ddr"];

impl Thermometer {
    /// Of a thermal zone of this `type`.
    pub(crate) fn of_zone(kind: Option<&str>) -> Self {
        let kind = kind.unwrap_or_default().to_lowercase();
        let is_one_of = |words: &[&str]| words.iter().any(|word| kind.starts_with(word));
        if is_one_of(&PROCESSORS) {
            Self::Processor
        } else if is_one_of(&OTHERS) {
            Self::Elsewhere
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_by_the_names_that_boards_give_them() {
        for kind in [
            "cpu-thermal",
            "cpu_thermal",
            "CPU-therm",
            "soc-thermal",
            "x86_pkg_temp",
            "bigcore0-thermal",
            "littlecore-thermal",
            "cpu-0-1-thermal",
        ] {
            assert_eq!(Thermometer::of_zone(Some(kind)), Thermometer::Processor, "{kind}");
        }
        for kind in ["acpitz", "iwlwifi_1", "BAT0", "gpu-thermal", "nvme", "pch_skylake"] {
            assert_eq!(Thermometer::of_zone(Some(kind)), Thermometer::Elsewhere, "{kind}");
        }
        assert_eq!(Thermometer::of_zone(None), Thermometer::Unknown);
        assert_eq!(Thermometer::of_zone(Some("center-thermal")), Thermometer::Unknown);
    }
}

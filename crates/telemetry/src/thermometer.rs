//! What a thermometer measures, by what the kernel calls it: which of several has *the* temperature of a node. Agent and
//! collector ask the same table, the one when it reads the zone and the other when it finds its series.
//!
//! ```
//! use picollect_telemetry::thermometer::Thermometer;
//!
//! assert_eq!(Thermometer::of_zone("cpu-thermal"), Thermometer::Processor);
//! assert_eq!(Thermometer::of_zone("acpitz"), Thermometer::Elsewhere);
//! ```

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

/// The zone that an agent calls what a Pi's firmware reads in the processor.
pub const FIRMWARE: &str = "firmware";
/// The zone that an agent calls the air around the node.
pub const AMBIENT: &str = "ambient";

/// Types of thermal zones, and beginnings of them, that are the processor's: Raspberry Pi and other Arm boards,
/// Rockchip (`bigcore0-thermal`), Qualcomm (`cpu-0-0-thermal`), Nvidia, Broadcom's drivers by their own names.
const ARM_PROCESSORS: [&str; 6] =
    ["cpu", "soc-thermal", "soc_thermal", "bigcore", "littlecore", "bcm2835_thermal"];
/// The same of PCs: Intel's zones, and the monitor chips of Intel and AMD.
const PC_PROCESSORS: [&str; 5] = ["x86_pkg_temp", "tcpu", "coretemp", "k10temp", "zenpower"];
/// Types that are something else.
const OTHERS: [&str; 12] =
    ["acpitz", "iwlwifi", "wifi", "wlan", "nvme", "bat", "gpu", "npu", "pch", "pmic", AMBIENT, "ddr"];

impl Thermometer {
    /// Of a thermal zone of this `type`, or of a series that is called so.
    pub fn of_zone(kind: &str) -> Self {
        if is_one_of(kind, &ARM_PROCESSORS) || is_one_of(kind, &PC_PROCESSORS) || kind == FIRMWARE {
            Self::Processor
        } else if is_one_of(kind, &OTHERS) {
            Self::Elsewhere
        } else {
            Self::Unknown
        }
    }
}

/// Whether it is a thermometer in a PC's processor: there the first zone is mostly something else.
pub fn is_of_a_pc(zone: &str) -> bool {
    is_one_of(zone, &PC_PROCESSORS)
}

/// A regular expression, not anchored, for the beginnings of zones that are not the processor's: what a query leaves out
/// that cannot ask [`Thermometer::of_zone`]. Small and capital letters, without flags, which not every engine knows.
pub fn elsewhere_pattern() -> String {
    let both = OTHERS.iter().flat_map(|word| [(*word).to_owned(), word.to_uppercase()]);
    format!("({})", both.collect::<Vec<_>>().join("|"))
}

fn is_one_of(kind: &str, words: &[&str]) -> bool {
    let kind = kind.to_lowercase();
    words.iter().any(|word| kind.starts_with(word))
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
            "k10temp",
            FIRMWARE,
        ] {
            assert_eq!(Thermometer::of_zone(kind), Thermometer::Processor, "{kind}");
        }
        for kind in ["acpitz", "iwlwifi_1", "BAT0", "gpu-thermal", "nvme", "pch_skylake", AMBIENT] {
            assert_eq!(Thermometer::of_zone(kind), Thermometer::Elsewhere, "{kind}");
        }
        for kind in ["", "center-thermal", "thermal_zone0"] {
            assert_eq!(Thermometer::of_zone(kind), Thermometer::Unknown, "{kind}");
        }
        assert!(elsewhere_pattern().starts_with("(acpitz|ACPITZ|iwlwifi|"));
        assert!(is_of_a_pc("coretemp-coretemp.0") && !is_of_a_pc("cpu-thermal"));
    }
}

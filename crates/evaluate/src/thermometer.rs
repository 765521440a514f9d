//! Which of several thermometers have *the* temperature of a node: its processor's, by the names of the zones.
//!
//! Every view asks here, so that a node has one temperature. What measures the air around a node never is it; what
//! measures Wi-Fi, disk or a constant of the firmware's tables (`acpitz`) is it only where there is nothing better.
//! Where several are in the processor (a core each, or the kernel's and the firmware's), the hottest counts.
//!
//! Agents once numbered their zones (`thermal_zone0`) and now name them by what the kernel says that they are. The old
//! name is followed: on every board but PCs the first zone is the processor's.

use picollect_telemetry::thermometer::{AMBIENT, Thermometer, is_of_a_pc};

/// The first zone by its number, as agents once named it.
const FIRST_ZONE: &str = "thermal_zone0";

/// The thermometers of a node that count, as indices of the names that were asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The processor's, of which the hottest counts at each moment; else the one that is left. Empty where none can be it.
    pub zones: Vec<usize>,
    /// What the same was called before; it counts at times before the first sample of the others.
    pub old_name: Option<usize>,
}

/// Chooses among zones by their names; a foreign agent's zone has an empty name or one of its own. Of names that say
/// nothing it is the first in order, so that the choice stays.
///
/// ```
/// use picollect_evaluate::thermometer::processor_zones;
///
/// assert_eq!(processor_zones(&["ambient", "cpu-thermal"]).zones, [1]);
/// assert!(processor_zones(&["ambient"]).zones.is_empty());
/// ```
pub fn processor_zones(zones: &[&str]) -> Chosen {
    let ranked = || zones.iter().enumerate().filter_map(|(index, zone)| Some((rank(zone)?, *zone, index)));
    let Some((best, _, first)) = ranked().min() else { return Chosen::default() };
    if best != PROCESSOR {
        return Chosen { zones: vec![first], old_name: None };
    }
    let processors: Vec<usize> =
        ranked().filter(|(rank, ..)| *rank == PROCESSOR).map(|(.., index)| index).collect();
    let pc = processors.iter().any(|index| is_of_a_pc(zones[*index]));
    let old_name = zones.iter().position(|zone| *zone == FIRST_ZONE).filter(|_| !pc);
    Chosen { zones: processors, old_name }
}

const PROCESSOR: u8 = 0;

/// The less, the more a name says that it is the processor's.
fn rank(zone: &str) -> Option<u8> {
    match Thermometer::of_zone(zone) {
        Thermometer::Processor => Some(PROCESSOR),
        Thermometer::Unknown if zone == FIRST_ZONE => Some(1),
        Thermometer::Unknown => Some(2),
        Thermometer::Elsewhere => (zone != AMBIENT).then_some(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processors_zones_are_found_by_name_whatever_the_order() {
        for (zones, want) in [
            (&["thermal_zone1", "thermal_zone0"][..], &[1][..]),
            (&["ambient", "firmware", "cpu-thermal"], &[1, 2]),
            (&["acpitz", "iwlwifi_1", "x86_pkg_temp"], &[2]),
            (&["thermal_zone0", "k10temp"], &[1]),
            (&["bigcore0-thermal", "center-thermal", "littlecore-thermal"], &[0, 2]),
            (&["thermal_zone2", "thermal_zone1"], &[1]),
            (&["acpitz", "center-thermal"], &[1]),
            (&["acpitz"], &[0]),
            (&[""], &[0]),
            (&["ambient"], &[]),
            (&[], &[]),
        ] {
            assert_eq!(processor_zones(zones).zones, want, "{zones:?}");
        }
    }

    #[test]
    fn the_old_name_of_a_zone_is_followed_but_not_to_a_pcs_first_zone() {
        assert_eq!(processor_zones(&["cpu-thermal", "thermal_zone0"]).old_name, Some(1));
        assert_eq!(processor_zones(&["thermal_zone0", "firmware"]).old_name, Some(0));
        for zones in
            [&["thermal_zone0", "x86_pkg_temp"][..], &["thermal_zone0", "k10temp"], &["thermal_zone0"]]
        {
            assert_eq!(processor_zones(zones).old_name, None, "{zones:?}");
        }
    }
}

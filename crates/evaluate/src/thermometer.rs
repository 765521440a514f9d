//! Which of several thermometers has *the* temperature of a node: its processor's, by the name of the thermal zone.
//!
//! Every view asks here, so that a node has one temperature. What measures the air around a node never is it.

/// Zones of a PC's processor, which the agent names after the kernel's driver.
const PC_PROCESSORS: [&str; 3] = ["coretemp", "k10temp", "zenpower"];
/// What the firmware of a Pi reads in the processor.
const FIRMWARE: &str = "firmware";
/// The first zone, which is the processor's on nearly every board.
const FIRST_ZONE: &str = "thermal_zone0";
/// The air around the node.
const AMBIENT: &str = "ambient";

/// The index of the processor's zone among these names; a foreign agent's zone has an empty name or one of its own. Of
/// names that say equally much it is the first in order, so that the choice stays. `None` where none can be it.
///
/// ```
/// use picollect_evaluate::thermometer::processor_zone;
///
/// assert_eq!(processor_zone(&["ambient", "thermal_zone0"]), Some(1));
/// assert_eq!(processor_zone(&["ambient"]), None);
/// ```
pub fn processor_zone(zones: &[&str]) -> Option<usize> {
    let known = zones.iter().enumerate().filter_map(|(index, zone)| Some((rank(zone)?, *zone, index)));
    known.min().map(|(.., index)| index)
}

/// The less, the more a name says that it is the processor's.
fn rank(zone: &str) -> Option<u8> {
    match zone {
        AMBIENT => None,
        _ if PC_PROCESSORS.iter().any(|name| zone.starts_with(name)) => Some(0),
        FIRMWARE => Some(1),
        FIRST_ZONE => Some(2),
        _ => Some(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processors_zone_is_found_by_name_whatever_the_order() {
        for (zones, want) in [
            (&["thermal_zone1", "thermal_zone0"][..], Some(1)),
            (&["ambient", "firmware", "thermal_zone0"], Some(1)),
            (&["thermal_zone0", "thermal_zone3", "coretemp"], Some(2)),
            (&["thermal_zone0", "k10temp"], Some(1)),
            (&["thermal_zone2", "thermal_zone1"], Some(1)),
            (&[""], Some(0)),
            (&["ambient"], None),
            (&[], None),
        ] {
            assert_eq!(processor_zone(zones), want, "{zones:?}");
        }
    }
}

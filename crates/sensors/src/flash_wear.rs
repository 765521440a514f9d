//! How far a card or chip of flash is used up, by its own estimate.
//!
//! Reads `sys/block/mmcblk*/device/life_time`, two numbers for the two kinds of cells, and `pre_eol_info`
//! (<https://docs.kernel.org/driver-api/mmc/mmc-dev-attrs.html>; values as in JEDEC's eMMC 5.1, registers 267 to 269).
//! A life time of n means that at most n tenths of the rated writes are used, 11 that all of them are and more. An eMMC
//! tells; SD cards mostly do not, and have no such file.
//!
//! Invariant: 0, which the standard calls not defined, is no value.

use picollect_telemetry::NoData;
use picollect_telemetry::catalogue::{FLASH_LIFE, FLASH_PRE_EOL};

use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

const CLASS: &str = "sys/block";

pub(super) struct FlashWear(Vec<Flash>);

struct Flash {
    disk: String,
    life_time: Attr,
    pre_eol_info: Attr,
}

impl FlashWear {
    pub(super) fn discover(root: &Root) -> Self {
        let disks = root.names(CLASS, "mmcblk").into_iter();
        let tells = |disk: &String| root.text(&format!("{CLASS}/{disk}/device/life_time")).is_some();
        let flash = |disk: String| {
            let attr = |name: &str| root.attr(format!("{CLASS}/{disk}/device/{name}"));
            Flash { life_time: attr("life_time"), pre_eol_info: attr("pre_eol_info"), disk }
        };
        Self(disks.filter(tells).map(flash).collect())
    }
}

impl Sensor for FlashWear {
    fn name(&self) -> &'static str {
        "flash wear"
    }

    fn remedy(&self) -> &'static str {
        "no eMMC: an SD card does not tell how worn it is"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        for Flash { disk, life_time, pre_eol_info } in &mut self.0 {
            let tags = [("disk", disk.as_str())];
            match life_time.parse("two life times in hexadecimal", tenths) {
                Ok(0) => {}
                Ok(tenths) => tick.point(&tags, &[(&FLASH_LIFE, (f64::from(tenths) / 10.0).into())]),
                Err(error) => tick.no_data(&tags, &FLASH_LIFE, error.no_data()),
            }
            match pre_eol_info.parse("a state of the reserved blocks", hexadecimal) {
                Ok(0) => {}
                Ok(state) => tick.point(&tags, &[(&FLASH_PRE_EOL, i64::from(state).into())]),
                Err(error) if error.no_data() == NoData::Absent => {}
                Err(error) => tick.no_data(&tags, &FLASH_PRE_EOL, error.no_data()),
            }
        }
    }
}

/// The greater of the two life times; 0 if neither is defined.
fn tenths(text: &str) -> Option<u8> {
    let mut words = text.split_ascii_whitespace();
    let worst = hexadecimal(words.next()?)?.max(hexadecimal(words.next()?)?);
    (words.next().is_none() && worst <= 11).then_some(worst)
}

fn hexadecimal(text: &str) -> Option<u8> {
    let digits = text.trim().strip_prefix("0x")?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::{tree, write};

    const LIFE: &str = "sys/block/mmcblk0/device/life_time";
    const RESERVE: &str = "sys/block/mmcblk0/device/pre_eol_info";

    #[test]
    fn the_more_worn_of_both_kinds_of_cells_counts() {
        let (dir, root) = tree(&[(LIFE, "0x02 0x03\n"), (RESERVE, "0x01\n")]);
        let mut wear = FlashWear::discover(&root);
        let said = ["flash,disk=mmcblk0 life_used_ratio=0.3", "flash,disk=mmcblk0 pre_eol=1i"];
        assert_eq!(lines(&mut wear), said);
        write(dir.path(), LIFE, "0x0b 0x00\n");
        write(dir.path(), RESERVE, "0x03\n");
        let said = ["flash,disk=mmcblk0 life_used_ratio=1.1", "flash,disk=mmcblk0 pre_eol=3i"];
        assert_eq!(lines(&mut wear), said, "beyond what it was made for");
    }

    #[test]
    fn what_is_not_defined_says_nothing_and_what_cannot_be_is_garbled() {
        let (dir, root) = tree(&[(LIFE, "0x00 0x00\n")]);
        let mut wear = FlashWear::discover(&root);
        assert!(lines(&mut wear).is_empty());
        for garbled in ["0x0c 0x01\n", "0x01\n", "1 2\n", "0x01 0x02 0x03\n", ""] {
            write(dir.path(), LIFE, garbled);
            assert_eq!(lines(&mut wear), ["flash,disk=mmcblk0 no_data=3i"], "{garbled:?}");
        }
    }

    #[test]
    fn an_sd_card_that_does_not_tell_is_left_alone() {
        let (_dir, root) =
            tree(&[("sys/block/mmcblk0/device/name", "SC32G\n"), ("sys/block/sda/size", "1\n")]);
        assert!(lines(&mut FlashWear::discover(&root)).is_empty());
    }
}

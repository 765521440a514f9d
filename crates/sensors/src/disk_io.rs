//! What each disk has read and written, and for how long it was busy.
//!
//! Reads `proc/diskstats`: major, minor, name, then counters since boot
//! (<https://docs.kernel.org/admin-guide/iostats.html>). A sector there has 512 bytes, whatever the
//! disk's own. Only whole disks count: partitions, RAID sets and mapped devices would count the same
//! bytes again, and loop and RAM disks move none.

use picollect_telemetry::NoData;
use picollect_telemetry::catalogue::{
    DISK_BUSY, DISK_READ_BYTES, DISK_READS, DISK_WRITES, DISK_WRITTEN_BYTES,
};

use crate::left_out::LeftOut;
use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};

/// A node has a card and a disk or two; more than this is a storage server.
const MAX_DISKS: usize = 16;
/// Columns after the name that are looked at.
const COLUMNS: usize = 10;

pub(super) struct DiskIo {
    diskstats: Attr,
    left_out: LeftOut,
}

impl DiskIo {
    pub(super) fn new(root: &Root) -> Self {
        Self { diskstats: root.attr("proc/diskstats"), left_out: LeftOut::new("disk") }
    }
}

impl Sensor for DiskIo {
    fn name(&self) -> &'static str {
        "disk traffic"
    }

    fn remedy(&self) -> &'static str {
        "mount proc"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let text = match self.diskstats.read() {
            Ok(text) => text,
            Err(error) => return tick.no_data(&[("disk", "all")], &DISK_READ_BYTES, error.no_data()),
        };
        let disks = || text.lines().filter_map(name_and_columns).filter(|(name, _)| is_whole_disk(name));
        for (name, columns) in disks().take(MAX_DISKS) {
            let tags = [("disk", name)];
            let Some([reads, _, read_sectors, _, writes, _, written_sectors, _, _, busy_ms]) = parse(columns)
            else {
                tick.no_data(&tags, &DISK_READ_BYTES, NoData::Garbled);
                continue;
            };
            tick.point(
                &tags,
                &[
                    (&DISK_READ_BYTES, read_sectors.saturating_mul(512).into()),
                    (&DISK_WRITTEN_BYTES, written_sectors.saturating_mul(512).into()),
                    (&DISK_READS, reads.into()),
                    (&DISK_WRITES, writes.into()),
                    (&DISK_BUSY, (busy_ms as f64 / 1000.0).into()),
                ],
            );
        }
        self.left_out.say(disks().count().saturating_sub(MAX_DISKS), tick);
    }
}

fn name_and_columns(line: &str) -> Option<(&str, std::str::SplitAsciiWhitespace<'_>)> {
    let mut words = line.split_ascii_whitespace();
    Some((words.nth(2)?, words))
}

fn parse(mut words: std::str::SplitAsciiWhitespace<'_>) -> Option<[i64; COLUMNS]> {
    let mut columns = [0; COLUMNS];
    for column in &mut columns {
        *column = words.next()?.parse().ok()?;
    }
    Some(columns)
}

/// Disks by the kernel's naming: `sda`, `vda` and the like end in letters, `mmcblk0` and `nvme0n1` in a
/// number; what follows that is a partition, or a hidden area of a card (`mmcblk0boot0`).
fn is_whole_disk(name: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let letters = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    if let Some(card) = name.strip_prefix("mmcblk") {
        return number(card);
    }
    if let Some(drive) = name.strip_prefix("nvme") {
        let parts = drive.split_once('n');
        return parts.is_some_and(|(controller, namespace)| number(controller) && number(namespace));
    }
    ["sd", "vd", "hd", "xvd"].iter().any(|kind| name.strip_prefix(kind).is_some_and(letters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::{tree, write};

    #[test]
    fn whole_disks_and_nothing_that_counts_their_bytes_again() {
        for disk in ["mmcblk0", "mmcblk10", "sda", "sdaa", "vdb", "xvda", "nvme0n1", "nvme12n3"] {
            assert!(is_whole_disk(disk), "{disk}");
        }
        let others =
            "mmcblk0p1 mmcblk0boot0 mmcblk sda1 sd nvme0n1p2 nvme0 nvme0c0n1 loop0 ram0 zram0 dm-0 md0 sr0";
        for other in others.split(' ') {
            assert!(!is_whole_disk(other), "{other}");
        }
    }

    #[test]
    fn bytes_operations_and_busy_time_of_each_disk() {
        let (dir, root) = tree(&[(
            "proc/diskstats",
            "   1       0 ram0 0 0 0 0 0 0 0 0 0 0 0\n \
             179       0 mmcblk0 100 5 2048 30 50 6 1024 70 0 1250 100 0 0 0 0\n \
             179       1 mmcblk0p1 90 5 2000 30 50 6 1024 70 0 1250 100\n   8       0 sda 1 2 3\n",
        )]);
        let mut sensor = DiskIo::new(&root);
        assert_eq!(
            lines(&mut sensor),
            [
                "disk,disk=mmcblk0 read_bytes=1048576i,written_bytes=524288i,reads=100i,writes=50i,busy_s=1.25",
                "disk,disk=sda no_data=3i",
            ]
        );
        write(dir.path(), "proc/diskstats", "");
        assert!(lines(&mut sensor).is_empty(), "a node that boots from the network has no disk");
    }

    #[test]
    fn more_disks_than_the_bound_are_counted() {
        let disks: String =
            ('a'..='r').map(|letter| format!("8 0 sd{letter} 0 0 0 0 0 0 0 0 0 0 0\n")).collect();
        let (_dir, root) = tree(&[("proc/diskstats", &disks)]);
        let said = lines(&mut DiskIo::new(&root));
        assert_eq!(said.last().map(String::as_str), Some("left_out,kind=disk count=2i"));
        assert_eq!(said.len(), MAX_DISKS + 1);
    }

    #[test]
    fn absence_is_said() {
        let (_dir, root) = tree(&[]);
        assert_eq!(lines(&mut DiskIo::new(&root)), ["disk,disk=all no_data=1i"]);
    }
}

//! Which board this is: model, serial and host name.
//!
//! Reads the device tree (`proc/device-tree/model`, `serial-number`). Containers hide it: a Pi then says
//! both in `proc/cpuinfo` (`Model`, `Serial`, Raspberry Pi's kernel) or by its firmware's mailbox. Other
//! machines have the table of their firmware (`sys/class/dmi/id/product_name`) and `etc/machine-id`.
//!
//! A Pi has one name, whoever says it: that of its revision code (`proc/cpuinfo`), else what the device tree
//! says in the spelling of Raspberry Pi's own (`Model B Plus`, upstream `Model B+`).
//!
//! Invariant: what a vendor gives to every board is no serial number.

use crate::attr::Root;
use crate::mailbox::{self, Mailbox, Vcio};
use crate::revision_code;

/// What identifies a node beside its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// The kernel's host name; `unnamed` if there is none.
    pub host_name: String,
    /// The board's model; empty if unknown.
    pub model: String,
    /// The board's serial number, or a digest of the machine-id, which itself is to stay on the machine
    /// (machine-id(5)); empty if unknown.
    pub serial: String,
    /// Whether the processor is an x86.
    pub x86: bool,
}

impl Board {
    /// Reads what there is; nothing here is fatal.
    pub fn read(root: &Root) -> Self {
        Self::read_asking(root, &mut Vcio::new(root))
    }

    /// Asks the mailbox only for what no file says.
    fn read_asking(root: &Root, mailbox: &mut dyn Mailbox) -> Self {
        let tree = |name: &str| root.text(&format!("proc/device-tree/{name}"));
        let processor = root.text("proc/cpuinfo").unwrap_or_default();
        let dmi = || root.text("sys/class/dmi/id/product_name");
        let machine_id = || root.text("etc/machine-id").map(|id| digest(&id));
        let model = tree("model").or_else(|| of_processor(&processor, "Model"));
        let model = by_revision(model.as_deref(), &processor)
            .or_else(|| model.map(|name| spelled_alike(&name)))
            .or_else(|| revision_code::model(mailbox::board_revision(mailbox).ok()?))
            .or_else(dmi);
        let own = |serial: &String| is_own(serial);
        let serial = tree("serial-number")
            .filter(own)
            .or_else(|| of_processor(&processor, "Serial").filter(own))
            .or_else(|| {
                mailbox::board_serial(mailbox).ok().map(|serial| format!("{serial:016x}")).filter(own)
            })
            .or_else(machine_id);
        Self {
            host_name: root.text("proc/sys/kernel/hostname").unwrap_or_else(|| "unnamed".into()),
            model: model.unwrap_or_default(),
            serial: serial.unwrap_or_default(),
            x86: processor.lines().any(|line| line.starts_with("vendor_id")),
        }
    }

    /// Whether the board would notice that its supply voltage is too low. The Zeros, the Compute Modules
    /// and the first Models A and B have no circuit for it
    /// (<https://github.com/raspberrypi/linux/issues/2367>, and "Power supply warnings" in Raspberry
    /// Pi's documentation): there a clear flag means nothing. Of an unknown board nothing is claimed.
    pub fn sees_under_voltage(&self) -> bool {
        let Some(name) = self.model.strip_prefix("Raspberry Pi ") else { return false };
        let plus = name.contains("Plus");
        let blind = ["Zero", "Compute Module", "Model A", "Model B"];
        !blind.iter().any(|kind| name.starts_with(kind) && !(kind.starts_with("Model") && plus))
    }
}

/// How many cores the kernel lists as online in `proc/stat`; at least one.
pub fn cores(root: &Root) -> usize {
    let stat = root.text("proc/stat").unwrap_or_default();
    let numbered = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    stat.lines().filter(numbered).count().max(1)
}

/// The model that the revision code stands for. Boards of other makers have numbers in its place, which mean
/// something else: it counts only where the board is a Pi by name, or has no name and a Pi's processor.
fn by_revision(model: Option<&str>, processor: &str) -> Option<String> {
    let is_pi = match model {
        Some(model) => model.starts_with("Raspberry Pi"),
        None => of_processor(processor, "Hardware").is_some_and(|hardware| hardware.starts_with("BCM2")),
    };
    let code = of_processor(processor, "Revision").filter(|_| is_pi)?;
    revision_code::model(u32::from_str_radix(&code, 16).ok()?)
}

/// Upstream device trees write `3 Model B+` where Raspberry Pi's own write `3 Model B Plus`.
fn spelled_alike(model: &str) -> String {
    if model.starts_with("Raspberry Pi") { model.replace('+', " Plus") } else { model.to_owned() }
}

/// Serial numbers that many boards have: placeholders of firmwares, and one that every PX30 was given
/// (<https://github.com/JeffyCN/meta-rockchip/issues/72>).
const EVERYBODYS: [&str; 9] = [
    "0123456789",
    "0123456789abcdef",
    "123456789",
    "1234567890",
    "c3d9b8674f4b94f6",
    "default string",
    "none",
    "system serial number",
    "to be filled by o.e.m.",
];

/// Whether it is the board's own. A number of one digit repeated is none either.
fn is_own(serial: &str) -> bool {
    let lower = serial.trim().to_lowercase();
    let repeated = lower.chars().skip(1).all(|letter| lower.starts_with(letter));
    !repeated && !EVERYBODYS.contains(&lower.as_str())
}

/// A line `Key : value` of `proc/cpuinfo`.
fn of_processor(text: &str, key: &str) -> Option<String> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'))?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// FNV-1a, 64 bits: the same on every machine and in every version, and not to be undone.
pub fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::tree;
    use crate::mailbox::double::{Failure, FakeFirmware};

    #[test]
    fn a_pi_says_its_model_and_serial_in_the_device_tree() {
        let (_dir, root) = tree(&[
            ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
            ("proc/device-tree/serial-number", "10000000abcdef01\0"),
            ("proc/sys/kernel/hostname", "raspberrypi\n"),
        ]);
        let board = Board::read(&root);
        assert_eq!(board.model, "Raspberry Pi 4 Model B Rev 1.4");
        assert_eq!((board.serial.as_str(), board.x86), ("10000000abcdef01", false));
    }

    #[test]
    fn another_machine_is_known_by_a_digest_and_an_unknown_one_has_a_name_all_the_same() {
        let (_dir, root) =
            tree(&[("etc/machine-id", "a\n"), ("proc/cpuinfo", "vendor_id\t: AuthenticAMD\n")]);
        let board = Board::read(&root);
        // The published test vector of FNV-1a for "a".
        assert_eq!(board.serial, "af63dc4c8601ec8c");
        assert!(board.x86);
        assert_eq!(board.host_name, "unnamed");
    }

    #[test]
    fn a_container_without_the_device_tree_knows_its_board_by_the_kernel_or_the_firmware() {
        let cpuinfo = "processor\t: 0\nRevision\t: c03114\nSerial\t\t: 10000000abcdef01\n\
                       Model\t\t: Raspberry Pi 4 Model B Rev 1.4\n";
        let (_dir, root) = tree(&[("proc/cpuinfo", cpuinfo), ("etc/machine-id", "the container's\n")]);
        let mut firmware = FakeFirmware::pi4();
        let board = Board::read_asking(&root, &mut firmware);
        assert_eq!(board.model, "Raspberry Pi 4 Model B Rev 1.4");
        assert_eq!(board.serial, "10000000abcdef01");
        assert_eq!(firmware.get(|state| state.calls), 0, "nobody asks for what a file says");

        let (_dir, root) = tree(&[("proc/cpuinfo", "processor\t: 0\nSerial : 0000000000000000\n")]);
        let board = Board::read_asking(&root, &mut firmware);
        assert_eq!(board.model, "Raspberry Pi 4 Model B Rev 1.4");
        assert_eq!(board.serial, "10000000c0ffee42");

        firmware.set(|state| state.failure = Some(Failure::Errno(13)));
        let board = Board::read_asking(&root, &mut firmware);
        assert_eq!((board.model.as_str(), board.serial.as_str()), ("", ""));
    }

    #[test]
    fn both_spellings_of_a_3_b_plus_are_the_same_board_and_the_revision_code_comes_first() {
        let model = |files: &[(&str, &str)]| Board::read(&tree(files).1).model;
        let upstream = ("proc/device-tree/model", "Raspberry Pi 3 Model B+\0");
        let cpuinfo = ("proc/cpuinfo", "Hardware : BCM2835\nRevision : a020d3\n");
        assert_eq!(model(&[upstream]), "Raspberry Pi 3 Model B Plus");
        assert_eq!(model(&[upstream, cpuinfo]), "Raspberry Pi 3 Model B Plus Rev 1.3");
        assert_eq!(model(&[cpuinfo]), "Raspberry Pi 3 Model B Plus Rev 1.3");
        // On a board of another maker the number means something else.
        let other = ("proc/cpuinfo", "Hardware : SAMSUNG EXYNOS\nRevision : 0010\n");
        assert_eq!(model(&[other]), "");
        assert_eq!(
            model(&[("proc/device-tree/model", "Hardkernel ODROID-XU4+\0"), other]),
            "Hardkernel ODROID-XU4+"
        );
        let unknown = ("proc/cpuinfo", "Hardware : BCM2835\nRevision : c0ffff\n");
        assert_eq!(
            model(&[("proc/device-tree/model", "Raspberry Pi 9 Rev 1.0\0"), unknown]),
            "Raspberry Pi 9 Rev 1.0"
        );
        let sees =
            |model: &str| Board::read(&tree(&[("proc/device-tree/model", model)]).1).sees_under_voltage();
        assert!(
            sees("Raspberry Pi Model B+") && sees("Raspberry Pi Model A+") && !sees("Raspberry Pi Model B")
        );
    }

    #[test]
    fn a_serial_that_every_board_has_is_none() {
        let serial = |files: &[(&str, &str)]| Board::read(&tree(files).1).serial;
        let own = ("proc/cpuinfo", "Serial : 5e1f0b3c8d2a4417\n");
        for common in [
            "0000000000000000",
            "ffffffff",
            "0",
            "c3d9b8674f4b94f6",
            "To be filled by O.E.M.",
            "Default string",
        ] {
            let tree = ("proc/device-tree/serial-number", common);
            assert_eq!(serial(&[tree]), "", "{common}");
            assert_eq!(serial(&[tree, own]), "5e1f0b3c8d2a4417", "{common}");
            let machine = serial(&[tree, ("etc/machine-id", "a\n")]);
            assert_eq!(machine, "af63dc4c8601ec8c", "the machine-id, as a digest");
        }
    }

    #[test]
    fn the_cores_are_the_boards_and_not_those_of_the_machine_that_reads_it() {
        let (_dir, root) = tree(&[("proc/stat", "cpu  2 0 0 0\ncpu0 1 0 0 0\ncpu1 1 0 0 0\nintr 5\n")]);
        assert_eq!(cores(&root), 2);
        let (_dir, empty) = tree(&[]);
        assert_eq!(cores(&empty), 1);
    }

    #[test]
    fn boards_that_cannot_see_a_low_voltage() {
        let sees = |model: &str| {
            let board =
                Board { host_name: String::new(), model: model.into(), serial: String::new(), x86: false };
            board.sees_under_voltage()
        };
        for model in
            ["Model A Plus Rev 1.1", "Model B Plus Rev 1.2", "2 Model B Rev 1.1", "3 Model A Plus Rev 1.0"]
        {
            assert!(sees(&format!("Raspberry Pi {model}")), "{model}");
        }
        for model in
            ["3 Model B Plus Rev 1.3", "4 Model B Rev 1.4", "400 Rev 1.0", "5 Model B Rev 1.0", "500 Rev 1.0"]
        {
            assert!(sees(&format!("Raspberry Pi {model}")), "{model}");
        }
        for model in ["Model A Rev 2", "Model B Rev 2", "Zero Rev 1.3", "Zero W Rev 1.1", "Zero 2 W Rev 1.0"]
        {
            assert!(!sees(&format!("Raspberry Pi {model}")), "{model}");
        }
        for model in ["Compute Module Rev 1.0", "Compute Module 3 Plus Rev 1.0", "Compute Module 4 Rev 1.0"] {
            assert!(!sees(&format!("Raspberry Pi {model}")), "{model}");
        }
        assert!(!sees("") && !sees("KVM"));
    }
}

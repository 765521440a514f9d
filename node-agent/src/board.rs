//! Which board this is: model, serial and host name.
//!
//! Reads the device tree (`proc/device-tree/model`, `serial-number`), on other machines the firmware's
//! table (`sys/class/dmi/id/product_name`) and `etc/machine-id`.

use crate::attr::Root;

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
        let tree = |name: &str| root.text(&format!("proc/device-tree/{name}"));
        let dmi = || root.text("sys/class/dmi/id/product_name");
        let machine_id = || root.text("etc/machine-id").map(|id| digest(&id));
        let processor = root.text("proc/cpuinfo").unwrap_or_default();
        Self {
            host_name: root.text("proc/sys/kernel/hostname").unwrap_or_else(|| "unnamed".into()),
            model: tree("model").or_else(dmi).unwrap_or_default(),
            serial: tree("serial-number").or_else(machine_id).unwrap_or_default(),
            x86: processor.lines().any(|line| line.starts_with("vendor_id")),
        }
    }
}

/// FNV-1a, 64 bits: the same on every machine and in every version, and not to be undone.
pub(crate) fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensors::tests::tree;

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
}

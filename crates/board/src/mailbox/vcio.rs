//! The kernel's door to the firmware: `dev/vcio`, and for text commands first `dev/vcio_gencmd`
//! (Raspberry Pi's kernel, `drivers/char/broadcom/vcio.c`).
//!
//! It is absent on mainline kernels and in containers that were not given it, and refuses whoever is not
//! in group `video`. The device is opened at the first call and anew after a failed one, so that it may
//! come and go.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use super::Mailbox;
use crate::attr::Root;

const PROPERTIES: &str = "dev/vcio";
const COMMANDS: &str = "dev/vcio_gencmd";

/// `_IOWR(100, 0, char *)`: the size of a pointer is part of the number, and so it differs between 32
/// and 64 bits. The kernel takes each program's own.
const PROPERTY: libc::Ioctl = libc::_IOWR::<*mut libc::c_char>(100, 0);

/// The mailbox of this machine's firmware, a character device that is opened at the first call.
#[derive(Debug)]
pub struct Vcio {
    /// The first that can be opened is used.
    paths: Vec<PathBuf>,
    file: Option<File>,
}

impl Vcio {
    /// The device for properties.
    pub fn new(root: &Root) -> Self {
        Self { paths: vec![root.directory().join(PROPERTIES)], file: None }
    }

    /// The device for text commands.
    pub fn for_commands(root: &Root) -> Self {
        let paths = [COMMANDS, PROPERTIES].map(|path| root.directory().join(path));
        Self { paths: paths.into(), file: None }
    }

    /// Opens the device if it is not open.
    pub fn open(&mut self) -> io::Result<&File> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(open_first(&self.paths)?)),
        }
    }
}

/// Of several failures the one that tells more is reported: a device that may not be opened, before one
/// that is not there.
fn open_first(paths: &[PathBuf]) -> io::Result<File> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for path in paths {
        match File::open(path) {
            Ok(file) => return Ok(file),
            Err(error) if failure.kind() == io::ErrorKind::NotFound => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

impl Mailbox for Vcio {
    fn call(&mut self, buffer: &mut [u32]) -> io::Result<()> {
        let result = property(self.open()?, buffer);
        if result.is_err() {
            self.file = None;
        }
        result
    }
}

/// One exchange with the firmware.
#[expect(unsafe_code, reason = "no safe wrapper knows this ioctl of the Raspberry Pi's kernel")]
fn property(device: &File, buffer: &mut [u32]) -> io::Result<()> {
    // The kernel reads and writes as many bytes as the first word says.
    if buffer.first().map(|bytes| *bytes as usize) != Some(size_of_val(buffer)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the descriptor is open for as long as `device` is borrowed. The driver accesses exactly the
    // bytes that the first word announces, which was just checked to be the length of `buffer`; it is
    // borrowed mutably, any bytes are valid `u32`s, and the driver keeps no pointer after it returns.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), PROPERTY, buffer.as_mut_ptr()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{tree, write};
    use crate::mailbox::{MailboxError, throttled};
    use picollect_telemetry::NoData;

    fn why(mailbox: &mut Vcio) -> NoData {
        throttled(mailbox).unwrap_err().no_data()
    }

    #[test]
    fn the_ioctls_number_is_the_kernels() {
        let number = if cfg!(target_pointer_width = "64") { 0xc008_6400 } else { 0xc004_6400 };
        // Its type differs between C libraries, and one of them is signed.
        assert_eq!(i128::from(PROPERTY) & 0xffff_ffff, number);
    }

    #[test]
    fn an_absent_device_and_a_file_in_its_place_give_no_value() {
        let (dir, root) = tree(&[]);
        let mut mailbox = Vcio::new(&root);
        assert_eq!(why(&mut mailbox), NoData::Absent);
        write(dir.path(), "dev/vcio", "a fixture's device is an ordinary file");
        assert_eq!(why(&mut mailbox), NoData::Failed);
        std::fs::remove_file(dir.path().join("dev/vcio")).unwrap();
        assert_eq!(why(&mut mailbox), NoData::Absent);
    }

    #[test]
    fn commands_go_to_their_own_device_first() {
        let (dir, root) = tree(&[]);
        let mut mailbox = Vcio::for_commands(&root);
        assert_eq!(mailbox.open().unwrap_err().kind(), io::ErrorKind::NotFound);
        write(dir.path(), "dev/vcio", "");
        assert!(mailbox.open().is_ok());
        write(dir.path(), "dev/vcio_gencmd", "own");
        let length = |mailbox: &mut Vcio| mailbox.open().unwrap().metadata().unwrap().len();
        assert_eq!(length(&mut mailbox), 0, "an open device stays open");
        assert_eq!(length(&mut Vcio::for_commands(&root)), 3);
    }

    #[test]
    fn a_buffer_that_lies_about_its_length_never_reaches_the_kernel() {
        let (_dir, root) = tree(&[("dev/vcio", "")]);
        for buffer in [&mut [][..], &mut [64, 0, 0][..]] {
            let refused = Vcio::new(&root).call(buffer).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn the_kernels_words_are_the_errors_source() {
        let (_dir, root) = tree(&[]);
        let error = throttled(&mut Vcio::new(&root)).unwrap_err();
        assert_eq!(error.to_string(), "could not ask the firmware for tag 0x00030046");
        assert!(matches!(error, MailboxError::Call { source, .. } if source.raw_os_error() == Some(2)));
    }
}

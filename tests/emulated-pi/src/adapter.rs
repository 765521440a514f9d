//! Plugs the adapter in: its socket goes to the kernel's virtual host controller (module `vhci-hcd`), which
//! sees a device at the first port, and the kernel makes a bus of it.

use std::fs;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use embedded_hal::i2c::I2c;

use crate::tiny_usb::TinyUsb;
use crate::usbip;

const ATTACH: &str = "/sys/devices/platform/vhci_hcd.0/attach";
/// Bus and number of the device that a real USB/IP server would export.
const DEVICE: u32 = 1 << 16 | 1;
/// `USB_SPEED_FULL`.
const FULL_SPEED: u8 = 2;
const BUSES: &str = "/sys/class/i2c-dev";
const OUR_NAME: &str = "i2c-tiny-usb";
/// An emulated board is slow to enumerate a device.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Plugs in an adapter whose bus this is, and gives the number that the kernel gave it.
pub(crate) fn plug_in(bus: impl I2c + Send + 'static) -> anyhow::Result<u8> {
    let (ours, kernels) = UnixStream::pair().context("no socket")?;
    thread::Builder::new().name("adapter".into()).spawn(move || serve(ours, TinyUsb::new(bus)))?;
    let port = format!("0 {} {DEVICE} {FULL_SPEED}", kernels.as_raw_fd());
    fs::write(ATTACH, port).with_context(|| format!("cannot write `{ATTACH}`: is vhci-hcd loaded?"))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(number) = our_bus() {
            return Ok(number);
        }
        if Instant::now() > deadline {
            bail!("no adapter appeared in {BUSES}: are i2c-tiny-usb and i2c-dev loaded?");
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// Answers until the kernel hangs up.
fn serve(mut stream: UnixStream, mut device: TinyUsb<impl I2c>) {
    while let Ok(request) = usbip::read(&mut stream) {
        let outcome = request.transfer.as_ref().map_or(Ok(Vec::new()), |transfer| device.control(transfer));
        if stream.write_all(&usbip::answer(&request, &outcome)).is_err() {
            return;
        }
    }
}

fn our_bus() -> Option<u8> {
    fs::read_dir(BUSES).ok()?.flatten().find_map(|bus| {
        let name = fs::read_to_string(bus.path().join("name")).ok()?;
        let number = bus.file_name().to_str()?.strip_prefix("i2c-")?.parse().ok()?;
        name.starts_with(OUR_NAME).then_some(number)
    })
}

//! A panel that a driver of the kernel has: frames go into its character device, on a thread of their own, because the
//! driver waits for the panel inside the write.
//!
//! Invariant: nothing but a character device or a pipe is written to: into a file at its place the panel's bytes would
//! pile up on the card.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use picollect_lcd::char_device::Script;
use picollect_lcd::display::HEAL_PERIOD;
use picollect_lcd::{Frame, Size};

use super::frames::Frames;
use picollect_board::attr::Root;
use picollect_board::clock::Clock;
use picollect_metering::stop::Stop;

/// How long to wait before a device that cannot be had is tried again, and how often to look whether it is still the same.
const RETRY: Duration = Duration::from_secs(1);

/// The panel behind a device.
pub struct DevicePanel {
    path: PathBuf,
    frames: Frames,
    script: Script,
    wanted: Option<Frame>,
    device: Option<File>,
    next_at: Duration,
    heal_at: Duration,
    complained: Option<String>,
}

impl DevicePanel {
    /// A panel of this size at this path below the root; nothing is opened yet.
    pub fn new(root: &Root, path: &Path, size: Size, frames: Frames) -> Self {
        Self {
            path: root.directory().join(path),
            frames,
            script: Script::new(size),
            wanted: None,
            device: None,
            next_at: Duration::ZERO,
            heal_at: Duration::ZERO,
            complained: None,
        }
    }

    /// Starts its thread, which ends with the order to stop.
    pub fn start(mut self, clock: Clock, stop: Stop) -> io::Result<JoinHandle<()>> {
        let serve = move || {
            loop {
                self.serve(clock.now());
                if stop.wait_until(clock.instant(self.due())) {
                    return;
                }
            }
        };
        thread::Builder::new().name("lcd".into()).spawn(serve)
    }

    /// When it wants to be called again.
    pub fn due(&self) -> Duration {
        self.frames.due().min(self.next_at)
    }

    /// Does what is due now.
    pub fn serve(&mut self, now: Duration) {
        let changed = self.frames.next(now).map(|frame| self.wanted = Some(frame)).is_some();
        if now < self.next_at && (self.device.is_none() || !changed) {
            return;
        }
        if now >= self.next_at {
            self.next_at = now + RETRY;
            self.look(now);
        }
        let done = self.write(now);
        if done.is_err() {
            self.device = None;
            self.script.restart();
        }
        self.note(done);
    }

    /// Whether what is open is still what stands at the path; and whether it is time to paint all anew.
    fn look(&mut self, now: Duration) {
        let same = |device: &File| {
            let (open, there) = (device.metadata().ok()?, fs::metadata(&self.path).ok()?);
            Some(identity(&open) == identity(&there))
        };
        if self.device.as_ref().is_some_and(|device| same(device) != Some(true)) {
            self.device = None;
            self.script.restart();
        }
        if now >= self.heal_at {
            self.heal_at = now + HEAL_PERIOD;
            self.script.repaint();
        }
    }

    fn write(&mut self, now: Duration) -> io::Result<()> {
        let Some(frame) = &self.wanted else { return Ok(()) };
        let device = match &mut self.device {
            Some(device) => device,
            none => {
                self.heal_at = now + HEAL_PERIOD;
                none.insert(open(&self.path)?)
            }
        };
        device.write_all(&self.script.bytes(frame))
    }

    /// Says so once when it goes wrong, and once when it is right again.
    fn note(&mut self, done: io::Result<()>) {
        let device = self.path.display();
        match done {
            Err(error) if self.complained.as_ref() != Some(&error.to_string()) => {
                self.complained = Some(error.to_string());
                let remedy = remedy(&error);
                tracing::warn!(%device, %error, remedy, "the panel cannot be written to");
            }
            Ok(()) if self.complained.take().is_some() => tracing::info!(%device, "the panel is back"),
            _ => {}
        }
    }
}

fn identity(of: &Metadata) -> (u64, u64, u64) {
    (of.dev(), of.ino(), of.rdev())
}

/// The driver refuses whoever wants to read as well. Only a pipe heeds that nobody waits for it.
fn open(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_char_device() && !kind.is_fifo() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no character device"));
    }
    OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "load the driver (dtoverlay=hd44780-i2c-lcd), or name the panel's `address` in [lcd]"
        }
        io::ErrorKind::PermissionDenied => "let the agent's user write to it, by a rule of udev",
        io::ErrorKind::ResourceBusy => "another program has it: the driver lets in one at a time",
        io::ErrorKind::InvalidInput => "name the device of the kernel's driver in [lcd], usually /dev/lcd",
        _ => "see what the kernel's log says",
    }
}

//! The panel's light on a channel of the kernel's PWM.
//!
//! Writes `sys/class/pwm/pwmchip*/export` and then `period`, `duty_cycle` (both in nanoseconds) and `enable` of the channel
//! (<https://docs.kernel.org/driver-api/pwm.html>). A channel that has just been exported belongs to root until udev has
//! given it away, so what fails is tried again.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::lcd::PwmChannel;
use picollect_board::attr::Root;

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(2);

/// The channel that dims the light.
#[derive(Debug)]
pub struct Dimmer {
    chip: PathBuf,
    channel: PwmChannel,
    /// What the channel was last told, ns.
    on_ns: Option<u64>,
    retry_at: Duration,
    complained: bool,
}

impl Dimmer {
    /// Nothing is written before the first brightness.
    pub fn new(root: &Root, channel: PwmChannel) -> Self {
        let chip = root.directory().join(format!("sys/class/pwm/pwmchip{}", channel.chip));
        Self { chip, channel, on_ns: None, retry_at: Duration::ZERO, complained: false }
    }

    /// From now on the light is so bright, 0 to 1: the share of time in which it is on.
    pub fn set(&mut self, brightness: f64, now: Duration) {
        let period_ns = 1_000_000_000 / u64::from(self.channel.hz);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the period")]
        let on_ns = (brightness.clamp(0.0, 1.0) * period_ns as f64).round() as u64;
        if self.on_ns == Some(on_ns) || now < self.retry_at {
            return;
        }
        match self.write(period_ns, on_ns) {
            Ok(()) => {
                self.on_ns = Some(on_ns);
                if std::mem::take(&mut self.complained) {
                    tracing::info!(chip = %self.chip.display(), "the panel's light can be dimmed");
                }
            }
            Err(error) => {
                self.on_ns = None;
                self.retry_at = now + RETRY;
                if !std::mem::replace(&mut self.complained, true) {
                    let remedy = "enable the PWM (`dtoverlay=pwm` in config.txt) and let the agent's user into the group `gpio`";
                    tracing::warn!(chip = %self.chip.display(), %error, remedy, "the panel's light cannot be dimmed");
                }
            }
        }
    }

    fn write(&self, period_ns: u64, on_ns: u64) -> io::Result<()> {
        let directory = self.chip.join(format!("pwm{}", self.channel.channel));
        if self.on_ns.is_none() {
            if !directory.exists() {
                put(&self.chip.join("export"), self.channel.channel.into())?;
            }
            // No period may be shorter than what is on. A channel that has no period yet refuses this, and needs it not.
            let _ = put(&directory.join("duty_cycle"), 0);
            put(&directory.join("period"), period_ns)?;
        }
        put(&directory.join("duty_cycle"), on_ns)?;
        if self.on_ns.is_none() { put(&directory.join("enable"), 1) } else { Ok(()) }
    }
}

fn put(path: &Path, number: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(number.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_board::fixtures::{tree, write};

    const CHANNEL: PwmChannel = PwmChannel { chip: 0, channel: 1, hz: 1000, pin: None };

    fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn a_channel_is_exported_and_set_when_udev_has_given_it_away() {
        let (dir, root) = tree(&[("sys/class/pwm/pwmchip0/export", "")]);
        let text = |name: &str| root.text(&format!("sys/class/pwm/pwmchip0/{name}")).unwrap_or_default();
        let mut dimmer = Dimmer::new(&root, CHANNEL);
        dimmer.set(0.25, at(0));
        assert_eq!((text("export").as_str(), dimmer.complained), ("1", true));
        for file in ["period", "duty_cycle", "enable"] {
            write(dir.path(), &format!("sys/class/pwm/pwmchip0/pwm1/{file}"), "0");
        }
        dimmer.set(0.25, at(1));
        assert_eq!(text("pwm1/enable"), "0", "not before its time");
        dimmer.set(0.25, at(2));
        let set = [text("pwm1/period"), text("pwm1/duty_cycle"), text("pwm1/enable")];
        assert_eq!(set, ["1000000", "250000", "1"]);
        dimmer.set(1.0, at(3));
        assert_eq!((text("pwm1/duty_cycle").as_str(), dimmer.complained), ("1000000", false));
    }

    #[test]
    fn the_same_brightness_is_not_written_again() {
        let files =
            ["period", "duty_cycle", "enable"].map(|file| format!("sys/class/pwm/pwmchip0/pwm1/{file}"));
        let (dir, root) = tree(&files.each_ref().map(|file| (file.as_str(), "0")));
        let mut dimmer = Dimmer::new(&root, CHANNEL);
        dimmer.set(0.5, at(0));
        write(dir.path(), &files[1], "7");
        dimmer.set(0.5, at(1));
        assert_eq!(root.text(&files[1]).unwrap(), "7");
    }
}

//! `lcd`: a panel tried on explicit request, and this node's pages without a panel.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use picollect_lcd::display::Display;
use picollect_lcd::oled::display::OledDisplay;
use picollect_lcd::{oled, pixels, png};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;

use super::BETWEEN_READINGS;
use crate::client::{Client, Target};
use crate::config::lcd::{Driver, LcdSettings, NamedPins, OLED_ADDRESSES, PanelSize, oled_wiring, wiring};
use crate::config::{Options, TargetOptions, settings};
use crate::lcd::{PanelFeed, trial};
use crate::push::SUMMARY_PERIOD;
use crate::queue::Counts;
use crate::run::Agent;
use picollect_board::attr::Root;
use picollect_board::clock::Clock;
use picollect_board::i2c;

/// Where the preview pretends that a panel is if none is configured.
const USUAL_ADDRESS: u8 = 0x27;

/// The arguments of `lcd`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  picollect-agent lcd test 0x27 --size 20x4\n  picollect-agent lcd test 0x3c --driver ssd1306\n  \
                  picollect-agent lcd --preview\n  \
                  picollect-agent lcd --preview --png panel.png"
)]
pub struct Lcd {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    options: Options,
    /// Show every page that this node would show in the terminal, as the panel's pixels, with the collector's summary
    #[arg(long, required = true)]
    preview: bool,
    /// Write what the panel shows now into a picture instead
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a text to the panel at this address, and to no other
    #[command(
        after_help = "Stop the agent first if it has this panel.\n\nExample:\n  picollect-agent lcd test 0x27"
    )]
    Test(Test),
}

#[derive(Debug, Args)]
struct Test {
    /// Address of the backpack, such as 0x27, or of the OLED, 0x3c or 0x3d
    #[arg(value_parser = address)]
    address: u8,
    /// Number of the I2C bus
    #[arg(long, default_value_t = 1)]
    bus: u8,
    /// What drives the panel [default: hd44780, but at 0x3c and 0x3d it has to be said]
    #[arg(long, value_enum)]
    driver: Option<Driver>,
    /// Columns and rows, or dots [default: 16x2, of an OLED 128x64]
    #[arg(long, value_enum)]
    size: Option<PanelSize>,
    /// How the backpack is wired
    #[arg(long, value_enum, default_value_t)]
    pins: NamedPins,
    /// Find the buses below this directory
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Hexadecimal with `0x`, as `i2cdetect` and the configuration have it, or decimal.
fn address(text: &str) -> Result<u8, String> {
    let number = text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u8::from_str_radix(hex, 16));
    number.map_err(|_| "it is no address such as 0x27".into())
}

/// Carries the command out.
pub(super) fn execute(lcd: Lcd) -> Result<(), Failure> {
    match lcd.action {
        Some(Action::Test(test)) => try_panel(&test),
        None => preview(&lcd.options, lcd.png.as_deref()),
    }
}

fn try_panel(named: &Test) -> Result<(), Failure> {
    let Test { address, bus, driver, size, pins, root } = named;
    let refused = |why: String| usage(anyhow!(why));
    let driver = match driver {
        // What a character panel is sent an OLED takes for commands, and may stay dark until it is unplugged.
        None if OLED_ADDRESSES.contains(address) => {
            return Err(refused(format!(
                "at {address:#04x} an OLED may answer or a backpack: say which by --driver ssd1306, sh1106 or hd44780"
            )));
        }
        driver => driver.unwrap_or_default(),
    };
    let open = || {
        i2c::open(&Root::new(root), *bus)
            .map_err(|error| anyhow!("cannot open I2C bus {bus}: {error}; {}", error.remedy()))
    };
    let clock = Clock::start();
    let (picture, advice) = if let Some(controller) = driver.controller() {
        let wiring = oled_wiring(*address, controller, PanelSize::dots(*size).map_err(refused)?);
        let wiring = wiring.map_err(refused)?;
        let (panel, picture) = (OledDisplay::new(wiring), oled::trial(wiring));
        let done =
            trial::run(open()?.as_mut(), *address, (panel, &picture), &|| clock.now(), &|time| sleep(time));
        done.context("the test failed")?;
        (pixels::braille(&picture), OLED_ADVICE)
    } else {
        let size = PanelSize::characters(*size).map_err(refused)?;
        let wiring = wiring(*address, size, pins.map()).map_err(refused)?;
        let (panel, text) = (Display::new(wiring), trial::text(wiring));
        let done =
            trial::run(open()?.as_mut(), *address, (panel, &text), &|| clock.now(), &|time| sleep(time));
        done.context("the test failed")?;
        (text.to_terminal(), CHARACTERS_ADVICE)
    };
    Ok(say(&format!("The panel at {address:#04x} should show this now:\n{picture}{advice}\n"))?)
}

/// What to look at if a panel shows something else.
const CHARACTERS_ADVICE: &str = "Nothing to read: turn the screw for the contrast. Wrong signs: try --pins mjkdz, or give \
    `pins` pin by pin. A row too few or too many: --size.";
const OLED_ADVICE: &str = "Nothing, or dots like snow at the edges, or the frame two columns aside: --driver sh1106 or ssd1306, \
    the other one. Only every other row, or half of it: --size.";

/// In a terminal until it is interrupted; else once.
fn preview(options: &Options, picture: Option<&Path>) -> Result<(), Failure> {
    let mut settings = settings(options, &TargetOptions::default())?;
    // The panel itself is the running agent's.
    let configured = settings.lcd.take();
    let lcd = configured.map_or_else(|| LcdSettings::at(USUAL_ADDRESS), Ok).map_err(|why| anyhow!(why))?;
    let mut agent = Agent::new(&settings)?;
    let mut face = agent.face(&lcd);
    let mut cluster = ClusterPages::of(settings.targets.first(), agent.panel_feed())?;
    agent.sample(Counts::default());
    agent.stop().wait(BETWEEN_READINGS);
    let mut drawn_lines = 0;
    loop {
        agent.sample(Counts::default());
        cluster.ask(agent.now());
        if let Some(path) = picture {
            let bytes = if lcd.glass().is_some() {
                png::encode_glass(&face.picture(agent.now(), wall_ms()))
            } else {
                png::encode(&face.frame(agent.now(), wall_ms()))
            };
            let bytes = bytes.context("cannot draw the picture")?;
            let written = fs::write(path, bytes);
            return Ok(written.with_context(|| format!("cannot write `{}`", path.display()))?);
        }
        let pages: String = if lcd.glass().is_some() {
            face.all_pictures(agent.now(), wall_ms()).iter().map(pixels::braille).collect()
        } else {
            face.all_pages(agent.now(), wall_ms()).iter().map(pixels::half_blocks).collect()
        };
        // Up to where the last picture began, and clear from there.
        let back = if drawn_lines > 0 { format!("\x1b[{drawn_lines}A\x1b[J") } else { String::new() };
        drawn_lines = pages.lines().count();
        say(&format!("{back}{pages}"))?;
        if !io::stdout().is_terminal() {
            return Ok(());
        }
        sleep(settings.interval);
    }
}

/// What the collector says of the cluster, for the pages about it.
struct ClusterPages {
    client: Option<Client>,
    feed: PanelFeed,
    asked: Option<Duration>,
    complained: bool,
}

impl ClusterPages {
    /// Of the first collector; without one there are no such pages.
    fn of(target: Option<&Target>, feed: PanelFeed) -> anyhow::Result<Self> {
        let client = target.cloned().map(Client::new).transpose()?;
        Ok(Self { client, feed, asked: None, complained: false })
    }

    /// Asks as often as the agent does; says once if there is no answer.
    fn ask(&mut self, now: Duration) {
        let recent = self.asked.is_some_and(|asked| now.saturating_sub(asked) < SUMMARY_PERIOD);
        let Some(client) = self.client.as_ref().filter(|_| !recent) else { return };
        self.asked = Some(now);
        match client.summary() {
            Ok(summary) => {
                self.feed.delivered(true);
                self.feed.summarised(now, summary);
            }
            Err(error) if !self.complained => {
                self.complained = true;
                eprintln!(
                    "The collector gives no summary, so the pages about the cluster are left out: {error:#}"
                );
            }
            Err(_) => {}
        }
    }
}

/// The machine's own time, Unix milliseconds: who looks at a preview sits before it.
fn wall_ms() -> Option<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_in_either_way() {
        assert_eq!((address("0x27"), address("39")), (Ok(0x27), Ok(0x27)));
        assert!(address("0x1ff").is_err() && address("lcd").is_err());
    }
}

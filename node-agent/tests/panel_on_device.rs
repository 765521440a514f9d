//! A panel that the kernel's driver has: the agent writes into a pipe at the place of its device, and a model of the driver
//! says what the panel shows.

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use picollect_agent::config::lcd::LcdSettings;
use picollect_agent::config::{Options, TargetOptions, settings};
use picollect_agent::lcd::PanelFeed;
use picollect_agent::lcd::char_device::DevicePanel;
use picollect_agent::lcd::face::{Face, Node};
use picollect_agent::lcd::frames::Frames;
use picollect_agent::run::Agent;
use picollect_board::attr::Root;
use picollect_lcd::Size;
use picollect_lcd::panel_model::DrivenPanel;
use picollect_sensors::status::Status;
use rustix::fs::{CWD, FileType, Mode, mknodat};

const SECOND: Duration = Duration::from_secs(1);
/// More than a whole frame with all its glyphs.
const PIPE_BYTES: usize = 4096;

/// The device's other end and the panel behind it.
struct Driver {
    path: PathBuf,
    pipe: File,
    panel: DrivenPanel,
}

impl Driver {
    fn load(directory: &Path) -> Self {
        let path = directory.join("dev/lcd");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // A pipe that is open both ways has a reader all the time and no end.
        let pipe =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
        Self { path, pipe, panel: DrivenPanel::new(Size::SMALL) }
    }

    /// What was written goes to the panel; how many bytes that were.
    fn drain(&mut self) -> usize {
        let mut bytes = vec![0; PIPE_BYTES];
        let length = self.pipe.read(&mut bytes).unwrap_or(0);
        self.panel.take(&bytes[..length]);
        length
    }

    fn rows(&mut self) -> Vec<String> {
        self.drain();
        self.panel.cells().into_iter().map(|row| row.into_iter().map(char::from).collect()).collect()
    }

    fn unload(self) {
        fs::remove_file(&self.path).unwrap();
    }
}

/// The panel's side of the agent, in time of its own.
struct Bench {
    feed: PanelFeed,
    panel: DevicePanel,
    now: Duration,
}

impl Bench {
    fn new(directory: &Path) -> Self {
        let (root, feed) = (Root::new(directory), PanelFeed::default());
        let settings = LcdSettings::at(0x27).unwrap();
        let (name, cluster, root_of_node) = ("pi-3".into(), "home".into(), root.clone());
        let node = Node { name, cluster, simulated: false, interval: SECOND, root: root_of_node };
        let face = Face::new(node, settings, feed.clone());
        let frames = Frames::new(face, None, Box::new(|| None), None);
        let panel = DevicePanel::new(&root, Path::new("dev/lcd"), Size::SMALL, frames);
        Self { feed, panel, now: Duration::ZERO }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let temp_c = Some(40.0 + self.now.as_secs_f64() % 10.0);
            self.feed.sampled(self.now, &Status { temp_c, ..Status::default() });
            self.panel.serve(self.now);
            self.now = self.panel.due().max(self.now + Duration::from_millis(1)).min(end);
        }
    }
}

#[test]
fn the_page_is_shown_and_only_what_changes_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (mut driver, mut bench) = (Driver::load(dir.path()), Bench::new(dir.path()));
    bench.run(SECOND);
    assert!(driver.rows()[0].contains("pi-3"), "{:?}", driver.rows());
    bench.run(SECOND);
    let bytes = driver.drain();
    assert!((1..60).contains(&bytes), "{bytes} bytes for some digits");
}

#[test]
fn a_device_that_comes_back_has_its_page_within_three_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(dir.path());
    bench.run(5 * SECOND);
    for away in [0, 1, 7] {
        let mut driver = Driver::load(dir.path());
        bench.run(3 * SECOND);
        assert!(driver.rows()[0].contains("pi-3"), "{:?}", driver.rows());
        driver.unload();
        bench.run(away * SECOND);
    }
}

#[test]
fn a_panel_that_was_disturbed_is_painted_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (mut driver, mut bench) = (Driver::load(dir.path()), Bench::new(dir.path()));
    bench.run(SECOND);
    driver.drain();
    driver.panel.take(b"\x1b[Lx0y0;disturbance\x1b[LG00000000000000000;");
    for _ in 0..11 {
        bench.run(SECOND);
        driver.drain();
    }
    assert!(!driver.rows()[0].contains("dist"), "{:?}", driver.rows());
}

#[test]
fn a_file_at_the_place_of_the_device_is_not_filled() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("dev")).unwrap();
    fs::write(dir.path().join("dev/lcd"), "").unwrap();
    Bench::new(dir.path()).run(10 * SECOND);
    assert_eq!(fs::read(dir.path().join("dev/lcd")).unwrap(), b"");
}

#[test]
fn a_pipe_that_is_full_is_written_to_again_when_it_has_room() {
    let dir = tempfile::tempdir().unwrap();
    let (mut driver, mut bench) = (Driver::load(dir.path()), Bench::new(dir.path()));
    // Nobody reads for an hour; a pipe holds 64 KiB.
    bench.run(3600 * SECOND);
    while driver.drain() > 0 {}
    bench.run(3 * SECOND);
    assert!(driver.rows()[0].contains("pi-3"), "{:?}", driver.rows());
}

#[test]
fn the_agent_finds_the_device_below_its_root() {
    let dir = tempfile::tempdir().unwrap();
    let mut driver = Driver::load(dir.path());
    let config = dir.path().join("agent.toml");
    fs::write(&config, "name = \"pi-9\"\n[lcd]\ndevice = \"/dev/lcd\"\n").unwrap();
    let root = dir.path().to_owned();
    let options = Options { config: Some(config), root, ..Options::default() };
    let agent = Agent::new(&settings(&options, &TargetOptions::default()).unwrap()).unwrap();
    let deadline = Instant::now() + 10 * SECOND;
    while !driver.rows()[0].contains("pi-9") {
        assert!(Instant::now() < deadline, "{:?}", driver.rows());
        std::thread::yield_now();
    }
    drop(agent);
}

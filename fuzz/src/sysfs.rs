//! Whatever the kernel's files hold, the agent says lines of its catalogue with finite numbers, or why it has none:
//! the files of three boards, of which an input replaces some before each of two ticks.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use picollect_board::attr::Root;
use picollect_board::clock::Clock;
use picollect_board::identity::Board;
use picollect_metering::meter::MeterValue;
use picollect_sensors::discover;
use picollect_sensors::tick::Tick;
use picollect_telemetry::Value;
use picollect_telemetry::catalogue::{self, NO_DATA};
use picollect_telemetry::line::{LineWriter, Precision, decode};

/// What separates an input's changes from each other, and the first tick's from the second's.
const END_OF_FILE: u8 = 0xff;
const END_OF_TICK: u8 = 0xfe;

/// A copy of a board on paper, with every file's path and what it holds.
struct Paper {
    root: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

static BOARDS: LazyLock<Vec<Paper>> = LazyLock::new(|| {
    let boards = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/boards");
    ["pi-3b-plus", "pi-4b", "pi-5"].map(|name| copied(&Path::new(boards).join(name))).into()
});

fn copied(board: &Path) -> Paper {
    let root = tempfile::tempdir().expect("a temporary folder").keep();
    let mut files = Vec::new();
    copy(board, &root, &mut files);
    files.sort();
    Paper { root, files }
}

fn copy(from: &Path, to: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the board").map(|entry| entry.expect("an entry")) {
        let (path, here) = (entry.path(), to.join(entry.file_name()));
        if path.is_symlink() {
            let target = fs::read_link(&path).expect("a link");
            std::os::unix::fs::symlink(target, here).expect("a link can be made");
        } else if path.is_dir() {
            copy(&path, &here, files);
        } else {
            let bytes = fs::read(&path).expect("a file");
            fs::write(&here, &bytes).expect("writable");
            files.push((here, bytes));
        }
    }
}

/// Puts what an input says into the files that it names, a byte each; gives which these are.
fn changed<'a>(paper: &'a Paper, changes: &[u8]) -> Vec<&'a (PathBuf, Vec<u8>)> {
    let mut touched = Vec::new();
    for change in changes.split(|byte| *byte == END_OF_FILE) {
        let Some((file, text)) = change.split_first() else { continue };
        let file = &paper.files[usize::from(*file) % paper.files.len()];
        fs::write(&file.0, text).expect("writable");
        touched.push(file);
    }
    touched
}

fn check(lines: &[u8]) {
    let batch = decode(lines, Precision::Nanoseconds, 0);
    assert!(batch.errors.is_empty(), "{:?} in {}", batch.errors, String::from_utf8_lossy(lines));
    for point in &batch.points {
        for (field, value) in point.fields.iter().filter(|(field, _)| field != NO_DATA) {
            assert!(catalogue::find(&point.measurement, field).is_some(), "{} {field}", point.measurement);
            assert!(
                !matches!(value, Value::Float(number) if !number.is_finite()),
                "{} {field}",
                point.measurement
            );
        }
    }
}

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let Some((board, input)) = input.split_first() else { return };
    let paper = &BOARDS[usize::from(*board) % BOARDS.len()];
    let root = Root::new(&paper.root);
    let mut ticks = input.splitn(2, |byte| *byte == END_OF_TICK);
    let mut touched = changed(paper, ticks.next().unwrap_or_default());
    let (mut sensors, mut meters) = (discover(&root), picollect_metering::discover(&root));
    let _whatever_it_is = Board::read(&root);
    let mut writer = LineWriter::new(&[]);
    for second in 0..2 {
        let now = Duration::from_secs(second);
        let mut tick = Tick::new(now, Clock::start().stamps(), &mut writer);
        for sensor in &mut sensors {
            sensor.sample(&mut tick);
        }
        check(&writer.take().0);
        for meter in &mut meters {
            if let Ok(MeterValue::Watts(value) | MeterValue::TotalJoules(value)) = meter.read(now).1 {
                assert!(value.is_finite(), "{:?} {value}", meter.name());
            }
        }
        touched.extend(changed(paper, ticks.next().unwrap_or_default()));
    }
    for (path, bytes) in touched {
        fs::write(path, bytes).expect("writable");
    }
}

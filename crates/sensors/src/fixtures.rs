//! What a sensor says, for tests.

use std::time::Duration;

use picollect_board::clock::Clock;
use picollect_telemetry::catalogue;
use picollect_telemetry::line::{LineWriter, Precision, decode};

use crate::status::Status;
use crate::tick::{Sensor, Tick};

/// What a sensor says in one tick, as lines without their time; every point is held against the
/// catalogue.
///
/// # Panics
///
/// At a point that the catalogue does not know.
pub fn lines(sensor: &mut dyn Sensor) -> Vec<String> {
    lines_and_status(sensor).0
}

/// The lines, and what the sensor has put into the tick's status.
///
/// # Panics
///
/// At a point that the catalogue does not know.
pub fn lines_and_status(sensor: &mut dyn Sensor) -> (Vec<String>, Status) {
    let mut writer = LineWriter::new(&[]);
    let mut tick = Tick::new(Duration::ZERO, Clock::start().stamps(), &mut writer);
    sensor.sample(&mut tick);
    let status = tick.status;
    let text = String::from_utf8(writer.take().0).expect("line protocol is UTF-8");
    for point in decode(text.as_bytes(), Precision::Nanoseconds, 0).points {
        for (field, _) in point.fields.iter().filter(|(field, _)| field != catalogue::NO_DATA) {
            let metric = catalogue::find(&point.measurement, field).expect("a catalogued metric");
            let tags: Vec<_> = point.tags.iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(tags, metric.tags, "{text}");
        }
    }
    let without_time = |line: &str| line.rsplit_once(' ').map_or(line, |(line, _)| line).to_owned();
    (text.lines().map(without_time).collect(), status)
}

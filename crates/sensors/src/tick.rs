//! One round of sampling, and what takes part in it.

use std::time::Duration;

use picollect_board::clock::Stamps;
use picollect_telemetry::catalogue::Metric;
use picollect_telemetry::line::{CommonTags, LineWriter};
use picollect_telemetry::thermometer::Thermometer;
use picollect_telemetry::{NoData, Value};

use crate::status::Status;

/// Something that says its readings at every tick.
pub trait Sensor: Send {
    /// What it reads, in two or three words: its row in the probe's table.
    fn name(&self) -> &'static str;

    /// What an owner can do when it finds nothing or may not read it.
    fn remedy(&self) -> &'static str;

    /// Adds its points to the tick: for each thing it reads a value or the reason why there is none.
    fn sample(&mut self, tick: &mut Tick<'_>);
}

/// One round of sampling: where sensors put their points.
#[derive(Debug)]
pub struct Tick<'a> {
    /// The moment of this tick on the agent's clock.
    pub now: Duration,
    /// How moments become wall times in this tick.
    pub stamps: Stamps,
    t_ms: i64,
    /// What the tick has said so far, for the panel and the power model.
    pub status: Status,
    /// From when and to when the first meter's totals in this tick count.
    pub metered: Option<(Duration, Duration)>,
    /// Whose temperature the status has.
    thermometer: Option<Thermometer>,
    writer: &'a mut LineWriter,
}

impl<'a> Tick<'a> {
    /// A round at this moment.
    pub fn new(now: Duration, stamps: Stamps, writer: &'a mut LineWriter) -> Self {
        Self {
            now,
            stamps,
            t_ms: stamps.stamp_ms(now),
            status: Status::default(),
            metered: None,
            thermometer: None,
            writer,
        }
    }

    /// One point; all metrics are of one measurement.
    pub fn point(&mut self, tags: &[(&str, &str)], fields: &[(&'static Metric, Value)]) {
        self.point_at(self.now, tags, fields);
    }

    /// One point whose moment is not the tick's.
    pub fn point_at(&mut self, at: Duration, tags: &[(&str, &str)], fields: &[(&'static Metric, Value)]) {
        self.writer.point(self.stamps.stamp_ms(at), tags, fields);
    }

    /// What is said in between is of another node, whose common tags these are; the status stays this node's.
    pub fn of_another_node(&mut self, tags: &mut CommonTags, say: impl FnOnce(&mut Self)) {
        self.writer.exchange_tags(tags);
        let (status, metered) = (self.status, self.metered);
        say(self);
        (self.status, self.metered) = (status, metered);
        self.writer.exchange_tags(tags);
    }

    /// A thermometer's °C, for the status: the processor's come before others, of several processors' the
    /// hottest counts, of others the first.
    pub fn temperature(&mut self, of: Thermometer, temp_c: f64) {
        let hotter = self.status.temp_c.is_none_or(|known| temp_c > known);
        if self
            .thermometer
            .is_none_or(|known| of > known || (of == known && of == Thermometer::Processor && hotter))
        {
            self.thermometer = Some(of);
            self.status.temp_c = Some(temp_c);
        }
    }

    /// A line that a writer of the same common tags made before, now at this tick.
    pub fn line(&mut self, line: &[u8]) {
        self.writer.at_another_time(line, self.t_ms);
    }

    /// Why the series of such a line has no value.
    pub fn no_data_in_place_of(&mut self, line: &[u8], why: NoData) {
        self.writer.no_data_in_place_of(line, self.t_ms, why);
    }

    /// A writer of the same common tags, for points that are made elsewhere.
    pub fn writer_alike(&self) -> LineWriter {
        self.writer.alike()
    }

    /// Why the metrics of this measurement have no value.
    pub fn no_data(&mut self, tags: &[(&str, &str)], metric: &'static Metric, why: NoData) {
        self.writer.no_data(self.t_ms, tags, metric, why);
    }
}

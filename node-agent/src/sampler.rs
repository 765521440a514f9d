//! One tick: all meters, all sensors, the power model where nothing measures, the agent itself.

use std::time::Duration;

use picollect_telemetry::catalogue::{
    CLUSTER, CONVERSIONS_PER_S, DROPPED_LINES, GAIN_ERROR, HOST, INTERVAL_S, JOULES, METERED_S, NODE_INFO,
    OFFSET_W, PUSH_FAILURES, QUEUED_LINES, SAMPLES, SINCE_MS, WATTS, WATTS_MAX, WATTS_MIN,
};
use picollect_telemetry::line::{CommonTags, LineWriter};
use picollect_telemetry::{Boundary, Reading, Source, Value};

use crate::apart::Watched;
use crate::queue::Counts;
use picollect_board::clock::{Authority, Clock, Stamps};
use picollect_board::identity::Board;
use picollect_metering::accuracy::Accuracy;
use picollect_metering::energy::{EnergyPoint, PowerRange};
use picollect_metering::meter::MeterName;
use picollect_metering::metered::Metered;
use picollect_metering::power_model::{Load, PowerModel};
use picollect_sensors::status::Status;
use picollect_sensors::tick::{Sensor, Tick};

/// How often the meters' errors are said: they do not change, but readers look back only so far.
const ACCURACY_PERIOD: Duration = Duration::from_secs(60);

/// Meters that have measured nothing for so long after they were found do not measure: the model stands in.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything that speaks at a tick.
pub struct Sampler {
    /// For the threads of slow sensors.
    clock: Clock,
    /// The time between two ticks, published so that the collector can tell late from slow.
    pub interval: Duration,
    /// Who this node is.
    pub board: Board,
    /// The cluster that all it says is of; may be empty.
    pub cluster: String,
    /// The meters, read by threads of their own.
    pub meters: Vec<Metered>,
    /// The tags of the node that each of them feeds, where that is another one.
    fed: Vec<Option<CommonTags>>,
    /// The power model, where nothing measures.
    pub model: Option<PowerModel>,
    /// All that is no meter, in the order in which it is sampled.
    pub sensors: Vec<Watched>,
    samples: i64,
    /// When the model may speak: at once where no meter may be expected to measure, else after [`PATIENCE`]
    /// with those that are there; never again once one has measured.
    model_due: Option<Duration>,
    /// How long the model waits from the first tick on.
    patience: Duration,
    /// From when on the meters' errors are to be said again.
    accuracy_due: Duration,
}

impl Sampler {
    /// A sampler to which nothing speaks yet.
    pub fn new(interval: Duration, board: Board, clock: Clock) -> Self {
        let (meters, sensors) = (Vec::new(), Vec::new());
        Self {
            clock,
            interval,
            board,
            cluster: String::new(),
            meters,
            fed: Vec::new(),
            model: None,
            sensors,
            samples: 0,
            model_due: None,
            patience: Duration::ZERO,
            accuracy_due: Duration::ZERO,
        }
    }

    /// From now on these speak, and the meters' errors are said with the next tick. `measured` is whether a meter
    /// may be expected to measure; then the model waits for it.
    pub fn take_over(
        &mut self,
        meters: Vec<Metered>,
        model: Option<PowerModel>,
        measured: bool,
        sensors: Vec<Box<dyn Sensor>>,
    ) {
        let tags =
            |node: &String| CommonTags::new(&[(CLUSTER, self.cluster.as_str()), (HOST, node.as_str())]);
        self.fed = meters.iter().map(|meter| meter.feeds.as_ref().map(tags)).collect();
        (self.meters, self.model) = (meters, model);
        self.sensors = sensors.into_iter().map(Watched::new).collect();
        self.patience = if measured { PATIENCE } else { Duration::ZERO };
        self.model_due = None;
        self.accuracy_due = Duration::ZERO;
    }

    /// Takes all readings at this moment into the writer. `delivery` is what the queue counts.
    pub fn sample(
        &mut self,
        now: Duration,
        stamps: Stamps,
        delivery: Counts,
        writer: &mut LineWriter,
    ) -> Status {
        let mut tick = Tick::new(now, stamps, writer);
        let accuracy_is_due = now >= self.accuracy_due;
        if accuracy_is_due {
            self.accuracy_due = now + ACCURACY_PERIOD;
        }
        let model_due = *self.model_due.get_or_insert(now.saturating_add(self.patience));
        let mut primary = Primary::default();
        for (meter, fed) in self.meters.iter().zip(&mut self.fed) {
            let point = meter.take();
            if let Some(tags) = fed {
                tick.of_another_node(tags, |tick| {
                    power(tick, &meter.name, point);
                    if accuracy_is_due {
                        accuracy(tick, &meter.name, &meter.accuracy);
                    }
                });
                continue;
            }
            let whole = meter.name.boundary != Boundary::Rail;
            if whole && point.is_ok_and(|point| point.metered_s > 0.0) {
                self.model = None;
            }
            primary.consider(&meter.name, point, &mut tick.status);
            power(&mut tick, &meter.name, point);
            if accuracy_is_due {
                accuracy(&mut tick, &meter.name, &meter.accuracy);
            }
        }
        for sensor in &mut self.sensors {
            sensor.sample(&mut tick, &self.clock, self.interval);
        }
        if let Some(model) = self.model.as_mut().filter(|_| now >= model_due) {
            let point = model.tick(now, load(&tick.status));
            primary.consider(&model.name, point, &mut tick.status);
            power(&mut tick, &model.name, point);
            if accuracy_is_due {
                accuracy(&mut tick, &model.name, &model.accuracy);
            }
        }
        self.samples += 1;
        self.agent(&mut tick, delivery);
        tick.status
    }

    fn agent(&self, tick: &mut Tick<'_>, delivery: Counts) {
        let Board { model, serial, .. } = &self.board;
        let version = env!("CARGO_PKG_VERSION");
        let clock = tick.stamps.authority.map_or("", Authority::as_str);
        let tags = [("clock", clock), ("model", model), ("serial", serial), ("version", version)];
        tick.point(&tags, &[(&NODE_INFO, 1i64.into())]);
        tick.point(
            &[],
            &[
                (&INTERVAL_S, self.interval.as_secs_f64().into()),
                (&SAMPLES, self.samples.into()),
                (&QUEUED_LINES, delivery.queued_lines.into()),
                (&DROPPED_LINES, delivery.dropped_lines.into()),
                (&PUSH_FAILURES, delivery.failures.into()),
            ],
        );
    }
}

/// The meter whose power is the node's: what is measured before what is estimated, of these the widest boundary,
/// of equal ones the first; never one rail of several.
#[derive(Default)]
struct Primary(Option<(bool, Boundary)>);

impl Primary {
    fn consider(&mut self, name: &MeterName, point: Reading<EnergyPoint>, status: &mut Status) {
        let rank = (name.source != Source::Estimated, name.boundary);
        let Some(power) = point.ok().and_then(|point| point.power) else { return };
        if name.boundary != Boundary::Rail && self.0.is_none_or(|best| rank > best) {
            self.0 = Some(rank);
            status.watts = Some(power.mean_w);
            status.estimated = name.source == Source::Estimated;
        }
    }
}

/// What the power model goes by.
fn load(status: &Status) -> Load {
    let Status { busy, clock_hz, clock_is_measured, .. } = *status;
    Load { busy, clock_hz, clock_is_measured }
}

/// What is known of a meter's errors; if nothing is, nothing is said.
fn accuracy(tick: &mut Tick<'_>, name: &MeterName, accuracy: &Accuracy) {
    let known = |value: Option<f64>| value.unwrap_or(f64::NAN);
    tick.point(
        &tags(name),
        &[
            (&GAIN_ERROR, micro(known(accuracy.gain_error))),
            (&OFFSET_W, micro(known(accuracy.offset_w))),
            (&CONVERSIONS_PER_S, micro(known(accuracy.conversions_per_s))),
        ],
    );
}

fn tags(name: &MeterName) -> [(&str, &str); 3] {
    [("boundary", name.boundary.as_str()), ("meter", &name.meter), ("source", name.source.as_str())]
}

/// One meter's point: the totals with their epoch, and the watts since the tick before.
fn power(tick: &mut Tick<'_>, name: &MeterName, point: Reading<EnergyPoint>) {
    let tags = tags(name);
    let point = match point {
        Ok(point) => point,
        Err(why) => return tick.no_data(&tags, &JOULES, why),
    };
    tick.metered = tick.metered.or(Some((point.since, point.at)));
    // No watts since the last tick are no numbers, and so are left out.
    let none = PowerRange { mean_w: f64::NAN, least_w: f64::NAN, greatest_w: f64::NAN };
    let power = point.power.unwrap_or(none);
    let since_ms = tick.stamps.epoch_ms(point.since);
    tick.point_at(
        point.at,
        &tags,
        &[
            (&JOULES, micro(point.joules)),
            (&METERED_S, micro(point.metered_s)),
            (&SINCE_MS, since_ms.into()),
            (&WATTS, micro(power.mean_w)),
            (&WATTS_MIN, micro(power.least_w)),
            (&WATTS_MAX, micro(power.greatest_w)),
        ],
    );
}

/// Rounded to a millionth of the unit: finer than any meter, and half the bytes on the wire. Totals are
/// rounded only as they are published, so the rounding does not add up.
fn micro(value: f64) -> Value {
    ((value * 1e6).round() / 1e6).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_board::attr::Root;
    use picollect_board::fixtures::tree;
    use picollect_metering::meter::MeterValue;
    use picollect_sensors::discover;

    #[test]
    fn a_board_without_a_meter_gets_the_models_figure_labelled_estimated() {
        let (_dir, root) = tree(&[
            ("proc/stat", "cpu  1 0 0 9 0 0 0 0\ncpu0 1 0 0 9 0 0 0 0\n"),
            ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
        ]);
        let text = two_ticks(&root, |dir| {
            std::fs::write(dir.join("proc/stat"), "cpu  11 0 0 9 0 0 0 0\ncpu0 11 0 0 9 0 0 0 0\n").unwrap();
        });
        assert!(text.contains("source=estimated"), "{text}");
        assert!(text.contains(" joules=6.4,metered_s=1,"), "{text}");
        assert!(text.contains("watts=6.4,watts_min=6.4,watts_max=6.4"), "{text}");
    }

    /// A meter that knows one thing about itself.
    struct Known;

    impl picollect_metering::meter::PowerMeter for Known {
        fn name(&self) -> MeterName {
            let (source, boundary) = (Source::Measured, Boundary::Node);
            MeterName { meter: "known".into(), source, boundary }
        }

        fn period(&self) -> Duration {
            Duration::from_secs(1)
        }

        fn accuracy(&self) -> Accuracy {
            Accuracy { gain_error: Some(0.02), ..Accuracy::default() }
        }

        fn read(&mut self, now: Duration) -> (Duration, Reading<MeterValue>) {
            (now, Ok(MeterValue::Watts(1.0)))
        }
    }

    #[test]
    fn a_meters_errors_are_said_once_a_minute_and_what_is_unknown_is_left_out() {
        let (_dir, root) = tree(&[]);
        let (clock, stop) =
            (picollect_board::clock::Clock::start(), picollect_metering::stop::Stop::default());
        let meters = vec![Metered::start(Box::new(Known), clock.clone(), stop.clone()).unwrap()];
        let (interval, board) = (Duration::from_secs(1), Board::read(&root));
        let mut sampler = Sampler::new(interval, board, clock.clone());
        sampler.take_over(meters, None, true, Vec::new());
        let mut writer = LineWriter::new(&[]);
        for second in 0..61 {
            sampler.sample(Duration::from_secs(second), clock.stamps(), Counts::default(), &mut writer);
        }
        stop.order();
        let text = String::from_utf8(writer.take().0).unwrap();
        let said = text.lines().filter(|line| line.starts_with("meter,"));
        let wanted = "meter,boundary=node,meter=known,source=measured gain_error=0.02 ";
        assert_eq!(said.map(|line| line.starts_with(wanted)).collect::<Vec<_>>(), [true, true]);
    }

    #[test]
    fn a_meter_that_feeds_another_board_speaks_of_that_one_and_the_model_of_this() {
        let (_dir, root) = tree(&[("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")]);
        let (clock, stop) = (Clock::start(), picollect_metering::stop::Stop::default());
        let board = Board::read(&root);
        let model = PowerModel::choose(None, &board, 4);
        let mut meter = Metered::start(Box::new(Shows(Ok(3.0))), clock.clone(), stop.clone()).unwrap();
        meter.feeds = Some("pi-2".to_owned());
        let mut sampler = Sampler::new(Duration::from_secs(1), board, clock.clone());
        sampler.cluster = "home".to_owned();
        sampler.take_over(vec![meter], model, false, Vec::new());
        let mut writer = LineWriter::new(&[(CLUSTER, "home"), (HOST, "pi-1")]);
        let status = sampler.sample(Duration::ZERO, clock.stamps(), Counts::default(), &mut writer);
        stop.order();
        let text = String::from_utf8(writer.take().0).unwrap();
        let hosts = |start: &str| -> Vec<bool> {
            text.lines()
                .filter(|line| line.starts_with(start))
                .map(|line| line.contains("host=pi-2"))
                .collect()
        };
        assert!(
            text.contains("power,cluster=home,host=pi-2,boundary=node,meter=shows,source=measured "),
            "{text}"
        );
        assert!(text.contains("host=pi-1,boundary=node,meter=model-raspberry-pi-4-model-b,"), "{text}");
        assert_eq!((hosts("agent,"), hosts("node,")), (vec![false], vec![false]));
        assert_ne!(status.watts, Some(3.0));
    }

    /// A meter that shows no watts, or these.
    struct Shows(Reading<f64>);

    impl picollect_metering::meter::PowerMeter for Shows {
        fn name(&self) -> MeterName {
            let (source, boundary) = (Source::Measured, Boundary::Node);
            MeterName { meter: "shows".into(), source, boundary }
        }

        fn period(&self) -> Duration {
            Duration::from_millis(1)
        }

        fn read(&mut self, now: Duration) -> (Duration, Reading<MeterValue>) {
            (now, self.0.map(MeterValue::Watts))
        }
    }

    /// In which of these seconds the model spoke beside such a meter.
    fn model_beside(shown: Reading<f64>, seconds: std::ops::Range<u64>) -> Vec<u64> {
        let (_dir, root) = tree(&[("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")]);
        let (clock, stop) = (Clock::start(), picollect_metering::stop::Stop::default());
        let board = Board::read(&root);
        let model = PowerModel::choose(None, &board, 4);
        let meter = Metered::start(Box::new(Shows(shown)), clock.clone(), stop.clone()).unwrap();
        let mut sampler = Sampler::new(Duration::from_secs(1), board, clock.clone());
        while shown.is_ok() && !meter.take().is_ok_and(|point| point.metered_s > 0.0) {
            std::thread::sleep(Duration::from_millis(1));
        }
        sampler.take_over(vec![meter], model, true, Vec::new());
        let mut writer = LineWriter::new(&[]);
        let spoke = |second: &u64| {
            sampler.sample(Duration::from_secs(*second), clock.stamps(), Counts::default(), &mut writer);
            String::from_utf8(writer.take().0).unwrap().contains("source=estimated")
        };
        let spoken = seconds.filter(spoke).collect();
        stop.order();
        spoken
    }

    #[test]
    fn the_model_stands_in_for_a_meter_that_never_measures_and_for_no_other() {
        assert_eq!(model_beside(Err(picollect_telemetry::NoData::Failed), 0..8), [5, 6, 7]);
        assert!(model_beside(Ok(3.0), 0..8).is_empty());
    }

    #[test]
    fn the_nodes_power_is_measured_before_estimated_widest_first_and_never_a_rail() {
        let shown = |meters: &[(Source, Boundary, f64)]| {
            let (mut primary, mut status) = (Primary::default(), Status::default());
            for &(source, boundary, mean_w) in meters {
                let power = Some(PowerRange { mean_w, least_w: mean_w, greatest_w: mean_w });
                let at = Duration::ZERO;
                let point = EnergyPoint { at, since: at, joules: 0.0, metered_s: 1.0, power };
                primary.consider(
                    &MeterName { meter: String::new(), source, boundary },
                    Ok(point),
                    &mut status,
                );
            }
            (status.watts, status.estimated)
        };
        let rail = (Source::Measured, Boundary::Rail, 1.0);
        let (rails, node) =
            ((Source::Measured, Boundary::SocRails, 2.0), (Source::Measured, Boundary::Node, 3.0));
        let estimate = (Source::Estimated, Boundary::Node, 4.0);
        assert_eq!(shown(&[rail, rails, node, estimate]), (Some(3.0), false));
        assert_eq!(shown(&[estimate, rails]), (Some(2.0), false));
        assert_eq!(shown(&[rail, estimate]), (Some(4.0), true));
        assert_eq!(shown(&[rail, rail]), (None, false));
    }

    fn two_ticks(root: &Root, between: impl Fn(&std::path::Path)) -> String {
        let board = Board::read(root);
        let model = PowerModel::choose(None, &board, 4);
        let clock = Clock::start();
        let stamps = clock.stamps();
        let (interval, sensors) = (Duration::from_secs(1), discover(root));
        let mut sampler = Sampler::new(interval, board, clock);
        sampler.take_over(Vec::new(), model, false, sensors);
        let mut writer = LineWriter::new(&[("host", "n")]);
        sampler.sample(Duration::ZERO, stamps, Counts::default(), &mut writer);
        between(root.directory());
        sampler.sample(Duration::from_secs(1), stamps, Counts::default(), &mut writer);
        String::from_utf8(writer.take().0).unwrap()
    }
}

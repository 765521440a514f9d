//! Series to ask about: what a small cluster says in an hour and a quarter, with gaps, restarts and odd values.

use picollect_promql::{Labels, Sample, Series};

/// The first sample, Unix milliseconds.
pub(crate) const START_MS: i64 = 1_700_000_000_000;
/// No sample is later.
pub(crate) const END_MS: i64 = START_MS + 75 * 60 * 1000;

/// Even numbers that look like chance and are the same every time (Knuth's multiplier for 64 bits).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A sample at every interval, give or take some milliseconds; with gaps longer than the lookback.
fn times(chance: &mut Chance, interval_ms: i64, gaps: bool) -> Vec<i64> {
    let mut times = Vec::new();
    let mut t_ms = START_MS;
    while t_ms < END_MS {
        #[expect(clippy::cast_possible_truncation, reason = "less than a second")]
        times.push(t_ms + (chance.next() * 300.0) as i64);
        t_ms += interval_ms;
        if gaps && chance.next() < 0.01 {
            t_ms += 8 * 60 * 1000;
        }
    }
    times
}

fn series(pairs: &[(&str, &str)], samples: Vec<Sample>) -> Series {
    let pairs = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    Series { labels: Labels::new(pairs), samples }
}

fn gauge(chance: &mut Chance, interval_ms: i64, base: f64, spread: f64) -> Vec<Sample> {
    let times = times(chance, interval_ms, true);
    times.into_iter().map(|t_ms| Sample { t_ms, value: base + spread * (chance.next() - 0.5) }).collect()
}

fn counter(chance: &mut Chance, interval_ms: i64) -> Vec<Sample> {
    let mut total = 0.0;
    let times = times(chance, interval_ms, false);
    let mut step = |t_ms| {
        total = if chance.next() < 0.01 { chance.next() } else { total + 60.0 * chance.next() };
        Sample { t_ms, value: total }
    };
    times.into_iter().map(&mut step).collect()
}

/// Values of every odd kind, most of them not twice in a row.
fn odd(chance: &mut Chance) -> Vec<Sample> {
    let kinds = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -2.5, 1e300, -1e300, 1e-300, 7.0, 3.25];
    let times = times(chance, 20_000, true);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
    let mut pick = |t_ms| Sample { t_ms, value: kinds[(chance.next() * kinds.len() as f64) as usize] };
    times.into_iter().map(&mut pick).collect()
}

/// The upper bounds of a histogram's buckets.
const BOUNDS: [&str; 5] = ["0.1", "0.5", "1", "2.5", "+Inf"];

/// A classic histogram: each bucket counts what the one below does and more. One has no bucket up to infinity, and of
/// one a bucket counts less than a smaller one.
fn histogram(chance: &mut Chance, host: &str) -> Vec<Series> {
    let times: Vec<i64> = (START_MS..END_MS).step_by(15_000).collect();
    let mut counts = [0.0; BOUNDS.len()];
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); BOUNDS.len()];
    for t_ms in times {
        if chance.next() < 0.003 {
            counts = [0.0; BOUNDS.len()];
        }
        let mut below = 0.0;
        for (count, samples) in counts.iter_mut().zip(&mut samples) {
            below += (chance.next() * 8.0).floor();
            *count += below;
            samples.push(Sample { t_ms, value: *count });
        }
    }
    if host == "pi-2" {
        samples.swap(2, 3);
    }
    let with_end = host != "pi-3";
    let buckets = BOUNDS.iter().zip(samples).filter(|(bound, _)| with_end || **bound != "+Inf");
    let name = ("__name__", "request_seconds_bucket");
    buckets.map(|(bound, samples)| series(&[name, ("host", host), ("le", bound)], samples)).collect()
}

/// All series, in the order of their labels.
pub(crate) fn all() -> Vec<Series> {
    let mut chance = Chance(42);
    let mut all = Vec::new();
    for host in ["pi-1", "pi-2", "pi-3"] {
        for zone in ["0", "firmware"] {
            let labels = [("__name__", "temp_c"), ("host", host), ("zone", zone)];
            all.push(series(&labels, gauge(&mut chance, 10_000, 50.0, 40.0)));
        }
        for source in ["ina219", "model"] {
            let labels = [("host", host), ("source", source)];
            let named = |name| [[("__name__", name)].as_slice(), &labels].concat();
            all.push(series(&named("joules_total"), counter(&mut chance, 15_000)));
            all.push(series(&named("node_watts"), gauge(&mut chance, 15_000, 4.0, 9.0)));
        }
        all.push(series(&[("__name__", "odd_value"), ("host", host)], odd(&mut chance)));
        let model = if host == "pi-3" { "Pi 5" } else { "Pi 4" };
        let ones =
            times(&mut chance, 30_000, true).into_iter().map(|t_ms| Sample { t_ms, value: 1.0 }).collect();
        all.extend(histogram(&mut chance, host));
        all.push(series(&[("__name__", "board_info"), ("host", host), ("model", model)], ones));
    }
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    all
}

/// The series in the OpenMetrics text format, as `promtool tsdb create-blocks-from` reads it.
pub(crate) fn open_metrics(all: &[Series]) -> String {
    let mut text = String::new();
    for series in all {
        let labels = series.labels.iter().filter(|(name, _)| *name != "__name__");
        let labels: Vec<String> = labels.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        for sample in &series.samples {
            let (seconds, thousandths) = (sample.t_ms / 1000, sample.t_ms % 1000);
            let name = series.labels.get("__name__");
            let value = format!("{:?}", sample.value).replace("inf", "Inf");
            text += &format!("{name}{{{}}} {value} {seconds}.{thousandths:03}\n", labels.join(","));
        }
    }
    text + "# EOF\n"
}

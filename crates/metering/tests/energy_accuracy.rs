//! How exact the joules are: an INA219 at its registers, behind it a board that runs HPL, in virtual time.
//! Beside it what a poller makes of the same meter. The figures are in `docs/energy-accuracy.md`;
//! `UPDATE_GOLDEN=1` writes them anew.

use std::fmt::Write as _;
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_evaluate::energy::{EnergyPoint, of_epochs};
use picollect_evaluate::series::{Sample, integral};
use picollect_i2c_model::i2c_bus::SimulatedBus;
use picollect_i2c_model::ina219_model::{Ina219Model, Supply};
use picollect_metering::bus::group;
use picollect_metering::settings::MeterSettings;

const RUN_S: u64 = 600;
/// Idle before and after.
const WORK_S: std::ops::Range<f64> = 30.0..570.0;
const SHUNT_OHM: f64 = 0.1;

/// A Pi 4 under HPL: idle with short wake-ups; then all cores busy, a pause of 0.7 s for each panel that is
/// exchanged, and bursts of 100 ms at irregular times.
fn hpl(t: Duration) -> Supply {
    let burst_round = u64::try_from(t.as_micros() / 1_370_000).unwrap();
    let t = t.as_secs_f64();
    let phase = |period: f64| t % period;
    let amps = if WORK_S.contains(&t) {
        let burst_at = hash(burst_round) * 1.27;
        let base = if phase(3.1) < 0.7 { 0.82 } else { 1.27 };
        let burst = phase(1.37) - burst_at;
        if (0.0..0.1).contains(&burst) { base + 0.55 } else { base }
    } else if phase(7.3) < 0.1 {
        1.1
    } else {
        0.54
    };
    // The supply and its cable give way a little.
    Supply { volts: 5.15 - 0.12 * amps, amps }
}

/// Evenly spread over 0 to 1, the same in every run.
fn hash(n: u64) -> f64 {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The supply's energy between two moments, in steps of 200 µs.
fn exact_joules(from: Duration, to: Duration) -> f64 {
    let step = Duration::from_micros(200);
    let steps = u32::try_from(to.saturating_sub(from).as_nanos() / step.as_nanos()).unwrap();
    let watts = |at| {
        let Supply { volts, amps } = hpl(at);
        volts * amps
    };
    (0..steps).map(|n| watts(from + step * n + step / 2) * step.as_secs_f64()).sum()
}

struct Run {
    points: Vec<EnergyPoint>,
    since: Duration,
    until: Duration,
    /// What the chip's registers showed, summed over its conversions.
    sensor_joules: f64,
    transfers_per_s: f64,
}

/// The agent's own reader, with a push at this interval, on a chip whose clock is off by this factor.
fn metered(push: Duration, slowness: f64) -> Run {
    #[derive(serde::Deserialize)]
    struct File {
        meter: Vec<MeterSettings>,
    }
    let file: File =
        picollect_settings::parse("[[meter]]\nchip = \"ina219\"\naddress = 0x40\n", "t").unwrap();
    let bus = SimulatedBus::default();
    bus.plug_chip(0x40, Ina219Model::new(Box::new(hpl), SHUNT_OHM, Duration::ZERO).slower(slowness));
    let mut readers = group(&file.meter, None, |_| {
        let bus = bus.clone();
        Box::new(move || Ok(Box::new(bus.clone())))
    });
    let meter = readers[0].meters().remove(0).1;
    let (clock, mut next_push) = (bus.time.clone(), push);
    let (mut points, mut since, mut until) = (Vec::new(), Duration::ZERO, Duration::ZERO);
    let ms = |at: Duration| i64::try_from((at + Duration::from_micros(500)).as_millis()).unwrap();
    while clock.now() < Duration::from_secs(RUN_S) {
        readers[0].read_due(&|| clock.now());
        clock.pass_until(readers[0].next_due(clock.now()).min(next_push));
        if clock.now() >= next_push {
            let point = meter.lock().unwrap().take().unwrap();
            (since, until) = (point.since, point.at);
            let (total, metered_s) = ((point.joules * 1e6).round() / 1e6, point.metered_s);
            points.push(EnergyPoint { t_ms: ms(point.at), since_ms: ms(since), total, metered_s });
            next_push += push;
        }
    }
    let sensor_joules = bus.with_chip(0x40, |chip| chip.converted_joules()).unwrap();
    let transfers_per_s = bus.transfers() as f64 / RUN_S as f64;
    Run { points, since, until, sensor_joules, transfers_per_s }
}

/// What a poller makes of the same meter: a reading every 15 s, joined by straight lines; from each of
/// 150 moments to begin at, how far it is off in percent.
fn polled() -> Vec<f64> {
    let interval_s = 15;
    let of_phase = |phase_ms: u64| {
        let moments = (0..RUN_S / interval_s).map(|n| n * interval_s * 1000 + phase_ms);
        let sample = |ms| {
            let Supply { volts, amps } = hpl(Duration::from_millis(ms));
            Sample { t_ms: i64::try_from(ms).unwrap(), value: volts * amps }
        };
        let samples: Vec<_> = moments.map(sample).collect();
        let (first, last) = (samples[0].t_ms, samples[samples.len() - 1].t_ms);
        let window = Window { start_ms: first, end_ms: last };
        let moment = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap());
        let exact = exact_of(moment(first), moment(last));
        (integral(&samples, window, 15.0).value_s / exact - 1.0) * 100.0
    };
    (0..150).map(|n| of_phase(n * 100)).collect()
}

/// As [`exact_joules`], from a table, because 150 windows are asked for.
fn exact_of(from: Duration, to: Duration) -> f64 {
    use std::sync::OnceLock;
    static TABLE: OnceLock<Vec<f64>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let step = Duration::from_millis(100);
        let mut sum = 0.0;
        let mut table = vec![0.0];
        for n in 0..u32::try_from(RUN_S * 10).unwrap() {
            sum += exact_joules(step * n, step * (n + 1));
            table.push(sum);
        }
        table
    });
    let at = |moment: Duration| table[usize::try_from(moment.as_millis() / 100).unwrap()];
    at(to) - at(from)
}

/// How far the chip's own sum is off in stretches of ten seconds, typically, in percent: what its averaging
/// does not see, if it is configured like this.
fn unseen(configuration: u16) -> f64 {
    let mut chip = Ina219Model::new(Box::new(hpl), SHUNT_OHM, Duration::ZERO);
    let [high, low] = configuration.to_be_bytes();
    chip.write(&[0, high, low]);
    let mut before = (0.0, 0.0);
    let stretch = |n| {
        chip.advance(Duration::from_secs(10 * n));
        let now = (chip.converted_joules(), chip.exact_joules_converted());
        let off = percent_off(now.0 - before.0, now.1 - before.1);
        before = now;
        off
    };
    let off: Vec<f64> = (1..=RUN_S / 10).map(stretch).collect();
    (off.iter().map(|off| off * off).sum::<f64>() / off.len() as f64).sqrt()
}

fn percent_off(joules: f64, of: f64) -> f64 {
    (joules / of - 1.0) * 100.0
}

#[test]
fn joules_do_not_depend_on_the_push_interval_and_polling_is_far_off() {
    let mut page = String::from(PAGE);
    for push_s in [1, 15, 60] {
        let run = metered(Duration::from_secs(push_s), 1.0);
        let window = Window { start_ms: 0, end_ms: i64::try_from(RUN_S * 1000).unwrap() };
        let energy = of_epochs(&run.points, window).unwrap();
        let exact = exact_joules(run.since, run.until);
        let (of_sensor, of_exact) =
            (percent_off(energy.joules, run.sensor_joules), percent_off(energy.joules, exact));
        assert!(of_sensor.abs() < 0.1, "{push_s} s: {of_sensor} % off the sensor's own sum");
        assert!(of_exact.abs() < 0.1, "{push_s} s: {of_exact} % off the exact energy");
        assert!(energy.covered_s > RUN_S as f64 - 0.3, "{energy:?}");
        writeln!(
            page,
            "| agent, push every {push_s} s | {:.3} J | {:.3} J | {of_sensor:+.4} % | {exact:.3} J | {of_exact:+.4} % |",
            energy.joules, run.sensor_joules
        )
        .unwrap();
    }
    let off = polled();
    let (least, greatest) = off.iter().fold((f64::MAX, f64::MIN), |(a, b), off| (a.min(*off), b.max(*off)));
    let typical = (off.iter().map(|off| off * off).sum::<f64>() / off.len() as f64).sqrt();
    assert!(greatest - least > 5.0 && typical > 1.0, "{least} {greatest} {typical}");
    writeln!(
        page,
        "| polling every 15 s | | | | | {least:+.1} % to {greatest:+.1} %, typically ±{typical:.1} % |"
    )
    .unwrap();
    let (ours, both) = (unseen(0x39ff), unseen(0x3fff));
    assert!(ours * 3.0 < both, "{ours} {both}");
    page += NOTES;
    write!(
        page,
        "\nThe INA219 averages the shunt first and the bus voltage after it (datasheet SBOS448G, 8.3). With 128\n\
         samples of the shunt and one of the voltage, as the agent sets it, the chip's own sum over stretches\n\
         of ten seconds is typically {ours:.2} % off; with 128 of both, when the current goes unwatched half of\n\
         the time, {both:.2} %.\n"
    )
    .unwrap();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/energy-accuracy.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &page).unwrap();
    }
    let written = std::fs::read_to_string(golden).expect("docs/energy-accuracy.md; run with UPDATE_GOLDEN=1");
    assert!(written == page, "docs/energy-accuracy.md differs; run with UPDATE_GOLDEN=1\n{page}");
}

#[test]
fn a_chip_with_a_clock_of_its_own_is_followed_all_the_same() {
    for slowness in [0.93, 1.07] {
        let run = metered(Duration::from_secs(15), slowness);
        let last = run.points.last().unwrap();
        let off = percent_off(last.total, exact_joules(run.since, run.until));
        assert!(off.abs() < 0.1, "{slowness}: {off} %");
        assert!(run.transfers_per_s < 100.0, "{}", run.transfers_per_s);
    }
}

const PAGE: &str = "\
# How exact the joules are

Written by a test; this command reproduces every figure, and with `UPDATE_GOLDEN=1` before it writes
this page anew:

    cargo test -p picollect-agent --test agent energy_accuracy

An INA219 is simulated at its registers (128 samples averaged, 0.1 Ω; rounding to 10 µV and 4 mV as
in the chip). Behind it a Pi 4 runs HPL for nine of ten minutes: idle with short wake-ups, all cores
busy, a pause for each exchange of a panel, bursts of 100 ms at irregular times. The agent's own bus
reader reads it, in virtual time.

| who | says | sensor's own sum | off by | exact energy | off by |
|---|---|---|---|---|---|
";

const NOTES: &str = "
*Sensor's own sum*: what the registers showed, times the length of each conversion, over all
conversions; it holds half a conversion more at either end than the agent's total. *Exact energy*:
the integral of the supply's power over the time that the agent says it covers. *Polling*: the same
supply read every 15 s and joined by straight lines, begun at 150 different moments. The sensor's
gain and offset errors (±0.5 %, ±100 µV) come on top of all of these; `picollect agent calibrate`
removes most of them.
";

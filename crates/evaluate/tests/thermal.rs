//! The thermal fit against nodes whose model is known.

use picollect_evaluate::series::Sample;
use picollect_evaluate::thermal::{
    Drive, Fit, FullLoad, Headroom, NoFit, first_limit_c, fit, headroom, seconds_to_limit, steady_state_c,
};
use picollect_evaluate::throttle::{Flags, Moment};
use proptest::prelude::*;

/// A node that idles, works and idles again, read by a thermometer with steps of half a kelvin.
#[derive(Debug, Clone, Copy)]
struct Node {
    resistance: f64,
    time_constant_s: f64,
    ambient_c: f64,
    idle: f64,
    load: f64,
    /// Half the width of the noise of the thermometer, K.
    noise_k: f64,
    /// Half the width of the noise of each sample of the drive.
    drive_noise: f64,
}

const NODE: Node = Node {
    resistance: 6.0,
    time_constant_s: 90.0,
    ambient_c: 24.0,
    idle: 2.5,
    load: 6.5,
    noise_k: 0.4,
    drive_noise: 0.3,
};

/// A stream of numbers from −1 to 1 that look random (the multiplier and increment are Knuth's).
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

impl Node {
    /// Temperatures and drive every `interval_s`: the drive is the mean since the sample before, with
    /// noise in the reading only. The node works from one to four time constants of eight.
    fn watch(self, interval_s: u32, seed: u64) -> (Vec<Sample>, Vec<Sample>) {
        let mut random = noise(seed);
        let count = (8.0 * self.time_constant_s / f64::from(interval_s)).ceil();
        let mut temp_c = self.ambient_c + self.resistance * self.idle;
        let (mut temps, mut drives) = (Vec::new(), Vec::new());
        let decay = (-f64::from(interval_s) / self.time_constant_s).exp();
        let mut second = 0;
        while f64::from(second) < count * f64::from(interval_s) {
            let phase = f64::from(second) / self.time_constant_s;
            let drive = if (1.0..4.0).contains(&phase) { self.load } else { self.idle };
            temp_c = decay * temp_c + (1.0 - decay) * (self.ambient_c + self.resistance * drive);
            second += interval_s;
            let t_ms = i64::from(second) * 1000;
            let read = ((temp_c + self.noise_k * random()) * 2.0).round() / 2.0;
            temps.push(Sample { t_ms, value: read });
            drives.push(Sample { t_ms, value: drive + self.drive_noise * random() });
        }
        (temps, drives)
    }

    fn fit(self, interval_s: u32, seed: u64) -> Result<Fit, NoFit> {
        let (temps, drives) = self.watch(interval_s, seed);
        fit(&temps, Drive::Watts, &drives, f64::from(interval_s))
    }
}

fn close(a: f64, b: f64, share: f64) -> bool {
    (a - b).abs() <= share * b.abs()
}

fn nodes() -> impl Strategy<Value = Node> {
    (2.0..15.0f64, 45.0..300.0f64, -10.0..40.0f64, 1.0..4.0f64, 2.0..6.0f64).prop_map(
        |(resistance, time_constant_s, ambient_c, idle, more)| {
            let load = idle + more.max(12.0 / resistance);
            let drive_noise = 0.05 * (load - idle);
            Node { resistance, time_constant_s, ambient_c, idle, load, drive_noise, ..NODE }
        },
    )
}

/// Any bits at all, and values that could be real.
fn nasty() -> impl Strategy<Value = Vec<Sample>> {
    let value = prop_oneof![any::<f64>(), -50.0..150.0f64, Just(f64::NAN), Just(f64::INFINITY)];
    let t_ms = prop_oneof![9 => 0..200_000i64, 1 => any::<i64>()];
    proptest::collection::vec((t_ms, value).prop_map(|(t_ms, value)| Sample { t_ms, value }), 0..200)
}

proptest! {
    // Each case is a fit of some thousand readings, which takes its time without optimisation.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn the_model_of_a_noisy_node_is_found_again(
        node in nodes(),
        interval_s in prop::sample::select(vec![1, 10]),
        seed in any::<u64>(),
    ) {
        let got = node.fit(interval_s, seed);
        let fit = got.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(close(fit.resistance, node.resistance, 0.15), "{fit:?}");
        prop_assert!(close(fit.time_constant_s, node.time_constant_s, 0.25), "{fit:?}");
        // Where a line through the drives ends at none: off by as much as the resistance is.
        let slack_k = 0.3 + 0.1 * node.resistance * node.load;
        prop_assert!((fit.ambient_c - node.ambient_c).abs() < slack_k, "{fit:?}");
        // The noise of the drive is the thermometer's noise too, times the resistance.
        prop_assert!(fit.r2 > 0.95 && fit.rms_c < 0.4 + 0.06 * node.resistance, "{fit:?}");
    }

    #[test]
    fn a_warmer_room_moves_the_ambient_temperature_only(more in -40i8..40, seed in any::<u64>()) {
        let (temps, drives) = NODE.watch(1, seed);
        let warmer = |sample: &Sample| Sample { value: sample.value + f64::from(more), ..*sample };
        let warmer: Vec<Sample> = temps.iter().map(warmer).collect();
        let before = fit(&temps, Drive::Watts, &drives, 1.0).unwrap();
        let after = fit(&warmer, Drive::Watts, &drives, 1.0).unwrap();
        prop_assert!(close(after.resistance, before.resistance, 1e-6));
        prop_assert!(close(after.time_constant_s, before.time_constant_s, 1e-6));
        prop_assert!((after.ambient_c - before.ambient_c - f64::from(more)).abs() < 1e-4);
    }

    #[test]
    fn neither_order_nor_repetition_matter(seed in any::<u64>(), order in any::<i64>()) {
        let (mut temps, mut drives) = NODE.watch(10, seed);
        let want = fit(&temps, Drive::Watts, &drives, 10.0);
        for samples in [&mut temps, &mut drives] {
            samples.extend_from_within(..);
            samples.sort_by_key(|sample| sample.t_ms.wrapping_mul(order | 1).rotate_left(17));
        }
        prop_assert_eq!(fit(&temps, Drive::Watts, &drives, 10.0), want);
    }
}

proptest! {
    #[test]
    fn nothing_that_comes_in_makes_it_panic_or_give_what_is_no_number(
        temps in nasty(),
        drives in nasty(),
        interval_s in prop_oneof![Just(1.0), Just(10.0), any::<f64>()],
        drive in any::<f64>(),
        limit_c in any::<f64>(),
    ) {
        if let Ok(fit) = fit(&temps, Drive::Watts, &drives, interval_s) {
            let all = [fit.resistance, fit.prompt, fit.time_constant_s, fit.ambient_c, fit.r2, fit.rms_c];
            prop_assert!(all.into_iter().all(f64::is_finite), "{fit:?}");
        }
        let fit = NODE.fit(10, 1).unwrap();
        let room = headroom(&fit, limit_c, drive);
        let wait_s = seconds_to_limit(&fit, 20.0, drive, limit_c);
        let all = [room.map(|room| room.headroom_k), room.map(|room| room.headroom_w), wait_s];
        prop_assert!(all.into_iter().flatten().all(f64::is_finite), "{all:?}");
        prop_assert!(wait_s.is_none_or(|seconds| seconds >= 0.0) && steady_state_c(&fit, drive).is_none_or(f64::is_finite));
    }
}

#[test]
fn a_gap_in_either_series_is_not_bridged_and_does_no_harm() {
    let (temps, drives) = NODE.watch(1, 7);
    let without = |samples: &[Sample], gap: std::ops::Range<i64>| {
        let keep = |sample: &&Sample| !gap.contains(&(sample.t_ms / 1000));
        samples.iter().filter(keep).copied().collect::<Vec<_>>()
    };
    // The drive changes at 90 s and at 360 s: what happened in these gaps cannot be known.
    let (temps, drives) = (without(&temps, 80..130), without(&drives, 350..400));
    let fit = fit(&temps, Drive::Watts, &drives, 1.0).unwrap();
    assert!(close(fit.resistance, NODE.resistance, 0.05), "{fit:?}");
    assert!(close(fit.time_constant_s, NODE.time_constant_s, 0.1), "{fit:?}");
}

#[test]
fn the_end_is_told_right_for_a_chip_that_is_faster_than_its_board() {
    // 2 K/W between chip and board within 4 s, 6 K/W between board and air: 76 °C at 6.5 W.
    let board = Node { noise_k: 0.0, time_constant_s: 120.0, ..NODE };
    for interval_s in [1, 10] {
        let (mut temps, drives) = board.watch(interval_s, 2);
        let (mut chip_k, mut random) = (2.0 * board.idle, noise(3));
        let share = 1.0 - (-f64::from(interval_s) / 4.0).exp();
        for (temp, drive) in temps.iter_mut().zip(&drives) {
            chip_k += share * (2.0 * drive.value - chip_k);
            temp.value = ((temp.value + chip_k + 0.4 * random()) * 2.0).round() / 2.0;
        }
        let fit = fit(&temps, Drive::Watts, &drives, f64::from(interval_s)).unwrap();
        assert!(close(fit.resistance, 8.0, 0.05) && close(fit.prompt, 2.0, 0.2), "{fit:?}");
        assert!((steady_state_c(&fit, 6.5).unwrap() - 76.0).abs() < 1.0, "{fit:?}");
    }
}

#[test]
fn the_load_drives_where_no_power_is_known() {
    let node = Node { resistance: 30.0, idle: 0.05, load: 1.0, drive_noise: 0.02, ..NODE };
    let (temps, drives) = node.watch(1, 3);
    let fit = fit(&temps, Drive::Load, &drives, 1.0).unwrap();
    assert_eq!(fit.drive, Drive::Load);
    assert!(close(fit.resistance, 30.0, 0.05), "{fit:?}");
    let full_c = steady_state_c(&fit, 1.0).unwrap();
    assert!((full_c - 54.0).abs() < 1.0, "{full_c}");
}

#[test]
fn what_cannot_be_known_is_a_reason_and_not_a_number() {
    let (temps, drives) = NODE.watch(1, 5);
    let reason = |temps: &[Sample], drives: &[Sample]| fit(temps, Drive::Watts, drives, 1.0).unwrap_err();
    assert_eq!(reason(&temps[..20], &drives), NoFit::TooFew { readings: 19 });
    assert_eq!(reason(&temps, &[]), NoFit::TooFew { readings: 0 });
    assert!(matches!(reason(&temps[..60], &drives), NoFit::Flat { .. }));

    // A node that is hot when it has nothing to do, one that ignores its power, and one that was
    // switched off before it was warm.
    let negative: Vec<Sample> = drives.iter().map(|s| Sample { value: 9.0 - s.value, ..*s }).collect();
    assert_eq!(reason(&temps, &negative), NoFit::NotPhysical);
    let mut random = noise(9);
    let own_will: Vec<Sample> = temps.iter().map(|s| Sample { value: 45.0 + 5.0 * random(), ..*s }).collect();
    assert!(matches!(reason(&own_will, &drives), NoFit::Poor { r2 } if r2 < 0.5));
    let slow = Node { time_constant_s: 3000.0, ..NODE };
    let (temps, drives) = slow.watch(10, 5);
    let part = &temps[250..500];
    let got = fit(part, Drive::Watts, &drives, 10.0).unwrap_err();
    assert!(matches!(got, NoFit::Unresolved { .. }), "{got:?}");
}

#[test]
fn warming_up_under_a_steady_load_does_not_tell_the_ambient_from_the_resistance() {
    let steady = Node { idle: 6.0, load: 6.0, ..NODE };
    for drive_noise in [0.0, 0.3] {
        let (_, drives) = Node { drive_noise, ..steady }.watch(1, 5);
        let warming = |sample: &Sample| {
            let rest = (-(sample.t_ms as f64) / 90_000.0).exp();
            Sample { value: (2.0 * (60.0 - 36.0 * rest)).round() / 2.0, ..*sample }
        };
        let temps: Vec<Sample> = drives.iter().map(warming).collect();
        assert_eq!(fit(&temps, Drive::Watts, &drives, 1.0), Err(NoFit::SteadyDrive), "{drive_noise}");
    }
}

#[test]
fn a_week_of_seconds_is_thinned_out_and_still_gives_the_model() {
    let (mut temps, mut drives) = (Vec::new(), Vec::new());
    let (day, day_drives) = NODE.watch(1, 11);
    let length_ms = 1000 * i64::try_from(day.len()).unwrap();
    for repeat in 0..600_000 / i64::try_from(day.len()).unwrap() {
        let later = |s: &Sample| Sample { t_ms: s.t_ms + repeat * length_ms, ..*s };
        temps.extend(day.iter().map(later));
        drives.extend(day_drives.iter().map(later));
    }
    let fit = fit(&temps, Drive::Watts, &drives, 1.0).unwrap();
    assert!(close(fit.resistance, NODE.resistance, 0.05), "{fit:?}");
    assert!(close(fit.time_constant_s, NODE.time_constant_s, 0.1), "{fit:?}");
}

#[test]
fn headroom_is_what_is_left_of_the_limit_in_kelvins_and_in_watts() {
    let fit = Fit {
        drive: Drive::Watts,
        resistance: 8.0,
        prompt: 0.0,
        time_constant_s: 100.0,
        ambient_c: 24.0,
        r2: 0.99,
        rms_c: 0.3,
    };
    assert_eq!(steady_state_c(&fit, 6.0), Some(72.0));
    assert_eq!(headroom(&fit, 80.0, 6.0), Some(Headroom { headroom_k: 8.0, headroom_w: 1.0 }));
    assert_eq!(headroom(&fit, 80.0, 8.0), Some(Headroom { headroom_k: -8.0, headroom_w: -1.0 }));
    // Towards 88 °C from 24 °C it is half way, at 56 °C, after ln 2 time constants.
    let half_way_s = seconds_to_limit(&fit, 24.0, 8.0, 56.0).unwrap();
    assert!((half_way_s - 69.3147).abs() < 1e-3);
    assert_eq!(seconds_to_limit(&fit, 24.0, 7.0, 80.0), None);
    assert_eq!(seconds_to_limit(&fit, 81.0, 1.0, 80.0), Some(0.0));
}

/// A node that idles for `idle_s` and then works for ten minutes, slowed down by its firmware from 80 °C
/// until it is at 79 °C again.
fn held_at_its_limit(
    resistance: f64,
    ambient_c: f64,
    idle_s: i64,
) -> (Vec<Sample>, Vec<Sample>, Vec<Moment>) {
    let (mut temps, mut watts, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    let (mut temp_c, mut throttled) = (ambient_c + resistance * 2.5, false);
    let decay = (-1.0_f64 / 60.0).exp();
    for second in 1..=idle_s + 600 {
        let busy = second > idle_s;
        throttled = busy && if throttled { temp_c > 79.0 } else { temp_c >= 80.0 };
        let drive = match (busy, throttled) {
            (false, _) => 2.5,
            (true, false) => 6.4,
            (true, true) => 4.1,
        };
        temp_c = decay * temp_c + (1.0 - decay) * (ambient_c + resistance * drive);
        let t_ms = second * 1000;
        temps.push(Sample { t_ms, value: (temp_c * 2.0).round() / 2.0 });
        watts.push(Sample { t_ms, value: drive });
        let flags = Flags { throttled: Some(throttled), under_voltage: Some(false), ..Flags::default() };
        let busy_cores = Some(if busy { 4.0 } else { 0.02 });
        moments.push(Moment { t_ms, flags, busy_cores, cores: Some(4.0), ..Moment::default() });
    }
    (temps, watts, moments)
}

#[test]
fn a_node_that_the_firmware_holds_at_its_limit_is_not_told_that_it_stays_below_it() {
    let (temps, watts, moments) = held_at_its_limit(11.05, 24.8, 300);
    let fit = fit(&temps, Drive::Watts, &watts, 1.0).unwrap();
    let full = FullLoad::of_node(&watts, &moments, 1.0).unwrap();
    let FullLoad::Own(full_w) = full else { panic!("{full:?}") };
    assert!(close(full_w, 6.4, 1e-9), "{full_w}");
    let room_k = headroom(&fit, 80.0, full_w).unwrap().headroom_k;
    assert!((room_k - (80.0 - (24.8 + 11.05 * 6.4))).abs() < 1.5, "{room_k}");
}

#[test]
fn only_the_models_with_a_soft_limit_are_slowed_down_at_60_degrees() {
    let limit = |model| first_limit_c(Some(model));
    assert_eq!(limit("Raspberry Pi 3 Model B Plus Rev 1.3"), Some(60.0));
    assert_eq!(limit("Raspberry Pi 3 Model A Plus Rev 1.0"), Some(60.0));
    assert_eq!(limit("Raspberry Pi 3 Model B Rev 1.2"), Some(80.0));
    assert_eq!(limit("Raspberry Pi 5 Model B Rev 1.0"), Some(80.0));
    assert_eq!(limit("simulated 4-core board"), Some(80.0));
    assert_eq!(limit("HP ProLiant MicroServer"), None);
    assert_eq!(first_limit_c(None), None);
}

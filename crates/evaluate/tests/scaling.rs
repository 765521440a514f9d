//! Speed-ups and their laws against runs whose law is known.

use picollect_evaluate::scaling::{
    At, BEOWULF_1994, Basis, Fit, NoFit, Point, Scaling, Share, Spread, scaling,
};
use proptest::prelude::*;

fn timed(nodes: u32, seconds: f64) -> Point {
    Point { nodes, seconds: Some(seconds), ..Point::default() }
}

fn metered(nodes: u32, seconds: f64, joules: f64) -> Point {
    Point { joules: Some(joules), ..timed(nodes, seconds) }
}

fn at(scaling: &Scaling, nodes: u32) -> At {
    *scaling.by_nodes.iter().find(|at| at.nodes == nodes).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9 * b.abs().max(1.0)
}

#[test]
fn the_first_beowulf_is_found_again() {
    let beowulf = scaling(&BEOWULF_1994).unwrap();
    assert_eq!((beowulf.base_nodes, beowulf.basis, beowulf.same_work), (1, Basis::Rates, None));
    let all = at(&beowulf, 16);
    assert!(close(all.speedup.unwrap().median, 40.0 / 3.0));
    assert!(close(all.efficiency.unwrap(), 5.0 / 6.0));
    // (1/13.33 − 1/16)/(1 − 1/16)
    assert!(close(all.karp_flatt.unwrap(), 0.0125 / 0.9375));
    let amdahl = beowulf.amdahl.unwrap();
    // With a single speed-up the serial share is Karp and Flatt's, and nothing says how sure it is.
    assert!(close(amdahl.parallel, 1.0 - 0.0125 / 0.9375));
    assert_eq!(amdahl.interval, None);
    assert!(close(amdahl.limit().unwrap(), 75.0));
    let gustafson = beowulf.gustafson.unwrap();
    assert!(close(gustafson.parallel, (40.0 / 3.0 - 1.0) / 15.0));
    assert_eq!(gustafson.limit(), None);
    assert!(close(gustafson.speedup(16).unwrap(), 40.0 / 3.0));
}

#[test]
fn the_figures_of_a_small_cluster_agree_with_the_pocket_calculator() {
    let runs = [
        metered(1, 100.0, 500.0),
        metered(2, 60.0, 600.0),
        metered(2, 50.0, 500.0),
        metered(2, 52.0, 520.0),
        metered(4, 40.0, 800.0),
    ];
    let got = scaling(&runs).unwrap();
    assert_eq!((got.basis, got.same_work, got.least_edp_nodes), (Basis::Times, None, Some(2)));
    let two = at(&got, 2);
    assert_eq!(two.runs, 3);
    assert_eq!(two.seconds, Some(Spread { median: 52.0, min: 50.0, max: 60.0 }));
    assert_eq!(two.speedup, Some(Spread { median: 100.0 / 52.0, min: 100.0 / 60.0, max: 2.0 }));
    assert_eq!(two.efficiency, Some(50.0 / 52.0));
    assert_eq!(two.energy_efficiency, Some(500.0 / 520.0));
    assert_eq!((two.edp_js, two.ed2p_js2), (Some(27_040.0), Some(1_406_080.0)));
    let one = at(&got, 1);
    assert_eq!((one.efficiency, one.energy_efficiency, one.karp_flatt), (Some(1.0), Some(1.0), None));
    // (1/2.5 − 1/4)/(1 − 1/4)
    assert!(close(at(&got, 4).karp_flatt.unwrap(), 0.2));
}

#[test]
fn without_a_single_node_everything_is_relative_to_the_fewest_and_no_law_is_fitted() {
    let got = scaling(&[timed(8, 30.0), timed(2, 100.0), timed(4, 60.0)]).unwrap();
    assert_eq!(got.base_nodes, 2);
    assert_eq!(at(&got, 2).speedup.unwrap().median, 1.0);
    assert_eq!(at(&got, 8).efficiency, Some(100.0 / 30.0 / 4.0));
    assert_eq!(at(&got, 8).karp_flatt, None);
    assert_eq!(got.amdahl, Err(NoFit::NoSingleNode { base_nodes: 2 }));
    assert_eq!(got.gustafson, Err(NoFit::NoSingleNode { base_nodes: 2 }));
}

#[test]
fn one_number_of_nodes_is_no_speedup_and_no_figure_is_no_verdict() {
    let got = scaling(&[timed(1, 100.0), timed(1, 101.0)]).unwrap();
    assert_eq!(got.amdahl, Err(NoFit::NoSpeedup));
    assert_eq!(scaling(&[]), None);
    assert_eq!(scaling(&[timed(0, 1.0), timed(2, -1.0), timed(3, f64::NAN), Point::default()]), None);
}

#[test]
fn work_that_grows_with_the_nodes_is_compared_by_its_rate_and_its_energy_by_unit_of_work() {
    let run = |nodes: u32, seconds, rate, joules| Point {
        rate: Some(rate),
        joules: Some(joules),
        ..timed(nodes, seconds)
    };
    // Four nodes do three and a half times the work in the same time, for four times the energy.
    let got = scaling(&[run(1, 100.0, 1e9, 500.0), run(4, 100.0, 3.5e9, 2000.0)]).unwrap();
    let four = at(&got, 4);
    assert_eq!((got.basis, four.speedup.unwrap().median), (Basis::Rates, 3.5));
    assert!(close(four.energy_efficiency.unwrap(), 3.5 / 4.0));
    assert_eq!((got.same_work, got.least_edp_nodes), (Some(false), None));
    let got = scaling(&[run(1, 100.0, 1e9, 500.0), run(4, 28.5, 3.5e9, 580.0)]).unwrap();
    assert_eq!((got.same_work, got.least_edp_nodes), (Some(true), Some(4)));
}

#[test]
fn a_superlinear_speedup_is_shown_as_it_is_and_called_implausible() {
    let got = scaling(&[timed(1, 100.0), timed(2, 45.0), timed(4, 21.0)]).unwrap();
    assert!(at(&got, 4).efficiency.unwrap() > 1.0);
    assert!(at(&got, 4).karp_flatt.unwrap() < 0.0);
    let amdahl = got.amdahl.unwrap();
    assert!(amdahl.parallel > 1.0);
    assert_eq!((amdahl.share(), amdahl.limit()), (Share::Superlinear, None));
    assert!(got.gustafson.unwrap().parallel > 1.0);
}

#[test]
fn nodes_that_make_it_slower_are_no_superlinear_speedup() {
    let got = scaling(&[timed(1, 100.0), timed(2, 110.0), timed(4, 130.0)]).unwrap();
    for fit in [got.amdahl.unwrap(), got.gustafson.unwrap()] {
        assert!(fit.parallel < 0.0, "{fit:?}");
        assert_eq!(fit.share(), Share::Slowdown);
    }
    let plain = scaling(&[timed(1, 100.0), timed(2, 55.0), timed(4, 30.0)]).unwrap();
    assert_eq!(plain.amdahl.unwrap().share(), Share::Plausible);
}

/// Runs on these nodes that follow a law, each off by its share.
fn runs(law: impl Fn(f64) -> f64, nodes: &[u32], off: &[f64]) -> Vec<Point> {
    let run = |(&nodes, off): (&u32, &f64)| Point {
        nodes,
        rate: Some(1e9 * law(f64::from(nodes)) * (1.0 + off)),
        ..Point::default()
    };
    nodes.iter().zip(off).map(run).collect()
}

const NODES: [u32; 8] = [1, 2, 3, 4, 6, 8, 12, 16];

/// Relative errors of up to 3 % of every run but the base's.
fn errors() -> impl Strategy<Value = [f64; 8]> {
    proptest::array::uniform8(-0.03..0.03f64).prop_map(|mut off| {
        off[0] = 0.0;
        off
    })
}

fn finite(scaling: &Scaling) -> bool {
    let fits = [&scaling.amdahl, &scaling.gustafson];
    let of_fit = |fit: &Fit| {
        let (low, high) = fit.interval.unwrap_or_default();
        let predicted = [1, 16, u32::MAX].map(|nodes| fit.speedup(nodes).unwrap_or_default());
        [fit.parallel, low, high, fit.rms_share, fit.limit().unwrap_or_default()]
            .into_iter()
            .chain(predicted)
            .all(f64::is_finite)
    };
    let spread = |spread: Option<Spread>| {
        spread.is_none_or(|s| s.min <= s.median && s.median <= s.max && s.max.is_finite())
    };
    fits.into_iter().flatten().all(of_fit)
        && scaling.by_nodes.iter().all(|at| {
            let one = [at.efficiency, at.energy_efficiency, at.edp_js, at.ed2p_js2, at.karp_flatt];
            let spreads = [at.seconds, at.rate, at.joules, at.speedup];
            one.into_iter().flatten().all(f64::is_finite) && spreads.into_iter().all(spread)
        })
}

/// Real values and every special one.
fn nasty() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of(prop_oneof![any::<f64>(), 0.1..1e6f64, Just(f64::MAX), Just(f64::MIN_POSITIVE)])
}

proptest! {
    #[test]
    fn amdahls_share_is_found_again(parallel in 0.5..0.999f64, off in errors()) {
        let law = |n: f64| 1.0 / (1.0 - parallel + parallel / n);
        let fit = scaling(&runs(law, &NODES, &off)).unwrap().amdahl.unwrap();
        // Three per cent of a speed-up S are a share of 0.03/S/(1 − 1/N) of the work: at most 0.03.
        prop_assert!((fit.parallel - parallel).abs() < 0.03, "{fit:?}");
        prop_assert!(fit.rms_share < 0.03);
        prop_assert!(close(fit.speedup(1).unwrap(), 1.0));
    }

    #[test]
    fn gustafsons_share_is_found_again(parallel in 0.1..1.0f64, off in errors()) {
        let law = |n: f64| 1.0 - parallel + parallel * n;
        let fit = scaling(&runs(law, &NODES, &off)).unwrap().gustafson.unwrap();
        prop_assert!((fit.parallel - parallel).abs() < 0.06, "{fit:?}");
        prop_assert!(close(fit.speedup(1).unwrap(), 1.0));
    }

    #[test]
    fn exact_runs_give_the_exact_share(parallel in -0.5..1.0f64) {
        let gustafson = |n: f64| 1.0 - parallel + parallel * n;
        let amdahl = |n: f64| 1.0 / (1.0 - parallel + parallel / n);
        let nodes = [1, 2];
        let fit = scaling(&runs(amdahl, &nodes, &[0.0; 2])).unwrap().amdahl.unwrap();
        prop_assert!((fit.parallel - parallel).abs() < 1e-9 && fit.rms_share < 1e-9);
        let fit = scaling(&runs(gustafson, &nodes, &[0.0; 2])).unwrap().gustafson.unwrap();
        prop_assert!((fit.parallel - parallel).abs() < 1e-9 && fit.rms_share < 1e-9);
    }

    #[test]
    fn neither_order_nor_repetition_matter(off in errors(), repeats in errors(), seed in any::<u64>()) {
        let law = |n: f64| 1.0 / (0.1 + 0.9 / n);
        let mut points = runs(law, &NODES, &off);
        points.extend(runs(law, &NODES, &repeats));
        let want = scaling(&points).unwrap();
        points.extend_from_within(..);
        points.sort_by_key(|point| point.rate.unwrap().to_bits().wrapping_mul(seed | 1).rotate_left(17));
        let mut got = scaling(&points).unwrap();
        for at in &mut got.by_nodes {
            at.runs /= 2;
        }
        prop_assert_eq!(got, want);
    }

    #[test]
    fn what_comes_out_is_always_a_number(
        points in proptest::collection::vec((0..6u32, nasty(), nasty(), nasty()), 0..20),
    ) {
        let point = |(nodes, seconds, rate, joules)| Point { nodes, seconds, rate, joules };
        let got = scaling(&points.into_iter().map(point).collect::<Vec<_>>());
        prop_assert!(got.as_ref().is_none_or(finite), "{got:?}");
    }
}

#[test]
fn the_interval_holds_the_true_share_in_about_95_of_100_cases() {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    // The sum of twelve uniform numbers is as good as normal; 2 % of it.
    let mut normal = || 0.02 * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0);
    let holds = |fit: Result<Fit, NoFit>, parallel: f64| {
        let (low, high) = fit.unwrap().interval.unwrap();
        u32::from((low..=high).contains(&parallel))
    };
    let (mut amdahl, mut gustafson) = (0, 0);
    for _ in 0..1000 {
        let mut off = [0.0; 8].map(|_: f64| normal());
        off[0] = 0.0;
        let of_amdahl = scaling(&runs(|n| 1.0 / (0.05 + 0.95 / n), &NODES, &off)).unwrap();
        let of_gustafson = scaling(&runs(|n| 0.05 + 0.95 * n, &NODES, &off)).unwrap();
        amdahl += holds(of_amdahl.amdahl, 0.95);
        gustafson += holds(of_gustafson.gustafson, 0.95);
    }
    assert!((930..=970).contains(&amdahl) && (930..=970).contains(&gustafson), "{amdahl} {gustafson}");
}

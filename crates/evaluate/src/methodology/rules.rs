//! The rules themselves: limits, verdicts and the phrases that go with them.
//!
//! Every comparison is written so that it holds for what passes; a figure that is no number passes nothing.

use picollect_telemetry::{Boundary, Source};

use super::{Check, Facts, Interconnect, Level, Rule, Verdict};

/// Samples per second at levels 1 and 2.
const SAMPLES_PER_S: f64 = 1.0;
/// Samples per second of a DC meter at level 3.
const DC_SAMPLES_PER_S: f64 = 120.0;
/// Samples per second of an AC meter at level 3: a hundred in a period of 50 Hz.
const AC_SAMPLES_PER_S: f64 = 5_000.0;
/// Level 1: a reading stands for no more than this share of the core phase.
const INTERVAL_SHARE: f64 = 0.1;
/// Level 2: readings in the core phase.
const READINGS: usize = 10;
/// Level 3: seconds of the core phase without energy at its beginning and end together.
const UNCOVERED_S: f64 = 10.0;
/// Shortest core phase in seconds.
const CORE_S: f64 = 60.0;
/// Level 1: a part of this power is enough whatever the rest, in watts.
const ENOUGH_W: f64 = 40_000.0;
/// Levels 1 and 2: a part has at least so many nodes; a smaller machine is measured whole at level 2.
const PART_NODES: usize = 15;

/// A rule at a level.
pub(super) fn check(rule: Rule, level: Level, facts: &Facts) -> Check {
    let (verdict, figure) = match rule {
        Rule::MeterAccuracy => meter_accuracy(level, facts),
        Rule::Sampling if level == Level::Three => counting(facts),
        Rule::Sampling => sampling(facts),
        Rule::Readings => readings(level, facts),
        Rule::MachinePart => machine_part(level, facts),
        Rule::Interconnect => interconnect(level, facts),
        Rule::CorePhase => core_phase(facts),
        Rule::ConversionLoss => conversion_loss(facts),
    };
    Check { rule, level, verdict, figure }
}

type Judged = (Verdict, String);

fn not_known(what: &str) -> Judged {
    (Verdict::NotKnown, format!("{what} not known"))
}

/// The phrase for what is kept, or the one for what is not.
fn judged(kept: bool, pass: String, fail: String) -> Judged {
    if kept { (Verdict::Pass, pass) } else { (Verdict::Fail, fail) }
}

fn meter_accuracy(level: Level, facts: &Facts) -> Judged {
    let limit = match level {
        Level::One => 0.05,
        Level::Two => 0.02,
        Level::Three => 0.01,
    };
    match (facts.source, facts.accuracy_ratio) {
        (Some(source @ (Source::Estimated | Source::Simulated)), _) => {
            (Verdict::Fail, format!("{source} power"))
        }
        (None, _) => not_known("source of the power"),
        (Some(Source::Measured), None) => not_known("meter accuracy"),
        (Some(Source::Measured), Some(ratio)) => {
            let figure = format!("±{} %", short(ratio * 100.0));
            let fail = format!("meter accuracy {figure}, more than {} %", short(limit * 100.0));
            judged(ratio <= limit, format!("meter accuracy {figure}"), fail)
        }
    }
}

/// An energy counter samples by itself, however rarely it is read.
fn sampling(facts: &Facts) -> Judged {
    let by_itself = match facts.integrated {
        Some(true) => facts.conversions_per_s,
        Some(false) => Some(0.0),
        None => facts.conversions_per_s.filter(|rate| *rate < SAMPLES_PER_S),
    };
    let rates = [facts.meter_reads_per_s, by_itself];
    let Some(rate) = rates.into_iter().flatten().reduce(f64::max) else {
        return not_known("sampling rate");
    };
    let figure = format!("{} per s", short(rate));
    if rate < SAMPLES_PER_S && rates.contains(&None) {
        return (Verdict::NotKnown, format!("read {figure}, and what is between is not known to be counted"));
    }
    let fail = format!("sampled less than once per s: {figure}");
    judged(rate >= SAMPLES_PER_S, format!("sampled {figure}"), fail)
}

/// Level 3 asks for a counter, and a rate that depends on what it measures.
fn counting(facts: &Facts) -> Judged {
    let Some(rate) = facts.conversions_per_s else { return not_known("rate of the meters' conversions") };
    let (least, kind) = match is_ac(facts) {
        Some(true) => (AC_SAMPLES_PER_S, "AC"),
        Some(false) => (DC_SAMPLES_PER_S, "DC"),
        None if rate >= AC_SAMPLES_PER_S => (AC_SAMPLES_PER_S, "AC or DC"),
        None if rate >= DC_SAMPLES_PER_S => return not_known("whether AC or DC is measured"),
        None => (DC_SAMPLES_PER_S, "AC or DC"),
    };
    let figure = format!("{} conversions per s of {kind}", short(rate));
    if rate >= least && facts.integrated.is_none() {
        return not_known("whether the meters count energy");
    }
    if facts.integrated == Some(false) {
        return (Verdict::Fail, "power is sampled, energy is not counted".to_owned());
    }
    judged(rate >= least, format!("energy counted from {figure}"), format!("{figure}, less than {least}"))
}

fn readings(level: Level, facts: &Facts) -> Judged {
    match level {
        Level::One => readings_interval(facts),
        Level::Two => {
            let Some(count) = facts.readings_in_core else { return not_known("readings in the core phase") };
            let figure = format!("{count} readings in the core phase");
            judged(count >= READINGS, figure.clone(), format!("{figure}, less than {READINGS}"))
        }
        Level::Three => {
            let both = facts.uncovered_start_s.zip(facts.uncovered_end_s);
            let Some((first_s, last_s)) = both else {
                return not_known("uncovered time at the ends of the core phase");
            };
            let uncovered_s = first_s + last_s;
            let figure = format!("{} s uncovered at the ends of the core phase", short(uncovered_s));
            let fail = format!("{figure}, more than {UNCOVERED_S} s");
            judged(uncovered_s <= UNCOVERED_S, figure, fail)
        }
    }
}

fn readings_interval(facts: &Facts) -> Judged {
    let Some(interval_s) = facts.readings_interval_s else { return not_known("interval of the readings") };
    let Some(core_s) = facts.core_s else { return not_known("core phase") };
    let figure = format!("{} s between readings", short(interval_s));
    let fail = format!("{figure}, more than a tenth of the core phase of {} s", short(core_s));
    judged(interval_s <= INTERVAL_SHARE * core_s, figure, fail)
}

fn machine_part(level: Level, facts: &Facts) -> Judged {
    if facts.boundary == Some(Boundary::SocRails) {
        return (Verdict::Fail, "only the processors' rails are measured".to_owned());
    }
    if facts.boundary.is_none() {
        return not_known("boundary of the power");
    }
    let nodes = facts.nodes_measured.zip(facts.nodes_total).filter(|(_, total)| *total > 0);
    let Some((measured, total)) = nodes else { return not_known("measured part of the machine") };
    let figure = format!("{measured} of {total} nodes measured");
    let watts = |least: f64| facts.mean_w.map(|watts| watts >= least);
    let part = |share: usize, least_w: f64| {
        if measured >= PART_NODES && measured.saturating_mul(share) >= total {
            watts(least_w)
        } else {
            Some(false)
        }
    };
    let kept = match level {
        _ if measured >= total => Some(true),
        Level::One => either(watts(ENOUGH_W), part(10, 2_000.0)),
        Level::Two => part(8, 10_000.0),
        Level::Three => Some(false),
    };
    match kept {
        Some(true) => (Verdict::Pass, figure),
        Some(false) => (Verdict::Fail, format!("only {figure}")),
        None => (Verdict::NotKnown, format!("only {figure}, and their power is not known")),
    }
}

/// Whether one of them holds, which one known to hold decides.
fn either(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn interconnect(level: Level, facts: &Facts) -> Judged {
    if facts.boundary == Some(Boundary::Wall) {
        return (Verdict::Pass, "interconnect measured at the wall".to_owned());
    }
    if facts.nodes_total == Some(1) {
        return (Verdict::Pass, "one node has no interconnect".to_owned());
    }
    match facts.interconnect {
        Some(Interconnect::Measured) => (Verdict::Pass, "interconnect measured".to_owned()),
        Some(Interconnect::UpperBound) => judged(
            level == Level::One,
            "interconnect added as an upper bound".to_owned(),
            "interconnect only added as an upper bound".to_owned(),
        ),
        Some(Interconnect::NotMeasured) => (Verdict::Fail, "interconnect not measured".to_owned()),
        None => not_known("interconnect"),
    }
}

fn core_phase(facts: &Facts) -> Judged {
    let Some(core_s) = facts.core_s else { return not_known("core phase") };
    let figure = format!("{} s", short(core_s));
    judged(
        core_s >= CORE_S,
        format!("core phase {figure}"),
        format!("core phase shorter than {CORE_S} s: {figure}"),
    )
}

fn conversion_loss(facts: &Facts) -> Judged {
    match (is_ac(facts), facts.supply_loss_corrected) {
        (Some(true), _) => (Verdict::Pass, "AC is measured, with the supply's loss".to_owned()),
        (_, Some(true)) => (Verdict::Pass, "corrected for the supply's loss".to_owned()),
        (Some(false), Some(false)) => (Verdict::Fail, "not corrected for the supply's loss".to_owned()),
        _ => not_known("correction for the supply's loss"),
    }
}

/// The wall is AC, what is behind a supply is not; an enclosure may be either.
fn is_ac(facts: &Facts) -> Option<bool> {
    match facts.boundary {
        Some(Boundary::Wall) => Some(true),
        Some(Boundary::Node | Boundary::SocRails | Boundary::Rail) => Some(false),
        Some(Boundary::Enclosure) | None => facts.ac,
    }
}

/// With as many decimals as it needs, three at most: just beyond a limit it must not read as the limit.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{Assessment, assess};
    use super::*;

    /// The verdicts of a rule at the levels 1 to 3: `p`ass, `f`ail, `?`.
    fn verdicts(rule: Rule, facts: &Facts) -> String {
        let letter = |level| match check(rule, level, facts).verdict {
            Verdict::Pass => 'p',
            Verdict::Fail => 'f',
            Verdict::NotKnown => '?',
        };
        Level::ALL.into_iter().map(letter).collect()
    }

    fn figure(rule: Rule, level: Level, facts: &Facts) -> String {
        check(rule, level, facts).figure
    }

    /// Four Pis with a shunt each and the switch on a meter, all rules kept.
    fn best() -> Facts {
        Facts {
            source: Some(Source::Measured),
            boundary: Some(Boundary::Node),
            accuracy_ratio: Some(0.006),
            readings_interval_s: Some(1.0),
            meter_reads_per_s: Some(150.0),
            conversions_per_s: Some(150.0),
            integrated: Some(true),
            ac: None,
            readings_in_core: Some(300),
            uncovered_start_s: Some(0.0),
            uncovered_end_s: Some(0.0),
            core_s: Some(300.0),
            nodes_total: Some(4),
            nodes_measured: Some(4),
            mean_w: Some(24.0),
            interconnect: Some(Interconnect::Measured),
            supply_loss_corrected: Some(true),
        }
    }

    #[test]
    fn the_highest_level_whose_rules_are_all_kept_is_claimed() {
        assert_eq!(assess(&best()).level, Some(Level::Three));
        assert_eq!(assess(&Facts { accuracy_ratio: Some(0.02), ..best() }).level, Some(Level::Two));
        let one = Facts { interconnect: Some(Interconnect::UpperBound), ..best() };
        assert_eq!(assess(&one).level, Some(Level::One));
        assert_eq!(assess(&one).lacks(Level::Two), ["interconnect only added as an upper bound"]);
        assert_eq!(assess(&one).reasons(), [""; 0]);
        assert_eq!(assess(&best()).checks.len(), 21);
    }

    #[test]
    fn below_level_1_the_reasons_are_named() {
        let facts = Facts { source: Some(Source::Estimated), core_s: Some(12.3), ..best() };
        let Assessment { level, .. } = assess(&facts);
        assert_eq!(level, None);
        assert_eq!(assess(&facts).reasons(), ["estimated power", "core phase shorter than 60 s: 12.3 s"]);
    }

    #[test]
    fn of_nothing_known_nothing_is_claimed_and_nothing_is_called_failed() {
        let assessment = assess(&Facts::default());
        assert_eq!(assessment.level, None);
        assert!(assessment.checks.iter().all(|check| check.verdict == Verdict::NotKnown));
        assert_eq!(assessment.reasons().len(), Rule::ALL.len());
    }

    #[test]
    fn any_single_fact_that_is_not_known_takes_a_level_away() {
        let without: [fn(&mut Facts); 12] = [
            |facts| facts.source = None,
            |facts| facts.accuracy_ratio = None,
            |facts| facts.conversions_per_s = None,
            |facts| facts.integrated = None,
            |facts| facts.boundary = None,
            |facts| facts.uncovered_start_s = None,
            |facts| facts.uncovered_end_s = None,
            |facts| facts.core_s = None,
            |facts| facts.nodes_total = None,
            |facts| facts.nodes_measured = None,
            |facts| facts.interconnect = None,
            |facts| facts.supply_loss_corrected = None,
        ];
        for (index, forget) in without.into_iter().enumerate() {
            let mut facts = best();
            forget(&mut facts);
            let level = assess(&facts).level;
            assert!(level < Some(Level::Three), "{index}: {level:?}");
        }
    }

    #[test]
    fn meter_accuracy_is_5_2_and_1_percent() {
        for (ratio, wanted) in [
            (0.01, "ppp"),
            (0.0101, "ppf"),
            (0.02, "ppf"),
            (0.0201, "pff"),
            (0.05, "pff"),
            (0.0501, "fff"),
            (f64::NAN, "fff"),
        ] {
            let facts = Facts { accuracy_ratio: Some(ratio), ..best() };
            assert_eq!(verdicts(Rule::MeterAccuracy, &facts), wanted, "{ratio}");
        }
        let facts = Facts { accuracy_ratio: Some(0.0501), ..best() };
        let phrase = figure(Rule::MeterAccuracy, Level::One, &facts);
        assert_eq!(phrase, "meter accuracy ±5.01 %, more than 5 %");
    }

    #[test]
    fn a_power_that_was_not_measured_fails_whatever_its_accuracy() {
        for (source, phrase) in
            [(Source::Estimated, "estimated power"), (Source::Simulated, "simulated power")]
        {
            let facts = Facts { source: Some(source), ..best() };
            assert_eq!(verdicts(Rule::MeterAccuracy, &facts), "fff");
            assert_eq!(figure(Rule::MeterAccuracy, Level::One, &facts), phrase);
        }
    }

    #[test]
    fn sampling_is_once_per_second_and_120_or_5000_for_a_counter() {
        let rates = |reads, conversions, integrated, boundary, ac| {
            let facts = Facts {
                meter_reads_per_s: reads,
                conversions_per_s: conversions,
                integrated,
                boundary,
                ac,
                ..best()
            };
            verdicts(Rule::Sampling, &facts)
        };
        let (dc, ac) = (Some(Boundary::Node), Some(Boundary::Wall));
        assert_eq!(rates(Some(1.0), Some(120.0), Some(true), dc, None), "ppp");
        assert_eq!(rates(Some(0.99), Some(0.99), Some(true), dc, None), "fff");
        assert_eq!(rates(Some(0.1), Some(119.9), Some(true), dc, None), "ppf");
        assert_eq!(rates(Some(0.1), Some(5000.0), Some(true), ac, None), "ppp");
        assert_eq!(rates(Some(1.0), Some(4999.0), Some(true), ac, None), "ppf");
        assert_eq!(rates(Some(0.1), Some(5000.0), Some(false), dc, None), "fff");
        assert_eq!(rates(Some(0.1), Some(5000.0), None, dc, None), "???");
        assert_eq!(rates(Some(0.1), None, Some(true), dc, None), "???");
        assert_eq!(rates(Some(0.1), Some(0.5), None, dc, None), "fff");
        assert_eq!(rates(Some(1.0), None, Some(true), dc, None), "pp?");
        assert_eq!(rates(None, Some(5000.0), Some(false), dc, None), "??f");
    }

    #[test]
    fn a_meter_that_may_count_by_itself_is_not_known_to_fail() {
        let facts = |conversions| Facts {
            integrated: None,
            conversions_per_s: Some(conversions),
            meter_reads_per_s: Some(0.5),
            ..best()
        };
        let at_level_1 = |conversions| verdicts(Rule::Sampling, &facts(conversions)).chars().next();
        assert_eq!((at_level_1(1.0), at_level_1(0.9)), (Some('?'), Some('f')));
    }

    #[test]
    fn where_the_boundary_does_not_tell_ac_from_dc_the_facts_have_to() {
        let rates = |conversions, ac| {
            let boundary = Some(Boundary::Enclosure);
            verdicts(Rule::Sampling, &Facts { conversions_per_s: Some(conversions), boundary, ac, ..best() })
        };
        assert_eq!(rates(120.0, Some(false)), "ppp");
        assert_eq!(rates(120.0, Some(true)), "ppf");
        assert_eq!(rates(120.0, None), "pp?");
        assert_eq!(rates(119.0, None), "ppf");
        assert_eq!(rates(5000.0, None), "ppp");
    }

    #[test]
    fn readings_are_a_tenth_of_the_core_phase_ten_and_ten_seconds() {
        let facts = |interval_s, count, start_s, end_s| Facts {
            core_s: Some(100.0),
            readings_interval_s: Some(interval_s),
            readings_in_core: Some(count),
            uncovered_start_s: Some(start_s),
            uncovered_end_s: Some(end_s),
            ..best()
        };
        assert_eq!(verdicts(Rule::Readings, &facts(10.0, 10, 5.0, 5.0)), "ppp");
        assert_eq!(verdicts(Rule::Readings, &facts(10.01, 9, 5.0, 5.01)), "fff");
        assert_eq!(verdicts(Rule::Readings, &Facts { core_s: None, ..facts(1.0, 9, 0.0, 0.0) }), "?fp");
        let phrase = figure(Rule::Readings, Level::One, &facts(12.0, 9, 0.0, 0.0));
        assert_eq!(phrase, "12 s between readings, more than a tenth of the core phase of 100 s");
    }

    #[test]
    fn a_part_of_the_machine_is_enough_only_if_it_is_large() {
        let part = |measured, total, mean_w| {
            let facts = Facts { nodes_measured: Some(measured), nodes_total: Some(total), mean_w, ..best() };
            verdicts(Rule::MachinePart, &facts)
        };
        assert_eq!(part(4, 4, None), "ppp");
        assert_eq!(part(3, 4, Some(2_000.0)), "fff");
        assert_eq!(part(14, 15, Some(20_000.0)), "fff", "14 nodes are never a part");
        assert_eq!(part(15, 150, Some(2_000.0)), "pff");
        assert_eq!(part(15, 151, Some(2_000.0)), "fff");
        assert_eq!(part(15, 150, Some(1_999.0)), "fff");
        assert_eq!(part(15, 120, Some(10_000.0)), "ppf");
        assert_eq!(part(15, 121, Some(10_000.0)), "pff");
        assert_eq!(part(15, 120, Some(9_999.0)), "pff");
        assert_eq!(part(1, 500, Some(40_000.0)), "pff");
        assert_eq!(part(1, 500, Some(39_999.0)), "fff");
        assert_eq!(part(15, 120, None), "??f");
        assert_eq!(part(3, 4, None), "?ff");
        assert_eq!(part(0, 0, None), "???");
        let rails = Facts { boundary: Some(Boundary::SocRails), ..best() };
        assert_eq!(verdicts(Rule::MachinePart, &rails), "fff");
    }

    #[test]
    fn the_interconnect_is_measured_or_at_level_1_bounded() {
        let facts = |interconnect| Facts { interconnect, ..best() };
        assert_eq!(verdicts(Rule::Interconnect, &facts(Some(Interconnect::Measured))), "ppp");
        assert_eq!(verdicts(Rule::Interconnect, &facts(Some(Interconnect::UpperBound))), "pff");
        assert_eq!(verdicts(Rule::Interconnect, &facts(Some(Interconnect::NotMeasured))), "fff");
        assert_eq!(verdicts(Rule::Interconnect, &facts(None)), "???");
        let wall = Facts { boundary: Some(Boundary::Wall), ..facts(None) };
        assert_eq!(verdicts(Rule::Interconnect, &wall), "ppp");
        let alone = Facts { nodes_total: Some(1), nodes_measured: Some(1), ..facts(None) };
        assert_eq!(verdicts(Rule::Interconnect, &alone), "ppp");
    }

    #[test]
    fn the_core_phase_lasts_a_minute() {
        for (core_s, wanted) in
            [(Some(60.0), "ppp"), (Some(59.99), "fff"), (Some(f64::NAN), "fff"), (None, "???")]
        {
            assert_eq!(verdicts(Rule::CorePhase, &Facts { core_s, ..best() }), wanted, "{core_s:?}");
        }
        let phrase = figure(Rule::CorePhase, Level::One, &Facts { core_s: Some(59.99), ..best() });
        assert_eq!(phrase, "core phase shorter than 60 s: 59.99 s");
    }

    #[test]
    fn a_dc_meter_is_corrected_for_the_supplys_loss() {
        let loss = |boundary, ac, supply_loss_corrected| {
            verdicts(
                Rule::ConversionLoss,
                &Facts { boundary: Some(boundary), ac, supply_loss_corrected, ..best() },
            )
        };
        assert_eq!(loss(Boundary::Wall, None, None), "ppp");
        assert_eq!(loss(Boundary::Node, None, Some(true)), "ppp");
        assert_eq!(loss(Boundary::Node, None, Some(false)), "fff");
        assert_eq!(
            loss(Boundary::Node, Some(true), Some(false)),
            "fff",
            "a node's meter is behind its supply"
        );
        assert_eq!(loss(Boundary::Node, None, None), "???");
        assert_eq!(loss(Boundary::Enclosure, Some(true), None), "ppp");
        assert_eq!(loss(Boundary::Enclosure, None, Some(false)), "???");
    }
}

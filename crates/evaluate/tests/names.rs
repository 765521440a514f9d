//! What reports and JSON call things: a name that is shown is the name that is read back.

use std::fmt::Debug;

use picollect_evaluate::balance::What;
use picollect_evaluate::methodology::{Level, Rule, Verdict};
use picollect_evaluate::presence::Presence;
use picollect_evaluate::throttle::Cause;
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};

fn read<'a, T: Deserialize<'a>>(name: &'a str) -> T {
    T::deserialize(StrDeserializer::<Error>::new(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Each of these is shown by the name beside it.
#[track_caller]
fn assert_named<T: for<'a> Deserialize<'a> + Copy + Debug + PartialEq>(
    all: &[(T, &str)],
    shown: fn(T) -> String,
) {
    for (value, name) in all {
        assert_eq!((shown(*value).as_str(), read::<T>(name)), (*name, *value));
    }
}

#[test]
fn presence_throttle_balance_and_methodology_are_read_back_by_the_names_that_are_shown() {
    let presence = [(Presence::Up, "up"), (Presence::Late, "late"), (Presence::Down, "down")];
    assert_named(&presence, |it| it.to_string());
    let causes = [
        (Cause::UnderVoltage, "under-voltage"),
        (Cause::ThermalHard, "thermal-hard"),
        (Cause::ThermalSoft, "thermal-soft"),
        (Cause::FirmwareCap, "firmware-cap"),
        (Cause::Inferred, "inferred"),
        (Cause::Unknown, "unknown"),
    ];
    assert_named(&causes, |it| it.to_string());
    assert_named(&[(What::Hotter, "hotter"), (What::Slower, "slower")], |it| it.to_string());
    let verdicts = [(Verdict::Pass, "pass"), (Verdict::Fail, "fail"), (Verdict::NotKnown, "not known")];
    assert_named(&verdicts, |it| it.to_string());
    let rules = [
        (Rule::MeterAccuracy, "meter accuracy"),
        (Rule::Sampling, "sampling"),
        (Rule::Readings, "readings"),
        (Rule::MachinePart, "part of the machine measured"),
        (Rule::Interconnect, "interconnect"),
        (Rule::CorePhase, "core phase"),
        (Rule::ConversionLoss, "conversion loss"),
    ];
    assert_named(&rules, |it| it.as_str().to_owned());
    assert_eq!(Level::ALL.map(Level::number), [1, 2, 3]);
}

//! Logs of wall meters as loggers write them: each taken rightly, or refused with what is wrong.

use picollect_evaluate::wall_log::{
    Clock, Columns, EARLIEST_MS, MAX_JOULES, MAX_WATTS, Options, Quantity, Unit,
};
use proptest::prelude::*;

/// 2100-01-01T00:00:00Z.
const LATEST_MS: i64 = 4_102_444_800_000;

fn options() -> Options {
    Options::until(LATEST_MS)
}

/// A value of a channel at a time.
type Reading = (i64, String, Option<f64>);

/// What the lines say below a header, or what is wrong with them.
fn entries_by(options: &Options, header: &str, lines: &[&str]) -> Vec<Result<Vec<Reading>, String>> {
    let (columns, _) = Columns::of(header, options).unwrap();
    let entry = |line: &&str| {
        let entry = columns.entry(line).map_err(|error| error.to_string())?;
        Ok(entry.values.into_iter().map(|value| (entry.t_ms, value.channel, value.value)).collect())
    };
    lines.iter().map(entry).collect()
}

fn good_by(options: &Options, header: &str, lines: &[&str]) -> Vec<Reading> {
    entries_by(options, header, lines).into_iter().flat_map(|entry| entry.expect("a good line")).collect()
}

fn good(header: &str, lines: &[&str]) -> Vec<Reading> {
    good_by(&options(), header, lines)
}

/// What is wrong with the only line below a header.
fn wrong(header: &str, line: &str) -> String {
    entries_by(&options(), header, &[line]).remove(0).unwrap_err()
}

fn of(channel: &str, t_ms: i64, value: f64) -> Reading {
    (t_ms, channel.to_owned(), Some(value))
}

fn only(t_ms: i64, value: f64) -> Reading {
    of("", t_ms, value)
}

fn unknown(t_ms: i64) -> Reading {
    (t_ms, String::new(), None)
}

#[test]
fn seconds_fractions_and_milliseconds_are_told_apart() {
    let lines = ["1795435200 5.5", "1795435200.250  6", "1795435200500 7W", "1795435201 unavailable"];
    let want = [
        only(1_795_435_200_000, 5.5),
        only(1_795_435_200_250, 6.0),
        only(1_795_435_200_500, 7.0),
        unknown(1_795_435_201_000),
    ];
    assert_eq!(good(lines[0], &lines), want);
    assert!(!Columns::of(lines[0], &options()).unwrap().1, "two columns need no header");
}

#[test]
fn columns_are_found_by_their_names_and_times_have_zones() {
    let lines = [
        "2026-11-23T12:00:00Z;230,1;5,5",
        "2026-11-23 14:00:01+02:00;230;6",
        "2026-11-23T12:00:02.5Z;230;",
        "2026-11-23T06:30:02.1255-05:30;230;-7",
        "2026-11-23T13:00:03+0100;230;N/A",
        "1795435204,5;230;8",
    ];
    let want = [
        only(1_795_435_200_000, 5.5),
        only(1_795_435_201_000, 6.0),
        unknown(1_795_435_202_500),
        only(1_795_435_202_126, -7.0),
        unknown(1_795_435_203_000),
        only(1_795_435_204_500, 8.0),
    ];
    assert_eq!(good("\"Date\";Volts;\"Power (W)\"", &lines), want);
    assert_eq!(good("unix_time,note,watts", &["1795435200,\"a, b\",5"]), [only(1_795_435_200_000, 5.0)]);
}

#[test]
fn every_mistake_says_what_is_wrong() {
    let wrong = |line: &str, part: &str| {
        let got = wrong("1795435200 5", line);
        assert!(got.contains(part), "{got}");
    };
    wrong("1795435201 much", "`much` is not a power");
    wrong("1795435201 5,123,4", "`5,123,4` is not a power");
    wrong("1795435201 5kWh", "`5kWh` is not a power");
    wrong("1795435202", "there is no column 2");
    wrong("1795435203 1e9", "1000000000 W cannot be");
    wrong("1795435204 inf", "inf W cannot be");
    wrong("-5 1", "`-5` is no time in Unix seconds or milliseconds");
    wrong("1795435200000000 1", "is no time in Unix seconds or milliseconds");
    wrong("soon 1", "`soon` is no time; write");
    wrong("2026-11-23T12:00:00 1", "or an offset such as +02:00 at its end");
    wrong("2026-02-30T12:00:00Z 1", "is no time");
    wrong("1970-01-01T00:00:00+01:00 1", "is no time");
    wrong("2026-11-23T12:00:00. 1", "is no time");
}

#[test]
fn what_is_no_unix_time_is_not_taken_for_one() {
    let wrong = |line: &str, part: &str| {
        let got = wrong("time,power", line);
        assert!(got.contains(part), "{got}");
    };
    wrong("0,23.4", "if it is what has passed since the log began, give --time elapsed and --start");
    wrong("2000,23.4", "--time elapsed");
    wrong("946684799,1", "--time elapsed");
    wrong("45292.5,23.4", "looks like a spreadsheet's date, which has no zone");
    wrong("4102444801,23.4", "is ahead of this machine's clock");
    wrong("1999-12-31T23:59:59Z,1", "before the year 2000");
    assert_eq!(good("time,power", &["946684800,1"]), [only(EARLIEST_MS, 1.0)]);
}

#[test]
fn what_has_passed_since_the_beginning_is_taken_if_the_beginning_is_told() {
    let start_ms = 1_795_435_200_000;
    let elapsed = Options { clock: Clock::Elapsed { start_ms }, ..options() };
    let want = [only(start_ms, 23.4), only(start_ms + 1500, 23.5)];
    assert_eq!(good_by(&elapsed, "time,power", &["0,23.4", "1.5,23.5"]), want);
    assert_eq!(good_by(&elapsed, "time_ms,power", &["0,23.4", "1500,23.5"]), want);
    assert_eq!(good_by(&elapsed, "elapsed;power", &["0;23,4", "1,5;23,5"]), want);
    for line in ["-1,1", "2026-11-23T12:00:00Z,1", "nan,1"] {
        let got = entries_by(&elapsed, "time,power", &[line]).remove(0).unwrap_err();
        assert!(got.contains("is not what has passed since the log began"), "{got}");
    }
}

#[test]
fn a_column_tells_the_meters_of_a_log_apart_or_each_has_one() {
    let at = 1_704_067_200_000;
    let rows = good("time,outlet,watts", &["1704067200,1,10", "1704067200,2,20"]);
    assert_eq!(rows, [of("1", at, 10.0), of("2", at, 20.0)]);
    let rows = good("pdu;outlet;time;P (kW)", &["a;3;1704067200;0,5"]);
    assert_eq!(rows, [of("a-3", at, 500.0)]);
    let rows = good("time,rack 1 (W),rack 2 (kW)", &["1704067200,10,0.5"]);
    assert_eq!(rows, [of("rack_1_w", at, 10.0), of("rack_2_kw", at, 500.0)]);
}

#[test]
fn an_energy_counter_is_taken_in_the_unit_that_its_name_or_the_user_says() {
    let at = 1_704_067_200_000;
    for (header, text, joules) in [
        ("time,energy_kwh", "0.5", 1.8e6),
        ("time,Energy [Wh]", "10", 36e3),
        ("time,joules", "10", 10.0),
        ("time,counter (W·min)", "2", 120.0),
        ("time,E (MJ)", "2", 2e6),
    ] {
        let (columns, _) = Columns::of(header, &options()).unwrap();
        assert_eq!(columns.quantity(), Quantity::Energy);
        assert_eq!(good(header, &[&format!("1704067200,{text}")]), [only(at, joules)], "{header}");
    }
    let unit: Unit = "W·min".parse().unwrap();
    let given = Options { unit: Some(unit), ..options() };
    assert_eq!(good_by(&given, "time,energy", &["1704067200,2"]), [only(at, 120.0)]);
    assert_eq!(good_by(&given, "1704067200 2", &["1704067200 2"]), [only(at, 120.0)]);
    let chosen = Options { columns: vec!["Total".to_owned()], ..given };
    assert_eq!(good_by(&chosen, "time,watts,total", &["1704067200,5,2"]), [only(at, 120.0)]);
    let of_power = good("time,watts,energy_kwh", &["1704067200,5,2"]);
    assert_eq!(of_power, [only(at, 5.0)], "a power and a counter of one meter");
    assert!(wrong("time,energy_kwh", "1704067200,much").contains("`much` is not an energy"));
}

#[test]
fn home_assistants_history_is_a_meter_for_each_entity_that_is_a_power() {
    let header = "entity_id,state,last_changed";
    let rows = [
        "sensor.rack_power,41.5,2024-01-01T00:00:00.000Z",
        "sensor.nas_power,unavailable,2024-01-01T00:00:00.000Z",
    ];
    let at = 1_704_067_200_000;
    let want = [of("sensor.rack_power", at, 41.5), (at, "sensor.nas_power".to_owned(), None)];
    assert_eq!(good(header, &rows), want);
    let energy = "sensor.rack_energy,1.5,2024-01-01T00:00:00.000Z";
    assert!(wrong(header, energy).contains("nothing says in what `sensor.rack_energy` is counted"));
    let given = Options { unit: "kWh".parse().ok(), ..options() };
    assert_eq!(good_by(&given, header, &[energy]), [of("sensor.rack_energy", at, 5.4e6)]);
}

#[test]
fn a_log_whose_columns_are_not_known_says_so() {
    let wrong = |line: &str, options: &Options, part: &str| {
        let got = Columns::of(line, options).unwrap_err().to_string();
        assert!(got.contains(part), "{got}");
    };
    let plain = options();
    wrong("1795435200,230,5", &plain, "3 columns and no header");
    wrong("time,volts", &plain, "no column is called like the power in watts");
    wrong("time,date,watts", &plain, "`time` and `date` are both called like the time");
    wrong("time,power,rack_1_w", &plain, "`power` and `rack_1_w` are both called like the power");
    wrong("hello", &plain, "no column is called like the time");
    wrong("time,energy", &plain, "nothing says in what `energy` is counted; give --unit");
    wrong("time,total_mwh", &plain, "no column is called like");
    let joules = Options { unit: "J".parse().ok(), ..options() };
    wrong("time,energy_kwh", &joules, "`energy_kwh` is in kWh by its name, and in J by --unit");
    let column = |name: &str| Options { columns: vec![name.to_owned()], ..options() };
    wrong("time,watts", &column("amps"), "there is no column `amps`; there are: time, watts");
    let both = Options { columns: vec!["watts".to_owned(), "energy_kwh".to_owned()], ..options() };
    wrong("time,watts,energy_kwh", &both, "powers and energies at once");
}

proptest! {
    #[test]
    fn any_line_is_an_entry_or_a_mistake(
        first in prop_oneof![
            any::<String>(),
            Just("time;watts".into()),
            Just("\"time\",outlet,energy_kwh".into()),
            Just("entity_id,state,last_changed".into()),
        ],
        line in prop_oneof![any::<String>(), "[0-9T:Z+;,. \"\\r-]{0,40}"],
    ) {
        if let Ok((columns, _)) = Columns::of(&first, &options()) {
            if let Ok(entry) = columns.entry(&line) {
                let most = if columns.quantity() == Quantity::Power { MAX_WATTS } else { MAX_JOULES };
                prop_assert!((EARLIEST_MS..=LATEST_MS).contains(&entry.t_ms));
                let values = entry.values.iter().filter_map(|value| value.value);
                prop_assert!(values.into_iter().all(|value| value.abs() <= most));
            }
        }
    }
}

//! Questions in Flux (<https://docs.influxdata.com/flux/v0/spec/>).
//!
//! Invariant: whatever stands in a name, it stays a text: it can neither end its quotes nor begin an interpolation.

use picollect_evaluate::Window;

use crate::Selector;

/// The least and the greatest time that InfluxDB knows, nanoseconds.
const ALL_NS: (i64, i64) = (i64::MIN + 2, i64::MAX - 1);
/// Columns that are neither tags nor the sample.
const FRAME: &str = r#"["_start", "_stop"]"#;

/// A text as Flux spells it. What has a meaning there is given by its number, so that no context can revive it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\' | '$') || character.is_ascii_control() {
            out += &format!("\\x{:02x}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out + "\""
}

/// The bucket's own number, which outlives its name.
pub(super) fn bucket_id(bucket: &str) -> String {
    format!(
        "buckets() |> filter(fn: (r) => r.name == {}) |> keep(columns: [\"id\"]) |> yield(name: \"id\")",
        quoted(bucket)
    )
}

/// One row for each series that matches: its group's columns alone.
pub(super) fn series(bucket: &str, selector: &Selector<'_>) -> String {
    let from = from(bucket, selector, ALL_NS);
    format!(
        "{from} |> last() |> drop(columns: [\"_start\", \"_stop\", \"_time\", \"_value\"]) |> yield(name: \"series\")"
    )
}

/// The samples in the window, both edges included, and of each series the nearest one on either side.
pub(super) fn samples(bucket: &str, selector: &Selector<'_>, window: Window, around_ms: i64) -> String {
    let (start, after) = (window.start_ms, window.end_ms.saturating_add(1));
    let ns = |from_ms: i64, to_ms: i64| (nanoseconds(from_ms), nanoseconds(to_ms));
    let part = |(from_ns, to_ns): (i64, i64), choice: &str, name: &str| {
        let empty = from_ns >= to_ns;
        let part = format!(
            "{}{choice} |> drop(columns: {FRAME}) |> yield(name: \"{name}\")\n",
            from(bucket, selector, (from_ns, to_ns))
        );
        if empty { String::new() } else { part }
    };
    part(ns(start, after), "", "within")
        + &part(ns(start.saturating_sub(around_ms), start), " |> last()", "before")
        + &part(ns(after, after.saturating_add(around_ms)), " |> first()", "after")
}

fn nanoseconds(t_ms: i64) -> i64 {
    t_ms.saturating_mul(1_000_000).clamp(ALL_NS.0, ALL_NS.1)
}

fn from(bucket: &str, selector: &Selector<'_>, (start_ns, stop_ns): (i64, i64)) -> String {
    let mut conditions = Vec::new();
    let mut is = |column: &str, value: &str| {
        conditions.push(format!("r[{}] == {}", quoted(column), quoted(value)));
    };
    if let Some(measurement) = selector.measurement {
        is("_measurement", measurement);
    }
    if let Some(field) = selector.field {
        is("_field", field);
    }
    for (tag, value) in selector.tags {
        is(tag, value);
    }
    let filter = match conditions.join(" and ") {
        none if none.is_empty() => none,
        all => format!(" |> filter(fn: (r) => {all})"),
    };
    let bucket = quoted(bucket);
    format!("from(bucket: {bucket}) |> range(start: time(v: {start_ns}), stop: time(v: {stop_ns})){filter}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_question_names_what_it_wants() {
        let selector = Selector { measurement: Some("m"), field: None, tags: &[("host", "a\"b")] };
        let window = Window { start_ms: 1, end_ms: 2 };
        let got = samples("b", &selector, window, 0);
        let want = "from(bucket: \"b\") |> range(start: time(v: 1000000), stop: time(v: 3000000)) \
                    |> filter(fn: (r) => r[\"_measurement\"] == \"m\" and r[\"host\"] == \"a\\x22b\") \
                    |> drop(columns: [\"_start\", \"_stop\"]) |> yield(name: \"within\")\n";
        assert_eq!(got, want);
        assert_eq!(samples("b", &selector, window, 5).lines().count(), 3);
        let whole = Window { start_ms: i64::MIN, end_ms: i64::MAX };
        assert_eq!(
            samples("b", &selector, whole, i64::MAX).lines().count(),
            1,
            "nothing lies beside all of time"
        );
    }

    /// What Flux reads between the quotes; `None` if it would end there, or be more than a text.
    fn read(quoted: &str) -> Option<String> {
        let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let mut text = String::new();
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            match character {
                '"' | '$' | '\n' => return None,
                '\\' => {
                    let number = u8::from_str_radix(rest.strip_prefix('x')?.get(..2)?, 16).ok()?;
                    text.push(char::from(number));
                    rest = &rest[3..];
                }
                _ => text.push(character),
            }
        }
        Some(text)
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_quotes(name in "([\"\\\\$\\{\\}\n\0x0-9]|\\PC){0,40}") {
            prop_assert_eq!(read(&quoted(&name)), Some(name));
        }
    }
}

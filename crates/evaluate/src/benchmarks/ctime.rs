//! A time as C's `ctime` prints it, in the zone of the machine that printed: `Mon Nov 23 12:57:05 2026`.

use jiff::civil::DateTime;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Reads `ctime`'s format, which no locale changes. The name of the day is not looked at. A leap second
/// becomes the second before it. `None` before 1970 and for what is on no calendar.
pub(super) fn parse(text: &str) -> Option<DateTime> {
    let (_weekday, rest) = text.trim().split_once(' ')?;
    DateTime::strptime("%b %d %H:%M:%S %Y", rest.trim_start()).ok().filter(|time| time.year() >= 1970)
}

/// Unix time in seconds if the zone were UTC. The true one is this minus the zone's offset.
pub fn as_if_utc_s(time: DateTime) -> i64 {
    time.duration_since(EPOCH).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn seconds(text: &str) -> i64 {
        as_if_utc_s(parse(text).unwrap())
    }

    #[test]
    fn a_time_of_ctime_is_placed_as_if_it_were_utc() {
        // HPCC prints both: `Current time (1795438761) is Mon Nov 23 12:59:21 2026`, on a machine in UTC.
        assert_eq!(parse("Mon Nov 23 12:59:21 2026"), Some(date(2026, 11, 23).at(12, 59, 21, 0)));
        assert_eq!(seconds("Mon Nov 23 12:59:21 2026"), 1_795_438_761);
        assert_eq!(seconds("Thu Jan  1 00:00:00 1970"), 0);
        assert_eq!(seconds("Tue Feb 29 00:00:00 2000"), 951_782_400);
        assert_eq!(seconds("Sat Dec 31 23:59:60 2016"), 1_483_228_799);
    }

    #[test]
    fn what_is_on_no_calendar_is_none() {
        for text in [
            "",
            "Mon Nov 31 12:57:05 2026",
            "Sun Feb 29 00:00:00 2100",
            "Mon Nov 23 24:00:00 2026",
            "Mon Nov 23 12:57 2026",
            "Mon Nov 23 12:57:05 2026 CET",
            "Mon 23 Nov 12:57:05 2026",
            "Mon Nov 23 12:57:05 99999",
            "Wed Dec 31 23:59:59 1969",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

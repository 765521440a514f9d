//! Functions of a time in seconds: what a calendar and a clock in UTC say then.
//!
//! A Prometheus on x86-64 has an answer for every number: what is no time (NaN, or beyond 64 bits of seconds) is the
//! least number of 64 bits there, and years are counted without a sign from a first year far in the past. Here too.

/// Years of 400-year cycles before year 0 at which the count of days begins, on the 1st of March.
const FIRST_YEAR: i64 = -292_277_022_400;
const DAYS_IN_A_CYCLE: u64 = 146_097;
const SECONDS_IN_A_DAY: u64 = 86_400;
/// From the 1st of March of year 0 to the 1st of January 1970, in days.
const EPOCH_DAYS: i64 = 719_468;

/// What is made of a time.
pub(crate) type DateFunction = fn(Date) -> f64;

/// Every function of a time.
pub(crate) const DATE_FUNCTIONS: [(&str, DateFunction); 8] = [
    ("day_of_month", |date| date.day as f64),
    ("day_of_week", |date| date.weekday as f64),
    ("day_of_year", |date| (days_before(date.year, date.month) + date.day) as f64),
    ("days_in_month", |date| days_in(date.year, date.month) as f64),
    ("hour", |date| (date.second / 3600) as f64),
    ("minute", |date| (date.second / 60 % 60) as f64),
    ("month", |date| date.month as f64),
    ("year", |date| date.year as f64),
];

pub(crate) fn named(name: &str) -> Option<DateFunction> {
    DATE_FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
}

/// A day of the Gregorian calendar and a time of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    year: i64,
    /// January is 1.
    month: u64,
    /// The month's first is 1.
    day: u64,
    /// Sunday is 0.
    weekday: u64,
    /// Seconds since midnight.
    second: u64,
}

impl Date {
    /// At a time in Unix seconds, fractions cut off.
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the condition")]
    pub(crate) fn at(seconds: f64) -> Self {
        let fits = seconds >= i64::MIN as f64 && seconds < i64::MAX as f64;
        Self::at_second(if fits { seconds as i64 } else { i64::MIN })
    }

    /// Counts days in cycles of 400 years that begin with a March, so that the leap day is a year's last.
    #[expect(clippy::cast_possible_wrap, reason = "a year of 63 bits of seconds fits into 40 bits")]
    pub(crate) fn at_second(second: i64) -> Self {
        let first_days = FIRST_YEAR / 400 * DAYS_IN_A_CYCLE.cast_signed() - EPOCH_DAYS;
        let origin = first_days.wrapping_mul(SECONDS_IN_A_DAY.cast_signed());
        let since = second.wrapping_sub(origin).cast_unsigned();
        let (days, second) = (since / SECONDS_IN_A_DAY, since % SECONDS_IN_A_DAY);
        let day = days % DAYS_IN_A_CYCLE;
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let whole_year = (days / DAYS_IN_A_CYCLE * 400 + year) as i64 + FIRST_YEAR;
        Self {
            year: whole_year + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            weekday: (days + 3) % 7,
            second,
        }
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_before(year: i64, month: u64) -> u64 {
    (1..month).map(|month| days_in(year, month)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Year, month, day, weekday, hour, minute.
    fn at(seconds: f64) -> [f64; 6] {
        ["year", "month", "day_of_month", "day_of_week", "hour", "minute"]
            .map(|name| named(name).unwrap()(Date::at(seconds)))
    }

    #[test]
    fn the_epoch_was_a_thursday() {
        assert_eq!(at(0.0), [1970.0, 1.0, 1.0, 4.0, 0.0, 0.0]);
        assert_eq!(at(-0.5), at(0.0), "a fraction is cut off towards zero");
        assert_eq!(at(-1.0), [1969.0, 12.0, 31.0, 3.0, 23.0, 59.0]);
    }

    #[test]
    fn leap_years_have_a_day_more() {
        let leap_day = 1_709_164_800.0;
        assert_eq!(at(leap_day), [2024.0, 2.0, 29.0, 4.0, 0.0, 0.0]);
        let about = |name: &str, seconds: f64| named(name).unwrap()(Date::at(seconds));
        assert_eq!((about("days_in_month", leap_day), about("day_of_year", leap_day)), (29.0, 60.0));
        let last_of_2024 = 1_735_603_200.0;
        assert_eq!((about("day_of_year", last_of_2024), about("day_of_week", last_of_2024)), (366.0, 2.0));
        assert_eq!(about("days_in_month", 4_105_900_800.0), 28.0, "2100 has no leap day");
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let first = -400 * 365;
        let mut before = Date::at_second(first * 86_400);
        for day in first + 1..400 * 365 {
            let date = Date::at_second(day * 86_400);
            let next_in_month = (before.year, before.month, before.day + 1);
            let next_month = (before.year + i64::from(before.month == 12), before.month % 12 + 1, 1);
            let last = before.day == days_in(before.year, before.month);
            let wanted = if last { next_month } else { next_in_month };
            assert_eq!((date.year, date.month, date.day), wanted);
            assert_eq!(date.weekday, (before.weekday + 1) % 7);
            before = date;
        }
    }

    #[test]
    fn what_is_no_time_is_the_least_number_of_64_bits() {
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert_eq!(Date::at(seconds), Date::at_second(i64::MIN));
        }
    }
}

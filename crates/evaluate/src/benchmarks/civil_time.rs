//! A wall-clock time without a zone, as C's `ctime` prints it: `Mon Nov 23 12:57:05 2026`.

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Year to second in a zone that is not told. Whoever knows the zone, or when the line arrived, can place it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CivilTime {
    /// From 1970 to 9999.
    pub year: u16,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    /// From 0.
    pub hour: u8,
    /// From 0.
    pub minute: u8,
    /// From 0 to 60, which is a leap second.
    pub second: u8,
}

impl CivilTime {
    /// Reads `ctime`'s format, which no locale changes. The name of the day is not looked at.
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().take(6).collect();
        let [_, month, day, clock, year] = words[..] else { return None };
        let month = u8::try_from(MONTHS.iter().position(|name| *name == month)? + 1).ok()?;
        let clock: Vec<&str> = clock.split(':').take(4).collect();
        let [hour, minute, second] = clock[..] else { return None };
        let time = Self {
            year: year.parse().ok()?,
            month,
            day: day.parse().ok()?,
            hour: hour.parse().ok()?,
            minute: minute.parse().ok()?,
            second: second.parse().ok()?,
        };
        time.exists().then_some(time)
    }

    /// Unix time in seconds if the zone were UTC. The true one is this minus the zone's offset.
    pub fn as_if_utc_s(self) -> i64 {
        let clock = (i64::from(self.hour) * 60 + i64::from(self.minute)) * 60 + i64::from(self.second);
        self.days_since_1970() * 86_400 + clock
    }

    /// Whether a calendar and a clock have it.
    pub(crate) fn exists(self) -> bool {
        let day = (1..=days_in(self.year, self.month)).contains(&self.day);
        (1970..=9999).contains(&self.year) && day && self.hour < 24 && self.minute < 60 && self.second <= 60
    }

    fn days_since_1970(self) -> i64 {
        let before = i64::from(self.year) - 1;
        let leap_days = before / 4 - before / 100 + before / 400;
        let leap_days_to_1970 = 1969 / 4 - 1969 / 100 + 1969 / 400;
        let whole_years = (before - 1969) * 365 + leap_days - leap_days_to_1970;
        let whole_months: i64 = (1..self.month).map(|month| i64::from(days_in(self.year, month))).sum();
        whole_years + whole_months + i64::from(self.day) - 1
    }
}

fn days_in(year: u16, month: u8) -> u8 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_ctime_is_placed_as_if_it_were_utc() {
        // HPCC prints both: `Current time (1795438761) is Mon Nov 23 12:59:21 2026`, on a machine in UTC.
        let time = CivilTime::parse("Mon Nov 23 12:59:21 2026").unwrap();
        assert_eq!(time, CivilTime { year: 2026, month: 11, day: 23, hour: 12, minute: 59, second: 21 });
        assert_eq!(time.as_if_utc_s(), 1_795_438_761);
        assert_eq!(CivilTime::parse("Thu Jan  1 00:00:00 1970").unwrap().as_if_utc_s(), 0);
        assert_eq!(CivilTime::parse("Tue Feb 29 00:00:00 2000").unwrap().as_if_utc_s(), 951_782_400);
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
        ] {
            assert_eq!(CivilTime::parse(text), None, "{text}");
        }
    }
}

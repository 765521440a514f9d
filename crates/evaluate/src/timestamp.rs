//! Times as the files of other programs write them.

use jiff::Timestamp;

/// The end of the year 9999 in Unix milliseconds.
pub(crate) const LAST_MS: i64 = 253_402_300_799_999;

/// Unix milliseconds of RFC 3339: `2026-11-23T12:57:05Z`, with a blank in place of the `T`, without seconds
/// or with a fraction of them, with an offset such as `+05:45` or `+0545` too. `None` without a zone, and
/// for times before 1970.
pub(crate) fn rfc3339_ms(text: &str) -> Option<i64> {
    let time: Timestamp = text.parse().ok()?;
    // Half a millisecond rounds up, as the meters' own stamps do.
    let ms = (time.as_microsecond() + 500).div_euclid(1000);
    (0..=LAST_MS).contains(&ms).then_some(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_time_with_its_zone_is_the_same_time() {
        for text in [
            "2026-11-23T12:57:05Z",
            "2026-11-23t12:57:05z",
            "2026-11-23 18:42:05+05:45",
            "2026-11-23T09:27:05-03:30",
            "2026-11-23T18:42:05+0545",
            "2026-11-23T12:57:05.000Z",
            "2026-11-23T12:57:05.0004999Z",
        ] {
            assert_eq!(rfc3339_ms(text), Some(1_795_438_625_000), "{text}");
        }
        assert_eq!(rfc3339_ms("2026-11-23T12:57Z"), Some(1_795_438_620_000));
        assert_eq!(rfc3339_ms("2026-11-23T06:30:02.1255-05:30"), Some(1_795_435_202_126));
        assert_eq!(rfc3339_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339_ms("9999-12-30T21:59:59.999Z"), Some(253_402_207_199_999));
    }

    #[test]
    fn what_is_no_time_or_has_no_zone_is_none() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T12:57:05",
            "2026-11-31T12:57:05Z",
            "2026-11-23T24:57:05Z",
            "2026-11-23T12:57:05+05:60",
            "2026-11-23T12:57:05.Z",
            "2026-+1-23T12:57:05Z",
            "1970-01-01T00:00:00+01:00",
        ] {
            assert_eq!(rfc3339_ms(text), None, "{text}");
        }
    }
}

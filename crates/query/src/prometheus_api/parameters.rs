//! What a request says, by Prometheus' rules for times and durations.

use picollect_promql::duration_ms;

use super::ApiError;
use picollect_settings::time::parse_rfc3339;

/// Times and steps are taken up to here, in seconds: 31,000 years.
const MAX_SECONDS: f64 = 1e12;

/// Names and values in the order in which they came; a name may come more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(pub Vec<(String, String)>);

impl Parameters {
    /// The first value of a name; an empty one is none.
    pub fn first(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.first(name).ok_or_else(|| ApiError::BadData(format!("the parameter `{name}` is missing")))
    }

    /// A time, Unix seconds or RFC 3339, in Unix milliseconds.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.first(name) else { return Ok(None) };
        let time = milliseconds(text).or_else(|| parse_rfc3339(text).ok());
        let wrong =
            || ApiError::BadData(format!("`{name}` is `{text}`, which is neither Unix seconds nor RFC 3339"));
        time.map(Some).ok_or_else(wrong)
    }

    /// How many series or labels are wanted at most; zero is as many as there are.
    pub(super) fn limit(&self) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.first("limit") else { return Ok(None) };
        let limit: Result<usize, _> = text.parse();
        let wrong = |_| ApiError::BadData(format!("`limit` is `{text}`, which is no number of zero or more"));
        limit.map(|limit| (limit > 0).then_some(limit)).map_err(wrong)
    }

    /// The step, in seconds or as a duration, in milliseconds.
    pub(super) fn step(&self) -> Result<i64, ApiError> {
        let text = self.required("step")?;
        let step = milliseconds(text).or_else(|| duration_ms(text)).filter(|step| *step > 0);
        step.ok_or_else(|| ApiError::BadData(format!("`step` is `{text}`, which is no duration above zero")))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "bounded by MAX_SECONDS")]
fn milliseconds(seconds: &str) -> Option<i64> {
    let seconds: f64 = seconds.parse().ok()?;
    (seconds.abs() <= MAX_SECONDS).then(|| (seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(text: &str) -> Option<i64> {
        Parameters(vec![("step".to_owned(), text.to_owned())]).step().ok()
    }

    fn time(text: &str) -> Option<i64> {
        Parameters(vec![("time".to_owned(), text.to_owned())]).time("time").ok().flatten()
    }

    #[test]
    fn a_step_is_seconds_or_a_duration() {
        assert_eq!([step("15"), step("0.5"), step("1m30s")], [Some(15_000), Some(500), Some(90_000)]);
        assert_eq!([step("0"), step("-1"), step("soon"), step("NaN"), step("1e99")], [None; 5]);
    }

    #[test]
    fn a_limit_of_zero_is_none_and_a_text_is_refused() {
        let limit = |text: &str| Parameters(vec![("limit".to_owned(), text.to_owned())]).limit().ok();
        assert_eq!([limit("3"), limit("0"), limit("")], [Some(Some(3)), Some(None), Some(None)]);
        assert_eq!([limit("-1"), limit("many")], [None; 2]);
    }

    #[test]
    fn a_time_is_seconds_or_a_date() {
        assert_eq!([time("1.5"), time("1970-01-01T00:00:01Z")], [Some(1500), Some(1000)]);
        assert_eq!([time("inf"), time("NaN"), time("today")], [None; 3]);
    }
}

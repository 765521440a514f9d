//! Answers in Prometheus' JSON. Numbers are texts there, so that NaN and infinity have a place.

use std::fmt::Write as _;

use picollect_promql::{Answer, Labels, Sample, Series};
use serde_json::json;

/// What went well, with this data.
pub(super) fn success(data: &str) -> String {
    format!(r#"{{"status":"success","data":{data}}}"#)
}

/// An answer; of one number or text at this time, Unix milliseconds.
pub(super) fn answer(answer: &Answer, t_ms: i64) -> String {
    let (kind, result) = match answer {
        Answer::Scalar(value) => ("scalar", pair(Sample { t_ms, value: *value })),
        Answer::Text(text) => ("string", format!("[{},{}]", seconds(t_ms), json!(text))),
        Answer::Vector(all) => (
            "vector",
            list(all, |series, to| {
                *to += "\"value\":";
                series.samples.iter().take(1).for_each(|sample| *to += &pair(*sample));
            }),
        ),
        Answer::Matrix(all) => (
            "matrix",
            list(all, |series, to| {
                *to += "\"values\":[";
                for (at, sample) in series.samples.iter().enumerate() {
                    *to += if at == 0 { "" } else { "," };
                    *to += &pair(*sample);
                }
                *to += "]";
            }),
        ),
    };
    success(&format!(r#"{{"resultType":"{kind}","result":{result}}}"#))
}

/// The labels of series, as a list.
pub(super) fn labels_list<'a>(all: impl Iterator<Item = &'a Labels>) -> String {
    let all: Vec<String> = all.map(labels).collect();
    format!("[{}]", all.join(","))
}

fn list(all: &[Series], values: impl Fn(&Series, &mut String)) -> String {
    let mut text = String::from("[");
    for (at, series) in all.iter().enumerate() {
        text += if at == 0 { "" } else { "," };
        // Writing into a String cannot fail.
        let _ = write!(text, r#"{{"metric":{},"#, labels(&series.labels));
        values(series, &mut text);
        text += "}";
    }
    text + "]"
}

fn labels(labels: &Labels) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{}:{}", json!(name), json!(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn pair(sample: Sample) -> String {
    format!("[{},\"{}\"]", seconds(sample.t_ms), number(sample.value))
}

/// Unix seconds.
fn seconds(t_ms: i64) -> String {
    match t_ms % 1000 {
        0 => (t_ms / 1000).to_string(),
        _ => (t_ms as f64 / 1000.0).to_string(),
    }
}

/// A number as Prometheus writes it.
pub(super) fn number(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_and_a_matrix_are_written_as_prometheus_writes_them() {
        let labels = Labels::new([("host".to_owned(), "a\"b".to_owned())]);
        let samples = vec![Sample { t_ms: 1500, value: f64::INFINITY }, Sample { t_ms: 2000, value: 0.5 }];
        let all = vec![Series { labels, samples }];
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"host":"a\"b"},"value":[1.5,"+Inf"]}]}}"#;
        assert_eq!(answer(&Answer::Vector(all.clone()), 1500), vector);
        let matrix = vector
            .replace("vector", "matrix")
            .replace(r#""value":[1.5,"+Inf"]"#, r#""values":[[1.5,"+Inf"],[2,"0.5"]]"#);
        assert_eq!(answer(&Answer::Matrix(all), 0), matrix);
    }

    #[test]
    fn a_number_and_a_text_have_the_time_of_the_question() {
        assert!(answer(&Answer::Scalar(f64::NAN), 1000).contains(r#""scalar","result":[1,"NaN"]"#));
        assert!(answer(&Answer::Text("x".to_owned()), 1001).contains(r#""string","result":[1.001,"x"]"#));
    }
}

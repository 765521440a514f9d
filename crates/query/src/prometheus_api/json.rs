//! Answers in Prometheus' JSON. Numbers are texts there, so that NaN and infinity have a place.

use std::fmt::Write as _;

use std::time::Duration;

use picollect_promql::{Answered, Labels, QueryResult, Sample, Series};
use serde_json::{Value as Json, json};

use super::TRUNCATED;

/// What went well, with this data.
pub(super) fn success(data: &str) -> String {
    format!(r#"{{"status":"success","data":{data}}}"#)
}

/// A list, and whether it was cut off.
pub(super) fn list_success(data: &str, cut: bool) -> String {
    if cut {
        return format!(r#"{{"status":"success","data":{data},"warnings":{}}}"#, json!([TRUNCATED]));
    }
    success(data)
}

/// What a query took, as far as it is known.
pub(super) fn stats(took: Duration, samples: usize) -> Json {
    let seconds = took.as_secs_f64();
    json!({
        "timings": { "evalTotalTime": seconds, "execTotalTime": seconds },
        "samples": { "totalQueryableSamples": samples },
    })
}

/// An answer; of one number or text at this time, Unix milliseconds. `None` if its text would be longer than allowed.
pub(super) fn answer(
    answered: &Answered,
    t_ms: i64,
    stats: Option<&Json>,
    most_bytes: usize,
) -> Option<String> {
    let (kind, result) = match &answered.answer {
        QueryResult::Scalar(value) => ("scalar", pair(Sample { t_ms, value: *value })),
        QueryResult::Text(text) => ("string", format!("[{},{}]", seconds(t_ms), json!(text))),
        QueryResult::Vector(all) => (
            "vector",
            list(all, most_bytes, |series, to| {
                *to += "\"value\":";
                series.samples.iter().take(1).for_each(|sample| *to += &pair(*sample));
            })?,
        ),
        QueryResult::Matrix(all) => (
            "matrix",
            list(all, most_bytes, |series, to| {
                *to += "\"values\":[";
                for (at, sample) in series.samples.iter().enumerate() {
                    *to += if at == 0 { "" } else { "," };
                    *to += &pair(*sample);
                }
                *to += "]";
            })?,
        ),
    };
    let stats = stats.map(|stats| format!(r#","stats":{stats}"#)).unwrap_or_default();
    let mut text =
        format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}{stats}}}"#);
    let notes = &answered.annotations;
    for (name, all) in [("warnings", &notes.warnings), ("infos", &notes.infos)] {
        if !all.is_empty() {
            text += &format!(r#","{name}":{}"#, json!(all));
        }
    }
    Some(text + "}")
}

/// The labels of series, as a list.
pub(super) fn labels_list<'a>(all: impl Iterator<Item = &'a Labels>) -> String {
    let all: Vec<String> = all.map(labels).collect();
    format!("[{}]", all.join(","))
}

fn list(all: &[Series], most_bytes: usize, values: impl Fn(&Series, &mut String)) -> Option<String> {
    let mut text = String::from("[");
    for (at, series) in all.iter().enumerate() {
        if text.len() > most_bytes {
            return None;
        }
        text += if at == 0 { "" } else { "," };
        // Writing into a String cannot fail.
        let _ = write!(text, r#"{{"metric":{},"#, labels(&series.labels));
        values(series, &mut text);
        text += "}";
    }
    Some(text + "]")
}

fn labels(labels: &Labels) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{}:{}", json!(name), json!(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn pair(sample: Sample) -> String {
    format!("[{},\"{}\"]", seconds(sample.t_ms), number(sample.value))
}

/// Unix seconds, with three decimals at most.
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
    use picollect_promql::Annotations;

    use super::*;

    fn text(answer: QueryResult, t_ms: i64) -> String {
        let answered = Answered { answer, annotations: Annotations::default(), samples: 0 };
        super::answer(&answered, t_ms, None, 1 << 20).unwrap()
    }

    #[test]
    fn a_vector_and_a_matrix_are_written_as_prometheus_writes_them() {
        let labels = Labels::new([("host".to_owned(), "a\"b".to_owned())]);
        let samples = vec![Sample { t_ms: 1500, value: f64::INFINITY }, Sample { t_ms: 2000, value: 0.5 }];
        let all = vec![Series { labels, samples }];
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"host":"a\"b"},"value":[1.5,"+Inf"]}]}}"#;
        assert_eq!(text(QueryResult::Vector(all.clone()), 1500), vector);
        let matrix = vector
            .replace("vector", "matrix")
            .replace(r#""value":[1.5,"+Inf"]"#, r#""values":[[1.5,"+Inf"],[2,"0.5"]]"#);
        assert_eq!(text(QueryResult::Matrix(all), 0), matrix);
    }

    #[test]
    fn a_number_and_a_text_have_the_time_of_the_question() {
        assert!(text(QueryResult::Scalar(f64::NAN), 1000).contains(r#""scalar","result":[1,"NaN"]"#));
        assert!(text(QueryResult::Text("x".to_owned()), 1001).contains(r#""string","result":[1.001,"x"]"#));
    }

    #[test]
    fn what_belongs_to_an_answer_stands_beside_it() {
        let annotations = Annotations { warnings: vec!["w".to_owned()], infos: vec!["i".to_owned()] };
        let answered = Answered { answer: QueryResult::Scalar(1.0), annotations, samples: 7 };
        let stats = stats(Duration::from_millis(1500), answered.samples);
        let json: Json = serde_json::from_str(&answer(&answered, 0, Some(&stats), 100).unwrap()).unwrap();
        assert_eq!((&json["warnings"], &json["infos"]), (&json!(["w"]), &json!(["i"])));
        assert_eq!(json["data"]["stats"]["samples"]["totalQueryableSamples"], 7);
        assert_eq!(json["data"]["stats"]["timings"]["evalTotalTime"], 1.5);
    }

    #[test]
    fn a_text_that_grows_too_long_is_given_up() {
        let labels = Labels::new([("host".to_owned(), "a".repeat(1000))]);
        let all = vec![Series { labels, samples: vec![Sample { t_ms: 0, value: 1.0 }] }; 100];
        let answered =
            Answered { answer: QueryResult::Vector(all), annotations: Annotations::default(), samples: 100 };
        assert_eq!(answer(&answered, 0, None, 10_000), None);
        assert!(answer(&answered, 0, None, 200_000).is_some());
    }
}

//! Every limit is an error of its own, and what has ended is no longer there.

use picollect_promql::{
    Context, Error, Kind, LOOKBACK_MS, Labels, Limits, Query, QueryResult, Sample, Series, Times,
};

use crate::data::{END_MS, START_MS, all};
use crate::memory::Memory;

const WIDE: Limits = Limits { steps: 1000, series: 1000, samples: 1_000_000, memory_bytes: 1 << 28 };
const HOUR: Times = Times { start_ms: START_MS, end_ms: END_MS, step_ms: 60_000 };

fn context<'a>(source: &'a Memory, limits: Limits, out_of_time: &'a dyn Fn() -> bool) -> Context<'a> {
    Context { source, limits, lookback_ms: LOOKBACK_MS, subquery_step_ms: 60_000, out_of_time }
}

fn ask(text: &str, limits: Limits, out_of_time: &dyn Fn() -> bool) -> Result<QueryResult, Error> {
    let source = Memory(all());
    Query::parse(text)?.range(&context(&source, limits, out_of_time), HOUR)
}

#[test]
fn what_takes_too_much_is_an_error_that_says_what_helps() {
    let refused = |text: &str, limits| ask(text, limits, &|| false).unwrap_err();
    let few = refused("temp_c", Limits { steps: 10, ..WIDE });
    assert!(matches!(few, Error::TooManySteps { wanted: 76, most: 10 }), "{few}");
    assert!(matches!(refused("temp_c", Limits { series: 5, ..WIDE }), Error::TooManySeries(5)));
    assert!(matches!(
        refused("temp_c + node_watts", Limits { series: 11, ..WIDE }),
        Error::TooManySeries(11)
    ));
    assert!(matches!(refused("temp_c", Limits { samples: 100, ..WIDE }), Error::TooManySamples(100)));
    assert!(matches!(refused("temp_c", Limits { memory_bytes: 1000, ..WIDE }), Error::TooMuchMemory(1000)));
    let long = refused("sum_over_time(vector(1)[100y:1ms])", WIDE);
    assert!(matches!(long, Error::TooMuchMemory(_)), "{long}");
    let late = ask("temp_c", WIDE, &|| true).unwrap_err();
    assert_eq!(late.kind(), Kind::OutOfTime);
}

#[test]
fn a_text_or_a_range_is_no_answer_of_a_range_query() {
    for text in ["\"text\"", "temp_c[5m]"] {
        assert_eq!(ask(text, WIDE, &|| false).unwrap_err().kind(), Kind::BadQuery, "{text}");
    }
}

#[test]
fn a_series_that_was_marked_as_ended_is_gone_at_once() {
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let sample = |t_ms, value| Sample { t_ms, value };
    let labels = Labels::new([("__name__".to_owned(), "up".to_owned())]);
    let samples = vec![sample(0, 1.0), sample(10_000, stale), sample(30_000, 2.0)];
    let source = Memory(vec![Series { labels: labels.clone(), samples }]);
    let context = context(&source, WIDE, &|| false);
    let at = |text: &str, t_ms| Query::parse(text).unwrap().instant(&context, t_ms).unwrap();
    let one = |value, t_ms| {
        QueryResult::Vector(vec![Series { labels: labels.clone(), samples: vec![sample(t_ms, value)] }])
    };
    assert_eq!(at("up", 9_999), one(1.0, 9_999));
    assert_eq!(at("up", 10_000), QueryResult::Vector(Vec::new()));
    assert_eq!(at("up", 329_999), one(2.0, 329_999));
    assert_eq!(at("up", 330_000), QueryResult::Vector(Vec::new()), "the lookback is open at its left");
    assert_eq!(at("last_over_time(up[1m])", 20_000), one(1.0, 20_000), "a marker is no sample");
    let count = |t_ms| match at("count_over_time(up[20s])", t_ms) {
        QueryResult::Vector(all) => all.first().map(|series| series.samples[0].value),
        _ => None,
    };
    assert_eq!((count(19_999), count(20_000)), (Some(1.0), None), "a range is open at its left");
}

/// What a query takes at most, and whether it has an answer.
fn peak(text: &str) -> (u64, Result<QueryResult, Error>) {
    let source = Memory(all());
    let mut answer = None;
    let taken = allocation_counter::measure(|| {
        answer =
            Some(Query::parse(text).and_then(|query| query.range(&context(&source, WIDE, &|| false), HOUR)));
    });
    (taken.bytes_max, answer.unwrap())
}

/// What may be allocated beside what is charged: the tree, the regular expressions, and the rounding up of vectors.
const UNCHARGED: u64 = 32 << 20;

#[track_caller]
fn is_too_much(text: &str) {
    let (peak, answer) = peak(text);
    let start: String = text.chars().take(80).collect();
    assert!(matches!(answer, Err(Error::TooMuchMemory(_))), "{start}: {answer:?}");
    assert!(peak < WIDE.memory_bytes as u64 + UNCHARGED, "{start}: {peak} bytes");
}

#[test]
fn a_label_that_repeats_itself_a_thousand_times_is_refused_before_it_is_built() {
    let thousand = "$1".repeat(1000);
    let nested = (0..3).fold(format!("vector(1),\"a\",\"{}\",\"\",\"\"", "x".repeat(1000)), |inner, _| {
        format!("label_replace({inner}),\"a\",\"{thousand}\",\"a\",\"(.*)\"")
    });
    is_too_much(&format!("label_replace({nested})"));
}

#[test]
fn labels_that_double_at_each_level_are_refused() {
    let nested = (0..40)
        .fold("label_replace(vector(1), \"a\", \"xxxxxxxx\", \"\", \"\")".to_owned(), |inner, _| {
            format!("label_join({inner}, \"a\", \"\", \"a\", \"a\")")
        });
    is_too_much(&nested);
    is_too_much(&format!("sum by (a) ({nested})"));
}

#[test]
fn many_moments_of_a_subquery_are_refused_even_if_nothing_is_found() {
    for inner in ["time()", "scalar(nothing)", "pi()", "hour()", "nothing + nothing", "nothing and nothing"] {
        let vector = if inner.contains("nothing ") || inner == "hour()" {
            inner.to_owned()
        } else {
            format!("vector({inner})")
        };
        is_too_much(&format!("sum_over_time(({vector})[100y:1ms])"));
    }
    for inner in
        ["absent(nothing)", "count_values(\"v\", nothing)", "sort(nothing)", "histogram_quantile(1, nothing)"]
    {
        is_too_much(&format!("count_over_time({inner}[100y:1ms])"));
    }
}

#[test]
fn each_value_counted_by_itself_is_charged() {
    let many = "count_values(\"v\", {__name__=~\".+\"})";
    let small = Limits { memory_bytes: 1 << 20, ..WIDE };
    assert!(matches!(ask(many, small, &|| false), Err(Error::TooMuchMemory(_))));
}

#[test]
fn what_a_function_needs_for_itself_comes_back() {
    let nested = (0..150).fold("temp_c".to_owned(), |inner, _| format!("abs({inner})"));
    let small = Limits { memory_bytes: 1 << 20, ..WIDE };
    assert!(
        ask(&nested, small, &|| false).is_ok(),
        "a hundred and fifty maps of six series are not there at once"
    );
}

#[test]
fn regular_expressions_are_bounded_each_and_together() {
    let one = "{a=~\"(\\\\pL{30}){30}\"}";
    let message = Query::parse(one).unwrap_err().to_string();
    assert!(message.ends_with("is too large"), "{message}");
    let many: Vec<String> = (0..65).map(|at| format!("l{at}=~\"a.*\"")).collect();
    let message = Query::parse(&format!("x{{{}}}", many.join(","))).unwrap_err().to_string();
    assert!(message.ends_with("65 regular expressions, the most is 64"), "{message}");
    let great: Vec<String> = (0..60).map(|at| format!("l{at}=~\"(\\\\pL{{9}}|[0-9a-z]{{99}})+\"")).collect();
    let (peak, _) = peak(&format!("x{{{}}}", great.join(",")));
    assert!(peak < UNCHARGED, "{peak} bytes");
    assert!(Query::parse("{a=~\".*\"}").is_err(), "a selector of everything");
}

#[test]
fn a_query_that_goes_wrong_at_its_end_is_refused_within_bounds() {
    let brackets = format!("{}a b", "(".repeat(4000));
    let (peak, answer) = peak(&brackets);
    assert!(matches!(answer, Err(Error::Query { .. })));
    assert!(peak < UNCHARGED, "{peak} bytes");
}

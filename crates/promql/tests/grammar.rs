//! Strategies that make queries: every function, every operator, every modifier. What comes first in a choice is
//! simpler, so a failure shrinks towards it.

use proptest::prelude::*;
use proptest::sample::select;

use super::data::START_MS;

/// When a query is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum When {
    /// At one moment, Unix milliseconds.
    Instant(i64),
    /// From, to and step, milliseconds.
    Range(i64, i64, i64),
}

/// A query and when it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) query: String,
    pub(crate) when: When,
}

type Text = BoxedStrategy<String>;

/// How deep expressions are nested.
const DEPTH: usize = 3;

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let level = (0..DEPTH).fold(Level::first(), |inner, _| Level::around(&inner));
    let top = prop_oneof![
        6 => level.vector.clone(),
        2 => sorted(&level.vector),
        2 => rounded(&level.vector),
        1 => level.scalar
    ];
    let asked = prop_oneof![
        2 => (top, when()),
        1 => (level.matrix, moment().prop_map(When::Instant)),
    ];
    asked.prop_map(|(query, when)| Case { query, when })
}

fn moment() -> impl Strategy<Value = i64> {
    (0..=80 * 60 * 4i64).prop_map(|quarters| START_MS + quarters * 250)
}

fn when() -> BoxedStrategy<When> {
    let steps = (0..=30i64, select(vec![60_000i64, 15_000, 1_000, 37_123, 600_000]));
    let range =
        (moment(), steps).prop_map(|(start, (count, step))| When::Range(start, start + count * step, step));
    prop_oneof![moment().prop_map(When::Instant), range].boxed()
}

fn words(words: &[&'static str]) -> Text {
    select(words.to_vec()).prop_map(ToOwned::to_owned).boxed()
}

/// Expressions of one depth.
struct Level {
    scalar: Text,
    vector: Text,
    matrix: Text,
}

impl Level {
    fn first() -> Self {
        let range = words(&["[5m]", "[1m]", "[45s]", "[10m30s]"]);
        Self {
            scalar: words(&[
                "2", "0.5", "0", "-1.5", "time()", "NaN", "Inf", "1e3", "0x10", "pi()", "1_000.5", "0x_fF",
                "017", "1m30s",
            ]),
            vector: (selector(), modifier()).prop_map(|(selector, modifier)| selector + &modifier).boxed(),
            matrix: (selector(), range, modifier()).prop_map(|(a, b, c)| a + &b + &c).boxed(),
        }
    }

    fn around(inner: &Self) -> Self {
        let vector = prop_oneof![
            3 => inner.vector.clone(),
            3 => over_time(inner),
            3 => aggregation(inner),
            2 => function(inner),
            1 => date(inner),
            2 => of_histograms(inner),
            3 => with_number(inner),
            4 => joined(),
            1 => paired(inner),
            1 => inner.vector.clone().prop_map(|text| format!("-({text})")),
        ];
        let scalar = prop_oneof![
            2 => inner.scalar.clone(),
            1 => inner.vector.clone().prop_map(|text| format!("scalar({text})")),
            1 => inner.vector.clone().prop_map(|text| format!("scalar(sum({text}))")),
            1 => (inner.scalar.clone(), arithmetic(), inner.scalar.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            1 => (inner.scalar.clone(), comparison(), inner.scalar.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} bool {b})")),
        ];
        let subquery =
            (inner.vector.clone(), words(&["[10m:1m]", "[5m:]", "[7m:37s]", "[2m:15s]"]), modifier())
                .prop_map(|(text, range, modifier)| format!("({text}){range}{modifier}"));
        let matrix = prop_oneof![2 => inner.matrix.clone(), 1 => subquery];
        Self { scalar: scalar.boxed(), vector: vector.boxed(), matrix: matrix.boxed() }
    }
}

fn selector() -> Text {
    let named = (
        words(&[
            "temp_c",
            "node_watts",
            "joules_total",
            "board_info",
            "odd_value",
            "nothing",
            "request_seconds_bucket",
        ]),
        words(&[
            "",
            "{host=\"pi-1\"}",
            "{host!=\"pi-1\"}",
            "{host=~\"pi-[12]\"}",
            "{host!~\".*-2\"}",
            r"{host=~`pi-\d`}",
            r#"{host=~"\\w+-[\\d]",zone!~`\Qfirm\E.*`}"#,
            "{zone=\"\"}",
            "{source=~\".+\"}",
            "{host=~\"pi-.\",zone!=\"0\"}",
            "{missing=\"\"}",
        ]),
    );
    let named = named.prop_map(|(name, matchers)| name + &matchers);
    prop_oneof![
        8 => named,
        1 => words(&["{__name__=~\"temp_c|node_watts\"}", "{__name__=\"node_watts\",source=\"model\"}", "{host=\"pi-2\",__name__!=\"odd_value\"}"]),
    ]
    .boxed()
}

fn modifier() -> Text {
    let at = format!(" @ {}.5", START_MS / 1000 + 1800);
    prop_oneof![
        6 => Just(String::new()),
        1 => words(&[" offset 1m", " offset -45s", " offset 7m", " @ start()", " @ end()", " @ end() offset 3m"]),
        1 => Just(at.clone()),
        1 => Just(format!("{at} offset 90s")),
    ]
    .boxed()
}

fn over_time(inner: &Level) -> Text {
    let names = [
        "rate",
        "increase",
        "delta",
        "irate",
        "idelta",
        "deriv",
        "resets",
        "changes",
        "avg_over_time",
        "sum_over_time",
        "min_over_time",
        "max_over_time",
        "count_over_time",
        "first_over_time",
        "last_over_time",
        "present_over_time",
        "stddev_over_time",
        "stdvar_over_time",
        "absent_over_time",
    ];
    let plain = (words(&names), inner.matrix.clone()).prop_map(|(name, matrix)| format!("{name}({matrix})"));
    let quantile = (quantiles(), inner.matrix.clone())
        .prop_map(|(share, matrix)| format!("quantile_over_time({share}, {matrix})"));
    let predicted = (inner.matrix.clone(), inner.scalar.clone())
        .prop_map(|(matrix, seconds)| format!("predict_linear({matrix}, {seconds})"));
    prop_oneof![10 => plain, 1 => quantile, 1 => predicted].boxed()
}

fn quantiles() -> Text {
    words(&["0.5", "0", "1", "0.9", "0.333", "-1", "2"])
}

fn grouping() -> Text {
    words(&[
        "",
        " by (host)",
        " by (host, zone)",
        " without (host)",
        " without (source, zone)",
        " by (missing)",
        " by ()",
        " without ()",
    ])
}

/// Only what has no two equal values is asked for its greatest ones: which of two equal ones is taken is anybody's
/// choice.
fn distinct() -> Text {
    words(&[
        "temp_c",
        "node_watts",
        "temp_c * 2",
        "rate(joules_total[5m])",
        "deriv(node_watts[10m])",
        "avg_over_time(temp_c[3m:20s])",
        "temp_c > 45",
    ])
}

fn aggregation(inner: &Level) -> Text {
    let plain = (
        words(&["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]),
        grouping(),
        inner.vector.clone(),
    );
    let plain = plain.prop_map(|(name, grouping, vector)| format!("{name}{grouping}({vector})"));
    let behind = (words(&["sum", "avg", "max"]), inner.vector.clone(), grouping());
    let behind = behind.prop_map(|(name, vector, grouping)| format!("{name}({vector}){grouping}"));
    let quantile = (grouping(), quantiles(), inner.vector.clone())
        .prop_map(|(grouping, share, vector)| format!("quantile{grouping}({share}, {vector})"));
    let number = words(&["2", "1", "3", "0", "100", "-1", "1.9", "scalar(count(board_info))"]);
    let greatest = (words(&["topk", "bottomk"]), grouping(), number, distinct())
        .prop_map(|(name, grouping, number, vector)| format!("{name}{grouping}({number}, {vector})"));
    let counted = (grouping(), words(&["v", "host", "zone"]), whole())
        .prop_map(|(grouping, label, vector)| format!("count_values{grouping}(\"{label}\", {vector})"));
    prop_oneof![5 => plain, 1 => behind, 1 => quantile, 2 => greatest, 1 => counted].boxed()
}

/// What has the same digits whoever computes it, so that these can be a label.
fn whole() -> Text {
    words(&[
        "odd_value",
        "board_info",
        "round(temp_c)",
        "temp_c",
        "request_seconds_bucket",
        "temp_c > bool 45",
    ])
}

/// Functions whose last digits depend on who computes them: nothing is made of their values. Periodic ones are asked of
/// what was measured only, because the last digit of a great number decides everything there.
fn rounded(vector: &Text) -> Text {
    let names = words(&[
        "exp", "ln", "log2", "log10", "sqrt", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh",
        "acosh", "atanh",
    ]);
    let one = (names, vector.clone()).prop_map(|(name, vector)| format!("{name}({vector})"));
    let periodic =
        (words(&["sin", "cos", "tan"]), selector()).prop_map(|(name, vector)| format!("{name}({vector})"));
    let two = (vector.clone(), words(&["2", "-0.5", "scalar(board_info)"]))
        .prop_map(|(vector, scalar)| format!("({vector}) atan2 {scalar}"));
    prop_oneof![5 => one, 1 => periodic, 1 => two].boxed()
}

fn date(inner: &Level) -> Text {
    let names = || {
        words(&[
            "hour",
            "minute",
            "month",
            "year",
            "day_of_month",
            "day_of_week",
            "day_of_year",
            "days_in_month",
        ])
    };
    let times = prop_oneof![
        inner.vector.clone(),
        words(&["timestamp(temp_c)", "vector(time())", "temp_c * 3e7", "-joules_total * 1e6"]),
    ];
    prop_oneof![
        1 => names().prop_map(|name| format!("{name}()")),
        3 => (names(), times).prop_map(|(name, times)| format!("{name}({times})")),
    ]
    .boxed()
}

fn of_histograms(inner: &Level) -> Text {
    let buckets = prop_oneof![
        4 => words(&[
            "request_seconds_bucket",
            "rate(request_seconds_bucket[5m])",
            "sum by (le) (rate(request_seconds_bucket[1m]))",
            "sum by (host, le) (increase(request_seconds_bucket[10m]))",
            "request_seconds_bucket{le!=\"0.5\"} or temp_c",
            "label_replace(request_seconds_bucket, \"le\", \"bad\", \"le\", \"1\")",
        ]),
        1 => inner.vector.clone(),
    ];
    let bounds = || words(&["0", "0.5", "0.75", "1", "10", "-Inf", "Inf", "NaN"]);
    let share = prop_oneof![quantiles(), inner.scalar.clone()];
    prop_oneof![
        4 => (share, buckets.clone()).prop_map(|(share, of)| format!("histogram_quantile({share}, {of})")),
        3 => (bounds(), bounds(), buckets.clone())
            .prop_map(|(lower, upper, of)| format!("histogram_fraction({lower}, {upper}, {of})")),
        1 => (words(&["avg", "count", "sum", "stddev", "stdvar"]), buckets)
            .prop_map(|(name, of)| format!("histogram_{name}({of})")),
    ]
    .boxed()
}

fn function(inner: &Level) -> Text {
    let vector = || inner.vector.clone();
    let scalar = || inner.scalar.clone();
    let plain = words(&["abs", "ceil", "floor", "round", "absent", "timestamp", "sgn", "deg", "rad"]);
    prop_oneof![
        4 => (plain, vector()).prop_map(|(name, vector)| format!("{name}({vector})")),
        1 => (words(&["round", "clamp_min", "clamp_max"]), vector(), scalar())
            .prop_map(|(name, vector, scalar)| format!("{name}({vector}, {scalar})")),
        1 => (vector(), scalar(), scalar()).prop_map(|(vector, a, b)| format!("clamp({vector}, {a}, {b})")),
        1 => scalar().prop_map(|scalar| format!("vector({scalar})")),
        1 => (vector(), words(&["host", "new", "__name__", "zone"]), words(&["$1", "x-${1}-y", "", "$0$$", "a"]),
              words(&["host", "zone", "missing", "__name__"]), words(&["\"pi-(.*)\"", "\"(.*)\"", "\"\"", "\"(?:a|b)\"", "\"pi-([12])\"", r"`\w+-(\d)`", r#""(\\D+)(.)""#]))
            .prop_map(|(vector, to, with, from, regex)| format!("label_replace({vector}, \"{to}\", \"{with}\", \"{from}\", {regex})")),
        1 => (vector(), words(&["host", "new", "__name__", "zone"]), words(&["", "-", "/"]),
              words(&["", ", \"host\"", ", \"host\", \"zone\"", ", \"missing\", \"__name__\""]))
            .prop_map(|(vector, to, between, from)| format!("label_join({vector}, \"{to}\", \"{between}\"{from})")),
    ]
    .boxed()
}

fn sorted(vector: &Text) -> Text {
    (words(&["sort", "sort_desc"]), vector.clone())
        .prop_map(|(name, vector)| format!("{name}({vector})"))
        .boxed()
}

fn arithmetic() -> Text {
    words(&["+", "-", "*", "/", "%", "^"])
}

fn comparison() -> Text {
    words(&[">", "<", ">=", "<=", "==", "!="])
}

fn with_number(inner: &Level) -> Text {
    let operator = || prop_oneof![2 => arithmetic(), 1 => comparison(), 1 => comparison().prop_map(|name| name + " bool")];
    let left = (inner.vector.clone(), operator(), inner.scalar.clone());
    let right = (inner.scalar.clone(), operator(), inner.vector.clone());
    prop_oneof![
        left.prop_map(|(vector, operator, scalar)| format!("({vector}) {operator} {scalar}")),
        right.prop_map(|(scalar, operator, vector)| format!("{scalar} {operator} ({vector})")),
    ]
    .boxed()
}

/// Vectors whose series find each other, or almost.
fn joined() -> Text {
    let operator = || prop_oneof![2 => arithmetic(), 1 => comparison(), 1 => comparison().prop_map(|name| name + " bool")];
    let per_host = words(&[
        "sum by (host) (node_watts)",
        "max by (host) (temp_c)",
        "temp_c{zone=\"0\"}",
        "board_info",
        "odd_value",
        "count by (host) (odd_value > 0)",
    ]);
    let many = words(&["node_watts", "temp_c", "rate(joules_total[5m])", "joules_total"]);
    let same = (
        per_host.clone(),
        operator(),
        words(&[" on (host)", " ignoring (zone, model)", ""]),
        per_host.clone(),
    );
    let left = (many.clone(), operator(), words(&["", "model", "zone", "model, zone"]), per_host.clone());
    let right = (per_host.clone(), operator(), words(&["", "model"]), many.clone());
    let sets = (
        many.clone(),
        words(&["and", "or", "unless"]),
        words(&["", " on (host)", " ignoring (zone, source, model)"]),
        prop_oneof![many, per_host],
    );
    prop_oneof![
        same.prop_map(|(a, operator, matching, b)| format!("{a} {operator}{matching} {b}")),
        left.prop_map(|(a, operator, labels, b)| format!(
            "{a} {operator} on (host) group_left ({labels}) {b}"
        )),
        right.prop_map(|(a, operator, labels, b)| format!(
            "{a} {operator} on (host) group_right ({labels}) {b}"
        )),
        sets.prop_map(|(a, operator, matching, b)| format!("{a} {operator}{matching} {b}")),
    ]
    .boxed()
}

/// Any two vectors.
fn paired(inner: &Level) -> Text {
    let operator = prop_oneof![arithmetic(), comparison(), words(&["and", "or", "unless"])];
    (inner.vector.clone(), operator, inner.vector.clone())
        .prop_map(|(a, operator, b)| format!("({a}) {operator} ({b})"))
        .boxed()
}

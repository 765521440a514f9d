//! Half a thousand fixed queries in the manner of Prometheus' own compliance suite: each feature with each of its
//! forms, asked of the evaluator and of a real Prometheus over the same series.

use super::data::START_MS;
use super::grammar::When;

/// Ranges from less than an interval to longer than the data.
const RANGES: [&str; 6] = ["1s", "15s", "1m", "5m", "15m", "1h"];
const GROUPINGS: [&str; 8] = [
    "",
    " by ()",
    " by (host)",
    " by (host, zone)",
    " by (missing)",
    " without ()",
    " without (host)",
    " without (host, missing)",
];
const SHARES: [&str; 9] = ["-0.5", "0", "0.1", "0.5", "0.75", "0.9", "0.99", "1", "1.5"];

/// When each is asked: ten minutes at ten seconds, and at their end.
pub(crate) const WHEN: [When; 2] =
    [When::Range(START_MS + 1_800_000, START_MS + 2_400_000, 10_000), When::Instant(START_MS + 2_400_000)];

/// All queries that a Prometheus 3 answers.
pub(crate) fn queries() -> Vec<String> {
    let mut all: Vec<String> = literals_and_selectors();
    all.extend(aggregations());
    all.extend(operators());
    all.extend(matching());
    all.extend(over_time());
    all.extend(functions());
    all.extend(labels());
    all.extend(dates());
    all.extend(histograms());
    all.extend(times());
    all
}

/// Queries that a Prometheus 3 refuses.
pub(crate) const REFUSED: [&str; 44] = [
    "",
    "mad_over_time(temp_c[5m])",
    "ts_of_max_over_time(temp_c[5m])",
    "ts_of_last_over_time(temp_c[5m])",
    "double_exponential_smoothing(temp_c[5m], 0.5, 0.5)",
    "holt_winters(temp_c[5m], 0.5, 0.5)",
    "info(temp_c)",
    "limitk(2, temp_c)",
    "limit_ratio(0.5, temp_c)",
    "sort_by_label(temp_c, \"host\")",
    "max_of(1, 2)",
    "start()",
    "step()",
    "temp_c + fill(0) node_watts",
    "temp_c[0]",
    "temp_c[0s]",
    "temp_c[5m:0s]",
    "temp_c{host=\"a\" or host=\"b\"}",
    "temp_c{__name__=\"temp_c\"}",
    "1_",
    "node_watts * on (host) group_left (source, model) board_info",
    "label_replace(temp_c, \"host\", \"\", \"host\", \".*\")",
    "label_join(temp_c, \"zone\", \"-\", \"missing\")",
    "temp_c[",
    "temp_c{host=}",
    "temp_c{host=~\"(\"}",
    "{host=~\".*\"}",
    "sum(",
    "sum(temp_c) by",
    "nonsense(temp_c)",
    "rate(temp_c)",
    "temp_c[5m] + 1",
    "1 == 2",
    "temp_c + on (host) node_watts",
    "temp_c and 1",
    "temp_c offset",
    "label_replace(temp_c, \"x\", \"$1\", \"host\", \"(\")",
    "label_replace(temp_c, \"host\", \"one\", \"host\", \".*\") * 1 + sum without (zone) (temp_c, 1)",
    "count_values(\"\", temp_c)",
    "exp(1)",
    "ln(NaN)",
    "clamp(temp_c, 1)",
    "topk(\"a\", temp_c)",
    "temp_c @ 1 @ 2",
];

fn each(forms: &[&str], words: &[&str]) -> Vec<String> {
    forms.iter().flat_map(|form| words.iter().map(move |word| form.replace('#', word))).collect()
}

fn owned(all: &[&str]) -> Vec<String> {
    all.iter().map(|&text| text.to_owned()).collect()
}

fn literals_and_selectors() -> Vec<String> {
    owned(&[
        "42",
        "1.234",
        ".123",
        "1.23e-3",
        "0x3d",
        "017",
        "1_000_000",
        "1h30m",
        "0s",
        "Inf",
        "+Inf",
        "-Inf",
        "NaN",
        "temp_c",
        "{__name__=\"temp_c\"}",
        "{\"temp_c\"}",
        "{__name__=~\"temp_.*\"}",
        "temp_c{host=\"pi-1\"}",
        "temp_c{host!=\"pi-1\"}",
        "temp_c{host=~\"pi-[13]\"}",
        "temp_c{host!~\"pi-[13]\"}",
        "temp_c{host=~`pi-\\d`}",
        "temp_c{host=~\".+\", zone=\"0\",}",
        "temp_c{missing=\"\"}",
        "temp_c{missing!=\"\"}",
        "nothing",
        "-temp_c",
        "-(-temp_c)",
        "+temp_c",
        "(temp_c)",
    ])
}

fn aggregations() -> Vec<String> {
    let names = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"];
    let mut all = Vec::new();
    for grouping in GROUPINGS {
        let form = format!("#{grouping}(temp_c)");
        all.extend(each(&[&form], &names));
        all.push(format!("topk{grouping}(2, temp_c)"));
        all.push(format!("bottomk{grouping}(2, temp_c)"));
        all.push(format!("quantile{grouping}(0.7, temp_c)"));
        all.push(format!("count_values{grouping}(\"value\", round(temp_c / 10))"));
    }
    all.extend(each(&["quantile(#, temp_c)", "quantile by (host) (#, temp_c)"], &SHARES));
    all.extend(each(&["topk(#, temp_c)", "bottomk(#, temp_c)"], &["0", "1", "5", "100", "-3"]));
    all.extend(each(&["#(nothing)", "#(odd_value)"], &names));
    all.extend(owned(&[
        "count_values(\"host\", board_info)",
        "count_values(\"v\", odd_value)",
        "count_values without (host) (\"v\", board_info)",
        "sum(temp_c) by (host)",
        "sum by (host,) (temp_c)",
    ]));
    all
}

fn operators() -> Vec<String> {
    let arithmetic = ["+", "-", "*", "/", "%", "^", "atan2"];
    let comparison = ["==", "!=", "<", "<=", ">", ">="];
    let mut all = each(
        &[
            "temp_c # 3.5",
            "3.5 # temp_c",
            "-2 # odd_value",
            "7 # 3",
            "temp_c # node_watts",
            "node_watts # node_watts",
        ],
        &arithmetic,
    );
    all.extend(each(
        &[
            "temp_c # 50",
            "50 # temp_c",
            "temp_c # bool 50",
            "50 # bool temp_c",
            "1 # bool 2",
            "odd_value # NaN",
            "node_watts # node_watts",
            "node_watts # bool on (host, source) node_watts",
        ],
        &comparison,
    ));
    all.extend(owned(&[
        "1 + 2 * 3 ^ 2 - 4 % 3",
        "-2 ^ 2",
        "2 ^ 3 ^ 2",
        "temp_c + 1 > 50 and temp_c < 60",
        "temp_c / 0",
        "-temp_c / 0",
        "0 * odd_value",
    ]));
    all
}

fn matching() -> Vec<String> {
    let mut all = each(
        &[
            "node_watts # joules_total",
            "node_watts # on (host) board_info",
            "temp_c # ignoring (zone) node_watts",
            "node_watts{source=\"model\"} # node_watts{host=\"pi-1\"}",
            "nothing # temp_c",
            "temp_c # nothing",
        ],
        &["and", "or", "unless"],
    );
    all.extend(owned(&[
        "node_watts * on (host) group_left board_info",
        "node_watts * on (host) group_left (model) board_info",
        "board_info * on (host) group_right (model) node_watts",
        "node_watts / ignoring (source, model) group_left (model) board_info",
        "node_watts > on (host) group_left (model) board_info",
        "node_watts > bool on (host) group_left (model) board_info",
        "sum by (host) (node_watts) / on (host) max by (host) (temp_c)",
        "node_watts + on (host, source) joules_total",
        "node_watts + ignoring (missing) joules_total",
        "temp_c{zone=\"0\"} - ignoring (zone) temp_c{zone=\"firmware\"}",
        "sum(node_watts) * sum(temp_c)",
        "rate(joules_total[5m]) - on (host, source) node_watts",
        "node_watts and on () vector(1)",
        "node_watts unless on () vector(1)",
        "vector(1) or node_watts",
    ]));
    all
}

fn over_time() -> Vec<String> {
    let names =
        ["avg", "sum", "min", "max", "count", "first", "last", "present", "stddev", "stdvar", "absent"];
    let of_counters = ["rate", "increase", "irate", "resets"];
    let of_gauges = ["delta", "idelta", "deriv", "changes"];
    let mut all = Vec::new();
    for range in RANGES {
        all.extend(each(&[&format!("#_over_time(temp_c[{range}])")], &names));
        all.extend(each(&[&format!("#(joules_total[{range}])")], &of_counters));
        all.extend(each(&[&format!("#(temp_c[{range}])")], &of_gauges));
        all.push(format!("quantile_over_time(0.6, temp_c[{range}])"));
        all.push(format!("predict_linear(temp_c[{range}], 600)"));
        all.push(format!("absent_over_time(nothing{{host=\"a\"}}[{range}])"));
    }
    all.extend(each(&["quantile_over_time(#, temp_c[5m])"], &SHARES));
    all.extend(each(&["predict_linear(joules_total[10m], #)"], &["-60", "0", "3600", "Inf", "time()"]));
    all.extend(each(&["#_over_time(odd_value[10m])"], &names));
    all.extend(each(&["#_over_time(sum(temp_c)[5m:30s])"], &["avg", "max", "count"]));
    all
}

fn functions() -> Vec<String> {
    let math = [
        "abs", "ceil", "floor", "exp", "sqrt", "ln", "log2", "log10", "sgn", "sin", "cos", "tan", "asin",
        "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "rad", "deg",
    ];
    let mut all = each(&["#(temp_c)", "#(-temp_c / 50)", "#(odd_value)"], &math);
    all.extend(each(&["round(temp_c, #)", "round(-temp_c, #)"], &["0.1", "5", "-3", "0"]));
    all.extend(each(
        &["clamp_min(temp_c, #)", "clamp_max(temp_c, #)", "clamp(temp_c, #, 55)", "clamp(temp_c, 45, #)"],
        &["50", "-Inf", "NaN"],
    ));
    all.extend(owned(&[
        "round(temp_c)",
        "pi()",
        "time()",
        "vector(time())",
        "scalar(temp_c)",
        "scalar(sum(temp_c))",
        "vector(scalar(sum(temp_c)))",
        "absent(temp_c)",
        "absent(nothing)",
        "absent(nothing{host=\"a\", zone!=\"b\", x=~\"c\"})",
        "absent(sum(nothing))",
        "sort(temp_c)",
        "sort_desc(temp_c)",
        "sort(odd_value)",
        "timestamp(temp_c)",
        "timestamp(temp_c * 2)",
        "timestamp(temp_c offset 1m)",
        "timestamp(timestamp(temp_c))",
    ]));
    all
}

fn labels() -> Vec<String> {
    let replaced = [
        r#""to", "$1", "host", "pi-(.*)""#,
        r#""to", "${1}-x", "host", "(.*)-(.*)""#,
        r#""to", "$2$1", "host", `(\w+)-(\d+)`"#,
        r#""host", "one", "host", "pi-1""#,
        r#""to", "$name", "host", "(?P<name>pi).*""#,
        r#""to", "$$", "host", ".*""#,
        r#""to", "value", "missing", """#,
        r#""to", "value", "missing", ".+""#,
        r#""__name__", "other", "host", ".*""#,
        r#""to", "$1", "host", "i-(.*)""#,
        r#""to", "$9", "host", "(.*)""#,
    ];
    let joined = [
        r#""to", "-", "host", "zone""#,
        r#""to", "", "host""#,
        r#""to", ", ", "host", "missing", "zone""#,
        r#""to", "-""#,
        r#""__name__", "_", "__name__", "host""#,
    ];
    let mut all = each(&["label_replace(temp_c, #)"], &replaced);
    all.extend(each(&["label_join(temp_c, #)"], &joined));
    all
}

fn dates() -> Vec<String> {
    let names =
        ["hour", "minute", "month", "year", "day_of_month", "day_of_week", "day_of_year", "days_in_month"];
    each(&["#()", "#(timestamp(temp_c))", "#(temp_c * 31556952)", "#(-temp_c * 1e6)", "#(odd_value)"], &names)
}

fn histograms() -> Vec<String> {
    let mut all = each(
        &[
            "histogram_quantile(#, request_seconds_bucket)",
            "histogram_quantile(#, rate(request_seconds_bucket[5m]))",
            "histogram_quantile(#, sum by (le) (rate(request_seconds_bucket[5m])))",
        ],
        &SHARES,
    );
    all.extend(each(&["histogram_#(request_seconds_bucket)"], &["avg", "count", "sum", "stddev", "stdvar"]));
    all.extend(owned(&[
        "histogram_quantile(0.9, temp_c)",
        "histogram_quantile(0.9, nothing)",
        "histogram_quantile(0.9, request_seconds_bucket{le!=\"+Inf\"})",
        "histogram_quantile(scalar(count(board_info)) / 4, request_seconds_bucket)",
        "histogram_fraction(0, 0.5, request_seconds_bucket)",
        "histogram_fraction(0.2, 2, rate(request_seconds_bucket[5m]))",
        "histogram_fraction(-Inf, Inf, request_seconds_bucket)",
        "histogram_fraction(2, 1, request_seconds_bucket)",
        "histogram_fraction(NaN, 1, request_seconds_bucket)",
    ]));
    all
}

fn times() -> Vec<String> {
    let at = START_MS / 1000 + 1200;
    let mut all =
        each(&["temp_c offset #", "rate(joules_total[5m] offset #)"], &["1m", "-1m", "1h", "0s", "90"]);
    for modifier in ["@ start()", "@ end()", &format!("@ {at}"), &format!("@ {at}.25 offset 30s")] {
        all.push(format!("temp_c {modifier}"));
        all.push(format!("rate(joules_total[2m] {modifier})"));
        all.push(format!("max_over_time(temp_c[5m:30s] {modifier})"));
    }
    for (range, step) in [("5m", "1m"), ("5m", ""), ("10m", "7s"), ("1m", "5m"), ("300", "15")] {
        all.push(format!("max_over_time(temp_c[{range}:{step}])"));
        all.push(format!("rate(joules_total[{range}:{step}])"));
        all.push(format!("avg_over_time(rate(joules_total[1m])[{range}:{step}])"));
    }
    all.push("max_over_time((time() - max(board_info))[5m:10s] offset 5m)".to_owned());
    all.push("avg_over_time(max_over_time(temp_c[1m:10s])[5m:1m])".to_owned());
    all
}

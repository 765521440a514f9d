//! The script that computes a result again from its raw readings, so that nobody has to believe us.

use std::fmt::Write as _;

use super::{Submission, plain};

/// What is the same for every run: energy between two times from a meter's readings. In POSIX awk.
const COMPUTATION: &str = r#"
NR == 1 { next }
{
    m = $1; if (!(m in n)) { n[m] = 0; meters++ }
    i = ++n[m]; t[m, i] = $3; j[m, i] = $4; s[m, i] = $5; w[m, i] = $6
}
# Energy and covered seconds of a meter from one time to another: differences of its counter, which counts from
# zero where it began anew, else the trapezoid of its powers; shares of a step at the edges.
function add(m, from, to,    i, a, b, part, used) {
    joules = 0; covered = 0
    for (i = 2; i <= n[m]; i++) {
        a = t[m, i - 1] > from ? t[m, i - 1] : from
        b = t[m, i] < to ? t[m, i] : to
        if (b <= a) continue
        if (j[m, i] != "" && j[m, i - 1] != "") {
            part = (b - a) / (t[m, i] - t[m, i - 1])
            used = j[m, i] - j[m, i - 1]; if (used < 0) used = j[m, i]
            joules += used * part
            if (s[m, i] != "" && s[m, i - 1] != "" && s[m, i] >= s[m, i - 1])
                covered += (s[m, i] - s[m, i - 1]) * part
            else covered += b - a
        } else if (t[m, i] - t[m, i - 1] <= gap[m]) {
            joules += (b - a) * (at(m, i, a) + at(m, i, b)) / 2
            covered += b - a
        }
    }
}
function at(m, i, time) {
    return w[m, i - 1] + (w[m, i] - w[m, i - 1]) * (time - t[m, i - 1]) / (t[m, i] - t[m, i - 1])
}
END {
    for (m in n) {
        first = ""; last = ""
        for (i = 1; i <= n[m]; i++) if (t[m, i] >= start && t[m, i] <= end) {
            if (first == "") first = t[m, i]
            last = t[m, i]
        }
        if (first == "" || first == last) { few = 1 } else { add(m, first, last); inside += joules / covered }
        add(m, start, end); if (covered > 0) edges += joules / covered
    }
    printf "meters: %d\n", meters
    if (!few) printf "first to last reading: %.6f W, %.9e %s\n", inside, rate / inside, unit
    printf "to the edges of the core phase: %.6f W, %.9e %s\n", edges, rate / edges, unit
}
"#;

/// The script with this run's numbers.
pub(super) fn text(submission: &Submission) -> String {
    let (rate, unit) = match &submission.run.result {
        Some(result) => (result.rate.unwrap_or(0.0), result.unit_per_w.as_str()),
        None => (0.0, ""),
    };
    let seconds = |ms: i64| format!("{:.3}", ms as f64 / 1000.0);
    let mut page = "# Computes the result from readings.csv:  awk -f figure.awk readings.csv\n\
                    # Times are Unix seconds; start and end are those of the core phase.\n\
                    BEGIN {\n    FS = \",\"\n"
        .to_owned();
    let core = submission.core.time;
    let _ = writeln!(page, "    start = {}; end = {}", seconds(core.start_ms), seconds(core.end_ms));
    let _ = writeln!(page, "    rate = {rate:e}; unit = \"{}\"", plain(unit));
    page += "    # Powers that are further apart than this, in seconds, are not bridged.\n";
    for meter in &submission.meters {
        let _ = writeln!(page, "    gap[\"{}\"] = {}", plain(&meter.meter), meter.gap_s);
    }
    page + "}" + COMPUTATION
}

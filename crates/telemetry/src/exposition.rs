//! A page for a Prometheus that scrapes: its text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>), or OpenMetrics 1.0 for who asks for it
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
//!
//! The crate prometheus-client is not used: it keeps metrics of its own, writes OpenMetrics only, and has no times,
//! while every page here is made of samples that are stored already, with the times that they have.
//!
//! Invariant: whatever names and values come from outside, the page is well formed.
//!
//! ```
//! use picollect_telemetry::exposition::{Format, Kind, Page};
//!
//! let mut page = Page::new(Format::OpenMetrics);
//! let mut joules = page.family("picollect_power_joules_total", Kind::Counter, "Energy since the epoch.");
//! joules.sample([("host", "pi \"1\"")], 7.0, Some(2500));
//! let lines: Vec<String> = page.finish().lines().map(Into::into).collect();
//! assert_eq!(lines[1], "# TYPE picollect_power_joules counter");
//! assert_eq!(lines[2], r#"picollect_power_joules_total{host="pi \"1\""} 7 2.500"#);
//! assert_eq!(lines[3], "# EOF");
//! ```

use std::fmt::Write as _;

/// Which of the two formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4; times in milliseconds, no end mark.
    Text,
    /// OpenMetrics, which ends with `# EOF` and has seconds where the other has milliseconds.
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What the samples of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, or begins again at zero; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl Kind {
    /// The word in a page's `# TYPE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// A page that grows.
#[derive(Debug)]
pub struct Page {
    format: Format,
    text: String,
}

impl Page {
    /// A page without families yet.
    pub fn new(format: Format) -> Self {
        Self { format, text: String::new() }
    }

    /// A family by the name of its samples. All its samples have to be written before the next family; one without
    /// samples leaves no trace.
    pub fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &'a str) -> Family<'a> {
        Family { page: self, name, kind, help, begun: false }
    }

    /// The page as it is sent; OpenMetrics ends with `# EOF`.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text += "# EOF\n";
        }
        self.text
    }
}

/// A family of samples on a page.
#[derive(Debug)]
pub struct Family<'a> {
    page: &'a mut Page,
    name: &'a str,
    kind: Kind,
    help: &'a str,
    begun: bool,
}

impl Family<'_> {
    /// Writes a sample; `t_ms` is Unix milliseconds, `None` is the moment of the scrape.
    pub fn sample<'l>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: f64,
        t_ms: Option<i64>,
    ) {
        if !std::mem::replace(&mut self.begun, true) {
            self.head();
        }
        let text = &mut self.page.text;
        push_name(self.name, true, text);
        push_labels(labels, text);
        text.push(' ');
        push_value(value, text);
        // Writing into a String cannot fail.
        let _ = match (t_ms, self.page.format) {
            (None, _) => Ok(()),
            (Some(t_ms), Format::Text) => write!(text, " {t_ms}"),
            (Some(t_ms), Format::OpenMetrics) => {
                let sign = if t_ms < 0 { "-" } else { "" };
                let (seconds, ms) = (t_ms.unsigned_abs() / 1000, t_ms.unsigned_abs() % 1000);
                write!(text, " {sign}{seconds}.{ms:03}")
            }
        };
        text.push('\n');
    }

    /// OpenMetrics has `_total` at a counter's samples only, and also escapes quotes in a help.
    fn head(&mut self) {
        let open_metrics = self.page.format == Format::OpenMetrics;
        let family = match self.kind {
            Kind::Counter if open_metrics => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Counter | Kind::Gauge => self.name,
        };
        let text = &mut self.page.text;
        text.push_str("# HELP ");
        push_name(family, true, text);
        text.push(' ');
        push_escaped(self.help, open_metrics, text);
        text.push_str("\n# TYPE ");
        push_name(family, true, text);
        text.push(' ');
        text.push_str(self.kind.as_str());
        text.push('\n');
    }
}

/// Names that would be the same get underscores behind them: Prometheus refuses a page with a label that stands twice.
fn push_labels<'l>(labels: impl IntoIterator<Item = (&'l str, &'l str)>, text: &mut String) {
    let mut names: Vec<String> = Vec::new();
    for (name, value) in labels {
        let mut spelled = String::with_capacity(name.len());
        push_name(name, false, &mut spelled);
        while names.contains(&spelled) {
            spelled.push('_');
        }
        text.push(if names.is_empty() { '{' } else { ',' });
        text.push_str(&spelled);
        text.push_str("=\"");
        push_escaped(value, true, text);
        text.push('"');
        names.push(spelled);
    }
    if !names.is_empty() {
        text.push('}');
    }
}

/// What no name may have becomes an underscore; a colon is for metrics only.
fn push_name(name: &str, colon: bool, text: &mut String) {
    if name.starts_with(|first: char| first.is_ascii_digit()) || name.is_empty() {
        text.push('_');
    }
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || (colon && letter == ':');
    text.extend(name.chars().map(|letter| if allowed(letter) { letter } else { '_' }));
}

/// Other control characters are part of a value for Prometheus, and the label has to be the one that its queries find.
fn push_escaped(value: &str, quotes: bool, text: &mut String) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quotes => text.push_str("\\\""),
            letter => text.push(letter),
        }
    }
}

fn push_value(value: f64, text: &mut String) {
    if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        // Writing into a String cannot fail. What is no number is `NaN` here too.
        let _ = write!(text, "{value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(format: Format, labels: &[(&str, &str)], value: f64, t_ms: Option<i64>) -> String {
        let mut page = Page::new(format);
        page.family("left_out", Kind::Gauge, "Nothing has it.");
        page.family("m_total", Kind::Counter, "A \"quoted\"\nhelp \\.").sample(
            labels.iter().copied(),
            value,
            t_ms,
        );
        page.finish()
    }

    #[test]
    fn the_text_format_has_total_milliseconds_and_no_end() {
        let want =
            "# HELP m_total A \"quoted\"\\nhelp \\\\.\n# TYPE m_total counter\nm_total{a=\"b\"} 1.5 -2500\n";
        assert_eq!(page(Format::Text, &[("a", "b")], 1.5, Some(-2500)), want);
    }

    #[test]
    fn open_metrics_has_total_at_the_samples_only_seconds_and_an_end() {
        let want = "# HELP m A \\\"quoted\\\"\\nhelp \\\\.\n# TYPE m counter\nm_total 1.5 -2.500\n# EOF\n";
        assert_eq!(page(Format::OpenMetrics, &[], 1.5, Some(-2500)), want);
        assert_eq!(Format::accepted("application/openmetrics-text;version=1.0.0,*/*"), Format::OpenMetrics);
        assert_eq!(Format::accepted("text/plain"), Format::Text);
    }

    #[test]
    fn hostile_labels_are_escaped_and_stay_apart() {
        let labels = [("a-b", "\"} 1\nup 1"), ("a_b", "\\"), ("1", "\u{1b}\r"), ("", "°")];
        let want = "m_total{a_b=\"\\\"} 1\\nup 1\",a_b_=\"\\\\\",_1=\"\u{1b}\r\",_=\"°\"} NaN\n";
        assert!(page(Format::Text, &labels, f64::NAN, None).ends_with(want));
    }

    #[test]
    fn what_is_infinite_has_a_sign() {
        assert!(page(Format::Text, &[], f64::INFINITY, None).ends_with("m_total +Inf\n"));
        assert!(page(Format::Text, &[], f64::NEG_INFINITY, None).ends_with("m_total -Inf\n"));
    }

    proptest! {
        #[test]
        fn a_page_has_a_line_for_each_sample_whatever_it_says(
            name in ".{0,8}", value in "\\PC{0,8}[\n\"\\\\]{0,3}", number in any::<f64>(),
        ) {
            let text = page(Format::Text, &[(&name, &value), (&value, &name)], number, Some(0));
            prop_assert_eq!(text.matches('\n').count(), 3);
            let sample = text.lines().last().unwrap();
            // Without escaped signs, quotes stand in pairs.
            let bare = sample.replace("\\\\", "").replace("\\\"", "");
            prop_assert_eq!(bare.matches('"').count(), 4, "{}", sample);
        }
    }
}

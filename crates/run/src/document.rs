//! The document of a run as the line that travels, which has a greatest length: what does not fit is left out and said,
//! because a run without its provenance is worth more than none.

use picollect_analysis::runs::{self, Run};

/// The line of a run. Where it would be too long, first the provenance is left out, then results from the end, then
/// the command's arguments and the labels.
pub(super) fn line(run: &Run) -> Vec<u8> {
    let mut run = run.clone();
    loop {
        match runs::line(&run) {
            Ok(line) => return line,
            Err(error) => {
                // Not within the macro, which evaluates nothing where nobody listens.
                let left_out = shorten(&mut run);
                tracing::warn!("{error}; {left_out} left out of it");
            }
        }
    }
}

/// Leaves something out and says what. A run of which nothing is left fits: its name and id are bounded.
fn shorten(run: &mut Run) -> &'static str {
    if !run.provenance.is_empty() {
        run.provenance.clear();
        "the provenance is"
    } else if run.results.len() > 1 {
        run.results.truncate(run.results.len() / 2);
        "the later half of the results is"
    } else if run.command.len() > 1 {
        run.command.truncate(1);
        "the command's arguments are"
    } else if !run.labels.is_empty() {
        run.labels.clear();
        "the labels are"
    } else {
        run.command.clear();
        run.results.clear();
        run.shares.clear();
        run.nodes = None;
        run.kept_in = None;
        "all but the times is"
    }
}

/// The whole document as a file that people read.
pub(super) fn pretty(run: &Run) -> String {
    serde_json::to_string_pretty(run).expect("texts and finite numbers are JSON")
}

#[cfg(test)]
mod tests {
    use picollect_analysis::runs::{End, TimeRange};
    use picollect_telemetry::line::MAX_LINE_BYTES;

    use super::*;

    #[test]
    fn a_run_whose_document_is_too_long_loses_the_least_of_it() {
        let time = TimeRange { start_ms: 1, end_ms: 2 };
        let mut run = Run::of_load("test", "name", "host", time, Vec::new());
        run.end = End::Exit(7);
        run.command = vec!["program".to_owned(), "x".repeat(MAX_LINE_BYTES)];
        run.provenance.insert("input".to_owned(), "y".repeat(MAX_LINE_BYTES));
        let text = String::from_utf8(line(&run)).unwrap();
        assert!(text.contains("\\\"program\\\"") && !text.contains("xx"), "{text}");
        run.command.truncate(1);
        run.labels.insert("k".to_owned(), "v".to_owned());
        assert!(String::from_utf8(line(&run)).unwrap().contains("\\\"k\\\""));
    }
}

//! What stands before a benchmark's own lines: marks of launchers, time stamps, colours.
//!
//! Known are `mpirun`'s tags (`[1,0]<stdout>:`, Open MPI and PRRTE), Hydra's `-prepend-rank` (`[0] `), `srun
//! -l` (`0: `), `pdsh` (`node1: `), and stamps as by `ts` or `mpirun --timestamp-output`. Open MPI's tags
//! look like nothing else; everything else is a mark only if most lines begin with it and few of them with
//! the same one twice or more, because `SCALE: 17` is a result and no node. Names of nodes have no `_`, names of
//! functions, which logs begin with, do.
//!
//! Lines of different marks are different streams: several copies of a program that print at the same time
//! do not become one output.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex_lite::Regex;

use super::Line;

/// What a terminal is told: colours and the like, titles, single letters.
static ESCAPES: LazyLock<Regex> =
    LazyLock::new(|| expression(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])"));
/// Marks; the group `stream` is what tells one process from another.
static MARKS: LazyLock<[Regex; 5]> = LazyLock::new(|| {
    [
    r"^\[(?<stream>(?:[^\s@\[\]]+@)?[0-9]+,[0-9]+)\](?:<std(?:out|err)>)?: ?",
    r"^\[(?<stream>[0-9]+)\](?: |$)",
    r"^\s*(?<stream>[0-9]+):(?: |$)",
    r"^(?<stream>[A-Za-z0-9][A-Za-z0-9.-]*):(?: |$)",
    // RFC 3339 and its neighbours, `ts`, and a clock alone; in brackets too.
    concat!(
        r"^\[?(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z| ?[+-][0-9]{2}:?[0-9]{2})?",
        r"|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?: [0-9]{4})?",
        r"|[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?)\]?(?:<std(?:out|err)>)?(?:: ?| |$)"
    ),
]
    .map(expression)
});
/// So many lines that are not empty are looked at to find out what stands before them.
const SAMPLE: usize = 200;
/// With fewer lines a mark cannot be told from a word.
const MIN_LINES: usize = 3;
/// So many lines at least have the mark, because the launcher may say something of its own.
const MARKED_SHARE: f64 = 0.8;
/// A mark is that of so many lines on average, at least.
const LINES_A_MARK: usize = 3;
/// A mark stands before a mark: a stamp before a node's name before a rank, no more.
const MAX_DEPTH: usize = 3;
/// A mark is found in so many bytes at the beginning of a line.
const MAX_MARK: usize = 160;
/// With more lines than this the streams are not told apart: it bounds the memory for them.
const MAX_LINES: usize = 2_000_000;

/// The output without what a terminal is told.
pub(super) fn without_escapes(output: &str) -> Cow<'_, str> {
    if output.contains('\x1b') { ESCAPES.replace_all(output, "") } else { output.into() }
}

/// What stands before most lines of an output, outermost first.
pub(super) struct Marks(Vec<&'static Regex>);

impl Marks {
    /// Found in the first [`SAMPLE`] lines.
    pub(super) fn of(output: &str) -> Self {
        let mut found = Self(Vec::new());
        let lines = super::lines(output).map(|line| line.text);
        let sample: Vec<&str> = lines.filter(|text| !text.is_empty()).take(SAMPLE).collect();
        while found.0.len() < MAX_DEPTH {
            let rest: Vec<&str> = sample.iter().map(|text| found.take_off(text, |_| ())).collect();
            let next =
                MARKS.iter().enumerate().find(|(index, mark)| is_before_most(mark, *index == 0, &rest));
            let Some((_, mark)) = next else { break };
            found.0.push(mark);
        }
        found
    }

    /// The complete lines of all processes in their order.
    pub(super) fn lines<'a>(&self, output: &'a str) -> impl Iterator<Item = Line<'a>> {
        super::lines(output).map(|line| Line { text: self.take_off(line.text, |_| ()), ..line })
    }

    /// The complete lines of each process that the marks tell apart, by its name; `None` where there are not
    /// several.
    pub(super) fn streams<'a>(&self, output: &'a str) -> Option<BTreeMap<String, Vec<Line<'a>>>> {
        let mut streams: BTreeMap<Vec<&str>, Vec<Line<'_>>> = BTreeMap::new();
        if self.0.is_empty() {
            return None;
        }
        for (index, line) in super::lines(output).enumerate() {
            if index == MAX_LINES {
                return None;
            }
            let mut name = Vec::new();
            let text = self.take_off(line.text, |part| name.push(part));
            streams.entry(name).or_default().push(Line { text, ..line });
        }
        let named = streams.into_iter().map(|(name, lines)| (name.join(" "), lines));
        Some(named.collect()).filter(|streams: &BTreeMap<_, _>| streams.len() > 1)
    }

    /// A line without the marks, each of which is told with the process that it names.
    fn take_off<'a>(&self, line: &'a str, mut told: impl FnMut(&'a str)) -> &'a str {
        let mut rest = line;
        for mark in &self.0 {
            let Some(found) = mark.captures(beginning(rest)) else { continue };
            if let Some(stream) = found.name("stream") {
                told(&rest[stream.range()]);
            }
            let end = found.get(0).map_or(0, |whole| whole.end());
            rest = rest[end..].trim();
        }
        rest
    }
}

fn expression(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression that a test compiles")
}

/// Whether this mark stands before these lines; an unmistakable one may stand before a single line.
fn is_before_most(mark: &Regex, unmistakable: bool, lines: &[&str]) -> bool {
    let mut streams: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines {
        if let Some(found) = mark.captures(beginning(line)) {
            *streams.entry(found.name("stream").map_or("", |stream| stream.as_str())).or_default() += 1;
        }
    }
    let marked: usize = streams.values().sum();
    if unmistakable {
        return marked > 0;
    }
    let most = marked >= MIN_LINES && marked as f64 >= MARKED_SHARE * lines.len() as f64;
    most && streams.len() * LINES_A_MARK <= marked
}

fn beginning(line: &str) -> &str {
    let end = (0..=MAX_MARK.min(line.len())).rev().find(|at| line.is_char_boundary(*at));
    &line[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of all lines.
    fn texts(output: &str) -> Vec<&str> {
        Marks::of(output).lines(output).map(|line| line.text).collect()
    }

    #[test]
    fn marks_of_every_launcher_are_taken_off() {
        for mark in [
            "[1,0]<stdout>:",
            "[1,0]<stdout>: ",
            "[prterun-pi-1-4711@1,0]<stdout>: ",
            "[0] ",
            "0: ",
            "  3: ",
            "node-1.cluster: ",
            "2026-11-23T12:57:05Z ",
            "[2026-11-23 12:57:05.123] ",
            "Nov 23 12:57:05 ",
            "00:00:05 ",
            "Mon Nov 23 12:57:05 2026<stdout>:",
            "Nov 23 12:57:05 pi-1: [0] ",
        ] {
            let lines = ["SCALE: 17", "Copy:   100.0", "", "value"];
            let output: String = lines.iter().map(|line| format!("{mark}{line}\n")).collect();
            assert_eq!(texts(&output), lines, "{mark}");
            assert!(Marks::of(&output).streams(&output).is_none(), "{mark}: one process");
        }
    }

    #[test]
    fn processes_that_print_at_the_same_time_are_kept_apart() {
        let output = "pi-1: a 1\npi-2: b 1\npi-1: a 2\npi-1: a 3\npi-2: b 2\npi-2: b 3\n";
        let streams = Marks::of(output).streams(output).unwrap();
        let told: Vec<_> = streams.iter().map(|(name, lines)| (name.as_str(), lines.len())).collect();
        assert_eq!(told, [("pi-1", 3), ("pi-2", 3)]);
        let line = streams["pi-2"][2];
        assert_eq!((line.number, line.text), (6, "b 3"), "lines are counted in the whole output");
    }

    #[test]
    fn figures_that_look_like_marks_stay() {
        for output in
            ["SCALE: 17\nedgefactor: 16\nNBFS: 64\nmin: 1\n", "1: 2\n2: 4\n3: 6\n", "pi-1: a\npi-1: b\n"]
        {
            assert_eq!(texts(output), output.lines().collect::<Vec<_>>());
        }
        let mixed = "free text\nmore of it\npi-1: a\npi-1: b\npi-1: c\n";
        assert_eq!(texts(mixed)[2], "pi-1: a");
    }

    #[test]
    fn colours_and_titles_are_taken_off() {
        let coloured = "\x1b[1;32mCopy:\x1b[0m 100.0\x1b[K\n\x1b]0;title\x07done\x1bM\n";
        assert_eq!(without_escapes(coloured), "Copy: 100.0\ndone\n");
        assert_eq!(without_escapes("plain"), "plain");
    }
}

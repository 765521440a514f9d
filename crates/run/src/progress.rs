//! The live line of `picollect run`: on a terminal only, and in no output that is kept.
//!
//! Its figures are for the eye: the watts that the nodes say now, and an energy that is added up from them. What counts is
//! the verdict at the end, from the meters' own energy.

use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use picollect_analysis::nodes::Node;
use picollect_analysis::requests::NodesRequest;
use picollect_client::Source;
use picollect_evaluate::numbers::si_spaced;
use picollect_evaluate::presence::Presence;
use picollect_telemetry::foreign::printable;
use picollect_terminal::LiveLine;

/// The line says something new so often,
const DRAWN_EVERY: Duration = Duration::from_secs(1);
/// and the nodes are asked so often.
const ASKED_EVERY: Duration = Duration::from_secs(2);
/// So many throttled nodes are named.
const NAMED: usize = 4;

/// How far all runs of one command are.
pub(super) struct Progress {
    line: Option<LiveLine>,
    began: Instant,
    runs: usize,
    done: Cell<usize>,
}

impl Progress {
    /// Of so many runs, none of which has begun. Silent where standard error is no terminal.
    pub(super) fn new(runs: usize) -> Self {
        Self { line: LiveLine::on_stderr(), began: Instant::now(), runs, done: Cell::new(0) }
    }

    /// One more has ended.
    pub(super) fn one_done(&self) {
        self.done.set(self.done.get() + 1);
    }

    /// Waits so long, and says how long it still is.
    pub(super) fn rest(&self, length: Duration) {
        let Some(line) = self.line.as_ref().map(LiveLine::begin) else { return thread::sleep(length) };
        let begun = Instant::now();
        while let Some(left) = length.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            let idle_s = begun.elapsed().as_secs();
            line.set(&format!("idle {idle_s}/{:.0} s{}", length.as_secs_f64(), self.place().0));
            thread::sleep(left.min(DRAWN_EVERY));
        }
        line.end();
    }

    /// The command has ended, and the nodes' last samples are waited for.
    pub(super) fn settle(&self) {
        if let Some(line) = &self.line {
            line.begin().set("ended; waiting for the nodes' last samples");
        }
    }

    /// Takes the line away, for what is said once and for all.
    pub(super) fn quiet(&self) {
        if let Some(line) = &self.line {
            line.end();
        }
    }

    /// Follows a run on these nodes, `None` for all, until what is returned is dropped.
    pub(super) fn watch(&self, name: &str, source: &Arc<Source>, nodes: Option<&[String]>) -> Watching {
        let Some(line) = self.line.as_ref().map(LiveLine::begin) else { return Watching::default() };
        let figures = Arc::new(Mutex::new(Figures::default()));
        let (drawing, drawn) = mpsc::channel::<()>();
        let (asking, asked) = mpsc::channel::<()>();
        // Neither is waited for: a collector that does not answer must not hold up the run's end.
        let (shared, names, of) = (Arc::clone(&figures), nodes.map(<[_]>::to_vec), Arc::clone(source));
        thread::spawn(move || {
            let mut last = Instant::now();
            while asked.recv_timeout(ASKED_EVERY) == Err(RecvTimeoutError::Timeout) {
                let Ok(nodes) = of.ask(&NodesRequest::default()) else { continue };
                let passed_s = last.elapsed().as_secs_f64();
                last = Instant::now();
                shared.lock().unwrap_or_else(PoisonError::into_inner).add(&nodes, names.as_deref(), passed_s);
            }
        });
        let (title, begun) = (printable(name).into_owned() + &self.place().0, Instant::now());
        let (left_s, shown) = (self.place().1, line.clone());
        thread::spawn(move || {
            while drawn.recv_timeout(DRAWN_EVERY) == Err(RecvTimeoutError::Timeout) {
                let figures = figures.lock().unwrap_or_else(PoisonError::into_inner);
                let elapsed_s = begun.elapsed().as_secs_f64();
                shown.set(&text(&title, elapsed_s, left_s.map(|left_s| left_s - elapsed_s), &figures));
            }
        });
        Watching { line: Some(line), _threads: vec![drawing, asking] }
    }

    /// Which of several runs it is, and how long all that is left takes if it takes what the others took.
    fn place(&self) -> (String, Option<f64>) {
        let done = self.done.get();
        if self.runs < 2 {
            return (String::new(), None);
        }
        let each_s = (done > 0).then(|| self.began.elapsed().as_secs_f64() / done as f64);
        let left_s = each_s.map(|each_s| each_s * (self.runs - done) as f64);
        (format!(", {} of {}", done + 1, self.runs), left_s)
    }
}

/// A run that is followed.
#[derive(Default)]
pub(super) struct Watching {
    line: Option<LiveLine>,
    _threads: Vec<Sender<()>>,
}

impl Watching {
    /// The line, which has to give way to the command's output.
    pub(super) fn line(&self) -> Option<&LiveLine> {
        self.line.as_ref()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.end();
        }
    }
}

/// What the nodes said last.
#[derive(Debug, Clone, Default, PartialEq)]
struct Figures {
    /// Nodes that are up.
    nodes: usize,
    /// Those of them with a power figure.
    metered: usize,
    watts: f64,
    joules: f64,
    hottest: Option<(String, f64)>,
    throttled: Vec<String>,
}

impl Figures {
    fn add(&mut self, nodes: &[Node], wanted: Option<&[String]>, passed_s: f64) {
        let counts = |node: &&Node| {
            node.state != Presence::Down && wanted.is_none_or(|names| names.contains(&node.host))
        };
        let up: Vec<&Node> = nodes.iter().filter(counts).collect();
        let before_w = if self.metered > 0 { Some(self.watts) } else { None };
        self.nodes = up.len();
        self.metered = up.iter().filter(|node| node.watts.is_some()).count();
        self.watts = up.iter().filter_map(|node| node.watts).sum();
        self.joules += f64::midpoint(before_w.unwrap_or(self.watts), self.watts) * passed_s;
        let temperatures = up.iter().filter_map(|node| Some((node.host.clone(), node.temp_c?)));
        self.hottest = temperatures.max_by(|(_, a), (_, b)| a.total_cmp(b));
        let throttled = up.iter().filter(|node| node.throttled == Some(true));
        self.throttled = throttled.map(|node| node.host.clone()).collect();
    }
}

/// What there is to say, the more important the further left.
fn text(title: &str, elapsed_s: f64, left_s: Option<f64>, figures: &Figures) -> String {
    let mut text = format!("{title}  {}", clock(elapsed_s));
    if figures.metered > 0 {
        let of = if figures.metered < figures.nodes {
            format!(" ({} of {} nodes)", figures.metered, figures.nodes)
        } else {
            String::new()
        };
        let (watts, joules) = (si_spaced(Some(figures.watts), "W"), si_spaced(Some(figures.joules), "J"));
        let _ = write!(text, "  {watts}  ~{joules}{of}");
    }
    if let Some((host, temp_c)) = &figures.hottest {
        let _ = write!(text, "  hottest {} {temp_c:.0} °C", printable(host));
    }
    if !figures.throttled.is_empty() {
        let named = figures.throttled.iter().take(NAMED).map(|host| printable(host));
        let more = figures.throttled.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = write!(text, "  throttled {}{more}", named.collect::<Vec<_>>().join(", "));
    }
    if let Some(left_s) = left_s {
        let _ = write!(text, "  about {} left", clock(left_s));
    }
    text
}

/// Hours, minutes and seconds as a clock shows them: `0:03`, `1:02:03`.
fn clock(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default().as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, watts: Option<f64>, temp_c: f64) -> Node {
        Node {
            host: host.into(),
            state: Presence::Up,
            watts,
            temp_c: Some(temp_c),
            throttled: Some(temp_c > 80.0),
            ..Node::default()
        }
    }

    #[test]
    fn the_line_has_power_energy_heat_and_what_throttles() {
        let mut figures = Figures::default();
        assert_eq!(text("xhpl", 3.0, None, &figures), "xhpl  0:03");
        let down = Node { state: Presence::Down, ..node("pi-9", Some(100.0), 99.0) };
        figures.add(&[node("pi-1", Some(4.0), 55.0), node("pi-4", None, 83.4), down], None, 2.0);
        figures.add(&[node("pi-1", Some(6.0), 55.0), node("pi-4", None, 83.4)], None, 2.0);
        assert_eq!(
            text("xhpl, 2 of 8", 65.0, Some(600.0), &figures),
            "xhpl, 2 of 8  1:05  6.000 W  ~18.00 J (1 of 2 nodes)  hottest pi-4 83 °C  throttled pi-4  about 10:00 left"
        );
        figures.add(&[node("pi-1", Some(6.0), 55.0), node("pi-4", None, 83.4)], Some(&["pi-1".into()]), 2.0);
        assert_eq!(text("x", 3723.0, None, &figures), "x  1:02:03  6.000 W  ~30.00 J  hottest pi-1 55 °C");
    }

    #[test]
    fn what_is_left_of_a_sweep_is_known_after_its_first_run() {
        let progress = Progress { line: None, began: Instant::now(), runs: 3, done: Cell::new(0) };
        assert_eq!(progress.place(), (", 1 of 3".to_owned(), None));
        progress.one_done();
        let (place, left_s) = progress.place();
        assert!(place == ", 2 of 3" && left_s.is_some_and(|left_s| left_s < 60.0));
        let single = Progress { line: None, began: Instant::now(), runs: 1, done: Cell::new(0) };
        assert_eq!(single.place(), (String::new(), None));
    }
}

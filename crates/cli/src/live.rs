//! The live view: a line per node and a panel, drawn anew every second on standard error, and only on a terminal.
//!
//! The panel turns its pages as one on the case does: the pages, their order in time and the alarms are the crate
//! `picollect-lcd`'s, and what they say is the summary that the panels get.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use picollect_lcd::alarms::{self, Alarm, Cause};
use picollect_lcd::page::{self, Page};
use picollect_lcd::pages::Facts;
use picollect_lcd::rotation::{Content, Rotation, Settings};
use picollect_lcd::summary::{self, has_something_to_say};
use picollect_lcd::{Frame, Size};
use picollect_telemetry::summary::Summary;

use picollect_analysis::nodes::{self, Node};
use picollect_collector::Collector;
use picollect_settings::time::now_ms;
use picollect_store::cached;

const REFRESH: Duration = Duration::from_secs(1);
/// What a panel on the case shows, without its address.
const PAGES: [Page; 4] = [Page::Node, Page::Cluster, Page::Efficiency, Page::Run];
/// Nobody can press a button here: an alarm is acknowledged after so long, and the pages turn on.
const ACKNOWLEDGED_MS: u64 = 10_000;

/// Draws until its task is ended. `host` names the node whose panel is shown.
pub(crate) async fn draw(collector: Arc<Collector>, host: String) {
    let mut panel = Panel::new(host, now_ms());
    let mut drawn_lines = 0;
    loop {
        tokio::time::sleep(REFRESH).await;
        if !io::stderr().is_terminal() {
            continue;
        }
        let asked = Arc::clone(&collector);
        let seen = tokio::task::spawn_blocking(move || look(&asked)).await;
        let text = match seen {
            Ok(Ok((nodes, summary))) => picture(&nodes, &summary, &mut panel, now_ms()),
            Ok(Err(error)) => format!("cannot read the store: {error:#}\n"),
            Err(error) => format!("{error}\n"),
        };
        // Up to where the last picture began, and clear from there.
        let back = if drawn_lines > 0 { format!("\x1b[{drawn_lines}A\x1b[J") } else { String::new() };
        drawn_lines = text.lines().count();
        if write!(io::stderr(), "{back}{text}").is_err() {
            return;
        }
    }
}

fn look(collector: &Collector) -> anyhow::Result<(Vec<Node>, Summary)> {
    let nodes = cached(collector.store.as_ref(), |store| nodes::observe(store, now_ms()))?;
    Ok((nodes, collector.summary()?))
}

/// A line per node, and what the panel shows at this moment.
pub(crate) fn picture(nodes: &[Node], summary: &Summary, panel: &mut Panel, now_ms: i64) -> String {
    let frame = panel.frame(nodes, summary, now_ms).map(|frame| frame.to_terminal());
    nodes::table(nodes, now_ms) + &frame.unwrap_or_default()
}

/// The panel of a node as it would show the cluster.
#[derive(Debug)]
pub(crate) struct Panel {
    host: String,
    began_ms: i64,
    rotation: Rotation,
    /// Since when an alarm is shown, in milliseconds since the panel began.
    alarmed_ms: Option<u64>,
}

impl Panel {
    /// The panel of the node of this name, or of the first if there is none; `now_ms` is the Unix time.
    pub(crate) fn new(host: String, now_ms: i64) -> Self {
        Self { host, began_ms: now_ms, rotation: Rotation::new(Settings::default()), alarmed_ms: None }
    }

    /// What is due at this moment; nothing without a node.
    pub(crate) fn frame(&mut self, nodes: &[Node], summary: &Summary, now_ms: i64) -> Option<Frame> {
        let node = nodes.iter().find(|node| node.host == self.host).or(nodes.first())?;
        let at_ms = u64::try_from(now_ms - self.began_ms).unwrap_or(0);
        let mut facts = Facts { node: picollect_page::panel::facts(node), ..Facts::default() };
        summary::fill(&mut facts, summary, None, Some(now_ms));
        let pages = PAGES.into_iter().filter(|page| has_something_to_say(*page, false, Some(summary)));
        let pages: Vec<Page> = pages.collect();
        self.rotation
            .raise(&throttled(node).into_iter().chain(summary::alarms(summary)).collect::<Vec<_>>(), at_ms);
        if self.alarmed_ms.is_some_and(|since| at_ms.saturating_sub(since) >= ACKNOWLEDGED_MS) {
            self.rotation.press(&pages, at_ms);
        }
        let content = self.rotation.due(&pages, at_ms, None).content;
        let alarmed = matches!(content, Some(Content::Alarm(_)));
        self.alarmed_ms = alarmed.then(|| self.alarmed_ms.unwrap_or(at_ms));
        Some(match content? {
            Content::Alarm(turn) => alarms::draw(turn, Size::SMALL),
            Content::Page(page) => page::draw(page, &facts, &[], Size::SMALL),
        })
    }
}

/// The node's own alarm.
fn throttled(node: &Node) -> Option<Alarm> {
    (node.throttled == Some(true)).then(|| Alarm {
        cause: Cause::Throttled,
        node: node.host.clone(),
        simulated: node.simulated,
        detail: node.temp_c.map_or(String::new(), |temp_c| format!("{temp_c:.1}°C")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_evaluate::presence::Presence;
    use picollect_telemetry::Source;
    use picollect_telemetry::summary::Running;

    #[test]
    fn a_line_per_node_and_the_panel_of_the_named_one() {
        let hot = Node {
            host: "sim-4".into(),
            state: Presence::Up,
            last_seen_ms: 9_000,
            interval_s: 1.0,
            simulated: true,
            temp_c: Some(81.24),
            watts: Some(5.5),
            source: Some(Source::Simulated),
            clock_hz: Some(1.05e9),
            busy_ratio: Some(1.0),
            throttled: Some(false),
            ..Node::default()
        };
        let unknown = Node {
            host: "vm".into(),
            state: Presence::Down,
            no_power: Some(picollect_telemetry::NoData::Denied),
            cluster: None,
            ..Node::default()
        };
        let want = "\
NODE             STATE   HEARD       °C          W    GHz  BUSY  POWER IS
sim-4            up         1s     81.2       5.50   1.05  100%  simulated
vm               down      10s        -          -      -    -%  unknown (denied)
┌──────────────────┐
│ ✓SIM sim-4 🌡81°C │
│ 5.5W  1.1GHz ███ │
└──────────────────┘
";
        let mut panel = Panel::new("sim-4".into(), 10_000);
        assert_eq!(picture(&[hot, unknown], &Summary::default(), &mut panel, 10_000), want);
    }

    fn row(panel: &mut Panel, nodes: &[Node], summary: &Summary, second: i64) -> String {
        let frame = panel.frame(nodes, summary, second * 1000).expect("there is a node");
        frame.row(0).trim().to_owned()
    }

    #[test]
    fn the_pages_take_turns_and_a_run_has_one_while_it_lasts() {
        let nodes = [Node { host: "n".into(), state: Presence::Up, ..Node::default() }];
        let mut summary = Summary { nodes_up: Some(1), nodes_all: Some(1), ..Summary::default() };
        summary.run = Some(Running { name: "hpl".into(), start_ms: 0 });
        let mut panel = Panel::new("n".into(), 0);
        let rows = [0, 5, 10, 15].map(|second| row(&mut panel, &nodes, &summary, second));
        assert!(rows[0].starts_with("✓n") && rows[1].starts_with("1/1 up"), "{rows:?}");
        assert!(rows[2].starts_with("today") && rows[3].ends_with("hpl"), "{rows:?}");
        summary.run = None;
        assert!(row(&mut panel, &nodes, &summary, 16).starts_with("✓n"));
        assert_eq!(panel.frame(&[], &summary, 17), None);
    }

    #[test]
    fn an_alarm_comes_first_and_is_acknowledged_after_some_seconds() {
        let hot = [Node { host: "n".into(), state: Presence::Up, throttled: Some(true), ..Node::default() }];
        let mut panel = Panel::new("n".into(), 0);
        let summary = Summary::default();
        let rows = [0, 9, 10].map(|second| row(&mut panel, &hot, &summary, second));
        assert!(rows[0].contains("THROTTLED") && rows[1].contains("THROTTLED"), "{rows:?}");
        assert!(rows[2].starts_with("⚠n"), "{rows:?}");
        let summary = Summary { down: vec!["gone".into()], ..summary };
        assert!(row(&mut panel, &hot, &summary, 11).contains("NODE DOWN"), "another alarm is shown");
    }
}

//! The live view: a line per node and the panel of one, drawn anew every second on standard error, and
//! only on a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use picollect_lcd::Size;
use picollect_lcd::pages::{NodeFacts, node as node_page};

use crate::nodes::{self, Node};
use crate::store::{Store, remembering};
use crate::time::now_ms;

const REFRESH: Duration = Duration::from_secs(1);

/// Draws until its task is ended. `panel` names the node whose panel is shown.
pub async fn draw(store: Arc<dyn Store>, panel: String) {
    let mut drawn_lines = 0;
    loop {
        tokio::time::sleep(REFRESH).await;
        if !io::stderr().is_terminal() {
            continue;
        }
        let seen = Arc::clone(&store);
        let observed = tokio::task::spawn_blocking(move || {
            remembering(seen.as_ref(), |store| nodes::observe(store, now_ms()))
        })
        .await;
        let text = match observed {
            Ok(Ok(nodes)) => picture(&nodes, &panel, now_ms()),
            Ok(Err(error)) => format!("cannot read the store: {error}\n"),
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

/// A line per node, and the panel of the one named, or of the first.
pub fn picture(nodes: &[Node], panel: &str, now_ms: i64) -> String {
    let mut text = nodes::table(nodes, now_ms);
    if let Some(node) = nodes.iter().find(|node| node.host == panel).or(nodes.first()) {
        text += &node_page(&facts(node), Size::SMALL).to_terminal();
    }
    text
}

fn facts(node: &Node) -> NodeFacts {
    NodeFacts {
        name: node.host.clone(),
        simulated: node.simulated,
        temp_c: node.temp_c,
        watts: node.watts,
        estimated: node.source == Some("estimated"),
        clock_hz: node.clock_hz,
        busy: node.busy_ratio,
        throttled: node.throttled,
        healthy: Some(node.state == "up"),
        off_beat: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_per_node_and_the_panel_of_the_named_one() {
        let hot = Node {
            host: "sim-4".into(),
            state: "up",
            heard_ms: 9_000,
            interval_s: 1.0,
            simulated: true,
            temp_c: Some(81.24),
            watts: Some(5.5),
            source: Some("simulated"),
            clock_hz: Some(1.05e9),
            busy_ratio: Some(1.0),
            throttled: Some(true),
            ..Node::default()
        };
        let unknown = Node { host: "vm".into(), state: "down", no_power: Some("denied"), ..Node::default() };
        let want = "\
NODE             STATE   HEARD       °C          W    GHz  BUSY  POWER IS
sim-4            up         1s     81.2       5.50  1.05!  100%  simulated
vm               down      10s        -          -      -    -%  unknown (denied)
┌──────────────────┐
│ ⚠SIM sim-4 🌡81°C │
│ 5.5W  1.1GHz!███ │
└──────────────────┘
";
        assert_eq!(picture(&[hot, unknown], "sim-4", 10_000), want);
    }
}

//! A node's panel as it would show the node, dot by dot.

use maud::{Markup, html};
use picollect_analysis::nodes::Node;
use picollect_evaluate::presence::Presence;
use picollect_lcd::page::{Page, draw};
use picollect_lcd::pages::{Facts, NodeFacts};
use picollect_lcd::pixels::{Dot, Pixels};
use picollect_lcd::{Frame, Size};
use picollect_telemetry::Source;

/// Where the glass begins in the picture.
const LEFT: usize = 9;
const TOP: usize = 9;

/// What a panel says of this node.
pub fn facts(node: &Node) -> NodeFacts {
    NodeFacts {
        name: node.host.clone(),
        simulated: node.simulated,
        temp_c: node.temp_c,
        watts: node.watts,
        estimated: node.source == Some(Source::Estimated),
        clock_hz: node.clock_hz,
        busy: node.busy_ratio,
        throttled: node.throttled,
        healthy: Some(node.state == Presence::Up),
        off_beat: false,
    }
}

/// What the panel of this node shows.
pub(crate) fn frame(node: &Node) -> Frame {
    draw(Page::Node, &Facts { node: facts(node), ..Facts::default() }, &[], Size::SMALL)
}

/// The dots that are dark, as strokes of one path.
fn dots(frame: &Frame) -> String {
    let pixels = Pixels::of(frame);
    let mut path = String::new();
    for (y, row) in pixels.rows().enumerate() {
        let mut x = 0;
        while x < row.len() {
            let run = row[x..].iter().take_while(|dot| **dot == Dot::Dark).count();
            if run > 0 {
                path += &format!("M{} {}.4h{}.9", LEFT + x, TOP + y, run - 1);
            }
            x += run.max(1);
        }
    }
    path
}

/// The panel.
pub(crate) fn panel(node: &Node) -> Markup {
    let frame = frame(node);
    let words = [frame.row(0), frame.row(1)].map(|row| row.trim().to_owned()).join("; ");
    html! {
        svg.lcd viewBox="0 0 113 36" role="img" aria-label=(format!("As a panel shows it: {words}")) {
            rect.sc width="100%" height="100%" rx="2" {}
            @for (x, y) in [(3, 3), (110, 3), (3, 33), (110, 33)] {
                circle.hole cx=(x) cy=(y) r="1.5" {}
                circle.bz cx=(x) cy=(y) r=".8" {}
            }
            rect.bz x="6" y="4" width="101" height="28" rx="1.5" {}
            rect.gl x="7.5" y="7" width="98" height="21" rx=".8" {}
            rect fill="url(#ld)" x="9" y="9" width="95" height="17" {}
            path.on d=(dots(&frame)) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_panel_is_drawn_as_dots_within_its_glass() {
        let node = Node { host: "pi-1".into(), temp_c: Some(50.0), watts: Some(4.2), ..Node::default() };
        let dots = dots(&frame(&node));
        assert!(dots.starts_with('M') && dots.len() > 200, "{dots}");
        let places =
            dots.split('M').skip(1).map(|stroke| stroke.split_once(' ').unwrap().0.parse::<usize>().unwrap());
        assert!(places.into_iter().all(|x| (LEFT..LEFT + 95).contains(&x)));
    }
}

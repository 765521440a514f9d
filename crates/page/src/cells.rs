//! More nodes than a table is good for: a grid of cells, coloured by what was chosen, and before it the few that differ.

use maud::{Markup, html};
use picollect_analysis::nodes::Node;
use picollect_evaluate::presence::Presence;
use picollect_telemetry::Source;
use serde::Deserialize;

use crate::cluster::{address, is_hot, silent_s, state};
use crate::figure::{State, icon, moment, number, watts};
use crate::picture::Picture;

/// Nodes that differ and are named before the grid.
const MOST_NAMED: usize = 12;
/// Where the next colour begins: °C, and W of the greatest.
const STEPS_C: [f64; 4] = [52.0, 60.0, 68.0, 80.0];
const STEPS_OF_GREATEST: [f64; 4] = [0.2, 0.4, 0.6, 0.8];

/// What colours the cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    #[default]
    Temperature,
    Power,
    State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    #[default]
    Name,
    Hottest,
    Power,
}

/// What the visitor wants to see of many nodes: the query of the page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    q: String,
    state: String,
    by: By,
    order: Order,
}

impl Choice {
    fn shows(&self, picture: &Picture, node: &Node) -> bool {
        let is = state(picture, node);
        let wanted = match self.state.as_str() {
            "up" => node.state == Presence::Up,
            "throttled" => matches!(is, State::Throttled(_)),
            "late" => is == State::Late,
            "down" => is == State::Down,
            _ => true,
        };
        wanted && node.host.contains(&self.q)
    }
}

/// The grid, with what chooses among the nodes.
pub(crate) fn section(picture: &Picture, choice: &Choice) -> Markup {
    let mut shown: Vec<(usize, &Node)> =
        picture.nodes.iter().enumerate().filter(|(_, node)| choice.shows(picture, node)).collect();
    let most_first = |value: fn(&Node) -> Option<f64>| {
        move |(_, one): &(usize, &Node), (_, other): &(usize, &Node)| {
            value(other).unwrap_or(f64::NEG_INFINITY).total_cmp(&value(one).unwrap_or(f64::NEG_INFINITY))
        }
    };
    match choice.order {
        Order::Name => {}
        Order::Hottest => shown.sort_by(most_first(|node| node.temp_c)),
        Order::Power => shown.sort_by(most_first(|node| node.watts)),
    }
    // The stream sends what the usual colours are; another choice is as of when the page was loaded.
    let live = choice.by == By::Temperature;
    html! {
        (differing(picture))
        section.plate aria-labelledby="h-g" {
            div.h { h2 #h-g { "All " (picture.nodes.len()) " nodes" } p { "a frame marks who differs" } }
            (form(choice))
            p.small.soft role="status" { (shown.len()) " of " (picture.nodes.len()) " shown" @if !live { ", as they were when the page was loaded" } }
            (scale(choice.by))
            ul.cells {
                @for (index, node) in shown { li data-k=[live.then(|| format!("c{index}"))] { (cell(picture, node, choice.by)) } }
            }
        }
    }
}

fn form(choice: &Choice) -> Markup {
    let options = |name: &str, all: &[(&str, &str)], chosen: &str| {
        html! { select id=(name) name=(name) { @for (value, text) in all { option value=(value) selected[*value == chosen] { (text) } } } }
    };
    let by = match choice.by {
        By::Temperature => "temperature",
        By::Power => "power",
        By::State => "state",
    };
    let order = match choice.order {
        Order::Name => "name",
        Order::Hottest => "hottest",
        Order::Power => "power",
    };
    html! {
        form.form method="get" action="/" {
            div { label for="q" { "Name contains" } input #q name="q" size="10" value=(choice.q); }
            div { label for="state" { "State" } (options("state", &[("all", "all"), ("up", "up"), ("throttled", "throttled"), ("late", "late"), ("down", "down")], &choice.state)) }
            div { label for="by" { "Colour by" } (options("by", &[("temperature", "temperature"), ("power", "power"), ("state", "state")], by)) }
            div { label for="order" { "Order" } (options("order", &[("name", "name"), ("hottest", "hottest first"), ("power", "most power first")], order)) }
            button type="submit" { "Show" }
        }
    }
}

fn scale(by: By) -> Markup {
    let words: &[(&str, &str)] = match by {
        By::Temperature => &[
            ("h0", "under 52 °C"),
            ("h1", "52 to 60"),
            ("h2", "60 to 68"),
            ("h3", "68 to 80"),
            ("h4", "80 °C and more, or at its limit"),
            ("gone", "not known"),
        ],
        By::Power => &[
            ("h0", "under a fifth of the greatest"),
            ("h1", "to two fifths"),
            ("h2", "to three"),
            ("h3", "to four"),
            ("h4", "above"),
            ("gone", "not known"),
        ],
        By::State => &[("h1", "up"), ("h4", "throttled, or several boards"), ("gone", "late or down")],
    };
    html! { ul.scale aria-label="Colours" { @for (class, words) in words { li class=(class) { (words) } } } }
}

/// A node's cell.
pub(crate) fn cell(picture: &Picture, node: &Node, by: By) -> Markup {
    let is = state(picture, node);
    let (_, name, words) = is.look();
    let greatest = picture.nodes.iter().filter_map(|node| node.watts).fold(0.001, f64::max);
    let step = |value: f64, steps: [f64; 4]| steps.iter().filter(|step| value >= **step).count();
    let (colour, value, unit) = match by {
        By::Temperature => (
            node.temp_c.map(|temp_c| if is_hot(node) { 4 } else { step(temp_c, STEPS_C) }),
            node.temp_c.map(|temp_c| number(temp_c, 1)),
            "°C",
        ),
        By::Power => {
            let text = node.watts.map(|value| watts(value, node.source == Some(Source::Estimated)));
            (node.watts.map(|value| step(value / greatest, STEPS_OF_GREATEST)), text, "W")
        }
        By::State => (Some(if is == State::Up { 1 } else { 4 }), Some(words.clone()), ""),
    };
    let gone = matches!(is, State::Late | State::Down);
    let class = match colour.filter(|_| !gone) {
        Some(step) => format!("h{step}{}", if is.differs() { " mark" } else { "" }),
        None => "gone".to_owned(),
    };
    html! {
        a class=(class) href=(address(&node.host)) {
            span.nm { (node.host) }
            @if is.differs() { (icon(name)) }
            span.v {
                @if gone { (words) }
                @else if let Some(value) = value { (value) @if !unit.is_empty() { span.un { (unit) } } }
                @else { "?" }
            }
        }
    }
}

fn differing(picture: &Picture) -> Markup {
    let differ: Vec<&Node> = picture.nodes.iter().filter(|node| state(picture, node).differs()).collect();
    html! {
        section.plate aria-labelledby="h-d" {
            div.h { h2 #h-d { "The few that differ" } p { (differ.len()) " of " (picture.nodes.len()) } }
            @if differ.is_empty() { p.soft { (icon("ok")) " none" } }
            @else {
                ul.rows {
                    @for node in differ.iter().take(MOST_NAMED) {
                        li { b { a href=(address(&node.host)) { (node.host) } } " " (state(picture, node).markup(silent_s(picture, node)))
                            " " span.small.soft { @if let Some(temp_c) = node.temp_c { (number(temp_c, 1)) " °C" } @else { "last heard " (moment(node.last_seen_ms)) } } }
                    }
                }
                @if differ.len() > MOST_NAMED { p.small { "and " (differ.len() - MOST_NAMED) " more; choose a state below" } }
            }
        }
    }
}

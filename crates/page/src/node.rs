//! The page of a node: what it says now, and charts of what it said.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Html;
use maud::{Markup, html};
use picollect_analysis::nodes::Node;
use picollect_evaluate::thermal::first_limit_c;
use picollect_evaluate::throttle::Episode;
use picollect_settings::time::rfc3339;
use picollect_telemetry::Source;

use crate::Page;
use crate::answer::Failure;
use crate::chart::{Curve, Plot, greatest, plot, ticks_to};
use crate::cluster::{address, is_hot, power_of, silent_s, state};
use crate::figure::{figure, moment, number, watts};
use crate::history::{Asked, History, Range};
use crate::layout::{CLUSTER, Frame, framed};
use crate::live::{Slots, shape};
use crate::panel::panel;
use crate::picture::{Picture, Pictures};
use crate::visitor::Visitor;

/// A chart's table has about so many rows.
const ROWS: usize = 12;
/// Temperatures are drawn between these, so that nodes compare, °C.
const COOL_C: f64 = 30.0;
const HOT_C: f64 = 95.0;

/// The page.
pub(crate) async fn page(
    State(page): State<Arc<Page>>,
    visitor: Visitor,
    Path(host): Path<String>,
    Query(Asked { range }): Query<Asked>,
) -> Result<Html<String>, Failure> {
    let picture = Pictures::now(&page).await?;
    let asked = host.clone();
    let history = page.read(move |from| History::read(from, &asked, range)).await?;
    let node = picture.nodes.iter().find(|node| node.host == host);
    let live = format!("node.{host}");
    let shape = shape(&[&host]);
    let main = html! {
        p.crumb { a href="/" { (picture.name.as_deref().unwrap_or("Cluster")) } " / node" }
        @match node {
            Some(node) => { (now(&picture, node)) }
            None => { div.head { div { h1 { (host) } p { "This node is retired. What it said is still here." } } } }
        }
        (ranges(&host, range))
        div.charts data-history=(format!("{}/history?range={}", address(&host), range.names()[0])) {
            @for chart in charts(&history, node) { (chart.markup(&history)) }
        }
    };
    let frame = Frame {
        title: &host,
        place: CLUSTER,
        visitor: &visitor,
        at_ms: picture.at_ms,
        live: node.map(|_| (live.as_str(), shape.as_str())),
        charts: true,
        main,
    };
    Ok(Html(framed(&frame).into_string()))
}

/// What of the page moves.
pub(crate) fn slots(picture: &Picture, node: &Node) -> Slots {
    let [head, panel, facts] = parts(picture, node);
    let now = |name: &str, value: Option<f64>| {
        (format!("now-{name}"), value.map_or(String::new(), |value| format!("{value}")))
    };
    let mut slots: Slots = [("head", head), ("panel", panel), ("facts", facts)]
        .into_iter()
        .map(|(key, markup)| (key.to_owned(), markup.into_string()))
        .collect();
    // For the ends of the charts.
    slots.extend([
        now("watts", node.watts),
        now("temp", node.temp_c),
        now("clock", node.clock_hz.map(|hz| hz / 1e9)),
        now("busy", node.busy_ratio.map(|busy| busy * 100.0)),
    ]);
    slots.extend(figures(node).map(|(name, markup)| (format!("fig-{name}"), markup.into_string())));
    slots
}

fn now(picture: &Picture, node: &Node) -> Markup {
    let [head, panel, facts] = parts(picture, node);
    html! {
        div.head { div { h1 { (node.host) } div data-k="head" { (head) } } div.lcd-place data-k="panel" { (panel) } }
        dl.facts.alone data-k="facts" { (facts) }
    }
}

fn parts(picture: &Picture, node: &Node) -> [Markup; 3] {
    let limit_c = first_limit_c(node.model.as_deref());
    let is_slow = node.throttled == Some(true);
    let head = html! {
        p { (state(picture, node).markup(silent_s(picture, node))) @if node.simulated { " " span.badge { "simulated" } } }
        p.soft { (node.model.as_deref().unwrap_or("Its board is not known")) ". Last heard " (moment(node.last_seen_ms)) ", every " (number(node.interval_s, 1)) " s." }
    };
    let facts = html! {
        div { dt { "Power now" } dd { (power_of(node)) } }
        div { dt { "Temperature" } dd {
            (figure(node.temp_c.map(|temp_c| number(temp_c, 1)), "°C", if is_hot(node) { "hot" } else { "" }))
            @match (node.temp_c, limit_c) {
                (Some(temp_c), Some(limit_c)) if temp_c >= limit_c => { (number(temp_c - limit_c, 1)) " K over its first limit" }
                (Some(temp_c), Some(limit_c)) => { (number(limit_c - temp_c, 1)) " K below its first limit" }
                (Some(_), None) => { "the limit of this board is not known" }
                (None, _) => { "it says none" }
            }
        } }
        div { dt { "Clock" } dd {
            (figure(node.clock_hz.map(|hz| format!("{:.2}", hz / 1e9)), "GHz", if is_slow { "hot" } else { "" }))
            @if let Some(max_hz) = node.max_hz { "of " (format!("{:.2}", max_hz / 1e9)) }
            @match node.throttled { Some(true) => { ", throttled" } Some(false) => {} None => { "; whether it is throttled is not known" } }
        } }
        div { dt { "Load" } dd { (figure(node.busy_ratio.map(|busy| format!("{:.0}", busy * 100.0)), "%", "")) "of its cores" } }
    };
    [head, panel(node), facts]
}

/// What each chart's quantity is now.
fn figures(node: &Node) -> [(&'static str, Markup); 4] {
    let value = |value: Option<f64>, decimals: usize| value.map(|value| format!("{value:.decimals$}"));
    let power = node.watts.map(|value| watts(value, node.source == Some(Source::Estimated)));
    [
        ("watts", figure(power, "W", "")),
        ("temp", figure(value(node.temp_c, 1), "°C", if is_hot(node) { "hot" } else { "" })),
        ("clock", figure(value(node.clock_hz.map(|hz| hz / 1e9), 2), "GHz", "")),
        ("busy", figure(value(node.busy_ratio.map(|busy| busy * 100.0), 0), "%", "")),
    ]
}

fn ranges(host: &str, chosen: Range) -> Markup {
    html! {
        div.head.wrap.gapt {
            h2 { (chosen.names()[2]) }
            ul.seg {
                @for range in Range::ALL {
                    @let [name, text, _] = range.names();
                    li { a href=(format!("{}?range={name}", address(host))) aria-current=[(range == chosen).then_some("true")] { (text) } }
                }
            }
        }
    }
}

/// A chart of one quantity.
struct Chart<'a> {
    /// How the script calls it.
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    class: String,
    values: &'a [Option<f64>],
    low: f64,
    ticks: Vec<f64>,
    high: f64,
    decimals: usize,
    now: Markup,
    limit: Option<(f64, String)>,
    note: Option<&'static str>,
}

fn charts<'a>(history: &'a History, node: Option<&Node>) -> [Chart<'a>; 4] {
    let how = match history.source {
        Some(Source::Estimated) => " dash",
        Some(Source::Simulated) => " dots",
        _ => "",
    };
    let limit_c = node.and_then(|node| first_limit_c(node.model.as_deref()));
    let max_ghz = node.and_then(|node| node.max_hz).map_or(0.0, |hz| hz / 1e9);
    let (power, clock) =
        (ticks_to(greatest(&history.watts)), ticks_to(greatest(&history.clock_ghz).max(max_ghz)));
    let mut figures = node.map(figures).into_iter().flatten().map(|(_, markup)| markup);
    let mut now = || figures.next().unwrap_or_else(|| html! {});
    let chart = |name, title, unit, class: &str, values, ticks: Vec<f64>, decimals, now| Chart {
        name,
        title,
        unit,
        class: class.to_owned(),
        values,
        low: 0.0,
        high: ticks.last().copied().unwrap_or(1.0),
        ticks,
        decimals,
        now,
        limit: None,
        note: None,
    };
    [
        chart("watts", "Power", "W", &format!("s-c1{how}"), &history.watts, power, 2, now()),
        Chart {
            low: COOL_C,
            high: HOT_C,
            limit: limit_c.map(|limit_c| (limit_c, format!("first limit {limit_c:.0} °C"))),
            ..chart(
                "temp",
                "Temperature",
                "°C",
                "s-c3",
                &history.temp_c,
                vec![30.0, 50.0, 70.0, 90.0],
                1,
                now(),
            )
        },
        Chart {
            note: history.clock_asked.then_some("what the kernel asked for; the real one is not known"),
            ..chart("clock", "Clock", "GHz", "s-c2", &history.clock_ghz, clock, 2, now())
        },
        chart("busy", "Load of its cores", "%", "s-c5", &history.busy, vec![0.0, 50.0, 100.0], 0, now()),
    ]
}

impl Chart<'_> {
    fn markup(&self, history: &History) -> Markup {
        let Self { title, unit, values, .. } = self;
        let label = format!("{title}, {unit}: {}", self.in_words());
        let curves = [Curve { values, class: &self.class, filled: false }];
        let episodes: &[Episode] = history.episodes.as_deref().unwrap_or_default();
        let drawn = Plot {
            window: history.window,
            low: self.low,
            high: self.high,
            ticks: &self.ticks,
            unit,
            label: &label,
            curves: &curves,
            episodes,
            limit: self.limit.clone(),
        };
        let is_empty = values.iter().all(Option::is_none);
        html! {
            figure.plate.chart tabindex=[(!is_empty).then_some("0")] data-chart=[(!is_empty).then_some(self.name)] data-unit=(unit)
                data-low=(self.low) data-high=(self.high) data-limit=[self.limit.as_ref().map(|(limit, _)| limit)] data-decimals=(self.decimals) {
                figcaption { h3 { (title) } span data-k=(format!("fig-{}", self.name)) { (self.now) } }
                @if is_empty {
                    p.soft { "Nothing was said of it in this time." }
                } @else {
                    (plot(&drawn))
                    output.read { @if let Some(note) = self.note { (note) } }
                    (self.table(history))
                }
            }
        }
    }

    fn in_words(&self) -> String {
        let known = || self.values.iter().flatten().copied();
        let Some(least) = known().reduce(f64::min) else { return "nothing known".to_owned() };
        let most = known().fold(least, f64::max);
        let decimals = self.decimals;
        format!("between {least:.decimals$} and {most:.decimals$}")
    }

    fn table(&self, history: &History) -> Markup {
        let every = self.values.len().div_ceil(ROWS).max(1);
        let decimals = self.decimals;
        html! {
            details.data {
                summary { "As a table" span.sr { ": " (self.title) } }
                div.scroll tabindex="0" role="group" aria-label=(format!("{}, table", self.title)) {
                    table {
                        thead { tr { th scope="col" { "Time" } th.r scope="col" { (self.unit) } } }
                        tbody {
                            @for (index, value) in self.values.iter().enumerate().step_by(every) {
                                @let t_ms = history.window.start_ms + i64::try_from(index).unwrap_or(0) * history.step_ms;
                                tr {
                                    th scope="row" { time datetime=(rfc3339(t_ms)) data-dated { (rfc3339(t_ms).get(..16).unwrap_or_default().replace('T', " ")) } }
                                    td.r { @match value { Some(value) => { (format!("{value:.decimals$}")) } None => { "not known" } } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

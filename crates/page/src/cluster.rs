//! The cluster's page: watts now, energy today, every node, and what is wrong.

mod ribbons;

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Html;
use maud::{Markup, html};
use picollect_analysis::alerts::State as AlertState;
use picollect_analysis::nodes::Node;
use picollect_evaluate::numbers::{duration, si_spaced};
use picollect_evaluate::presence::Presence;
use picollect_evaluate::thermal::first_limit_c;
use picollect_settings::percent::encoded;
use picollect_telemetry::Source;
use picollect_telemetry::summary::Today;
use picollect_tokens::Scope;

use ribbons::ribbons;

use crate::Page;
use crate::answer::Failure;
use crate::cells::{self, Choice};
use crate::chart::{Curve, Plot, greatest, inner, spark, ticks_to};
use crate::figure::{
    State as NodeState, boundary, energy, figure, icon, moment, no_power, number, source, watts,
};
use crate::layout::{CLUSTER, Frame, framed};
use crate::live::{Slots, shape};
use crate::picture::{Picture, Pictures};
use crate::visitor::Visitor;

/// More nodes than these are cells, and no longer rows of a table.
pub(crate) const MOST_ROWS: usize = 40;
/// The board has room for so many fingers.
const MOST_FINGERS: usize = 16;
/// Alerts that are named.
const MOST_ALERTS: usize = 8;
/// The bar of a temperature goes from here to there, °C.
const COLD_C: f64 = 20.0;
const HOT_C: f64 = 92.0;

/// The page.
pub(crate) async fn page(
    State(page): State<Arc<Page>>,
    visitor: Visitor,
    Query(choice): Query<Choice>,
) -> Result<Html<String>, Failure> {
    let picture = Pictures::now(&page).await?;
    let main =
        if picture.nodes.is_empty() { empty(&page, &visitor).await? } else { whole(&picture, &choice) };
    let shape = shape(&names(&picture));
    let frame = Frame {
        title: "Cluster",
        place: CLUSTER,
        visitor: &visitor,
        at_ms: picture.at_ms,
        live: Some(("cluster", &shape)),
        charts: false,
        main,
    };
    Ok(Html(framed(&frame).into_string()))
}

/// Whose page it is: with other nodes it is another one.
pub(crate) fn names(picture: &Picture) -> Vec<&str> {
    picture.nodes.iter().map(|node| node.host.as_str()).collect()
}

fn whole(picture: &Picture, choice: &Choice) -> Markup {
    let many = picture.nodes.len() > MOST_ROWS;
    html! {
        div.head { div {
            h1 { (picture.name.as_deref().unwrap_or("Cluster")) }
            p data-k="sentence" { (sentence(picture)) }
        } }
        section.board aria-label="Power now" {
            div data-k="power" { (power(picture)) }
            div data-k="curve" { (curve(picture)) }
            @if picture.nodes.len() <= MOST_FINGERS {
                svg.fingers role="group" aria-label="Where the watts go" data-k="fingers" { (fingers(picture)) }
            }
        }
        dl.facts data-k="facts" { (facts(picture)) }
        div.cols.side {
            div.cols {
                @if many { (cells::section(picture, choice)) } @else { (table(picture)) }
                section.plate aria-labelledby="h-rib" data-k="ribbons" { (ribbons(picture)) }
            }
            aside.cols aria-label="Alerts and runs" {
                section.plate aria-labelledby="h-al" data-k="alerts" { (alerts(picture)) }
                section.plate aria-labelledby="h-run" data-k="run" { (run(picture)) }
            }
        }
    }
}

/// What of the page moves, by its key.
pub(crate) fn slots(picture: &Picture) -> Slots {
    let mut slots = Slots::new();
    let mut put = |key: String, markup: Markup| slots.insert(key, markup.into_string());
    put("sentence".into(), sentence(picture));
    put("power".into(), power(picture));
    put("curve".into(), curve(picture));
    if picture.nodes.len() <= MOST_FINGERS {
        put("fingers".into(), fingers(picture));
    }
    put("facts".into(), facts(picture));
    put("ribbons".into(), ribbons(picture));
    put("alerts".into(), alerts(picture));
    put("run".into(), run(picture));
    for (index, node) in picture.nodes.iter().enumerate() {
        if picture.nodes.len() > MOST_ROWS {
            put(format!("c{index}"), cells::cell(picture, node, cells::By::Temperature));
            continue;
        }
        for (name, markup) in row(picture, node) {
            put(format!("{name}{index}"), markup);
        }
    }
    slots
}

pub(crate) fn state(picture: &Picture, node: &Node) -> NodeState {
    NodeState::of(node, picture.hour.cause(&node.host, picture.at_ms))
}

pub(crate) fn silent_s(picture: &Picture, node: &Node) -> f64 {
    (picture.at_ms - node.last_seen_ms).max(0) as f64 / 1000.0
}

/// Where the page of a node is.
pub(crate) fn address(host: &str) -> String {
    format!("/node/{}", encoded(host, b""))
}

/// What a person would say of it.
fn sentence(picture: &Picture) -> Markup {
    let all = picture.nodes.len();
    let up = picture.nodes.iter().filter(|node| node.state == Presence::Up).count();
    let differ = picture.nodes.iter().filter(|node| state(picture, node).differs());
    let differ: Vec<&Node> = differ.collect();
    html! {
        @if up == all { (all) " of " (all) " nodes are up" } @else { (up) " of " (all) " nodes are up" }
        @if let Some(run) = &picture.summary.run { " and computing “" (run.name) "”" }
        "."
        @for node in differ.iter().take(3) {
            @let (_, _, words) = state(picture, node).look();
            " " span.nowrap { (node.host) } " is " (words) "."
        }
        @if differ.len() > 3 { " " (differ.len() - 3) " more differ." }
        @if picture.summary.simulated { " What is simulated says nothing of a real machine." }
    }
}

/// How a sum of the nodes is known, at its weakest.
fn known(picture: &Picture) -> Option<Source> {
    let sources = picture.nodes.iter().filter(|node| node.watts.is_some()).map(|node| node.source);
    sources.flatten().max()
}

fn power(picture: &Picture) -> Markup {
    let summary = &picture.summary;
    let wall = picture.wall.as_ref();
    let at_wall = wall.and_then(|wall| wall.watts);
    let simulated = known(picture) == Some(Source::Simulated);
    let of_nodes = summary.watts.map(|value| {
        format!("{}{}", if summary.watts_partial { "≥ " } else { "" }, watts(value, summary.watts_estimated))
    });
    html! {
        @if let Some(value) = at_wall {
            @let wall = wall.filter(|wall| wall.speaking < wall.all);
            h2 { "Power now, at the wall" }
            p { (figure(Some(format!("{}{}", if wall.is_some() { "≥ " } else { "" }, watts(value, false))), "W", "")) }
            p.know { (source(Some(Source::Measured), " at the wall"))
                @if let Some(wall) = wall { span.soft { (wall.speaking) " of " (wall.all) " meters speak" } } }
            p.small.soft { "The nodes take "
                @match &of_nodes {
                    Some(text) => { (text) " W " (boundary(summary.watts_boundary.as_deref())) "." }
                    None => { "what is not known." }
                }
            }
        } @else {
            h2 { "Power now, " (boundary(summary.watts_boundary.as_deref())) }
            p { (figure(of_nodes, "W", "")) }
            p.know {
                (source(summary.watts.and(known(picture)), if summary.watts_estimated && !simulated { ", in part at least" } else { "" }))
                @if summary.watts_partial { span.soft { "without nodes whose power is not known" } }
            }
            @if wall.is_some() { p.small.soft { "No meter at the wall speaks now." } }
            @else if summary.watts.is_none() { p.small.soft { "No node says its power." } }
        }
    }
}

fn curve(picture: &Picture) -> Markup {
    let hour = &picture.hour;
    let has_wall = hour.wall.iter().any(Option::is_some);
    let values = if has_wall { &hour.wall } else { &hour.nodes };
    let ticks = ticks_to(greatest(values));
    let class = match known(picture) {
        _ if has_wall => "",
        Some(Source::Estimated) => "dash",
        Some(Source::Simulated) => "dots",
        _ => "",
    };
    let curves = [Curve { values, class, filled: true }];
    let label = format!(
        "Power {} over the last hour, at most {} W",
        if has_wall { "at the wall" } else { "of the nodes" },
        number(greatest(values), 1)
    );
    html! {
        @if values.iter().all(Option::is_none) {
            p.small.soft { "No power was said in the last hour." }
        } @else {
            svg.plot role="img" aria-label=(label) {
                (inner(&Plot {
                    window: hour.window, low: 0.0, high: *ticks.last().unwrap_or(&1.0), ticks: &ticks, unit: "W",
                    label: &label, curves: &curves, episodes: &[], limit: None,
                }))
            }
        }
    }
}

fn fingers(picture: &Picture) -> Markup {
    let total: f64 = picture.nodes.iter().filter_map(|node| node.watts).sum();
    let at_wall = picture.wall.as_ref().and_then(|wall| wall.watts);
    let rest = at_wall.map(|wall| wall - total).filter(|rest| *rest > 0.0);
    let unknown = picture.nodes.iter().filter(|node| node.watts.is_none()).count();
    let known = (total + rest.unwrap_or(0.0)).max(0.001);
    // What is not known is as wide as a small finger.
    let places = picture.nodes.len() + usize::from(rest.is_some());
    let for_unknown = 8.0 * unknown as f64;
    let for_known = 100.0 - for_unknown.min(60.0) - 0.5 * (places - 1) as f64;
    let width = |value: Option<f64>| value.map_or(8.0, |value| (value / known * for_known).max(1.5));
    let mut x = 0.0;
    let mut place = |wide: f64| {
        x += wide + 0.5;
        (x - wide - 0.5, wide)
    };
    let nodes = picture.nodes.iter().map(|node| (node, place(width(node.watts)))).collect::<Vec<_>>();
    let rest = rest.map(|rest| (rest, place(width(Some(rest)))));
    html! {
        @for (node, place) in nodes { (finger(node, place)) }
        @if let Some((rest, (x, wide))) = rest {
            svg x=(format!("{x:.2}%")) width=(format!("{wide:.2}%")) height="100%" { rect.rest width="100%" height="4.4rem" rx="4" {} }
            text.nm.on x=(format!("{:.2}%", x + wide / 2.0)) y="1.5rem" { "rest" }
            text.v.on x=(format!("{:.2}%", x + wide / 2.0)) y="2.7rem" { "≈ " (watts(rest, false)) tspan.h-m { " W" } }
        }
    }
}

/// A node's finger of the board: solid is measured, hatched is not, a dashed frame is not known.
fn finger(node: &Node, (x, wide): (f64, f64)) -> Markup {
    let middle = format!("{:.2}%", x + wide / 2.0);
    let (fill, class) = match (node.watts, node.source) {
        (None, _) => (None, Some("none")),
        (_, Some(Source::Measured)) => (None, Some("pad")),
        _ => (Some("url(#he)"), None),
    };
    let on = if node.watts.is_none() { " on" } else { "" };
    html! {
        svg x=(format!("{x:.2}%")) width=(format!("{wide:.2}%")) height="100%" {
            rect class=[class] fill=[fill] width="100%" height="4.4rem" rx="4" {}
            // So that name and watts can be read on the hatch.
            @if fill.is_some() { rect.pad x="14%" y=".4rem" width="72%" height="2.7rem" rx="3" {} }
        }
        text class=(format!("nm{on}")) x=(middle) y="1.5rem" { (node.host) }
        text class=(format!("v{on}")) x=(middle) y="2.7rem" {
            @match node.watts {
                Some(value) => { (watts(value, node.source == Some(Source::Estimated))) tspan.h-m { " W" } }
                None => { "?" }
            }
        }
    }
}

fn facts(picture: &Picture) -> Markup {
    let nodes = &picture.nodes;
    let count = |state: Presence| nodes.iter().filter(|node| node.state == state).count();
    let throttled =
        nodes.iter().filter(|node| node.state == Presence::Up && node.throttled == Some(true)).count();
    let headroom = nodes.iter().filter(|node| node.state == Presence::Up);
    let headroom =
        headroom.filter_map(|node| Some((first_limit_c(node.model.as_deref())? - node.temp_c?, node)));
    let least = headroom.min_by(|(one, _), (other, _)| one.total_cmp(other));
    html! {
        div { dt { "Energy today" } dd { (today(picture.summary.today.as_ref())) } }
        div { dt { "Nodes up" } dd {
            (figure(Some(count(Presence::Up).to_string()), &format!("of {}", nodes.len()), ""))
            (throttled) " throttled, " (count(Presence::Late)) " late, " (count(Presence::Down)) " down"
        } }
        div { dt { "Hottest" } dd {
            @match &picture.summary.hottest {
                Some(hottest) => { (figure(Some(number(hottest.temp_c, 1)), "°C", if is_over(nodes, &hottest.host) { "hot" } else { "" })) span.nowrap { (hottest.host) } }
                None => { (figure(None, "", "")) "no node says its temperature" }
            }
        } }
        div { dt { "Headroom now" } dd {
            @match least {
                Some((kelvin, node)) => {
                    (figure(Some(number(kelvin, 1)), "K", if kelvin < 0.0 { "hot" } else { "" }))
                    span.nowrap { (node.host) } ", to the first limit of its board"
                }
                None => { (figure(None, "", "")) "of no board here the limit is known" }
            }
        } }
    }
}

fn is_over(nodes: &[Node], host: &str) -> bool {
    nodes.iter().find(|node| node.host == host).is_some_and(is_hot)
}

/// Whether a node is at the first limit of its board, or beyond it.
pub(crate) fn is_hot(node: &Node) -> bool {
    node.temp_c.zip(first_limit_c(node.model.as_deref())).is_some_and(|(temp_c, limit_c)| temp_c >= limit_c)
}

fn today(today: Option<&Today>) -> Markup {
    let Some(today) = today else {
        return html! { (figure(None, "", "")) "no energy was said since 00:00 UTC" };
    };
    let ((value, unit), second) = energy(today.joules);
    let before =
        format!("{}{}", if today.partial { "≥ " } else { "" }, if today.estimated { "≈ " } else { "" });
    html! {
        (figure(Some(format!("{before}{value}")), unit, ""))
        @if let Some(second) = second { (second) ", " }
        (boundary(Some(&today.boundary))) ", since " (moment(today.since_ms))
        @if today.partial { "; not all of it is covered" }
    }
}

fn table(picture: &Picture) -> Markup {
    let head =
        [("Node", ""), ("Last hour", ""), ("Temperature", ""), ("Clock", "r"), ("Load", "r"), ("Power", "r")];
    html! {
        section.plate aria-labelledby="h-n" {
            div.h { h2 #h-n { "Nodes" } p { "bar: temperature; tick: first limit of the board" } }
            div.scroll { table.fold role="table" {
                thead role="rowgroup" { tr role="row" {
                    @for (name, class) in head { th scope="col" role="columnheader" class=[(!class.is_empty()).then_some(class)] { (name) } }
                } }
                tbody role="rowgroup" {
                    @for (index, node) in picture.nodes.iter().enumerate() {
                        @let [state, spark, temp, clock, load, power] = row(picture, node).map(|(name, markup)| (format!("{name}{index}"), markup));
                        tr role="row" {
                            th.o1 scope="row" role="rowheader" data-k=(state.0) { (state.1) }
                            td.sp role="cell" data-k=(spark.0) { (spark.1) }
                            td role="cell" data-k=(temp.0) { (temp.1) }
                            td.r role="cell" data-l="Clock" { span data-k=(clock.0) { (clock.1) } }
                            td.r.right role="cell" data-l="Load" { span data-k=(load.0) { (load.1) } }
                            td.r.right.o2 role="cell" data-k=(power.0) { (power.1) }
                        }
                    }
                }
            } }
        }
    }
}

/// The cells of a node's row, by the first letters of their keys.
fn row(picture: &Picture, node: &Node) -> [(&'static str, Markup); 6] {
    let hour = picture.hour.of.get(&node.host);
    let watts_of_hour = hour.map(|hour| hour.watts.as_slice()).unwrap_or_default();
    let high = picture.hour.of.values().map(|hour| greatest(&hour.watts)).fold(0.1, f64::max);
    let class = match node.source {
        Some(Source::Estimated) => "dash",
        Some(Source::Simulated) => "dots",
        _ => "",
    };
    let spark = spark(watts_of_hour, high, &format!("{}: power in the last hour", node.host), class);
    let is_slow = node.throttled == Some(true);
    let clock = html! {
        (figure(node.clock_hz.map(|hz| format!("{:.2}", hz / 1e9)), "GHz", if is_slow { "hot" } else { "" }))
        @if let (true, Some(max_hz)) = (is_slow, node.max_hz) { small { "of " (format!("{:.2}", max_hz / 1e9)) } }
    };
    [
        (
            "s",
            html! { a href=(address(&node.host)) { (node.host) } " " (state(picture, node).markup(silent_s(picture, node))) },
        ),
        ("h", spark),
        ("t", temperature(node)),
        ("f", clock),
        ("l", figure(node.busy_ratio.map(|busy| format!("{:.0}", busy * 100.0)), "%", "")),
        ("p", html! { span.power { (power_of(node)) } }),
    ]
}

/// A node's power with how it is known.
pub(crate) fn power_of(node: &Node) -> Markup {
    html! {
        (figure(node.watts.map(|value| watts(value, node.source == Some(Source::Estimated))), "W", ""))
        @match node.watts {
            Some(_) => (source(node.source, "")),
            None => (source(None, &format!(": {}", no_power(node.no_power)))),
        }
    }
}

/// A temperature with its bar.
fn temperature(node: &Node) -> Markup {
    let limit_c = first_limit_c(node.model.as_deref());
    let share = |temp_c: f64| ((temp_c - COLD_C) / (HOT_C - COLD_C) * 100.0).clamp(0.0, 100.0);
    let class = if is_hot(node) { "hot" } else { "" };
    let label = match (node.temp_c, limit_c) {
        (Some(temp_c), Some(limit_c)) => format!("{temp_c:.1} of {limit_c:.0} °C, the first limit"),
        (Some(temp_c), None) => format!("{temp_c:.1} °C; the limit of this board is not known"),
        (None, _) => "not known".to_owned(),
    };
    html! { div.temp {
        span { (figure(node.temp_c.map(|temp_c| number(temp_c, 1)), "°C", class)) }
        @if let Some(temp_c) = node.temp_c {
            svg role="img" aria-label=(label) {
                rect.track x=".5" y="4" width="100%" height="8" rx="2" {}
                rect class=(if class == "hot" { "over" } else { "cool" }) x=".5" y="4" width=(format!("{:.1}%", share(temp_c))) height="8" rx="2" {}
                @if let Some(limit_c) = limit_c {
                    line.under x1=(format!("{:.1}%", share(limit_c))) x2=(format!("{:.1}%", share(limit_c))) y1="0" y2="16" {}
                    line.lim x1=(format!("{:.1}%", share(limit_c))) x2=(format!("{:.1}%", share(limit_c))) y1="0" y2="16" {}
                }
            }
        }
    } }
}

fn alerts(picture: &Picture) -> Markup {
    html! {
        div.h { h2 #h-al { "Active alerts" } }
        @match &picture.hour.alerts {
            Err(why) => { p.small { "What is wrong is not known: " (why) } }
            Ok(active) if active.is_empty() => { p.soft { (icon("ok")) " none" } }
            Ok(active) => {
                ul.rows {
                    @for one in active.iter().take(MOST_ALERTS) {
                        @let pending = one.state == AlertState::Pending;
                        li {
                            span class=(if pending { "badge gold" } else { "badge hot" }) { (icon("alert")) (one.rule.name) @if pending { ", pending" } }
                            p.small { (one.summary()) ", since " (moment(one.since_ms)) " at least." }
                        }
                    }
                }
                @if active.len() > MOST_ALERTS { p.small { "and " (active.len() - MOST_ALERTS) " more: " code { "picollect alerts" } } }
            }
        }
        @if !picture.summary.alerts_failing.is_empty() {
            p.small.hot { "Alerting itself fails: " (picture.summary.alerts_failing.join(", ")) "." }
        }
    }
}

fn run(picture: &Picture) -> Markup {
    let summary = &picture.summary;
    html! {
        @if let Some(run) = &summary.run {
            @let seconds = (picture.at_ms - run.start_ms).max(0) as f64 / 1000.0;
            div.h { h2 #h-run { "Run in progress" } p { "for " (duration(seconds)) } }
            p { b { (run.name) } ", begun at " (moment(run.start_ms)) }
        } @else {
            div.h { h2 #h-run { "Last run" } @if let Some(last) = &summary.last_run { p { (moment(last.end_ms)) } } }
            @match &summary.last_run {
                None => { p.soft { "No run with floating-point work was measured yet: " code { "picollect run -- COMMAND" } } }
                Some(last) => {
                    p {
                        @match last.flops_per_w {
                            Some(per_watt) => {
                                @let text = si_spaced(Some(per_watt), "FLOPS/W");
                                @let (value, unit) = text.split_once(' ').unwrap_or((text.as_str(), ""));
                                span.fig.big { (if last.estimated { "≈ " } else { "" }) (value) span.un { (unit) } }
                            }
                            None => { span.fig.none { "efficiency not known" } }
                        }
                    }
                    p.small { b { (last.name) } @if let Some(name) = &last.boundary { ", " (boundary(Some(name))) } @if last.simulated { ", simulated" } }
                    @if let Some(level) = last.level { p.small { span.badge.good { (icon("ok")) "level " (level) } } }
                }
            }
        }
    }
}

/// Before the first node: how one joins. Who may do everything gets a code for it.
async fn empty(page: &Arc<Page>, visitor: &Visitor) -> Result<Markup, Failure> {
    let code = if visitor.grant.allows(Scope::Admin) {
        let page = Arc::clone(page);
        let made = tokio::task::spawn_blocking(move || page.site.tokens().code()).await;
        Some(made.map_err(Failure::internal)?.map_err(Failure::internal)?)
    } else {
        None
    };
    let scheme = if page.site.door().https { "https" } else { "http" };
    Ok(html! {
        div.head { div { h1 { "Cluster" } p { "The collector is up. No node speaks to it yet." } } }
        section.board.none0 aria-label="Power now" {
            div { h2 { "Power now" } p { span.fig { "not known" } } }
            div.wait { p.soft { "The first watts appear here a second after a node has joined. A node without a meter shows an estimate, and says so." } }
            ul.slots aria-hidden="true" { @for _ in 0..5 { li {} } }
        }
        section.plate.below aria-labelledby="h-j" {
            div.h { h2 #h-j { "Join a node" } p { "on each Raspberry Pi, or any Linux board" } }
            ol.steps {
                li { b { "Install the agent." } code.cmd tabindex="0" { "sudo apt install ./picollect-agent_*.deb" } }
                li {
                    b { "Join this collector." } " It asks for the code."
                    code.cmd tabindex="0" { "sudo picollect-agent join " (scheme) "://" span #here { "THIS-MACHINE:8650" } }
                    p.small {
                        @match code {
                            Some(code) => { "Code: " b.code { (code) } " " span.soft { "for one node, within 15 minutes. Another: load this page again, or " code { "picollect token code" } " on the head node." } }
                            None => { "The code: " code { "picollect token code" } " on the head node makes one for each node." }
                        }
                    }
                }
            }
        }
    })
}

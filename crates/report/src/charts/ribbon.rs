//! States over time as bars, on the same axis as the lines above them.

use maud::{Markup, html};
use picollect_evaluate::throttle::Cause;

use super::scale::times;
use super::{LEFT, RIGHT, Ribbon, RibbonRow, State, WIDTH, at, short};

/// Height of a row: a name, and the bar below it.
const ROW: f64 = 48.0;
/// Where a row's bar begins.
const BAR_TOP: f64 = 24.0;
const BAR: f64 = 20.0;
/// A row is drawn in so many cells, so that a month of episodes is no larger than an hour's.
const CELLS: usize = 304;
/// Rows in one drawing; more would not fit on a sheet of paper.
const MOST_ROWS: usize = 16;
/// A letter fits into so many cells.
const LETTER_CELLS: usize = 10;

/// The drawings with what their letters mean.
pub(in super::super) fn drawing(ribbon: &Ribbon) -> Markup {
    html! {
        @for rows in ribbon.rows.chunks(MOST_ROWS) { (figure(ribbon, rows)) }
    }
}

fn figure(ribbon: &Ribbon, rows: &[RibbonRow]) -> Markup {
    let height = rows.len() as f64 * ROW;
    let told: Vec<_> = rows.iter().map(description).collect();
    let rows: Vec<_> = rows.iter().map(|row| (row, ribbon.states(row, CELLS))).collect();
    let mut seen: Vec<State> = rows.iter().flat_map(|(_, states)| states).copied().collect();
    seen.sort_unstable_by_key(|state| state.place());
    seen.dedup();
    let x = |t_ms: i64| {
        let share = (t_ms - ribbon.start_ms) as f64 / (ribbon.end_ms - ribbon.start_ms).max(1) as f64;
        at(LEFT + share * (RIGHT - LEFT))
    };
    html! {
        figure {
            figcaption { "Throttling over time" }
            svg viewBox={ "0 0 " (WIDTH) " " (height + 40.0) } role="img" {
                title { "Throttling over time" }
                desc { (told.join("; ")) }
                @for (index, (row, states)) in rows.iter().enumerate() {
                    (bar(row, states, index as f64 * ROW))
                }
                @for (t_ms, label) in times(ribbon.start_ms, ribbon.end_ms) {
                    line class="grid" x1=(x(t_ms)) x2=(x(t_ms)) y1=(height) y2=(height + 6.0) {}
                    text class="mark middle" x=(x(t_ms)) y=(height + 28.0) { (label) }
                }
            }
            ul class="legend" {
                @for state in &seen {
                    li { span class={ "key " (class(*state)) } { (state.letter()) } (state.name()) }
                }
            }
        }
    }
}

fn bar(row: &RibbonRow, states: &[State], top: f64) -> Markup {
    let cell = (RIGHT - LEFT) / CELLS as f64;
    let mut begin = 0;
    let stretches = states.chunk_by(|a, b| a == b).map(|same| {
        let from = begin;
        begin += same.len();
        (from, same.len(), same[0])
    });
    let stretches: Vec<_> = stretches.collect();
    html! {
        text class="name" x=(LEFT) y=(top + BAR_TOP - 6.0) { (short(&row.host)) }
        @for (from, cells, state) in stretches {
            @let x = LEFT + from as f64 * cell;
            @let width = cells as f64 * cell;
            rect class=(class(state)) x=(at(x)) y=(top + BAR_TOP) width=(at(width)) height=(BAR) {
                title { (row.host) ": " (state.name()) }
            }
            @if cells >= LETTER_CELLS && state != State::Clear {
                text class={ "letter " (class(state)) } x=(at(x + width / 2.0)) y=(top + BAR_TOP + BAR / 2.0) dy="0.35em" {
                    (state.letter())
                }
            }
        }
    }
}

/// The state's look in the style sheet.
fn class(state: State) -> &'static str {
    match state {
        State::Throttled(Cause::UnderVoltage) => "state voltage",
        State::Throttled(Cause::ThermalHard) => "state hard",
        State::Throttled(Cause::ThermalSoft) => "state soft",
        State::Throttled(Cause::FirmwareCap) => "state cap",
        State::Throttled(Cause::Inferred | Cause::Unknown) => "state other",
        State::Clear => "state clear",
        State::Unknown => "state unsure",
        State::Silent => "state silent",
    }
}

fn description(row: &RibbonRow) -> String {
    match (row.known, row.throttled.len()) {
        (false, _) => format!("{}: unknown", row.host),
        (true, 0) => format!("{}: not throttled", row.host),
        (true, 1) => format!("{}: 1 episode", row.host),
        (true, number) => format!("{}: {number} episodes", row.host),
    }
}

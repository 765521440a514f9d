//! Throttling over time as a row of letters for each node.

use super::super::charts::{Ribbon, State};
use super::super::numbers::{JOINT, clock};
use super::super::page::{Tone, printable};
use super::{INDENT, Paint};
use picollect_settings::time::rfc3339;

/// Longest name that stands beside its row; a longer one is cut, and the table below has it whole.
const MAX_NAME: usize = 16;

/// A row for each node, the time below, and what each letter means.
pub(super) fn rows(ribbon: &Ribbon, paint: Paint) -> String {
    let length = |host: &str| printable(host).chars().count();
    let names = ribbon.rows.iter().map(|row| length(&row.host)).max().unwrap_or(0).min(MAX_NAME);
    let cells = paint.width() - INDENT - names - 2;
    let mut text = String::new();
    let mut seen = Vec::new();
    for row in &ribbon.rows {
        let states = ribbon.states(row, cells);
        seen.extend(&states);
        let name: String = printable(&row.host).chars().take(names).collect();
        text += &format!("{:INDENT$}{name:names$}  {}\n", "", letters(&states, paint));
    }
    let room = INDENT + names + 2;
    let (start, end) = (clock(&rfc3339(ribbon.start_ms), false), clock(&rfc3339(ribbon.end_ms), false));
    text += &format!("{:room$}{start}{end:>rest$}\n", "", rest = cells - start.len());
    text + &legend(&seen, room, paint)
}

fn letters(states: &[State], paint: Paint) -> String {
    let same = |a: &State, b: &State| a == b;
    let stretch = |states: &[State]| {
        let text: String = states.iter().map(|state| state.letter()).collect();
        let tone = match states.first() {
            Some(State::Clear) => Tone::Good,
            Some(State::Unknown | State::Silent) | None => Tone::Faint,
            Some(State::Throttled(_)) => Tone::Bad,
        };
        paint.tone(&text, tone)
    };
    states.chunk_by(same).map(stretch).collect()
}

fn legend(seen: &[State], room: usize, paint: Paint) -> String {
    let mut states = seen.to_vec();
    states.sort_unstable_by_key(|state| state.place());
    states.dedup();
    let entry =
        |state: &State| format!("{}{JOINT}{}", state.letter(), state.name().replace(' ', &JOINT.to_string()));
    let entries: Vec<_> = states.iter().map(entry).collect();
    let lines = super::wrapped(&entries.join("   "), paint.width() - room);
    lines.iter().map(|line| format!("{:room$}{}\n", "", line.trim())).collect()
}

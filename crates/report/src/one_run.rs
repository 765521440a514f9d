//! A run by itself: what is said at its end, everything about it, and a list of runs.

use super::charts::{Dots, Mark};
use super::numbers::{DASH, count, duration, moment, si};
use super::page::{Block, Cell, Page, Section, Table, Tone, printable};
use super::sections::{
    about_run, efficiency, hosts, mean_power, methodology, result_line, status, throttled,
};
use super::{IMPORTED_FROM, Run, text};
use picollect_telemetry::Source;
use picollect_terminal::Screen;

/// What `picollect run` says at its end: a few lines.
pub fn verdict_of_run(run: &Run, screen: Screen) -> String {
    let mut facts = vec![("status", status(run))];
    facts.extend(run.remarks.iter().map(|remark| ("remark", Cell::from(remark))));
    if let Some(result) = &run.result {
        facts.push(("result", result_line(result).into()));
        facts.extend(efficiency(run, result));
    }
    facts.push(("energy", energy(run)));
    facts.push(("idle", idle(run)));
    facts.push(("throttled", throttled(run)));
    facts.push(("methodology", methodology(run)));
    facts.push(("details", format!("picollect runs show {}", run.id).into()));
    facts.push(("report", format!("picollect report --run {}", run.id).into()));
    let facts: Vec<_> = facts.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect();
    let title = format!("{}: {} on {}", name(run), duration(run.window.seconds), hosts(run));
    text::lines(&title, &facts, screen)
}

fn energy(run: &Run) -> Cell {
    let figure = &run.energy;
    if let Some(why) = &figure.why_unknown {
        return Cell::toned(format!("unknown: {why}"), Tone::Faint);
    }
    let source = figure.source.map_or("unknown", Source::as_str);
    format!("{} at {}, {source}", si(figure.energy_j, "J"), mean_power(figure)).into()
}

fn idle(run: &Run) -> Cell {
    let figure = run.idle.as_ref().map(|idle| format!("{} before it, not subtracted", mean_power(idle)));
    figure.map_or_else(|| Cell::toned("not measured", Tone::Faint), Cell::from)
}

/// Everything of a run, including what one has to know to do it again; for a terminal.
pub fn run_page(run: &Run, screen: Screen) -> String {
    text::write(&page(run), screen)
}

/// The same, before any format.
pub(super) fn page(run: &Run) -> Page {
    let sections = [
        Section::new("Run", about_run(run)),
        Section::new("Command", vec![Block::Facts(command(run))]),
        Section::new("Provenance", vec![Block::Facts(provenance(run))]),
    ];
    Page {
        title: format!("picollect run {}", run.id),
        about: name(run).to_owned(),
        sections: sections.into_iter().flatten().collect(),
    }
}

fn command(run: &Run) -> Vec<(String, Cell)> {
    let line = match run.provenance.get(IMPORTED_FROM) {
        _ if !run.command.is_empty() => shell(&run.command),
        Some(file) => format!("not known; its output was imported from {file}"),
        None => "a load of picollect's own".to_owned(),
    };
    let labels = run.labels.iter().map(|(name, value)| (format!("label {name}"), Cell::from(value)));
    std::iter::once(("command".to_owned(), Cell::from(line))).chain(labels).collect()
}

fn provenance(run: &Run) -> Vec<(String, Cell)> {
    run.provenance.iter().map(|(name, value)| (name.clone(), Cell::from(value))).collect()
}

/// What the user calls it.
pub(super) fn name(run: &Run) -> &str {
    if run.name.is_empty() { DASH } else { &run.name }
}

/// A command line that a POSIX shell would read back.
pub(super) fn shell(command: &[String]) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@%".contains(letter);
    let word = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    command.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The runs, a row for each; where a row has no room, two lines for each. An id can be copied: it is never broken
/// over lines.
pub fn runs_table(runs: &[Run], screen: Screen) -> String {
    let table = table(runs);
    let blocks = match &table {
        Block::Table(rows) if !text::fits(rows, screen.width()) => in_two_lines(rows),
        _ => vec![table],
    };
    let page = Page {
        title: "picollect runs".to_owned(),
        sections: Section::new("Runs", blocks).into_iter().collect(),
        ..Page::default()
    };
    text::write(&page, screen)
}

/// The runs, a row for each, with a picture of their efficiencies, and sentences on what of the store is none.
pub(super) fn runs_page(runs: &[Run], left_out: &[String]) -> Page {
    let left_out = Block::Sentences(left_out.iter().map(Cell::from).collect());
    let mut blocks = vec![table(runs), left_out];
    blocks.extend(efficiencies(runs).into_iter().map(Block::Dots));
    Page {
        title: "picollect runs".to_owned(),
        about: String::new(),
        sections: Section::new("Runs", blocks).into_iter().collect(),
    }
}

/// A drawing for each unit: what counts different things does not compare.
fn efficiencies(runs: &[Run]) -> Vec<Dots> {
    let mut found: Vec<Dots> = Vec::new();
    for run in runs {
        let Some((result, value)) = run.result.as_ref().and_then(|result| Some((result, result.rate_per_w?)))
        else {
            continue;
        };
        let mark = Mark {
            name: printable(&format!("{}, {}", run.id, how_known(run))),
            value,
            uncertainty: result.uncertainty.map(|relative| relative * value),
            own: true,
        };
        match found.iter_mut().find(|chart| chart.unit == result.unit_per_w) {
            Some(chart) => chart.marks.push(mark),
            None => found.push(Dots {
                title: format!("Efficiency in {}", result.unit_per_w),
                unit: result.unit_per_w.clone(),
                marks: vec![mark],
            }),
        }
    }
    found
}

/// How the figures of a run are known: its power's source, and whether its work was simulated.
pub(super) fn how_known(run: &Run) -> String {
    let source = run.energy.source.map_or("unknown", Source::as_str);
    if run.simulated { format!("{source}, simulated work") } else { source.to_owned() }
}

fn table(runs: &[Run]) -> Block {
    let row = |run: &Run| {
        let result = run.result.as_ref();
        let rate = result.map_or_else(|| DASH.to_owned(), |result| si(result.rate, &result.unit));
        let per_watt =
            result.map_or_else(|| DASH.to_owned(), |result| si(result.rate_per_w, &result.unit_per_w));
        vec![
            Cell::from(&run.id),
            name(run).into(),
            moment(&run.window.start).trim_end_matches(" UTC").into(),
            duration(run.window.seconds).into(),
            status(run),
            rate.into(),
            per_watt.into(),
        ]
    };
    let columns = ["id", "name", "started (UTC)", ">length", "status", ">rate", ">by power"];
    Table::block(count(runs.len(), "run"), &columns, runs.iter().map(row).collect())
}

/// Each row of a table as its first cell, which names it, and below it all others.
fn in_two_lines(table: &Table) -> Vec<Block> {
    let row = |row: &Vec<Cell>| {
        let rest: Vec<_> = row.iter().skip(1).map(|cell| cell.text.as_str()).collect();
        let id = row.first().map_or(DASH, |cell| cell.text.as_str());
        [Block::Heading(id.to_owned()), Block::Sentences(vec![rest.join("  ").into()])]
    };
    table.rows.iter().flat_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_typed_again() {
        let words = ["mpirun", "-np", "4", "a b", "it's", "", "$HOME"].map(ToOwned::to_owned);
        assert_eq!(shell(&words), r"mpirun -np 4 'a b' 'it'\''s' '' '$HOME'");
    }
}

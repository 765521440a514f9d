//! Where this node is found: of its address the last number is large, because it is what differs.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::canvas::{Canvas, LEFT, RIGHT, Scale};
use super::chip;
use crate::pages::text::{UNKNOWN, known, name};
use crate::pages::{CaseFacts, NetworkFacts};

/// Letters of a name beside that of an interface, on either glass.
const NAME: usize = 12;
const SHORT_NAME: usize = 6;

pub(super) fn draw(canvas: &mut Canvas, facts: &NetworkFacts, case: &CaseFacts) {
    let collector = match facts.collector {
        Some(true) => "collector ok",
        Some(false) if !canvas.is_tall() => "coll. away",
        Some(false) => "collector away",
        None => "collector --",
    };
    if canvas.is_tall() { tall(canvas, facts, case, collector) } else { flat(canvas, facts, case, collector) }
}

fn tall(canvas: &mut Canvas, facts: &NetworkFacts, case: &CaseFacts, collector: &str) {
    let x = chip(canvas, facts.simulated, LEFT, 0);
    canvas.text(x, 0, &name(&facts.name, NAME - if facts.simulated { 4 } else { 0 }));
    canvas.text_right(RIGHT, 0, &name(known(facts.interface.as_deref()), 7));
    match (facts.v4, facts.v6) {
        (Some(v4), _) => {
            let [network, number] = of_version_4(v4);
            canvas.figures(LEFT, 10, &network, Scale::Once);
            canvas.figures_right(RIGHT, 26, &number, Scale::Twice);
        }
        (None, Some(v6)) => {
            let [first, second] = halves(v6);
            canvas.text(LEFT, 12, &first);
            canvas.text(LEFT, 22, &second);
        }
        (None, None) => {
            canvas.figures(LEFT, 10, UNKNOWN, Scale::Twice);
            canvas.text(LEFT + 34, 16, "no address");
        }
    }
    canvas.figures(LEFT, 38, &case.time(), Scale::Once);
    canvas.text(LEFT, 57, collector);
}

fn flat(canvas: &mut Canvas, facts: &NetworkFacts, case: &CaseFacts, collector: &str) {
    match (facts.v4, facts.v6) {
        (Some(v4), _) => {
            let [network, number] = of_version_4(v4);
            canvas.text(LEFT, 0, &network);
            let interface = name(known(facts.interface.as_deref()), 5);
            canvas.text(LEFT, 10, &format!("{} {interface}", name(&facts.name, SHORT_NAME)));
            canvas.figures_right(RIGHT, 0, &number, Scale::Twice);
        }
        (None, Some(v6)) => {
            let [first, second] = halves(v6);
            canvas.text(LEFT, 0, &first);
            canvas.text(LEFT, 10, &second);
        }
        (None, None) => {
            canvas.figures(LEFT, 0, UNKNOWN, Scale::Twice);
            canvas.text(LEFT + 34, 6, "no address");
        }
    }
    let x = chip(canvas, facts.simulated, LEFT, 25);
    let collector =
        if facts.simulated { collector.replace("collector", "coll.") } else { collector.to_owned() };
    canvas.text(x, 25, &collector);
    canvas.text_right(RIGHT, 25, &case.time());
}

/// The three numbers that a network's addresses share mostly, and the last with its dot.
fn of_version_4(address: Ipv4Addr) -> [String; 2] {
    let text = address.to_string();
    let (network, number) = text.split_at(text.rfind('.').unwrap_or(0));
    [network.to_owned(), number.to_owned()]
}

/// An address of version 6 in two rows: each has four of its numbers, or the second has what is left.
fn halves(address: Ipv6Addr) -> [String; 2] {
    let text = address.to_string();
    let middle = text.match_indices(':').map(|(at, _)| at + 1).take_while(|at| *at <= 20).take(4).last();
    let (first, second) = text.split_at(middle.filter(|_| text.len() > 20).unwrap_or(text.len()));
    [first.to_owned(), second.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_version_6_is_whole_in_two_rows_of_twenty_letters() {
        for (text, rows) in [
            ("2001:db8:85a3:8d3:1319:8a2e:370:7348", ["2001:db8:85a3:8d3:", "1319:8a2e:370:7348"]),
            ("fe80::ba27:ebff:fe12:3456", ["fe80::ba27:ebff:", "fe12:3456"]),
            ("fd00::2", ["fd00::2", ""]),
            ("2001:1db8:85a3:18d3:1319:8a2e:1370:7348", ["2001:1db8:85a3:18d3:", "1319:8a2e:1370:7348"]),
        ] {
            let got = halves(text.parse().unwrap());
            assert_eq!(got, rows.map(str::to_owned));
            assert!(got.iter().all(|row| row.len() <= 20));
        }
    }
}

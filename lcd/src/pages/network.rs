//! Where this node is found: name, interface and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::text;
use crate::{Frame, Size};

/// What stands at the beginning of what continues.
const CONTINUED: &str = "·";

/// What the network page shows; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkFacts {
    /// As the node calls itself.
    pub name: String,
    /// Whether the node is simulated.
    pub simulated: bool,
    /// The address of version 4 by which others reach it.
    pub v4: Option<Ipv4Addr>,
    /// That of version 6.
    pub v6: Option<Ipv6Addr>,
    /// The network card that has this address.
    pub interface: Option<String>,
    /// Whether the collector takes its readings.
    pub collector: Option<bool>,
    /// Goes up by one each time that the next part of an address is to be shown which is longer than its place.
    pub turn: usize,
}

impl NetworkFacts {
    /// The shorter one, where there are both.
    pub fn address(&self) -> Option<IpAddr> {
        self.v4.map(IpAddr::V4).or(self.v6.map(IpAddr::V6))
    }
}

/// The network page. An address that is longer than its place shows its parts in turn: a large panel has two rows for
/// a lone address of version 6, so that it is whole there.
pub fn network(facts: &NetworkFacts, size: Size) -> Frame {
    let mut frame = Frame::blank(size);
    let name = |width| text::labelled_within(facts.simulated, &facts.name, width);
    match &facts.interface {
        Some(interface) => {
            let interface = text::name(interface, size.columns / 2 - 1);
            frame.write(0, &name(size.columns - interface.chars().count() - 1));
            frame.write_right(0, &interface);
        }
        None => frame.write(0, &name(size.columns)),
    }
    if size.rows < 4 {
        frame.write(1, &in_turn(facts.address(), size.columns, facts.turn));
        return frame;
    }
    match (facts.v4, facts.v6) {
        (None, Some(v6)) => {
            for (row, part) in (1..3).zip(parts(&v6.to_string(), size.columns)) {
                frame.write(row, &part);
            }
        }
        (v4, v6) => {
            frame.write(1, &in_turn(v4.map(IpAddr::V4), size.columns, 0));
            if v6.is_some() {
                frame.write(2, &in_turn(v6.map(IpAddr::V6), size.columns, facts.turn));
            }
        }
    }
    let collector = match facts.collector {
        Some(true) => "ok",
        Some(false) => "away",
        None => text::UNKNOWN,
    };
    text::spread(&mut frame, 3, "collector", collector);
    frame
}

/// The part of the address whose turn it is.
fn in_turn(address: Option<IpAddr>, width: usize, turn: usize) -> String {
    let Some(address) = address else { return format!("IP {}", text::UNKNOWN) };
    let mut parts = parts(&address.to_string(), width);
    parts.swap_remove(turn % parts.len())
}

/// The address in parts of at most `width` cells, cut after its colons only; each but the first begins with a sign for that.
/// A group of an address has five cells with its colon, so `width` is six at least.
fn parts(address: &str, width: usize) -> Vec<String> {
    if address.len() <= width {
        return vec![address.to_owned()];
    }
    let mut parts = vec![String::new()];
    for group in address.split_inclusive(':') {
        let present = parts.len() - 1;
        if parts[present].chars().count() + group.len() <= width {
            parts[present] += group;
        } else {
            parts.push(CONTINUED.to_owned() + group);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(v4: Option<&str>, v6: Option<&str>) -> NetworkFacts {
        NetworkFacts {
            name: "pi-3".into(),
            v4: v4.map(|text| text.parse().unwrap()),
            v6: v6.map(|text| text.parse().unwrap()),
            interface: Some("eth0".into()),
            ..NetworkFacts::default()
        }
    }

    const LONG: &str = "2001:db8:85a3:8d3:1319:8a2e:370:7348";

    #[test]
    fn a_lone_long_address_is_whole_on_a_large_panel_and_in_turns_on_a_small_one() {
        let facts = |turn| NetworkFacts { turn, ..facts(None, Some(LONG)) };
        let small = |turn| network(&facts(turn), Size::SMALL).row(1).trim_end().to_owned();
        let turns = [small(0), small(1), small(2), small(3)];
        assert_eq!(turns, ["2001:db8:85a3:", "·8d3:1319:8a2e:", "·370:7348", "2001:db8:85a3:"]);
        let large = network(&facts(1), Size::LARGE);
        assert_eq!([large.row(1), large.row(2)], ["2001:db8:85a3:8d3:  ", "·1319:8a2e:370:7348 "]);
    }

    #[test]
    fn of_two_addresses_a_small_panel_shows_the_short_one() {
        let both = facts(Some("192.168.178.103"), Some("fd00::17"));
        let small = network(&both, Size::SMALL);
        assert_eq!([small.row(0), small.row(1)], ["pi-3        eth0", "192.168.178.103 "]);
        let large = network(&both, Size::LARGE);
        assert_eq!([large.row(1).trim_end(), large.row(2).trim_end()], ["192.168.178.103", "fd00::17"]);
    }

    #[test]
    fn the_longest_address_fits_in_its_parts() {
        let longest = "1111:2222:3333:4444:5555:6666:7777:8888";
        let parts = [parts(longest, 16), parts(longest, 20)];
        assert!(parts[0].iter().all(|part| part.chars().count() <= 16) && parts[0].len() == 3);
        assert!(parts[1].iter().all(|part| part.chars().count() <= 20) && parts[1].len() == 2);
    }

    #[test]
    fn long_names_leave_room_for_each_other() {
        let facts = NetworkFacts {
            name: "raspberrypi-17".into(),
            interface: Some("enxb827eb123456".into()),
            ..NetworkFacts::default()
        };
        assert_eq!(network(&facts, Size::SMALL).row(0), "ras·i-17 enx·456");
        assert_eq!(network(&facts, Size::SMALL).row(1).trim_end(), "IP --");
    }
}

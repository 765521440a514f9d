//! Where this node is found: name and address.

use std::net::IpAddr;

use super::text;
use crate::{Frame, Size};

/// What the network page shows; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkFacts {
    /// The node's name.
    pub name: String,
    /// Whether the node is simulated.
    pub simulated: bool,
    /// The address by which others reach it.
    pub address: Option<IpAddr>,
    /// The network card that has this address.
    pub interface: Option<String>,
    /// Whether the collector takes its readings.
    pub collector: Option<bool>,
}

/// The network page. An address that is longer than a row goes on in the next one on a large panel and
/// loses its middle on a small one.
pub fn network(facts: &NetworkFacts, size: Size) -> Frame {
    let mut frame = Frame::blank(size);
    let address =
        facts.address.map_or_else(|| format!("IP {}", text::UNKNOWN), |address| address.to_string());
    frame.write(0, &text::labelled_within(facts.simulated, &facts.name, size.columns));
    if size.rows < 4 {
        frame.write(1, &text::name(&address, size.columns));
        return frame;
    }
    frame.write(1, &address);
    if address.chars().count() > size.columns {
        frame.write(2, &address.chars().skip(size.columns).collect::<String>());
    } else {
        let interface = text::known(facts.interface.as_deref());
        frame.write(2, &text::name(&format!("on {interface}"), size.columns));
    }
    let collector = match facts.collector {
        Some(true) => "ok",
        Some(false) => "away",
        None => text::UNKNOWN,
    };
    text::spread(&mut frame, 3, "collector", collector);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_address_is_whole_on_a_large_panel_and_keeps_its_ends_on_a_small_one() {
        let facts = NetworkFacts {
            name: "pi-3".into(),
            address: Some("2001:db8:85a3:8d3:1319:8a2e:370:7348".parse().unwrap()),
            ..NetworkFacts::default()
        };
        assert_eq!(network(&facts, Size::SMALL).row(1), "2001:db·370:7348");
        let large = network(&facts, Size::LARGE);
        assert_eq!(large.row(1) + large.row(2).trim_end(), "2001:db8:85a3:8d3:1319:8a2e:370:7348");
    }
}

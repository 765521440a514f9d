//! Traffic and errors of each network interface.
//!
//! Reads `proc/net/dev`: two heading lines, then `name:` with eight receive and eight transmit columns
//! (proc_pid_net(5)). The loopback is left out.

use picollect_telemetry::NoData;
use picollect_telemetry::catalogue::{
    NET_RX_BYTES, NET_RX_DROPPED, NET_RX_ERRORS, NET_TX_BYTES, NET_TX_DROPPED, NET_TX_ERRORS,
};

use super::{Sensor, Tick};
use crate::attr::{Attr, Root};

/// A container host makes interfaces without end; a node has a handful.
const MAX_INTERFACES: usize = 16;

pub(super) struct Network(Attr);

impl Network {
    pub(super) fn new(root: &Root) -> Self {
        Self(root.attr("proc/net/dev"))
    }
}

impl Sensor for Network {
    fn name(&self) -> &'static str {
        "network"
    }

    fn remedy(&self) -> &'static str {
        "mount proc"
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let text = match self.0.read() {
            Ok(text) => text,
            Err(error) => return tick.no_data(&[("interface", "all")], &NET_RX_BYTES, error.no_data()),
        };
        let interfaces = text.lines().skip(2).filter_map(|line| line.split_once(':'));
        for (name, columns) in interfaces.filter(|(name, _)| name.trim() != "lo").take(MAX_INTERFACES) {
            let tags = [("interface", name.trim())];
            let Some(columns) = parse(columns) else {
                tick.no_data(&tags, &NET_RX_BYTES, NoData::Garbled);
                continue;
            };
            tick.point(
                &tags,
                &[
                    (&NET_RX_BYTES, columns[0].into()),
                    (&NET_RX_ERRORS, columns[2].into()),
                    (&NET_RX_DROPPED, columns[3].into()),
                    (&NET_TX_BYTES, columns[8].into()),
                    (&NET_TX_ERRORS, columns[10].into()),
                    (&NET_TX_DROPPED, columns[11].into()),
                ],
            );
        }
    }
}

fn parse(text: &str) -> Option<[i64; 16]> {
    let mut columns = [0; 16];
    let mut words = text.split_ascii_whitespace();
    for column in &mut columns {
        *column = words.next()?.parse().ok()?;
    }
    Some(columns)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lines, tree};
    use super::*;

    #[test]
    fn each_interface_but_the_loopback() {
        let text = "Inter-|   Receive\n face |bytes\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n\
                    eth0:123 4 1 2 0 0 0 0 567 8 3 4 0 0 0 0\n wlan0: 1 2 3\n";
        let (_dir, root) = tree(&[("proc/net/dev", text)]);
        assert_eq!(
            lines(&mut Network::new(&root)),
            [
                "network,interface=eth0 rx_bytes=123i,rx_errors=1i,rx_dropped=2i,tx_bytes=567i,tx_errors=3i,tx_dropped=4i",
                "network,interface=wlan0 no_data=3i",
            ]
        );
    }
}

//! Traffic, errors and link of each network interface.
//!
//! Reads `proc/net/dev`: two heading lines, then `name:` with eight receive and eight transmit columns
//! (proc_pid_net(5)). The loopback is left out. For each interface there it reads
//! `sys/class/net/NAME/operstate`, a state of RFC 2863 in a word, and `speed`, Mbit/s, where -1 and an
//! error mean unknown (<https://docs.kernel.org/networking/operstates.html>, sysfs-class-net). A driver
//! that does not keep the state says `unknown`, and then nothing is said of the link.
//!
//! In a container that has the host's `proc` below the root, it is the host's file
//! ([`picollect_board::container`]).
//!
//! Of more interfaces than the bound those with a device behind them (`sys/class/net/NAME/device`) come
//! first, and how many are left out is said.

use picollect_telemetry::NoData;
use picollect_telemetry::catalogue::{
    NET_LINK, NET_LINK_SPEED, NET_RX_BYTES, NET_RX_DROPPED, NET_RX_ERRORS, NET_TX_BYTES, NET_TX_DROPPED,
    NET_TX_ERRORS,
};

use crate::left_out::LeftOut;
use crate::tick::{Sensor, Tick};
use picollect_board::attr::{Attr, Root};
use picollect_board::container::interfaces as interfaces_file;

/// A container host makes interfaces without end; a node has a handful.
const MAX_INTERFACES: usize = 16;
/// Beyond this nobody looks whether there is a device behind an interface.
const MAX_LISTED: usize = 512;
/// The speed of a link is fixed while it lasts, and asking an adapter on USB for it takes milliseconds:
/// it is asked for when the link comes up, and again after this many ticks in case the link went down
/// and up between two of them.
const TICKS_BETWEEN_SPEEDS: u32 = 60;

pub(super) struct Network {
    root: Root,
    dev: Attr,
    links: Vec<Link>,
    left_out: LeftOut,
}

impl Network {
    pub(super) fn new(root: &Root) -> Self {
        Self {
            root: root.clone(),
            dev: root.attr(interfaces_file(root)),
            links: Vec::new(),
            left_out: LeftOut::new("interface"),
        }
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
        let text = match self.dev.read() {
            Ok(text) => text,
            Err(error) => return tick.no_data(&[("interface", "all")], &NET_RX_BYTES, error.no_data()),
        };
        let mut places = MAX_INTERFACES;
        for with_device in [true, false] {
            for (name, columns) in interfaces(text).take(MAX_LISTED) {
                let link = link_of(&mut self.links, &self.root, name);
                if places == 0 || link.has_device != with_device {
                    continue;
                }
                places -= 1;
                traffic(name, columns, tick);
                link.sample(tick);
            }
        }
        self.links.retain_mut(|link| std::mem::take(&mut link.seen));
        self.left_out.say(interfaces(text).count().saturating_sub(MAX_INTERFACES), tick);
    }
}

/// Name and columns of each interface but the loopback.
fn interfaces(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().skip(2).filter_map(|line| line.split_once(':'));
    lines.map(|(name, columns)| (name.trim(), columns)).filter(|(name, _)| *name != "lo")
}

fn traffic(name: &str, columns: &str, tick: &mut Tick<'_>) {
    let tags = [("interface", name)];
    let Some(columns) = parse(columns) else {
        return tick.no_data(&tags, &NET_RX_BYTES, NoData::Garbled);
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

/// The link of this interface; interfaces come and go, and a link lives as long as its interface is
/// listed.
fn link_of<'a>(links: &'a mut Vec<Link>, root: &Root, name: &str) -> &'a mut Link {
    let index = links.iter().position(|link| link.interface == name).unwrap_or_else(|| {
        links.push(Link::new(root, name));
        links.len() - 1
    });
    links[index].seen = true;
    &mut links[index]
}

struct Link {
    interface: String,
    state: Attr,
    speed: Attr,
    bit_per_s: Option<f64>,
    ticks_to_speed: u32,
    /// Whether a device is behind it, and not only the kernel.
    has_device: bool,
    seen: bool,
}

impl Link {
    fn new(root: &Root, interface: &str) -> Self {
        let attr = |file: &str| root.attr(format!("sys/class/net/{interface}/{file}"));
        let (state, speed) = (attr("operstate"), attr("speed"));
        let device = root.directory().join(format!("sys/class/net/{interface}/device"));
        Self {
            has_device: device.exists(),
            interface: interface.to_owned(),
            state,
            speed,
            bit_per_s: None,
            ticks_to_speed: 0,
            seen: false,
        }
    }

    fn sample(&mut self, tick: &mut Tick<'_>) {
        let Some(up) = self.state.read().ok().and_then(is_up) else { return };
        if !up {
            (self.bit_per_s, self.ticks_to_speed) = (None, 0);
        } else if self.ticks_to_speed == 0 {
            self.bit_per_s = self.speed.read().ok().and_then(bit_per_s);
            self.ticks_to_speed = TICKS_BETWEEN_SPEEDS;
        } else {
            self.ticks_to_speed -= 1;
        }
        let speed = self.bit_per_s.unwrap_or(f64::NAN);
        tick.point(
            &[("interface", &self.interface)],
            &[(&NET_LINK, i64::from(up).into()), (&NET_LINK_SPEED, speed.into())],
        );
    }
}

fn is_up(state: &str) -> Option<bool> {
    match state.trim() {
        "up" => Some(true),
        "down" | "lowerlayerdown" | "dormant" | "notpresent" | "testing" => Some(false),
        _ => None,
    }
}

/// Old kernels print the unknown speed as 4294967295; the fastest link there is has 800 Gbit/s.
fn bit_per_s(text: &str) -> Option<f64> {
    let megabit: i64 = text.trim().parse().ok()?;
    (1..=800_000).contains(&megabit).then_some(megabit as f64 * 1e6)
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
    use super::*;
    use crate::fixtures::lines;
    use picollect_board::fixtures::{tree, write};

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

    const HEAD: &str = "Inter-|   Receive\n face |bytes\n";
    const SILENT: &str = ": 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

    fn links_of(sensor: &mut Network) -> Vec<String> {
        lines(sensor).into_iter().filter(|line| line.contains("link")).collect()
    }

    #[test]
    fn link_and_speed_through_a_pulled_cable() {
        let (dir, root) = tree(&[
            ("proc/net/dev", &format!("{HEAD}eth0{SILENT}wlan0{SILENT}tun0{SILENT}usb0{SILENT}")),
            ("sys/class/net/eth0/operstate", "up\n"),
            ("sys/class/net/eth0/speed", "1000\n"),
            ("sys/class/net/wlan0/operstate", "up\n"),
            ("sys/class/net/wlan0/speed", "-1\n"),
            ("sys/class/net/tun0/operstate", "unknown\n"),
            ("sys/class/net/usb0/operstate", "soon\n"),
        ]);
        let mut sensor = Network::new(&root);
        let [fast, wlan] =
            ["network,interface=eth0 link=1i,link_bit_per_s=1000000000", "network,interface=wlan0 link=1i"];
        assert_eq!(links_of(&mut sensor), [fast, wlan]);
        write(dir.path(), "sys/class/net/eth0/speed", "100\n");
        assert_eq!(links_of(&mut sensor), [fast, wlan], "asked for again only after a while");
        write(dir.path(), "sys/class/net/eth0/operstate", "lowerlayerdown\n");
        assert_eq!(links_of(&mut sensor), ["network,interface=eth0 link=0i", wlan]);
        write(dir.path(), "sys/class/net/eth0/operstate", "up\n");
        assert_eq!(links_of(&mut sensor)[0], "network,interface=eth0 link=1i,link_bit_per_s=100000000");
    }

    #[test]
    fn an_interface_that_goes_leaves_nothing_behind() {
        let (dir, root) = tree(&[("proc/net/dev", &format!("{HEAD}veth1{SILENT}"))]);
        let mut sensor = Network::new(&root);
        lines(&mut sensor);
        assert_eq!(sensor.links.len(), 1);
        write(dir.path(), "proc/net/dev", HEAD);
        assert!(lines(&mut sensor).is_empty());
        assert!(sensor.links.is_empty());
    }

    #[test]
    fn of_too_many_interfaces_those_with_a_device_come_first_and_the_rest_is_counted() {
        let veth: String = (0..MAX_INTERFACES + 4).map(|number| format!("veth{number}{SILENT}")).collect();
        let (_dir, root) = tree(&[
            ("proc/net/dev", &format!("{HEAD}{veth}eth1{SILENT}")),
            ("sys/class/net/eth1/device/vendor", "0x0424\n"),
        ]);
        let said = lines(&mut Network::new(&root));
        assert!(said[0].starts_with("network,interface=eth1 rx_bytes="), "{said:?}");
        assert_eq!(said.len(), MAX_INTERFACES + 1);
        assert_eq!(said[MAX_INTERFACES], "left_out,kind=interface count=5i");
    }

    #[test]
    fn an_unknown_speed_in_each_of_its_spellings() {
        for unknown in ["-1", "0", "4294967295", "", "fast"] {
            assert_eq!(bit_per_s(unknown), None, "{unknown:?}");
        }
        assert_eq!(bit_per_s("2500\n"), Some(2.5e9));
    }
}

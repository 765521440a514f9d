//! The addresses by which others reach this node, and the interface that has them.
//!
//! Version 4: the address that the default route uses (the kernel is asked through a socket; nothing is sent), else a
//! local one of `proc/net/fib_trie`; the interface is that of the route in `proc/net/route`. Version 6: `proc/net/if_inet6`,
//! where each line has the address, the interface's number, the length of the prefix, the scope (0x00 global, 0x20 link) and
//! the flags of <linux/if_addr.h>, all hexadecimal, and the interface's name.
//!
//! Invariant: an interface is named only if it is certain that the address is its own.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::Path;

use picollect_board::attr::Root;

/// An address of nobody (RFC 5737): the way to it is the way to everybody.
const ANYBODY: (&str, u16) = ("192.0.2.1", 9);
/// A router's tables are longer, and are not what a panel is for.
const MAX_LINES: usize = 1000;
/// Temporary (privacy), failed, deprecated and tentative addresses do not stay.
const PASSING: u8 = 0x01 | 0x08 | 0x20 | 0x40;
const LINK: u8 = 0x20;

/// What was found; `None` is unknown or not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The address of the interface that has the default route of IPv4.
    pub v4: Option<Ipv4Addr>,
    /// Of version 6; one that is good on its own cable only, where there is no other address at all.
    pub v6: Option<Ipv6Addr>,
    /// The interface of the first of them.
    pub interface: Option<String>,
}

impl Addresses {
    /// As they are now.
    pub fn read(root: &Root) -> Self {
        let routes = routes(&root.text("proc/net/route").unwrap_or_default());
        // A fixture's files say nothing of this machine's routes.
        let asked = if root.directory() == Path::new("/") { on_the_default_route() } else { None };
        let own = asked.map(|v4| (v4, default_interface(&routes))).or_else(|| {
            let locals = locals(&root.text("proc/net/fib_trie").unwrap_or_default());
            first_physical(root, locals.into_iter().map(|v4| (v4, interface_of(v4, &routes))))
        });
        let (v4, named) = own.unzip();
        let v6 = best_v6(root, &root.text("proc/net/if_inet6").unwrap_or_default(), v4.is_some());
        let interface = named.unwrap_or_else(|| v6.as_ref().map(|(_, name)| name.clone()));
        Self { v4, v6: v6.map(|(v6, _)| v6), interface }
    }
}

/// A row of the table: where to, and through which interface.
struct Route {
    interface: String,
    to: u32,
    mask: u32,
    /// Whether what it leads to is at the same cable.
    connected: bool,
    metric: u32,
}

/// Interface, destination, gateway, flags, two counters, metric, mask; addresses are hexadecimal, in the machine's own order
/// of bytes.
fn routes(text: &str) -> Vec<Route> {
    let route = |line: &str| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let address = |column: usize| {
            let number = u32::from_str_radix(columns.get(column)?, 16).ok()?;
            Some(u32::from_be_bytes(number.to_ne_bytes()))
        };
        Some(Route {
            interface: (*columns.first()?).to_owned(),
            to: address(1)?,
            mask: address(7)?,
            connected: address(2)? == 0,
            metric: columns.get(6)?.parse().ok()?,
        })
    };
    text.lines().skip(1).take(MAX_LINES).filter_map(route).collect()
}

fn default_interface(routes: &[Route]) -> Option<String> {
    let default = routes.iter().filter(|route| route.mask == 0).min_by_key(|route| route.metric);
    default.map(|route| route.interface.clone())
}

/// The interface whose cable this address is on; not certain where two are on the same network.
fn interface_of(address: Ipv4Addr, routes: &[Route]) -> Option<String> {
    let on =
        |route: &&Route| route.connected && route.mask != 0 && address.to_bits() & route.mask == route.to;
    let longest = routes.iter().filter(on).map(|route| route.mask).max()?;
    let names: BTreeSet<_> = routes
        .iter()
        .filter(on)
        .filter(|route| route.mask == longest)
        .map(|route| &route.interface)
        .collect();
    names.first().filter(|_| names.len() == 1).map(|name| (*name).clone())
}

fn on_the_default_route() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(ANYBODY).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}

/// In the trie, `|-- ADDRESS` is followed by what is known of it; an own address is `/32 host LOCAL`.
fn locals(text: &str) -> BTreeSet<Ipv4Addr> {
    let mut found = BTreeSet::new();
    let mut last = None;
    for line in text.lines().take(MAX_LINES).map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            found.extend(last.filter(|address: &Ipv4Addr| !address.is_loopback()));
        }
    }
    found
}

/// A bridge of a container host has addresses too; what has a device is a network card.
fn first_physical<T>(
    root: &Root,
    found: impl Iterator<Item = (T, Option<String>)>,
) -> Option<(T, Option<String>)> {
    found.min_by_key(|(_, interface)| !interface.as_deref().is_some_and(|name| is_card(root, name)))
}

fn is_card(root: &Root, interface: &str) -> bool {
    root.directory().join("sys/class/net").join(interface).join("device").exists()
}

/// An address that stays, better on a network card; one of the link only if `others` are none.
fn best_v6(root: &Root, text: &str, others: bool) -> Option<(Ipv6Addr, String)> {
    let parsed = text.lines().take(MAX_LINES).filter_map(parse_v6);
    let usable = parsed.filter(|(_, scope, _)| *scope == 0 || (*scope == LINK && !others));
    let found = usable.min_by_key(|(_, scope, name)| (*scope, !is_card(root, name)));
    found.map(|(address, _, name)| (address, name))
}

fn parse_v6(line: &str) -> Option<(Ipv6Addr, u8, String)> {
    let mut columns = line.split_ascii_whitespace();
    let address = u128::from_str_radix(columns.next()?, 16).ok()?;
    let byte = |text: Option<&str>| u8::from_str_radix(text?, 16).ok();
    let scope = byte(columns.nth(2))?;
    let flags = byte(columns.next())?;
    let name = columns.next()?.to_owned();
    (flags & PASSING == 0).then(|| (Ipv6Addr::from_bits(address), scope, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_board::fixtures::tree;

    /// As the kernel of a little-endian board prints it.
    fn hex(address: [u8; 4]) -> String {
        format!("{:08X}", u32::from_ne_bytes(address))
    }

    fn route(interface: &str, to: [u8; 4], gateway: [u8; 4], mask: [u8; 4], metric: u32) -> String {
        format!("{interface}\t{}\t{}\t0001\t0\t0\t{metric}\t{}\t0\t0\t0\n", hex(to), hex(gateway), hex(mask))
    }

    const NET: [u8; 4] = [255, 255, 255, 0];
    const TRIE: &str = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 10.0.0.0\n        /24 link UNICAST\n     \
                        |-- 10.0.0.17\n        /32 host LOCAL\n     |-- 172.17.0.1\n        /32 host LOCAL\nLocal:\n";

    #[test]
    fn a_cluster_without_a_gateway_has_its_address_all_the_same() {
        let table = "Iface\tDestination\n".to_owned()
            + &route("docker0", [172, 17, 0, 0], [0; 4], [255, 255, 0, 0], 0)
            + &route("eth0", [10, 0, 0, 0], [0; 4], NET, 0);
        let files = [
            ("proc/net/route", table.as_str()),
            ("proc/net/fib_trie", TRIE),
            ("sys/class/net/eth0/device/uevent", ""),
        ];
        let (_dir, root) = tree(&files);
        let found = Addresses::read(&root);
        assert_eq!((found.v4, found.interface.as_deref()), (Some([10, 0, 0, 17].into()), Some("eth0")));
    }

    #[test]
    fn of_two_interfaces_on_one_network_none_is_named() {
        let table = "Iface\n".to_owned()
            + &route("wlan0", [10, 0, 0, 0], [0; 4], NET, 600)
            + &route("eth0", [10, 0, 0, 0], [0; 4], NET, 100)
            + &route("wlan0", [0; 4], [10, 0, 0, 1], [0; 4], 600)
            + &route("eth0", [0; 4], [10, 0, 0, 1], [0; 4], 100);
        let routes = routes(&table);
        assert_eq!(interface_of([10, 0, 0, 17].into(), &routes), None);
        assert_eq!(interface_of([10, 1, 0, 17].into(), &routes), None);
        assert_eq!(default_interface(&routes).as_deref(), Some("eth0"));
    }

    const INET6: &str = "00000000000000000000000000000001 01 80 10 80       lo\n\
                         fe80000000000000ba27ebfffe123456 02 40 20 80     eth0\n\
                         fd0000000000000000000000000000aa 02 40 00 01     eth0\n\
                         fd000000000000000000000000000002 02 40 00 80     eth0\n";

    #[test]
    fn a_node_of_version_6_only_has_an_address_that_stays() {
        let (_dir, root) = tree(&[("proc/net/if_inet6", INET6)]);
        let found = Addresses::read(&root);
        assert_eq!((found.v4, found.v6), (None, Some("fd00::2".parse().unwrap())));
        assert_eq!(found.interface.as_deref(), Some("eth0"));
    }

    #[test]
    fn an_address_of_the_link_is_better_than_none_and_worse_than_any_other() {
        let link: String = INET6.lines().take(2).map(|line| format!("{line}\n")).collect();
        let (_dir, root) = tree(&[("proc/net/if_inet6", &link)]);
        assert_eq!(Addresses::read(&root).v6, Some("fe80::ba27:ebff:fe12:3456".parse().unwrap()));
        assert_eq!(best_v6(&root, &link, true), None);
        let (_dir, nothing) = tree(&[("proc/net/if_inet6", "garbage\n\nfe80 1 2\n")]);
        assert_eq!(Addresses::read(&nothing), Addresses::default());
    }
}

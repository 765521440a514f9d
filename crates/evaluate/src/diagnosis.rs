//! From what was seen of all nodes in a window to what was found on each, and to one diagnosis of it.
//!
//! Invariant: a figure that the fault itself altered bears out nothing. Power, air and resistance come from models that
//! fit; peers are nodes of the same model; what is not known excludes nothing.

use crate::advice::{Advice, Finding, Heat, diagnose};
use crate::statistics::{median, quantile};
use crate::thermal::{CoolingChange, Fit, Room};
use crate::throttle::{Cause, Moment};

/// Air that is so many kelvins warmer than the peers' is another air.
const WARMER_AIR_K: f64 = 5.0;
/// Without peers to compare with, air from here on is warm.
const WARM_AIR_C: f64 = 40.0;
/// A resistance that is so many times the peers' is another cooling.
const WORSE_COOLING: f64 = 1.25;
/// From this share of its time on a machine's time is taken away from it.
const STOLEN: f64 = 0.05;
/// What a node is busy with while it rests: this quantile of its busy ratio.
const AT_REST: f64 = 0.1;
/// From this busy ratio on a node does not rest,
const NO_REST: f64 = 0.15;
/// and below this one its peers do.
const PEERS_REST: f64 = 0.05;

/// What was seen of a node; `None` is unknown.
#[derive(Debug, Clone, Default)]
pub struct Observed<'a> {
    /// Its name.
    pub host: &'a str,
    /// As the board calls itself; only nodes of the same model are peers.
    pub model: Option<&'a str>,
    /// Flags, load, clock and temperature over the window.
    pub moments: &'a [Moment],
    /// The causes of its episodes.
    pub causes: &'a [Cause],
    /// Its thermal model by watts, if there is a good one.
    pub fit: Option<Fit>,
    /// What that leaves to its limit at full load.
    pub room: Option<Room>,
    /// When its cooling got worse.
    pub change: Option<CoolingChange>,
    /// The limit that somebody set for its clock, and what the processor can do, Hz.
    pub clock_limit: Option<(f64, f64)>,
    /// By how many kelvins it is hotter than its peers under the same load, where that stands out.
    pub hotter_k: Option<f64>,
    /// Its clock and its peers' under the same load, Hz, where it stands out.
    pub slower_hz: Option<(f64, f64)>,
    /// The share of its time that a hypervisor gave to others.
    pub stolen: Option<f64>,
}

/// One diagnosis for each node that needs one, in their order.
pub fn diagnoses(nodes: &[Observed<'_>]) -> Vec<Advice> {
    let of = |at: usize| {
        let mut found = diagnose(nodes[at].host, &findings(nodes, at))?;
        let excluded = excluded(found.finding, nodes[at].moments);
        if !excluded.is_empty() {
            let gap = if found.evidence.is_empty() { "" } else { " " };
            found.evidence += &format!("{gap}{excluded}");
        }
        Some(found)
    };
    (0..nodes.len()).filter_map(of).collect()
}

fn findings(nodes: &[Observed<'_>], at: usize) -> Vec<Finding> {
    let node = &nodes[at];
    let heat = heat(nodes, at);
    let causes = Cause::ALL.into_iter().filter(|cause| node.causes.contains(cause));
    let mut found: Vec<Finding> =
        causes.map(|cause| Finding::of_cause(cause, None, node.room, heat)).collect();
    found.extend(node.clock_limit.map(|(limit_hz, max_hz)| Finding::ClockLimited { limit_hz, max_hz }));
    found.extend(
        node.change
            .map(|change| Finding::CoolingChanged { after_s: after_s(node, change), by_k: change.by_k }),
    );
    found.extend(node.hotter_k.map(|by_k| Finding::HotterThanPeers { by_k, heat }));
    let slower = node.slower_hz.map(|(clock_hz, peers_hz)| Finding::SlowerThanPeers { clock_hz, peers_hz });
    found.extend(slower);
    found.extend(node.stolen.filter(|share| *share >= STOLEN).map(|share| Finding::StolenTime { share }));
    found.extend(background(nodes, at));
    found
}

/// Why a node is hot.
fn heat(nodes: &[Observed<'_>], at: usize) -> Heat {
    let node = &nodes[at];
    if let Some(change) = node.change {
        return Heat::Changed { after_s: after_s(node, change), by_k: change.by_k };
    }
    let Some(own) = node.fit else { return Heat::Unknown };
    let peers: Vec<Fit> = others(nodes, at).filter_map(|peer| peer.fit).collect();
    let of_peers = |figure: fn(&Fit) -> f64| median(&mut peers.iter().map(figure).collect::<Vec<_>>());
    let (air_c, resistance) = (own.ambient_c, own.resistance);
    match of_peers(|fit| fit.ambient_c).zip(of_peers(|fit| fit.resistance)) {
        Some((peers_c, peers)) if air_c >= peers_c + WARMER_AIR_K && resistance < WORSE_COOLING * peers => {
            Heat::WarmAir { air_c, peers_c: Some(peers_c) }
        }
        Some((_, peers)) if resistance >= WORSE_COOLING * peers => Heat::Sink { resistance, peers },
        _ if air_c >= WARM_AIR_C => Heat::WarmAir { air_c, peers_c: None },
        _ => Heat::Unknown,
    }
}

/// The other nodes of the same model; one that does not say its model has none.
fn others<'a, 'b>(nodes: &'b [Observed<'a>], at: usize) -> impl Iterator<Item = &'b Observed<'a>> {
    let model = nodes[at].model;
    let same = move |(index, other): &(usize, &Observed<'_>)| {
        *index != at && model.is_some() && other.model == model
    };
    nodes.iter().enumerate().filter(same).map(|(_, other)| other)
}

/// Something that runs on a node while the others rest.
fn background(nodes: &[Observed<'_>], at: usize) -> Option<Finding> {
    let share = at_rest(nodes[at].moments).filter(|share| *share >= NO_REST)?;
    let mut peers: Vec<f64> = (0..nodes.len())
        .filter(|other| *other != at)
        .filter_map(|other| at_rest(nodes[other].moments))
        .collect();
    let peers_share = median(&mut peers).filter(|share| *share <= PEERS_REST)?;
    Some(Finding::BackgroundLoad { share, peers_share })
}

fn at_rest(moments: &[Moment]) -> Option<f64> {
    let ratio = |moment: &Moment| Some(moment.busy_cores? / moment.cores.filter(|cores| *cores > 0.0)?);
    quantile(&mut moments.iter().filter_map(ratio).collect::<Vec<_>>(), AT_REST)
}

/// Seconds from what is first known of the node.
fn after_s(node: &Observed<'_>, change: CoolingChange) -> f64 {
    let first = node.moments.iter().map(|moment| moment.t_ms).min().unwrap_or(change.at_ms);
    change.at_ms.saturating_sub(first).max(0) as f64 / 1000.0
}

/// What the flags exclude, as a sentence; empty if they exclude nothing of this cause.
fn excluded(cause: Finding, moments: &[Moment]) -> &'static str {
    let set = |flag: fn(&Moment) -> Option<bool>| moments.iter().filter_map(flag).reduce(|a, b| a || b);
    let low_voltage = set(|moment| moment.flags.under_voltage);
    let any = moments
        .iter()
        .filter(|moment| moment.flags.known())
        .map(|moment| moment.flags.any())
        .reduce(|a, b| a || b);
    match cause {
        Finding::ThermalHard { .. } | Finding::ThermalSoft if low_voltage == Some(false) => {
            "Its voltage was high enough all the time."
        }
        Finding::ClockLimited { .. } | Finding::StolenTime { .. } | Finding::BackgroundLoad { .. }
            if any == Some(false) =>
        {
            "No throttle flag was set: neither heat nor low voltage slowed it down."
        }
        _ => "",
    }
}

//! The node that is hotter or slower than its peers at the same load: one badly mounted heat sink slows a
//! whole MPI job.
//!
//! By robust z-scores, (value − median)/(1.4826 · MAD): what stands out does not move the measure that it
//! is held against.

use std::fmt;

use crate::statistics::median;
use serde::{Deserialize, Serialize};

/// With fewer comparable nodes nothing is said. Among three, the scatter is the smaller of two gaps, so
/// two that agree by chance condemn the third: of three like nodes with normally distributed values one
/// is called an outlier in 14 % of all cases, of four in 8 %, which is no worse than of six.
const MIN_PEERS: usize = 4;
/// A node is held against at most so many whose load is next to its own, on either side: more tell no
/// more.
const MAX_PEERS_A_SIDE: usize = 128;
/// Nodes are comparable when their busy ratios differ by no more than this.
const SAME_LOAD: f64 = 0.1;
/// Where a robust z-score marks an outlier (Iglewicz and Hoaglin, "How to Detect and Handle Outliers",
/// ASQC 1993).
const OUTLIER_Z: f64 = 3.5;
/// Makes the MAD of a normal distribution its standard deviation: 1/Φ⁻¹(¾).
const SIGMA_PER_MAD: f64 = 1.4826;
/// The coarsest thermometer's step. Nodes that read the same differ by up to this, so the MAD is never
/// taken to be less, and a node has to be 5.2 K above the median to be named.
const TEMP_STEP_C: f64 = 1.0;
/// The same for the clock, measured against its maximum: the firmware's measurement moves by about this.
const CLOCK_STEP: f64 = 0.01;

/// What is known of a node over a window; `None` is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Peer {
    /// The node's name, as in its samples.
    pub host: String,
    /// Mean over the window, °C.
    pub temp_c: Option<f64>,
    /// Real clock by highest clock.
    pub clock_ratio: Option<f64>,
    /// Busy ratio, 0 to 1. A node without is compared with nobody.
    pub busy: Option<f64>,
}

/// In what a node stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Its temperature is higher.
    Hotter,
    /// Its clock is lower.
    Slower,
}

impl What {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hotter => "hotter",
            Self::Slower => "slower",
        }
    }

    fn value(self, peer: &Peer) -> Option<f64> {
        let value = match self {
            Self::Hotter => peer.temp_c,
            Self::Slower => peer.clock_ratio,
        };
        value.filter(|value| value.is_finite())
    }

    fn step(self) -> f64 {
        match self {
            Self::Hotter => TEMP_STEP_C,
            Self::Slower => CLOCK_STEP,
        }
    }

    /// How far a value is on the bad side of the median; negative on the good side.
    fn worse(self, value: f64, median: f64) -> f64 {
        match self {
            Self::Hotter => value - median,
            Self::Slower => median - value,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A node that stands out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlier {
    /// The node's name, as in its samples.
    pub host: String,
    /// Whether it is too hot or too slow.
    pub what: What,
    /// Its own value: °C, or the clock's ratio.
    pub value: f64,
    /// The median of the nodes under the same load, itself among them.
    pub median: f64,
    /// Robust z-score towards the bad side, so always above 3.5.
    pub z: f64,
}

/// The nodes that are hotter or slower than those under the same load, the worst first.
pub fn outliers(peers: &[Peer]) -> Vec<Outlier> {
    let mut found = standing_out(peers, What::Hotter);
    found.extend(standing_out(peers, What::Slower));
    found.sort_by(|a, b| b.z.total_cmp(&a.z).then_with(|| (&a.host, a.what).cmp(&(&b.host, b.what))));
    found
}

fn standing_out(peers: &[Peer], what: What) -> Vec<Outlier> {
    let busy = |peer: &Peer| peer.busy.filter(|busy| busy.is_finite());
    let mut known: Vec<(f64, f64, &Peer)> =
        peers.iter().filter_map(|peer| Some((busy(peer)?, what.value(peer)?, peer))).collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let judge = |(index, (busy, value, peer)): (usize, &(f64, f64, &Peer))| {
        let near = known.len().min(index + 1 + MAX_PEERS_A_SIDE);
        let near = &known[index.saturating_sub(MAX_PEERS_A_SIDE)..near];
        let same = near.iter().filter(|(other, ..)| (other - busy).abs() <= SAME_LOAD);
        let (median, z) = score(*value, what, &same.map(|(_, value, _)| *value).collect::<Vec<_>>())?;
        (z > OUTLIER_Z).then(|| Outlier { host: peer.host.clone(), what, value: *value, median, z })
    };
    known.iter().enumerate().filter_map(judge).collect()
}

/// The median of the values under the same load, and the z-score of one of them.
fn score(value: f64, what: What, same: &[f64]) -> Option<(f64, f64)> {
    if same.len() < MIN_PEERS {
        return None;
    }
    let middle = median(&mut same.to_vec())?;
    let mut deviations: Vec<f64> = same.iter().map(|value| (value - middle).abs()).collect();
    let sigma = SIGMA_PER_MAD * median(&mut deviations)?.max(what.step());
    let z = what.worse(value, middle) / sigma;
    z.is_finite().then_some((middle, z))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn peer(host: usize, temp_c: f64, clock_ratio: f64, busy: f64) -> Peer {
        Peer {
            host: format!("pi-{host}"),
            temp_c: Some(temp_c),
            clock_ratio: Some(clock_ratio),
            busy: Some(busy),
        }
    }

    /// Nodes under full load with these temperatures and a full clock.
    fn hot(temps: &[f64]) -> Vec<Peer> {
        temps.iter().enumerate().map(|(host, temp_c)| peer(host, *temp_c, 1.0, 1.0)).collect()
    }

    fn named(peers: &[Peer]) -> Vec<(String, What)> {
        outliers(peers).into_iter().map(|outlier| (outlier.host, outlier.what)).collect()
    }

    #[test]
    fn the_badly_cooled_node_is_named_with_what_it_was_held_against() {
        let mut peers = hot(&[60.0, 61.0, 62.0, 80.0]);
        peers[3].clock_ratio = Some(0.8);
        let want = |what, value, median, z| Outlier { host: "pi-3".into(), what, value, median, z };
        let got = outliers(&peers);
        // The deviations from 61.5 °C are 0.5, 0.5, 1.5 and 18.5 K, their median is 1 K.
        assert_eq!(got[1], want(What::Hotter, 80.0, 61.5, 18.5 / 1.4826));
        assert_eq!((got[0].what, got[0].median, got.len()), (What::Slower, 1.0, 2));
        assert!((got[0].z - 0.2 / 0.014_826).abs() < 1e-9);
    }

    #[test]
    fn equal_readings_and_single_steps_of_the_thermometer_are_no_outliers() {
        assert_eq!(named(&hot(&[60.0, 60.0, 60.0, 60.0])), []);
        assert_eq!(named(&hot(&[60.0, 60.0, 60.0, 65.0])), []);
        assert_eq!(named(&hot(&[60.0, 60.0, 60.0, 65.5])), [("pi-3".to_owned(), What::Hotter)]);
        assert_eq!(named(&hot(&[60.0, 60.0, 60.0, 20.0])), []);
        assert_eq!(named(&hot(&[60.0, 60.0, 90.0])), []);
    }

    #[test]
    fn only_nodes_under_the_same_load_are_compared() {
        let mut peers = hot(&[60.0, 61.0, 60.0, 61.0]);
        peers.extend((4..7).map(|host| peer(host, 40.0, 0.4, 0.05)));
        assert_eq!(named(&peers), [], "three idle nodes are too few, and no measure for the busy ones");
        peers.extend([peer(7, 40.0, 0.4, 0.0), peer(8, 55.0, 0.4, 0.1)]);
        assert_eq!(named(&peers), [("pi-8".to_owned(), What::Hotter)]);
        peers[8].busy = None;
        assert_eq!(named(&peers), []);
    }

    #[test]
    fn ten_thousand_nodes_are_judged_too() {
        let mut peers: Vec<Peer> =
            (0u32..10_000).map(|host| peer(host as usize, 60.0 + f64::from(host % 3), 1.0, 1.0)).collect();
        peers[5000].temp_c = Some(75.0);
        assert_eq!(named(&peers), [("pi-5000".to_owned(), What::Hotter)]);
    }

    fn any_peers() -> impl Strategy<Value = Vec<Peer>> {
        let value = || proptest::option::of(prop_oneof![3 => 0.0..100.0f64, 1 => any::<f64>()]);
        let busy = proptest::option::of(prop_oneof![3 => 0.8..1.0f64, 1 => any::<f64>()]);
        proptest::collection::vec((value(), value(), busy), 0..20).prop_map(|values| {
            let numbered = values.into_iter().enumerate();
            numbered
                .map(|(host, (temp_c, clock_ratio, busy))| Peer {
                    host: format!("{host}"),
                    temp_c,
                    clock_ratio,
                    busy,
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn outliers_are_few_real_and_the_worst_first_whatever_the_order(peers in any_peers()) {
            let found = outliers(&peers);
            for pair in found.windows(2) {
                prop_assert!(pair[0].z >= pair[1].z);
            }
            for outlier in &found {
                prop_assert!(outlier.z.is_finite() && outlier.z > OUTLIER_Z && outlier.median.is_finite());
            }
            let reversed: Vec<Peer> = peers.iter().rev().cloned().collect();
            prop_assert_eq!(outliers(&reversed), found);
        }
    }
}

//! From the meters of a node to its figure, and from the nodes' figures to the cluster's.
//!
//! Invariant: figures of different boundaries are never added, and a sum is named after its weakest
//! source.

use picollect_telemetry::{Boundary, Source};

use crate::energy::Energy;

/// One meter's verdict on a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// How it came to be.
    pub source: Source,
    /// What it is drawn around.
    pub boundary: Boundary,
    /// Joules and covered seconds.
    pub energy: Energy,
}

/// Of equal meters, one counts as covered as well as the best from this share of the best's covered time on.
const AS_WELL_COVERED: f64 = 0.95;

/// The index of a node's primary meter, whose figure is the node's: the widest boundary, there the
/// strongest source, there the first in order that covers about as much as the best covered, so that
/// a lost sample does not move the figure from one meter to the next. One rail of several never is.
/// `None` of none.
pub fn primary_meter(figures: &[Figure]) -> Option<usize> {
    let rank = |figure: &Figure| (figure.boundary, std::cmp::Reverse(figure.source));
    let whole = || figures.iter().filter(|figure| figure.boundary != Boundary::Rail);
    let best = whole().map(rank).max()?;
    let equals = || whole().filter(|figure| rank(figure) == best);
    let covered_s = equals().map(|figure| figure.energy.covered_s).fold(0.0, f64::max);
    let covers =
        |figure: &Figure| rank(figure) == best && figure.energy.covered_s >= AS_WELL_COVERED * covered_s;
    figures.iter().position(covers)
}

/// The nodes of one boundary together.
#[derive(Debug, Clone, PartialEq)]
pub struct Sum {
    /// What all of them are drawn around.
    pub boundary: Boundary,
    /// The weakest source among them.
    pub source: Source,
    /// Joules, and the covered seconds of all nodes together.
    pub energy: Energy,
    /// Number of nodes in the sum.
    pub nodes: usize,
    /// Mean power of all of them together, each over its own covered time, in watts.
    pub mean_w: f64,
    /// The same sum by source, strongest first.
    pub by_source: Vec<SourceShare>,
}

/// The figures of one source in a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SourceShare {
    /// How these figures came to be.
    pub source: Source,
    /// How many nodes there are of it.
    pub nodes: usize,
    /// Energy of all of them together, in joules.
    pub joules: f64,
}

/// The nodes' figures, added up by boundary, widest first.
pub fn sums(nodes: &[Figure]) -> Vec<Sum> {
    let boundaries = Boundary::ALL.iter().rev();
    boundaries.filter_map(|&boundary| sum(boundary, nodes)).collect()
}

fn sum(boundary: Boundary, nodes: &[Figure]) -> Option<Sum> {
    let parts: Vec<&Figure> = nodes.iter().filter(|figure| figure.boundary == boundary).collect();
    let source = parts.iter().map(|figure| figure.source).max()?;
    let joules = |of: &[&Figure]| of.iter().map(|figure| figure.energy.joules).sum::<f64>();
    let by_source = Source::ALL.iter().filter_map(|&source| {
        let same: Vec<&Figure> = parts.iter().copied().filter(|figure| figure.source == source).collect();
        (!same.is_empty()).then(|| SourceShare { source, nodes: same.len(), joules: joules(&same) })
    });
    Some(Sum {
        boundary,
        source,
        energy: Energy {
            joules: joules(&parts),
            covered_s: parts.iter().map(|figure| figure.energy.covered_s).sum(),
        },
        nodes: parts.len(),
        mean_w: parts.iter().filter_map(|figure| figure.energy.mean_w()).sum(),
        by_source: by_source.collect(),
    })
}

/// How much of a window and of the nodes one boundary's sum is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Covered share of the window.
    pub coverage: f64,
    /// Nodes in the sum.
    pub nodes: usize,
    /// All nodes.
    pub of: usize,
}

/// A wider boundary may know a little less than a narrower one and still speaks: this share of it is enough.
const NEARLY_ALL: f64 = 0.9;

/// The index of the sum that speaks for all: the widest one that knows about as much of the nodes' time as any.
/// `parts` are of the boundaries' sums, the widest first; `None` of none.
pub fn speaking_part(parts: &[Part]) -> Option<usize> {
    let known = |part: &Part| match part.of {
        0 => part.coverage,
        of => part.coverage * part.nodes as f64 / of as f64,
    };
    let most = parts.iter().map(known).fold(0.0, f64::max);
    parts.iter().position(|part| known(part) >= NEARLY_ALL * most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(source: Source, boundary: Boundary, joules: f64) -> Figure {
        Figure { source, boundary, energy: Energy { joules, covered_s: 10.0 } }
    }

    #[test]
    fn the_widest_boundary_is_primary_then_the_strongest_source() {
        let rails = figure(Source::Measured, Boundary::SocRails, 1.0);
        let model = figure(Source::Estimated, Boundary::Node, 2.0);
        let meter = figure(Source::Measured, Boundary::Node, 3.0);
        assert_eq!(primary_meter(&[rails, model, meter]), Some(2));
        assert_eq!(primary_meter(&[rails, model]), Some(1));
        assert_eq!(primary_meter(&[]), None);
        let rail = figure(Source::Measured, Boundary::Rail, 2.0);
        assert_eq!(primary_meter(&[rail, rail]), None, "a part is not the node");
        assert_eq!(primary_meter(&[rail, model]), Some(1));
    }

    #[test]
    fn of_equal_meters_the_first_stays_primary_while_it_covers_about_as_much() {
        let covering = |covered_s| {
            let energy = Energy { joules: 1.0, covered_s };
            Figure { source: Source::Measured, boundary: Boundary::Node, energy }
        };
        for (covered_s, want) in
            [([10.0, 10.0], 0), ([9.9, 10.0], 0), ([10.0, 9.9], 0), ([9.4, 10.0], 1), ([0.0, 0.0], 0)]
        {
            assert_eq!(primary_meter(&covered_s.map(covering)), Some(want), "{covered_s:?}");
        }
    }

    #[test]
    fn a_boundary_that_covers_a_little_does_not_speak_for_all_of_the_time() {
        let part = |coverage, nodes| Part { coverage, nodes, of: 5 };
        assert_eq!(speaking_part(&[part(0.135, 5), part(1.0, 5)]), Some(1), "nodes that cover all of it");
        assert_eq!(speaking_part(&[part(0.95, 5), part(1.0, 5)]), Some(0));
        assert_eq!(speaking_part(&[part(0.8, 5), part(1.0, 1)]), Some(0), "one node of five");
        assert_eq!(speaking_part(&[Part { coverage: 0.3, nodes: 0, of: 0 }]), Some(0));
        assert_eq!(speaking_part(&[part(0.0, 5), part(0.0, 5)]), Some(0));
        assert_eq!(speaking_part(&[]), None);
    }

    #[test]
    fn boundaries_stay_apart_and_the_weakest_source_names_the_sum() {
        let nodes = [
            figure(Source::Measured, Boundary::Node, 10.0),
            figure(Source::Simulated, Boundary::Node, 20.0),
            figure(Source::Measured, Boundary::SocRails, 5.0),
        ];
        let sums = sums(&nodes);
        assert_eq!(sums.len(), 2);
        assert_eq!((sums[0].boundary, sums[0].source, sums[0].nodes), (Boundary::Node, Source::Simulated, 2));
        assert_eq!(sums[0].energy, Energy { joules: 30.0, covered_s: 20.0 });
        assert!((sums[0].mean_w - 3.0).abs() < 1e-12);
        let share = |source, joules| SourceShare { source, nodes: 1, joules };
        assert_eq!(sums[0].by_source, [share(Source::Measured, 10.0), share(Source::Simulated, 20.0)]);
        assert_eq!(sums[1].boundary, Boundary::SocRails);
    }
}

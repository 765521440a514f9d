//! Published results to show beside one's own.
//!
//! Each stands as its source gives it, by whatever meter and boundary was used there: a measure of size, not
//! a measurement by this project's rules.
//!
//! Invariant: a figure that the source does not give is absent, except for an efficiency that is the rate by
//! the power of one and the same line.

/// A result as its source printed it; what it does not give is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reference {
    /// The machine, its clock, and the benchmark unless it is HPL.
    pub name: &'static str,
    /// When it was measured or listed.
    pub year: u16,
    /// Where the figures stand.
    pub source: &'static str,
    /// Number of nodes, where that matters.
    pub nodes: Option<u32>,
    /// Achieved FLOP/s: HPL unless the name says otherwise.
    pub flops: Option<f64>,
    /// FLOP/s per watt, over whatever boundary the source measured.
    pub flops_per_w: Option<f64>,
    /// How much faster all nodes were than one.
    pub speed_up: Option<f64>,
}

impl Reference {
    /// Parallel efficiency: the speed-up by the number of nodes.
    pub fn parallel_efficiency(&self) -> Option<f64> {
        Some(self.speed_up? / f64::from(self.nodes?))
    }
}

/// The table of results in its README (commit 0137a2e), as are those that name an issue: watts by a plug meter,
/// the mean over the run.
const TOP500_BENCHMARK: &str = "geerlingguy/top500-benchmark, README";

/// A result of HPL on a board or a small cluster, in GFLOPS and watts at the wall.
const fn hpl(name: &'static str, year: u16, source: &'static str, gflops: f64, watts: f64) -> Reference {
    let (flops, flops_per_w) = (Some(gflops * 1e9), Some(gflops * 1e9 / watts));
    Reference { name, year, source, nodes: Some(1), flops, flops_per_w, speed_up: None }
}

/// Every reference, the oldest first.
pub const REFERENCES: [Reference; 12] = [
    // A secondary source: one node computed 4.5 MFLOPS, by a benchmark that it does not name.
    Reference {
        name: "first Beowulf (16 × i486DX4, not HPL)",
        year: 1994,
        source: "Conception, Construction and Evaluation of a Raspberry Pi Cluster, thesis, FOM Frankfurt, 2018",
        nodes: Some(16),
        flops: Some(60e6),
        flops_per_w: None,
        speed_up: Some(13.33),
    },
    Reference {
        name: "first Green500 leader (Blue Gene/P, Daresbury)",
        year: 2007,
        source: "Green500, November 2007",
        nodes: None,
        flops: Some(11.11e12),
        flops_per_w: Some(357.23e6),
        speed_up: None,
    },
    Reference {
        nodes: Some(4),
        ..hpl("Turing Pi 2 (4 × Raspberry Pi CM4 at 1.5 GHz)", 2021, TOP500_BENCHMARK, 44.942, 24.5)
    },
    Reference {
        nodes: Some(6),
        ..hpl("DeskPi Super6c (6 × Raspberry Pi CM4 at 1.5 GHz)", 2022, TOP500_BENCHMARK, 60.293, 40.0)
    },
    hpl("Raspberry Pi 4 at 1.8 GHz", 2023, "geerlingguy/top500-benchmark, README and issue 13", 11.889, 7.2),
    hpl("Raspberry Pi 5 at 2.4 GHz", 2023, "geerlingguy/top500-benchmark, README and issue 18", 30.249, 11.0),
    hpl(
        "Raspberry Pi CM4 at 1.5 GHz",
        2024,
        "geerlingguy/top500-benchmark, README and issue 33",
        11.433,
        5.2,
    ),
    hpl(
        "Raspberry Pi CM5 at 2.4 GHz",
        2024,
        "geerlingguy/top500-benchmark, README and issue 48",
        31.477,
        10.0,
    ),
    hpl(
        "Raspberry Pi 400 at 1.8 GHz",
        2024,
        "geerlingguy/top500-benchmark, README and issue 49",
        11.077,
        6.4,
    ),
    hpl(
        "Raspberry Pi 500 at 2.4 GHz",
        2024,
        "geerlingguy/top500-benchmark, README and issue 50",
        29.812,
        11.5,
    ),
    hpl("Radxa CM5 (RK3588S2)", 2024, "geerlingguy/top500-benchmark, README and issue 31", 48.619, 10.0),
    Reference {
        name: "Green500 leader (Kairos, CALMIP, Toulouse)",
        year: 2025,
        source: "Green500, November 2025",
        nodes: None,
        flops: Some(3.05e15),
        flops_per_w: Some(73.28e9),
        speed_up: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn named(start: &str) -> Reference {
        *REFERENCES.iter().find(|reference| reference.name.starts_with(start)).unwrap()
    }

    #[test]
    fn the_efficiencies_are_those_that_the_sources_print() {
        // In hundredths of a GFLOPS/W; some are rounded to them, some cut.
        for (name, printed) in [
            ("Turing Pi 2", 183.0),
            ("DeskPi Super6c", 150.0),
            ("Raspberry Pi 4 ", 165.0),
            ("Raspberry Pi 5 ", 275.0),
            ("Raspberry Pi CM4", 220.0),
            ("Raspberry Pi CM5", 314.0),
            ("Raspberry Pi 400", 173.0),
            ("Raspberry Pi 500", 259.0),
            ("Radxa CM5", 486.0),
            ("Green500 leader", 7328.0),
            ("first Green500", 35.723),
        ] {
            let given = named(name).flops_per_w.unwrap() / 1e7;
            assert!((-0.5..1.0).contains(&(given - printed)), "{name}: {given}");
        }
    }

    #[test]
    fn beowulf_was_83_percent_efficient_and_nobody_measured_its_power() {
        let beowulf = named("first Beowulf");
        assert!((beowulf.parallel_efficiency().unwrap() - 0.833).abs() < 1e-3);
        assert_eq!(beowulf.flops_per_w, None);
        assert_eq!(named("Raspberry Pi 5 ").parallel_efficiency(), None);
    }

    #[test]
    fn they_are_in_the_order_of_time_and_each_has_its_source() {
        assert!(REFERENCES.is_sorted_by_key(|reference| reference.year));
        assert!(REFERENCES.iter().all(|it| !it.name.is_empty() && !it.source.is_empty()));
    }
}

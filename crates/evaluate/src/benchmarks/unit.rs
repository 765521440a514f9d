//! What a rate counts, and what it is called per watt.

/// What a rate counts per second, in SI units without prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Floating-point operations in double precision.
    FlopPerSecond,
    /// Floating-point operations as HPL counts them, which a part of the machine did in lower precision
    /// (HPL-MxP): no FLOPS to be compared with.
    MixedFlopPerSecond,
    /// Bytes to and from memory.
    BytePerSecond,
    /// Traversed edges (Graph 500).
    Teps,
    /// CoreMark's iterations, which are its score.
    CoreMark,
    /// Events of sysbench, whose size its test and its options decide.
    EventPerSecond,
    /// Updates of random words (HPCC RandomAccess).
    UpdatePerSecond,
    /// Tokens that a language model read or wrote.
    TokenPerSecond,
    /// A user's own, by its name.
    Other(String),
}

impl Unit {
    /// The unit's name; an SI prefix may stand before it, except before CoreMark.
    pub fn name(&self) -> &str {
        match self {
            Self::FlopPerSecond => "FLOPS",
            Self::MixedFlopPerSecond => "FLOPS(mixed)",
            Self::BytePerSecond => "B/s",
            Self::Teps => "TEPS",
            Self::CoreMark => "CoreMark",
            Self::EventPerSecond => "events/s",
            Self::UpdatePerSecond => "updates/s",
            Self::TokenPerSecond => "tokens/s",
            Self::Other(name) => name,
        }
    }

    /// What the rate by mean power is called. A rate of `x/s` per watt is `x/J`.
    pub fn per_watt(&self) -> String {
        match self {
            Self::BytePerSecond => "B/s per W".to_owned(),
            _ => match self.name().strip_suffix("/s") {
                Some(counted) => format!("{counted}/J"),
                None => format!("{}/W", self.name()),
            },
        }
    }

    /// The unit that a user names, and what its rates are multiplied with: `GFLOPS` is (FLOPS, 10⁹). A
    /// name that is not known is the user's own.
    pub fn parse(name: &str) -> (Self, f64) {
        let prefixes = [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15)];
        for (prefix, scale) in prefixes {
            if let Some(unit) = name.strip_prefix(prefix).and_then(Self::known) {
                return (unit, scale);
            }
        }
        (Self::Other(super::clip(name)), 1.0)
    }

    fn known(name: &str) -> Option<Self> {
        match name {
            "FLOPS" | "FLOP/s" | "Flops" | "flops" | "flop/s" => Some(Self::FlopPerSecond),
            "FLOPS(mixed)" => Some(Self::MixedFlopPerSecond),
            "B/s" => Some(Self::BytePerSecond),
            "TEPS" => Some(Self::Teps),
            "CoreMark" => Some(Self::CoreMark),
            "events/s" => Some(Self::EventPerSecond),
            "updates/s" | "UPS" => Some(Self::UpdatePerSecond),
            "tokens/s" => Some(Self::TokenPerSecond),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_has_its_name_per_watt() {
        for (unit, per_watt) in [
            ("FLOPS", "FLOPS/W"),
            ("FLOPS(mixed)", "FLOPS(mixed)/W"),
            ("B/s", "B/s per W"),
            ("TEPS", "TEPS/W"),
            ("CoreMark", "CoreMark/W"),
            ("events/s", "events/J"),
            ("updates/s", "updates/J"),
            ("tokens/s", "tokens/J"),
            ("requests/s", "requests/J"),
            ("frames", "frames/W"),
        ] {
            let (parsed, scale) = Unit::parse(unit);
            assert_eq!((parsed.name(), parsed.per_watt().as_str(), scale), (unit, per_watt, 1.0));
        }
    }

    #[test]
    fn a_prefix_becomes_a_factor() {
        assert_eq!(Unit::parse("GFLOPS"), (Unit::FlopPerSecond, 1e9));
        assert_eq!(Unit::parse("GFLOPS(mixed)"), (Unit::MixedFlopPerSecond, 1e9));
        assert_eq!(Unit::parse("ktokens/s"), (Unit::TokenPerSecond, 1e3));
        assert_eq!(Unit::parse("MB/s"), (Unit::BytePerSecond, 1e6));
        assert_eq!(Unit::parse("Gadgets/s"), (Unit::Other("Gadgets/s".into()), 1.0));
    }
}

//! Where an energy figure comes from and what it is drawn around. Both travel as tags.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every variant, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in tags, reports and JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The variant with this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

named! {
    /// How a figure came to be, the strongest first: a sum is only as good as its weakest part.
    Source {
        /// Read from a meter.
        Measured = "measured",
        /// Computed by a power model from load and clock.
        Estimated = "estimated",
        /// Made by the simulator; says nothing about any real machine.
        Simulated = "simulated",
    }
}

named! {
    /// What a meter measures around, the narrowest first. Figures of different boundaries are never added.
    Boundary {
        /// One supply rail of several, a part of the node: never the node's figure, and not to be added to
        /// others, since one rail may feed another.
        Rail = "rail",
        /// The processor's own supply rails.
        SocRails = "soc-rails",
        /// One node, DC, after its supply.
        Node = "node",
        /// The case: nodes, fans, panel.
        Enclosure = "enclosure",
        /// AC at the socket: everything, with switch and supplies.
        Wall = "wall",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_unknown_ones_are_refused() {
        for source in Source::ALL {
            assert_eq!(Source::from_name(source.as_str()), Some(*source));
        }
        for boundary in Boundary::ALL {
            assert_eq!(Boundary::from_name(boundary.as_str()), Some(*boundary));
        }
        assert_eq!(Boundary::from_name("Wall"), None);
    }

    #[test]
    fn the_weakest_source_is_the_greatest_and_the_widest_boundary_too() {
        assert!(Source::Measured < Source::Estimated && Source::Estimated < Source::Simulated);
        assert!(
            Boundary::Rail < Boundary::SocRails
                && Boundary::SocRails < Boundary::Node
                && Boundary::Enclosure < Boundary::Wall
        );
    }
}

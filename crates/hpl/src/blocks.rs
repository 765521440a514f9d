//! Which sizes of HPL's blocks are worth a try on which processor.
//!
//! A block is NB × NB numbers of eight bytes. The product of matrices, which is nearly all of HPL, wants a block and a
//! panel in the second-level cache of a core, and large ones for its own loops; the network and an even spread over the
//! nodes want small ones. Only a trial finds the best: these are its candidates, and the first that is tried where nobody
//! makes one.

/// Candidates for a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks {
    /// What is taken without a trial.
    pub first: u32,
    /// What is worth one, from the smallest.
    pub candidates: &'static [u32],
    /// Why these, as a part of a sentence.
    pub why: &'static str,
}

/// How a board's model begins, in the words of its device tree, and what its cores have.
const BOARDS: [(&str, Blocks); 5] = [
    ("Raspberry Pi 5", CORTEX_A76),
    ("Raspberry Pi Compute Module 5", CORTEX_A76),
    ("Raspberry Pi 4", CORTEX_A72),
    ("Raspberry Pi Compute Module 4", CORTEX_A72),
    ("Raspberry Pi", CORTEX_A53),
];

const CORTEX_A76: Blocks = Blocks {
    first: 192,
    candidates: &[128, 160, 192, 224, 256],
    why: "a Cortex-A76 has 512 KiB of second-level cache for each core, in which a block of 192 × 192 takes 288 KiB",
};
const CORTEX_A72: Blocks = Blocks {
    first: 128,
    candidates: &[96, 128, 160, 192, 256],
    why: "four Cortex-A72 share 1 MiB of second-level cache, a quarter of which holds two blocks of 128 × 128",
};
const CORTEX_A53: Blocks = Blocks {
    first: 96,
    candidates: &[64, 80, 96, 112, 128],
    why: "four Cortex-A53 share 512 KiB of second-level cache, a quarter of which holds a block of 96 × 96 and its panel",
};
const UNKNOWN: Blocks = Blocks {
    first: 192,
    candidates: &[96, 128, 192, 256, 384],
    why: "nothing is known of this processor's caches: the usual sizes, of which a trial has to find the best",
};

impl Blocks {
    /// Of this model, spelled as in the device tree.
    pub fn of(model: Option<&str>) -> Self {
        let known = BOARDS.iter().find(|(begins, _)| model.is_some_and(|model| model.starts_with(begins)));
        known.map_or(UNKNOWN, |(_, blocks)| *blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_processor_has_candidates_of_which_one_comes_first() {
        for blocks in BOARDS.map(|(_, blocks)| blocks).into_iter().chain([UNKNOWN]) {
            assert!(blocks.candidates.contains(&blocks.first) && blocks.candidates.is_sorted());
        }
        assert_eq!(Blocks::of(Some("Raspberry Pi 4 Model B Rev 1.4")), CORTEX_A72);
        assert_eq!(Blocks::of(Some("Raspberry Pi 3 Model B Plus Rev 1.3")), CORTEX_A53);
        assert_eq!(Blocks::of(Some("Raspberry Pi 5 Model B Rev 1.0")), CORTEX_A76);
        assert_eq!((Blocks::of(Some("Radxa ROCK 5B")), Blocks::of(None)), (UNKNOWN, UNKNOWN));
    }
}

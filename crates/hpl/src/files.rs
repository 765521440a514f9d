//! The two files: `HPL.dat`, whose values HPL reads by the number of their line, and a file of hosts for `mpirun`.
//!
//! HPL takes the first word, or as many as the line before says, and leaves the rest of each line alone; the comments are
//! ours. The order of the lines is that of HPL 2.x (its file `HPL_pdinfo.c`).

use std::fmt::Write as _;

use crate::Plan;

impl Plan {
    /// The text of `HPL.dat`. What this plan does not decide has the values that HPL's authors deliver.
    pub fn hpl_dat(&self) -> String {
        let nbs: Vec<String> = self.nbs.iter().map(ToString::to_string).collect();
        let lines = [
            ("HPL.out".to_owned(), "file for the output, if the next line asks for one"),
            ("6".to_owned(), "6 is standard output"),
            ("1".to_owned(), "how many orders of the matrix"),
            (self.n.to_string(), "N"),
            (nbs.len().to_string(), "how many sizes of blocks"),
            (nbs.join(" "), "NB"),
            ("0".to_owned(), "processes go by rows (0) or columns (1)"),
            ("1".to_owned(), "how many grids"),
            (self.p.to_string(), "P"),
            (self.q.to_string(), "Q"),
            ("16.0".to_owned(), "residual up to which a result passes"),
            ("1".to_owned(), "how many panel factorizations"),
            ("2".to_owned(), "0 left-looking, 1 Crout, 2 right-looking"),
            ("1".to_owned(), "how many stopping criteria of the recursion"),
            ("4".to_owned(), "NBMIN"),
            ("1".to_owned(), "how many divisions of a panel"),
            ("2".to_owned(), "NDIV"),
            ("1".to_owned(), "how many recursive factorizations"),
            ("1".to_owned(), "0 left-looking, 1 Crout, 2 right-looking"),
            ("1".to_owned(), "how many broadcasts"),
            ("1".to_owned(), "0 and 1 rings, 2 and 3 two rings, 4 and 5 for long messages"),
            ("1".to_owned(), "how many depths of look-ahead"),
            ("1".to_owned(), "depth"),
            ("2".to_owned(), "rows are swapped by exchange (0), spread-roll (1) or both (2)"),
            ("64".to_owned(), "where both change over"),
            ("0".to_owned(), "L1 transposed (0) or not (1)"),
            ("0".to_owned(), "U transposed (0) or not (1)"),
            ("1".to_owned(), "equilibration (1) or none (0)"),
            ("8".to_owned(), "alignment of memory, in numbers"),
        ];
        let mut text = "HPL.dat, written by picollect hpl plan\nThese two lines are not read\n".to_owned();
        for (value, what) in lines {
            let _ = writeln!(text, "{value:<16} {what}");
        }
        text
    }

    /// The nodes as Open MPI's `--hostfile` wants them.
    pub fn hostfile(&self) -> String {
        let line = |host: &String| format!("{host} slots={}\n", self.ranks_per_node);
        self.hosts.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Machine, Wanted};

    #[test]
    fn the_files_say_what_was_planned_where_hpl_and_mpirun_read_it() {
        let machine = |host: &str| Machine {
            host: host.to_owned(),
            memory_bytes: Some(4e9),
            cores: Some(4.0),
            ..Machine::default()
        };
        let wanted = Wanted { nbs: vec![96, 128], ..Wanted::default() };
        let plan = Plan::of(&[machine("pi-1"), machine("pi-2")], &wanted).unwrap();
        let text = plan.hpl_dat();
        let words: Vec<&str> = text.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
        assert_eq!(words.len(), 31);
        assert_eq!(words[5], plan.n.to_string());
        assert_eq!(
            (words[6], text.lines().nth(7).map(|line| line.starts_with("96 128 "))),
            ("2", Some(true))
        );
        assert_eq!((words[10], words[11]), ("2", "4"));
        assert_eq!(plan.hostfile(), "pi-1 slots=4\npi-2 slots=4\n");
    }
}

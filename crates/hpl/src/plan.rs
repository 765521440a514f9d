//! The order of the matrix, the blocks and the grid, each with its reason.

use crate::Blocks;

/// Bytes of a number of HPL's matrix.
const NUMBER_BYTES: f64 = 8.0;
/// The share of the memory for the matrix if nobody says: the rest is the system's, MPI's buffers and the agent's.
const MEMORY_SHARE: f64 = 0.8;
/// A trial of blocks takes a matrix of this order by the whole one: a sixty-fourth of the work.
const TRIAL: u64 = 4;

/// A node as far as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Machine {
    /// Its name, by which MPI finds it.
    pub host: String,
    /// The memory that its kernel manages, bytes.
    pub memory_bytes: Option<f64>,
    /// Its cores that are online.
    pub cores: Option<f64>,
    /// The highest clock that it may run at, Hz.
    pub max_hz: Option<f64>,
    /// As the board calls itself.
    pub model: Option<String>,
}

/// What somebody decides and does not leave to the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The share of the smallest memory that the matrix takes there, above 0 and below 1.
    pub memory_share: f64,
    /// Processes on each node; `None` is one for each core of the node that has fewest.
    pub ranks_per_node: Option<u32>,
    /// Sizes of blocks; empty is the first candidate of the processor.
    pub nbs: Vec<u32>,
    /// Whether it is a trial of these blocks on a small matrix.
    pub trial: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { memory_share: MEMORY_SHARE, ranks_per_node: None, nbs: Vec::new(), trial: false }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// No node.
    #[error("there is no node to plan for; start an agent on each")]
    NoNodes,
    /// Something has to be known of every node.
    #[error("the {what} of `{host}` is not known; its agent has to run while the plan is made")]
    Unknown {
        /// The node.
        host: String,
        /// What is missing.
        what: &'static str,
    },
    /// A number makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// What HPL is given, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The order of the matrix: whole blocks of the largest size.
    pub n: u64,
    /// The sizes of blocks, each a run of HPL by itself.
    pub nbs: Vec<u32>,
    /// Rows of the grid of processes.
    pub p: u32,
    /// Its columns, never fewer than its rows.
    pub q: u32,
    /// The nodes' names.
    pub hosts: Vec<String>,
    /// Processes on each of them.
    pub ranks_per_node: u32,
    /// A sentence for each of the choices.
    pub reasons: Vec<String>,
}

impl Plan {
    /// The plan for these nodes, which all work alike.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if there is no node, if the memory or the cores of one are not known, or if what is wanted
    /// makes no sense.
    pub fn of(machines: &[Machine], wanted: &Wanted) -> Result<Self, PlanError> {
        let Wanted { memory_share, ranks_per_node, .. } = *wanted;
        if !(memory_share > 0.0 && memory_share < 1.0) {
            return Err(PlanError::Invalid(format!(
                "a share of {memory_share} of the memory is none: give one above 0 and below 1, such as 0.8"
            )));
        }
        let (smallest, memory_bytes) = least(machines, "memory", |machine| machine.memory_bytes)?;
        let (fewest, cores) = least(machines, "number of cores", |machine| machine.cores)?;
        let ranks_per_node = ranks_per_node.unwrap_or(whole(cores));
        let nodes = u32::try_from(machines.len()).unwrap_or(u32::MAX);
        let (p, q) = grid(ranks_per_node.saturating_mul(nodes));
        let model = smallest.model.as_deref();
        let (nbs, blocks) = blocks(model, wanted)?;
        let in_matrix = memory_share * memory_bytes * f64::from(nodes);
        let largest = nbs.iter().copied().max().unwrap_or(1);
        let n = order(in_matrix, largest, wanted.trial)?;
        let mut reasons = vec![
            matrix(n, nodes, smallest, memory_bytes, wanted),
            blocks,
            format!(
                "P × Q = {p} × {q}: {} for {}, as near to a square as their number allows{}.",
                counted(p * q, "process", "processes"),
                if wanted.ranks_per_node.is_some() {
                    format!("{ranks_per_node} on each of {}", counted(nodes, "node", "nodes"))
                } else {
                    format!(
                        "the {} of `{}` on each of {}",
                        counted(ranks_per_node, "core", "cores"),
                        fewest.host,
                        counted(nodes, "node", "nodes")
                    )
                },
                flat(p, q)
            ),
        ];
        reasons.extend(uneven(machines));
        let hosts = machines.iter().map(|machine| machine.host.clone()).collect();
        Ok(Self { n, nbs, p, q, hosts, ranks_per_node, reasons })
    }

    /// The work of one factorization and solution, floating-point operations: HPL's own formula.
    pub fn flop(&self) -> f64 {
        let n = self.n as f64;
        (2.0 / 3.0 * n + 1.5) * n * n
    }
}

/// The node that has least of something, and how much.
fn least<'a>(
    machines: &'a [Machine],
    what: &'static str,
    of: impl Fn(&Machine) -> Option<f64>,
) -> Result<(&'a Machine, f64), PlanError> {
    let mut least: Option<(&Machine, f64)> = None;
    for machine in machines {
        let known = of(machine).filter(|value| value.is_finite() && *value >= 1.0);
        let value = known.ok_or_else(|| PlanError::Unknown { host: machine.host.clone(), what })?;
        if least.is_none_or(|(_, least)| value < least) {
            least = Some((machine, value));
        }
    }
    least.ok_or(PlanError::NoNodes)
}

/// The grid of so many processes that is nearest to a square, with no more rows than columns: HPL's messages go mostly
/// along rows.
fn grid(ranks: u32) -> (u32, u32) {
    let ranks = ranks.max(1);
    let p = (1..=ranks).take_while(|p| p.saturating_mul(*p) <= ranks).filter(|p| ranks % p == 0).last();
    let p = p.unwrap_or(1);
    (p, ranks / p)
}

/// What to say of a grid that is far from a square.
fn flat(p: u32, q: u32) -> String {
    if q <= 4 * p || q < 5 {
        return String::new();
    }
    let (fewer_p, fewer_q) = grid(q * p - 1);
    format!(", which is far from one: {fewer_p} × {fewer_q} with one process fewer may be faster")
}

/// The sizes of blocks, and why.
fn blocks(model: Option<&str>, wanted: &Wanted) -> Result<(Vec<u32>, String), PlanError> {
    if let Some(wrong) = wanted.nbs.iter().find(|nb| !(1..=4096).contains(*nb)) {
        return Err(PlanError::Invalid(format!(
            "blocks of {wrong} are none: 1 to 4096, and mostly 64 to 256"
        )));
    }
    let known = Blocks::of(model);
    let list = |nbs: &[u32]| nbs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Ok(match wanted.nbs.as_slice() {
        [] => {
            let (first, others) = (known.first, list(known.candidates));
            let why = format!("NB = {first}: {}. Candidates for a trial: {others}.", known.why);
            (vec![first], why)
        }
        [one] => (vec![*one], format!("NB = {one}, as it was given.")),
        several => (several.to_vec(), format!("NB = {}: each is run by itself.", list(several))),
    })
}

/// The order of a matrix of so many bytes, in whole blocks.
fn order(bytes: f64, nb: u32, trial: bool) -> Result<u64, PlanError> {
    let n = whole_u64((bytes / NUMBER_BYTES).sqrt());
    let n = if trial { n / TRIAL } else { n };
    let n = n - n % u64::from(nb);
    if n == 0 {
        return Err(PlanError::Invalid(format!("the memory does not hold one block of {nb} × {nb}")));
    }
    Ok(n)
}

fn matrix(n: u64, nodes: u32, smallest: &Machine, memory_bytes: f64, wanted: &Wanted) -> String {
    let each = NUMBER_BYTES * (n as f64).powi(2) / f64::from(nodes);
    let share = each / memory_bytes * 100.0;
    let (each, memory, host) = (gibibytes(each), gibibytes(memory_bytes), &smallest.host);
    if wanted.trial {
        return format!(
            "N = {n}: a {TRIAL}th of the order that {:.0} % of the smallest memory holds, so a {}th of the work: it is \
             there to tell blocks from each other.",
            wanted.memory_share * 100.0,
            TRIAL.pow(3)
        );
    }
    format!(
        "N = {n}: the matrix takes {each} GiB of each node, {share:.0} % of the {memory} GiB of `{host}`, which has \
         least; all nodes get the same part."
    )
}

/// Nodes that wait for a slower or smaller one.
fn uneven(machines: &[Machine]) -> Vec<String> {
    let spread = |of: fn(&Machine) -> Option<f64>| {
        let values = machines.iter().filter_map(of);
        let (low, high) = (values.clone().reduce(f64::min), values.reduce(f64::max));
        low.zip(high).filter(|(low, high)| *high > 1.05 * low)
    };
    let mut said = Vec::new();
    if let Some((low, high)) = spread(|machine| machine.max_hz) {
        said.push(format!(
            "The nodes' highest clocks differ, {:.0} to {:.0} MHz: HPL gives all the same work, so the faster ones wait.",
            low / 1e6,
            high / 1e6
        ));
    }
    if let Some((low, high)) = spread(|machine| machine.memory_bytes) {
        said.push(format!(
            "The nodes' memories differ, {} to {} GiB: what the larger have more stays unused.",
            gibibytes(low),
            gibibytes(high)
        ));
    }
    said
}

fn counted(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn gibibytes(bytes: f64) -> String {
    format!("{:.2}", bytes / f64::from(1 << 30))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1, and casts saturate")]
fn whole(value: f64) -> u32 {
    value as u32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and casts saturate"
)]
fn whole_u64(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(host: &str, gib: f64, cores: f64) -> Machine {
        Machine {
            host: host.to_owned(),
            memory_bytes: Some(gib * f64::from(1 << 30)),
            cores: Some(cores),
            max_hz: Some(1.8e9),
            model: Some("Raspberry Pi 4 Model B Rev 1.4".to_owned()),
        }
    }

    #[test]
    fn the_matrix_takes_the_stated_share_of_the_smallest_memory() {
        let machines = [machine("pi-1", 8.0, 4.0), machine("pi-2", 2.0, 4.0)];
        let plan = Plan::of(&machines, &Wanted { memory_share: 0.5, ..Wanted::default() }).unwrap();
        let bytes = 8.0 * (plan.n as f64).powi(2);
        // Half of 2 GiB on each of two nodes, less than one block.
        let room = f64::from(1 << 30) * 2.0;
        assert!(bytes <= room && 8.0 * (plan.n as f64 + 128.0).powi(2) > room, "{}", plan.n);
        assert_eq!((plan.n % 128, plan.p, plan.q), (0, 2, 4));
        assert!(plan.reasons[0].contains("of the 2.00 GiB of `pi-2`, which has least"), "{:?}", plan.reasons);
        assert!(plan.reasons[3].contains("memories differ, 2.00 to 8.00 GiB"), "{:?}", plan.reasons);
    }

    #[test]
    fn the_grid_is_near_a_square_and_says_where_it_cannot_be() {
        for (ranks, wanted) in
            [(1, (1, 1)), (2, (1, 2)), (8, (2, 4)), (16, (4, 4)), (20, (4, 5)), (7, (1, 7))]
        {
            assert_eq!(grid(ranks), wanted, "{ranks}");
        }
        let seven = Wanted { ranks_per_node: Some(7), ..Wanted::default() };
        let plan = Plan::of(&[machine("a", 1.0, 8.0)], &seven).unwrap();
        assert!(plan.reasons[2].contains("2 × 3 with one process fewer may be faster"), "{:?}", plan.reasons);
    }

    #[test]
    fn a_trial_of_blocks_is_on_a_small_matrix() {
        let machines = [machine("pi-1", 4.0, 4.0)];
        let nbs = vec![96, 128, 192];
        let trial =
            Plan::of(&machines, &Wanted { nbs: nbs.clone(), trial: true, ..Wanted::default() }).unwrap();
        let whole = Plan::of(&machines, &Wanted { nbs: vec![192], ..Wanted::default() }).unwrap();
        assert_eq!(trial.nbs, nbs);
        assert!(whole.flop() / trial.flop() > 60.0 && trial.n % 192 == 0, "{trial:?}");
    }

    #[test]
    fn what_is_not_known_is_asked_for_and_what_makes_no_sense_is_refused() {
        let error =
            |machines: &[Machine], wanted: &Wanted| Plan::of(machines, wanted).unwrap_err().to_string();
        let plain = Wanted::default();
        assert!(error(&[], &plain).starts_with("there is no node"));
        let forgetful = Machine { memory_bytes: None, ..machine("vm", 1.0, 4.0) };
        assert!(error(&[forgetful], &plain).starts_with("the memory of `vm` is not known"));
        let one = [machine("a", 1.0, 4.0)];
        for memory_share in [0.0, 1.0, f64::NAN] {
            assert!(error(&one, &Wanted { memory_share, ..Wanted::default() }).contains("is none"));
        }
        assert!(error(&one, &Wanted { nbs: vec![0], ..Wanted::default() }).contains("blocks of 0"));
        let tiny = [machine("a", 1e-4, 1.0)];
        assert!(
            error(&tiny, &Wanted { nbs: vec![4096], ..Wanted::default() })
                .contains("does not hold one block")
        );
    }
}

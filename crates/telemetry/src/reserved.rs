//! Whose word a measurement is: the one list of what not everybody may write.
//!
//! Whoever reads a store takes these for the collector's own word, or for what somebody measured on purpose. So a node
//! may write none of them, and what may is a scope of a token (`docs/api.md`).
//!
//! Invariant: every measurement of the catalogue that has no host, or that the collector says of a node, stands here.

use crate::catalogue::{
    ALERT_FAILURES, ENERGY_J, GAIN_ERROR, INGEST_BATCHES, JOULES, NODE_RETIRED, NODE_UP, RESOLUTION,
    RESULT_RATE, RUN_DOCUMENT, SERVER_CONNECTIONS, STORE_SIZE,
};

/// Who may say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// Who is trusted with runs: a scheduler, a head node, a person.
    Run,
    /// The collector, and an operator in its place.
    Collector,
}

/// The measurements that are reserved, whatever tags they have.
pub static RESERVED: [(&str, Author); 10] = [
    (RUN_DOCUMENT.measurement, Author::Run),
    (RESULT_RATE.measurement, Author::Collector),
    (ENERGY_J.measurement, Author::Collector),
    (NODE_UP.measurement, Author::Collector),
    (RESOLUTION.measurement, Author::Collector),
    (NODE_RETIRED.measurement, Author::Collector),
    (INGEST_BATCHES.measurement, Author::Collector),
    (SERVER_CONNECTIONS.measurement, Author::Collector),
    (STORE_SIZE.measurement, Author::Collector),
    (ALERT_FAILURES.measurement, Author::Collector),
];

/// The measurements that are reserved where they are of no host: then they are a meter at the wall, which the collector
/// asks itself or whose log an operator imports.
pub static RESERVED_WITHOUT_HOST: [&str; 2] = [JOULES.measurement, GAIN_ERROR.measurement];

/// Who may write this measurement, of a host or of none; `None` if it is reserved for nobody.
pub fn author(measurement: &str, has_host: bool) -> Option<Author> {
    let reserved = RESERVED.iter().find(|(name, _)| *name == measurement).map(|(_, author)| *author);
    let wall = !has_host && RESERVED_WITHOUT_HOST.contains(&measurement);
    reserved.or(wall.then_some(Author::Collector))
}

/// Whether it is the collector's own word, also where it names a host: it does not say that the node spoke.
pub fn is_collectors(measurement: &str) -> bool {
    author(measurement, true) == Some(Author::Collector)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::METRICS;

    #[test]
    fn what_the_catalogue_calls_the_collectors_own_word_or_of_no_host_is_reserved() {
        for metric in METRICS {
            let said = ["collector's own word", "of no host", "A run is", "the collector started"];
            let tags = ["collector", "run"];
            let is_of_no_node = tags.iter().any(|tag| metric.tags.contains(tag));
            if is_of_no_node || said.iter().any(|words| metric.help.contains(words)) {
                assert!(author(metric.measurement, true).is_some(), "{metric:?}");
            }
        }
    }

    #[test]
    fn a_run_is_for_who_is_trusted_with_runs_and_a_nodes_own_samples_are_for_nobody_else() {
        assert_eq!(author("run", false), Some(Author::Run));
        assert_eq!(author("result", true), Some(Author::Collector));
        assert_eq!(author("power", true), None);
        assert_eq!(author("power", false), Some(Author::Collector));
        assert_eq!(author("thermal", false), None);
        assert!(is_collectors("health") && !is_collectors("power") && !is_collectors("run"));
    }
}

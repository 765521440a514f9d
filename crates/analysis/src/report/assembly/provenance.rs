//! What the nodes themselves said of their hardware and software during a run.

use std::collections::BTreeMap;

use picollect_evaluate::Window;
use picollect_telemetry::catalogue::{
    CLOCK_OFFSET, MAX_HZ, MAX_LIMIT_HZ, MIN_LIMIT_HZ, Metric, NODE_INFO, SOFTWARE_INFO,
};

use super::Result;
use picollect_query::{AROUND_MS, latest};
use picollect_store::Store;

/// Names and values: `node pi-1 kernel`, `node pi-1 model` and the like.
pub(super) fn of_nodes(
    store: &dyn Store,
    nodes: &[String],
    window: Window,
) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for host in nodes {
        for (metric, tags) in
            [(&NODE_INFO, &["model", "serial", "version"][..]), (&SOFTWARE_INFO, SOFTWARE_INFO.tags)]
        {
            let Some((key, _)) = latest(store, host, metric, window.end_ms, AROUND_MS)? else { continue };
            for tag in tags {
                let name = if *tag == "version" { "picollect" } else { tag };
                found.extend(key.tag(tag).map(|value| (format!("node {host} {name}"), value.to_owned())));
            }
        }
        let number = |metric: &Metric| latest(store, host, metric, window.end_ms, AROUND_MS);
        for (name, clock) in
            [("highest clock", &MAX_HZ), ("clock limit", &MAX_LIMIT_HZ), ("least clock limit", &MIN_LIMIT_HZ)]
        {
            let hz = number(clock)?.map(|(_, hz)| format!("{:.0} MHz", hz.value / 1e6));
            found.extend(hz.map(|text| (format!("node {host} {name}"), text)));
        }
        if let Some((_, offset)) = number(&CLOCK_OFFSET)? {
            found.insert(format!("node {host} clock offset"), format!("{:.6} s", offset.value));
        }
    }
    Ok(found)
}

//! `picollect nodes retire`: a node that is gone is no longer shown as down.
//!
//! It is one point in the store, so it holds for every collector on that store, and nothing is deleted:
//! reports about the time in which the node ran are what they were. A node that speaks again is back.

use anyhow::anyhow;
use picollect_settings::exit::{Failure, usage};
use picollect_telemetry::catalogue::{HOST, NODE_RETIRED};
use picollect_telemetry::line::LineWriter;

use picollect_analysis::requests::NodesRequest;
use picollect_client::Source;
use picollect_evaluate::presence::Presence;
use picollect_settings::time::now_ms;

/// Retires a node. Refused for one that is not shown, and for one that is not down: it would be back with its
/// next sample.
pub(crate) fn retire(source: &Source, host: &str) -> Result<(), Failure> {
    let nodes = source.ask(&NodesRequest::default())?;
    match nodes.iter().find(|node| node.host == host) {
        None => return Err(usage(anyhow!("there is no node `{host}`; see `picollect nodes`"))),
        Some(node) if node.state != Presence::Down => {
            return Err(usage(anyhow!("`{host}` is {}; stop its agent first", node.state)));
        }
        Some(_) => {}
    }
    Ok(source.write(&line(host, now_ms()))?)
}

/// The point that says so.
pub(crate) fn line(host: &str, now_ms: i64) -> Vec<u8> {
    let mut writer = LineWriter::new(&[]);
    writer.point(now_ms, &[(HOST, host)], &[(&NODE_RETIRED, 1i64.into())]);
    writer.take().0
}

#[cfg(test)]
mod tests {
    use picollect_telemetry::line::{Precision, decode};

    use super::*;
    use picollect_analysis::nodes::observe;
    use picollect_store::Store as _;

    #[test]
    fn a_retired_node_is_not_shown_until_it_speaks_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        let say = |line: &[u8]| store.append(&decode(line, Precision::Nanoseconds, 0).points).unwrap();
        let shown = |now_ms| observe(&store, now_ms).unwrap().iter().map(|node| node.host.clone()).collect();
        // Once one of ours, which says its interval, and once a foreign one.
        say(b"agent,host=ours interval_s=1 1000000000\ncpu,host=foreign usage=1 1000000000\n");
        let shown: &dyn Fn(i64) -> Vec<String> = &shown;
        assert_eq!(shown(60_000), ["foreign", "ours"]);
        say(&line("ours", 60_000));
        assert_eq!(shown(60_001), ["foreign"]);
        say(&line("foreign", 61_000));
        assert_eq!(shown(62_000), [""; 0]);
        say(b"agent,host=ours interval_s=1 70000000000\ncpu,host=foreign usage=1 70000000000\n");
        assert_eq!(shown(71_000), ["foreign", "ours"]);
    }
}

//! The rule file for Prometheus, as Prometheus' own tool reads and tries it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::engine::installed;

#[test]
fn promtool_takes_the_rules_and_each_fires_and_ends_where_it_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/alerts");
    let mut said = String::new();
    for arguments in [["check", "rules", "prometheus.yaml"], ["test", "rules", "prometheus_test.yaml"]] {
        let mut command = Command::new(installed("promtool"));
        let output = command.args(arguments).current_dir(&folder).output().expect("promtool starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        said += &format!("$ promtool {}\n{}\n", arguments.join(" "), text.trim());
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts.md"));
    assert!(page.expect("docs/alerts.md").contains(&said), "docs/alerts.md has other words than:\n{said}");
}

//! Makes the files in `dashboards/`: what Grafana shows, how it finds it, and what it warns of.
//!
//! Names, units and meanings come from the metric catalogue, so a panel whose metric was renamed does not compile. No
//! program writes the files: `UPDATE_GOLDEN=1 cargo test -p picollect-dashboards` does, and without it the same
//! test fails where a file is not what is made here. Nobody depends on this crate; people use its files.

mod alerts;
mod colours;
mod dashboard;
mod grafana;
mod layout;
mod pages;
mod panel;
mod provisioning;
mod query;
mod throttle_state;

use grafana::Variant;
use provisioning::{INFLUXDB_UID, PROMETHEUS_UID};

/// A file below `dashboards/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path, from `dashboards/` on.
    pub path: String,
    /// Its whole text.
    pub text: String,
}

/// Every file that is made, in the order of their paths.
pub fn files() -> Vec<File> {
    let mut files = provisioning::files();
    files.extend(alerts::files());
    for dashboard in pages::all() {
        let variants = [Variant::Prometheus].into_iter().chain(dashboard.in_flux.then_some(Variant::Flux));
        for variant in variants {
            let (folder, name) = (variant.name(), dashboard.name);
            files.push(json(
                format!("grafana/{folder}/{name}.json"),
                &grafana::provisioned(&dashboard, variant),
            ));
            files.push(json(
                format!("grafana/import/{folder}-{name}.json"),
                &grafana::to_import(&dashboard, variant),
            ));
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

fn json(path: String, value: &serde_json::Value) -> File {
    File { path, text: format!("{value:#}\n") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{env, fs};

    use super::files;

    #[test]
    fn the_files_are_what_is_made_here() {
        for file in files() {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file.path);
            if env::var_os("UPDATE_GOLDEN").is_some() {
                fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is writable");
                fs::write(&path, &file.text).expect("the file is writable");
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let remedy = "run UPDATE_GOLDEN=1 cargo test -p picollect-dashboards";
            assert!(text == file.text, "dashboards/{} is not what is made: {remedy}", file.path);
        }
    }
}

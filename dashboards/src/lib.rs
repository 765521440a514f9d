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
mod page;
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
    /// What the file has to hold, byte by byte.
    pub text: String,
}

/// Every file that is made, in the order of their paths.
pub fn files() -> Vec<File> {
    let mut files = provisioning::files();
    files.extend(alerts::files());
    let dashboards = pages::all();
    let documentation = |name: &str, text: String| File { path: format!("../docs/{name}"), text };
    files.push(documentation("dashboards-layout.html", page::layouts(&dashboards)));
    files.push(documentation("dashboards-panels.md", page::table(&dashboards)));
    for dashboard in &dashboards {
        let variants = [Variant::Prometheus].into_iter().chain(dashboard.in_flux.then_some(Variant::Flux));
        for variant in variants {
            let (folder, name) = (variant.name(), dashboard.name);
            files.push(json(
                format!("grafana/{folder}/{name}.json"),
                &grafana::provisioned(dashboard, variant),
            ));
            files.push(json(
                format!("grafana/import/{folder}-{name}.json"),
                &grafana::to_import(dashboard, variant),
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
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    use super::grafana::Variant;
    use super::layout::{COLUMNS, places};
    use super::{File, files, pages};

    #[test]
    fn no_file_is_left_of_a_dashboard_that_is_no_longer_made() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let made: BTreeSet<PathBuf> = files().iter().map(|file| root.join(&file.path)).collect();
        let mut waiting = vec![root.join("grafana")];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    assert!(made.contains(&path), "{} is not made here", path.display());
                }
            }
        }
    }

    #[test]
    fn panels_do_not_overlap_and_do_not_leave_the_grid() {
        for dashboard in pages::all() {
            for variant in [Variant::Prometheus, Variant::Flux] {
                let places = places(&variant.panels(&dashboard));
                let mut taken = BTreeSet::new();
                for place in places {
                    assert!(place.w > 0 && place.h > 0 && place.x + place.w <= COLUMNS, "{place:?}");
                    for x in place.x..place.x + place.w {
                        for y in place.y..place.y + place.h {
                            assert!(taken.insert((x, y)), "{}: {place:?} lies on another", dashboard.title);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_title_is_there_once_on_its_dashboard_and_short_enough_for_its_panel() {
        for dashboard in pages::all() {
            let titles: BTreeSet<_> = dashboard.panels.iter().map(|panel| panel.title).collect();
            assert_eq!(titles.len(), dashboard.panels.len(), "{}", dashboard.title);
            for panel in &dashboard.panels {
                // A column is about 50 pixels on a small screen, a letter of a title 8.
                let columns = usize::try_from(panel.size.0).expect("at most 24");
                assert!(panel.title.len() * 8 < columns * 50, "{}", panel.title);
            }
        }
    }

    #[test]
    fn a_file_to_import_names_its_data_source_and_a_provisioned_one_has_it() {
        for File { path, text } in files() {
            let is_input = text.contains("${DS_PICOLLECT}");
            assert_eq!(is_input, path.starts_with("grafana/import/"), "{path}");
            assert_eq!(is_input, text.contains("__inputs"), "{path}");
        }
    }

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

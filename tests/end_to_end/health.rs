//! What the pages of health say while something is wrong with the collector itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::{Collector, eventually};

/// The status of a page, and what stands there.
fn page(collector: &Collector, path: &str) -> (u16, String) {
    let request = ureq::get(format!("{}{path}", collector.url)).config().http_status_as_error(false).build();
    let mut answer = request.call().expect("an answer");
    (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
}

fn statuses(collector: &Collector) -> [u16; 4] {
    ["/healthz", "/-/ready", "/health", "/-/healthy"].map(|path| page(collector, path).0)
}

#[test]
fn health_is_red_while_the_data_directory_is_gone_and_names_no_path() {
    let collector = Collector::start();
    assert_eq!(statuses(&collector), [200; 4]);
    assert_eq!(page(&collector, "/-/healthy").1, "picollect is healthy.\n");
    assert_eq!(page(&collector, "/-/ready").1, "picollect is ready.\n");
    let aside = collector.data().with_extension("aside");
    fs::rename(collector.data(), &aside).expect("it can be renamed");
    assert_eq!(statuses(&collector), [503, 503, 503, 200], "the process itself lives");
    for path in ["/healthz", "/-/ready", "/health"] {
        let (_, said) = page(&collector, path);
        assert!(said.contains("directory is gone") && !said.contains(collector.data_text()), "{said}");
    }
    fs::rename(&aside, collector.data()).expect("it can be renamed");
    eventually("it is well again", || statuses(&collector) == [200; 4]);
}

/// A collector whose data directory is a file system of this size in memory, in a name space of its own. Needs no root.
fn in_memory(size: &str) -> Collector {
    let picollect = env!("CARGO_BIN_EXE_picollect");
    Collector::start_by(|listen, data| {
        let mut command = Command::new("unshare");
        let script =
            "mount -t tmpfs -o size=$1 none \"$2\" && exec \"$3\" serve --data \"$2\" --listen \"$4\"";
        command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh", size, data, picollect, listen]);
        command
    })
}

#[test]
fn health_is_red_while_the_disk_is_full() {
    assert_eq!(statuses(&in_memory("64m")), [200; 4]);
    let full = in_memory("3m");
    assert_eq!(statuses(&full), [503, 503, 503, 200]);
    let (_, said) = page(&full, "/-/ready");
    assert!(said.starts_with("picollect is not ready: ") && said.contains("the disk is full"), "{said}");
    assert!(Path::new(full.data()).exists());
}

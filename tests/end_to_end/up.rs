//! `picollect up`: collector and agent of this machine, for real use.

use std::process::Stdio;

use serde_json::Value;

use crate::process::{Process, eventually, picollect, run};

fn nodes(data: &str) -> Vec<Value> {
    let output = run(&["nodes", "--json", "--data", data]);
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[test]
fn up_shows_this_machine_and_ends_with_its_agent() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("picollect");
    let data = data.to_str().unwrap();
    let mut command = picollect(&["up", "--listen", "127.0.0.1:0"]);
    command.env("XDG_DATA_HOME", directory.path()).stdout(Stdio::null());
    let up = Process::start(command);
    eventually("this machine is up", || nodes(data).iter().any(|node| node["state"] == "up"));
    let node = &nodes(data)[0];
    assert_eq!(node["simulated"], false);
    assert_eq!(up.terminate(), Some(0));
    eventually("its agent has stopped", || nodes(data).iter().any(|node| node["state"] == "late"));

    // The second start finds its token and its data; it encrypts, and its agent knows by whom.
    let mut command = picollect(&["up", "--listen", "127.0.0.1:0", "--tls-own"]);
    command.env("XDG_DATA_HOME", directory.path()).stdout(Stdio::null());
    let again = Process::start(command);
    eventually("this machine is up again", || nodes(data).iter().any(|node| node["state"] == "up"));
    assert_eq!(again.terminate(), Some(0));
}

//! Whether the files below the root are the host's or a container's own.
//!
//! A container has a process namespace of its own, and the kernel's first one has a number that never changes
//! (`PROC_PID_INIT_INO`, user_namespaces(7) and `include/linux/proc_ns.h`). Where the host's `proc` is mounted below
//! the root, it names this process by its number there and by its own (`NSpid`, proc_pid_status(5)); its `net` is
//! still this process' own, so the host's is that of its first process.
//!
//! A container that shares the host's processes cannot be told from the host, and is taken for it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::attr::Root;

/// How the first process namespace of a kernel is called.
const FIRST: &str = "pid:[4026531836]";

/// What of the host a container's agent sees in place of the host's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// `proc` below the root is the host's: its network, and the numbers of its processes.
    pub host_proc: bool,
    /// `sys` below the root shows the interfaces of the host's network; `None` if nothing tells.
    pub host_sys: Option<bool>,
    /// The root is a file system of its own, such as a mount of the host's, and not the container's image.
    pub host_files: bool,
}

impl Container {
    /// `None` on a host, and where `proc` does not say.
    pub fn around(root: &Root) -> Option<Self> {
        let namespace = fs::read_link(root.directory().join("proc/self/ns/pid")).ok()?;
        if namespace == Path::new(FIRST) {
            return None;
        }
        let host_proc = has_hosts_proc(root);
        Some(Self {
            host_proc,
            host_sys: host_proc.then(|| has_hosts_interfaces(root)).flatten(),
            host_files: device(root.directory()) != device(Path::new("/")),
        })
    }
}

/// The file of the counters of the network's interfaces, from the root: the host's, where its `proc` is mounted.
pub fn interfaces(root: &Root) -> &'static str {
    if has_hosts_proc(root) { "proc/1/net/dev" } else { "proc/net/dev" }
}

/// This process has several numbers there: one in each namespace from that of the mount on.
fn has_hosts_proc(root: &Root) -> bool {
    let status = root.text("proc/self/status").unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| numbers.split_whitespace().count() > 1)
}

/// Both list the same interfaces; a host of containers has more than any container of its own.
fn has_hosts_interfaces(root: &Root) -> Option<bool> {
    let text = root.text("proc/1/net/dev")?;
    let mut counted: Vec<_> = text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    let mut listed = root.names("sys/class/net", "");
    // The bonding driver's switch is a file there and no interface.
    listed.retain(|name| name != "bonding_masters");
    counted.sort_unstable();
    listed.sort_unstable();
    Some(counted == listed)
}

fn device(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.dev())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::fixtures::{tree, write};

    const DEV: &str = "Inter-| Receive\n face |bytes\n    lo: 0 0\n  eth0: 1 2\n";

    #[test]
    fn a_host_is_no_container_and_what_does_not_say_is_none_either() {
        let (dir, root) = tree(&[("proc/self/status", "NSpid:\t7\n")]);
        assert_eq!(Container::around(&root), None);
        fs::create_dir_all(dir.path().join("proc/self/ns")).unwrap();
        symlink(FIRST, dir.path().join("proc/self/ns/pid")).unwrap();
        assert_eq!(Container::around(&root), None);
        assert_eq!(interfaces(&root), "proc/net/dev");
    }

    #[test]
    fn a_container_is_told_by_its_processes_and_the_hosts_files_by_theirs() {
        let (dir, root) = tree(&[("proc/self/status", "Name:\tx\nNSpid:\t7\n")]);
        fs::create_dir_all(dir.path().join("proc/self/ns")).unwrap();
        symlink("pid:[4026532500]", dir.path().join("proc/self/ns/pid")).unwrap();
        let own = Container::around(&root).unwrap();
        assert_eq!((own.host_proc, own.host_sys), (false, None));

        write(dir.path(), "proc/self/status", "Name:\tx\nNSpid:\t4711\t7\n");
        write(dir.path(), "proc/1/net/dev", DEV);
        for interface in ["lo", "eth0"] {
            fs::create_dir_all(dir.path().join("sys/class/net").join(interface)).unwrap();
        }
        let host = Container::around(&root).unwrap();
        assert_eq!((host.host_proc, host.host_sys), (true, Some(true)));
        assert_eq!(interfaces(&root), "proc/1/net/dev");

        write(dir.path(), "proc/1/net/dev", &format!("{DEV}  veth1: 1 2\n"));
        assert_eq!(Container::around(&root).unwrap().host_sys, Some(false), "another network's");
    }
}

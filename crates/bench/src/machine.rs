//! What a benchmark has to know of the machine: memory, last-level caches, cores, and its place among the
//! processes that run at the same time.
//!
//! Below `root` it reads `proc/meminfo` and `sys/devices/system/cpu`
//! (<https://docs.kernel.org/filesystems/proc.html>, `Documentation/ABI/testing/sysfs-devices-system-cpu`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// Processors that are looked at for their caches; no board has as many.
const MAX_CPUS: usize = 4096;

/// Bytes that programs can get without swapping, as the kernel estimates it.
pub fn available_bytes(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Bytes of all caches of the last level together; `None` where the kernel does not list them, as on many
/// boards.
pub fn last_level_cache_bytes(root: &Path) -> Option<u64> {
    // Cores that share a cache list the same cores.
    let mut caches = BTreeMap::new();
    for cpu in 0..MAX_CPUS {
        let path = root.join(format!("sys/devices/system/cpu/cpu{cpu}"));
        if !path.is_dir() {
            break;
        }
        let last = cache_directories(&path).max_by_key(|cache| number(&cache.join("level")))?;
        let shared_by = fs::read_to_string(last.join("shared_cpu_list")).ok()?;
        caches.insert(shared_by, kib(&fs::read_to_string(last.join("size")).ok()?)?);
    }
    let sum: u64 = caches.values().sum();
    (sum > 0).then_some(sum)
}

fn cache_directories(cpu: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(cpu.join("cache")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.join("size").is_file())
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Reads `32768K` as bytes.
fn kib(text: &str) -> Option<u64> {
    text.trim().strip_suffix('K')?.parse::<u64>().ok()?.checked_mul(1024)
}

/// One process among those that were started together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rank {
    /// The machine's host name.
    pub host: String,
    /// Which of the processes it is, from 1.
    pub process: usize,
    /// How many there are.
    pub of: usize,
    /// How many of them are on this machine.
    pub here: usize,
}

/// Rank, number of processes, number on the same machine: Open MPI's names, those of MPICH's Hydra, and
/// Slurm's for the tasks of a step, which does not give the last one as a number.
const LAUNCHERS: [[&str; 3]; 3] = [
    ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"],
    ["PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"],
    ["SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS_PER_NODE"],
];

impl Rank {
    /// From what the launcher told this process; alone if nothing did, or nothing that makes sense.
    pub fn of(host: String, environment: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| environment(name)?.trim().parse::<usize>().ok();
        for [rank, size, local] in LAUNCHERS {
            if let (Some(rank), Some(of)) = (number(rank), number(size))
                && rank < of
            {
                let here = number(local).unwrap_or(1).clamp(1, of);
                return Self { host, process: rank + 1, of, here };
            }
        }
        Self { host, process: 1, of: 1, here: 1 }
    }

    /// The threads that are this process' own: the cores it is bound to, or, unbound, its part of the
    /// machine's. At least one.
    pub fn threads(&self, root: &Path) -> usize {
        let usable = thread::available_parallelism().map_or(1, usize::from);
        let bound = online_cores(root).is_some_and(|online| usable < online);
        if bound { usable } else { (usable / self.here).max(1) }
    }
}

/// Cores that are switched on, from a list such as `0-2,4`.
fn online_cores(root: &Path) -> Option<usize> {
    let text = fs::read_to_string(root.join("sys/devices/system/cpu/online")).ok()?;
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some(last.checked_sub(first)? + 1)
    };
    text.trim().split(',').map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_cache_that_cores_share_counts_once_and_lower_levels_do_not_count() {
        let cpu =
            |cpu: &str, index: &str, file: &str| format!("sys/devices/system/cpu/{cpu}/cache/{index}/{file}");
        let mut files = Vec::new();
        for (name, shared) in [("cpu0", "0-1\n"), ("cpu1", "0-1\n"), ("cpu2", "2\n")] {
            for (index, level, size) in [("index0", "1\n", "32K\n"), ("index2", "2\n", "1024K\n")] {
                files.push((cpu(name, index, "level"), level));
                files.push((cpu(name, index, "size"), size));
                files.push((cpu(name, index, "shared_cpu_list"), shared));
            }
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        assert_eq!(last_level_cache_bytes(machine(&files).path()), Some(2 << 20));
        assert_eq!(last_level_cache_bytes(machine(&[]).path()), None);
    }

    #[test]
    fn memory_and_cores_are_what_the_kernel_says() {
        let root = machine(&[
            ("proc/meminfo", "MemTotal:  3884496 kB\nMemAvailable:    1000 kB\n"),
            ("sys/devices/system/cpu/online", "0-2,4\n"),
        ]);
        assert_eq!(available_bytes(root.path()), Some(1_024_000));
        assert_eq!(online_cores(root.path()), Some(4));
        assert_eq!((available_bytes(machine(&[]).path()), online_cores(machine(&[]).path())), (None, None));
    }

    #[test]
    fn each_launcher_tells_a_process_its_place_and_nonsense_is_ignored() {
        let place = |told: &[(&str, &str)]| {
            let told: BTreeMap<_, _> = told.iter().copied().collect();
            let place = Rank::of("pi-1".into(), |name| told.get(name).map(ToString::to_string));
            (place.process, place.of, place.here)
        };
        let open_mpi = [
            ("OMPI_COMM_WORLD_RANK", "2"),
            ("OMPI_COMM_WORLD_SIZE", "4"),
            ("OMPI_COMM_WORLD_LOCAL_SIZE", "2"),
        ];
        assert_eq!(place(&open_mpi), (3, 4, 2));
        assert_eq!(place(&[("PMI_RANK", "0"), ("PMI_SIZE", "8")]), (1, 8, 1));
        assert_eq!(place(&[("SLURM_PROCID", "1"), ("SLURM_STEP_NUM_TASKS", "2")]), (2, 2, 1));
        assert_eq!(place(&[("SLURM_PROCID", "0")]), (1, 1, 1));
        assert_eq!(place(&[("PMI_RANK", "9"), ("PMI_SIZE", "8")]), (1, 1, 1));
        assert_eq!(place(&[]), (1, 1, 1));
    }

    #[test]
    fn processes_on_one_machine_share_its_cores_unless_they_are_bound() {
        let usable = thread::available_parallelism().map_or(1, usize::from);
        let place = Rank { host: "pi-1".into(), process: 1, of: 8, here: usable };
        assert_eq!(place.threads(machine(&[]).path()), 1);
        let bound = machine(&[("sys/devices/system/cpu/online", "0-4095")]);
        assert_eq!(place.threads(bound.path()), usable);
    }
}

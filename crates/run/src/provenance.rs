//! What one has to know of the machine that starts a command to do the run again. What one has to know of
//! the nodes is in the store already.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use picollect_settings::hex;
use sha2::{Digest as _, Sha256};

/// Variables that change what parallel programs and their libraries do.
const ENVIRONMENT: [&str; 9] =
    ["BLIS_", "GOMP_", "KMP_", "LD_LIBRARY_PATH", "LD_PRELOAD", "MKL_", "OMPI_", "OMP_", "OPENBLAS_"];
/// Benchmarks that read their parameters from a file of a fixed name in the working directory.
const INPUTS: [&str; 3] = ["HPL.dat", "hpccinf.txt", "hpcg.dat"];
/// An input that is longer is known by its hash only.
const MAX_INPUT_BYTES: usize = 4096;
/// Variables that are longer, or more of them, are cut: a run's document has to stay small.
const MAX_VALUE_BYTES: usize = 512;
const MAX_VARIABLES: usize = 60;
/// Programs of a command line that are hashed.
const MAX_PROGRAMS: usize = 8;
const HASH_BUFFER_BYTES: usize = 64 * 1024;

/// Names and values: `environment OMP_NUM_THREADS`, `program /usr/bin/xhpl`, and of an input each line by its
/// number, `input HPL.dat:06`, so that two runs can be told apart by them.
pub(super) fn collect(
    command: &[String],
    environment: impl Iterator<Item = (String, String)>,
    directory: &Path,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut say = |kind: &str, name: &str, value: String| {
        found.insert(format!("{kind} {name}").trim_end().to_owned(), value)
    };
    say("picollect", "", env!("CARGO_PKG_VERSION").to_owned());
    if !directory.as_os_str().is_empty() {
        say("directory", "", directory.display().to_string());
    }
    let uname = rustix::system::uname();
    say("kernel of", &uname.nodename().to_string_lossy(), uname.release().to_string_lossy().into_owned());
    let matters = |(name, _): &(String, String)| ENVIRONMENT.iter().any(|prefix| name.starts_with(prefix));
    for (name, value) in environment.filter(matters).take(MAX_VARIABLES) {
        say("environment", &name, clip(&value));
    }
    for program in programs(command, directory) {
        let hash = hash(&program).unwrap_or_else(|error| format!("not readable: {error}"));
        say("program", &program.to_string_lossy(), hash);
    }
    for name in INPUTS {
        if let Ok(bytes) = fs::read(directory.join(name)) {
            say("hash of input", name, format!("sha256:{}", hex(&Sha256::digest(&bytes))));
            let text =
                if bytes.len() <= MAX_INPUT_BYTES { String::from_utf8_lossy(&bytes) } else { Cow::default() };
            for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
                let words: Vec<&str> = line.split_whitespace().collect();
                say("input", &format!("{name}:{number:02}"), words.join(" "));
            }
        }
    }
    found
}

/// The programs that a command line names, itself first: `mpirun` and `xhpl` in `mpirun -np 4 ./xhpl`.
pub(super) fn programs(command: &[String], directory: &Path) -> Vec<PathBuf> {
    let words = command.iter().enumerate().filter(|(at, word)| *at == 0 || !word.starts_with('-'));
    let mut found: Vec<PathBuf> = Vec::new();
    for program in words.filter_map(|(_, word)| program(word, directory)) {
        if found.len() < MAX_PROGRAMS && !found.contains(&program) {
            found.push(program);
        }
    }
    found
}

fn program(word: &str, directory: &Path) -> Option<PathBuf> {
    let executable = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if word.contains('/') {
        return Some(directory.join(word)).filter(executable);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(word)).find(executable)
}

fn hash(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("sha256:{}", hex(&hasher.finalize()))),
            read => hasher.update(&buffer[..read]),
        }
    }
}

fn clip(value: &str) -> String {
    let end = (0..=MAX_VALUE_BYTES.min(value.len())).rev().find(|at| value.is_char_boundary(*at));
    value[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_inputs_and_what_matters_of_the_environment_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("xhpl");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(directory.path().join("HPL.dat"), "HPLinpack benchmark input file\n\n1000 \t Ns\n")
            .unwrap();
        let command = ["sh", "-c", "2", "./xhpl", "missing", "-sh"].map(ToOwned::to_owned);
        let environment = [("OMP_NUM_THREADS", "4"), ("SECRET", "x"), ("OMPI_LONG", &"ä".repeat(400))];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found = collect(&command, environment.into_iter(), directory.path());

        assert_eq!(found["environment OMP_NUM_THREADS"], "4");
        assert_eq!(found["environment OMPI_LONG"].len(), MAX_VALUE_BYTES);
        assert!(!found.keys().any(|name| name.contains("SECRET")));
        assert_eq!(found["input HPL.dat:01"], "HPLinpack benchmark input file");
        assert_eq!(found["input HPL.dat:03"], "1000 Ns");
        assert!(!found.contains_key("input HPL.dat:02"));
        let programs: Vec<_> = found.keys().filter(|name| name.starts_with("program ")).collect();
        assert_eq!(programs.len(), 2, "{programs:?}");
        // sha256sum of the ten bytes.
        let path = format!("program {}", directory.path().join("./xhpl").display());
        assert!(found[&path].starts_with("sha256:"), "{found:?}");
    }
}

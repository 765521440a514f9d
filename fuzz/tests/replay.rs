//! Each target holds for its seeds, for what libFuzzer has found in this checkout, and for mutations of both, at random
//! and without looking at what they reach: `cargo fuzz` does that.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

/// The longest input, in bytes, as libFuzzer is told too.
const MAX_INPUT: usize = 4096;
/// Bytes that parsers branch at.
const TELLING: &[u8] = b"\0\t\n\r \"#'(),-./0179:;<=>[\\]e{|}~\x7f\x80\xfe\xff";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Where `./test fuzz` keeps what libFuzzer finds.
fn found() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder("../target"), PathBuf::from);
    target.join("fuzz/corpus")
}

/// The files of a folder in order; none where there is no folder.
fn inputs(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a file")).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[derive(Clone, Debug)]
enum Mutation {
    Bit(Index, u8),
    Byte(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
    Cut(Index),
    /// What stands there in another input.
    Splice(Index, Vec<u8>),
}

impl Mutation {
    fn any(seeds: &[Vec<u8>]) -> impl Strategy<Value = Self> + use<> {
        let byte = || prop_oneof![select(TELLING), any::<u8>()];
        prop_oneof![
            (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Self::Bit(at, bit)),
            (any::<Index>(), byte()).prop_map(|(at, byte)| Self::Byte(at, byte)),
            (any::<Index>(), vec(byte(), 1..9)).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            any::<(Index, Index)>().prop_map(|(from, to)| Self::Remove(from, to)),
            any::<(Index, Index)>().prop_map(|(from, to)| Self::Repeat(from, to)),
            any::<Index>().prop_map(Self::Cut),
            (any::<Index>(), select(seeds.to_vec())).prop_map(|(at, other)| Self::Splice(at, other)),
        ]
    }

    fn apply(&self, input: &mut Vec<u8>) {
        let place = |at: &Index| at.index(input.len() + 1);
        let range = |a: &Index, b: &Index| -> Range<usize> {
            let (a, b) = (place(a), place(b));
            a.min(b)..a.max(b)
        };
        match self {
            Self::Bit(at, bit) => {
                let at = place(at);
                input.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << bit);
            }
            Self::Byte(at, value) => {
                let at = place(at);
                input.get_mut(at).into_iter().for_each(|byte| *byte = *value);
            }
            Self::Insert(at, bytes) => {
                let at = place(at);
                input.splice(at..at, bytes.iter().copied());
            }
            Self::Remove(from, to) => {
                input.drain(range(from, to));
            }
            Self::Repeat(from, to) => {
                let range = range(from, to);
                let piece = input[range.clone()].to_vec();
                input.splice(range.end..range.end, piece);
            }
            Self::Cut(at) => input.truncate(place(at)),
            Self::Splice(at, other) => {
                let at = place(at);
                input.truncate(at);
                input.extend(other.iter().skip(at));
            }
        }
        input.truncate(MAX_INPUT);
    }
}

fn holds(name: &str, target: fn(&[u8])) {
    let mut seeds = inputs(&folder("seeds").join(name));
    assert!(!seeds.is_empty(), "fuzz/seeds/{name} has no input");
    seeds.extend(inputs(&found().join(name)));
    for seed in &mut seeds {
        target(seed);
        seed.truncate(MAX_INPUT);
    }
    let mutated =
        (select(seeds.clone()), vec(Mutation::any(&seeds), 1..6)).prop_map(|(mut input, mutations)| {
            for mutation in mutations {
                mutation.apply(&mut input);
            }
            input
        });
    // What fails is printed, to be kept as a seed: a file of random states would say nothing to anybody.
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&mutated, |input| {
            target(&input);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{name}: {error}"));
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                holds(stringify!($name), picollect_fuzz::$name::run);
            }
        )*

        #[test]
        fn each_target_has_a_program_and_seeds_and_is_replayed() {
            let targets: BTreeSet<String> = [$(stringify!($name)),*].map(str::to_owned).into();
            assert_eq!(names(&folder("fuzz_targets")), targets);
            assert_eq!(names(&folder("seeds")), targets);
        }
    };
}

targets! {
    agent_answer,
    alerts_file,
    benchmark_output,
    chunk,
    csv_import,
    flux_answer,
    http_parameters,
    i2c_chip,
    journal,
    line_protocol,
    mailbox,
    pmic,
    price_series,
    prometheus_answer,
    promql,
    run_document,
    settings_toml,
    spool,
    sysfs,
    tokens_file,
    wall_device,
    wall_log,
}

//! Request bodies as the decoder reads them, beside what InfluxDB's own parser makes of them: the same points, but for
//! the deliberate differences that `docs/api.md` names.
//!
//! `PICOLLECT_LINE_BODIES=100000 PICOLLECT_LINE_SEED=7 cargo test --test picollect line_oracle -- --nocapture` tries more
//! bodies, or others.

mod bodies;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufReader, Write as _};
use std::process::{Command, Stdio};
use std::thread;

use bodies::Bodies;
use picollect_telemetry::Value;
use picollect_telemetry::line::{Batch, Point, Precision, decode};

use crate::engine::installed;

/// How many bodies `./test` tries.
const BODIES: u64 = 10_000;
const SEED: u64 = 20_261_130;
/// The time of points that have none.
const NO_TIME_MS: i64 = 7000;
const PRECISIONS: [(u8, Precision); 4] = [
    (b'n', Precision::Nanoseconds),
    (b'u', Precision::Microseconds),
    (b'm', Precision::Milliseconds),
    (b's', Precision::Seconds),
];

/// What is to be told apart of a point, in a form that can be sorted.
type Shown = String;

/// What a body says to one of the two.
#[derive(Debug, Default)]
struct Said {
    points: Vec<Shown>,
    refuses: bool,
}

/// A deliberate difference: its row in `docs/api.md`, which of the two may have points that the other has not, and where
/// it can show itself.
struct Difference {
    row: &'static str,
    only_ours: bool,
    only_influxdb: bool,
    shows: fn(&[u8], &Batch) -> bool,
}

const DIFFERENCES: [Difference; 11] = [
    Difference {
        row: "carriage return",
        only_ours: true,
        only_influxdb: true,
        shows: |body, _| {
            let end = |line: &[u8]| {
                line.iter().rev().take_while(|byte| b"\r ".contains(byte)).any(|byte| *byte == b'\r')
            };
            lines(body).any(end)
        },
    },
    Difference {
        row: "after a quote",
        only_ours: true,
        only_influxdb: true,
        shows: |_, batch| refused(batch, "something follows the closing quote"),
    },
    Difference {
        row: "field `time`",
        only_ours: false,
        only_influxdb: true,
        shows: |_, batch| refused(batch, "this field key is reserved"),
    },
    Difference {
        row: "escaped line feed",
        only_ours: true,
        only_influxdb: true,
        shows: |body, _| body.windows(2).any(|two| two == b"\\\n"),
    },
    Difference {
        row: "escaped equals sign or quote",
        only_ours: true,
        only_influxdb: true,
        shows: |_, batch| {
            batch
                .points
                .iter()
                .any(|point| point.measurement.contains("\\=") || point.measurement.contains("\\\""))
        },
    },
    Difference {
        row: "UTF-8",
        only_ours: false,
        only_influxdb: true,
        shows: |_, batch| refused(batch, "not UTF-8"),
    },
    Difference {
        row: "bounds",
        only_ours: false,
        only_influxdb: true,
        shows: |_, batch| {
            [
                "more than 32 tags",
                "more than 256 fields",
                "name is longer than 512 bytes",
                "line is longer than 64 KiB",
            ]
            .iter()
            .any(|reason| refused(batch, reason))
        },
    },
    Difference {
        row: "byte order mark",
        only_ours: true,
        only_influxdb: true,
        shows: |body, _| {
            lines(body).any(|line| line.windows(3).take(4).any(|three| three == BYTE_ORDER_MARK))
        },
    },
    // InfluxDB looks for quotes behind the first space, also where that stands before the line.
    Difference {
        row: "quote left open",
        only_ours: true,
        only_influxdb: true,
        shows: |body, batch| {
            lines(body).any(|line| line.contains(&b'"') && begins_with_space(line))
                || batch
                    .errors
                    .iter()
                    .any(|error| lines(body).nth(error.line - 1).is_some_and(|line| line.contains(&b'"')))
        },
    },
    Difference {
        row: "quote in a comment",
        only_ours: true,
        only_influxdb: true,
        shows: |body, _| {
            lines(body).any(|line| line.trim_ascii_start().starts_with(b"#") && line.contains(&b'"'))
        },
    },
    Difference {
        row: "field without a name",
        only_ours: false,
        only_influxdb: true,
        shows: |_, batch| {
            refused(batch, "field is missing") || refused(batch, "backslash at the end of a field key")
        },
    },
];

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|&byte| byte == b'\n')
}

fn begins_with_space(line: &[u8]) -> bool {
    line.iter().take_while(|byte| b" \t\0".contains(byte)).any(|byte| *byte == b' ')
}

fn refused(batch: &Batch, reason: &str) -> bool {
    batch.errors.iter().any(|error| error.reason == reason)
}

#[test]
fn generated_bodies_are_read_as_influxdb_reads_them_or_differ_as_documented() {
    let number = |name: &str, default| {
        env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let (count, seed) = (number("PICOLLECT_LINE_BODIES", BODIES), number("PICOLLECT_LINE_SEED", SEED));
    println!("{count} bodies of seed {seed}");
    let bodies: Vec<_> = Bodies::new(seed).take(usize::try_from(count).unwrap()).collect();
    let document = include_str!("../../docs/api.md");
    let mut tally = Tally::default();
    for ((precision, body), there) in bodies.iter().zip(there(&bodies)) {
        let batch = decode(body, PRECISIONS[*precision].1, NO_TIME_MS);
        let here =
            Said { points: batch.points.iter().map(shown).collect(), refuses: !batch.errors.is_empty() };
        tally.compare(*precision, body, &batch, &here, &there);
    }
    println!(
        "{} points and {} bad bodies alike; differences: {:#?}",
        tally.points, tally.refusing, tally.differ
    );
    assert!(
        tally.wrong.is_empty(),
        "{} of {count}:\n{}",
        tally.wrong.len(),
        tally.wrong[..tally.wrong.len().min(20)].join("\n")
    );
    for row in tally.differ.keys() {
        assert!(document.contains(&format!("| {row} |")), "no row `{row}` in docs/api.md");
    }
    assert!(tally.points > bodies.len(), "the bodies say something: {}", tally.points);
    assert!(tally.refusing > bodies.len() / 10, "some bodies are bad: {}", tally.refusing);
}

#[derive(Default)]
struct Tally {
    /// Points that both read.
    points: usize,
    /// Bodies of which both refuse something.
    refusing: usize,
    /// Bodies by the differences that they show.
    differ: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

impl Tally {
    fn compare(&mut self, precision: usize, body: &[u8], batch: &Batch, here: &Said, there: &Said) {
        let (only_ours, only_influxdb) =
            (missing(&there.points, &here.points), missing(&here.points, &there.points));
        self.points += here.points.len() - only_ours.len();
        self.refusing += usize::from(here.refuses && there.refuses);
        if only_ours.is_empty() && only_influxdb.is_empty() && here.refuses == there.refuses {
            return;
        }
        let shown: Vec<_> = DIFFERENCES.iter().filter(|difference| (difference.shows)(body, batch)).collect();
        let explained = (only_ours.is_empty() || shown.iter().any(|difference| difference.only_ours))
            && (only_influxdb.is_empty() || shown.iter().any(|difference| difference.only_influxdb))
            && !shown.is_empty();
        if explained {
            let rows: BTreeSet<_> = shown.iter().map(|difference| difference.row).collect();
            for row in rows {
                *self.differ.entry(row).or_default() += 1;
            }
            return;
        }
        self.wrong.push(format!(
            "precision {precision}: {}\n  only here: {}\n  only InfluxDB: {}\n  refused here: {:?}, InfluxDB: {}",
            cut(&String::from_utf8_lossy(body)), cut(&only_ours), cut(&only_influxdb), batch.errors, there.refuses
        ));
    }
}

/// Enough of it to see what it is.
fn cut(what: &(impl std::fmt::Debug + ?Sized)) -> String {
    format!("{what:?}").chars().take(400).collect()
}

/// What of `all` is not in `known`, as often as it is not.
fn missing(known: &[Shown], all: &[Shown]) -> Vec<Shown> {
    let mut known = known.to_vec();
    let mut missing = Vec::new();
    for one in all {
        match known.iter().position(|other| other == one) {
            Some(at) => drop(known.swap_remove(at)),
            None => missing.push(one.clone()),
        }
    }
    missing
}

fn shown(point: &Point) -> Shown {
    let mut text = format!("{} {:?}", point.t_ms, point.measurement);
    for (key, value) in &point.tags {
        text += &format!(" tag {key:?}={value:?}");
    }
    for (key, value) in &point.fields {
        text += &format!(" field {key:?}={value:?}");
    }
    text
}

/// What InfluxDB's parser makes of the bodies.
fn there(bodies: &[(usize, Vec<u8>)]) -> Vec<Said> {
    let mut command = Command::new(installed("influxdb-lines"));
    let mut parser = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let (mut input, output) = (parser.stdin.take().expect("piped"), parser.stdout.take().expect("piped"));
    let all = thread::scope(|scope| {
        scope.spawn(move || {
            for (precision, body) in bodies {
                let length = u32::try_from(body.len()).expect("short").to_le_bytes();
                let frame = [&[PRECISIONS[*precision].0], &length[..], body].concat();
                input.write_all(&frame).expect("it reads");
            }
        });
        read(BufReader::new(output))
    });
    assert!(parser.wait().expect("it ends").success(), "InfluxDB's parser failed");
    assert_eq!(all.len(), bodies.len(), "an answer to each body");
    all
}

fn read(output: impl std::io::BufRead) -> Vec<Said> {
    let mut all = Vec::new();
    let (mut said, mut points) = (Said::default(), Vec::<Point>::new());
    for line in output.lines() {
        let line = line.expect("text");
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["point", time, measurement] => {
                let t_ms = time.parse::<i64>().expect("a time").div_euclid(1_000_000);
                points.push(Point { measurement: unhex(measurement), t_ms, ..Point::default() });
            }
            ["tag", key, value] => points.last_mut().expect("a point").tags.push((unhex(key), unhex(value))),
            ["field", key, kind, value] => {
                points.last_mut().expect("a point").fields.push((unhex(key), value_of(kind, value)));
            }
            ["end", refused] => {
                for point in &mut points {
                    point.tags.sort();
                }
                said.points = points.drain(..).map(|point| shown(&point)).collect();
                said.refuses = refused != "0";
                all.push(std::mem::take(&mut said));
            }
            _ => panic!("InfluxDB's parser says {line:?}"),
        }
    }
    all
}

fn value_of(kind: &str, value: &str) -> Value {
    match kind {
        "float" => Value::Float(f64::from_bits(u64::from_str_radix(value, 16).expect("64 bits"))),
        "integer" => Value::Int(value.parse().expect("an integer")),
        "unsigned" => Value::UInt(value.parse().expect("an unsigned integer")),
        "boolean" => Value::Bool(value == "true"),
        "text" => Value::Text(unhex(value)),
        other => panic!("a value of type {other}"),
    }
}

/// Bytes that are no UTF-8 are told apart from any text that the decoder can give.
fn unhex(text: &str) -> String {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("two hexadecimal digits");
    let bytes: Vec<u8> = (0..text.len()).step_by(2).map(byte).collect();
    String::from_utf8(bytes).unwrap_or_else(|error| format!("not UTF-8: {:?}", error.as_bytes()))
}

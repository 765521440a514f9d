//! The examples of `docs/store-format.md`, byte by byte: what the page shows is what is written, and is read again.

use picollect_store_format::{
    Frame1, FrameWriter, Head, Kind, Place, Replay, Samples, Table, Tail, Values, encode, next_1, scan,
};
use picollect_telemetry::Value;

const PAGE: &str = include_str!("../../../docs/store-format.md");
const T_MS: i64 = 1_700_000_000_000;
const SERIES: u64 = 7;
/// Behind the eight bytes with which a segment begins.
const FIRST: Place = Place { segment: 1, offset: 8 };
/// What the page showed while format 1 was written: the same point.
const FRAME_1: &str = "27 00 00 00 55 24 28 93 00 04 6c 6f 61 64 01 04 68 6f 73 74 01 61 01 00 05 6c 6f 61 64 31 01 \
                       02 00 01 00 03 81 c0 d6 fc f3 c5 01 00 01 02 32";

/// The bytes of a block of the page, whose lines are offset, bytes and meaning.
fn shown(block: &str) -> Vec<u8> {
    let fence = format!("```{block}\n");
    let (_, block) = PAGE.split_once(&fence).expect("the block is there");
    let (block, _) = block.split_once("\n```").expect("the block ends");
    let mut bytes = Vec::new();
    for line in block.lines().skip(1) {
        let mut cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        let (offset, hex) = (cells.next().expect("an offset"), cells.next().expect("bytes"));
        assert_eq!(offset.parse(), Ok(bytes.len()), "{line}");
        let byte = |digits| u8::from_str_radix(digits, 16).expect("two hexadecimal digits");
        bytes.extend(hex.split(' ').map(byte));
        assert!(cells.next().is_some(), "a line without a meaning: {line}");
    }
    bytes
}

fn samples() -> Samples {
    Samples { times: vec![T_MS], values: Values::Float(vec![0.25]) }
}

#[test]
fn the_frame_on_the_page_is_the_one_that_is_written() {
    let (mut frame, mut table) = (FrameWriter::default(), Table::default());
    let (quarter, tags) = (Value::Float(0.25), [("host".to_owned(), "a".to_owned())]);
    let group = table.add_group("load", &tags, &mut frame);
    let column = table.add_column(group, "load1", &quarter, &mut frame).expect("room for a column");
    let shape = table.shape(group, &[column], &mut frame).expect("room for a shape");
    table.stage(group, shape, T_MS, [quarter].iter(), &mut frame);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x} ")).collect::<String>();
    assert_eq!(hex(&shown("frame")), hex(frame.close(FIRST, &[])));
}

#[test]
fn the_frame_on_the_page_is_read_as_its_point() {
    let frame = shown("frame");
    let scan = scan(FIRST, &frame);
    assert_eq!((scan.end, scan.tail), (8 + frame.len() as u64, Tail::Nothing));
    let [(8, payload)] = scan.frames[..] else { panic!("the frame is whole: {scan:?}") };
    let mut replay = Replay::default();
    replay.learn(payload).unwrap();
    replay.take(payload).unwrap();
    assert_is_the_point(replay.table());
}

#[test]
fn a_frame_of_format_1_is_still_read_as_its_point() {
    let bytes: Vec<u8> =
        FRAME_1.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let Frame1::Whole { payload, length } = next_1(&bytes) else { panic!("the frame is whole") };
    assert_eq!(length, bytes.len());
    let mut replay = Replay::default();
    replay.take_1(payload).unwrap();
    assert_is_the_point(replay.table());
}

fn assert_is_the_point(table: &Table) {
    let [group] = table.groups() else { panic!("one group") };
    assert_eq!((group.measurement.as_str(), group.tags.len()), ("load", 1));
    assert_eq!(group.columns().collect::<Vec<_>>(), [("load1", Kind::Float)]);
    assert_eq!(group.read_all(), Ok(vec![samples()]));
}

#[test]
fn the_chunk_on_the_page_is_the_one_that_is_written_and_read() {
    assert_eq!((shown("head"), shown("data")), encode(&[(SERIES, samples())], true));
    let head = Head::read(&shown("head")).unwrap();
    let (column, _) = head.column(SERIES).expect("the column is there");
    assert_eq!(head.samples(column, &shown("data")), Ok(samples()));
}

//! The examples of `docs/store-format.md`, byte by byte: what the page shows is what is written, and is read again.

use picollect_store_format::{
    FRAME_HEAD_BYTES, Frame, Head, Kind, Samples, Table, Values, close, encode, next,
};
use picollect_telemetry::Value;

const PAGE: &str = include_str!("../../../docs/store-format.md");
const T_MS: i64 = 1_700_000_000_000;
const SERIES: u64 = 7;

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
    let mut frame = vec![0; FRAME_HEAD_BYTES];
    let mut table = Table::default();
    let group = table.add_group("load", &[("host".to_owned(), "a".to_owned())], &mut frame);
    let column = table.add_column(group, "load1", Kind::Float, &mut frame).expect("room for a column");
    let shape = table.shape(group, &[column], &mut frame).expect("room for a shape");
    table.stage(group, shape, T_MS, [Value::Float(0.25)].iter(), &mut frame);
    close(&mut frame);
    assert_eq!(shown("frame"), frame);
}

#[test]
fn the_frame_on_the_page_is_read_as_its_point() {
    let frame = shown("frame");
    let Frame::Whole { payload, length } = next(&frame) else { panic!("the frame is whole") };
    assert_eq!(length, frame.len());
    let mut table = Table::default();
    table.replay(payload).unwrap();
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

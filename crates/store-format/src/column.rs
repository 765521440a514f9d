//! A column's values or times as bytes: one of few encodings, whichever is made for them.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec};

use crate::cursor::{Cursor, put, put_signed, put_text};
use crate::decimal::{MAX_PLACES, places, scaled, unscaled};
use crate::samples::Values;
use crate::{Damaged, Kind};

/// The first integer and the step to each next one, which is always the same.
const EVEN: u8 = 0;
/// Signed differences, by seven bits a byte.
const PLAIN: u8 = 1;
/// What `pco` makes of them.
const PACKED: u8 = 2;
/// In place of decimal places: floats as they are.
const BITS: u8 = u8::MAX;

/// Fewer integers than this are shorter without the tables that `pco` puts before them.
const LEAST_PACKED: usize = 24;
/// Higher levels took twice the time for a hundredth of the size (`docs/store-cost.md`).
const LEVEL: usize = 6;
/// Texts of a chunk that differ, together: more than a journal's segment holds.
const MAX_TEXT_BYTES: u64 = 256 * 1024 * 1024;

const NOT_PCO: Damaged = Damaged("a compressed column cannot be read");

/// Appends integers: first and step where they are evenly spaced, else compressed.
pub(crate) fn put_integers(out: &mut Vec<u8>, integers: &[i64]) {
    let (first, second) = (integers.first().copied().unwrap_or(0), integers.get(1).copied());
    let step = second.map_or(0, |second| second.wrapping_sub(first));
    if integers.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        out.push(EVEN);
        put_signed(out, first);
        put_signed(out, step);
        return;
    }
    // Sensors and counters alike move little from one sample to the next. What `pco` finds out by itself was a tenth
    // larger (`docs/store-cost.md`).
    let packed = (integers.len() >= LEAST_PACKED).then(|| packed(integers, DeltaSpec::TryConsecutive(1)));
    let packed = packed.flatten();
    if let Some(packed) = packed {
        out.push(PACKED);
        out.extend_from_slice(&packed);
        return;
    }
    out.push(PLAIN);
    let mut before = 0;
    for integer in integers {
        put_signed(out, integer.wrapping_sub(before));
        before = *integer;
    }
}

/// In the mode that `pco` finds: integers may be multiples of something.
fn packed<T: pco::data_types::Number>(numbers: &[T], differences: DeltaSpec) -> Option<Vec<u8>> {
    let config = ChunkConfig::default().with_compression_level(LEVEL).with_delta_spec(differences);
    simple_compress(numbers, &config).ok()
}

/// Reads so many integers from all of these bytes.
pub(crate) fn integers(bytes: &[u8], count: usize) -> Result<Vec<i64>, Damaged> {
    let mut cursor = Cursor::new(bytes);
    match cursor.byte()? {
        EVEN => {
            let (first, step) = (cursor.signed()?, cursor.signed()?);
            Ok((0..count as u64).map(|at| first.wrapping_add(step.wrapping_mul(at.cast_signed()))).collect())
        }
        PLAIN => {
            let mut before: i64 = 0;
            let next = |_| {
                before = before.wrapping_add(cursor.signed()?);
                Ok(before)
            };
            (0..count).map(next).collect()
        }
        PACKED => unpacked(&bytes[1..], count),
        _ => Err(Damaged("a column has no known encoding")),
    }
}

fn unpacked<T: pco::data_types::Number + Default>(bytes: &[u8], count: usize) -> Result<Vec<T>, Damaged> {
    let mut numbers = vec![T::default(); count];
    let progress = simple_decompress_into(bytes, &mut numbers).map_err(|_| NOT_PCO)?;
    if progress.n_processed == count { Ok(numbers) } else { Err(NOT_PCO) }
}

/// Appends the values of a column in the encoding of their type.
pub(crate) fn put_values(out: &mut Vec<u8>, values: &Values) {
    match values {
        Values::Float(values) => put_floats(out, values),
        Values::Int(values) => put_integers(out, values),
        Values::UInt(values) => {
            put_integers(out, &values.iter().map(|value| value.cast_signed()).collect::<Vec<_>>());
        }
        Values::Bool(values) => {
            put_integers(out, &values.iter().map(|value| i64::from(*value)).collect::<Vec<_>>());
        }
        Values::Text(values) => put_texts(out, values),
    }
}

/// Reads so many values from all of these bytes.
pub fn values(bytes: &[u8], kind: Kind, count: usize) -> Result<Values, Damaged> {
    Ok(match kind {
        Kind::Float => Values::Float(floats(bytes, count)?),
        Kind::Int => Values::Int(integers(bytes, count)?),
        Kind::UInt => Values::UInt(integers(bytes, count)?.into_iter().map(i64::cast_unsigned).collect()),
        Kind::Bool => Values::Bool(integers(bytes, count)?.into_iter().map(|value| value != 0).collect()),
        Kind::Text => Values::Text(texts(bytes, count)?),
    })
}

/// Decimals as integers after their number of places, which is the largest that one of them needs.
fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    let needed = values.iter().try_fold(0, |needed, value| places(*value, needed));
    let exact = needed.and_then(|needed| {
        let integers: Option<Vec<i64>> = values.iter().map(|value| scaled(*value, needed)).collect();
        Some((needed, integers?))
    });
    if let Some((needed, integers)) = exact {
        out.push(needed);
        return put_integers(out, &integers);
    }
    out.push(BITS);
    if let Some(packed) = (values.len() >= LEAST_PACKED).then(|| packed(values, DeltaSpec::Auto)).flatten() {
        out.push(PACKED);
        out.extend_from_slice(&packed);
    } else {
        out.push(PLAIN);
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
}

fn floats(bytes: &[u8], count: usize) -> Result<Vec<f64>, Damaged> {
    let mut cursor = Cursor::new(bytes);
    match cursor.byte()? {
        places @ 0..=MAX_PLACES => {
            Ok(integers(&bytes[1..], count)?.into_iter().map(|integer| unscaled(integer, places)).collect())
        }
        BITS => match cursor.byte()? {
            PACKED => unpacked(&bytes[2..], count),
            PLAIN => (0..count).map(|_| cursor.array().map(f64::from_le_bytes)).collect(),
            _ => Err(Damaged("a column of floats has no known encoding")),
        },
        _ => Err(Damaged("a column of floats has more decimal places than there can be")),
    }
}

/// The texts that differ, compressed together, and for each sample which of them it is.
fn put_texts(out: &mut Vec<u8>, texts: &[String]) {
    let mut known: Vec<&str> = texts.iter().map(String::as_str).collect();
    known.sort_unstable();
    known.dedup();
    let mut plain = Vec::new();
    for text in &known {
        put_text(&mut plain, text);
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // A vector takes whatever is written to it.
    let deflated = encoder.write_all(&plain).and_then(|()| encoder.finish()).unwrap_or_default();
    put(out, known.len() as u64);
    put(out, deflated.len() as u64);
    out.extend_from_slice(&deflated);
    let which = |text: &String| known.binary_search(&text.as_str()).unwrap_or_default() as u64;
    put_integers(out, &texts.iter().map(|text| which(text).cast_signed()).collect::<Vec<_>>());
}

fn texts(bytes: &[u8], count: usize) -> Result<Vec<String>, Damaged> {
    let mut cursor = Cursor::new(bytes);
    let (known, length) = (cursor.count(count)?, cursor.count(bytes.len())?);
    let mut plain = Vec::new();
    let mut inflating = DeflateDecoder::new(cursor.take(length)?).take(MAX_TEXT_BYTES);
    inflating.read_to_end(&mut plain).map_err(|_| Damaged("compressed texts cannot be read"))?;
    let mut texts = Cursor::new(&plain);
    let known = (0..known).map(|_| texts.text()).collect::<Result<Vec<_>, _>>()?;
    let which = integers(&bytes[cursor.at()..], count)?.into_iter();
    let text = |which: i64| usize::try_from(which).ok().and_then(|which| known.get(which));
    let text = |which| text(which).map(|text| (*text).to_owned()).ok_or(Damaged("a text is not there"));
    which.map(text).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn back(values_in: &Values) -> Values {
        let mut bytes = Vec::new();
        put_values(&mut bytes, values_in);
        values(&bytes, values_in.kind(), values_in.len()).unwrap()
    }

    fn bits(values: &Values) -> Vec<u64> {
        let Values::Float(values) = values else { panic!("floats") };
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn a_sensors_decimals_take_about_a_byte() {
        let values = Values::Float((0..3600).map(|n| 48.0 + f64::from(n * n % 97) / 1000.0).collect());
        let mut bytes = Vec::new();
        put_values(&mut bytes, &values);
        assert!(bytes.len() < 3600, "{}", bytes.len());
        assert_eq!(back(&values), values);
    }

    proptest! {
        #[test]
        fn floats_come_back_bit_by_bit(
            values in proptest::collection::vec(prop_oneof![
                any::<f64>(), (-1000..1000i32).prop_map(|n| f64::from(n) / 100.0), Just(-0.0), Just(1e300),
            ], 0..200),
        ) {
            let values = Values::Float(values);
            prop_assert_eq!(bits(&back(&values)), bits(&values));
        }

        #[test]
        fn integers_truths_and_texts_come_back(
            ints in proptest::collection::vec(prop_oneof![any::<i64>(), 0..9i64], 0..200),
            truths in proptest::collection::vec(any::<bool>(), 0..200),
            texts in proptest::collection::vec("[a-cä]{0,3}", 0..50),
        ) {
            let uints = Values::UInt(ints.iter().map(|value| value.cast_unsigned()).collect());
            for values in [uints, Values::Int(ints), Values::Bool(truths), Values::Text(texts)] {
                prop_assert_eq!(back(&values), values);
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 1..=5u8) {
            let _ = values(&bytes, Kind::from_number(kind).unwrap(), 100);
        }
    }
}

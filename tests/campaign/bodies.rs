//! Bodies of writes of which something must not be taken, by who may write everything. Lines called `kept` are good
//! and are taken beside the others; nothing called `hostile` may ever be found in the store.

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::hostile::{Generator, Hostile, Keys, Kind, Rng, noise, one, request, word, write};
use picollect_settings::time::now_ms;

const BAD: &[u16] = &[400];
const OUTSIDE: &[u16] = &[422];
const TOO_LARGE: &[u16] = &[413];
const MIB: usize = 1024 * 1024;
const DAY_MS: i64 = 24 * 3600 * 1000;

pub(super) const GENERATORS: &[Generator] = &[
    Generator::known("lines without fields", Kind::Body, |rng, keys| {
        let line = one(
            rng,
            &[
                "hostile",
                "hostile,host=a",
                "hostile ",
                "hostile,host=a 1",
                "hostile f",
                "hostile f 1",
                "hostile =1",
            ],
        );
        lines(rng, keys, line)
    }),
    Generator::known("numbers that are none", Kind::Body, |rng, keys| {
        let value = one(
            rng,
            &[
                "1..2",
                "1e",
                "1e+",
                "--1",
                "+1",
                "0x1f",
                "1_000",
                "NaN",
                "inf",
                "-Infinity",
                "1,",
                "i",
                "1ii",
                "1.5i",
                "٣",
                "1e999",
                "1e-",
                "e5",
                ".",
            ],
        );
        lines(rng, keys, &format!("hostile,host=a f={value}"))
    }),
    Generator::known("integers beyond 64 bits", Kind::Body, |rng, keys| {
        let value =
            one(rng, &["9223372036854775808i", "-9223372036854775809i", "18446744073709551616u", "-1u"]);
        let digits = rng.u64(1..).to_string();
        let value = if rng.bool() { value.to_owned() } else { format!("{}{digits}i", u64::MAX) };
        lines(rng, keys, &format!("hostile f={value}"))
    }),
    Generator::known("truth values and texts that are none", Kind::Body, |rng, keys| {
        let value = one(
            rng,
            &["tru", "TRuE", "yes", "null", "'a'", "a", "\"a\"b", "\"a\"\"b\"", "b\"a\"", "[1]", "{}", "f"],
        );
        let value = if value == "f" { "falsefalse" } else { value };
        lines(rng, keys, &format!("hostile f={value}"))
    }),
    Generator::known("texts that are never closed", Kind::Body, |rng, keys| {
        let rest = one(rng, &["", "\\\"", " 1", ",g=1", "\\", "a,b=c d=e"]);
        // Nothing comes behind it: a quote in the next line would close it.
        Hostile::new(write(keys, format!("kept,host=good f=1\nhostile f=\"{rest}")), BAD)
    }),
    Generator::known("bytes that are no UTF-8", Kind::Body, |rng, keys| {
        let mut bytes = b"hostile,host=".to_vec();
        bytes.extend(one(
            rng,
            &[&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x28\xa1", b"a\x80"],
        ));
        bytes.extend_from_slice(b" f=1\n");
        Hostile::new(write(keys, bytes), BAD)
    }),
    Generator::known("any bytes", Kind::Body, |rng, keys| {
        let mut bytes = noise(rng, 1..=3000);
        // Neither a comment nor nothing: those are good bodies.
        bytes.splice(..0, b"hostile\xff".iter().copied());
        Hostile::new(write(keys, bytes), BAD)
    }),
    Generator::known("tags without a key or a value", Kind::Body, |rng, keys| {
        let tags = one(rng, &[",", ",=", ",a", ",a=", ",=b", ",,a=b", ",a=b,", ",a==b=", ",a=b=c"]);
        lines(rng, keys, &format!("hostile{tags} f=1"))
    }),
    Generator::known("a tag that stands twice, or is reserved", Kind::Body, |rng, keys| {
        let tags = one(
            rng,
            &[",a=1,a=2", ",a=1,b=2,a=1", ",time=1", ",_field=a", ",_measurement=b", ",host=a,host=b"],
        );
        lines(rng, keys, &format!("hostile{tags} f=1"))
    }),
    Generator::known("a field called time", Kind::Body, |rng, keys| {
        let fields = one(rng, &["time=1", "f=1,time=1", "time=\"now\"", "time=1,f=2"]);
        lines(rng, keys, &format!("hostile {fields}"))
    }),
    Generator::known("a line without a measurement", Kind::Body, |rng, keys| {
        let line = one(rng, &[",a=b f=1", ",hostile=b f=1", "=1", ", f=1", "\" f=1"]);
        let line = if line == "\" f=1" { ",\" f=1" } else { line };
        lines(rng, keys, line)
    }),
    Generator::known("times that are none", Kind::Body, |rng, keys| {
        let time = one(
            rng,
            &[
                "now",
                "1.5",
                "1e3",
                "0x10",
                "--1",
                "+1",
                "1i",
                "9223372036854775808",
                "99999999999999999999999",
                "1 2",
                "2026-11-23",
                "١٢٣",
            ],
        );
        lines(rng, keys, &format!("hostile,host=a f=1 {time}"))
    }),
    Generator::known("times that are more than a day ahead", Kind::Body, |rng, keys| {
        let ahead_ms = now_ms() + 2 * DAY_MS + rng.i64(0..200 * 365 * DAY_MS);
        lines(rng, keys, &format!("hostile,host=a f=1 {ahead_ms}000000")).with(OUTSIDE)
    }),
    Generator::known("times before 1970", Kind::Body, |rng, keys| {
        let before_ns = -rng.i64(1_000_000..i64::MAX / 2);
        lines(rng, keys, &format!("hostile,host=a f=1 {before_ns}")).with(OUTSIDE)
    }),
    Generator::known("precisions that are none", Kind::Body, |rng, keys| {
        let precision =
            one(rng, &["weeks", "m", "h", "NS", "n", "1", "%00", "ns%20", "-", "null", "minutes", "fs"]);
        let address = format!("/api/v2/write?precision={precision}&org={}", word(rng, 0..=9));
        Hostile::new(super::hostile::post(&address, Some(&keys.write), b"hostile f=1"), BAD)
    }),
    Generator::known("a value of another type than its series has", Kind::Body, |rng, keys| {
        let value = one(rng, &["1i", "1u", "true", "\"text\""]);
        Hostile::new(write(keys, format!("kept,host=good f={value}")), OUTSIDE)
    }),
    Generator::known("lines that are too long", Kind::Body, |rng, keys| {
        let text = word(rng, 65_600..=80_000);
        let line = if rng.bool() { format!("hostile f=\"{text}\"") } else { format!("hostile{text} f=1") };
        lines(rng, keys, &line)
    }),
    Generator::known("too many tags", Kind::Body, |rng, keys| {
        let tags: String = (0..rng.usize(33..200)).map(|at| format!(",t{at}=v")).collect();
        lines(rng, keys, &format!("hostile{tags} f=1"))
    }),
    Generator::known("too many fields", Kind::Body, |rng, keys| {
        let fields: Vec<String> = (0..rng.usize(257..400)).map(|at| format!("f{at}=1")).collect();
        lines(rng, keys, &format!("hostile {}", fields.join(",")))
    }),
    Generator::known("names that are too long", Kind::Body, |rng, keys| {
        let name = word(rng, 513..=2000);
        let line = match rng.u8(..4) {
            0 => format!("hostile{name} f=1"),
            1 => format!("hostile,{name}=a f=1"),
            2 => format!("hostile,a={name} f=1"),
            _ => format!("hostile {name}=1"),
        };
        lines(rng, keys, &line)
    }),
    Generator::known("gzip that is none", Kind::Body, |rng, keys| {
        let mut bytes = if rng.bool() { b"hostile f=1".to_vec() } else { vec![0x1f, 0x8b, 8, 0] };
        bytes.extend(noise(rng, 0..=200));
        gzipped(keys, &bytes).with(BAD)
    }),
    Generator::known("gzip that is cut or changed", Kind::Body, |rng, keys| {
        let mut bytes = compressed(format!("hostile,a={} f=1", word(rng, 1..=300)).as_bytes());
        if rng.bool() {
            bytes.truncate(rng.usize(11..bytes.len()));
        } else {
            // The checksum and the length are the last eight bytes.
            let at = bytes.len() - 1 - rng.usize(..8);
            bytes[at] ^= 1 << rng.u8(..8);
        }
        gzipped(keys, &bytes).with(BAD)
    }),
    Generator::known("gzip that becomes more than 10 MiB", Kind::Body, |_, keys| {
        gzipped(keys, &BOMB).with(TOO_LARGE)
    })
    .dear(),
    Generator::known("more than 10 MiB", Kind::Body, |rng, keys| {
        Hostile::new(write(keys, b"hostile f=1\n".repeat(rng.usize(11 * MIB..12 * MIB) / 12)), TOO_LARGE)
    })
    .dear(),
];

/// Twelve kilobytes that are eleven megabytes.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| compressed(&b"hostile f=1\n".repeat(11 * MIB / 12)));

impl Hostile {
    fn with(self, right: &'static [u16]) -> Self {
        Self { right, ..self }
    }
}

/// The line somewhere among good ones, which are taken.
fn lines(rng: &mut Rng, keys: &Keys, line: &str) -> Hostile {
    let mut all = vec!["kept,host=good f=1"; rng.usize(..4)];
    let at = rng.usize(..=all.len());
    all.insert(at, line);
    Hostile::new(write(keys, all.join("\n")), BAD)
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("memory takes it")
}

fn gzipped(keys: &Keys, body: &[u8]) -> Hostile {
    let headers = [("Content-Encoding", "gzip")];
    Hostile::new(request("POST", "/api/v2/write", Some(&keys.write), &headers, body), BAD)
}

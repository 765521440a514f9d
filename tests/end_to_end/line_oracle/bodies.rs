//! Request bodies with a seed: good lines, lines with one thing wrong, good ones that were damaged, and heaps of signs.

/// Each with the number of its precision.
pub(super) struct Bodies(Random);

impl Bodies {
    pub(super) fn new(seed: u64) -> Self {
        // Xorshift stays at zero for ever.
        Self(Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }
}

impl Iterator for Bodies {
    type Item = (usize, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let random = &mut self.0;
        let precision = random.below(4);
        let mut body = Vec::new();
        if random.one_in(60) {
            body.extend_from_slice("\u{feff}".as_bytes());
        }
        let lines = 1 + random.below(4);
        for number in 1..=lines {
            body.extend_from_slice(line(random).as_bytes());
            if number < lines || random.one_in(2) {
                body.extend_from_slice(
                    if random.one_in(8) { random.of(&["\n\n", "\r\n", " \n"]) } else { "\n" }.as_bytes(),
                );
            }
        }
        if random.one_in(6) {
            damage(random, &mut body);
        }
        Some((precision, body))
    }
}

/// Pieces of names, in any number; what they are apart from their letters is what is tried.
const NAME: [&str; 24] = [
    "a",
    "b",
    "cpu",
    "load",
    "host",
    "x1",
    "ö",
    "\u{1f321}",
    "\"",
    "\"q\"",
    "\\,",
    "\\ ",
    "\\=",
    "\\\"",
    "\\\\",
    "\\n",
    "\\",
    "#",
    "'",
    "\t",
    ".",
    "-",
    "_field",
    "time",
];
/// What a name mostly is.
const PLAIN: [&str; 8] = ["m", "cpu", "power", "host", "f", "g", "value", "temp_c"];
const TEXT: [&str; 18] = [
    "",
    "x",
    "a b",
    "a,b=c",
    "\\\"",
    "\\\\",
    "\\n",
    "\\",
    "\n",
    "\n\n",
    "\r\n",
    "#",
    "=",
    "é",
    "m f=1",
    "\t",
    "{\\\"k\\\": 1}",
    "m,t=v f=2i 5\n",
];
const NUMBERS: [&str; 31] = [
    "0",
    "1",
    "-1",
    "1.5",
    "-0",
    "-0.0",
    "5.",
    ".5",
    "-.5",
    "1e3",
    "1E3",
    "1e+3",
    "1e-3",
    "-1.5e-3",
    "1.e2",
    "007",
    "1e308",
    "1e-400",
    "4.9e-324",
    "0.1",
    "123456789012345678901234567890",
    "1i",
    "-1i",
    "0i",
    "-0i",
    "007i",
    "9223372036854775807i",
    "-9223372036854775808i",
    "1u",
    "0u",
    "18446744073709551615u",
];
const NO_NUMBERS: [&str; 45] = [
    "1e309",
    "-1e309",
    "9223372036854775808i",
    "-9223372036854775809i",
    "-1u",
    "-0u",
    "18446744073709551616u",
    "1.5i",
    "1e3i",
    "1.5u",
    "1e3u",
    "i",
    "u",
    "-i",
    "-u",
    "1ii",
    "1iu",
    "i1",
    "1i1",
    "-",
    "--1",
    "+1",
    "+1i",
    ".",
    "-.",
    "1.2.3",
    "1e",
    "e5",
    "1e5e5",
    "1_0",
    "0x1F",
    "1-e5",
    "nan",
    "NaN",
    "-nan",
    "inf",
    "-inf",
    "Infinity",
    "null",
    "''",
    "'a'",
    "",
    " ",
    "=",
    "1\t",
];
const TRUTHS: [&str; 10] = ["t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"];
const NO_TRUTHS: [&str; 6] = ["tRUE", "fALSE", "tr", "yes", "truee", "on"];
const TIMES: [&str; 20] = [
    "0",
    "1",
    "-1",
    "7",
    "-0",
    "00012",
    "1700000000",
    "1700000000123",
    "1700000000123456",
    "1700000000123456789",
    "-1700000000123456789",
    "999999",
    "-999999",
    "1000000",
    "9223372036854775806",
    "-9223372036854775806",
    "9223372036",
    "-9223372036",
    "9223372036854",
    "1795971600",
];
const NO_TIMES: [&str; 10] = [
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775807",
    "-9223372036854775808",
    "9223372036855",
    "1.5",
    "1e5",
    "+1",
    "-",
    "1i",
];
const COMMENTS: [&str; 5] = ["# note", " # note", "#", "# a=\"b", "#m f=1"];
/// Of these heaps are made.
const SIGNS: [&str; 22] = [
    "m", "f", "=", ",", " ", "\"", "\\", "\n", "1", "i", "t", "-", "\t", "\0", "#", "\r", "\r\n", "f=1",
    "s=\"", "\",", "\" ", "m f=1\n",
];

fn line(random: &mut Random) -> String {
    match random.below(24) {
        0 => random.of(&COMMENTS).to_owned(),
        1 => random.of(&["", " ", "\t", " \t\0 ", "\0"]).to_owned(),
        2 => (0..=random.below(14)).map(|_| random.of(&SIGNS)).collect(),
        3 if random.one_in(5) => long(random),
        _ => usual(random),
    }
}

fn usual(random: &mut Random) -> String {
    let mut line =
        if random.one_in(12) { random.of(&[" ", "\t", "\0", "  "]).to_owned() } else { String::new() };
    line += &name(random);
    for _ in 0..random.of(&[0, 0, 1, 1, 2, 3, 4]) {
        line += &format!(",{}={}", name(random), name(random));
        if random.one_in(80) {
            line += random.of(&[",", "=", ",x", ",=v", ",x=", "=y"]);
        }
    }
    line += blanks(random);
    for number in 0..random.of(&[1, 1, 1, 2, 2, 3]) {
        line += if number > 0 { "," } else { "" };
        line += &format!("{}={}", name(random), value(random));
        if random.one_in(80) {
            line += random.of(&[",", "=", ",,", ",x", "x", "\"", ",=1", ",time=5", " ,g=1"]);
        }
    }
    if random.one_in(3) {
        return line + if random.one_in(8) { blanks(random) } else { "" };
    }
    line += blanks(random);
    line += if random.one_in(16) { random.of(&NO_TIMES) } else { random.of(&TIMES) };
    if random.one_in(12) {
        line += random.of(&[" ", "  ", "\t", " \t", " 5", " x", "\r", "\0"]);
    }
    line
}

/// Beyond what is taken here, or not yet.
fn long(random: &mut Random) -> String {
    match random.below(5) {
        0 => format!("m,t={} f=1", "v".repeat(random.of(&[512, 513]))),
        1 => format!(
            "m{} f=1",
            (0..random.of(&[32, 33, 101])).map(|tag| format!(",t{tag}=v")).collect::<String>()
        ),
        2 => format!(
            "m {}f=1",
            (0..random.of(&[255, 256])).map(|field| format!("f{field}=1,")).collect::<String>()
        ),
        3 => format!("m s=\"{}\"", "x\n".repeat(random.of(&[100, 33_000]))),
        _ => format!("m f={}", "1".repeat(random.of(&[308, 309, 310, 320]))),
    }
}

fn blanks(random: &mut Random) -> &'static str {
    if random.one_in(8) { random.of(&["  ", " \t", " \0", "\t", " \t ", "\t "]) } else { " " }
}

fn name(random: &mut Random) -> String {
    if random.one_in(16) {
        return (0..random.of(&[1, 1, 2, 2, 3, 3, 4, 0])).map(|_| random.of(&NAME)).collect();
    }
    format!(
        "{}{}",
        random.of(&PLAIN),
        if random.one_in(2) { random.below(20).to_string() } else { String::new() }
    )
}

fn value(random: &mut Random) -> String {
    match random.below(10) {
        0..=4 => random.of(&NUMBERS).to_owned(),
        5 if random.one_in(4) => random.of(&NO_NUMBERS).to_owned(),
        6 if random.one_in(4) => random.of(&NO_TRUTHS).to_owned(),
        5 | 6 => random.of(&TRUTHS).to_owned(),
        _ => {
            let text: String = (0..random.below(5)).map(|_| random.of(&TEXT)).collect();
            let end = if random.one_in(40) { random.of(&["", "\"\"", "\"x", "x", "\\\""]) } else { "\"" };
            format!("\"{text}{end}")
        }
    }
}

/// Changes one to three bytes.
fn damage(random: &mut Random, body: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(body.len().max(1)).min(body.len().saturating_sub(1));
        let sign = random.of(b" ,=\"\\\n\t\r\0#x1-\xff\xc3");
        match random.below(4) {
            _ if body.is_empty() => body.push(sign),
            0 => drop(body.remove(at)),
            1 => body.insert(at, sign),
            2 => body[at] = sign,
            _ => body.truncate(at + 1),
        }
    }
}

/// Xorshift: the same numbers everywhere.
pub(super) struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        for (left, shift) in [(true, 13), (false, 7), (true, 17)] {
            self.0 ^= if left { self.0 << shift } else { self.0 >> shift };
        }
        usize::try_from((self.0 >> 11) % end as u64).expect("it is below an usize")
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

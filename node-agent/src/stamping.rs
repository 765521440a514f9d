//! Moves the times in lines that were stamped before the anchor was settled.
//!
//! The times of a line are its time stamp (nanoseconds, last word) and the epochs in its fields named
//! `since_ms`.

use picollect_telemetry::catalogue::SINCE_MS;

/// Adds so many milliseconds to every time in these lines; a line without a time stamp stays as it is.
pub(crate) fn move_times(lines: &mut Vec<u8>, by_ms: i64) {
    let text = String::from_utf8_lossy(lines);
    let mut moved = String::with_capacity(text.len() + 64);
    for line in text.lines() {
        match line.rsplit_once(' ').and_then(|(rest, stamp)| Some((rest, stamp.parse::<i64>().ok()?))) {
            Some((rest, stamp_ns)) => {
                move_epochs(rest, by_ms, &mut moved);
                moved.push_str(&format!(" {}", stamp_ns.saturating_add(by_ms.saturating_mul(1_000_000))));
            }
            None => moved.push_str(line),
        }
        moved.push('\n');
    }
    *lines = moved.into_bytes();
}

fn move_epochs(line: &str, by_ms: i64, moved: &mut String) {
    let mut rest = line;
    let name = format!("{}=", SINCE_MS.field);
    while let Some((before, after)) = rest.split_once(&name) {
        moved.push_str(before);
        moved.push_str(&name);
        let digits = after.find('i').unwrap_or(after.len());
        match after[..digits].parse::<i64>() {
            Ok(since_ms) => moved.push_str(&since_ms.saturating_add(by_ms).to_string()),
            Err(_) => moved.push_str(&after[..digits]),
        }
        rest = &after[digits..];
    }
    moved.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(text: &str, by_ms: i64) -> String {
        let mut bytes = text.as_bytes().to_vec();
        move_times(&mut bytes, by_ms);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn stamps_and_epochs_move_alike_and_nothing_else_does() {
        let lines = "power,host=a,meter=m joules=5,since_ms=1000i,watts=2 3000000000\nload,host=a load1=1 3000000000\n";
        let want = "power,host=a,meter=m joules=5,since_ms=1500i,watts=2 3500000000\nload,host=a load1=1 3500000000\n";
        assert_eq!(moved(lines, 500), want);
        assert_eq!(moved(want, -500), lines);
    }

    #[test]
    fn a_line_without_a_time_stays() {
        assert_eq!(moved("m f=1\n", 500), "m f=1\n");
    }
}

//! What becomes of a batch by the answer to it.
//!
//! An answer decides only if whom the configuration names has written it. Then 204, and no other status, means
//! that all has arrived; 413 that it is cut in half; 400 and 422 that this batch will never be taken whole: what
//! was refused is dropped and counted. Everything else keeps the batch: no answer, 5xx, 429, and 401, 403, 404,
//! which speak of the token or the address and not of the batch, redirects, and whatever a captive portal or a
//! proxy says in the collector's place.

use std::time::Duration;

use picollect_telemetry::line::count_lines;

use crate::client::{Reply, Speaker};

/// A collector may ask to be left alone for so long at most.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// What an attempt to deliver came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All but so many lines have arrived, and these will never be taken.
    Done { refused: usize, why: Option<String> },
    /// Try again, if the collector said so after this time.
    Failed(String, Option<Duration>),
}

/// What an answer means for these lines, which went to an InfluxDB or to a collector; `wanted` says which in
/// words.
pub(super) fn judge(answer: &Reply, influxdb: bool, wanted: &str, lines: &[u8]) -> Outcome {
    let is_ours = match answer.speaker {
        Speaker::Collector => true,
        // The documented 204 of a server that does not name itself is as good.
        Speaker::Influxdb => influxdb,
        Speaker::Stranger => influxdb && answer.status == 204,
    };
    let after = answer.retry_after.map(|after| after.min(LONGEST_RETRY_AFTER));
    if !is_ours || (300..400).contains(&answer.status) {
        return Outcome::Failed(answer.is_not_ours(wanted), after);
    }
    let why = format!("{} {}", answer.status, answer.text);
    match answer.status {
        204 => Outcome::Done { refused: 0, why: None },
        200..300 => Outcome::Failed(format!("{why}: only 204 means that lines were taken"), after),
        400 | 413 | 422 => Outcome::Done { refused: refused_lines(answer, lines), why: Some(why) },
        _ => Outcome::Failed(why, after),
    }
}

/// Two halves of about the same number of lines; `None` for a single line.
pub(super) fn halves(lines: &[u8]) -> Option<(&[u8], &[u8])> {
    let middle = lines.len() / 2;
    let feed = lines[..middle].iter().rposition(|&byte| byte == b'\n');
    let feed = feed.or_else(|| lines.iter().position(|&byte| byte == b'\n'))?;
    let (first, second) = lines.split_at(feed + 1);
    (!second.is_empty()).then_some((first, second))
}

/// Both halves have to arrive; one that arrived twice is known by its times.
pub(super) fn both(first: Outcome, second: impl FnOnce() -> Outcome) -> Outcome {
    let Outcome::Done { refused, why } = first else { return first };
    match second() {
        Outcome::Done { refused: more, why: other } => {
            Outcome::Done { refused: refused + more, why: why.or(other) }
        }
        failed @ Outcome::Failed(..) => failed,
    }
}

/// Our collector says how many lines it refused; of any other it has to be taken that it took none.
fn refused_lines(answer: &Reply, lines: &[u8]) -> usize {
    let json: Option<serde_json::Value> = serde_json::from_str(&answer.text).ok();
    let said = json.and_then(|json| json.get("refused_lines")?.as_u64());
    let all = count_lines(lines);
    said.and_then(|refused| usize::try_from(refused).ok()).map_or(all, |refused| refused.min(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(speaker: Speaker, status: u16, text: &str) -> Reply {
        Reply {
            speaker,
            status,
            redirect: None,
            text: text.into(),
            retry_after: None,
            exchange: None,
            store: None,
            protocol: None,
        }
    }

    const LINES: &[u8] = b"a 1\nb 2\n";

    fn of_collector(answer: &Reply) -> Outcome {
        judge(answer, false, "a picollect collector", LINES)
    }

    fn refused(outcome: &Outcome) -> Option<usize> {
        if let Outcome::Done { refused, .. } = outcome { Some(*refused) } else { None }
    }

    #[test]
    fn the_answer_of_a_collector_decides_what_becomes_of_the_batch() {
        let ours = |status, text| answer(Speaker::Collector, status, text);
        assert_eq!(of_collector(&ours(204, "")), Outcome::Done { refused: 0, why: None });
        assert_eq!(refused(&of_collector(&ours(400, "bad"))), Some(2), "how many is not said: all");
        assert_eq!(refused(&of_collector(&ours(400, "{\"refused_lines\":1}"))), Some(1));
        for keeps in [200, 202, 206, 301, 302, 307, 308, 401, 403, 404, 408, 429, 500, 503] {
            assert!(matches!(of_collector(&ours(keeps, "")), Outcome::Failed(_, None)), "{keeps}");
        }
    }

    #[test]
    fn it_waits_as_long_as_it_is_asked_to_but_not_for_ever() {
        let asked = |seconds| Reply {
            retry_after: Some(Duration::from_secs(seconds)),
            ..answer(Speaker::Collector, 503, "busy")
        };
        let later = Outcome::Failed("503 busy".into(), Some(Duration::from_secs(7)));
        assert_eq!(of_collector(&asked(7)), later);
        assert!(matches!(of_collector(&asked(99_999)), Outcome::Failed(_, Some(LONGEST_RETRY_AFTER))));
    }

    #[test]
    fn a_captive_portal_takes_nothing_and_refuses_nothing_whatever_it_answers() {
        for status in [200, 201, 204, 206, 301, 302, 303, 307, 308, 400, 413, 422] {
            for speaker in [Speaker::Stranger, Speaker::Influxdb] {
                let got = of_collector(&answer(speaker, status, "<html>log in</html>"));
                assert!(matches!(got, Outcome::Failed(..)), "{status}: {got:?}");
            }
        }
    }

    #[test]
    fn a_redirect_is_said_with_what_to_do_about_it() {
        let moved = |status| Reply {
            redirect: Some("http://elsewhere".into()),
            ..answer(Speaker::Stranger, status, "")
        };
        for (status, part) in
            [(301, "captive portal"), (302, "captive portal"), (307, "configuration is wrong")]
        {
            let Outcome::Failed(why, _) = of_collector(&moved(status)) else {
                panic!("{status} was believed")
            };
            assert!(why.contains(part) && why.contains("http://elsewhere"), "{why}");
        }
    }

    #[test]
    fn of_an_influxdb_its_documented_204_counts_and_only_its_own_refusal_drops() {
        let influxdb = |speaker, status| judge(&answer(speaker, status, ""), true, "an InfluxDB", LINES);
        assert_eq!(refused(&influxdb(Speaker::Influxdb, 204)), Some(0));
        assert_eq!(refused(&influxdb(Speaker::Stranger, 204)), Some(0), "what speaks as InfluxDB does");
        assert_eq!(refused(&influxdb(Speaker::Influxdb, 422)), Some(2));
        for status in [200, 302, 308, 400, 422] {
            assert_eq!(refused(&influxdb(Speaker::Stranger, status)), None, "{status}");
        }
        assert_eq!(refused(&influxdb(Speaker::Collector, 204)), Some(0), "a collector may be given an `org`");
    }

    #[test]
    fn a_batch_is_halved_between_lines_down_to_one() {
        assert_eq!(halves(b"aa\nbb\ncc\n"), Some((&b"aa\n"[..], &b"bb\ncc\n"[..])));
        assert_eq!(halves(b"a long first line\nb\n"), Some((&b"a long first line\n"[..], &b"b\n"[..])));
        assert_eq!(halves(b"one\n"), None);
    }
}

//! The embedded store under load and under the knife: what was acknowledged is stored, to the sample.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use picollect_evaluate::Window;
use picollect_settings::time::now_ms;
use picollect_store::{Selector, Store as _};

use crate::process::{Collector, run};

/// Times that the collector is killed, each of which costs a start; `PICOLLECT_KILLS` is another number.
const KILLS: u64 = 200;
/// Lines in a request.
const LINES: i64 = 40;

/// Writes without a pause until the collector is killed; gives back how many requests were acknowledged, counted
/// on from `from`. Whatever is asked once is never asked again.
fn write_until_killed(url: &str, token: &str, from: i64, base_ms: i64) -> (i64, i64) {
    let agent = ureq::Agent::new_with_defaults();
    let (mut next, mut acknowledged) = (from, from);
    loop {
        let first_ms = base_ms + next * LINES;
        let body: String = (first_ms..first_ms + LINES)
            .map(|t_ms| format!("m,host=a f={}.25,n={t_ms}i {t_ms}\n", t_ms % 1000))
            .collect();
        let request = agent.post(format!("{url}/api/v2/write?precision=ms"));
        next += 1;
        match request.header("authorization", format!("Bearer {token}")).send(body) {
            Ok(answer) if answer.status() == 204 => acknowledged = next,
            Ok(answer) => panic!("{}", answer.status()),
            Err(_) => return (acknowledged, next),
        }
    }
}

fn kills() -> u64 {
    std::env::var("PICOLLECT_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number of kills"))
}

fn killed(configuration: &str, kills: u64, longest_ms: u64) {
    let mut collector = Collector::start();
    std::fs::write(collector.data().join("collector.toml"), configuration).expect("the file is writable");
    let token = std::fs::read_to_string(collector.token_file()).expect("the token").trim().to_owned();
    collector.kill();
    let base_ms = now_ms() - 24 * 3600 * 1000;
    let (mut next, mut doubtful, mut acknowledged) = (0, BTreeSet::new(), BTreeSet::new());
    for kill in 0..kills {
        collector.restart();
        let (url, token) = (collector.url.clone(), token.clone());
        let writer = thread::spawn(move || write_until_killed(&url, &token, next, base_ms));
        // At many moments: also while what the process before has left behind is sealed.
        thread::sleep(Duration::from_millis(3 + kill * 7 * longest_ms / 90 % longest_ms));
        collector.kill();
        let (until, met) = writer.join().expect("the writer");
        acknowledged.extend(next..until);
        doubtful.extend(until..met);
        next = met;
    }
    assert!(acknowledged.len() as u64 > kills, "there was load: {}", acknowledged.len());
    let store = collector.store();
    for field in ["f", "n"] {
        let keys =
            store.series(&Selector { field: Some(field), ..Selector::default() }).expect("the store lists");
        let window = Window { start_ms: base_ms, end_ms: base_ms + next * LINES };
        let samples = store.read(&keys[0], window, 0).expect("the store reads");
        let times = samples.iter().map(|sample| sample.t_ms - base_ms);
        // A request that a kill met is there whole or not at all.
        let there: BTreeSet<i64> = times.clone().map(|t_ms| t_ms / LINES).collect();
        let whole = there.iter().flat_map(|request| request * LINES..(request + 1) * LINES);
        assert!(times.eq(whole), "{field}: each sample is there once");
        let expected = there.iter().filter(|request| !doubtful.contains(request));
        assert!(expected.eq(&acknowledged), "{field}: what was acknowledged is stored");
    }
}

#[test]
fn a_flipped_bit_in_the_journal_costs_one_request_and_check_log_and_file_say_so() {
    let mut collector = Collector::start();
    let token = std::fs::read_to_string(collector.token_file()).expect("the token").trim().to_owned();
    let base_ms = now_ms() - 60_000;
    for n in 0..5 {
        let url = format!("{}/api/v2/write?precision=ms", collector.url);
        let request = ureq::post(url).header("authorization", format!("Bearer {token}"));
        request.send(format!("m text=\"needle {n}\" {}", base_ms + n)).expect("it is taken");
    }
    collector.kill();
    let segments = std::fs::read_dir(collector.data().join("journal")).expect("the journal");
    let segment = segments.map(|entry| entry.expect("an entry").path()).max().expect("a segment");
    let mut bytes = std::fs::read(&segment).expect("it can be read");
    let hit = bytes.windows(8).position(|bytes| bytes == b"needle 2").expect("it is written as it is");
    bytes[hit] ^= 1;
    std::fs::write(&segment, bytes).expect("it can be written");

    let check = || run(&["check", "--chunks", "--data", collector.data_text()]);
    let said = check();
    let page = String::from_utf8_lossy(&said.stdout).into_owned();
    let name = segment.display().to_string();
    assert!(page.contains(&format!("the journal `{name}` is damaged from byte")), "{page}");
    assert_eq!(said.status.code(), Some(1), "{page}");

    // Whoever writes next makes chunks of what is left behind.
    let next = run(&["run", "--data", collector.data_text(), "--idle", "0s", "--", "sleep", "2"]);
    let log = String::from_utf8_lossy(&next.stderr);
    assert!(log.contains("is damaged from byte") && log.contains("were salvaged"), "{log}");
    assert!(log.contains(&format!("kept as `{name}.damaged`")) && !log.contains("not acknowledged"), "{log}");
    let key = collector.store().series(&Selector { measurement: Some("m"), ..Selector::default() });
    let window = Window { start_ms: base_ms, end_ms: base_ms + 10 };
    let samples =
        collector.store().read(&key.expect("the store lists")[0], window, 0).expect("the store reads");
    let there: Vec<i64> = samples.iter().map(|sample| sample.t_ms - base_ms).collect();
    assert_eq!(there, [0, 1, 3, 4]);
    let page = String::from_utf8_lossy(&check().stdout).into_owned();
    assert!(
        page.contains(&format!("`{name}.damaged` was damaged")) && !page.contains("are damaged"),
        "{page}"
    );
}

#[test]
fn what_was_acknowledged_is_stored_though_the_collector_is_killed_again_and_again() {
    killed("", kills(), 90);
}

#[test]
fn what_was_acknowledged_is_stored_with_immediate_durability_too() {
    // Each acknowledgement waits for the disk, which other programs write to as well.
    killed("durability = \"immediate\"\n", kills() / 10, 900);
}

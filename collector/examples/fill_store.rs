//! Fills a data directory as a cluster would have: `fill_store DIR NODES DAYS INTERVAL_S`. Twelve metrics a
//! node, from which a report is made: what `docs/report-cost.md` measures.

use picollect_store as store;
use picollect_store::location::{Location, Secrets};
use picollect_store::{Durability, Maintenance};
use picollect_telemetry::line::{Precision, decode};

/// Samples that are written at once: an hour of a node at ten seconds.
const BATCH_STEPS: i64 = 360;
/// Midnight UTC, 16 November 2026.
const START_MS: i64 = 1_794_787_200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, directory, nodes, days, interval_s] = arguments.as_slice() else {
        return Err("usage: fill_store DIR-OR-URL NODES DAYS INTERVAL_S".into());
    };
    let (nodes, days, interval_s): (i64, i64, i64) = (nodes.parse()?, days.parse()?, interval_s.parse()?);
    let here = || Location::Embedded(directory.into());
    let store = store::connect(
        &directory.parse().unwrap_or_else(|_| here()),
        &Secrets::default(),
        Durability::default(),
    )?;
    let steps = days * 86_400 / interval_s;
    let mut samples = 0;
    for batch in 0..=steps / BATCH_STEPS {
        let lines: String = (0..nodes)
            .flat_map(|node| (0..BATCH_STEPS).map(move |step| (node, batch * BATCH_STEPS + step)))
            .filter(|(_, step)| *step < steps)
            .map(|(node, step)| lines(node, step, interval_s))
            .collect();
        samples += store.append(&decode(lines.as_bytes(), Precision::Milliseconds, 0).points)?.written;
    }
    let size = store.maintenance().map(Maintenance::size_bytes).transpose()?;
    let size = size.map(|bytes| format!(", {:.1} MB", bytes as f64 / 1e6));
    println!("{samples} samples{}", size.unwrap_or_default());
    Ok(())
}

/// Twelve fields of a node that works by day and gets hot.
fn lines(node: i64, step: i64, interval_s: i64) -> String {
    let at_s = step * interval_s;
    let t = START_MS + at_s * 1000;
    let busy = if (at_s / 3600) % 24 >= 12 { 1.0 } else { 0.05 };
    let wave = ((at_s % 600) as f64 / 600.0 - 0.5) * 0.3;
    let (watts, temp_c) = (2.5 + 3.5 * busy + wave, 40.0 + 35.0 * busy + 4.0 * wave + node as f64 * 0.2);
    let hot = i64::from(node == 3 && busy > 0.5 && at_s % 7200 < 300);
    let hz = if hot == 1 { 1.2e9 } else { 1.5e9 };
    let joules = 4.25 * at_s as f64;
    format!(
        "agent,host=pi-{node} interval_s={interval_s} {t}\n\
         thermal,host=pi-{node},zone=thermal_zone0 temp_c={temp_c:.3} {t}\n\
         cpu,host=pi-{node},core=all busy_ratio={busy},cores=4i {t}\n\
         clock,host=pi-{node},core=arm measured_hz={hz},max_hz=1500000000 {t}\n\
         throttle,host=pi-{node},origin=mailbox throttled={hot}i {t}\n\
         power,host=pi-{node},boundary=node,meter=ina219,source=measured joules={joules},metered_s={at_s},\
         since_ms={START_MS}i,watts={watts:.4},watts_max={watts:.4} {t}\n"
    )
}

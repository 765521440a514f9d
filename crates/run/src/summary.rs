//! Several runs of one command together: median and spread of repetitions, and what a sweep found.

use picollect_settings::exit::Failure;

use super::plan::{CLOCK_LABEL, Plan, Sweep};
use picollect_analysis::report::numbers::si_spaced;
use picollect_analysis::requests::RunRequest;
use picollect_analysis::runs::Run;
use picollect_analysis::scaling::ScalingRequest;
use picollect_client::Source;

/// What there is to say beyond each run's own verdict; empty for a single run.
pub(super) fn of(source: &Source, plan: &Plan, done: &[Run]) -> Result<String, Failure> {
    let mut text = String::new();
    if plan.repeat > 1 {
        for (step, runs) in plan.steps.iter().zip(done.chunks(plan.repeat)) {
            text += &spread(step.value(), &figures(source, runs)?);
        }
    }
    match plan.sweep {
        Some(Sweep::Nodes) => {
            let ids: Vec<&str> = done.iter().map(|run| run.id.as_str()).collect();
            let request = ScalingRequest { runs: ids.join(","), ..ScalingRequest::default() };
            text += &source.ask_written(&request)?.text;
        }
        Some(Sweep::Clock) => text += &clocks(&figures(source, done)?),
        None => {}
    }
    Ok(text)
}

/// The figures of a run that a comparison shows.
#[derive(Debug, Clone, Default, PartialEq)]
struct Figures {
    mhz: String,
    rate: Option<f64>,
    rate_per_w: Option<f64>,
    joules: Option<f64>,
    seconds: f64,
    unit: String,
    unit_per_w: String,
}

fn figures(source: &Source, runs: &[Run]) -> Result<Vec<Figures>, Failure> {
    runs.iter().map(|run| figures_of(source, run)).collect()
}

fn figures_of(source: &Source, run: &Run) -> Result<Figures, Failure> {
    let judged = source.ask(&RunRequest { id: run.id.clone(), ..RunRequest::default() })?;
    let result = judged.result.unwrap_or_default();
    Ok(Figures {
        mhz: run.labels.get(CLOCK_LABEL).cloned().unwrap_or_default(),
        rate: result.rate,
        rate_per_w: result.rate_per_w,
        joules: judged.energy_to_solution_j,
        seconds: judged.window.seconds,
        unit: result.unit,
        unit_per_w: result.unit_per_w,
    })
}

fn spread(step: &str, figures: &[Figures]) -> String {
    let of = if step.is_empty() { String::new() } else { format!(" at {step}") };
    let mut text = format!("{} runs{of}, median (least to greatest):\n", figures.len());
    let (unit, unit_per_w) =
        figures.first().map_or(("", ""), |it| (it.unit.as_str(), it.unit_per_w.as_str()));
    let mut line = |name: &str, values: Vec<Option<f64>>, unit: &str| {
        let known: Vec<f64> = values.iter().copied().flatten().collect();
        let missing = values.len() - known.len();
        let Some([median, least, greatest]) = median_and_ends(known) else { return };
        let [median, least, greatest] = [median, least, greatest].map(|value| si_spaced(Some(value), unit));
        let missing = if missing > 0 { format!(", not known of {missing}") } else { String::new() };
        text += &format!("  {name:<9} {median} ({least} to {greatest}){missing}\n");
    };
    line("time", figures.iter().map(|it| Some(it.seconds)).collect(), "s");
    line("rate", figures.iter().map(|it| it.rate).collect(), unit);
    line("per watt", figures.iter().map(|it| it.rate_per_w).collect(), unit_per_w);
    line("energy", figures.iter().map(|it| it.joules).collect(), "J");
    text
}

fn median_and_ends(mut values: Vec<f64>) -> Option<[f64; 3]> {
    values.sort_by(f64::total_cmp);
    let (least, greatest) = (*values.first()?, *values.last()?);
    let (lower, upper) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    Some([f64::midpoint(lower, upper), least, greatest])
}

/// A line for each clock, and the clock that does most per watt.
fn clocks(figures: &[Figures]) -> String {
    let mut text = format!("{:>6}  {:>16}  {:>18}  {:>12}\n", "MHz", "rate", "per watt", "energy");
    for it in figures {
        let (rate, per_w) = (si_spaced(it.rate, &it.unit), si_spaced(it.rate_per_w, &it.unit_per_w));
        text += &format!("{:>6}  {rate:>16}  {per_w:>18}  {:>12}\n", it.mhz, si_spaced(it.joules, "J"));
    }
    let best = figures.iter().filter_map(|it| Some((it.rate_per_w?, it)));
    match best.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((per_w, it)) => {
            text + &format!("best: {} MHz with {}\n", it.mhz, si_spaced(Some(per_w), &it.unit_per_w))
        }
        None => text + "best: not known, because no run has a rate and a power figure\n",
    }
}

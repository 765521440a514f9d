//! `picollect demo`: a cluster on one machine. One real agent for this machine, four simulated nodes
//! (agent processes too), a built-in load, and the report at the end.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::time::Duration;

use anyhow::Context as _;
use picollect_evaluate::Window;
use picollect_evaluate::energy::{EnergyPoint, of_epochs};
use picollect_telemetry::catalogue::{SIM_FLOP, SIM_SINCE_MS};

use crate::live;
use crate::up::Site;
use crate::workload::Workload;
use picollect_analysis::report::{self, Report};
use picollect_analysis::request::Sources;
use picollect_analysis::runs::{self, Run, Share};
use picollect_collector::server::{self, told_to_stop};
use picollect_config::Config;
use picollect_config::store_spec::StoreSpec;
use picollect_query::{AROUND_MS, numbers, series_of, whole};
use picollect_settings::duration::shown;
use picollect_settings::output::complain;
use picollect_settings::time::{millis, now_ms};
use picollect_store::{SeriesKey, Store, StoreError};

/// Thermal resistance of each simulated node, K/W; the last one is the badly cooled one.
const COOLING_K_PER_W: [f64; 4] = [5.0, 5.5, 5.2, 11.0];
/// The load begins after this share of the time, so that there is an idle figure to compare with.
const IDLE_SHARE: f64 = 0.15;
/// The load ends with this share of the time left.
const TAIL_SHARE: f64 = 0.1;
/// A chip has cooled down in some seconds; longer idle stretches show nothing new.
const LONGEST_IDLE: Duration = Duration::from_secs(10);

/// The kind and the name of the real load.
const LOAD: &str = "load";
const LOAD_NAME: &str = "built-in load";

/// How to run it.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How long it measures: idle, load, and idle again.
    pub length: Duration,
    /// The agents' sampling interval.
    pub interval: Duration,
    /// Where to keep the data; `None` throws it away.
    pub keep: Option<PathBuf>,
    /// Where samples lie; `None` is with the data.
    pub store: Option<StoreSpec>,
    /// Whether nodes and page stay after the report, until a signal.
    pub stay: bool,
}

/// Runs the demo and shows its report; a signal ends it early, with the report so far. Its page is open to everybody on
/// this machine.
pub(crate) async fn demo(
    options: &Options,
    show: impl FnOnce(&Report) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    let temporary = tempfile::Builder::new().permissions(private).tempdir();
    let temporary = temporary.context("cannot make a temporary directory")?;
    let data = options.keep.as_deref().unwrap_or(temporary.path());
    let store = options.store.clone();
    let serving = server::Options { store, open_page: true, ..server::Options::default() };
    let mut site = Site::start(data, "127.0.0.1:0", &serving).await?;
    if options.stay || io::stderr().is_terminal() {
        complain(format_args!("its page in the browser: {}/", site.url()));
    }
    let window = run_cluster(&mut site, options, temporary.path()).await?;
    let (store, config) = (site.store(), Config::default());
    let sources = Sources { store: store.as_ref(), config: &config, now_ms: window.end_ms };
    show(&report::build(&sources, window)?)?;
    if options.stay {
        complain(format_args!("the page stays at {}/ until Ctrl-C", site.url()));
        told_to_stop().await?;
    }
    site.stop().await
}

/// From the start of the agents to the last sample of each; gives that window.
async fn run_cluster(site: &mut Site, options: &Options, scratch: &Path) -> anyhow::Result<Window> {
    let idle = options.length.mul_f64(IDLE_SHARE).min(LONGEST_IDLE);
    let tail = options.length.mul_f64(TAIL_SHARE).min(LONGEST_IDLE);
    let start_ms = now_ms();
    let planned = Window {
        start_ms: start_ms + millis(idle),
        end_ms: start_ms + millis(options.length.saturating_sub(tail)),
    };
    let this_machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let interval = shown(options.interval);
    site.start_agent(&this_machine, &["--name", &this_machine, "--interval", &interval])?;
    for (number, cooling) in (1..).zip(COOLING_K_PER_W) {
        start_simulated(site, number, cooling, planned, &interval, scratch)?;
    }

    let view = tokio::spawn(live::draw(site.collector(), format!("sim-{}", COOLING_K_PER_W.len())));
    let mut stop = pin!(told_to_stop());
    let busy = load(site, planned, &this_machine, stop.as_mut()).await?;
    if busy.is_some_and(|busy| busy.end_ms >= planned.end_ms) {
        sleep_until(start_ms + millis(options.length), stop.as_mut()).await?;
    }
    // The page of nodes that stay shows them at work.
    if !options.stay {
        site.stop_agents().await?;
    }
    view.abort();
    if let Some(busy) = busy {
        record_simulated(site, busy)?;
    }
    Ok(Window { start_ms, end_ms: now_ms() })
}

fn start_simulated(
    site: &mut Site,
    number: usize,
    cooling_k_per_w: f64,
    busy: Window,
    interval: &str,
    scratch: &Path,
) -> anyhow::Result<()> {
    let name = format!("sim-{number}");
    let Window { start_ms, end_ms } = busy;
    let text = format!(
        "name = \"{name}\"\ninterval = \"{interval}\"\n\n[simulate]\ncooling_k_per_w = {cooling_k_per_w:?}\n\
         busy_from_ms = {start_ms}\nbusy_until_ms = {end_ms}\n"
    );
    let file = scratch.join(format!("{name}.toml"));
    fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    site.start_agent(&name, &["--config", &file.to_string_lossy()])
}

/// Waits for the planned beginning, works until the planned end or a signal, and keeps the run; `None`
/// if a signal came before the beginning. The time that it really took.
async fn load(
    site: &Site,
    planned: Window,
    host: &str,
    mut stop: Pin<&mut impl Future<Output = std::io::Result<()>>>,
) -> anyhow::Result<Option<Window>> {
    if sleep_until(planned.start_ms, stop.as_mut()).await? {
        return Ok(None);
    }
    let work = Workload::start().context("cannot start the load")?;
    let start_ms = now_ms();
    // So that the panel has its page while the run lasts.
    runs::begin(site.store().as_ref(), &Run::load_id(LOAD, start_ms), LOAD_NAME, start_ms)?;
    sleep_until(planned.end_ms, stop).await?;
    let flop = work.finish();
    let window = Window { start_ms, end_ms: now_ms() };
    if flop.is_none() {
        tracing::error!("the load computed a wrong result; it counts no work");
    }
    let shares = vec![Share { host: host.to_owned(), flop }];
    site.record(&Run::of_load(LOAD, LOAD_NAME, host, window.into(), shares))?;
    Ok(Some(window))
}

/// Sleeps until a wall time or a signal; says whether it was a signal.
async fn sleep_until(
    t_ms: i64,
    stop: Pin<&mut impl Future<Output = std::io::Result<()>>>,
) -> anyhow::Result<bool> {
    let wait = Duration::from_millis(u64::try_from(t_ms - now_ms()).unwrap_or(0));
    tokio::select! {
        () = tokio::time::sleep(wait) => Ok(false),
        stopped = stop => { stopped?; Ok(true) }
    }
}

/// Keeps the simulated nodes' work as a run of its own: what is simulated is never mixed with what is
/// real.
fn record_simulated(site: &Site, window: Window) -> anyhow::Result<()> {
    let store = site.store();
    let hosts = (1..=COOLING_K_PER_W.len()).map(|number| format!("sim-{number}"));
    let shares = hosts.map(|host| {
        let flop = work_of(store.as_ref(), &host, window)?;
        Ok(Share { host, flop })
    });
    let shares = shares.collect::<Result<Vec<_>, StoreError>>()?;
    let run = Run::of_load("sim", "simulated load", "", window.into(), shares);
    site.record(&Run { simulated: true, ..run })
}

/// The operations that a simulated node counted in a window.
fn work_of(store: &dyn Store, host: &str, window: Window) -> Result<Option<f64>, StoreError> {
    let Some(flop) = series_of(store, host, &SIM_FLOP, window, AROUND_MS)?.into_iter().next() else {
        return Ok(None);
    };
    let since = SeriesKey { field: SIM_SINCE_MS.field.into(), ..flop.key };
    let since = numbers(store, &since, window, AROUND_MS)?;
    let points = flop.samples.iter().zip(&since).map(|(total, since)| {
        let (t_ms, since_ms) = (total.t_ms, whole(since.value));
        let metered_s = (t_ms - since_ms) as f64 / 1000.0;
        EnergyPoint { t_ms, since_ms, total: total.value, metered_s }
    });
    Ok(of_epochs(&points.collect::<Vec<_>>(), window).map(|work| work.joules))
}

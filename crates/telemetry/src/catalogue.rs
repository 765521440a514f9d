//! The one table of every metric: names on the wire, unit, kind, tags and meaning.
//!
//! Agents write through it and the collector reads through it, so a renamed metric is renamed on both
//! sides at once; the Prometheus names and the documentation page are made from it.
//!
//! Beside the tags named here every series carries `host` and `cluster`, and every series of a simulated
//! node `simulated=true`. Three things are no node, and so their series have no `host`: a run, a wall
//! meter that the collector itself asks or whose log was imported, and a collector.

use crate::exposition;

/// The tag that names the node.
pub const HOST: &str = "host";
/// The tag that names the cluster.
pub const CLUSTER: &str = "cluster";
/// The tag that tells collectors apart in what they say of themselves: the name of the machine.
pub const COLLECTOR: &str = "collector";
/// The tag that marks everything a simulated node says.
pub const SIMULATED: &str = "simulated";
/// The field that stands in any measurement in place of its values and says why they are missing
/// ([`NoData::code`](crate::NoData::code)).
pub const NO_DATA: &str = "no_data";

/// The rail of [`VOLTS`] that is the board's input, where the board measures it.
pub const EXT5V: &str = "ext5v";
/// Below this a Pi 5 gets too little at its input, volts: boards have failed at 4.9 V with every throttle flag clear.
pub const LOW_EXT5V_VOLTS: f64 = 4.9;

/// How a metric's values relate to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value of its moment.
    Gauge,
    /// What was added since the sample before: may itself be added over time.
    Delta,
    /// A running total; starts at zero again with a new epoch or boot.
    Counter,
    /// A number that stands for a condition: 0 no, 1 yes.
    State,
    /// A text; only where the store can hold one.
    Text,
}

impl Kind {
    /// What Prometheus calls such a metric; `None` for a text, which it cannot hold.
    pub fn exposed(self) -> Option<exposition::Kind> {
        match self {
            Self::Counter => Some(exposition::Kind::Counter),
            Self::Gauge | Self::Delta | Self::State => Some(exposition::Kind::Gauge),
            Self::Text => None,
        }
    }

    /// One word for the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Delta => "delta",
            Self::Counter => "counter",
            Self::State => "state",
            Self::Text => "text",
        }
    }
}

/// A metric: where its values stand on the wire, in which unit, and what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The line protocol's measurement.
    pub measurement: &'static str,
    /// The line protocol's field; its last word is the unit.
    pub field: &'static str,
    /// The SI unit, or `1` for a plain number.
    pub unit: &'static str,
    /// Gauge, counter or state.
    pub kind: Kind,
    /// The tags beside `host` and `cluster`.
    pub tags: &'static [&'static str],
    /// What it means, in one sentence.
    pub help: &'static str,
}

impl Metric {
    /// The name under which the metric stands in Prometheus' text format.
    pub fn prometheus_name(&self) -> String {
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("picollect_{}_{}{total}", self.measurement, self.field)
    }
}

macro_rules! metrics {
    ($($name:ident = $measurement:literal . $field:literal, $unit:literal, $kind:ident, [$($tag:literal),*], $help:literal;)+) => {
        $(#[doc = $help] pub static $name: Metric = Metric {
            measurement: $measurement, field: $field, unit: $unit, kind: Kind::$kind, tags: &[$($tag),*], help: $help,
        };)+

        /// Every metric, in the order of the documentation.
        pub static METRICS: &[&Metric] = &[$(&$name),+];
    };
}

metrics! {
    TEMP = "thermal"."temp_c", "°C", Gauge, ["zone"], "Temperature of a thermal zone, which is called by its type: `cpu-thermal` of a Pi is the processor, `firmware` what its firmware reads there, `x86_pkg_temp`, `coretemp`, `k10temp` and `zenpower` a PC's processor, `ambient` the air around it. Where the kernel says no type it is `thermal_zone0`.";

    LOAD_1 = "load"."load1", "1", Gauge, [], "Load average over one minute.";
    LOAD_5 = "load"."load5", "1", Gauge, [], "Load average over five minutes.";
    LOAD_15 = "load"."load15", "1", Gauge, [], "Load average over fifteen minutes.";
    RUNNABLE = "load"."runnable", "1", Gauge, [], "Tasks that run or wait for a processor.";

    BUSY = "cpu"."busy_ratio", "1", Gauge, ["core"], "Share of the time since the last sample in which the core worked; core `all` is the mean.";
    CORES = "cpu"."cores", "1", Gauge, ["core"], "Number of cores that are online; only on core `all`.";
    CPU_USER = "cpu"."user_ratio", "1", Gauge, ["core"], "Share of all time since the last sample, stolen time included, in programs, niced ones too; this and the next four only on core `all`.";
    CPU_SYSTEM = "cpu"."system_ratio", "1", Gauge, ["core"], "Share of all time since the last sample in the kernel.";
    CPU_IOWAIT = "cpu"."iowait_ratio", "1", Gauge, ["core"], "Share of all time since the last sample idle while a disk was waited for.";
    CPU_IRQ = "cpu"."irq_ratio", "1", Gauge, ["core"], "Share of all time since the last sample in interrupts and soft interrupts.";
    CPU_STEAL = "cpu"."steal_ratio", "1", Gauge, ["core"], "Share of all time since the last sample that a hypervisor gave to others.";

    PRESSURE_SOME = "pressure"."some_s", "s", Counter, ["resource"], "Time since boot in which at least one task waited for the resource (cpu, memory, io).";
    PRESSURE_FULL = "pressure"."full_s", "s", Counter, ["resource"], "Time since boot in which every task that had work waited for the resource; not of cpu.";

    REQUESTED_HZ = "clock"."requested_hz", "Hz", Gauge, ["core"], "Clock that the kernel asked for; the firmware may give less without telling it.";
    MEASURED_HZ = "clock"."measured_hz", "Hz", Gauge, ["core"], "Clock that the core really runs at.";
    MAX_HZ = "clock"."max_hz", "Hz", Gauge, ["core"], "Highest clock that the core may run at.";
    MIN_LIMIT_HZ = "clock"."min_limit_hz", "Hz", Gauge, ["core"], "Lowest clock that somebody set for the kernel to ask for.";
    MAX_LIMIT_HZ = "clock"."max_limit_hz", "Hz", Gauge, ["core"], "Highest clock that somebody set for the kernel to ask for; under `max_hz` the core was slowed down on purpose.";

    VOLTS = "voltage"."volts", "V", Gauge, ["rail"], "Voltage of a supply rail as the firmware states it; rail `core` is what it asks its regulator for, not a measurement, and `ext5v` is measured at the input of a Pi 5 or Compute Module 5, which is low below 4.9 V.";

    MEM_TOTAL = "memory"."total_bytes", "B", Gauge, [], "Memory that the kernel manages.";
    MEM_AVAILABLE = "memory"."available_bytes", "B", Gauge, [], "Memory that programs could still get without swapping.";
    SWAP_TOTAL = "memory"."swap_total_bytes", "B", Gauge, [], "Swap space.";
    SWAP_FREE = "memory"."swap_free_bytes", "B", Gauge, [], "Swap space that is free.";
    OOM_KILLS = "memory"."oom_kills", "1", Counter, [], "Programs that the kernel killed for want of memory since boot.";

    DISK_READ_BYTES = "disk"."read_bytes", "B", Counter, ["disk"], "Bytes read from a whole disk since boot.";
    DISK_WRITTEN_BYTES = "disk"."written_bytes", "B", Counter, ["disk"], "Bytes written to a whole disk since boot.";
    DISK_READS = "disk"."reads", "1", Counter, ["disk"], "Read operations completed since boot.";
    DISK_WRITES = "disk"."writes", "1", Counter, ["disk"], "Write operations completed since boot.";
    DISK_BUSY = "disk"."busy_s", "s", Counter, ["disk"], "Time since boot in which the disk had something to do.";

    FLASH_LIFE = "flash"."life_used_ratio", "1", Gauge, ["disk"], "Share of its rated life that an eMMC has used, at most, by its own estimate in steps of 0.1; 1.1 is beyond it. Absent where it does not tell, as most SD cards.";
    FLASH_PRE_EOL = "flash"."pre_eol", "1", State, ["disk"], "Its reserved blocks: 1 normal, 2 four fifths are used, 3 nine tenths are.";

    FS_SIZE = "filesystem"."size_bytes", "B", Gauge, ["mount"], "Size of the file system.";
    FS_AVAILABLE = "filesystem"."available_bytes", "B", Gauge, ["mount"], "Space that an ordinary user could still fill.";
    FS_READ_ONLY = "filesystem"."read_only", "1", State, ["mount"], "1 where the file system can only be read, as images always are: it cannot fill up, and has no size here. Absent where it can be written.";

    NET_RX_BYTES = "network"."rx_bytes", "B", Counter, ["interface"], "Bytes received since boot.";
    NET_TX_BYTES = "network"."tx_bytes", "B", Counter, ["interface"], "Bytes sent since boot.";
    NET_RX_ERRORS = "network"."rx_errors", "1", Counter, ["interface"], "Frames received with an error since boot.";
    NET_TX_ERRORS = "network"."tx_errors", "1", Counter, ["interface"], "Frames that could not be sent since boot.";
    NET_RX_DROPPED = "network"."rx_dropped", "1", Counter, ["interface"], "Received frames dropped since boot.";
    NET_TX_DROPPED = "network"."tx_dropped", "1", Counter, ["interface"], "Frames dropped before sending since boot.";
    NET_LINK = "network"."link", "1", State, ["interface"], "The interface has a link: cable and peer, or an access point.";
    NET_LINK_SPEED = "network"."link_bit_per_s", "bit/s", Gauge, ["interface"], "Speed of the link, where the driver knows it and while there is a link.";

    JOULES = "power"."joules", "J", Counter, ["boundary", "meter", "source"], "Energy since the epoch `since_ms`, integrated on the node at the meter's own rate.";
    METERED_S = "power"."metered_s", "s", Counter, ["boundary", "meter", "source"], "Seconds that `joules` covers.";
    SINCE_MS = "power"."since_ms", "ms", Gauge, ["boundary", "meter", "source"], "The epoch: Unix time at which `joules` and `metered_s` were zero; new at each start of the agent.";
    WATTS = "power"."watts", "W", Gauge, ["boundary", "meter", "source"], "Mean power since the last sample.";
    WATTS_MIN = "power"."watts_min", "W", Gauge, ["boundary", "meter", "source"], "Least power read since the last sample.";
    WATTS_MAX = "power"."watts_max", "W", Gauge, ["boundary", "meter", "source"], "Greatest power read since the last sample.";
    COUNTER_J = "power"."counter_joules", "J", Counter, ["boundary", "meter", "source"], "Of a wall meter its own energy counter as it stands, coarse and with a beginning of its own; only to be compared with `joules`.";


    GAIN_ERROR = "meter"."gain_error", "1", Gauge, ["boundary", "meter", "source"], "Greatest error of the meter as a share of what it shows, at 25 °C; absent where nobody says.";
    OFFSET_W = "meter"."offset_w", "W", Gauge, ["boundary", "meter", "source"], "Greatest error of the meter whatever it shows, at 5 V; absent where nobody says.";
    CONVERSIONS_PER_S = "meter"."conversions_per_s", "1/s", Gauge, ["boundary", "meter", "source"], "How often the meter itself looks at the current, or its energy counter moves; published once a minute, as the two before.";

    CHARGE = "battery"."charge_ratio", "1", Gauge, ["battery"], "Charge of a battery, such as an uninterruptible supply's: 1 is full.";
    DISCHARGING = "battery"."discharging", "1", State, ["battery"], "The battery supplies the node now.";
    BATTERY_WATTS = "battery"."watts", "W", Gauge, ["battery"], "Power into or out of the battery; what the node takes only while it is discharging.";

    UNDER_VOLTAGE = "throttle"."under_voltage", "1", State, ["origin"], "Supply voltage is too low now.";
    FREQ_CAPPED = "throttle"."freq_capped", "1", State, ["origin"], "The firmware caps the Arm clock now.";
    THROTTLED = "throttle"."throttled", "1", State, ["origin"], "The firmware throttles now, by heat or low voltage.";
    SOFT_LIMIT = "throttle"."soft_limit", "1", State, ["origin"], "The soft temperature limit acts now.";
    UNDER_VOLTAGE_SINCE_BOOT = "throttle"."under_voltage_since_boot", "1", State, ["origin"], "Supply voltage was too low at some time since boot, or since somebody cleared the firmware's flag; 0 proves nothing.";
    FREQ_CAPPED_SINCE_BOOT = "throttle"."freq_capped_since_boot", "1", State, ["origin"], "The firmware capped the Arm clock at some time since boot, or since somebody cleared its flag; 0 proves nothing.";
    THROTTLED_SINCE_BOOT = "throttle"."throttled_since_boot", "1", State, ["origin"], "The firmware throttled at some time since boot, or since somebody cleared its flag; 0 proves nothing.";
    SOFT_LIMIT_SINCE_BOOT = "throttle"."soft_limit_since_boot", "1", State, ["origin"], "The soft temperature limit acted at some time since boot, or since somebody cleared the firmware's flag; 0 proves nothing.";

    NODE_INFO = "node"."info", "1", State, ["clock", "model", "serial", "version"], "Always 1; board, serial, agent version and whose clock the times follow (`node` or `collector`) are in the tags.";
    FAN_RPM = "fan"."rpm", "1/min", Gauge, ["fan"], "Speed of a fan.";

    UPTIME = "system"."uptime_s", "s", Gauge, [], "Time since boot.";
    RESET_BITS = "reset"."bits", "1", Gauge, [], "Why the board was reset the last time, in the firmware's bits: 1 over-voltage, 2 under-voltage, 4 temperature, 8 the enable pin, 16 power-on. Absent where the firmware does not tell.";
    RESET_BROWN_OUT = "reset"."brown_out", "1", State, [], "1 if the last reset was by an under-voltage, 0 if by something else that the firmware knows.";
    BOOT_INFO = "boot"."info", "1", State, ["boot"], "Always 1; the tag is a digest of the boot id and new at each boot.";

    SOFTWARE_INFO = "software"."info", "1", State, ["firmware", "governor", "kernel"], "Always 1; the tags are when a Pi's firmware was built, the governor of the first cores' clock and the kernel's release. What is not there is no tag.";

    CLOCK_SYNCHRONISED = "time"."synchronised", "1", State, [], "The kernel calls its clock synchronised.";
    CLOCK_OFFSET = "time"."offset_s", "s", Gauge, [], "What the kernel has still to add to its clock; only while it is synchronised.";
    CLOCK_MAX_ERROR = "time"."max_error_s", "s", Gauge, [], "The kernel's bound on its clock's error; only while it is synchronised.";


    LEFT_OUT = "left_out"."count", "1", Gauge, ["kind"], "How many interfaces, disks or cores this sample leaves out, because more than a bound are there; absent where none are.";

    INTERVAL_S = "agent"."interval_s", "s", Gauge, [], "Time between two samples of this agent.";
    SAMPLES = "agent"."samples", "1", Counter, [], "Samples taken since the agent started.";
    QUEUED_LINES = "agent"."queued_lines", "1", Gauge, [], "Lines that wait to be delivered.";
    DROPPED_LINES = "agent"."dropped_lines", "1", Counter, [], "Lines given up since the agent started: queue full, or refused by the collector.";
    PUSH_FAILURES = "agent"."push_failures", "1", Counter, [], "Deliveries that failed and were tried again, since the agent started.";
    AGENT_CPU = "agent"."cpu_s", "s", Counter, [], "Processor time of this agent since it started.";
    AGENT_RSS = "agent"."rss_bytes", "B", Gauge, [], "Memory of this agent that is resident.";

    RUN_START_MS = "run"."start_ms", "ms", Gauge, ["name", "run"], "Unix time at which a run began; stored when it begins. A run is of no host.";
    RUN_END_MS = "run"."end_ms", "ms", Gauge, ["name", "run"], "Unix time at which the run ended.";
    NODE_RETIRED = "retirement"."retired", "1", State, [], "1 from when somebody retired the node; it is shown again as soon as it speaks. The collector's own word.";
    NODE_UP = "health"."up", "1", State, [], "1 while the node speaks at its interval, 0 once it was silent for more than three of them. This and the next three are the collector's own word, a few times a minute for each node that it shows.";
    NODE_DOWN = "health"."down", "1", State, [], "1 once the node was silent for more than ten of its intervals.";
    COVERAGE = "health"."coverage_ratio", "1", Gauge, [], "Share of the last hour that the node's energy covers, or of the time since its meter began if that is shorter; renewed every ten minutes. Absent without a meter of ours.";
    HEADROOM = "health"."headroom_k", "K", Gauge, [], "From the temperature of the processor now up to the first at which this board slows itself down; absent for a board whose limit is not known.";
    NODE_BOARDS = "health"."boards", "1", Gauge, [], "How many boards speak under the node's name at the same time, by their boots or their meters' epochs: more than one is an alarm, and what they use in that time is not known. Absent for a node that says neither.";
    RUN_DOCUMENT = "run"."document", "1", Text, ["name", "run"], "All that is known of the run, as JSON (docs/run-format.md); stored when it has ended.";

    ENERGY_J = "energy"."joules", "J", Delta, ["boundary", "meter", "source"], "Energy of the minute that ends here, as the report computes it. This and the next four are the collector's own word.";
    ENERGY_COVERED_S = "energy"."covered_s", "s", Delta, ["boundary", "meter", "source"], "Seconds of that minute that `joules` covers.";
    ENERGY_SPEAKING_J = "energy"."speaking_joules", "J", Delta, ["boundary", "meter", "source"], "`joules` where this meter speaks for its node, else 0: what may be added over the nodes of one boundary.";
    ENERGY_PRICE = "energy"."price", "currency", Delta, ["boundary", "meter", "source"], "What `speaking_joules` cost, in the currency of the collector's `[cost]`; absent without a tariff.";
    ENERGY_CO2E_G = "energy"."co2e_g", "g", Delta, ["boundary", "meter", "source"], "CO2 equivalent of `speaking_joules`; absent without a grid intensity.";

    RESOLUTION = "resolution"."step_s", "s", Gauge, [], "Up to here the store has a point in so many seconds of what came before, and not all that came; absent where it has all. The collector's own word.";

    RESULT_RATE = "result"."rate", "1", Gauge, ["name", "run", "unit"], "What a finished run achieved, in SI units of the tag; stored once, at its end. This and the next four are the collector's own word.";
    RESULT_RATE_PER_W = "result"."rate_per_w", "1", Gauge, ["name", "run", "unit"], "The rate by mean power over the core phase, or over the whole run where that is not known.";
    RESULT_J = "result"."joules", "J", Gauge, ["name", "run", "unit"], "Energy to solution of the run, where it is covered.";
    RESULT_MEAN_W = "result"."watts", "W", Gauge, ["name", "run", "unit"], "Mean power of its nodes over the whole run.";
    RESULT_S = "result"."duration_s", "s", Gauge, ["name", "run", "unit"], "From the run's beginning to its end.";

    INGEST_BATCHES = "ingest"."batches", "1", Counter, ["collector"], "Bodies taken in since the collector started; of no host, as all that a collector says of itself.";
    INGEST_BYTES = "ingest"."bytes", "B", Counter, ["collector"], "Bytes taken in, decompressed.";
    INGEST_SAMPLES = "ingest"."samples", "1", Counter, ["collector"], "Samples written.";
    INGEST_REFUSED = "ingest"."refused", "1", Counter, ["collector"], "Lines and fields refused.";
    INGEST_OVER_LIMIT = "ingest"."over_limit", "1", Counter, ["collector"], "Samples not taken because their host or token is over a limit; agents keep them and send them again, which counts again.";
    SERVER_CONNECTIONS = "server"."connections", "1", Gauge, ["collector"], "Connections that the collector has open. What the next ones count is in docs/limits.md.";
    SERVER_REFUSED = "server"."refused_connections", "1", Counter, ["collector"], "Connections closed unread: there were too many, and all of them were being answered.";
    SERVER_SHED = "server"."shed_connections", "1", Counter, ["collector"], "Connections closed because a new one wanted their place; those without a request first.";
    SERVER_IDLE_TIMEOUTS = "server"."idle_timeouts", "1", Counter, ["collector"], "Connections closed because no further request came for a minute, as is usual.";
    SERVER_HEAD_TIMEOUTS = "server"."head_timeouts", "1", Counter, ["collector"], "Connections closed because the handshake or a request's head did not come in time.";
    SERVER_BODY_TIMEOUTS = "server"."body_timeouts", "1", Counter, ["collector"], "Connections closed because a request's body came too slowly.";
    SERVER_ANSWER_TIMEOUTS = "server"."answer_timeouts", "1", Counter, ["collector"], "Connections closed because the answer was read too slowly.";
    SERVER_BUSY = "server"."busy_answers", "1", Counter, ["collector"], "Requests told to come back, because memory or turns were taken.";
    STORE_SIZE = "store"."size_bytes", "B", Gauge, ["collector"], "Bytes that the embedded store takes.";

    ALERT_FAILURES = "alerts"."failures", "1", Counter, ["collector", "part"], "How often this part of alerting failed since the collector started: a rule that could not be asked, a receiver that could not be told (`webhook`, `ntfy`, `email`), the `heartbeat`, the `health` of the nodes, `alerts.json`. In the store only of parts that ever failed.";
    ALERT_FAILING = "alerts"."failing", "1", State, ["collector", "part"], "1 while the last try of this part failed.";

    SIM_JOULES = "simulation"."joules_exact", "J", Counter, [], "The simulator's own exact energy integral since `since_ms`: what `power.joules` is checked against.";
    SIM_SINCE_MS = "simulation"."since_ms", "ms", Gauge, [], "The epoch of the simulator's totals.";
    SIM_FLOP = "simulation"."flop", "FLOP", Counter, [], "Work done by the simulated cores since `since_ms`.";
}

/// The metric with these names, if the catalogue knows it.
pub fn find(measurement: &str, field: &str) -> Option<&'static Metric> {
    METRICS.iter().copied().find(|metric| metric.measurement == measurement && metric.field == field)
}

/// The documentation page: one table row per metric, in Markdown.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Metric catalogue\n\nMade from `crates/telemetry/src/catalogue.rs`; every series also carries `host` and \
         `cluster`; the collector's own wall meters have no `host`.\n\n| measurement | field | unit | kind | tags | meaning |\n|---|---|---|---|---|---|\n",
    );
    for metric in METRICS {
        let Metric { measurement, field, unit, kind, tags, help } = metric;
        page += &format!(
            "| `{measurement}` | `{field}` | {unit} | {} | {} | {help} |\n",
            kind.as_str(),
            tags.join(", ")
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_metric_has_a_name_of_its_own_and_sorted_tags() {
        let names: HashSet<_> = METRICS.iter().map(|metric| metric.prometheus_name()).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert!(metric.tags.is_sorted(), "{metric:?}");
            assert_eq!(find(metric.measurement, metric.field), Some(*metric));
        }
    }

    #[test]
    fn metrics_of_one_measurement_share_their_tags() {
        for a in METRICS {
            for b in METRICS.iter().filter(|b| b.measurement == a.measurement) {
                assert_eq!(a.tags, b.tags, "{} and {}", a.field, b.field);
            }
        }
    }

    #[test]
    fn the_documentation_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, markdown()).expect("the page is writable");
        }
        let page = std::fs::read_to_string(path).expect("docs/metrics.md; run with UPDATE_GOLDEN=1");
        assert!(page == markdown(), "docs/metrics.md differs from the catalogue; run with UPDATE_GOLDEN=1");
    }
}

//! What `picollect check` prints: every setting with what holds and who said it, and with `--connect` what each
//! wall meter shows.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::anyhow;
use picollect_settings::duration::shown;
use picollect_settings::exit::{Failure, usage};
use picollect_settings::files;

use picollect_collector::wall::device::{Device, Reading};
use picollect_config::store_spec::StoreSpec;
use picollect_config::{
    AlertsConfig, AlternativePrice, Config, Cooling, Hardware, Limits, Origin, QueryConfig, Rate, Setting,
    WallMeter,
};
use picollect_store::location::Location;
use picollect_store::probe::{Trial, limits, probe};
use picollect_store::{Maintenance as _, Verified, open};

/// What holds beside the file: the settings that flags and variables may say too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effective {
    /// Name, value and origin, in the order in which they are printed.
    pub settings: Vec<(&'static str, Setting<String>)>,
}

/// Who said it, as it stands in brackets.
fn origin_text(origin: Origin, file: Option<&Path>) -> String {
    match origin {
        Origin::Default => "default".into(),
        Origin::File => file.map_or_else(|| "file".into(), |path| path.display().to_string()),
        Origin::Environment(name) => name.into(),
        Origin::CommandLine(flag) => flag.into(),
    }
}

/// One line for each setting, its origin in brackets.
pub(crate) fn page(effective: &Effective, config: &Config) -> String {
    let file = config.file.as_deref();
    let mut page = String::new();
    for (name, Setting { value, origin }) in &effective.settings {
        line(&mut page, name, value, &origin_text(*origin, file));
    }
    let from_file = origin_text(Origin::File, file);
    for meter in &config.wall {
        line(&mut page, "wall", &meter_text(meter), &from_file);
    }
    for (name, value) in receivers(&config.alerts) {
        line(&mut page, name, &value, &from_file);
    }
    for (name, value) in costs(config) {
        line(&mut page, name, &value, &from_file);
    }
    if config.query != QueryConfig::default() {
        line(&mut page, "query", &query_text(&config.query), &from_file);
    }
    if config.limits != Limits::default() {
        for text in limits_texts(&config.limits) {
            line(&mut page, "limits", &text, &from_file);
        }
    }
    page
}

fn line(page: &mut String, name: &str, value: &str, origin: &str) {
    // Writing into a String cannot fail.
    let _ = writeln!(page, "{name:<12} {value}  ({origin})");
}

fn query_text(query: &QueryConfig) -> String {
    let QueryConfig { max_steps, max_series, max_samples, max_memory_mib, timeout } = query;
    let timeout = shown(*timeout);
    format!(
        "at most {max_steps} steps, {max_series} series, {max_samples} samples, {max_memory_mib} MiB, {timeout}"
    )
}

fn limits_texts(limits: &Limits) -> [String; 3] {
    let of = |who, series, a_day, a_second| {
        format!("of {who} {series} series, {a_day} new ones a day, {a_second} samples a second")
    };
    let connections =
        limits.connections.map_or("as many connections as open files allow".to_owned(), |number| {
            format!("{number} connections")
        });
    [
        format!("{} MiB for the whole process, {connections}", limits.memory_mib()),
        of("a host", limits.host_series, limits.host_new_series_a_day, limits.host_samples_a_second),
        of("a token", limits.token_series, limits.token_new_series_a_day, limits.token_samples_a_second),
    ]
}

/// How often is looked and who is told; nothing where nobody is.
fn receivers(alerts: &AlertsConfig) -> Vec<(&'static str, String)> {
    let AlertsConfig { interval, off, webhook, ntfy, email, heartbeat } = alerts;
    let mut lines = Vec::new();
    lines.extend(webhook.as_ref().map(|webhook| ("alerts", format!("to the webhook at {}", webhook.url))));
    lines.extend(ntfy.as_ref().map(|ntfy| ("alerts", format!("to the ntfy topic at {}", ntfy.url))));
    lines.extend(email.as_ref().map(|email| {
        let to: Vec<String> = email.to.iter().map(|to| to.email.to_string()).collect();
        ("alerts", format!("by {}:{} to {}", email.server, email.port, to.join(", ")))
    }));
    lines.extend(heartbeat.as_ref().map(|heartbeat| {
        let every = shown(heartbeat.interval);
        ("alerts", format!("a call to {} every {every}", heartbeat.url))
    }));
    lines.extend((!off.is_empty()).then(|| ("alerts", format!("not of {}", off.join(", ")))));
    if alerts != &AlertsConfig::default() {
        lines.push(("alerts", format!("looked for every {}", shown(*interval))));
    }
    lines
}

fn meter_text(meter: &WallMeter) -> String {
    let WallMeter { name, kind, url, interval, user, accuracy, offset_w, covers, .. } = meter;
    let mut text = format!("{name}: {} at {url} every {}", kind.as_str(), shown(*interval));
    if let Some(user) = user {
        text += &format!(" as {user}");
    }
    let known = |value: Option<f64>, unit| value.map_or("unknown".into(), |value| format!("±{value} {unit}"));
    let gain = known(accuracy.map(|share| share * 100.0), "%");
    text += &format!(", gain {gain}, offset {}", known(*offset_w, "W"));
    match covers.as_slice() {
        [] => text + ", feeds the whole cluster",
        nodes => text + ", feeds " + &nodes.join(", "),
    }
}

/// The sections that only the file can hold, as far as they say anything.
fn costs(config: &Config) -> Vec<(&'static str, String)> {
    let Config { cost, supply, interconnect, cooling, .. } = config;
    let currency = cost.currency.as_deref().unwrap_or("(no currency)");
    let mut lines = Vec::new();
    let mut say = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    say("tariff", cost.tariff_per_kwh.as_ref().map(|rate| rate_text(rate, &format!("{currency} per kWh"))));
    say("grid", cost.grid_g_per_kwh.as_ref().map(|rate| rate_text(rate, "g CO2e per kWh")));
    lines.extend(hardware(&config.hardware, currency));
    let mut say = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    say("supply", supply.efficiency.map(|share| format!("{} % efficient", share * 100.0)));
    let watts = interconnect.watts.map(|watts| format!(", {watts} W")).unwrap_or_default();
    say(
        "interconnect",
        interconnect.measured.map(|measured| format!("measured: {}{watts}", measured.as_str())),
    );
    say("cooling", cooling_text(cooling));
    lines
}

/// What is said of the fans; `None` if nothing is.
fn cooling_text(Cooling { fan_w, fan_meter, behind_meter }: &Cooling) -> Option<String> {
    let fan = fan_w.map(|watts| format!("{watts} W a node")).or_else(|| fan_meter.clone());
    let behind =
        behind_meter.map(|behind| if behind { "behind the node's meter" } else { "on its own supply" });
    let said: Vec<String> = fan.into_iter().chain(behind.map(str::to_owned)).collect();
    (!said.is_empty()).then(|| format!("fan: {}", said.join(", ")))
}

fn hardware(hardware: &Hardware, currency: &str) -> Vec<(&'static str, String)> {
    let Hardware { node_price, rest_price, years, alternative } = hardware;
    let mut lines = Vec::new();
    lines.extend(node_price.map(|price| ("node price", format!("{price} {currency}"))));
    lines.extend(rest_price.map(|price| ("rest price", format!("{price} {currency}"))));
    lines.extend(years.map(|years| ("years", years.to_string())));
    lines.extend(alternative.iter().map(|other| {
        let price = match other.price {
            AlternativePrice::Hourly { per_hour } => format!("{per_hour} {currency} per hour"),
            AlternativePrice::Owned { price, years, watts } => {
                format!("{price} {currency} over {years} years, {watts} W")
            }
        };
        ("alternative", format!("{}: {} GFLOPS, {price}", other.name, other.gflops))
    }));
    lines
}

fn rate_text(rate: &Rate, unit: &str) -> String {
    match rate {
        Rate::Constant(value) => format!("{value} {unit}"),
        Rate::File(path) => format!("{unit}, over time in {}", path.display()),
    }
}

/// What can be found without asking anything: files that are named and cannot be read.
pub(crate) fn findings(config: &Config) -> Vec<String> {
    let rates = [&config.cost.tariff_per_kwh, &config.cost.grid_g_per_kwh];
    let files = rates.into_iter().flatten().filter_map(|rate| match rate {
        Rate::File(path) => Some(path),
        Rate::Constant(_) => None,
    });
    let files = files.chain(&config.tokens).chain(&config.tls_cert).chain(&config.tls_key);
    let unreadable = files.filter_map(|path| {
        std::fs::File::open(path).err().map(|error| format!("cannot read `{}`: {error}", path.display()))
    });
    let passwords = config.wall.iter().filter_map(|meter| {
        meter.credentials().err().map(|error| format!("wall meter `{}`: {error:#}", meter.name))
    });
    unreadable.chain(passwords).chain(unready(&config.alerts)).collect()
}

/// What opens something and can be read by every user of this machine.
pub(crate) fn open_to_all(data: &Path) -> impl Iterator<Item = String> {
    let paths = ["tokens.json", "codes", "agent.token", "tls/authority.key"].map(|name| data.join(name));
    let open = paths.into_iter().filter(|path| files::is_open_to_all(path));
    open.map(|path| format!("every user of this machine can read `{0}`: chmod o= {0}", path.display()))
}

/// Receivers of alerts whose secret cannot be read.
fn unready(alerts: &AlertsConfig) -> impl Iterator<Item = String> {
    let AlertsConfig { webhook, ntfy, email, .. } = alerts;
    let webhook = webhook.iter().map(|webhook| ("webhook", webhook.token().err()));
    let ntfy = ntfy.iter().map(|ntfy| ("ntfy", ntfy.token().err()));
    let email = email.iter().map(|email| ("email", email.credentials().err()));
    let all = webhook.chain(ntfy).chain(email);
    all.filter_map(|(name, error)| error.map(|error| format!("[alerts.{name}]: {error:#}")))
}

/// Asks each wall meter once; a line for each, and how many did not answer.
pub(crate) fn connect(meters: &[WallMeter]) -> (String, usize) {
    let (mut page, mut silent) = (String::new(), 0);
    for meter in meters {
        let answer = match Device::new(meter.clone()).read() {
            Ok(Reading { watts, counter_j }) => {
                let counter = counter_j.map(|joules| format!(", its counter {:.3} kWh", joules / 3.6e6));
                format!("shows {watts} W{}", counter.unwrap_or_else(|| ", has no counter".into()))
            }
            Err(error) => {
                silent += 1;
                format!("gives no reading: {error}")
            }
        };
        // Writing into a String cannot fail.
        let _ = writeln!(page, "wall meter `{}` {answer}", meter.name);
    }
    (page, silent)
}

/// Writes to the store and reads back; what there is to say, and whether it works.
pub(crate) fn try_store(spec: &StoreSpec) -> (String, bool) {
    let trial = spec.open().and_then(|store| probe(store.as_ref()));
    let (said, works) = match trial {
        Ok(Trial::Visible(after)) => {
            (format!("gives back what it takes, after {:.1} s", after.as_secs_f64()), true)
        }
        Ok(Trial::Invisible(after)) => {
            (format!("takes a sample and does not show it within {} s", after.as_secs()), false)
        }
        Ok(Trial::Refused(reason)) => (format!("refuses a sample: {reason}"), false),
        Err(error) => (format!("does not answer: {:#}", anyhow::Error::from(error)), false),
    };
    let mut page = format!("store `{}` {said}\n", spec.location);
    for limit in limits(&spec.location) {
        // Writing into a String cannot fail.
        let _ = writeln!(page, "store: {limit}");
    }
    (page, works)
}

/// What a reading of the whole store has found.
pub(crate) fn verified_text(verified: &Verified) -> String {
    let Verified { chunks, samples, segments, frames, reasons, kept_aside, .. } = verified;
    let mut page = format!(
        "store: {chunks} chunks with {samples} samples, and {segments} segments of the journal, are whole; {frames} \
         frames of the journal can be read\n"
    );
    page.extend(reasons.iter().map(|reason| format!("store: {reason}\n")));
    page.extend(kept_aside.iter().map(|path| {
        format!("store: `{path}` was damaged; what could be salvaged of it is in the store. Remove it when you like\n")
    }));
    page
}

/// Reads every chunk of an embedded store, and every frame of its journal.
pub(crate) fn read_chunks(spec: &StoreSpec) -> Result<Verified, Failure> {
    match &spec.location {
        Location::Embedded(directory) if directory.is_dir() => Ok(open(directory)?.verify()?),
        Location::Embedded(directory) => {
            Err(Failure::Runtime(anyhow!("there is no data directory `{}`", directory.display())))
        }
        elsewhere => Err(usage(anyhow!("the samples are in `{elsewhere}`, which has no chunks of ours"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_says_what_holds_and_who_said_it() {
        let text = "[[wall]]\nname = \"plug\"\nkind = \"shelly-gen1\"\nurl = \"http://p\"\naccuracy = 0.01\n\
                    [cost]\ncurrency = \"EUR\"\ntariff_per_kwh = 0.3\n[interconnect]\nmeasured = \"yes\"\n\
                    [[hardware.alternative]]\nname = \"cloud\"\nprice_per_hour = 0.1\ngflops = 50\n";
        let config: Config = picollect_settings::parse(text, "collector.toml").unwrap();
        let config = Config { file: Some("collector.toml".into()), ..config };
        let listen = Setting { value: "127.0.0.1:8650".to_owned(), origin: Origin::Default };
        let keep = Setting { value: "90days".to_owned(), origin: Origin::Environment("PICOLLECT_RETENTION") };
        let effective = Effective { settings: vec![("listen", listen), ("retention", keep)] };
        let want = "listen       127.0.0.1:8650  (default)\n\
                    retention    90days  (PICOLLECT_RETENTION)\n\
                    wall         plug: shelly-gen1 at http://p every 1s, gain ±1 %, offset unknown, feeds the whole cluster  (collector.toml)\n\
                    tariff       0.3 EUR per kWh  (collector.toml)\n\
                    alternative  cloud: 50 GFLOPS, 0.1 EUR per hour  (collector.toml)\n\
                    interconnect measured: yes  (collector.toml)\n";
        assert_eq!(page(&effective, &config), want);
        assert_eq!(findings(&config), [""; 0]);
    }

    #[test]
    fn who_is_told_of_alerts_is_shown_without_what_may_be_secret() {
        let text = "[alerts]\noff = [\"ClusterIdle\"]\n[alerts.webhook]\nurl = \"http://h/hush\"\n\
                    token_file = \"/nowhere/token\"\n[alerts.email]\nserver = \"m\"\nfrom = \"a@b\"\nto = [\"c@d\"]\n";
        let config: Config = picollect_settings::parse(text, "collector.toml").unwrap();
        let config = Config { file: Some("c.toml".into()), ..config };
        let want = "alerts       to the webhook at http://h/…  (c.toml)\nalerts       by m:587 to c@d  (c.toml)\n\
                    alerts       not of ClusterIdle  (c.toml)\nalerts       looked for every 15s  (c.toml)\n";
        assert_eq!(page(&Effective { settings: Vec::new() }, &config), want);
        assert!(
            findings(&config)[0]
                .starts_with("[alerts.webhook]: cannot read the secret file `/nowhere/token`")
        );
    }

    #[test]
    fn what_every_user_can_read_is_a_finding() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let open = || open_to_all(directory.path()).collect::<Vec<_>>();
        std::fs::write(directory.path().join("tokens.json"), "[]").unwrap();
        let set = |name: &str, mode| {
            let path = directory.path().join(name);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set("tokens.json", 0o640);
        assert_eq!(open(), [""; 0]);
        set("tokens.json", 0o644);
        assert_eq!(open().len(), 1);
        assert!(open()[0].contains("tokens.json"), "{:?}", open());
    }

    #[test]
    fn limits_of_the_file_are_shown() {
        let text = "[limits]\nmemory_mib = 256\nconnections = 100\nhost_series = 300\n";
        let config: Config = picollect_settings::parse(text, "collector.toml").unwrap();
        let config = Config { file: Some("c.toml".into()), ..config };
        let want = "limits       256 MiB for the whole process, 100 connections  (c.toml)\n\
                    limits       of a host 300 series, 2000 new ones a day, 10000 samples a second  (c.toml)\n\
                    limits       of a token 50000 series, 20000 new ones a day, 100000 samples a second  (c.toml)\n";
        assert_eq!(page(&Effective { settings: Vec::new() }, &config), want);
    }

    #[test]
    fn a_named_file_that_is_not_there_is_a_finding() {
        let text = "[cost]\ngrid_file = \"/nowhere/grid.csv\"\n";
        let config: Config = picollect_settings::parse(text, "t").unwrap();
        assert!(
            findings(&config)[0].starts_with("cannot read `/nowhere/grid.csv`"),
            "{:?}",
            findings(&config)
        );
    }
}

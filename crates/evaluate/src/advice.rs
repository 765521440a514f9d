//! From what was found on a node to what its owner can do about it.
//!
//! Facts on limits and shunts: `docs.raspberrypi.com` (frequency management and thermal control, power
//! supply) and the data sheet of the INA219.
//!
//! Invariant: advice names only what the finding bears out; where the cause is not known, it says how to
//! come to know it.

use crate::numbers::{duration, spaced};
use crate::thermal::Room;
use crate::throttle::Cause;

/// Current of a Pi 4 or 5 under load, in amperes, at which a shunt's drop is told.
const LOAD_A: f64 = 2.5;
/// What lies between 5.1 V, which the official supplies give, and 4.63 V, where a Pi reports low voltage.
const MARGIN_V: f64 = 0.47;
/// From this share of the margin on a shunt is worth a warning: cable and connectors need the rest.
const SHUNT_SHARE: f64 = 0.25;

/// Something that keeps a node from its full speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Finding {
    /// The supply's voltage is too low.
    UnderVoltage {
        /// The shunt of the node's meter in ohms, where there is one and it is known.
        shunt_ohm: Option<f64>,
    },
    /// The hard temperature limit was reached.
    ThermalHard {
        /// What the thermal model leaves to the limit at full load; `None` without a model.
        room: Option<Room>,
        /// Why it is hot.
        heat: Heat,
    },
    /// The soft temperature limit of a 3A+ or 3B+ was reached.
    ThermalSoft,
    /// Somebody lowered the highest clock that the kernel may choose.
    ClockLimited {
        /// The limit in Hz.
        limit_hz: f64,
        /// What the processor can do, in Hz.
        max_hz: f64,
    },
    /// The firmware caps the clock without heat or low voltage.
    FirmwareCap,
    /// The clock is low under load and no flag tells why.
    Inferred,
    /// A flag tells of throttling, but what could explain it is not all known.
    Unexplained,
    /// It runs at a lower clock than its peers under the same load.
    SlowerThanPeers {
        /// Its clock in Hz.
        clock_hz: f64,
        /// Its peers' median clock in Hz.
        peers_hz: f64,
    },
    /// It is hotter than its peers under the same load.
    HotterThanPeers {
        /// By how many kelvins above its peers' median.
        by_k: f64,
        /// Why it is hot.
        heat: Heat,
    },
    /// Its cooling got worse within the window, and it was not slowed down for that.
    CoolingChanged {
        /// Seconds from the window's first sample.
        after_s: f64,
        /// How much hotter it is since then at the same power, kelvins.
        by_k: f64,
    },
    /// A hypervisor gave its time to others.
    StolenTime {
        /// The share of its time, 0 to 1.
        share: f64,
    },
    /// Something runs on it while its peers rest.
    BackgroundLoad {
        /// Its busy ratio at rest, 0 to 1.
        share: f64,
        /// Its peers' median.
        peers_share: f64,
    },
}

/// Why a node is hot, as far as models of it and of its peers tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Heat {
    /// They do not.
    #[default]
    Unknown,
    /// Its cooling carries away less than its peers', in the same air.
    Sink {
        /// Its thermal resistance, K/W.
        resistance: f64,
        /// Its peers' median.
        peers: f64,
    },
    /// The air around it is warm; its cooling is as good as its peers', where there are any.
    WarmAir {
        /// Of the air by its own model, °C.
        air_c: f64,
        /// The median of its peers' models; `None` without peers.
        peers_c: Option<f64>,
    },
    /// It got worse within the window.
    Changed {
        /// Seconds from the window's first sample.
        after_s: f64,
        /// How much hotter it is since then at the same power, kelvins.
        by_k: f64,
    },
}

impl Finding {
    /// What an episode of this cause amounts to. The shunt and the room are taken where they belong to the
    /// cause.
    pub fn of_cause(cause: Cause, shunt_ohm: Option<f64>, room: Option<Room>, heat: Heat) -> Self {
        match cause {
            Cause::UnderVoltage => Self::UnderVoltage { shunt_ohm },
            Cause::ThermalHard => Self::ThermalHard { room, heat },
            Cause::ThermalSoft => Self::ThermalSoft,
            Cause::FirmwareCap => Self::FirmwareCap,
            Cause::Inferred => Self::Inferred,
            Cause::Unknown => Self::Unexplained,
        }
    }

    /// The name in reports and JSON; of an episode the name of its cause.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnderVoltage { .. } => Cause::UnderVoltage.as_str(),
            Self::ThermalHard { .. } => Cause::ThermalHard.as_str(),
            Self::ThermalSoft => Cause::ThermalSoft.as_str(),
            Self::FirmwareCap => Cause::FirmwareCap.as_str(),
            Self::Inferred => Cause::Inferred.as_str(),
            Self::Unexplained => Cause::Unknown.as_str(),
            Self::ClockLimited { .. } => "clock-limited",
            Self::SlowerThanPeers { .. } => "slower-than-peers",
            Self::HotterThanPeers { .. } => "hotter-than-peers",
            Self::CoolingChanged { .. } => "cooling-changed",
            Self::StolenTime { .. } => "stolen-time",
            Self::BackgroundLoad { .. } => "background-load",
        }
    }

    /// The smaller, the more of the others it explains.
    fn rank(self) -> u8 {
        match self {
            Self::UnderVoltage { .. } => 0,
            Self::ThermalHard { .. } => 1,
            Self::ThermalSoft => 2,
            Self::FirmwareCap => 3,
            Self::ClockLimited { .. } => 4,
            Self::CoolingChanged { .. } => 5,
            Self::StolenTime { .. } => 6,
            Self::BackgroundLoad { .. } => 7,
            Self::HotterThanPeers { .. } => 8,
            Self::Unexplained => 9,
            Self::Inferred => 10,
            Self::SlowerThanPeers { .. } => 11,
        }
    }
}

/// What is wrong with a node, why that is said, and what its owner can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// The node's name, as in its samples.
    pub host: String,
    /// The cause, with its figures; the other findings are its effects or stand in `evidence`.
    pub finding: Finding,
    /// What else was found that bears it out or stands beside it, in whole sentences; empty if nothing was.
    pub evidence: String,
    /// What to do about it, in whole sentences.
    pub what_to_do: String,
}

/// The one diagnosis of a node from everything that was found on it, in any order; `None` of nothing.
///
/// Low voltage, heat and a limited clock make a clock low, so that a low clock beside one of them is no
/// finding of its own; nor is the temperature of a node that is slowed down for its heat. Low voltage and
/// heat do not explain each other: where both were found, both are to be mended.
pub fn diagnose(host: &str, findings: &[Finding]) -> Option<Advice> {
    let cause = findings.iter().copied().min_by_key(|finding| finding.rank())?;
    let has = |wanted: fn(&Finding) -> bool| findings.iter().copied().find(wanted);
    let heat = has(|it| matches!(it, Finding::ThermalHard { .. } | Finding::ThermalSoft));
    let low_voltage = matches!(cause, Finding::UnderVoltage { .. });
    let mut evidence = Vec::new();
    let mut to_do = vec![what_to_do(cause)];
    if let Some(heat) = heat.filter(|_| low_voltage) {
        evidence.push("Low voltage and heat slowed it down, at different times.".to_owned());
        to_do.push(what_to_do(heat));
    }
    if let (Some(_), Some(Finding::HotterThanPeers { by_k, .. })) =
        (heat, has(|it| matches!(it, Finding::HotterThanPeers { .. })))
    {
        evidence.push(format!(
            "It is {by_k:.0} K hotter than its peers under the same load: it is this node{}.",
            if matches!(heat, Some(Finding::ThermalHard { heat: Heat::WarmAir { .. }, .. })) {
                "'s place"
            } else {
                " and not the room"
            }
        ));
    }
    if let Some(Finding::SlowerThanPeers { clock_hz, peers_hz }) =
        has(|it| matches!(it, Finding::SlowerThanPeers { .. })).filter(|slower| *slower != cause)
    {
        let (clock, peers) = (megahertz(clock_hz), megahertz(peers_hz));
        evidence.push(format!("That is why it runs at {clock} MHz where its peers run at {peers} MHz."));
    }
    let host = host.to_owned();
    Some(Advice { host, finding: cause, evidence: evidence.join(" "), what_to_do: to_do.join(" ") })
}

fn what_to_do(finding: Finding) -> String {
    match finding {
        Finding::UnderVoltage { shunt_ohm } => under_voltage(shunt_ohm),
        Finding::ThermalHard { room, heat } => thermal_hard(room, heat),
        Finding::ThermalSoft => "Cool it better, or raise `temp_soft_limit` in config.txt from 60 °C to at most 70 °C: \
            this model steps its clock down there already."
            .to_owned(),
        Finding::FirmwareCap => "Compare `arm_freq` and `over_voltage` in config.txt with the model's rated clock and \
            check that the power supply is the one the model asks for: the firmware caps the clock although neither \
            heat nor low voltage explains it."
            .to_owned(),
        Finding::Inferred => "Give the agent access to the firmware's flags (`/dev/vcio`, group `video`) to learn why: \
            the clock is too low under load, and no flag is known that would tell the cause."
            .to_owned(),
        Finding::Unexplained => "Let the agent read the processor's temperature and all of the firmware's flags to learn \
            why: it is throttled, but low voltage and heat could not be told apart."
            .to_owned(),
        Finding::ClockLimited { limit_hz, max_hz } => format!(
            "Raise `scaling_max_freq` if that was not meant: somebody limited its clock to {} MHz of {} MHz.",
            megahertz(limit_hz),
            megahertz(max_hz)
        ),
        Finding::SlowerThanPeers { clock_hz, peers_hz } => format!(
            "Check its frequency governor and `arm_freq` in config.txt: it runs at {} MHz where its peers run at {} MHz \
             under the same load.",
            megahertz(clock_hz),
            megahertz(peers_hz)
        ),
        Finding::HotterThanPeers { by_k, heat } => match why_hot(heat) {
            Some(why) => format!("{why} It is {by_k:.0} K hotter than its peers under the same load."),
            None => format!(
                "Check how its heat sink is mounted and whether air reaches it: it is {by_k:.0} K hotter than its peers \
                 under the same load."
            ),
        },
        Finding::CoolingChanged { after_s, by_k } => changed(after_s, by_k),
        Finding::StolenTime { share } => format!(
            "Give this virtual machine processors of its own, or measure elsewhere: its host gave {:.0} % of its time to \
             others, so that its rates and watts are not those of a whole machine.",
            share * 100.0
        ),
        Finding::BackgroundLoad { share, peers_share } => format!(
            "Look for what else runs there (`top`) and stop it before measuring: at rest it is {:.0} % busy, its peers \
             {:.0} %.",
            share * 100.0,
            peers_share * 100.0
        ),
    }
}

fn under_voltage(shunt_ohm: Option<f64>) -> String {
    let supply = "Use the supply that the model asks for and a short, thick cable";
    match shunt_ohm.map(|ohm| (ohm, ohm * LOAD_A)) {
        Some((ohm, drop_v)) if drop_v >= SHUNT_SHARE * MARGIN_V => format!(
            "{supply}, and a smaller shunt in the meter (10 to 20 mΩ): the present {} mΩ alone drop {:.0} mV at \
             {LOAD_A} A.",
            (ohm * 1000.0).round(),
            drop_v * 1000.0
        ),
        Some(_) => format!("{supply}: the voltage at the board falls below 4.63 V."),
        None => format!(
            "{supply}; if a meter with a shunt of 0.1 Ω is in the line, as on most INA219 boards, it drops 250 mV at \
             {LOAD_A} A and may be the cause itself."
        ),
    }
}

/// What to do about heat whose reason is known.
fn why_hot(heat: Heat) -> Option<String> {
    match heat {
        Heat::Unknown => None,
        Heat::Sink { resistance, peers } => Some(format!(
            "Cool it better: mount its heat sink anew or give it a better one. It heats up by {resistance:.1} K/W, its \
             peers by {peers:.1} K/W."
        )),
        Heat::WarmAir { air_c, peers_c } => Some(match peers_c {
            Some(peers_c) => format!(
                "Bring it cooler air: by its own model the air around it has {air_c:.0} °C, that around its peers \
                 {peers_c:.0} °C, and its heat sink is as good as theirs."
            ),
            None => format!(
                "Bring it cooler air: by its own model the air around it has {air_c:.0} °C, which no heat sink gets below."
            ),
        }),
        Heat::Changed { after_s, by_k } => Some(changed(after_s, by_k)),
    }
}

fn changed(after_s: f64, by_k: f64) -> String {
    format!(
        "Look for a fan that stopped or air that was blocked about {} after the window's first sample: since then it is \
         {by_k:.0} K hotter than its own model of the time before says for the same power.",
        spaced(&duration(after_s))
    )
}

fn thermal_hard(room: Option<Room>, heat: Heat) -> String {
    let above = |room_k: f64, least: &str| {
        format!(" At full load it would settle {least}{:.0} K above its limit.", -room_k)
    };
    if let Some(why) = why_hot(heat) {
        return why
            + &match room {
                Some(Room::Exactly(room_k)) if room_k < 0.0 => above(room_k, ""),
                Some(Room::AtMost(room_k)) if room_k < 0.0 => above(room_k, "at least "),
                _ => String::new(),
            };
    }
    let cool = "Cool it better, with a heat sink and moving air";
    match room {
        Some(Room::Exactly(room_k)) if room_k < 0.0 => {
            format!("{cool}: at full load it would settle {:.0} K above its limit.", -room_k)
        }
        Some(Room::AtMost(room_k)) if room_k < 0.0 => {
            format!("{cool}: at full load it would settle at least {:.0} K above its limit.", -room_k)
        }
        Some(Room::Exactly(room_k)) => format!(
            "Look for what warms it beside its own load, such as neighbours or a fan that stopped: by itself it would \
             stay {room_k:.0} K below its limit at full load."
        ),
        Some(Room::AtMost(_)) => format!(
            "{cool}: it was slowed down whenever it worked, so that nobody knows how far above its limit it would \
             settle."
        ),
        None => format!("{cool}: it reached 80 °C, where the cores step down."),
    }
}

fn megahertz(hz: f64) -> f64 {
    (hz / 1e6).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(finding: Finding) -> String {
        diagnose("pi-3", &[finding]).unwrap().what_to_do
    }

    #[test]
    fn a_shunt_is_blamed_only_if_it_drops_enough() {
        let large = advice(Finding::UnderVoltage { shunt_ohm: Some(0.1) });
        assert!(large.contains("the present 100 mΩ alone drop 250 mV at 2.5 A"), "{large}");
        let small = advice(Finding::UnderVoltage { shunt_ohm: Some(0.01) });
        assert!(small.contains("cable") && !small.contains("shunt"), "{small}");
        let unknown = advice(Finding::UnderVoltage { shunt_ohm: None });
        assert!(unknown.contains("if a meter with a shunt of 0.1 Ω is in the line"), "{unknown}");
    }

    #[test]
    fn heat_is_told_with_the_headroom_where_a_fit_gives_it() {
        let of = |room| advice(Finding::ThermalHard { room, heat: Heat::Unknown });
        assert!(of(Some(Room::Exactly(-6.4))).contains("settle 6 K above its limit"));
        assert!(of(Some(Room::AtMost(-6.4))).contains("settle at least 6 K above its limit"));
        assert!(of(Some(Room::Exactly(9.6))).contains("10 K below its limit"));
        for unknown in [of(None), of(Some(Room::AtMost(9.6)))] {
            assert!(!unknown.contains(" K ") && unknown.starts_with("Cool it"), "{unknown}");
        }
        let sink = Heat::Sink { resistance: 11.0, peers: 5.0 };
        let of = |room| advice(Finding::ThermalHard { room, heat: sink });
        assert!(of(Some(Room::Exactly(-6.4))).ends_with("At full load it would settle 6 K above its limit."));
        assert!(of(Some(Room::AtMost(-6.4))).ends_with("settle at least 6 K above its limit."));
        for none in [of(None), of(Some(Room::AtMost(9.6))), of(Some(Room::Exactly(9.6)))] {
            assert!(!none.contains("limit") && none.contains("its heat sink anew"), "{none}");
        }
    }

    #[test]
    fn peers_are_told_with_their_figures() {
        let slower = advice(Finding::SlowerThanPeers { clock_hz: 1.2e9, peers_hz: 1.5e9 });
        assert!(slower.contains("at 1200 MHz where its peers run at 1500 MHz"), "{slower}");
        assert!(advice(Finding::HotterThanPeers { by_k: 11.7, heat: Heat::Unknown }).contains("12 K hotter"));
    }

    #[test]
    fn every_cause_has_its_one_sentence_and_its_name() {
        let causes = [
            (Cause::UnderVoltage, "cable"),
            (Cause::ThermalHard, "Cool"),
            (Cause::ThermalSoft, "temp_soft_limit"),
            (Cause::FirmwareCap, "arm_freq"),
            (Cause::Inferred, "/dev/vcio"),
            (Cause::Unknown, "temperature"),
        ];
        let limited = advice(Finding::ClockLimited { limit_hz: 1e9, max_hz: 1.8e9 });
        assert!(limited.contains("limited its clock to 1000 MHz of 1800 MHz"), "{limited}");
        for (cause, word) in causes {
            let finding = Finding::of_cause(cause, None, None, Heat::Unknown);
            assert_eq!(finding.as_str(), cause.as_str());
            let text = advice(finding);
            assert!(text.contains(word) && text.ends_with('.'), "{text}");
            let whole =
                text.replace("config.txt", "").replace("4.63", "").replace("0.1", "").replace("2.5", "");
            assert_eq!(whole.matches('.').count(), 1, "{text}");
        }
    }

    const SLOWER: Finding = Finding::SlowerThanPeers { clock_hz: 1.2e9, peers_hz: 1.5e9 };
    const HOTTER: Finding = Finding::HotterThanPeers { by_k: 18.0, heat: Heat::Unknown };
    const HEAT: Finding = Finding::ThermalHard { room: Some(Room::Exactly(-15.0)), heat: Heat::Unknown };
    const LOW_VOLTAGE: Finding = Finding::UnderVoltage { shunt_ohm: None };

    #[test]
    fn a_badly_cooled_node_is_told_to_be_cooled_and_nothing_against_it() {
        for findings in [[SLOWER, HOTTER, HEAT], [HEAT, HOTTER, SLOWER]] {
            let given = diagnose("pi-4", &findings).unwrap();
            assert_eq!(given.finding, HEAT);
            assert_eq!(
                given.evidence,
                "It is 18 K hotter than its peers under the same load: it is this node and not the room. \
                 That is why it runs at 1200 MHz where its peers run at 1500 MHz."
            );
            assert!(given.what_to_do.starts_with("Cool it better"), "{given:?}");
            assert!(!format!("{given:?}").contains("governor"), "the clock is explained");
        }
        assert!(diagnose("pi-4", &[HEAT]).unwrap().evidence.is_empty());
    }

    #[test]
    fn a_low_clock_is_a_finding_only_where_nothing_explains_it() {
        let limited = Finding::ClockLimited { limit_hz: 1.2e9, max_hz: 1.5e9 };
        for cause in [LOW_VOLTAGE, HEAT, Finding::ThermalSoft, limited, Finding::FirmwareCap] {
            assert_eq!(diagnose("pi-4", &[SLOWER, cause]).unwrap().finding, cause);
        }
        let alone = diagnose("pi-4", &[SLOWER]).unwrap();
        assert!(
            alone.finding == SLOWER && alone.what_to_do.contains("governor") && alone.evidence.is_empty()
        );
        assert_eq!(diagnose("pi-4", &[HOTTER]).unwrap().finding, HOTTER);
        assert_eq!(diagnose("pi-4", &[]), None);
    }

    #[test]
    fn low_voltage_and_heat_are_both_to_be_mended() {
        let both = diagnose("pi-4", &[HEAT, LOW_VOLTAGE]).unwrap();
        assert_eq!(both.finding, LOW_VOLTAGE);
        assert!(both.what_to_do.contains("cable") && both.what_to_do.contains("Cool it better"), "{both:?}");
        assert_eq!(both.evidence, "Low voltage and heat slowed it down, at different times.");
    }
}

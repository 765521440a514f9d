//! From what was found on a node to what its owner can do about it.
//!
//! Facts on limits and shunts: `docs.raspberrypi.com` (frequency management and thermal control, power
//! supply) and the data sheet of the INA219.
//!
//! Invariant: advice names only what the finding bears out; where the cause is not known, it says how to
//! come to know it.

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
        /// What the thermal model leaves to the limit at full load, in kelvins; negative beyond it.
        headroom_k: Option<f64>,
    },
    /// The soft temperature limit of a 3A+ or 3B+ was reached.
    ThermalSoft,
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
    },
}

impl Finding {
    /// What an episode of this cause amounts to. The shunt and the headroom are taken where they belong to
    /// the cause.
    pub fn of_cause(cause: Cause, shunt_ohm: Option<f64>, headroom_k: Option<f64>) -> Self {
        match cause {
            Cause::UnderVoltage => Self::UnderVoltage { shunt_ohm },
            Cause::ThermalHard => Self::ThermalHard { headroom_k },
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
            Self::SlowerThanPeers { .. } => "slower-than-peers",
            Self::HotterThanPeers { .. } => "hotter-than-peers",
        }
    }
}

/// One sentence for the owner of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// The node's name, as in its samples.
    pub host: String,
    /// What the sentence is about, with its figures.
    pub finding: Finding,
    /// What to do about it.
    pub what_to_do: String,
}

/// The advice for each finding on a node, each finding once, in the order in which they come.
pub fn advise(host: &str, findings: &[Finding]) -> Vec<Advice> {
    let mut advice: Vec<Advice> = Vec::new();
    for &finding in findings {
        if !advice.iter().any(|given| given.finding == finding) {
            advice.push(Advice { host: host.to_owned(), finding, what_to_do: what_to_do(finding) });
        }
    }
    advice
}

fn what_to_do(finding: Finding) -> String {
    match finding {
        Finding::UnderVoltage { shunt_ohm } => under_voltage(shunt_ohm),
        Finding::ThermalHard { headroom_k } => thermal_hard(headroom_k),
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
        Finding::SlowerThanPeers { clock_hz, peers_hz } => format!(
            "Check its frequency governor and `arm_freq` in config.txt: it runs at {} MHz where its peers run at {} MHz \
             under the same load.",
            megahertz(clock_hz),
            megahertz(peers_hz)
        ),
        Finding::HotterThanPeers { by_k } => format!(
            "Check how its heat sink is mounted and whether air reaches it: it is {by_k:.0} K hotter than its peers \
             under the same load."
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

fn thermal_hard(headroom_k: Option<f64>) -> String {
    match headroom_k {
        Some(headroom_k) if headroom_k < 0.0 => format!(
            "Cool it better, with a heat sink and moving air: at full load it would settle {:.0} K above its limit.",
            -headroom_k
        ),
        Some(headroom_k) => format!(
            "Look for what warms it beside its own load, such as neighbours or a fan that stopped: by itself it would \
             stay {headroom_k:.0} K below its limit at full load."
        ),
        None => {
            "Cool it better, with a heat sink and moving air: it reached 80 °C, where the cores step down."
                .to_owned()
        }
    }
}

fn megahertz(hz: f64) -> f64 {
    (hz / 1e6).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(finding: Finding) -> String {
        advise("pi-3", &[finding])[0].what_to_do.clone()
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
        assert!(advice(Finding::ThermalHard { headroom_k: Some(-6.4) }).contains("6 K above its limit"));
        assert!(advice(Finding::ThermalHard { headroom_k: Some(9.6) }).contains("10 K below its limit"));
        let unknown = advice(Finding::ThermalHard { headroom_k: None });
        assert!(!unknown.contains(" K "), "{unknown}");
    }

    #[test]
    fn peers_are_told_with_their_figures() {
        let slower = advice(Finding::SlowerThanPeers { clock_hz: 1.2e9, peers_hz: 1.5e9 });
        assert!(slower.contains("at 1200 MHz where its peers run at 1500 MHz"), "{slower}");
        assert!(advice(Finding::HotterThanPeers { by_k: 11.7 }).contains("12 K hotter"));
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
        for (cause, word) in causes {
            let finding = Finding::of_cause(cause, None, None);
            assert_eq!(finding.as_str(), cause.as_str());
            let text = advice(finding);
            assert!(text.contains(word) && text.ends_with('.'), "{text}");
            let whole =
                text.replace("config.txt", "").replace("4.63", "").replace("0.1", "").replace("2.5", "");
            assert_eq!(whole.matches('.').count(), 1, "{text}");
        }
    }

    #[test]
    fn a_finding_that_comes_twice_is_told_once() {
        let found = [Finding::FirmwareCap, Finding::Inferred, Finding::FirmwareCap];
        let given: Vec<_> = advise("pi-3", &found).into_iter().map(|it| it.finding).collect();
        assert_eq!(given, [Finding::FirmwareCap, Finding::Inferred]);
        assert_eq!(advise("pi-3", &[]), []);
    }
}

//! What is odd about a meter's figures, said once in the log: a shunt that starves the board, one whose
//! resistance is configured wrongly, and wires that are swapped.

use picollect_telemetry::Boundary;

use crate::conversion::Conversion;
use crate::power_model::UsualPower;

/// The supply that a board wants at least; its under-voltage trips at 4.63 V ± 5 %.
const LEAST_BOARD_VOLTS: f64 = 4.75;
/// Below this it is not a board's 5 V line that is measured.
const LEAST_5_V_LINE: f64 = 4.0;
/// Conversions that are looked at before power is called odd: about ten seconds.
const ENOUGH: u32 = 150;

/// What was seen of one meter so far.
#[derive(Debug)]
pub(super) struct Doubts {
    usual: Option<UsualPower>,
    seen: u32,
    least_watts: f64,
    starving_said: bool,
}

impl Doubts {
    /// `usual` is what boards of this model take, if that is known.
    pub(super) fn new(boundary: Boundary, usual: Option<UsualPower>) -> Self {
        let usual = usual.filter(|_| boundary == Boundary::Node);
        Self { usual, seen: 0, least_watts: f64::INFINITY, starving_said: false }
    }

    /// Looks at a conversion; says each thing only once.
    pub(super) fn about(&mut self, conversion: &Conversion, watts: f64) -> Option<String> {
        self.seen = self.seen.saturating_add(1);
        self.least_watts = self.least_watts.min(watts);
        if let Some(text) = starving(conversion).filter(|_| !self.starving_said) {
            self.starving_said = true;
            return Some(text);
        }
        if self.seen == ENOUGH { odd_power(self.least_watts, self.usual) } else { None }
    }
}

fn starving(conversion: &Conversion) -> Option<String> {
    let (volts, drop) = (conversion.bus_volts, conversion.drop_volts());
    let starving = (LEAST_5_V_LINE..LEAST_BOARD_VOLTS).contains(&volts) && volts + drop >= LEAST_BOARD_VOLTS;
    starving.then(|| {
        format!(
            "the meter's own shunt starves the board: it drops {:.0} mV and leaves {volts:.2} V; use a smaller \
             shunt (10 to 20 mΩ for a Pi 4 or 5)",
            drop * 1e3
        )
    })
}

fn odd_power(least_watts: f64, usual: Option<UsualPower>) -> Option<String> {
    if least_watts < -0.1 {
        return Some(format!("the power is negative ({least_watts:.2} W): are IN+ and IN- swapped?"));
    }
    let UsualPower { idle_w, busy_w } = usual?;
    let odd = least_watts < idle_w / 4.0 || least_watts > busy_w * 2.0;
    odd.then(|| {
        format!(
            "{least_watts:.2} W is not what such a board takes ({idle_w} W idle, {busy_w} W busy): is shunt_ohm right? \
             Many boards have 0.1 Ω, some 0.01 Ω"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversion::Sense;

    fn conversion(bus_volts: f64, shunt_volts: f64) -> Conversion {
        Conversion { bus_volts, sense: Sense::ShuntVolts(shunt_volts) }
    }

    fn said(usual: Option<UsualPower>, conversion: Conversion, watts: f64) -> Vec<String> {
        let mut doubts = Doubts::new(Boundary::Node, usual);
        (0..1000).filter_map(|_| doubts.about(&conversion, watts)).collect()
    }

    #[test]
    fn a_shunt_that_starves_the_board_is_said_once() {
        let got = said(None, conversion(4.70, 0.25), 11.75);
        assert_eq!(got.len(), 1);
        assert!(got[0].contains("drops 250 mV and leaves 4.70 V"), "{got:?}");
        assert!(said(None, conversion(4.60, 0.02), 1.0).is_empty(), "the supply's own fault");
        assert!(said(None, conversion(3.3, 2.0), 1.0).is_empty(), "not a 5 V line");
    }

    #[test]
    fn power_that_is_ten_times_wrong_is_said_once() {
        let usual = Some(UsualPower { idle_w: 2.7, busy_w: 6.4 });
        for watts in [0.27, 27.0, -2.7] {
            assert_eq!(said(usual, conversion(5.1, 0.05), watts).len(), 1, "{watts}");
        }
        assert!(said(usual, conversion(5.1, 0.05), 2.9).is_empty());
        assert!(said(None, conversion(5.1, 0.05), 27.0).is_empty());
    }
}

//! What the bench can be told to do: an order is a line, a word and perhaps its arguments.

use std::str::FromStr;

use anyhow::{Context as _, bail};
use picollect_i2c_model::ina219_model::Supply;

/// What the test orders the emulated board to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    /// `start URL TOKEN`: the agent, pushing to this collector.
    Start { url: String, token: String },
    /// `kill`: SIGKILL for the agent, which is started again at once.
    Kill,
    /// `supply VOLTS AMPS`: what flows through the meter from now on.
    Supply(Supply),
    /// `brown-out`: the meter loses its power for a moment.
    BrownOut,
    /// `unplug`: the panel.
    Unplug,
    /// `plug`: the panel, which gets its power.
    Plug,
    /// `break BYTES`: the next longer write to the panel ends in an error after so many bytes.
    Break(usize),
    /// `alarm on` or `alarm off`: whether the board's supply voltage is too low.
    Alarm(bool),
    /// `energy`: say the exact energy.
    Energy,
    /// `pins`: say how the pins are.
    Pins,
    /// `usage`: say what the agent and busybox' `top`, which this starts, have used.
    Usage,
    /// `end`: the bench ends, and with it the machine.
    End,
}

impl FromStr for Order {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Ok(match words.as_slice() {
            ["start", url, token] => Self::Start { url: (*url).to_owned(), token: (*token).to_owned() },
            ["kill"] => Self::Kill,
            ["supply", volts, amps] => Self::Supply(Supply { volts: number(volts)?, amps: number(amps)? }),
            ["brown-out"] => Self::BrownOut,
            ["unplug"] => Self::Unplug,
            ["plug"] => Self::Plug,
            ["break", bytes] => Self::Break(bytes.parse().with_context(|| format!("`{bytes}` is no count"))?),
            ["alarm", "on"] => Self::Alarm(true),
            ["alarm", "off"] => Self::Alarm(false),
            ["energy"] => Self::Energy,
            ["pins"] => Self::Pins,
            ["usage"] => Self::Usage,
            ["end"] => Self::End,
            _ => bail!("`{line}` is no order"),
        })
    }
}

fn number(text: &str) -> anyhow::Result<f64> {
    let number: f64 = text.parse().with_context(|| format!("`{text}` is no number"))?;
    if !number.is_finite() {
        bail!("`{text}` is not finite");
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &str) -> Option<Order> {
        line.parse().ok()
    }

    #[test]
    fn an_order_is_a_word_with_its_arguments() {
        assert_eq!(order("supply 5.1 -0.25"), Some(Order::Supply(Supply { volts: 5.1, amps: -0.25 })));
        assert_eq!(order(" break 20\r"), Some(Order::Break(20)));
        assert_eq!(order("alarm on"), Some(Order::Alarm(true)));
        let start = Order::Start { url: "http://a:1".into(), token: "t".into() };
        assert_eq!(order("start http://a:1 t"), Some(start));
    }

    #[test]
    fn anything_else_is_refused_and_named() {
        for line in ["", "supply 5", "supply 5 nan", "break -1", "alarm", "kill 9", "reboot"] {
            let error = line.parse::<Order>().expect_err(line);
            assert!(error.to_string().contains('`'), "{error}");
        }
    }
}

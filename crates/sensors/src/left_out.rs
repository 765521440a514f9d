//! What a bound cuts off is counted and said: a list that ends without a word is taken for the whole.

use picollect_telemetry::catalogue::LEFT_OUT;

use crate::tick::Tick;

/// One bound of a sensor.
#[derive(Debug)]
pub(crate) struct LeftOut {
    /// What is left out, in one word: the tag `kind`.
    kind: &'static str,
    logged: bool,
}

impl LeftOut {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, logged: false }
    }

    /// So many were left out of this tick; none is nothing to say. The log has it once.
    pub(crate) fn say(&mut self, count: usize, tick: &mut Tick<'_>) {
        if count == 0 {
            return;
        }
        tick.point(&[("kind", self.kind)], &[(&LEFT_OUT, i64::try_from(count).unwrap_or(i64::MAX).into())]);
        if !std::mem::replace(&mut self.logged, true) {
            tracing::warn!(kind = self.kind, count, "more than are sampled; the rest is left out");
        }
    }
}

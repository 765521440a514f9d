//! Alarms: what pre-empts the pages, and until when.
//!
//! An alarm is shown, blinking, until it is over or acknowledged. An acknowledged one stays silent until it
//! is over; one that comes later is shown. Several take turns, the gravest first.
//!
//! Invariant: while no other alarm comes or goes, one that is raised and not acknowledged is on the panel
//! within one turn of all of them.

use crate::glyphs::WARNING;
use crate::pages::text;
use crate::{Frame, Size};

/// An alarm must be gone this long to count as over, so that one that flickers is one alarm. The same time
/// ends an episode of throttling.
pub const CLEAR_MS: u64 = 5_000;
/// How long each of several alarms stays.
pub const TURN_MS: u64 = 3_000;
/// One blink of the light. One a second is seen from the corner of an eye, and far below what could harm.
pub const BLINK_MS: u64 = 1_000;
/// How long of each blink the light is on: longer than off, because the text wants to be read.
const LIT_MS: u64 = 700;
/// Alarms kept at one time; a cluster in which more nodes fail needs no list on two rows. What is beyond is
/// counted, and it is the least grave.
pub const MAX_ALARMS: usize = 32;

/// What is wrong; the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A node is not heard any more: its work is lost.
    NodeDown,
    /// The supply's voltage is too low: the node may be next to go.
    UnderVoltage,
    /// The node holds its clock down.
    Throttled,
    /// The collector takes no readings.
    CollectorUnreachable,
    /// A sensor that was there does not answer.
    SensorLost,
}

impl Cause {
    /// All causes, the gravest first.
    pub const ALL: [Self; 5] =
        [Self::NodeDown, Self::UnderVoltage, Self::Throttled, Self::CollectorUnreachable, Self::SensorLost];

    /// What is wrong, in at most 13 characters.
    pub fn title(self) -> &'static str {
        match self {
            Self::NodeDown => "NODE DOWN",
            Self::UnderVoltage => "UNDER-VOLTAGE",
            Self::Throttled => "THROTTLED",
            Self::CollectorUnreachable => "NO COLLECTOR",
            Self::SensorLost => "SENSOR LOST",
        }
    }

    /// What to look at, in at most 20 characters.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::NodeDown => "see power, network",
            Self::UnderVoltage => "see supply and cable",
            Self::Throttled => "see cooling",
            Self::CollectorUnreachable => "see network",
            Self::SensorLost => "see its wires",
        }
    }
}

/// An alarm. Two are the same one if cause and node are, whatever the details say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What is wrong; of which node stands in `node`.
    pub cause: Cause,
    /// Which node; for a collector, the node that does not reach it.
    pub node: String,
    /// Whether the node is simulated.
    pub simulated: bool,
    /// What else is known, such as `81.2°C`, `4.63V` or the sensor's name; may be empty.
    pub detail: String,
}

impl Alarm {
    fn is(&self, other: &Self) -> bool {
        (self.cause, &self.node) == (other.cause, &other.node)
    }
}

/// An alarm with its place among those that are raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn<'a> {
    /// Which of the alarms has its turn.
    pub alarm: &'a Alarm,
    /// Its place, from 1.
    pub number: usize,
    /// How many are raised, the acknowledged ones among them.
    pub of: usize,
}

#[derive(Debug)]
struct Raised {
    alarm: Alarm,
    seen_ms: u64,
    acknowledged: bool,
}

/// The alarms that are raised. Times are milliseconds of any clock that never goes back.
#[derive(Debug, Default)]
pub struct Alarms {
    raised: Vec<Raised>,
    /// When the first turn began: at the latest alarm, so that it is seen at once.
    since_ms: u64,
    dropped: usize,
}

impl Alarms {
    /// Takes what is wrong now, all of it. What has been gone for [`CLEAR_MS`] is over.
    pub fn update(&mut self, current: &[Alarm], now_ms: u64) {
        for alarm in current {
            if let Some(known) = self.raised.iter_mut().find(|raised| raised.alarm.is(alarm)) {
                known.alarm.clone_from(alarm);
                known.seen_ms = now_ms;
            } else {
                self.raised.push(Raised { alarm: alarm.clone(), seen_ms: now_ms, acknowledged: false });
                self.since_ms = now_ms;
            }
        }
        self.raised.retain(|raised| now_ms.saturating_sub(raised.seen_ms) < CLEAR_MS);
        self.raised.sort_by_key(|raised| raised.alarm.cause);
        self.dropped += self.raised.len().saturating_sub(MAX_ALARMS);
        self.raised.truncate(MAX_ALARMS);
    }

    /// Silences everything that is raised now, until it is over.
    pub fn acknowledge(&mut self) {
        for raised in &mut self.raised {
            raised.acknowledged = true;
        }
    }

    /// The alarm to show, if there is one that nobody has acknowledged.
    pub fn due(&self, now_ms: u64) -> Option<Turn<'_>> {
        let loud: Vec<_> =
            self.raised.iter().enumerate().filter(|(_, raised)| !raised.acknowledged).collect();
        let turns = now_ms.saturating_sub(self.since_ms) / TURN_MS;
        let turn = turns.checked_rem(loud.len() as u64)?;
        let (index, raised) = loud.get(usize::try_from(turn).ok()?)?;
        Some(Turn { alarm: &raised.alarm, number: index + 1, of: self.raised.len() })
    }

    /// Whether the blinking light is on.
    pub fn lit(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.since_ms) % BLINK_MS < LIT_MS
    }

    /// How many raised alarms were left out since the start because [`MAX_ALARMS`] were there already,
    /// counted at every update.
    pub fn dropped(&self) -> usize {
        self.dropped
    }
}

/// Draws an alarm: what is wrong, at which node, and on a large panel where to look.
pub fn draw(turn: Turn<'_>, size: Size) -> Frame {
    let Turn { alarm, number, of } = turn;
    let mut frame = Frame::blank(size);
    let place = if of > 1 { format!("{number}/{of}") } else { String::new() };
    frame.write(0, &format!("{WARNING} {}", alarm.cause.title()));
    if size.rows < 4 {
        // The name comes first; the detail is left out whole if both do not fit.
        let node = text::labelled(alarm.simulated, &alarm.node);
        let needed = node.chars().count() + alarm.detail.chars().count() + 1;
        let place_fits = 2 + alarm.cause.title().len() + 1 + place.len() <= size.columns;
        frame.write_right(0, if place_fits { &place } else { "" });
        if needed <= size.columns && !alarm.detail.is_empty() {
            text::spread(&mut frame, 1, &node, &alarm.detail);
        } else {
            frame.write(1, &text::labelled_within(alarm.simulated, &alarm.node, size.columns));
        }
    } else {
        frame.write_right(0, &place);
        frame.write(1, &text::labelled_within(alarm.simulated, &alarm.node, size.columns));
        frame.write(2, &text::name(&alarm.detail, size.columns));
        frame.write(3, alarm.cause.remedy());
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(cause: Cause, node: &str) -> Alarm {
        Alarm { cause, node: node.into(), simulated: false, detail: String::new() }
    }

    fn due(alarms: &Alarms, now_ms: u64) -> Option<(Cause, &str, usize, usize)> {
        alarms.due(now_ms).map(|turn| (turn.alarm.cause, turn.alarm.node.as_str(), turn.number, turn.of))
    }

    #[test]
    fn the_gravest_is_shown_first_and_then_each_has_its_turn() {
        let mut alarms = Alarms::default();
        assert_eq!(alarms.due(0), None);
        alarms.update(&[alarm(Cause::SensorLost, "a"), alarm(Cause::NodeDown, "b")], 1_000);
        assert_eq!(due(&alarms, 1_000), Some((Cause::NodeDown, "b", 1, 2)));
        assert_eq!(due(&alarms, 4_000), Some((Cause::SensorLost, "a", 2, 2)));
        assert_eq!(due(&alarms, 7_000), Some((Cause::NodeDown, "b", 1, 2)));
    }

    #[test]
    fn an_acknowledged_alarm_is_silent_until_it_is_over_and_a_new_one_is_shown_at_once() {
        let (hot, down) = (alarm(Cause::Throttled, "a"), alarm(Cause::NodeDown, "b"));
        let mut alarms = Alarms::default();
        alarms.update(std::slice::from_ref(&hot), 0);
        alarms.acknowledge();
        alarms.update(std::slice::from_ref(&hot), 4_000);
        assert_eq!(alarms.due(4_000), None);
        alarms.update(&[hot.clone(), down], 8_000);
        assert_eq!(due(&alarms, 8_000), Some((Cause::NodeDown, "b", 1, 2)));
        assert_eq!(due(&alarms, 12_000), Some((Cause::NodeDown, "b", 1, 2)));
        alarms.update(&[], 13_000);
        alarms.update(&[hot], 20_000);
        assert_eq!(due(&alarms, 20_000), Some((Cause::Throttled, "a", 1, 1)));
    }

    #[test]
    fn one_that_flickers_is_one_alarm_and_its_detail_is_the_latest() {
        let mut alarms = Alarms::default();
        alarms.update(&[alarm(Cause::Throttled, "a")], 0);
        alarms.acknowledge();
        alarms.update(&[], 4_999);
        let hotter = Alarm { detail: "85.1°C".into(), ..alarm(Cause::Throttled, "a") };
        alarms.update(&[hotter], 5_000);
        assert_eq!((alarms.due(5_000), alarms.raised[0].alarm.detail.as_str()), (None, "85.1°C"));
        alarms.update(&[], 10_000);
        assert!(alarms.raised.is_empty());
    }

    #[test]
    fn a_storm_of_alarms_is_bounded_and_counted() {
        let mut alarms = Alarms::default();
        let storm: [_; 40] = std::array::from_fn(|n| alarm(Cause::NodeDown, &n.to_string()));
        alarms.update(&storm, 0);
        assert_eq!((alarms.due(0).map(|turn| turn.of), alarms.dropped()), (Some(MAX_ALARMS), 8));
        let mut alarms = Alarms::default();
        alarms.update(&storm.map(|storm| Alarm { cause: Cause::SensorLost, ..storm }), 0);
        alarms.update(&[alarm(Cause::NodeDown, "last")], 0);
        assert_eq!(due(&alarms, 0), Some((Cause::NodeDown, "last", 1, MAX_ALARMS)));
    }

    #[test]
    fn the_light_blinks_from_the_moment_of_the_alarm() {
        let mut alarms = Alarms::default();
        alarms.update(&[alarm(Cause::NodeDown, "a")], 12_345);
        let lit = [0, 699, 700, 999, 1_000].map(|later| alarms.lit(12_345 + later));
        assert_eq!(lit, [true, true, false, false, true]);
    }

    #[test]
    fn every_title_and_remedy_fits() {
        for cause in Cause::ALL {
            assert!(
                cause.title().len() + 2 < Size::SMALL.columns && cause.remedy().len() <= Size::LARGE.columns
            );
        }
    }
}

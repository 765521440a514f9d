//! Which page is due, and how bright: pages in turn, alarms before them, the button, the dim hours.
//!
//! A state machine without a clock: every call says what time it is. Milliseconds are of any clock that never
//! goes back; the minute of the day is the local one, and `None` while nobody knows it.
//!
//! Invariant: an alarm is lit whatever the hour is, and nothing but an alarm blinks.

use crate::Backlight;
use crate::alarms::{Alarm, Alarms, Turn};
use crate::page::Page;

/// After the button was pressed in the dim hours, the panel is fully lit for so long.
pub const WAKE_MS: u64 = 30_000;
/// Minutes of a day; a minute of the day is below.
pub const DAY_MINUTES: u16 = 24 * 60;

/// How the panel is used, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How long a page stays, milliseconds; zero stays until the button is pressed.
    pub page_ms: u64,
    /// Brightness by day, 0 to 1.
    pub brightness: f64,
    /// The hours in which it is dimmed.
    pub dim: Option<DimHours>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { page_ms: 5_000, brightness: 1.0, dim: None }
    }
}

/// Hours of the day in which the panel is dimmed; they may go past midnight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DimHours {
    /// The first minute of the day.
    pub from: u16,
    /// The first minute after.
    pub to: u16,
    /// Brightness in these hours, 0 (dark) to 1.
    pub brightness: f64,
}

impl DimHours {
    /// Whether this minute of the day is one of them. Hours that end when they begin are none.
    pub fn contains(self, minute: u16) -> bool {
        if self.from <= self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

/// What the panel is to show at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Due<'a> {
    /// A page or an alarm; nothing if there are no pages.
    pub content: Option<Content<'a>>,
    /// For panels whose light can only be switched: dim is lit there, and a brightness of zero is off.
    pub backlight: Backlight,
    /// For panels whose light has a PWM: 0 to 1.
    pub brightness: f64,
}

/// What has the panel until its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// One of the pages that take turns.
    Page(Page),
    /// An alarm, which comes before the pages.
    Alarm(Turn<'a>),
}

/// The state: which page, since when, and the alarms.
#[derive(Debug)]
pub struct Rotation {
    settings: Settings,
    page: Option<Page>,
    since_ms: u64,
    woken_ms: Option<u64>,
    alarms: Alarms,
}

impl Rotation {
    /// Begins with the first page.
    pub fn new(settings: Settings) -> Self {
        Self { settings, page: None, since_ms: 0, woken_ms: None, alarms: Alarms::default() }
    }

    /// Takes what is wrong now, all of it.
    pub fn raise(&mut self, current: &[Alarm], now_ms: u64) {
        self.alarms.update(current, now_ms);
    }

    /// The button: acknowledges the alarms if one is shown, else turns the page; and wakes the light.
    pub fn press(&mut self, pages: &[Page], now_ms: u64) {
        self.woken_ms = Some(now_ms);
        if self.alarms.due(now_ms).is_some() {
            self.alarms.acknowledge();
        } else {
            self.turn(pages, 1, now_ms);
        }
    }

    /// What is due now. `pages` are those that there is something to say on, in their order; they may
    /// change from call to call.
    pub fn due(&mut self, pages: &[Page], now_ms: u64, minute: Option<u16>) -> Due<'_> {
        self.advance(pages, now_ms);
        let brightness = self.brightness(now_ms, minute);
        match self.alarms.due(now_ms) {
            Some(turn) => {
                let lit = self.alarms.lit(now_ms);
                let (backlight, brightness) = if lit { (Backlight::On, 1.0) } else { (Backlight::Off, 0.0) };
                Due { content: Some(Content::Alarm(turn)), backlight, brightness }
            }
            None => Due { content: self.page.map(Content::Page), backlight: light(brightness), brightness },
        }
    }

    /// How many alarms were left out; see [`Alarms::dropped`].
    pub fn dropped_alarms(&self) -> usize {
        self.alarms.dropped()
    }

    /// Turns as many pages as the time since the last turn allows. While an alarm is shown no time passes
    /// for the page behind it.
    fn advance(&mut self, pages: &[Page], now_ms: u64) {
        let gone = self.page.is_none_or(|page| !pages.contains(&page));
        if gone || self.alarms.due(now_ms).is_some() {
            self.turn(pages, 0, now_ms);
        } else if let Some(turns) = now_ms.saturating_sub(self.since_ms).checked_div(self.settings.page_ms) {
            if turns > 0 {
                self.turn(pages, 1, now_ms);
            }
        }
    }

    /// Goes so many pages on from the present one; from one that is gone, to the first.
    fn turn(&mut self, pages: &[Page], on: usize, now_ms: u64) {
        let present = self.page.and_then(|present| pages.iter().position(|page| *page == present));
        let next = present.map_or(Some(0), |present| (present + on).checked_rem(pages.len()));
        self.page = next.and_then(|next| pages.get(next).copied());
        self.since_ms = now_ms;
    }

    fn brightness(&self, now_ms: u64, minute: Option<u16>) -> f64 {
        let awake = self.woken_ms.is_some_and(|woken| now_ms.saturating_sub(woken) < WAKE_MS);
        let dim = self.settings.dim.zip(minute).filter(|(dim, minute)| !awake && dim.contains(*minute));
        dim.map_or(self.settings.brightness, |(dim, _)| dim.brightness).clamp(0.0, 1.0)
    }
}

/// The nearest that a light which can only be switched has to say.
fn light(brightness: f64) -> Backlight {
    if brightness <= 0.0 {
        Backlight::Off
    } else if brightness < 1.0 {
        Backlight::Dim
    } else {
        Backlight::On
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::{CLEAR_MS, Cause};

    const PAGES: [Page; 3] = [Page::Node, Page::Cluster, Page::Network];

    fn page(rotation: &mut Rotation, pages: &[Page], now_ms: u64) -> Option<Page> {
        match rotation.due(pages, now_ms, None).content {
            Some(Content::Page(page)) => Some(page),
            _ => None,
        }
    }

    fn down() -> Alarm {
        Alarm { cause: Cause::NodeDown, node: "pi-3".into(), simulated: false, detail: String::new() }
    }

    #[test]
    fn pages_take_turns_and_the_button_turns_early() {
        let mut rotation = Rotation::new(Settings::default());
        let mut at = |now_ms| page(&mut rotation, &PAGES, now_ms);
        assert_eq!(
            [at(0), at(4_999), at(5_000), at(9_999)].map(Option::unwrap),
            [PAGES[0], PAGES[0], PAGES[1], PAGES[1]]
        );
        assert_eq!([at(10_000), at(15_000)], [Some(PAGES[2]), Some(PAGES[0])]);
        rotation.press(&PAGES, 16_000);
        assert_eq!(
            [20_999, 21_000].map(|now_ms| page(&mut rotation, &PAGES, now_ms)),
            [Some(PAGES[1]), Some(PAGES[2])]
        );
    }

    #[test]
    fn a_page_that_has_nothing_to_say_any_more_makes_room_and_one_that_comes_does_not_push_in() {
        let mut rotation = Rotation::new(Settings::default());
        assert_eq!(page(&mut rotation, &[], 0), None);
        assert_eq!(page(&mut rotation, &[Page::Node], 1_000), Some(Page::Node));
        assert_eq!(page(&mut rotation, &[Page::Run, Page::Node], 2_000), Some(Page::Node));
        assert_eq!(page(&mut rotation, &[Page::Run], 3_000), Some(Page::Run));
        assert_eq!(page(&mut rotation, &[], 4_000), None);
    }

    #[test]
    fn pages_that_do_not_turn_by_themselves_turn_by_the_button() {
        let mut rotation = Rotation::new(Settings { page_ms: 0, ..Settings::default() });
        assert_eq!(page(&mut rotation, &PAGES, 0), page(&mut rotation, &PAGES, 1_000_000));
        rotation.press(&PAGES, 1_000_000);
        assert_eq!(page(&mut rotation, &PAGES, 1_000_001), Some(PAGES[1]));
    }

    #[test]
    fn an_alarm_comes_before_the_pages_and_the_button_silences_it() {
        let mut rotation = Rotation::new(Settings::default());
        page(&mut rotation, &PAGES, 0);
        rotation.raise(&[down()], 1_000);
        let due = rotation.due(&PAGES, 1_000, None);
        assert!(matches!(due.content, Some(Content::Alarm(turn)) if turn.alarm == &down()));
        assert_eq!((due.backlight, due.brightness), (Backlight::On, 1.0));
        assert_eq!(rotation.due(&PAGES, 1_800, None).backlight, Backlight::Off);
        rotation.press(&PAGES, 3_000);
        assert_eq!(page(&mut rotation, &PAGES, 3_000), Some(PAGES[0]), "the press silenced and did not turn");
        rotation.raise(&[], 3_000 + CLEAR_MS);
        rotation.raise(&[down()], 9_000);
        assert_eq!(page(&mut rotation, &PAGES, 9_000), None);
    }

    #[test]
    fn the_page_behind_an_alarm_has_its_whole_time_afterwards() {
        let mut rotation = Rotation::new(Settings::default());
        page(&mut rotation, &PAGES, 0);
        for second in 1..60 {
            rotation.raise(&[down()], second * 1_000);
            page(&mut rotation, &PAGES, second * 1_000);
        }
        rotation.press(&PAGES, 60_000);
        assert_eq!(page(&mut rotation, &PAGES, 63_000), Some(PAGES[0]));
    }

    #[test]
    fn it_is_dim_at_night_unless_someone_presses_or_nobody_knows_the_time() {
        let dim = DimHours { from: 22 * 60, to: 6 * 60, brightness: 0.1 };
        let mut rotation = Rotation::new(Settings { dim: Some(dim), ..Settings::default() });
        let mut at = |now_ms, minute| rotation.due(&PAGES, now_ms, minute).brightness;
        let minutes = [22 * 60 - 1, 22 * 60, 0, 6 * 60 - 1, 6 * 60];
        assert_eq!(minutes.map(|minute| at(0, Some(minute))), [1.0, 0.1, 0.1, 0.1, 1.0]);
        assert_eq!(at(0, None), 1.0);
        rotation.press(&PAGES, 1_000);
        let woken = [1_000, 30_999, 31_000].map(|now_ms| rotation.due(&PAGES, now_ms, Some(0)).backlight);
        assert_eq!(woken, [Backlight::On, Backlight::On, Backlight::Dim]);
        rotation.raise(&[down()], 40_000);
        assert_eq!(rotation.due(&PAGES, 40_000, Some(0)).brightness, 1.0);
    }

    #[test]
    fn hours_that_end_when_they_begin_are_none_and_dark_is_off() {
        let never = DimHours { from: 60, to: 60, brightness: 0.0 };
        assert!((0..DAY_MINUTES).all(|minute| !never.contains(minute)));
        let noon = DimHours { from: 0, to: DAY_MINUTES, brightness: 0.0 };
        let mut rotation = Rotation::new(Settings { dim: Some(noon), ..Settings::default() });
        assert_eq!(rotation.due(&PAGES, 0, Some(700)).backlight, Backlight::Off);
    }
}

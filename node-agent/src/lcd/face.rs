//! What the panel says: facts and alarms from the latest sample, and the frame that is due.
//!
//! Invariant: a sample that is older than three intervals is no fact any more; everything is unknown then.

use std::time::Duration;

use picollect_lcd::alarms::{self, Alarm, Cause};
use picollect_lcd::oled::pages::Curves;
use picollect_lcd::oled::{self, Light, OledSize, Picture};
use picollect_lcd::page::{Page, draw};
use picollect_lcd::pages::{self, CaseFacts, Facts, NetworkFacts, NodeFacts};
use picollect_lcd::rotation::{Content, Due, Rotation};
use picollect_lcd::summary::{self, has_something_to_say};
use picollect_lcd::{Backlight, Frame};
use picollect_telemetry::summary::Summary;

use super::addresses::Addresses;
use super::local_time::LocalTime;
use super::{Latest, PanelFeed};
use crate::config::lcd::LcdSettings;
use picollect_board::attr::Root;
use picollect_sensors::status::Status;

/// A frame is made this often,
const PERIOD: Duration = Duration::from_secs(1);
/// and this often while something blinks: an alarm's light changes at tenths of a second.
const BLINKING: Duration = Duration::from_millis(100);
/// A sample counts for so many intervals.
const INTERVALS: u32 = 3;
/// The node's addresses are looked up this often.
const ADDRESS_PERIOD: Duration = Duration::from_secs(10);
/// A summary that is older says nothing of the cluster any more: two were missed.
const SUMMARY_AGE: Duration = Duration::from_secs(30);
/// A part of an address that is longer than its place is shown for so long.
const TURN: Duration = Duration::from_secs(2);

/// Whose panel it is.
#[derive(Debug, Clone)]
pub struct Node {
    /// The name that the collector knows it by.
    pub name: String,
    /// The cluster that it is of.
    pub cluster: String,
    /// Whether it is simulated.
    pub simulated: bool,
    /// Time between two samples.
    pub interval: Duration,
    /// Where the kernel's word on its addresses and the time zone are.
    pub root: Root,
}

/// The panel's content over time.
pub struct Face {
    node: Node,
    settings: LcdSettings,
    feed: PanelFeed,
    rotation: Rotation,
    seen: Seen,
    addresses: Option<(Duration, Addresses)>,
    local: LocalTime,
    /// Whether there is anything to say on the page of the case.
    case_is_known: bool,
    curves: Curves,
    shift: Shift,
    alarmed: bool,
    brightness: f64,
}

/// What is due at a moment.
struct Look<'a> {
    content: Option<Content<'a>>,
    facts: &'a Facts,
    settings: &'a LcdSettings,
    curves: &'a Curves,
    backlight: Backlight,
    brightness: f64,
    shift: i32,
}

/// How far the picture of an OLED stands from its place: a column more with each new page, to and fro.
#[derive(Debug, Default)]
struct Shift {
    step: usize,
    /// What was shown last and since when it stands there; alarms count as one.
    shown: Option<(Option<Page>, Duration)>,
}

impl Shift {
    const COLUMNS: [i32; 8] = [0, 1, 2, 1, 0, -1, -2, -1];
    /// A page that stays moves after so long.
    const LONGEST: Duration = Duration::from_secs(600);

    fn of(&mut self, content: Option<Content<'_>>, now: Duration) -> i32 {
        let page = match content {
            Some(Content::Page(page)) => Some(page),
            Some(Content::Alarm(_)) | None => None,
        };
        let stays = |(shown, since): (Option<Page>, Duration)| {
            shown == page && now.saturating_sub(since) < Self::LONGEST
        };
        if !self.shown.is_some_and(stays) {
            self.step += usize::from(self.shown.is_some());
            self.shown = Some((page, now));
        }
        Self::COLUMNS[self.step % Self::COLUMNS.len()]
    }
}

/// What the node has had since the start: what is missing later is lost.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    temperature: bool,
    power: bool,
}

impl Face {
    /// The face of this node's panel.
    pub fn new(node: Node, settings: LcdSettings, feed: PanelFeed) -> Self {
        let rotation = Rotation::new(settings.usage);
        let local = LocalTime::new(&node.root);
        let (seen, alarmed, brightness) = (Seen::default(), false, 1.0);
        let (addresses, case_is_known) = (None, false);
        let (curves, shift) = (Curves::default(), Shift::default());
        Self {
            node,
            settings,
            feed,
            rotation,
            seen,
            addresses,
            local,
            case_is_known,
            curves,
            shift,
            alarmed,
            brightness,
        }
    }

    /// The button was pressed: acknowledges the alarms, or turns the page.
    pub fn press(&mut self, now: Duration) {
        let pages = self.pages(&self.feed.latest(), now);
        self.rotation.press(&pages, millis(now));
    }

    /// How long the frame of this moment stays right.
    pub fn stays(&self) -> Duration {
        if self.alarmed { BLINKING } else { PERIOD }
    }

    /// How bright the last frame's light is, 0 to 1, where it has a PWM.
    pub fn brightness(&self) -> f64 {
        self.brightness
    }

    /// The frame for this moment; `wall_ms` is the Unix time in milliseconds, if it is known.
    pub fn frame(&mut self, now: Duration, wall_ms: Option<i64>) -> Frame {
        self.look(now, wall_ms, |look| {
            let LcdSettings { size, templates, .. } = look.settings;
            let mut frame = match look.content {
                Some(Content::Alarm(turn)) => alarms::draw(turn, *size),
                Some(Content::Page(page)) => draw(page, look.facts, templates, *size),
                None => pages::node(&look.facts.node, *size),
            };
            frame.set_backlight(look.backlight);
            frame
        })
    }

    /// The same in dots, for an OLED. An alarm blinks by inverting the glass; each new page stands a column further, so
    /// that no dot is lit for years.
    pub fn picture(&mut self, now: Duration, wall_ms: Option<i64>) -> Picture {
        self.look(now, wall_ms, |look| {
            let LcdSettings { templates, .. } = look.settings;
            let size = look.settings.glass().unwrap_or(OledSize::Tall);
            let page = |page| oled::pages::draw(page, look.facts, look.curves, templates, size, look.shift);
            let (mut picture, light) = match look.content {
                Some(Content::Alarm(turn)) => {
                    let inverted = look.backlight == Backlight::On;
                    (oled::alarm(turn, size, look.shift), Light { inverted, ..Light::USUAL })
                }
                Some(Content::Page(due)) => (page(due), Light::of(look.brightness)),
                None => (page(Page::Node), Light::of(look.brightness)),
            };
            picture.light = light;
            picture
        })
    }

    /// What is due at this moment, given to who draws it.
    fn look<T>(&mut self, now: Duration, wall_ms: Option<i64>, draw: impl FnOnce(&Look<'_>) -> T) -> T {
        let latest = self.feed.latest();
        let status = self.status(&latest, now);
        let alarms = self.alarms(&latest, status, now);
        self.rotation.raise(&alarms, millis(now));
        let facts = self.facts(&latest, status, now, wall_ms);
        let pages = self.pages(&latest, now);
        let due = self.rotation.due(&pages, millis(now), facts.case.minute);
        self.alarmed = matches!(due.content, Some(Content::Alarm(_)));
        self.brightness = due.brightness;
        let shift = self.shift.of(due.content, now);
        let Due { content, backlight, brightness } = due;
        let (facts, settings, curves) = (&facts, &self.settings, &self.curves);
        draw(&Look { content, facts, settings, curves, backlight, brightness, shift })
    }

    /// Each page, drawn with the facts of this moment, in the configured order.
    pub fn all_pages(&mut self, now: Duration, wall_ms: Option<i64>) -> Vec<Frame> {
        let (pages, facts) = self.all(now, wall_ms);
        let LcdSettings { templates, size, .. } = &self.settings;
        pages.into_iter().map(|page| draw(page, &facts, templates, *size)).collect()
    }

    /// The same in dots.
    pub fn all_pictures(&mut self, now: Duration, wall_ms: Option<i64>) -> Vec<Picture> {
        let (pages, facts) = self.all(now, wall_ms);
        let (templates, size) = (&self.settings.templates, self.settings.glass().unwrap_or(OledSize::Tall));
        let draw = |page| oled::pages::draw(page, &facts, &self.curves, templates, size, 0);
        pages.into_iter().map(draw).collect()
    }

    fn all(&mut self, now: Duration, wall_ms: Option<i64>) -> (Vec<Page>, Facts) {
        let latest = self.feed.latest();
        let facts = self.facts(&latest, self.status(&latest, now), now, wall_ms);
        (self.pages(&latest, now), facts)
    }

    /// The pages that have something to say.
    fn pages(&self, latest: &Latest, now: Duration) -> Vec<Page> {
        let summary = fresh_summary(latest, now);
        let says = |page: &Page| has_something_to_say(*page, self.case_is_known, summary);
        self.settings.pages.iter().copied().filter(says).collect()
    }

    fn status(&self, latest: &Latest, now: Duration) -> Option<Status> {
        let fresh = |(at, _): &(Duration, Status)| now.saturating_sub(*at) <= self.node.interval * INTERVALS;
        latest.sample.filter(fresh).map(|(_, status)| status)
    }

    fn facts(
        &mut self,
        latest: &Latest,
        status: Option<Status>,
        now: Duration,
        wall_ms: Option<i64>,
    ) -> Facts {
        let Addresses { v4, v6, interface } = self.addresses(now);
        let Node { name, simulated, .. } = &self.node;
        let mut node = node_facts(name, *simulated, &status.unwrap_or_default());
        node.off_beat = latest.samples % 2 == 1;
        node.healthy = status.map(|_| latest.delivered != Some(false));
        let network = NetworkFacts {
            name: name.clone(),
            simulated: *simulated,
            v4,
            v6,
            interface,
            collector: latest.delivered,
            turn: usize::try_from(now.as_secs() / TURN.as_secs()).unwrap_or_default(),
        };
        let case = CaseFacts {
            simulated: *simulated,
            minute: wall_ms.and_then(|wall_ms| self.local.minute(wall_ms, now)),
            ambient_c: status.and_then(|status| status.ambient_c),
            supply_volts: status.and_then(|status| status.supply_volts),
        };
        self.case_is_known = case.is_known();
        let mut facts = Facts { node, network, case, ..Facts::default() };
        self.curves.node.push(millis(now), facts.node.watts);
        if let Some(summary) = fresh_summary(latest, now) {
            summary::fill(&mut facts, summary, Some(&self.node.cluster), wall_ms);
        }
        self.curves.cluster.push(millis(now), facts.cluster.watts.value);
        facts
    }

    /// Kept for some seconds.
    fn addresses(&mut self, now: Duration) -> Addresses {
        let fresh = |(at, _): &&(Duration, Addresses)| now.saturating_sub(*at) < ADDRESS_PERIOD;
        if let Some((_, addresses)) = self.addresses.as_ref().filter(fresh) {
            return addresses.clone();
        }
        let addresses = Addresses::read(&self.node.root);
        self.addresses = Some((now, addresses.clone()));
        addresses
    }

    fn alarms(&mut self, latest: &Latest, status: Option<Status>, now: Duration) -> Vec<Alarm> {
        let mut raised = Vec::new();
        let mut raise = |cause, detail: String| {
            let Node { name, simulated, .. } = &self.node;
            raised.push(Alarm { cause, node: name.clone(), simulated: *simulated, detail });
        };
        if let Some(status) = status {
            if status.supply_is_low() {
                let volts = status.supply_volts.map(|volts| format!("{volts:.2}V"));
                raise(Cause::UnderVoltage, volts.unwrap_or_default());
            }
            if status.throttled == Some(true) {
                raise(
                    Cause::Throttled,
                    status.temp_c.map_or(String::new(), |temp_c| format!("{temp_c:.1}°C")),
                );
            }
            if let Some(lost) = self.seen.lost(&status) {
                raise(Cause::SensorLost, lost.to_owned());
            }
        }
        if latest.delivered == Some(false) {
            raise(Cause::CollectorUnreachable, String::new());
        }
        raised.extend(fresh_summary(latest, now).into_iter().flat_map(summary::alarms));
        raised
    }
}

impl Seen {
    /// What was there before and is not in this sample.
    fn lost(&mut self, status: &Status) -> Option<&'static str> {
        self.temperature |= status.temp_c.is_some();
        self.power |= status.watts.is_some();
        match (self.power && status.watts.is_none(), self.temperature && status.temp_c.is_none()) {
            (true, _) => Some("power"),
            (_, true) => Some("temp"),
            _ => None,
        }
    }
}

/// The collector's summary, while it is fresh.
fn fresh_summary(latest: &Latest, now: Duration) -> Option<&Summary> {
    let fresh = |(at, _): &&(Duration, Summary)| now.saturating_sub(*at) <= SUMMARY_AGE;
    latest.summary.as_ref().filter(fresh).map(|(_, summary)| summary)
}

/// What the node page shows of a single sample; whether readings are taken, it cannot tell.
pub fn node_facts(name: &str, simulated: bool, status: &Status) -> NodeFacts {
    let Status { temp_c, busy, clock_hz, watts, estimated, throttled, .. } = *status;
    let name = name.to_owned();
    NodeFacts { name, simulated, temp_c, watts, estimated, clock_hz, busy, throttled, ..NodeFacts::default() }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_lcd::rotation::DimHours;

    fn face(feed: &PanelFeed) -> Face {
        face_with(feed, LcdSettings::at(0x27).unwrap(), &Root::new("/nowhere"))
    }

    fn face_with(feed: &PanelFeed, settings: LcdSettings, root: &Root) -> Face {
        let interval = Duration::from_secs(1);
        let (name, cluster) = ("pi-3".into(), "cube".into());
        let node = Node { name, cluster, simulated: false, interval, root: root.clone() };
        Face::new(node, settings, feed.clone())
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const WELL: Status = Status {
        temp_c: Some(48.3),
        busy: Some(0.5),
        cores: Some(4.0),
        clock_hz: Some(1.5e9),
        clock_is_measured: true,
        watts: Some(5.1),
        estimated: false,
        throttled: Some(false),
        under_voltage: Some(false),
        supply_volts: None,
        ambient_c: None,
    };

    const HOT: Status = Status { throttled: Some(true), ..WELL };

    #[test]
    fn the_latest_sample_is_shown_and_an_old_one_is_unknown() {
        let feed = PanelFeed::default();
        let mut face = face(&feed);
        feed.sampled(at(0), &WELL);
        assert!(face.frame(at(100), None).row(0).ends_with("48.3°C"));
        assert!(face.frame(at(3_000), None).row(0).ends_with("48.3°C"));
        assert!(face.frame(at(3_100), None).row(0).ends_with("--°C"));
    }

    #[test]
    fn pages_take_turns_and_the_button_turns_them() {
        let feed = PanelFeed::default();
        let mut face = face(&feed);
        let mut first_row = |ms, press: bool| {
            feed.sampled(at(ms), &WELL);
            if press {
                face.press(at(ms));
            }
            face.frame(at(ms), None).row(0)
        };
        assert!(first_row(0, false).contains("°C"));
        assert!(first_row(5_000, false).starts_with("pi-3 "));
        assert!(first_row(5_100, true).contains("°C"));
    }

    #[test]
    fn an_alarm_comes_first_and_blinks_until_it_is_acknowledged() {
        let feed = PanelFeed::default();
        let mut face = face(&feed);
        feed.sampled(at(0), &HOT);
        let frame = face.frame(at(0), None);
        assert_eq!((frame.row(0).trim(), frame.backlight()), ("⚠ THROTTLED", Backlight::On));
        assert_eq!(face.stays(), BLINKING);
        assert_eq!(face.frame(at(800), None).backlight(), Backlight::Off);
        face.press(at(900));
        assert!(face.frame(at(900), None).row(0).contains("pi-3"));
    }

    #[test]
    fn a_supply_below_4_9_volts_is_an_alarm_with_its_voltage_though_no_flag_is_set() {
        let feed = PanelFeed::default();
        let mut face = face(&feed);
        feed.sampled(at(0), &Status { supply_volts: Some(4.95), ..WELL });
        assert!(face.frame(at(0), None).row(0).contains("pi-3"));
        feed.sampled(at(1_000), &Status { supply_volts: Some(4.82), ..WELL });
        let frame = face.frame(at(1_000), None);
        assert!(frame.row(0).contains("UNDER-VOLTAGE"), "{:?}", frame.row(0));
        assert!(frame.row(1).contains("4.82V"), "{:?}", frame.row(1));
    }

    #[test]
    fn a_sensor_that_was_never_there_is_not_lost() {
        let feed = PanelFeed::default();
        let mut face = face(&feed);
        feed.sampled(at(0), &Status { watts: None, ..WELL });
        assert!(face.frame(at(0), None).row(0).contains("pi-3"));
        feed.sampled(at(1_000), &WELL);
        face.frame(at(1_000), None);
        feed.sampled(at(2_000), &Status { watts: None, ..WELL });
        assert!(face.frame(at(2_000), None).row(0).contains("SENSOR LOST"));
    }

    #[test]
    fn a_summary_brings_the_clusters_pages_and_its_alarms_while_it_is_fresh() {
        let (feed, pages) =
            (PanelFeed::default(), |face: &mut Face, ms| face.all_pages(at(ms), Some(61_000)));
        let mut face = face(&feed);
        assert_eq!(pages(&mut face, 0).len(), 3);
        let text = r#"{"nodes_up":7,"nodes_all":8,"down":["pi-4"],"run":{"name":"hpl","start_ms":0}}"#;
        feed.summarised(at(0), serde_json::from_str(text).unwrap());
        let drawn = pages(&mut face, 0);
        let rows: Vec<_> = drawn.iter().map(|frame| [frame.row(0), frame.row(1)].concat()).collect();
        assert!(rows[3].contains("7/8") && rows[4].contains("today") && rows[5].contains("1:01"), "{rows:?}");
        assert!(face.frame(at(0), None).row(0).contains("NODE DOWN"));
        assert_eq!(pages(&mut face, 31_000).len(), 3);
    }

    #[test]
    fn the_light_is_dimmed_in_its_hours_and_an_alarm_is_fully_lit() {
        let mut settings = LcdSettings::at(0x27).unwrap();
        // Without a file for the zone it is UTC.
        settings.usage.dim = Some(DimHours { from: 22 * 60, to: 6 * 60, brightness: 0.1 });
        let feed = PanelFeed::default();
        let mut face = face_with(&feed, settings, &Root::new("/nowhere"));
        feed.sampled(at(0), &WELL);
        let noon = 12 * 3_600_000;
        let mut light = |feed: &PanelFeed, wall_ms| {
            feed.sampled(at(0), if wall_ms < 0 { &HOT } else { &WELL });
            (face.frame(at(0), Some(wall_ms)).backlight(), face.brightness())
        };
        assert_eq!(light(&feed, noon), (Backlight::On, 1.0));
        assert_eq!(light(&feed, noon * 2), (Backlight::Dim, 0.1));
        assert_eq!(light(&feed, -1), (Backlight::On, 1.0));
    }

    #[test]
    fn the_network_page_names_the_interface_and_its_address() {
        let line = "fd000000000000000000000000000002 02 40 00 80 eth0\n";
        let (_dir, root) = picollect_board::fixtures::tree(&[("proc/net/if_inet6", line)]);
        let feed = PanelFeed::default();
        let mut face = face_with(&feed, LcdSettings::at(0x27).unwrap(), &root);
        let page = face.all_pages(at(0), None).remove(1);
        assert_eq!([page.row(0), page.row(1)], ["pi-3        eth0", "fd00::2         "]);
    }

    #[test]
    fn the_page_of_the_case_is_there_as_soon_as_it_has_something_to_say() {
        let feed = PanelFeed::default();
        let mut face = face(&feed);
        assert_eq!(face.all_pages(at(0), None).len(), 2);
        feed.sampled(at(0), &Status { ambient_c: Some(27.44), supply_volts: Some(5.07), ..WELL });
        let page = face.all_pages(at(0), Some(75_840_000)).remove(2);
        assert_eq!([page.row(0), page.row(1)], ["case     🌡27.4°C", "21:04      5.07V"]);
    }

    fn on_oled(feed: &PanelFeed) -> Face {
        let text = "driver = \"ssd1306\"\naddress = 0x3c\nrotate = \"1s\"\nbrightness = 50";
        face_with(feed, picollect_settings::parse(text, "t").unwrap(), &Root::new("/nowhere"))
    }

    #[test]
    fn an_oled_is_its_own_light_and_an_alarm_blinks_by_inverting_it() {
        let feed = PanelFeed::default();
        let mut face = on_oled(&feed);
        feed.sampled(at(0), &WELL);
        assert_eq!(face.picture(at(0), None).light, Light { on: true, contrast: 64, inverted: false });
        feed.sampled(at(1_000), &HOT);
        let lights = [1_000, 1_800].map(|ms| face.picture(at(ms), None).light);
        assert_eq!(lights, [true, false].map(|inverted| Light { inverted, ..Light::USUAL }));
    }

    #[test]
    fn each_new_page_of_an_oled_stands_a_column_further_to_and_fro_and_one_that_stays_moves_too() {
        let mut shift = Shift::default();
        let pages = [Page::Node, Page::Network].into_iter().cycle();
        let columns: Vec<_> =
            (0..9).zip(pages).map(|(s, page)| shift.of(Some(Content::Page(page)), at(s))).collect();
        assert_eq!(columns, [0, 1, 2, 1, 0, -1, -2, -1, 0]);
        let mut shift = Shift::default();
        let stays = [0, 599_000, 600_000].map(|ms| shift.of(Some(Content::Page(Page::Node)), at(ms)));
        assert_eq!(stays, [0, 0, 1]);
    }

    #[test]
    fn a_collector_that_takes_nothing_is_an_alarm() {
        let feed = PanelFeed::default();
        let mut face = face(&feed);
        feed.delivered(true);
        assert!(!face.frame(at(0), None).row(0).contains("COLLECTOR"));
        feed.delivered(false);
        assert!(face.frame(at(0), None).row(0).contains("NO COLLECTOR"));
    }
}

//! What holds for any text, any template and any sequence of events.

use picollect_lcd::alarms::{Alarm, CLEAR_MS, Cause, TURN_MS};
use picollect_lcd::glyphs::SLOTS;
use picollect_lcd::page::Page;
use picollect_lcd::pages::{Facts, NodeFacts};
use picollect_lcd::rotation::{Content, Rotation, Settings};
use picollect_lcd::template::Template;
use picollect_lcd::{Frame, Size, pixels, png};
use proptest::prelude::*;

/// What people write into names and templates, with all that is special here.
const SIGNS: &str = "[ -~äÖß°µ→⚠✓▎▍▋▊🌡▶↑↓Üé漢\n]{0,24}";
const PAGES: [Page; 3] = [Page::Node, Page::Cluster, Page::Network];

proptest! {
    #[test]
    fn a_cell_holds_a_code_of_the_rom_or_a_slot_that_is_filled(texts in prop::collection::vec((0..5_usize, 0..24_usize, SIGNS), 0..12)) {
        let mut frame = Frame::blank(Size::LARGE);
        for (row, column, text) in texts {
            frame.write_at(row, column, &text);
        }
        for code in frame.codes() {
            let filled = frame.glyphs().get(usize::from(*code)).is_none_or(Option::is_some);
            prop_assert!(filled && !(8..0x20).contains(code) && !(0x80..0xA0).contains(code), "{code:#x}");
        }
        for (slot, glyph) in (0_u8..).zip(frame.glyphs()) {
            prop_assert_eq!(glyph.is_some(), frame.codes().contains(&slot), "slot {} of {}", slot, SLOTS);
        }
        prop_assert_eq!(pixels::half_blocks(&frame).lines().count(), 20);
        prop_assert!(png::encode(&frame).is_ok());
    }

    #[test]
    fn a_template_is_refused_or_fits_and_says_that_it_is_simulated(rows in prop::collection::vec(piece_row(), 0..4)) {
        let rows: Vec<_> = rows.iter().map(String::as_str).collect();
        let Ok(template) = Template::parse(&rows, Size::SMALL) else { return Ok(()) };
        let node = NodeFacts { name: "node".into(), watts: Some(12_345.6), simulated: true, ..NodeFacts::default() };
        let frame = template.render(&Facts { node, ..Facts::default() });
        prop_assert_eq!(frame.replaced(), 0);
        let text = frame.row(0) + &frame.row(1);
let fields = rows.concat().replace("{{", "").contains('{');
        prop_assert!(text.contains("SIM") || !fields);
    }

    #[test]
    fn the_parser_stands_any_text(row in SIGNS) {
        if let Err(error) = Template::parse(&[&row], Size::LARGE) {
            prop_assert!(error.column <= row.chars().count().max(1));
        }
    }

    #[test]
    fn an_alarm_that_nobody_acknowledged_is_on_the_panel_within_one_turn_of_all(
        before in prop::collection::vec((0..4_u8, 0..8_000_u64), 0..20),
        nodes in 1..6_u64,
    ) {
        let mut rotation = Rotation::new(Settings::default());
        let mut now_ms = 0;
        for (event, later_ms) in before {
            now_ms += later_ms;
            match event {
                0 => rotation.press(&PAGES, now_ms),
                1 => rotation.raise(&[], now_ms),
                2 => rotation.raise(&[down(99)], now_ms),
                _ => drop(rotation.due(&PAGES, now_ms, None).content),
            }
        }
        // What was acknowledged before may stay silent; these are new.
        let alarms: Vec<_> = (0..nodes).map(down).collect();
        let mut seen = std::collections::BTreeSet::new();
        for step in 0..(nodes + 1) * TURN_MS / 500 {
            rotation.raise(&alarms, now_ms + step * 500);
            if let Some(Content::Alarm(turn)) = rotation.due(&PAGES, now_ms + step * 500, None).content {
                seen.insert(turn.alarm.node.clone());
            }
        }
        prop_assert!(alarms.iter().all(|alarm| seen.contains(&alarm.node)), "{seen:?}");
        let over_ms = now_ms + (nodes + 1) * TURN_MS + CLEAR_MS;
        rotation.raise(&[], over_ms);
        prop_assert!(matches!(rotation.due(&PAGES, over_ms, None).content, Some(Content::Page(_))));
    }
}

fn down(node: u64) -> Alarm {
    Alarm { cause: Cause::NodeDown, node: node.to_string(), simulated: false, detail: String::new() }
}

fn piece_row() -> impl Strategy<Value = String> {
    let field =
        prop::sample::select(vec!["name", "label", "temp", "watts", "bar", "health", "ip", "elapsed"]);
    let piece = prop_oneof![
        "[a-z~⚠↑Ä ]{0,2}",
        (field.clone(), 1..9_usize).prop_map(|(field, width)| format!("{{{field}:{width}}}")),
        field.prop_map(|field| format!("{{{field}}}")),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

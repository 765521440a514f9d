//! When each node was throttled in the last hour, and why.

use maud::{Markup, html};
use picollect_analysis::nodes::Node;
use picollect_evaluate::Window;
use picollect_evaluate::numbers::duration;
use picollect_evaluate::throttle::{Cause, Episode};

use super::{MOST_ROWS, address};
use crate::chart::{across, letter, times};
use crate::figure::icon;
use crate::picture::Picture;

/// An episode is lettered from this share of the ribbon on, in per cent.
const LETTERED: f64 = 4.0;

/// Nodes whose ribbon is drawn: all of few, of many those that were throttled.
fn ribboned(picture: &Picture) -> Vec<&Node> {
    let many = picture.nodes.len() > MOST_ROWS;
    let was = |node: &&Node| {
        picture
            .hour
            .of
            .get(&node.host)
            .and_then(|hour| hour.episodes.as_ref())
            .is_some_and(|all| !all.is_empty())
    };
    picture.nodes.iter().filter(|node| !many || was(node)).take(MOST_ROWS).collect()
}

pub(super) fn ribbons(picture: &Picture) -> Markup {
    let hour = &picture.hour;
    let window = Window { end_ms: picture.at_ms, ..hour.window };
    let telling = hour.of.values().filter(|node| node.episodes.is_some()).count();
    html! {
        div.h { h2 #h-rib { "Throttling in the last hour" } p { (telling) " of " (picture.nodes.len()) " nodes can say" } }
        ul.ribbons {
            @for node in ribboned(picture) {
                @let episodes = hour.of.get(&node.host).and_then(|hour| hour.episodes.as_deref());
                @let (class, name, words) = in_words(episodes);
                li {
                    a href=(address(&node.host)) { (node.host) }
                    svg role="img" aria-label=(format!("{} in the last hour: {words}", node.host)) {
                        rect.calm width="100%" height="100%" rx="2" {}
                        @match episodes {
                            None => { rect.uedge fill="url(#hu)" x="0%" width="100%" height="100%" rx="2" {} }
                            Some(episodes) => { @for episode in episodes { (stretch(episode, window)) } }
                        }
                    }
                    span class=(format!("sum {class}")) { (icon(name)) " " (words) }
                }
            }
            li aria-hidden="true" { span {} svg.t { (times(window, "1em", None)) } span.gap {} }
        }
        (key())
    }
}

fn stretch(episode: &Episode, window: Window) -> Markup {
    let (from, to) = (across(episode.start_ms, window), across(episode.end_ms, window));
    let (letter, class) = letter(episode.cause);
    html! {
        rect class=(class) x=(format!("{from:.2}%")) width=(format!("{:.2}%", (to - from).max(0.5))) height="100%" {}
        @if to - from >= LETTERED { text.l x=(format!("{:.2}%", f64::midpoint(from, to))) y="50%" dy=".35em" { (letter) } }
    }
}

/// An hour's throttling: class, icon and words.
fn in_words(episodes: Option<&[Episode]>) -> (&'static str, &'static str, String) {
    let Some(episodes) = episodes else { return ("soft", "unk", "flags not readable".to_owned()) };
    let Some(worst) = Cause::ALL.into_iter().find(|cause| episodes.iter().any(|one| one.cause == *cause))
    else {
        return ("soft", "ok", "none".to_owned());
    };
    let seconds: f64 = episodes.iter().map(|one| (one.end_ms - one.start_ms).max(0) as f64 / 1000.0).sum();
    let (class, icon, word) = match worst {
        Cause::UnderVoltage => ("volt", "volt", "low voltage"),
        Cause::ThermalHard => ("hot", "heat", "heat"),
        Cause::ThermalSoft => ("hot", "heat", "soft limit"),
        Cause::FirmwareCap => ("hot", "heat", "capped"),
        Cause::Inferred => ("hot", "heat", "slowed"),
        Cause::Unknown => ("hot", "heat", "throttled"),
    };
    let both = episodes.iter().any(|one| one.cause != worst);
    (class, icon, format!("{} {word}{}", duration(seconds), if both { " and more" } else { "" }))
}

fn key() -> Markup {
    let all = [
        ("calm", "", "not throttled"),
        ("k-heat", "H", "heat"),
        ("k-volt", "V", "low voltage"),
        ("k-soft", "S", "soft limit"),
        ("k-cap", "C", "capped"),
    ];
    html! { ul.key {
        @for (class, letter, name) in all {
            li { svg aria-hidden="true" { rect class=(class) width="100%" height="100%" rx="2" {} text x="50%" y="50%" dy=".35em" { (letter) } } (name) }
        }
        li { svg aria-hidden="true" { rect.uedge fill="url(#hu)" width="100%" height="100%" rx="2" {} } "not known" }
    } }
}

//! What is looked at before a run: what cannot work is refused at once and not after hours, and what will be unknown is
//! said while something can be done about it.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use picollect_analysis::nodes::Node;
use picollect_evaluate::numbers::{duration, si_spaced, spaced};
use picollect_evaluate::presence::Presence;
use picollect_settings::exit::{Failure, usage};
use picollect_settings::nearest;
use picollect_settings::output::complain;
use picollect_telemetry::foreign::printable;

/// Room for a benchmark's output, the run's document and the lines that wait.
const LEAST_ROOM_BYTES: u64 = 1024 * 1024;
/// So many names stand in a sentence.
const NAMES: usize = 6;

/// Something that was found before a run, as a sentence without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// It cannot work.
    Hopeless(String),
    /// Something of it will not be known.
    Unknown(String),
}

/// Says what was found; [`Failure::Usage`] with everything that is hopeless, unless it is forced.
pub(super) fn say(found: &[Found], force: bool) -> Result<(), Failure> {
    let mut hopeless = Vec::new();
    for found in found {
        match found {
            Found::Hopeless(why) if !force => hopeless.push(why.as_str()),
            Found::Hopeless(why) | Found::Unknown(why) => complain(format_args!("picollect: {why}")),
        }
    }
    if hopeless.is_empty() {
        return Ok(());
    }
    Err(usage(anyhow!("{}; --force runs it all the same", hopeless.join("; "))))
}

/// [`Failure::Usage`] with everything that is hopeless.
pub(super) fn refuse(found: &[Found]) -> Result<(), Failure> {
    let hopeless = found.iter().filter_map(|found| match found {
        Found::Hopeless(why) => Some(why.as_str()),
        Found::Unknown(_) => None,
    });
    let hopeless: Vec<&str> = hopeless.collect();
    if hopeless.is_empty() { Ok(()) } else { Err(usage(anyhow!("{}", hopeless.join("; ")))) }
}

/// The nodes of these names that are unknown or silent.
pub(super) fn absent_of(wanted: Option<&[String]>, known: &[Node], now_ms: i64) -> Vec<Found> {
    wanted.unwrap_or_default().iter().filter_map(|name| absent(name, known, now_ms)).collect()
}

/// Whether a program of this name is there, found as the system finds it.
pub(super) fn is_there(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Whether a directory of these has room for a run's output.
pub(super) fn room(places: &[PathBuf]) -> Vec<Found> {
    let free: Vec<(&Path, u64)> =
        places.iter().filter_map(|place| Some((place.as_path(), free_bytes(place)?))).collect();
    let full = |(place, bytes): &(&Path, u64)| {
        let bytes = si_spaced(Some(*bytes as f64), "B");
        format!("the disk of `{}` has only {bytes} left for the output", place.display())
    };
    match free.first() {
        Some(first) if first.1 < LEAST_ROOM_BYTES => {
            let other = free.iter().find(|(_, bytes)| *bytes >= LEAST_ROOM_BYTES);
            vec![match other {
                Some((other, _)) => {
                    Found::Unknown(format!("{}, so it is kept in `{}`", full(first), other.display()))
                }
                None => Found::Hopeless(format!("{}; make room, or give another --data", full(first))),
            }]
        }
        // Where nothing is known of a disk, the run's directory says what is wrong with it.
        _ => Vec::new(),
    }
}

/// What a user may still write below this path, or below the nearest directory that is there.
fn free_bytes(place: &Path) -> Option<u64> {
    let there = place.ancestors().find(|path| path.is_dir())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// What the nodes' present state means for a run on these of them; `None` is all.
pub(super) fn nodes(wanted: Option<&[String]>, known: &[Node], now_ms: i64) -> Vec<Found> {
    let mut found = absent_of(wanted, known, now_ms);
    let counts = |node: &&Node| wanted.is_none_or(|names| names.contains(&node.host));
    let up: Vec<&Node> = known.iter().filter(counts).filter(|node| node.state != Presence::Down).collect();
    if up.is_empty() {
        let nobody = "no node is heard, so energy, heat and throttling of the run will be unknown; `picollect up` \
                      starts a collector with this machine as its first node";
        found.push(Found::Unknown(nobody.to_owned()));
        return found;
    }
    let is_down = |node: &&Node| wanted.is_none() && node.state == Presence::Down;
    let those = |lacks: &dyn Fn(&Node) -> bool| names(up.iter().copied().filter(|node| lacks(node)));
    let unknown = [
        (names(known.iter().filter(is_down)), "down, and will be missing in the run"),
        (
            those(&|node| node.watts.is_none()),
            "without a power figure: the energy of the run will not be all known",
        ),
        (
            those(&|node| node.throttled.is_none()),
            "without the firmware's flags: throttling there will be unknown",
        ),
    ];
    let said = unknown.into_iter().filter_map(|(who, what)| Some((who?, what)));
    found.extend(said.map(|((names, several), what)| {
        Found::Unknown(format!("{names} {} {what}", if several { "are" } else { "is" }))
    }));
    found
}

/// Why no run can be measured on the node of this name.
fn absent(name: &str, known: &[Node], now_ms: i64) -> Option<Found> {
    let Some(node) = known.iter().find(|node| node.host == name) else {
        let hosts = known.iter().map(|node| node.host.as_str());
        let hint = match nearest(name, hosts) {
            Some(near) => format!("did you mean `{}`?", printable(near)),
            None if known.is_empty() => "none is".to_owned(),
            None => match names(known.iter()) {
                Some((all, true)) => format!("{all} are"),
                Some((all, false)) => format!("{all} is"),
                None => String::new(),
            },
        };
        return Some(Found::Hopeless(format!("no node `{}` is known: {hint}", printable(name))));
    };
    (node.state == Presence::Down).then(|| {
        let silent_s = (now_ms - node.last_seen_ms).max(0) as f64 / 1000.0;
        Found::Hopeless(format!("`{}` is silent for {}", printable(name), spaced(&duration(silent_s))))
    })
}

/// Names as a part of a sentence, and whether they are several; `None` of nobody.
fn names<'a>(nodes: impl Iterator<Item = &'a Node>) -> Option<(String, bool)> {
    let mut names: Vec<String> = nodes.map(|node| format!("`{}`", printable(&node.host))).collect();
    let several = names.len() > 1;
    if names.len() > NAMES {
        let more = names.len() - NAMES + 1;
        names.truncate(NAMES - 1);
        names.push(format!("{more} more"));
    }
    let last = names.pop()?;
    Some((if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }, several))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str) -> Node {
        Node {
            host: host.to_owned(),
            state: Presence::Up,
            watts: Some(5.0),
            throttled: Some(false),
            ..Node::default()
        }
    }

    fn wanted(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn hopeless(found: &[Found]) -> Vec<&str> {
        found
            .iter()
            .filter_map(|it| if let Found::Hopeless(why) = it { Some(why.as_str()) } else { None })
            .collect()
    }

    #[test]
    fn a_node_that_is_unknown_or_silent_is_refused_with_the_nearest_name() {
        let silent = Node { state: Presence::Down, last_seen_ms: 1_000, ..node("pi-3") };
        let known = [node("pi-1"), node("pi-2"), silent];
        let found = |names: &[&str]| nodes(Some(&wanted(names)), &known, 181_000);
        assert_eq!(hopeless(&found(&["pi1"])), ["no node `pi1` is known: did you mean `pi-1`?"]);
        assert_eq!(hopeless(&found(&["nix"])), ["no node `nix` is known: `pi-1`, `pi-2` and `pi-3` are"]);
        assert_eq!(hopeless(&found(&["pi-3"])), ["`pi-3` is silent for 3 min"]);
        assert_eq!(found(&["pi-1", "pi-2"]), []);
        let nobody = nodes(Some(&wanted(&["nix"])), &[], 0);
        assert_eq!(hopeless(&nobody), ["no node `nix` is known: none is"]);
        let error = say(&found(&["nix", "pi-3"]), false).unwrap_err();
        assert!(
            matches!(&error, Failure::Usage(why) if why.to_string().ends_with("; --force runs it all the same"))
        );
        assert!(say(&found(&["nix"]), true).is_ok());
    }

    #[test]
    fn what_will_be_unknown_is_said_before() {
        let said = |found: &[Found]| -> Vec<String> {
            let text = |it: &Found| if let Found::Unknown(why) = it { why.clone() } else { panic!("{it:?}") };
            found.iter().map(text).collect()
        };
        assert!(said(&nodes(None, &[], 0))[0].starts_with("no node is heard, so energy"));
        let bare = Node { watts: None, throttled: None, ..node("vm") };
        let down = Node { state: Presence::Down, ..node("pi-3") };
        assert_eq!(
            said(&nodes(None, &[node("pi-1"), bare, down], 0)),
            [
                "`pi-3` is down, and will be missing in the run",
                "`vm` is without a power figure: the energy of the run will not be all known",
                "`vm` is without the firmware's flags: throttling there will be unknown",
            ]
        );
        let many: Vec<Node> =
            (0..9).map(|index| Node { watts: None, ..node(&format!("n{index}")) }).collect();
        assert!(
            said(&nodes(None, &many, 0))[0]
                .starts_with("`n0`, `n1`, `n2`, `n3`, `n4` and 4 more are without")
        );
    }

    #[test]
    fn a_program_is_looked_for_as_the_system_does_it() {
        assert!(is_there("sh") && is_there("/bin/sh"));
        assert!(!is_there("no-such-program-anywhere") && !is_there("/no/such/program"));
    }
}

//! The documents: how wide they are, where their links lead, and whether the table of contents is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// The most characters of a line of prose.
const COLUMNS: usize = 100;
/// Documents that a program writes with lines as long as they come: a test of its own holds each.
const AS_THEY_COME: [&str; 2] = ["docs/metrics.md", "tests/golden"];
/// Folders that hold nothing of ours.
const FOREIGN: [&str; 3] = ["target", "corpus", "artifacts"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Markdown files, by their path from the top.
fn documents() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root().to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the tree") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() && !path.is_symlink() {
                if !name.starts_with('.') && !FOREIGN.contains(&name.as_str()) {
                    waiting.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).expect("a document in UTF-8");
                found.insert(path.strip_prefix(root()).expect("below the top").to_owned(), text);
            }
        }
    }
    assert!(found.contains_key(Path::new("README.md")) && found.len() > 30, "{:?}", found.keys());
    found
}

/// The lines of prose with their numbers: without blocks of code, fenced or indented.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let (mut lines, mut fence, mut after_blank) = (Vec::new(), false, true);
    for (number, line) in (1..).zip(text.lines()) {
        let begun = line.trim_start();
        if begun.starts_with("```") || begun.starts_with("~~~") {
            fence = !fence;
        } else if !(fence || after_blank && line.starts_with("    ")) {
            lines.push((number, line));
            after_blank = line.is_empty();
        }
    }
    lines
}

/// What cannot be broken: a row of a table, a heading, and a single word such as the address of a link.
fn may_be_long(line: &str) -> bool {
    let markers: &[char] = &[' ', '-', '*', '>'];
    let words = line.trim_start_matches(markers);
    line.starts_with('|') || line.starts_with('#') || !words.contains(' ')
}

#[test]
fn documents_are_no_wider_than_100_columns() {
    let mut wide = Vec::new();
    for (path, text) in documents() {
        if AS_THEY_COME.iter().any(|made| path.starts_with(made)) {
            continue;
        }
        let lines = prose(&text).into_iter().filter(|(_, line)| line.chars().count() > COLUMNS);
        let lines = lines.filter(|(_, line)| !may_be_long(line));
        wide.extend(lines.map(|(number, line)| format!("{}:{number}: {line}", path.display())));
    }
    assert!(wide.is_empty(), "wider than {COLUMNS} columns:\n{}", wide.join("\n"));
}

/// The spans of code in a text. A link within one is none.
fn code_spans(text: &str) -> Vec<Range<usize>> {
    let (mut spans, mut from) = (Vec::new(), 0);
    while let Some(start) = text[from..].find('`').map(|at| from + at) {
        let ticks = text[start..].chars().take_while(|character| *character == '`').count();
        let fence = "`".repeat(ticks);
        let inside = start + ticks;
        from = match text[inside..].find(&fence) {
            Some(length) => inside + length + ticks,
            None => inside,
        };
        spans.push(start..from);
    }
    spans
}

/// Where the links and pictures of a document lead.
fn targets(text: &str) -> Vec<String> {
    let lines: Vec<&str> = prose(text).into_iter().map(|(_, line)| line).collect();
    let text = lines.join("\n");
    let code = code_spans(&text);
    let found = text.match_indices("](").filter(|(at, _)| !code.iter().any(|span| span.contains(at)));
    let target = |(at, _): (usize, &str)| {
        let rest = &text[at + 2..];
        rest.split_once(')').map_or(rest, |(target, _)| target).to_owned()
    };
    found.map(target).collect()
}

/// The anchor that GitHub makes of a heading: lower case, hyphens for blanks, no punctuation.
fn anchor(heading: &str) -> String {
    let kept = |character: &char| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

/// The anchors of a document; a heading that comes again has a number behind it.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if (1..=6).contains(&level) && title.starts_with(' ') {
            let name = anchor(title);
            let times = seen.entry(name.clone()).or_default();
            all.insert(if *times == 0 { name } else { format!("{name}-{times}") });
            *times += 1;
        }
    }
    all
}

/// A path without `..`, or `None` if it leads out of the tree.
fn resolved(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    Some(resolved)
}

/// What is wrong with a link of the document `from`, if anything is.
fn broken(documents: &BTreeMap<PathBuf, String>, from: &Path, target: &str) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let beside = from.parent().unwrap_or(Path::new(""));
    let path = if file.is_empty() { Some(from.to_owned()) } else { resolved(&beside.join(file)) };
    let Some(path) = path.filter(|path| root().join(path).exists()) else {
        return Some("leads to no file");
    };
    match documents.get(&path) {
        _ if fragment.is_empty() => None,
        Some(text) if anchors(text).contains(fragment) => None,
        Some(_) => Some("names a heading that is not there"),
        None => Some("names a heading of what is no document"),
    }
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading_that_are_there() {
    let documents = documents();
    let mut checked = 0;
    let mut wrong = Vec::new();
    for (path, text) in &documents {
        for target in targets(text) {
            checked += 1;
            let why = broken(&documents, path, &target);
            wrong.extend(why.map(|why| format!("{}: `{target}` {why}", path.display())));
        }
    }
    assert!(checked > 50, "only {checked} links were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_of_contents_lists_every_page_of_docs() {
    let contents = fs::read_to_string(root().join("docs/README.md")).expect("docs/README.md");
    let listed: BTreeSet<String> = targets(&contents).into_iter().collect();
    let entries = fs::read_dir(root().join("docs")).expect("docs");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let is_page = |name: &String| {
        let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("md" | "html")) && name != "README.md"
    };
    let missing: Vec<String> = names.filter(is_page).filter(|name| !listed.contains(name)).collect();
    assert!(missing.is_empty(), "docs/README.md does not list {missing:?}");
    let first = fs::read_to_string(root().join("README.md")).expect("README.md");
    assert!(targets(&first).contains(&"docs/README.md".to_owned()), "README.md does not link docs/README.md");
}

#[test]
fn what_the_checks_read_of_a_document() {
    let text = "# A b, c\n\nsee [x](y.md#z) and `[no](no.md)`\n\n    [code](code.md)\n\n```\n# no\n[in](in.md)\n```\n\n\
                # A `b`, c\n";
    assert_eq!(targets(text), ["y.md#z"]);
    assert_eq!(anchors(text), BTreeSet::from(["a-b-c".to_owned(), "a-b-c-1".to_owned()]));
    let documents = BTreeMap::from([(PathBuf::from("docs/README.md"), text.to_owned())]);
    let said = |target| broken(&documents, Path::new("docs/README.md"), target);
    assert_eq!((said("#a-b-c-1"), said("../Cargo.toml"), said("https://example.org/")), (None, None, None));
    assert_eq!(said("#a-b"), Some("names a heading that is not there"));
    assert_eq!(said("../Cargo.toml#a"), Some("names a heading of what is no document"));
    assert_eq!((said("nowhere.md"), said("../../up")), (Some("leads to no file"), Some("leads to no file")));
    let wide = format!("- {}", "w".repeat(COLUMNS));
    assert!(may_be_long(&wide) && !may_be_long(&format!("{wide} w")));
}

//! The page of the thesis: each of its tables is what the command above it prints.

use std::path::Path;
use std::{env, fs};

use crate::process::stdout;

/// Stands above a command whose tables follow.
const COMMAND: &str = "<!-- picollect ";
/// Stands above a table, with its number unless it is the first of its command.
const TABLE: &str = "<!-- table";
const END: &str = " -->";

/// The tables that a command prints, each its lines.
fn tables(command: &str) -> Vec<Vec<String>> {
    let arguments: Vec<&str> = command.split(' ').chain(["--format", "markdown"]).collect();
    let printed = stdout(&arguments);
    let lines: Vec<&str> = printed.lines().collect();
    let is_row = |line: &str| line.starts_with('|');
    let groups = lines.chunk_by(|a, b| is_row(a) == is_row(b)).filter(|group| is_row(group[0]));
    groups.map(|group| group.iter().map(ToString::to_string).collect()).collect()
}

/// The page with the tables that its commands print now.
fn made(page: &str) -> String {
    let (mut found, mut tables_of_command, mut skips) = (String::new(), Vec::new(), false);
    for line in page.lines() {
        if let Some(command) = line.strip_prefix(COMMAND).and_then(|rest| rest.strip_suffix(END)) {
            tables_of_command = tables(command);
        }
        if skips && (line.starts_with('|') || line.is_empty()) {
            continue;
        }
        if skips {
            found.push('\n');
        }
        skips = false;
        found += &format!("{line}\n");
        if let Some(number) = line.strip_prefix(TABLE).and_then(|rest| rest.strip_suffix(END)) {
            let number: usize = number.trim().parse().unwrap_or(1);
            let rows =
                tables_of_command.get(number - 1).unwrap_or_else(|| panic!("no table {number}: {line}"));
            found += &format!("\n{}\n", rows.join("\n"));
            skips = true;
        }
    }
    found
}

#[test]
fn each_table_of_the_thesis_is_what_its_command_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/thesis.md");
    let page = fs::read_to_string(&path).expect("the page");
    let made = made(&page);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        return fs::write(&path, made).expect("the page is writable");
    }
    assert!(
        page == made,
        "the page has other tables than its commands print; UPDATE_GOLDEN=1 writes them\n{made}"
    );
    assert!(page.matches(TABLE).count() >= 5, "all of its tables are made");
}

#[test]
fn the_page_says_that_nothing_was_metered_before_it_concludes_anything() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/thesis.md")).expect("the page");
    let said = page.find("**Nothing below was metered.**").expect("it says so");
    assert!(said < page.find("\n## ").expect("sections"), "before the first section");
    let rows = page
        .lines()
        .filter(|line| line.starts_with('|') && line.contains(" W") && line.contains(" ("))
        .count();
    let known = ["(nameplate)", "(measured)", "(assumed)"];
    let labelled = page.lines().filter(|line| known.iter().any(|word| line.contains(word))).count();
    assert!(labelled >= rows && rows > 5, "every figure of power is labelled");
}

#[test]
fn a_mistake_in_a_file_of_nameplates_is_named_with_its_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("wrong.toml");
    fs::write(&file, "[[machine]]\nname = \"a\"\npirce = 3\n").expect("a file");
    let output = crate::process::run(&["nameplate", file.to_str().expect("UTF-8")]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("wrong.toml:3:1: unknown key `pirce`, did you mean `price`?"), "{error}");
}

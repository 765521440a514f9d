//! The guide happens as it is told: the commands of its chapters are run, and what they print is compared.
//!
//! A fenced block of a chapter says in its info string what is to be done with it, behind its language:
//!
//! - `run`: each line behind `$ ` is a command, and the lines after it are what it prints, on both of its outputs.
//!   `…` stands for anything. `exit=N` is the status that the last command has to end with, if it is not 0.
//! - `eventually`, beside `run`: its one command is repeated until it prints that.
//! - `numbers-vary`, beside `run` and `start`: every number stands for any number, with any prefix of its unit.
//! - `run-only`: the same without looking at what is printed.
//! - `start`: its one command goes on until the chapter ends; waits until it has printed what follows.
//! - `long`, beside one of these: only with `PICOLLECT_GUIDE=long`, as in `./test --extended`.
//! - `file=NAME`: the text is that file.
//! - `shown`: not run, because it wants root, another machine or hardware. Its commands and options have to exist.
//!
//! A chapter's commands run in one folder, which is its home, with `~/picollect` as our sources. The collector's
//! port is any free one and its address is loopback, whatever the chapter says.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::process::{Process, eventually, picollect, stdout};

/// What stands for any text.
const ANYTHING: &str = "…";
/// The address that the chapters tell to listen on; here the environment says where.
const LISTEN: &str = " --listen 0.0.0.0:8650";
/// What the chapters call the collector from elsewhere.
const HEAD_NODE: &str = "head-node:8650";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A fenced block of a chapter.
struct Block {
    /// The line of its fence, from 1.
    line: usize,
    info: Vec<String>,
    text: String,
}

impl Block {
    fn is(&self, word: &str) -> bool {
        self.info.iter().any(|own| own == word)
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.info.iter().find_map(|own| own.strip_prefix(key)?.strip_prefix('='))
    }

    /// Each command, continued lines joined, and what has to follow it.
    fn commands(&self) -> Vec<(String, String)> {
        let mut commands: Vec<(String, String)> = Vec::new();
        for line in self.text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                commands.push((command.to_owned(), String::new()));
            } else if let Some((command, output)) = commands.last_mut() {
                let to = if output.is_empty() && command.ends_with('\\') { command } else { output };
                *to += &format!("{}{line}", if to.is_empty() { "" } else { "\n" });
            } else {
                panic!("line {}: {line:?} stands before the first `$ `", self.line);
            }
        }
        assert!(!commands.is_empty(), "line {}: a block without a command", self.line);
        commands
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for (line, content) in (1..).zip(text.lines()) {
        match (&mut open, content.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text += &format!("{content}\n"),
            (None, Some(info)) => {
                let info = info.split_whitespace().map(str::to_owned).collect();
                open = Some(Block { line, info, text: String::new() });
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The words of a text; with numbers that vary, each number is `#`, and a prefix of its unit is left out.
fn words(text: &str, numbers_vary: bool) -> Vec<String> {
    let words = text.split_whitespace();
    if !numbers_vary {
        return words.map(str::to_owned).collect();
    }
    let mut all: Vec<String> = Vec::new();
    for word in words.filter(|word| !matches!(*word, ">" | "<" | "≥")) {
        let word = numbered(word);
        let after_number = all.last().is_some_and(|before| before.ends_with('#'));
        all.push(if after_number { without_prefix(&word) } else { word });
    }
    all
}

/// Each number in a word as `#`.
fn numbered(word: &str) -> String {
    let (mut text, mut in_number) = (String::new(), false);
    let characters: Vec<char> = word.chars().collect();
    for (at, &character) in characters.iter().enumerate() {
        let digit_follows = characters.get(at + 1).is_some_and(char::is_ascii_digit);
        let number =
            character.is_ascii_digit() || in_number && matches!(character, '.' | ',') && digit_follows;
        match (number, in_number) {
            (true, false) => text.push('#'),
            (true, true) => {}
            (false, _) => text.push(character),
        }
        in_number = number;
    }
    text
}

/// A unit without the prefix of its size.
fn without_prefix(unit: &str) -> String {
    let known = ["FLOPS", "FLOPS/W", "J", "J·s", "W", "Wh", "B/s", "B", "J·s²"];
    let bare = unit.trim_end_matches([',', '.', ';', ')', ':']);
    let prefix = |name: &&str| bare.strip_suffix(name).is_some_and(|prefix| prefix.chars().count() == 1);
    match known.iter().filter(|name| prefix(name)).max_by_key(|name| name.len()) {
        Some(name) => name.to_string() + &unit[bare.len()..],
        None => unit.to_owned(),
    }
}

/// Whether `got` is what was told, where `…` stands for any number of words or for a part of one.
fn matches(told: &[String], got: &[String]) -> bool {
    let (mut at, mut of) = (0, 0);
    // Behind the last `…`, and how much of `got` it stands for: only that has to be tried again.
    let mut anything: Option<(usize, usize)> = None;
    while of < got.len() {
        if told.get(at).is_some_and(|word| word == ANYTHING) {
            at += 1;
            anything = Some((at, of));
        } else if told.get(at).is_some_and(|word| word_matches(word, &got[of])) {
            (at, of) = (at + 1, of + 1);
        } else if let Some((behind, upto)) = anything {
            (at, of) = (behind, upto + 1);
            anything = Some((behind, upto + 1));
        } else {
            return false;
        }
    }
    told[at..].iter().all(|word| word == ANYTHING)
}

fn word_matches(told: &str, got: &str) -> bool {
    match told.split_once(ANYTHING) {
        None => told == got,
        Some((start, rest)) => got.strip_prefix(start).is_some_and(|got| {
            let ends = |at: usize| got.is_char_boundary(at) && word_matches(rest, &got[at..]);
            (0..=got.len()).any(ends)
        }),
    }
}

/// Where a chapter happens.
struct Chapter {
    name: &'static str,
    home: tempfile::TempDir,
    running: Vec<Process>,
    /// The collector's address, once one was started.
    address: Option<String>,
}

impl Chapter {
    fn new(name: &'static str) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let programs = home.path().join(".programs");
        fs::create_dir(&programs).expect("writable");
        symlink(picollect(&[]).get_program(), programs.join("picollect")).expect("a link");
        let agent = programs.join("picollect-agent");
        fs::write(&agent, "#!/bin/sh\nexec picollect agent \"$@\"\n").expect("writable");
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).expect("ours");
        symlink(root(), home.path().join("picollect")).expect("a link");
        Self { name, home, running: Vec::new(), address: None }
    }

    /// Everything that the chapter tells.
    fn happens(&mut self) {
        let text = fs::read_to_string(root().join("docs/guide").join(self.name)).expect("the chapter");
        let long = std::env::var("PICOLLECT_GUIDE").is_ok_and(|value| value == "long");
        let mut happened = 0;
        for block in blocks(&text).iter().filter(|block| long || !block.is("long")) {
            happened += usize::from(self.happen(block));
        }
        assert!(happened > 0, "{}: nothing of it is run", self.name);
    }

    /// Whether this block was run.
    fn happen(&mut self, block: &Block) -> bool {
        if let Some(name) = block.value("file") {
            fs::write(self.home.path().join(name), &block.text).expect("writable");
        } else if block.is("start") {
            self.start(block);
        } else if block.is("run") || block.is("run-only") {
            let commands = block.commands();
            for (at, (command, told)) in commands.iter().enumerate() {
                let last = at + 1 == commands.len();
                let exit =
                    block.value("exit").filter(|_| last).map_or(0, |exit| exit.parse().expect("a status"));
                self.run(block, command, told, exit);
            }
        } else {
            return false;
        }
        true
    }

    fn run(&self, block: &Block, command: &str, told: &str, exit: i32) {
        let place = format!("docs/guide/{}:{}: {command}", self.name, block.line);
        let vary = block.is("numbers-vary");
        let mut got = String::new();
        let mut as_told = || {
            let output = self.shell(&format!("{{ {}\n}} 2>&1", self.here(command))).output().expect("bash");
            got = self.as_told(&String::from_utf8_lossy(&output.stdout));
            let printed = block.is("run-only") || matches(&words(told, vary), &words(&got, vary));
            printed && output.status.code() == Some(exit)
        };
        if block.is("eventually") {
            return eventually(&format!("{place} prints\n{told}"), as_told);
        }
        let holds = as_told();
        assert!(holds, "{place}\nprints now, and should end with status {exit}:\n{got}");
    }

    /// A command that goes on.
    fn start(&mut self, block: &Block) {
        let commands = block.commands();
        let [(command, told)] = &commands[..] else { panic!("line {}: one command starts", block.line) };
        let mut shell = self.shell(&format!("exec {} 2>&1", self.here(command)));
        let mut process = Process::start_with_stdout(&mut shell);
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (mut output, into) = (process.0.stdout.take().expect("it is piped"), Arc::clone(&printed));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                into.lock().expect("nobody panics with it").extend_from_slice(&buffer[..length]);
            }
        });
        let vary = block.is("numbers-vary");
        let mut told = words(told, vary);
        told.push(ANYTHING.to_owned());
        eventually(&format!("docs/guide/{}:{}: {command} prints {told:?}", self.name, block.line), || {
            let got = String::from_utf8_lossy(&printed.lock().expect("nobody panics with it")).into_owned();
            let address = got.lines().find_map(|line| line.split_once("listening on ")?.1.split_once("://"));
            self.address = address.map(|(_, address)| address.to_owned()).or(self.address.take());
            matches(&told, &words(&self.as_told(&got), vary))
        });
        self.running.push(process);
    }

    /// A command of the chapter as it is run here.
    fn here(&self, command: &str) -> String {
        let command = command.replace(LISTEN, "");
        self.address.iter().fold(command, |text, address| text.replace(HEAD_NODE, address))
    }

    /// What was printed here as the chapter tells it.
    fn as_told(&self, printed: &str) -> String {
        let home = self.home.path().to_str().expect("UTF-8");
        let text = printed.replace(root().to_str().expect("UTF-8"), "~/picollect").replace(home, "~");
        self.address.iter().fold(text, |text, address| text.replace(address, HEAD_NODE))
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-o", "pipefail", "-c", script]).current_dir(self.home.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["PICOLLECT_", "XDG_", "HPL"].iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(&*name);
            }
        }
        let path = std::env::var("PATH").expect("a path");
        let programs = self.home.path().join(".programs");
        command.env("PATH", format!("{}:{path}", programs.display())).env("HOME", self.home.path());
        command
            .env("XDG_RUNTIME_DIR", programs)
            .env("PICOLLECT_LISTEN", "127.0.0.1:0")
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        command
    }
}

#[test]
fn chapter_1_the_first_quarter_of_an_hour_happens_as_it_is_told() {
    Chapter::new("1-first-quarter-of-an-hour.md").happens();
}

#[test]
fn chapter_2_wiring_happens_as_it_is_told() {
    Chapter::new("2-wiring-a-meter-and-a-panel.md").happens();
}

#[test]
fn chapter_3_the_first_report_happens_as_it_is_told() {
    Chapter::new("3-first-report.md").happens();
}

#[test]
fn chapter_4_the_thesis_happens_as_it_is_told() {
    Chapter::new("4-hpl-for-a-thesis.md").happens();
}

#[test]
fn chapter_5_sixty_nodes_happen_as_they_are_told() {
    Chapter::new("5-sixty-nodes.md").happens();
}

#[test]
fn chapter_6_what_does_not_work_happens_as_it_is_told() {
    Chapter::new("6-when-it-does-not-work.md").happens();
}

#[test]
fn chapter_7_upgrading_and_moving_happen_as_they_are_told() {
    Chapter::new("7-upgrading-backup-moving.md").happens();
}

/// The chapters of the guide with their texts.
fn chapters() -> BTreeMap<PathBuf, String> {
    let entries = fs::read_dir(root().join("docs/guide")).expect("the guide");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let pages = paths.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages.map(|path| (path.clone(), fs::read_to_string(path).expect("a chapter"))).collect()
}

/// The commands of ours in a line of shell, each with the options that it is given.
fn ours(line: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let mut found = Vec::new();
    for part in line.split(['|', ';', '&', '$', '(', ')', '`']) {
        let words = part.split_whitespace().take_while(|word| *word != "--" && *word != "#");
        let all: Vec<&str> = words.collect();
        let is_program = |at: &usize| {
            matches!(all[*at], "picollect" | "picollect-agent")
                && !all[..*at].iter().any(|word| matches!(*word, "apt" | "systemctl" | "man"))
                && (*at == 0 || all[at - 1] != "-u")
        };
        let Some(at) = (0..all.len()).find(is_program) else { continue };
        let mut names = if all[at] == "picollect-agent" { vec!["agent".to_owned()] } else { Vec::new() };
        let is_name = |word: &&&str| word.chars().all(|letter| letter.is_ascii_lowercase());
        names.extend(all[at + 1..].iter().take_while(is_name).map(|word| (*word).to_owned()));
        let options = all[at + 1..].iter().filter(|word| word.starts_with("--"));
        let options = options.map(|word| word.split('=').next().unwrap_or(word).to_owned());
        found.push((names, options.collect()));
    }
    found
}

/// What `--help` says of a command; what follows its name may be arguments.
fn help(names: &[String]) -> Option<String> {
    (0..=names.len()).rev().find_map(|length| {
        let arguments: Vec<&str> = names[..length].iter().map(String::as_str).chain(["--help"]).collect();
        let output = picollect(&arguments).output().expect("picollect starts");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    })
}

#[test]
fn every_block_of_the_guide_says_what_is_done_with_it_and_what_is_only_shown_exists() {
    let versions = ["--version".to_owned(), "--help".to_owned()];
    let mut checked = 0;
    for (path, text) in chapters() {
        for block in blocks(&text) {
            let place = format!("{}:{}", path.display(), block.line);
            let modes = ["run", "run-only", "start", "shown"].iter().filter(|mode| block.is(mode)).count();
            assert_eq!(modes + usize::from(block.value("file").is_some()), 1, "{place}: {:?}", block.info);
            if !block.is("shown") {
                continue;
            }
            for (names, options) in block.text.lines().flat_map(|line| ours(line.trim_start_matches("$ "))) {
                let help = help(&names).unwrap_or_else(|| panic!("{place}: no command {names:?}"));
                for option in options.iter().filter(|option| !versions.contains(option)) {
                    assert!(help.contains(option.as_str()), "{place}: {names:?} has no {option}");
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 10, "only {checked} commands were looked at");
    assert!(stdout(&["--version"]).starts_with("picollect "));
}

#[test]
fn what_is_told_is_compared_word_by_word() {
    let same = |told: &str, got: &str, vary| matches(&words(told, vary), &words(got, vary));
    assert!(same("used 1.686 kJ over\n45.0 s", "used 229 J over 6.0   s", true));
    assert!(same("reached 36.60 GFLOPS, of 5", "reached 1,036 MFLOPS, of 7", true));
    assert!(same("> 99.9 % of vm", "100 % of vm", true));
    assert!(!same("used 1.686 kJ", "used 1.7 kJ", false));
    assert!(!same("sim-4 up", "vm up", true));
    assert!(same("a … d\n…", "a b c d", false) && same("in …/data, at", "in ~/x/data, at", false));
    assert!(!same("a … d", "a b c", false) && !same("a", "a b", false));
    let block = &blocks("```console run exit=3\n$ a \\\n  b\nc\n$ d\n```\n")[0];
    assert_eq!((block.value("exit"), block.is("run")), (Some("3"), true));
    let told = [("a \\\n  b".to_owned(), "c".to_owned()), ("d".to_owned(), String::new())];
    assert_eq!(block.commands(), told);
    let found = ours(
        "sudo -u picollect picollect token code --data /var | ssh pi sudo picollect-agent join http://x",
    );
    assert_eq!(found[0], (vec!["token".to_owned(), "code".to_owned()], vec!["--data".to_owned()]));
    assert_eq!(found[1].0, ["agent", "join"]);
}

#[test]
fn the_completions_of_every_shell_know_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&["completions", shell]);
        for command in ["report", "submission", "agent", "completions"] {
            assert!(script.contains(command), "{shell} does not complete {command}");
        }
    }
}

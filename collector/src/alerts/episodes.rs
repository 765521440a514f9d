//! What was said of which alert to whom, kept in the data directory so that a restart repeats nothing.
//!
//! Invariants: of an episode each receiver is told once that it began and once that it is over, or, if it was over before
//! the receiver could be reached, both at once. What is kept is bounded in number and in time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use picollect_settings::files;
use serde::{Deserialize, Serialize};

use super::message::{Message, Notification};
use picollect_analysis::alerts::{Active, State};
use picollect_evaluate::alert_rules::{RULES, Rule};

const FILE: &str = "alerts.json";
/// The most episodes that are kept; the oldest give way.
const MAX_EPISODES: usize = 1000;
/// Alerts in one message; more of them go into the next.
const MAX_IN_MESSAGE: usize = 100;
/// After so long a receiver is no longer told of what is over.
const KEPT_MS: i64 = 24 * 3600 * 1000;

/// What a receiver knows of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Knows {
    Beginning,
    End,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Episode {
    rule: String,
    labels: Vec<(String, String)>,
    /// The expression's value when it began.
    value: f64,
    starts_ms: i64,
    ends_ms: Option<i64>,
    knows: BTreeMap<String, Knows>,
}

impl Episode {
    fn rule(&self) -> Option<&'static Rule> {
        RULES.iter().find(|rule| rule.name == self.rule)
    }

    fn identity(&self) -> Identity {
        (self.rule.clone(), self.labels.clone(), self.starts_ms)
    }

    /// What somebody knows who is told of it now.
    fn to_be_known(&self) -> Knows {
        if self.ends_ms.is_some() { Knows::End } else { Knows::Beginning }
    }

    fn is_owed_to(&self, receiver: &str) -> bool {
        match self.knows.get(receiver) {
            Some(Knows::End) => false,
            Some(Knows::Beginning) => self.ends_ms.is_some(),
            None => true,
        }
    }
}

/// What a message said: of which episodes, and how much of each. Meanwhile one may have ended.
#[derive(Debug)]
pub struct Said(Vec<(Identity, Knows)>);

/// An episode's rule, labels and beginning, Unix milliseconds.
type Identity = (String, Vec<(String, String)>, i64);

/// All episodes that somebody has still to be told of, or to be told the end of.
#[derive(Debug)]
pub struct Episodes {
    path: PathBuf,
    all: Vec<Episode>,
    changed: bool,
}

impl Episodes {
    /// Those of this data directory. A file that cannot be read is reported and forgotten: what fires is said again.
    pub fn of(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let all = read(&path).unwrap_or_else(|error| {
            tracing::error!("what was said of alerts is forgotten: {error:#}");
            Vec::new()
        });
        Self { path, all, changed: false }
    }

    /// Takes what a rule finds now, Unix milliseconds: what newly fires begins an episode, and what is no longer found
    /// ends one.
    pub(super) fn observe(&mut self, rule: &'static Rule, found: &[Active], now_ms: i64) {
        for episode in self.all.iter_mut().filter(|one| one.ends_ms.is_none() && one.rule == rule.name) {
            if found.iter().all(|active| active.labels != episode.labels) {
                episode.ends_ms = Some(now_ms);
                self.changed = true;
            }
        }
        for active in found.iter().filter(|active| active.state == State::Firing) {
            let same =
                |one: &Episode| one.ends_ms.is_none() && one.rule == rule.name && one.labels == active.labels;
            if !self.all.iter().any(same) {
                self.all.push(Episode {
                    rule: rule.name.to_owned(),
                    labels: active.labels.clone(),
                    value: active.value,
                    starts_ms: now_ms - i64::from(rule.for_s) * 1000,
                    ends_ms: None,
                    knows: BTreeMap::new(),
                });
                self.changed = true;
            }
        }
    }

    /// Ends what nobody looks at any more, and forgets what everybody knows or is too old to be told.
    pub fn settle(&mut self, rules: &[&'static Rule], receivers: &[&str], now_ms: i64) {
        let before = self.all.len();
        for episode in self.all.iter_mut().filter(|one| one.ends_ms.is_none()) {
            if rules.iter().all(|rule| rule.name != episode.rule) {
                episode.ends_ms = Some(now_ms);
                self.changed = true;
            }
        }
        self.all.retain(|one| {
            let owed = receivers.iter().any(|receiver| one.is_owed_to(receiver));
            let over = one.ends_ms.is_some_and(|ends_ms| !owed || now_ms - ends_ms > KEPT_MS);
            one.rule().is_some() && !over
        });
        let too_many = self.all.len().saturating_sub(MAX_EPISODES);
        if too_many > 0 {
            tracing::warn!(too_many, "too many alerts; the oldest are forgotten");
            self.all.drain(..too_many);
        }
        self.changed |= self.all.len() != before;
    }

    /// What a receiver has to be told now, and what it then knows; `None` if it knows everything.
    pub fn owed(&self, receiver: &str) -> Option<(Message, Said)> {
        let owed = self.all.iter().filter(|one| one.is_owed_to(receiver)).take(MAX_IN_MESSAGE);
        let told = owed.filter_map(|one| {
            let times = (one.starts_ms, one.ends_ms);
            let notification = Notification::of(one.rule()?, &one.labels, one.value, times);
            Some((notification, (one.identity(), one.to_be_known())))
        });
        let (told, said): (Vec<_>, Vec<_>) = told.unzip();
        (!told.is_empty()).then_some((Message(told), Said(said)))
    }

    /// The receiver has taken a message that said this.
    pub fn delivered(&mut self, receiver: &str, said: &Said) {
        for (identity, knows) in &said.0 {
            if let Some(episode) = self.all.iter_mut().find(|one| one.identity() == *identity) {
                episode.knows.insert(receiver.to_owned(), *knows);
                self.changed = true;
            }
        }
    }

    /// Writes the file in one step if anything has changed.
    pub fn save(&mut self) -> anyhow::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let cannot_write = || format!("cannot write `{}`", self.path.display());
        files::replace(&self.path, &serde_json::to_vec(&self.all)?).with_context(cannot_write)?;
        self.changed = false;
        Ok(())
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<Episode>> {
    let cannot_read = || format!("cannot read `{}`", path.display());
    match files::read_plain(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        text => serde_json::from_slice(&text.with_context(cannot_read)?).with_context(cannot_read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> &'static Rule {
        RULES.iter().find(|rule| rule.name == "NodeDown").unwrap()
    }

    fn active(host: &str, state: State) -> Active {
        Active {
            rule: rule(),
            labels: vec![("host".to_owned(), host.to_owned())],
            value: 1.0,
            state,
            since_ms: 0,
        }
    }

    fn title(episodes: &Episodes, receiver: &str) -> Option<String> {
        episodes.owed(receiver).map(|(message, _)| message.title())
    }

    /// The receiver takes what it is owed now.
    fn takes(episodes: &mut Episodes, receiver: &str) {
        let (_, said) = episodes.owed(receiver).unwrap();
        episodes.delivered(receiver, &said);
    }

    /// Another program on the same directory.
    fn restarted(mut episodes: Episodes) -> Episodes {
        episodes.save().unwrap();
        Episodes::of(episodes.path.parent().unwrap())
    }

    #[test]
    fn each_receiver_is_told_once_that_it_began_and_once_that_it_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let mut episodes = Episodes::of(directory.path());
        episodes.observe(rule(), &[active("a", State::Pending)], 1000);
        assert_eq!(title(&episodes, "webhook"), None, "it has not been so for long enough");
        episodes.observe(rule(), &[active("a", State::Firing), active("b", State::Firing)], 200_000);
        let began = Some("[2 firing] NodeDown a, NodeDown b".to_owned());
        assert_eq!((title(&episodes, "webhook"), title(&episodes, "ntfy")), (began.clone(), began.clone()));
        takes(&mut episodes, "webhook");
        let mut episodes = restarted(episodes);
        // Once begun it lasts for as long as the expression has a value.
        episodes.observe(rule(), &[active("a", State::Pending), active("b", State::Firing)], 210_000);
        assert_eq!((title(&episodes, "webhook"), title(&episodes, "ntfy")), (None, began));
        episodes.observe(rule(), &[active("b", State::Firing)], 220_000);
        assert_eq!(title(&episodes, "webhook").unwrap(), "[1 resolved] NodeDown a");
        assert_eq!(title(&episodes, "ntfy").unwrap(), "[1 firing, 1 resolved] NodeDown a, NodeDown b");
        takes(&mut episodes, "webhook");
        takes(&mut episodes, "ntfy");
        episodes.settle(&[rule()], &["webhook", "ntfy"], 230_000);
        assert_eq!(restarted(episodes).all.len(), 1, "only what still lasts is kept");
    }

    #[test]
    fn what_ends_while_its_beginning_is_being_told_is_told_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let mut episodes = Episodes::of(directory.path());
        episodes.observe(rule(), &[active("a", State::Firing)], 200_000);
        let (_, said) = episodes.owed("ntfy").unwrap();
        episodes.observe(rule(), &[active("b", State::Firing)], 300_000);
        episodes.delivered("ntfy", &said);
        assert_eq!(title(&episodes, "ntfy").unwrap(), "[1 firing, 1 resolved] NodeDown a, NodeDown b");
        takes(&mut episodes, "ntfy");
        assert_eq!(title(&episodes, "ntfy"), None);
    }

    #[test]
    fn what_a_receiver_never_took_is_kept_for_a_day() {
        let directory = tempfile::tempdir().unwrap();
        let mut episodes = Episodes::of(directory.path());
        episodes.observe(rule(), &[active("a", State::Firing)], 200_000);
        episodes.observe(rule(), &[], 300_000);
        episodes.settle(&[rule()], &["ntfy"], 300_000 + KEPT_MS);
        assert_eq!(title(&episodes, "ntfy").unwrap(), "[1 resolved] NodeDown a");
        episodes.settle(&[rule()], &["ntfy"], 300_001 + KEPT_MS);
        assert_eq!(title(&episodes, "ntfy"), None);
    }

    #[test]
    fn an_episode_of_a_rule_that_was_switched_off_ends() {
        let directory = tempfile::tempdir().unwrap();
        let mut episodes = Episodes::of(directory.path());
        episodes.observe(rule(), &[active("a", State::Firing)], 200_000);
        takes(&mut episodes, "ntfy");
        episodes.settle(&[], &["ntfy"], 300_000);
        assert_eq!(title(&episodes, "ntfy").unwrap(), "[1 resolved] NodeDown a");
    }

    #[test]
    fn messages_and_memory_are_bounded_and_a_garbled_file_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), "{").unwrap();
        let mut episodes = Episodes::of(directory.path());
        let many: Vec<Active> = (0..=MAX_EPISODES).map(|at| active(&at.to_string(), State::Firing)).collect();
        episodes.observe(rule(), &many, 200_000);
        episodes.settle(&[rule()], &["ntfy"], 200_000);
        assert_eq!(episodes.all.len(), MAX_EPISODES);
        for _ in 0..MAX_EPISODES / MAX_IN_MESSAGE {
            assert_eq!(episodes.owed("ntfy").unwrap().0.0.len(), MAX_IN_MESSAGE);
            takes(&mut episodes, "ntfy");
        }
        assert!(episodes.owed("ntfy").is_none());
    }
}

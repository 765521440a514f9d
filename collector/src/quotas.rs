//! What one host and one token may take of the store: series, new series a day, samples a second.
//!
//! A sample of a series that is known is taken whatever the others do; only new series can be too many. What is over a
//! limit is not stored and not lost: the sender is told to come back with it (429), and agents keep it. The last tenth
//! of the store's series is for hosts that have few, so that a new node finds room however many the others made.
//!
//! Invariant: a series is counted once, for the host that it names and for the token that brought it first since the
//! collector started.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use picollect_config::Limits;
use picollect_store::{MAX_SERIES, Selector, Store, StoreError};
use picollect_telemetry::catalogue::HOST;
use picollect_telemetry::line::Point;

/// Series that only the collector's own words may be: recorded energy, health, results of runs.
const KEPT_FOR_OWN: usize = MAX_SERIES / 20;
/// Series kept for hosts that have few,
const KEPT_FOR_NEW_HOSTS: usize = MAX_SERIES / 10;
/// which are so many: twice an agent's.
const FEW: u32 = 200;
/// A limit on series is asked about again after this.
pub(crate) const RETRY_SERIES_S: u64 = 10;
/// So many seconds' samples may come at once: an agent that delivers what it kept while the collector was away.
const BURST_S: i64 = 60;
/// A store that refuses is counted anew at most this often: retention may have made room.
const COUNTED_ANEW_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * 3_600_000;
/// The log names so many limits on a day; the rest is in the answers and in the counter.
const MOST_SAID: usize = 100;
/// Thousandths of a sample, so that whole numbers do.
const MILLI: i64 = 1000;

/// What of a batch was over a limit and so was taken out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OverLimit {
    /// Samples that were not taken.
    pub samples: usize,
    /// Which limits, in words; each stands once.
    pub reasons: Vec<String>,
    /// When the sender may try again.
    pub retry_after_s: u64,
}

impl OverLimit {
    /// Adds what is over one limit.
    pub(crate) fn add(&mut self, samples: usize, reason: &str, retry_after_s: u64) {
        self.samples += samples;
        self.retry_after_s = self.retry_after_s.max(retry_after_s);
        if !self.reasons.iter().any(|known| known == reason) {
            self.reasons.push(reason.to_owned());
        }
    }

    /// Adds what another part of the same body was over.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.samples += other.samples;
        self.retry_after_s = self.retry_after_s.max(other.retry_after_s);
        let new = other.reasons.iter().filter(|reason| !self.reasons.contains(reason));
        let new: Vec<String> = new.cloned().collect();
        self.reasons.extend(new);
    }
}

/// Who has how many series, and who sends how much.
#[derive(Debug)]
pub(crate) struct Quotas {
    limits: Limits,
    hashes: RandomState,
    ledger: Mutex<Option<Ledger>>,
}

/// All series that are known, and the use of each host and token.
#[derive(Debug, Default)]
struct Ledger {
    /// The number of the token that brought it, if it was seen since the start.
    series: HashMap<u64, Option<usize>>,
    hosts: HashMap<String, Use>,
    tokens: Vec<(String, Use)>,
    day: i64,
    counted_ms: i64,
    /// What the log says on this day.
    said: HashSet<String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Use {
    series: u32,
    new_today: u32,
    rate: Rate,
}

/// A bucket of samples that fills by itself and may be overdrawn by one batch.
#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    spent: i64,
    at_ms: i64,
}

impl Rate {
    /// Takes so many samples, or says in how many seconds it is worth trying again.
    fn take(&mut self, samples: usize, a_second: u32, now_ms: i64) -> Result<(), u64> {
        let a_second = i64::from(a_second).max(1);
        let elapsed_ms = now_ms.saturating_sub(self.at_ms).clamp(0, BURST_S * MILLI);
        self.spent = (self.spent - elapsed_ms * a_second).max(0);
        self.at_ms = now_ms;
        let over = self.spent - BURST_S * MILLI * a_second;
        if over >= 0 {
            return Err(1 + over.unsigned_abs() / (MILLI * a_second).unsigned_abs());
        }
        self.spent += i64::try_from(samples).unwrap_or(i64::MAX / MILLI) * MILLI;
        Ok(())
    }
}

impl Quotas {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, hashes: RandomState::new(), ledger: Mutex::new(None) }
    }

    /// Takes out of the points what is over a limit of its host or of the token that they came with. Fails if the
    /// store, whose series are listed at the first time, cannot be read.
    pub(crate) fn admit(
        &self,
        store: &dyn Store,
        token: &str,
        points: &mut Vec<Point>,
        now_ms: i64,
    ) -> Result<OverLimit, StoreError> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = match ledger.take() {
            Some(known) => known,
            None => self.counted(store, now_ms)?,
        };
        known.today(now_ms.div_euclid(DAY_MS));
        let is_bounded = store.maintenance().is_some();
        let mut over = self.take_out(&mut known, is_bounded, token, points, now_ms);
        known.say(&over);
        if over.samples > 0 && now_ms.saturating_sub(known.counted_ms) >= COUNTED_ANEW_MS {
            known.forget_deleted(self.counted(store, now_ms)?);
            over.retry_after_s = 1;
        }
        *ledger = Some(known);
        Ok(over)
    }

    fn take_out(
        &self,
        known: &mut Ledger,
        is_bounded: bool,
        token: &str,
        points: &mut Vec<Point>,
        now_ms: i64,
    ) -> OverLimit {
        let mut over = OverLimit::default();
        let token = known.token(token);
        points.retain_mut(|point| {
            let host = point.tag(HOST).map(ToOwned::to_owned);
            if let Err((reason, after_s)) =
                self.rate(known, token, host.as_deref(), point.fields.len(), now_ms)
            {
                over.add(point.fields.len(), &reason, after_s);
                return false;
            }
            let group = self.hash_of(point);
            point.fields.retain(|(field, _)| {
                let series = self.field_of(group, field);
                let admitted = self.series(known, series, is_bounded, token, host.as_deref());
                admitted.map_err(|reason| over.add(1, &reason, RETRY_SERIES_S)).is_ok()
            });
            !point.fields.is_empty()
        });
        over
    }

    fn rate(
        &self,
        known: &mut Ledger,
        token: usize,
        host: Option<&str>,
        samples: usize,
        now_ms: i64,
    ) -> Result<(), (String, u64)> {
        let Limits { host_samples_a_second: of_host, token_samples_a_second: of_token, .. } = self.limits;
        let too_fast = |who: &str, most: u32, key: &str| {
            format!("{who} sends more than {most} samples a second, all that `[limits] {key}` allows")
        };
        let bucket = &mut known.tokens[token].1.rate;
        bucket
            .take(samples, of_token, now_ms)
            .map_err(|after_s| (too_fast("this token", of_token, "token_samples_a_second"), after_s))?;
        let Some((host, bucket)) = host.and_then(|host| known.hosts.get_mut(host).map(|of| (host, of)))
        else {
            return Ok(());
        };
        bucket
            .rate
            .take(samples, of_host, now_ms)
            .map_err(|after_s| (too_fast(&named(host), of_host, "host_samples_a_second"), after_s))
    }

    fn series(
        &self,
        known: &mut Ledger,
        series: u64,
        is_bounded: bool,
        token: usize,
        host: Option<&str>,
    ) -> Result<(), String> {
        let all = known.series.len();
        let Ledger { series: ledger, hosts, tokens, .. } = known;
        match ledger.entry(series) {
            Entry::Occupied(mut entry) => {
                if entry.get().is_none() {
                    entry.insert(Some(token));
                    tokens[token].1.series += 1;
                }
                return Ok(());
            }
            Entry::Vacant(entry) => {
                let of_host = host.and_then(|host| hosts.get(host)).copied().unwrap_or_default();
                if is_bounded {
                    fits_the_store(all, of_host)?;
                }
                self.fits(of_host, host, tokens[token].1)?;
                entry.insert(Some(token));
            }
        }
        let of_host = host.map(|host| hosts.entry(host.to_owned()).or_default());
        for one in of_host.into_iter().chain([&mut tokens[token].1]) {
            one.series += 1;
            one.new_today += 1;
        }
        Ok(())
    }

    fn fits(&self, of_host: Use, host: Option<&str>, of_token: Use) -> Result<(), String> {
        let limits = &self.limits;
        let below = |number: u32, most: u32, who: &str, what: &str, key: &str| {
            let text = || {
                format!(
                    "{who} has {number} {what}, all that `[limits] {key}` allows: a tag whose value is always new \
                     should be a field, or raise the limit"
                )
            };
            if number < most { Ok(()) } else { Err(text()) }
        };
        if let Some(host) = host {
            let who = named(host);
            below(of_host.series, limits.host_series, &who, "series", "host_series")?;
            let a_day = limits.host_new_series_a_day;
            below(of_host.new_today, a_day, &who, "new series today", "host_new_series_a_day")?;
        }
        let who = "this token";
        below(of_token.series, limits.token_series, who, "series", "token_series")?;
        let a_day = limits.token_new_series_a_day;
        below(of_token.new_today, a_day, who, "new series today", "token_new_series_a_day")
    }

    /// The store's series, counted.
    fn counted(&self, store: &dyn Store, now_ms: i64) -> Result<Ledger, StoreError> {
        let mut ledger = Ledger { counted_ms: now_ms, ..Ledger::default() };
        // An engine has limits of its own, and its series may be those of many collectors.
        if store.maintenance().is_none() {
            return Ok(ledger);
        }
        for key in store.series(&Selector::default())? {
            let point = Point { measurement: key.measurement, tags: key.tags, ..Point::default() };
            ledger.series.insert(self.field_of(self.hash_of(&point), &key.field), None);
            if let Some(host) = point.tag(HOST) {
                ledger.hosts.entry(host.to_owned()).or_default().series += 1;
            }
        }
        Ok(ledger)
    }

    /// What tells a measurement with its tags from any other. That two have the same number by chance does not happen
    /// with so few series.
    fn hash_of(&self, point: &Point) -> u64 {
        self.hashes.hash_one((&point.measurement, &point.tags))
    }

    fn field_of(&self, group: u64, field: &str) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        hasher.write_u64(group);
        field.hash(&mut hasher);
        hasher.finish()
    }
}

/// A host in a sentence, whatever it calls itself.
fn named(host: &str) -> String {
    format!("`{}`", host.escape_debug())
}

/// Whether a store with so many series has room for one more of a host.
fn fits_the_store(all: usize, of_host: Use) -> Result<(), String> {
    let few = of_host.series < FEW;
    let most = MAX_SERIES - KEPT_FOR_OWN - if few { 0 } else { KEPT_FOR_NEW_HOSTS };
    if all < most {
        return Ok(());
    }
    let rest = if few { "" } else { "; the rest is for hosts that have few" };
    Err(format!("the store has {all} of the {MAX_SERIES} series that it may have{rest}"))
}

impl Ledger {
    fn today(&mut self, day: i64) {
        if self.day != day {
            self.day = day;
            self.said.clear();
            let tokens = self.tokens.iter_mut().map(|(_, of)| of);
            self.hosts.values_mut().chain(tokens).for_each(|of| of.new_today = 0);
        }
    }

    /// Tells the log of each limit once a day.
    fn say(&mut self, over: &OverLimit) {
        for reason in &over.reasons {
            if self.said.len() < MOST_SAID && self.said.insert(reason.clone()) {
                tracing::warn!("samples wait at their sender: {reason}");
            }
        }
    }

    /// The number of a token in this ledger.
    fn token(&mut self, name: &str) -> usize {
        self.tokens.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.tokens.push((name.to_owned(), Use::default()));
            self.tokens.len() - 1
        })
    }

    /// Takes over what is still there, and who brought it.
    fn forget_deleted(&mut self, counted: Self) {
        for (_, of) in &mut self.tokens {
            of.series = 0;
        }
        let before = std::mem::replace(&mut self.series, counted.series);
        for (series, owner) in &mut self.series {
            *owner = before.get(series).copied().flatten();
            if let Some(token) = *owner {
                self.tokens[token].1.series += 1;
            }
        }
        self.hosts.retain(|host, of| {
            of.series = counted.hosts.get(host).map_or(0, |counted| counted.series);
            of.series > 0
        });
        for (host, of) in counted.hosts {
            self.hosts.entry(host).or_insert(of);
        }
        self.counted_ms = counted.counted_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picollect_store::EmbeddedStore;
    use picollect_telemetry::line::{Precision, decode};

    const LIMITS: fn() -> Limits = || Limits {
        host_series: 3,
        token_series: 5,
        host_new_series_a_day: 100,
        token_new_series_a_day: 100,
        ..Limits::default()
    };

    fn store() -> (tempfile::TempDir, EmbeddedStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = picollect_store::open(directory.path()).unwrap();
        (directory, store)
    }

    fn points(lines: &str) -> Vec<Point> {
        decode(lines.as_bytes(), Precision::Milliseconds, 1).points
    }

    /// What of these lines is over a limit: how many samples, the reasons and when to come back.
    fn over(quotas: &Quotas, store: &EmbeddedStore, token: &str, lines: &str, now_ms: i64) -> OverLimit {
        let mut points = points(lines);
        let over = quotas.admit(store, token, &mut points, now_ms).unwrap();
        store.append(&points).unwrap();
        over
    }

    #[test]
    fn new_series_beyond_a_hosts_limit_wait_and_known_ones_go_on() {
        let ((_directory, store), quotas) = (store(), Quotas::new(LIMITS()));
        let first =
            over(&quotas, &store, "t", "m,host=a,id=1 f=1,g=1\nm,host=a,id=2 f=1,g=1\nm,host=b f=1", 0);
        assert_eq!((first.samples, first.retry_after_s), (1, RETRY_SERIES_S));
        assert!(
            first.reasons[0].starts_with("`a` has 3 series, all that `[limits] host_series`"),
            "{first:?}"
        );
        assert_eq!(over(&quotas, &store, "t", "m,host=a,id=1 f=2\nm,host=b f=2", 1).samples, 0);
        let key = |field| Selector { field: Some(field), ..Selector::default() };
        assert_eq!(store.series(&key("g")).unwrap().len(), 1, "what waits is not stored");
    }

    #[test]
    fn a_token_has_a_limit_over_all_hosts_that_it_names() {
        let ((_directory, store), quotas) = (store(), Quotas::new(LIMITS()));
        let lines: String = (0..9).map(|n| format!("m,host=h{n} f=1\n")).collect();
        let many = over(&quotas, &store, "greedy", &lines, 0);
        assert_eq!(many.samples, 4);
        assert!(many.reasons[0].contains("`[limits] token_series`"), "{many:?}");
        assert_eq!(over(&quotas, &store, "other", "m,host=new f=1", 0).samples, 0);
    }

    #[test]
    fn the_limits_hold_after_a_restart_and_a_new_day_brings_new_series() {
        let (_directory, store) = store();
        let limits = Limits { host_series: 4, host_new_series_a_day: 3, ..Limits::default() };
        let line = |n: u32| format!("m,host=a,id={n} f=1");
        let lines = (0..9).map(|n| line(n) + "\n").collect::<String>();
        let quotas = Quotas::new(limits);
        assert_eq!(over(&quotas, &store, "t", &lines, 0).samples, 6);
        assert_eq!(over(&quotas, &store, "t", &lines, DAY_MS).samples, 5);
        let restarted = Quotas::new(limits);
        assert_eq!(over(&restarted, &store, "t", &lines, DAY_MS).samples, 5);
        assert_eq!(over(&restarted, &store, "t", &line(0), DAY_MS).samples, 0);
    }

    #[test]
    fn what_retention_deleted_makes_room() {
        use picollect_store::Maintenance as _;
        let ((_directory, store), quotas) = (store(), Quotas::new(LIMITS()));
        let line = |n: u32| format!("m,host=a,id={n} f=1 {n}\n");
        let lines: String = (1..=3).map(line).collect();
        assert_eq!(over(&quotas, &store, "t", &lines, 0).samples, 0);
        assert_eq!(over(&quotas, &store, "t", &line(4), 1).samples, 1);
        store.delete_before(3).unwrap();
        assert_eq!(over(&quotas, &store, "t", &line(4), COUNTED_ANEW_MS).retry_after_s, 1);
        assert_eq!(over(&quotas, &store, "t", &line(4), COUNTED_ANEW_MS).samples, 0);
    }

    #[test]
    fn a_host_that_sends_too_fast_is_told_when_to_come_back() {
        let (_directory, store) = store();
        let quotas = Quotas::new(Limits { host_samples_a_second: 1, ..Limits::default() });
        let lines = "m,host=a f=1\n".repeat(100);
        let first = over(&quotas, &store, "t", &lines, 0);
        // The host is known from its first sample on.
        assert_eq!((first.samples, first.retry_after_s), (100 - 61, 1), "{first:?}");
        assert!(first.reasons[0].contains("`a` sends more than 1 samples a second"), "{first:?}");
        assert_eq!(over(&quotas, &store, "t", &lines, 30_000).samples, 70);
        assert_eq!(over(&quotas, &store, "t", "m,host=b f=1", 30_000).samples, 0);
    }

    #[test]
    fn a_nearly_full_store_keeps_room_for_new_hosts_and_for_our_own_words() {
        let of = |series| Use { series, ..Use::default() };
        let nearly = MAX_SERIES - KEPT_FOR_OWN - KEPT_FOR_NEW_HOSTS;
        assert!(fits_the_store(nearly - 1, of(FEW)).is_ok());
        assert!(fits_the_store(nearly, of(FEW)).unwrap_err().contains("hosts that have few"));
        assert!(fits_the_store(nearly, of(FEW - 1)).is_ok());
        assert!(fits_the_store(MAX_SERIES - KEPT_FOR_OWN, of(0)).is_err());
    }
}

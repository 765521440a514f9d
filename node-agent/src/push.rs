//! Delivery: takes lines from the queue and posts them, gzipped, until they have arrived.
//!
//! At least once: an answer that is lost means that the batch is sent again, and the collector keeps
//! one sample per series and time. What the answer says of the batch decides: 2xx arrived; 400, 413,
//! 422: this batch will never be taken, it is dropped and counted; everything else (no answer, 5xx, 429,
//! and 401, 403, 404, which speak of the token or the address and not of the batch) keeps it.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::queue::{Lines, Queue};

/// Lines posted together, before compression: many samples when catching up, well under any collector's
/// limit.
const MAX_BATCH_BYTES: usize = 256 * 1024;
/// Time for one delivery, from connecting to the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// First and longest wait after a failure; in between it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// An agent that stops tries this long to deliver what it still has.
const FLUSH_TIME: Duration = Duration::from_secs(5);
/// So much of a refusal's text is read.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Where to deliver.
#[derive(Debug, Clone)]
pub struct Target {
    /// The collector's address, `http://host:port`.
    pub url: String,
    /// Where the token comes from.
    pub token: Token,
}

/// Where the token comes from; a file is read again at each delivery, so that it can be renewed.
#[derive(Debug, Clone)]
pub enum Token {
    /// None: the collector needs none.
    None,
    /// The text itself, from the environment.
    Given(String),
    /// A file that holds it.
    File(PathBuf),
}

impl Token {
    /// The token's text, or why it cannot be had.
    pub fn read(&self) -> Result<Option<String>, String> {
        match self {
            Self::None => Ok(None),
            Self::Given(text) => Ok(Some(text.clone())),
            Self::File(path) => match fs::read_to_string(path) {
                Ok(text) => Ok(Some(text.trim().to_owned())),
                Err(error) => Err(format!("cannot read the token file `{}`: {error}", path.display())),
            },
        }
    }
}

/// What an attempt to deliver came to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Arrived,
    /// This batch will never be taken.
    Refused(String),
    /// Try again, if the collector said so after this time.
    Failed(String, Option<Duration>),
}

/// Delivers until the queue is closed and empty, or the time to flush is over.
pub fn run(target: &Target, queue: &Arc<Queue>) {
    let mut push = Push { http: client(), target, queue, failing: None, wait: FIRST_WAIT, flush_until: None };
    while let Some(batch) = queue.take(MAX_BATCH_BYTES) {
        if !push.deliver(&batch) {
            queue.dropped(&batch);
            tracing::error!(
                lines = queue.counts().queued_lines,
                "stopping; lines could not be delivered in time"
            );
            return;
        }
    }
}

fn client() -> ureq::Agent {
    let agent = concat!("picollect-agent/", env!("CARGO_PKG_VERSION"));
    let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false);
    config.user_agent(agent).build().into()
}

struct Push<'a> {
    http: ureq::Agent,
    target: &'a Target,
    queue: &'a Arc<Queue>,
    /// The last failure's text: each cause is logged once.
    failing: Option<String>,
    wait: Duration,
    flush_until: Option<Instant>,
}

impl Push<'_> {
    /// Tries until the batch is off our hands; `false` if the agent stops before.
    fn deliver(&mut self, batch: &Lines) -> bool {
        loop {
            match post(&self.http, self.target, batch) {
                Outcome::Arrived => {
                    self.queue.delivered(batch);
                    if self.failing.take().is_some() {
                        tracing::info!(waiting = self.queue.counts().queued_lines, "delivering again");
                    }
                    self.wait = FIRST_WAIT;
                    return true;
                }
                Outcome::Refused(why) => {
                    self.queue.dropped(batch);
                    self.log(&why, "the collector refused lines; they are dropped");
                    return true;
                }
                Outcome::Failed(why, after) => {
                    self.queue.failed();
                    self.log(&why, "cannot deliver; will try again");
                    if !self.pause(after) {
                        return false;
                    }
                }
            }
        }
    }

    /// Waits before the next attempt, up to twice as long each time and by chance (full jitter), so that
    /// many agents do not come back at once. `false` if the agent stops and the flush time is over.
    fn pause(&mut self, after: Option<Duration>) -> bool {
        let wait = after.unwrap_or_else(|| self.wait.mul_f64(fastrand::f64()));
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        if !self.queue.wait_closed(wait) {
            return true;
        }
        let until = *self.flush_until.get_or_insert_with(|| Instant::now() + FLUSH_TIME);
        std::thread::sleep(Duration::from_millis(100));
        Instant::now() < until
    }

    fn log(&mut self, why: &str, what: &str) {
        if self.failing.as_deref() != Some(why) {
            tracing::warn!(collector = self.target.url, "{what}: {why}");
            self.failing = Some(why.to_owned());
        }
    }
}

fn post(http: &ureq::Agent, target: &Target, batch: &Lines) -> Outcome {
    let token = match target.token.read() {
        Ok(token) => token,
        Err(why) => return Outcome::Failed(why, None),
    };
    let url = format!("{}/api/v2/write?precision=ns", target.url.trim_end_matches('/'));
    let mut request =
        http.post(&url).header("Content-Encoding", "gzip").content_type("text/plain; charset=utf-8");
    if let Some(token) = token {
        request = request.header("Authorization", format!("Token {token}"));
    }
    match request.send(&gzip(&batch.bytes)[..]) {
        Ok(mut answer) => {
            let after =
                answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let text = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
            judge(answer.status().as_u16(), after, &text.unwrap_or_default())
        }
        Err(error) => Outcome::Failed(error.to_string(), None),
    }
}

fn judge(status: u16, retry_after_s: Option<u64>, text: &str) -> Outcome {
    let why = format!("{status} {}", text.trim());
    match status {
        200..300 => Outcome::Arrived,
        400 | 413 | 422 => Outcome::Refused(why),
        _ => {
            Outcome::Failed(why, retry_after_s.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT)))
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing into a Vec cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_decides_what_becomes_of_the_batch() {
        assert_eq!(judge(204, None, ""), Outcome::Arrived);
        assert_eq!(judge(400, None, " bad\n"), Outcome::Refused("400 bad".into()));
        assert_eq!(judge(413, None, ""), Outcome::Refused("413 ".into()));
        for keeps in [401, 403, 404, 408, 429, 500, 503] {
            assert!(matches!(judge(keeps, None, ""), Outcome::Failed(_, None)), "{keeps}");
        }
        let later = Outcome::Failed("503 busy".into(), Some(Duration::from_secs(7)));
        assert_eq!(judge(503, Some(7), "busy"), later);
        assert!(matches!(judge(503, Some(9999), ""), Outcome::Failed(_, Some(LONGEST_WAIT))));
    }

    #[test]
    fn a_token_file_that_is_missing_says_its_name() {
        let error = Token::File("/nowhere/token".into()).read().unwrap_err();
        assert!(error.starts_with("cannot read the token file `/nowhere/token`"), "{error}");
    }
}

//! A client of the campaign's own: it sends any bytes, and reads as much of an answer as tells what became of them.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Longer than any time that the collector takes for itself; silence for so long is a finding.
const PATIENCE: Duration = Duration::from_secs(60);
/// So much of an answer's text is looked at; the rest is read and thrown away.
const KEPT_BYTES: u64 = 64 * 1024;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An answer with this status and the beginning of its text, headers included.
    Answered(u16, String),
    /// The connection was closed without one, or with something that is no HTTP/1.
    Closed,
    /// Nothing came for a minute.
    Silent,
}

/// A connection that is kept while both sides keep it.
pub(super) struct Wire {
    address: String,
    open: Option<BufReader<TcpStream>>,
}

impl Wire {
    /// Connects when it is first used.
    pub(super) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), open: None }
    }

    /// Sends a whole request over the kept connection; one that was closed meanwhile is opened anew.
    pub(super) fn ask(&mut self, bytes: &[u8]) -> Outcome {
        let reused = self.open.is_some();
        match self.try_ask(bytes, false) {
            Ok(Outcome::Closed) if reused => {
                self.try_ask(bytes, false).unwrap_or_else(|error| silence(&error))
            }
            Err(error) if reused && !is_silence(&error) => {
                self.try_ask(bytes, false).unwrap_or_else(|error| silence(&error))
            }
            asked => asked.unwrap_or_else(|error| silence(&error)),
        }
    }

    /// Sends bytes that may be no request over a connection of their own, and says that nothing more will come.
    pub(super) fn throw(&mut self, bytes: &[u8]) -> Outcome {
        self.open = None;
        let outcome = self.try_ask(bytes, true).unwrap_or_else(|error| silence(&error));
        self.open = None;
        outcome
    }

    fn try_ask(&mut self, bytes: &[u8], at_end: bool) -> io::Result<Outcome> {
        let mut stream = match self.open.take() {
            Some(open) => open,
            None => BufReader::new(connected(&self.address)?),
        };
        // Who has answered already may have closed: what counts is the answer.
        let sent = stream.get_mut().write_all(bytes);
        if at_end {
            let _ = stream.get_mut().shutdown(Shutdown::Write);
        }
        match read(&mut stream) {
            Ok((outcome, true)) => {
                self.open = (sent.is_ok() && !at_end).then_some(stream);
                Ok(outcome)
            }
            Ok((outcome, false)) => Ok(outcome),
            Err(error) if is_silence(&error) => Err(error),
            Err(_) => Ok(Outcome::Closed),
        }
    }
}

fn connected(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn silence(error: &io::Error) -> Outcome {
    if is_silence(error) { Outcome::Silent } else { Outcome::Closed }
}

/// An answer, and whether the connection can be used again.
fn read(stream: &mut BufReader<TcpStream>) -> io::Result<(Outcome, bool)> {
    let mut first = String::new();
    stream.by_ref().take(1024).read_line(&mut first)?;
    let Some(status) = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok()) else {
        return Ok((Outcome::Closed, false));
    };
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if stream.by_ref().take(64 * 1024).read_line(&mut line)? == 0 {
            return Ok((Outcome::Closed, false));
        }
        if line.trim_end().is_empty() {
            break;
        }
        head += &line.to_ascii_lowercase();
    }
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let keeps = value("connection:") != Some("close");
    let mut text = first + &head;
    if value("transfer-encoding:") == Some("chunked") {
        chunks(stream, &mut text)?;
    } else if let Some(length) = value("content-length:") {
        body(stream, length.parse().map_err(io::Error::other)?, &mut text)?;
    }
    Ok((Outcome::Answered(status, text), keeps))
}

fn body(stream: &mut BufReader<TcpStream>, length: u64, text: &mut String) -> io::Result<()> {
    let mut kept = Vec::new();
    stream.by_ref().take(length.min(KEPT_BYTES)).read_to_end(&mut kept)?;
    text.push_str(&String::from_utf8_lossy(&kept));
    let rest = length - kept.len() as u64;
    io::copy(&mut stream.by_ref().take(rest), &mut io::sink())?;
    Ok(())
}

fn chunks(stream: &mut BufReader<TcpStream>, text: &mut String) -> io::Result<()> {
    loop {
        let mut size = String::new();
        stream.read_line(&mut size)?;
        let length = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        body(stream, length, text)?;
        stream.read_line(&mut size)?;
        if length == 0 {
            return Ok(());
        }
    }
}

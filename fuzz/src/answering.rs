//! A server on the loopback address that answers with whatever it is told, for the parsers
//! that sit behind a client of HTTP.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What the first byte of an input chooses: most are answers that a parser looks into.
const STATUSES: [u16; 8] = [200, 200, 204, 400, 401, 422, 500, 503];
/// Headers that would end the connection or name another machine, and nothing of which is for a parser of ours.
const NOT_SENT: [&str; 5] =
    ["connection:", "content-length:", "transfer-encoding:", "location:", "content-encoding:"];

/// A server whose every answer is the one that was given last.
pub(crate) struct Answering {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Answering {
    /// Listens on a free port for as long as the process lives.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answer = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&answer);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = Arc::clone(&shared);
                // A client that goes away is at its end.
                thread::spawn(move || serve(&stream, &answer).is_ok());
            }
        });
        Self { url, answer }
    }

    /// Takes an input as the answer from now on: a byte for the status, headers as lines, an empty line, the body.
    pub(crate) fn say(&self, input: &[u8]) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = written(input);
    }
}

fn written(input: &[u8]) -> Vec<u8> {
    let (first, rest) = input.split_first().unwrap_or((&b'0', &[]));
    let status = STATUSES[usize::from(*first) % STATUSES.len()];
    let head_end = rest.windows(2).position(|two| two == b"\n\n");
    let (head, body) = head_end.map_or((&rest[..0], rest), |end| (&rest[..end], &rest[end + 2..]));
    let mut answer = format!("HTTP/1.1 {status} X\r\n").into_bytes();
    for line in head.split(|byte| *byte == b'\n') {
        let start = String::from_utf8_lossy(line).to_ascii_lowercase();
        let is_header = start.contains(':') && !NOT_SENT.iter().any(|name| start.trim().starts_with(name));
        // Whatever a client's own parser of heads refuses never comes to ours.
        if is_header && line.iter().all(|byte| *byte == b' ' || byte.is_ascii_graphic()) {
            answer.extend_from_slice(line);
            answer.extend_from_slice(b"\r\n");
        }
    }
    if status == 204 {
        answer.extend_from_slice(b"\r\n");
    } else {
        answer.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        answer.extend_from_slice(body);
    }
    answer
}

fn serve(mut stream: &TcpStream, answer: &Mutex<Vec<u8>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut line) = (String::new(), String::new());
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            head += &line.to_ascii_lowercase();
        }
        skip_body(&mut reader, &head)?;
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        stream.write_all(&answer)?;
    }
}

fn skip_body(reader: &mut BufReader<&TcpStream>, head: &str) -> io::Result<()> {
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if let Some(length) = value("content-length:").and_then(|text| text.parse::<u64>().ok()) {
        io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
    }
    if value("transfer-encoding:") != Some("chunked") {
        return Ok(());
    }
    let mut size = String::new();
    loop {
        size.clear();
        reader.read_line(&mut size)?;
        let length = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        io::copy(&mut reader.by_ref().take(length + 2), &mut io::sink())?;
        if length == 0 {
            return Ok(());
        }
    }
}

//! A bad network: stands between an agent and the real collector and does to each request what the test
//! says.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The collector gets it and its answer comes back.
    Forward,
    /// The collector gets it, but its answer is lost.
    LoseAnswer,
    /// The connection breaks before the collector hears of it.
    Break,
    /// Nobody answers until the other side has given up.
    Hang,
    /// This status comes back as a collector says it, and the collector hears of nothing.
    Answer(u16),
    /// A captive portal answers in the collector's place: this status, a page, and whither else to go.
    Stranger(u16),
}

/// A running proxy; its thread ends with the test program.
pub(crate) struct Proxy {
    pub(crate) url: String,
    fates: Arc<Mutex<VecDeque<Fate>>>,
}

impl Proxy {
    /// Forwards to this collector until told otherwise.
    pub(crate) fn start(collector_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let fates = Arc::new(Mutex::new(VecDeque::new()));
        let (shared, to) = (Arc::clone(&fates), collector_url.trim_start_matches("http://").to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (shared, to) = (Arc::clone(&shared), to.clone());
                // A connection that breaks is what this is for.
                thread::spawn(move || serve(client, &to, &shared).ok());
            }
        });
        Self { url, fates }
    }

    /// The next deliveries meet these fates, the ones after them are forwarded.
    pub(crate) fn next(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fates.lock().expect("no panic").extend(fates);
    }

    /// Whether all of them have been met.
    pub(crate) fn done(&self) -> bool {
        self.fates.lock().expect("no panic").is_empty()
    }
}

/// One request, one connection: what comes is read whole before its fate is decided.
fn serve(mut client: TcpStream, to: &str, fates: &Mutex<VecDeque<Fate>>) -> std::io::Result<()> {
    let request = message(&mut client)?;
    let delivery = request.starts_with(b"POST");
    let fate = if delivery { fates.lock().expect("no panic").pop_front() } else { None };
    match fate.unwrap_or(Fate::Forward) {
        Fate::Forward => {
            let answer = forward(&request, to)?;
            client.write_all(&answer)
        }
        Fate::LoseAnswer => forward(&request, to).map(drop),
        Fate::Break => Ok(()),
        Fate::Hang => {
            thread::sleep(Duration::from_secs(12));
            Ok(())
        }
        Fate::Answer(status) => {
            let head = format!(
                "HTTP/1.1 {status} X\r\nX-Picollect-Protocol: 1.0\r\nRetry-After: 1\r\nContent-Length: 0\r\n\
                 Connection: close\r\n\r\n"
            );
            client.write_all(head.as_bytes())
        }
        Fate::Stranger(status) => {
            let page = "<html>log in</html>";
            let length = if status == 204 { 0 } else { page.len() };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: text/html\r\nLocation: http://127.0.0.1:9/login\r\n\
                 Content-Length: {length}\r\nConnection: close\r\n\r\n{}",
                &page[..length]
            );
            client.write_all(head.as_bytes())
        }
    }
}

fn forward(request: &[u8], to: &str) -> std::io::Result<Vec<u8>> {
    let mut collector = TcpStream::connect(to)?;
    collector.write_all(request)?;
    message(&mut collector)
}

/// Head and body of a request or an answer, told to close the connection after it.
fn message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| std::io::ErrorKind::InvalidData)?;
        }
        if !lower.starts_with("connection:") {
            head.extend_from_slice(line.as_bytes());
        }
    }
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    head.extend_from_slice(&body);
    Ok(head)
}

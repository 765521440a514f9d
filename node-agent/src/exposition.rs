//! The last sample for Prometheus, if the owner turns it on: `GET /metrics` in the text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>). `GET /healthz` says whether samples are taken.
//!
//! Some clients at a time, each with a thread, a deadline for its request and one for everything: a client that sends a
//! byte now and then keeps nobody waiting, and no more than [`MAX_CLIENTS`] hold memory here. Where one more comes, the
//! one that has waited longest without having asked gives way.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use picollect_settings::duration::shown;
use picollect_telemetry::catalogue::METRICS;
use picollect_telemetry::exposition::{Format, Page};
use picollect_telemetry::line::{Precision, decode};

/// A request line with its headers is shorter than this.
const MAX_REQUEST_BYTES: usize = 8 * 1024;
/// From the connection to the end of the request; a scraper asks at once.
const ASKS_WITHIN: Duration = Duration::from_secs(2);
/// And so much more for its answer; Prometheus itself gives up after ten seconds.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);
/// Who scrapes a node is one or two.
const MAX_CLIENTS: usize = 4;
/// An agent that has missed so many samples in a row is not well: a busy machine delays one, hardly three.
const LATE_INTERVALS: u32 = 4;
/// Before accepting is tried again after the kernel refused, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The last sample, and who asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Exposition {
    /// Where it listens; its port is known also where 0 was asked for.
    pub address: SocketAddr,
    last: Arc<Last>,
}

/// The last sample, and when it came.
#[derive(Debug)]
struct Last {
    interval: Duration,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    lines: Vec<u8>,
    at: Instant,
}

impl Last {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the agent is not well; `None` if it is. A sampler that is busy with its first sample has as much time as for
    /// any other.
    fn wrong(&self) -> Option<String> {
        let age = self.shown().at.elapsed();
        (age > self.interval * LATE_INTERVALS).then(|| {
            let (age, interval) = (age.as_secs(), shown(self.interval));
            format!("the last sample was taken {age} s ago; one is due every {interval}\n")
        })
    }
}

impl Exposition {
    /// Listens; the thread ends with the program. A sample is due at every `interval`.
    pub(crate) fn start(listen: &str, interval: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let shown = Mutex::new(Shown { lines: Vec::new(), at: Instant::now() });
        let last = Arc::new(Last { interval, shown });
        let shared = Arc::clone(&last);
        thread::Builder::new().name("exposition".into()).spawn(move || serve(&listener, &shared))?;
        Ok(Self { address, last })
    }

    /// The lines of the sample that is shown from now on.
    pub(crate) fn show(&self, lines: &[u8]) {
        let mut shown = self.last.shown();
        shown.lines.clear();
        shown.lines.extend_from_slice(lines);
        shown.at = Instant::now();
    }
}

/// The connections that are open, the oldest first.
#[derive(Debug, Default)]
struct Clients(Mutex<Vec<Client>>);

#[derive(Debug)]
struct Client {
    stream: Arc<TcpStream>,
    /// Its request is there, so it gets its answer.
    has_asked: bool,
}

impl Clients {
    fn all(&self) -> MutexGuard<'_, Vec<Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection in. Where there are too many, the oldest that has not asked is cut off; `false` if all have,
    /// and then there is no place.
    fn enter(&self, stream: &Arc<TcpStream>) -> bool {
        let mut all = self.all();
        if all.len() >= MAX_CLIENTS {
            let Some(oldest) = all.iter().position(|client| !client.has_asked) else { return false };
            // It may have gone by itself.
            let _ = all.remove(oldest).stream.shutdown(Shutdown::Both);
        }
        all.push(Client { stream: Arc::clone(stream), has_asked: false });
        true
    }

    /// Its request is there. Fails if it was cut off before.
    fn asks(&self, stream: &Arc<TcpStream>) -> io::Result<()> {
        let mut all = self.all();
        let client = all.iter_mut().find(|client| Arc::ptr_eq(&client.stream, stream));
        client.ok_or(io::ErrorKind::ConnectionAborted)?.has_asked = true;
        Ok(())
    }

    fn leave(&self, stream: &Arc<TcpStream>) {
        self.all().retain(|client| !Arc::ptr_eq(&client.stream, stream));
    }
}

fn serve(listener: &TcpListener, last: &Arc<Last>) {
    let clients = Arc::new(Clients::default());
    for stream in listener.incoming() {
        let Ok(stream) = stream.map(Arc::new) else {
            thread::sleep(PAUSE);
            continue;
        };
        if !clients.enter(&stream) {
            // What does not fit into the socket's buffer at once is left out.
            let _ = stream.set_nonblocking(true).and_then(|()| (&*stream).write_all(BUSY));
            continue;
        }
        let (of_thread, last, ours) = (Arc::clone(&clients), Arc::clone(last), Arc::clone(&stream));
        let work = move || {
            let mut client = Timed { until: Instant::now() + ASKS_WITHIN, client: stream };
            if let Err(error) = answer(&mut client, &of_thread, &last) {
                tracing::debug!("a scrape broke off: {error}");
            }
            of_thread.leave(&client.client);
        };
        if let Err(error) = thread::Builder::new().name("scrape".into()).spawn(work) {
            tracing::debug!("no thread for a scrape: {error}");
            clients.leave(&ours);
        }
    }
}

const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\
    Connection: close\r\n\r\n";

/// A connection whose every read and write ends at the same moment.
struct Timed {
    client: Arc<TcpStream>,
    until: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

impl io::Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.client.set_read_timeout(self.left()?)?;
        (&*self.client).read(buffer)
    }
}

impl io::Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.client.set_write_timeout(self.left()?)?;
        (&*self.client).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.client).flush()
    }
}

fn answer(client: &mut Timed, clients: &Clients, last: &Last) -> io::Result<()> {
    let request = head(client)?;
    clients.asks(&client.client)?;
    client.until += ANSWERED_WITHIN;
    let (status, body) = if request.starts_with(b"GET /metrics ") {
        let lines = last.shown().lines.clone();
        ("200 OK", text(&lines))
    } else if request.starts_with(b"GET /healthz ") {
        last.wrong().map_or_else(|| ("200 OK", "ok\n".to_owned()), |why| ("503 Service Unavailable", why))
    } else {
        ("404 Not Found", "only GET /metrics and GET /healthz are here\n".to_owned())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        Format::Text.content_type(),
        body.len()
    );
    client.write_all(head.as_bytes())?;
    client.write_all(body.as_bytes())
}

fn head(client: &mut Timed) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut bytes = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = client.read(&mut bytes)?;
        if read == 0 || request.len() + read > MAX_REQUEST_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        request.extend_from_slice(&bytes[..read]);
    }
    Ok(request)
}

/// Each metric of the catalogue with its samples; a missing value is a missing sample.
fn text(lines: &[u8]) -> String {
    let points = decode(lines, Precision::Nanoseconds, 0).points;
    let mut page = Page::new(Format::Text);
    for metric in METRICS {
        let Some(kind) = metric.kind.exposed() else { continue };
        let name = metric.prometheus_name();
        let mut family = page.family(&name, kind, metric.help);
        for point in points.iter().filter(|point| point.measurement == metric.measurement) {
            let labels = point.tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            for (_, value) in point.fields.iter().filter(|(field, _)| field == metric.field) {
                if let Some(number) = value.as_f64() {
                    family.sample(labels.clone(), number, None);
                }
            }
        }
    }
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(address: SocketAddr, request: &str) -> String {
        try_to_ask(address, request).unwrap()
    }

    fn try_to_ask(address: SocketAddr, request: &str) -> io::Result<String> {
        let mut client = TcpStream::connect(address)?;
        client.write_all(request.as_bytes())?;
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn the_last_sample_is_shown_under_the_catalogues_names() {
        let exposition = Exposition::start("127.0.0.1:0", Duration::from_secs(1)).unwrap();
        exposition.show(b"load,host=a load1=9 1\n");
        exposition.show(b"load,host=a\\ \"b load1=0.5,load5=2 1\nthermal,host=a,zone=z no_data=2i 1\n");
        let answer = ask(exposition.address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let want = "# HELP picollect_load_load1 Load average over one minute.\n\
                    # TYPE picollect_load_load1 gauge\npicollect_load_load1{host=\"a \\\"b\"} 0.5\n";
        assert!(answer.contains(want) && !answer.contains("thermal"), "{answer}");
        assert!(ask(exposition.address, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn however_many_say_nothing_who_asks_is_answered() {
        let exposition = Exposition::start("127.0.0.1:0", Duration::from_secs(1)).unwrap();
        let slow = |_| {
            let mut client = TcpStream::connect(exposition.address).unwrap();
            client.write_all(b"G").unwrap();
            client
        };
        let mut clients: Vec<_> = (0..10 * MAX_CLIENTS).map(slow).collect();
        assert!(ask(exposition.address, "GET /metrics HTTP/1.1\r\n\r\n").contains("200 OK"));
        // Those that came first have given way.
        let cut_off = clients[0].read(&mut [0; 12]);
        assert!(!cut_off.is_ok_and(|read| read > 0));
    }

    #[test]
    fn who_has_asked_does_not_give_way_and_one_more_finds_no_place() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let clients = Clients::default();
        let all: Vec<_> = (0..MAX_CLIENTS).map(|_| connect()).collect();
        for stream in &all {
            assert!(clients.enter(stream));
            clients.asks(stream).unwrap();
        }
        assert!(!clients.enter(&connect()));
        clients.leave(&all[0]);
        let silent = connect();
        assert!(clients.enter(&silent));
        assert!(clients.enter(&connect()), "the silent one gives way");
        assert!(clients.asks(&silent).is_err());
    }

    #[test]
    fn the_deadline_is_for_the_whole_request_however_often_a_byte_comes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (client, _) = listener.accept().unwrap();
        thread::spawn(move || {
            while sender.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut timed =
            Timed { client: Arc::new(client), until: Instant::now() + Duration::from_millis(200) };
        let error = head(&mut timed).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{error:?}");
        assert!(Instant::now() < timed.until + Duration::from_secs(2));
    }

    #[test]
    fn a_request_without_end_is_cut_off_and_the_next_one_is_answered() {
        let exposition = Exposition::start("127.0.0.1:0", Duration::from_secs(1)).unwrap();
        assert_eq!(ask(exposition.address, &"x".repeat(MAX_REQUEST_BYTES + 10)), "");
        assert!(ask(exposition.address, "GET /metrics HTTP/1.1\r\n\r\n").contains("200 OK"));
    }
}

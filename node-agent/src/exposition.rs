//! The last sample for Prometheus, if the owner turns it on: `GET /metrics` in the text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! One request after the other, each bounded in size and time: whoever scrapes a node is alone.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use picollect_telemetry::catalogue::{Kind, METRICS, find};
use picollect_telemetry::line::{Point, Precision, decode};

/// A request line with its headers is shorter than this.
const MAX_REQUEST_BYTES: usize = 8 * 1024;
/// Nobody keeps the others waiting longer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The last sample, and who asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Exposition {
    /// Where it listens.
    pub address: SocketAddr,
    last: Arc<Mutex<Vec<u8>>>,
}

impl Exposition {
    /// Listens; the thread ends with the program.
    pub(crate) fn start(listen: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let last = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&last);
        let serve = move || {
            for client in listener.incoming().flatten() {
                if let Err(error) = answer(client, &shared) {
                    tracing::debug!("a scrape broke off: {error}");
                }
            }
        };
        thread::Builder::new().name("exposition".into()).spawn(serve)?;
        Ok(Self { address, last })
    }

    /// The lines of the sample that is shown from now on.
    pub(crate) fn show(&self, lines: &[u8]) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clear();
        last.extend_from_slice(lines);
    }
}

fn answer(mut client: TcpStream, last: &Mutex<Vec<u8>>) -> io::Result<()> {
    client.set_read_timeout(Some(TIMEOUT))?;
    client.set_write_timeout(Some(TIMEOUT))?;
    let request = head(&mut client)?;
    let (status, body) = if request.starts_with(b"GET /metrics ") {
        let lines = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ("200 OK", text(&lines))
    } else {
        ("404 Not Found", "only GET /metrics is here\n".to_owned())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes())?;
    client.write_all(body.as_bytes())
}

fn head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
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
    let mut samples: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for point in &points {
        for (field, value) in &point.fields {
            let (Some(metric), Some(number)) = (find(&point.measurement, field), value.as_f64()) else {
                continue;
            };
            let name = metric.prometheus_name();
            let line = format!("{name}{{{}}} {number}\n", labels(point));
            samples.entry(name).or_default().push(line);
        }
    }
    let mut text = String::new();
    for metric in METRICS {
        let name = metric.prometheus_name();
        let Some(lines) = samples.remove(&name) else { continue };
        let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
        text += &format!("# HELP {name} {}\n# TYPE {name} {kind}\n{}", metric.help, lines.concat());
    }
    text
}

fn labels(point: &Point) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let label = |(name, value): &(String, String)| format!("{name}=\"{}\"", escaped(value));
    point.tags.iter().map(label).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_last_sample_is_shown_under_the_catalogues_names() {
        let exposition = Exposition::start("127.0.0.1:0").unwrap();
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
    fn a_request_without_end_is_cut_off_and_the_next_one_is_answered() {
        let exposition = Exposition::start("127.0.0.1:0").unwrap();
        assert_eq!(ask(exposition.address, &"x".repeat(MAX_REQUEST_BYTES + 10)), "");
        assert!(ask(exposition.address, "GET /metrics HTTP/1.1\r\n\r\n").contains("200 OK"));
    }
}

//! Somebody else answers in an engine's place: a captive portal, a proxy, an address that has moved. Nothing counts as
//! written, and no secret goes anywhere.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use picollect_store::location::Secrets;
use picollect_store::{Durability, Selector, Store, StoreError, connect};
use picollect_telemetry::Value;
use picollect_telemetry::line::Point;

/// A server on the loopback that gives every request the same answer.
struct Server {
    address: String,
    /// The heads of the requests.
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(status: &str, headers: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        let noted = Arc::clone(&heads);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                while reader.read_line(&mut head).is_ok_and(|bytes| bytes > 2) {
                    let line = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                    length =
                        line.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
                }
                reader.read_exact(&mut vec![0; length]).unwrap();
                noted.lock().unwrap().push(head);
                // Who does not like the answer hangs up.
                let _ = reader.get_mut().write_all(answer.as_bytes());
            }
        });
        Self { address, heads }
    }

    fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    fn prometheus(&self) -> Arc<dyn Store> {
        self.store("prometheus+http", "")
    }

    fn influxdb(&self) -> Arc<dyn Store> {
        self.store("influxdb2+http", "?org=o&bucket=b")
    }

    fn store(&self, scheme: &str, query: &str) -> Arc<dyn Store> {
        let location = format!("{scheme}://{}{query}", self.address).parse().unwrap();
        let secrets = Secrets {
            token: Some("token-hush".into()),
            headers: vec![("X-Secret".into(), "header-hush".into())],
            ..Secrets::default()
        };
        connect(&location, &secrets, Durability::default()).unwrap()
    }
}

fn write(store: &dyn Store) -> Result<usize, StoreError> {
    let fields = vec![("f".to_owned(), Value::Float(1.0))];
    let point = Point { measurement: "m".to_owned(), tags: Vec::new(), fields, t_ms: 1_795_443_117_000 };
    store.append(&[point]).map(|appended| appended.written)
}

const PAGE: (&str, &str) = ("content-type: text/html\r\n", "<html>log in</html>");

#[test]
fn what_an_engine_of_the_prometheus_family_says_counts_and_a_page_does_not() {
    for (status, body) in [("204 No Content", ""), ("200 OK", "")] {
        assert_eq!(write(&*Server::start(status, "", body).prometheus()).unwrap(), 1, "{status}");
    }
    for status in ["200 OK", "201 Created", "202 Accepted"] {
        let error = write(&*Server::start(status, PAGE.0, PAGE.1).prometheus()).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "the agents keep their samples: {error}");
        assert!(error.to_string().contains("captive portal"), "{error}");
    }
}

#[test]
fn an_influxdb_says_204_and_nothing_else_counts() {
    assert_eq!(write(&*Server::start("204 No Content", "", "").influxdb()).unwrap(), 1);
    for status in ["200 OK", "201 Created"] {
        let error = write(&*Server::start(status, PAGE.0, PAGE.1).influxdb()).unwrap_err();
        assert!(matches!(error, StoreError::Unusable { .. }), "the agents keep their samples: {error}");
        assert!(error.to_string().contains("captive portal"), "{error}");
    }
}

#[test]
fn a_page_is_no_empty_store() {
    let page = Server::start("200 OK", PAGE.0, PAGE.1);
    for store in [page.prometheus(), page.influxdb()] {
        assert!(store.series(&Selector::default()).is_err());
        assert!(store.ready().is_err());
    }
    let nothing = Server::start("200 OK", "content-type: text/csv\r\n", "\r\n");
    assert!(nothing.influxdb().series(&Selector::default()).is_err(), "an InfluxDB says more than nothing");
}

#[test]
fn no_back_end_follows_a_redirect_or_takes_its_secrets_along() {
    let elsewhere = Server::start("204 No Content", "", "");
    let location = format!("location: http://{}/steal?now\r\n", elsewhere.address);
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let here = Server::start(status, &location, "");
        for store in [here.prometheus(), here.influxdb()] {
            let error = write(&*store).unwrap_err().to_string();
            assert!(
                error.contains("no redirect is followed") || error.contains("No redirect is followed"),
                "{error}"
            );
            assert!(!error.contains("steal") && !error.contains("hush"), "{error}");
            assert!(store.series(&Selector::default()).is_err());
            assert!(store.ready().is_err());
        }
        assert!(here.requests() >= 6, "it is asked itself");
    }
    assert_eq!(elsewhere.requests(), 0);
}

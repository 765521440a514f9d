//! A meter at the wall that speaks its kind's own HTTP: as a Shelly of either generation, Tasmota or any device
//! with JSON answers, and as each of them fails.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// Which device it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Gen1: Basic authentication, watt-minutes.
    ShellyGen1,
    /// Gen2: Digest authentication with a nonce for each request, watt-hours.
    ShellyGen2,
    /// User and password in the query, kWh, chunked answers, 200 to a wrong password.
    Tasmota,
    /// A document of its own at `/meter.json`.
    Json,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered.
    Answer,
    /// The connection breaks off: the device restarts, or the network is away.
    Break,
    /// Nobody answers until the other side has given up.
    Hang,
    /// Something comes that is no JSON.
    Garbage,
    /// An answer that does not end.
    Endless,
    /// This status comes.
    Status(u16),
}

/// What the test sets.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) watts: f64,
    pub(crate) counter_j: f64,
    pub(crate) password: Option<String>,
    pub(crate) fate: Fate,
    /// The first lines of all requests.
    pub(crate) requests: Vec<String>,
    nonces: HashSet<String>,
}

/// A device that listens until the test ends.
pub(crate) struct WallDevice {
    kind: Kind,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl WallDevice {
    pub(crate) fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = State {
            watts: 10.0,
            counter_j: 36_000.0,
            password: None,
            fate: Fate::Answer,
            requests: Vec::new(),
            nonces: HashSet::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                // A broken connection is the other side's affair.
                thread::spawn(move || serve(kind, stream, &shared).ok());
            }
        });
        Self { kind, address, state }
    }

    /// Changes what it does from the next request on.
    pub(crate) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("no test has failed"));
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().expect("no test has failed").requests.clone()
    }

    /// Its table in a collector's configuration, with these lines added.
    pub(crate) fn table(&self, more: &str) -> String {
        let address = self.address;
        let kind = match self.kind {
            Kind::ShellyGen1 => format!("kind = \"shelly-gen1\"\nurl = \"http://{address}\"\n"),
            Kind::ShellyGen2 => format!("kind = \"shelly-gen2\"\nurl = \"http://{address}\"\n"),
            Kind::Tasmota => format!("kind = \"tasmota\"\nurl = \"http://{address}/\"\n"),
            Kind::Json => format!(
                "kind = \"json\"\nurl = \"http://{address}/meter.json\"\nwatts_path = \"/now/power\"\n\
                 energy_path = \"/sum\"\nenergy_unit = \"kWh\"\n"
            ),
        };
        format!("[[wall]]\nname = \"socket\"\n{kind}{more}\n")
    }
}

fn serve(kind: Kind, mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut authorization) = (String::new(), String::new());
    reader.read_line(&mut first)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if header.to_ascii_lowercase().starts_with("authorization:") {
            header.split_once(':').map_or("", |(_, value)| value.trim()).clone_into(&mut authorization);
        }
    }
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (fate, answer) = {
        let mut state = state.lock().expect("no test has failed");
        state.requests.push(first.trim().to_owned());
        (state.fate, answer(kind, &target, &authorization, &mut state))
    };
    match fate {
        Fate::Answer => stream.write_all(answer.as_bytes()),
        Fate::Break => Ok(()),
        Fate::Hang => {
            thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        Fate::Garbage => stream.write_all(document(200, "", "<html>rebooting</html>").as_bytes()),
        Fate::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[0")?;
            loop {
                stream.write_all(&b",0".repeat(4096))?;
            }
        }
        Fate::Status(status) => stream.write_all(document(status, "", "{}").as_bytes()),
    }
}

fn document(status: u16, header: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{header}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn answer(kind: Kind, target: &str, authorization: &str, state: &mut State) -> String {
    let (watts, wh) = (state.watts, state.counter_j / 3600.0);
    match kind {
        Kind::ShellyGen1 => {
            // base64 of `admin:hush`.
            let allowed = state.password.is_none() || authorization == "Basic YWRtaW46aHVzaA==";
            let total = (wh * 60.0).floor();
            let body = format!(
                "{{\"relays\":[{{\"ison\":true}}],\"meters\":[{{\"power\":{watts:.2},\"overpower\":0.00,\
                 \"is_valid\":true,\"timestamp\":1795435200,\"counters\":[1.0,1.0,1.0],\"total\":{total}}}],\"uptime\":9}}"
            );
            let challenge = "WWW-Authenticate: Basic realm=\"shellyplug-s-040506\"\r\n";
            guarded(allowed && target == "/status", allowed, challenge, &body)
        }
        Kind::ShellyGen2 => {
            let nonce = format!("{:08x}", state.nonces.len() + 0x60dc);
            let allowed = match &state.password.clone() {
                None => true,
                Some(password) => digest_is_right(target, authorization, password, &mut state.nonces),
            };
            state.nonces.insert(nonce.clone());
            let body = format!(
                "{{\"id\":0,\"source\":\"init\",\"output\":true,\"apower\":{watts:.1},\"voltage\":230.1,\"current\":0.05,\
                 \"aenergy\":{{\"total\":{wh:.3},\"by_minute\":[0.000,0.000,0.000],\"minute_ts\":1795435200}}}}"
            );
            let challenge = format!(
                "WWW-Authenticate: Digest qop=\"auth\", realm=\"shellyplusplugs-040506\", nonce=\"{nonce}\", algorithm=SHA-256\r\n"
            );
            guarded(target == "/rpc/Switch.GetStatus?id=0", allowed, &challenge, &body)
        }
        Kind::Tasmota => {
            let wanted = state.password.as_ref().map(|password| format!("user=admin&password={password}&"));
            let wanted = format!("/cm?{}cmnd=Status%208", wanted.unwrap_or_default());
            let body = if target == wanted {
                format!(
                    "{{\"StatusSNS\":{{\"Time\":\"2026-11-23T12:00:00\",\"ENERGY\":{{\"Total\":{:.3},\"Power\":{watts}}}}}}}",
                    wh / 1000.0
                )
            } else {
                "{\"WARNING\":\"Need user=<username>&password=<password>\"}".to_owned()
            };
            let length = body.len();
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
            )
        }
        Kind::Json => {
            let body = format!("{{\"now\":{{\"power\":\"{watts}\"}},\"sum\":{}}}", wh / 1000.0);
            guarded(target == "/meter.json", true, "", &body)
        }
    }
}

fn guarded(there: bool, allowed: bool, challenge: &str, body: &str) -> String {
    match (allowed, there) {
        (false, _) => document(401, challenge, "401 Unauthorized"),
        (true, false) => document(404, "", "Not Found"),
        (true, true) => document(200, "Content-Type: application/json\r\n", body),
    }
}

/// RFC 7616, worked out here on its own; each nonce is good for one request, as before firmware 2.0.
fn digest_is_right(target: &str, authorization: &str, password: &str, nonces: &mut HashSet<String>) -> bool {
    let part = |name: &str| {
        let after = authorization.split(&format!("{name}=")).nth(1).unwrap_or_default();
        after.split(',').next().unwrap_or_default().trim_matches('"').to_owned()
    };
    let hash = |text: String| -> String {
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let (nonce, nc, cnonce) = (part(" nonce"), part(" nc"), part(" cnonce"));
    let user = hash(format!("admin:shellyplusplugs-040506:{password}"));
    let request = hash(format!("GET:{target}"));
    let wanted = hash(format!("{user}:{nonce}:{nc}:{cnonce}:auth:{request}"));
    let fresh = nonces.contains(&nonce) && nonces.insert(format!("used {nonce}"));
    fresh && nc == "00000001" && part("response") == wanted
}

//! Doubles of those who are told of alerts: a server that takes a POST, and one that takes e-mail and speaks just enough
//! SMTP (RFC 5321) for it.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What was taken: the head of a request or the SMTP commands, and the body.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A double on a free port.
pub(crate) struct Double {
    pub(crate) address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    /// With which status a POST is answered.
    status: Arc<AtomicU16>,
}

impl Double {
    /// A receiver that takes POSTs over HTTP and keeps their bodies.
    pub(crate) fn http() -> Self {
        Self::start(take_post)
    }

    /// Takes e-mail from `pi` with this password.
    pub(crate) fn smtp(password: &str) -> Self {
        let wanted = credentials(password);
        Self::start(move |stream, taken, _| take_mail(stream, taken, &wanted))
    }

    /// Greets its clients for ever, a line now and then.
    pub(crate) fn dripping_smtp() -> Self {
        Self::start(|mut stream, taken, _| {
            taken
                .lock()
                .expect("no test has failed")
                .push(Taken { head: String::new(), body: String::new() });
            loop {
                stream.write_all(b"220-one moment\r\n")?;
                thread::sleep(Duration::from_millis(100));
            }
        })
    }

    /// The same, encrypted from the start with the certificate and the key in these PEM files.
    pub(crate) fn smtp_over_tls(password: &str, certificate: &Path, key: &Path) -> Self {
        let certificates = CertificateDer::pem_file_iter(certificate).expect("PEM");
        let certificates = certificates.map(|one| one.expect("a certificate")).collect();
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS")
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .expect("they belong together");
        let (config, wanted) = (Arc::new(config), credentials(password));
        Self::start(move |stream, taken, _| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            take_mail(StreamOwned::new(connection, stream), taken, &wanted)
        })
    }

    fn start(
        serve: impl Fn(TcpStream, &Mutex<Vec<Taken>>, u16) -> std::io::Result<()> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (taken, status) = (Arc::new(Mutex::default()), Arc::new(AtomicU16::new(200)));
        let double = Self { address, taken: Arc::clone(&taken), status: Arc::clone(&status) };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A broken connection is the other side's affair.
                let _ = serve(stream, &taken, status.load(Ordering::SeqCst));
            }
        });
        double
    }

    /// The status of every answer from now on; what is not taken is not kept.
    pub(crate) fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// All that was taken so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("no test has failed").clone()
    }
}

fn take_post(mut stream: TcpStream, taken: &Mutex<Vec<Taken>>, status: u16) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    // A GET has none.
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    if status == 200 {
        let body = String::from_utf8(body).expect("UTF-8");
        taken.lock().expect("no test has failed").push(Taken { head, body });
    }
    // As ntfy answers; any other receiver may say what it likes.
    let answer = r#"{"id":"sPs71M8A2T","time":1,"event":"message","topic":"t"}"#;
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{answer}",
        answer.len()
    )
}

/// As AUTH PLAIN (RFC 4616) has them: nothing, the user and the password, each but the first after a zero byte.
fn credentials(password: &str) -> String {
    base64(format!("\0pi\0{password}").as_bytes())
}

fn take_mail(stream: impl Read + Write, taken: &Mutex<Vec<Taken>>, wanted: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    reader.get_mut().write_all(b"220 double ESMTP\r\n")?;
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let command = line.split(' ').next().unwrap_or_default().trim().to_ascii_uppercase();
        let answer = match command.as_str() {
            "EHLO" => "250-double\r\n250 AUTH PLAIN\r\n",
            "AUTH" if line.trim().ends_with(wanted) => "235 welcome\r\n",
            "AUTH" => "535 no such user\r\n",
            "DATA" => {
                reader.get_mut().write_all(b"354 go on\r\n")?;
                let mut body = String::new();
                while !body.ends_with("\r\n.\r\n") {
                    reader.read_line(&mut body)?;
                }
                let head = std::mem::take(&mut head);
                taken.lock().expect("no test has failed").push(Taken { head, body });
                "250 taken\r\n"
            }
            "QUIT" => return reader.get_mut().write_all(b"221 bye\r\n"),
            _ => {
                head += &line;
                "250 well\r\n"
            }
        };
        reader.get_mut().write_all(answer.as_bytes())?;
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |at: usize| {
            let index = (bits >> (18 - 6 * at)) & 63;
            if at <= chunk.len() { char::from(DIGITS[index as usize]) } else { '=' }
        };
        (0..4).map(digit).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

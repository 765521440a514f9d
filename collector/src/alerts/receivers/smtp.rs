//! Handing an e-mail in to a mail server: the client's side of SMTP (RFC 5321), with STARTTLS (RFC 3207) and the
//! authentications PLAIN (RFC 4616) and LOGIN.
//!
//! Written here because a library gives each read a time-out of its own, and a server that sends a line now and then
//! would never be over.
//!
//! Invariants: everything ends at one moment; a reply is bounded in lines and in bytes; a password is sent over what is
//! encrypted, or to this machine (`picollect_config::Email` holds that); what the server says goes into errors
//! printable and cut.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Message as Mail;
use picollect_settings::trust;
use picollect_telemetry::foreign::printable;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::NotSent;
use picollect_config::{Email, Security};

/// RFC 5321, 4.5.3.1.5: a reply's line has 512 bytes at most; some servers write more.
const MAX_LINE_BYTES: u64 = 2048;
/// A server lists some twenty extensions.
const MAX_REPLY_LINES: usize = 100;
/// So much of what the server says is passed on.
const MAX_SAID_CHARS: usize = 200;
/// What we call ourselves: RFC 5321, 4.1.3, for a client without a name in the DNS.
const OWN_NAME: &str = "[127.0.0.1]";

/// Hands a mail in. Whatever the server does, this returns at that moment; only the system's own look-up of the server's
/// name may take longer.
pub(super) fn send(
    email: &Email,
    credentials: Option<&(String, String)>,
    mail: &Mail,
    until: Instant,
) -> Result<(), NotSent> {
    let secure = || trust::client(email.ca_file.as_deref()).map_err(NotSent::Settings);
    let wire = Timed::connect(&email.server, email.port, until)?;
    match email.security {
        Security::Tls => {
            let mut dialogue = Dialogue::new(encrypted(wire, &email.server, secure()?)?);
            dialogue.reply()?.or_refused()?;
            dialogue.hand_in(credentials, mail)
        }
        Security::StartTls => {
            let tls = secure()?;
            let mut dialogue = Dialogue::new(wire);
            dialogue.reply()?.or_refused()?;
            dialogue.command(&format!("EHLO {OWN_NAME}"))?;
            dialogue.command("STARTTLS")?;
            Dialogue::new(encrypted(dialogue.into_wire()?, &email.server, tls)?).hand_in(credentials, mail)
        }
        Security::None => {
            let mut dialogue = Dialogue::new(wire);
            dialogue.reply()?.or_refused()?;
            dialogue.hand_in(credentials, mail)
        }
    }
}

fn encrypted(
    wire: Timed,
    server: &str,
    tls: std::sync::Arc<rustls::ClientConfig>,
) -> Result<StreamOwned<ClientConnection, Timed>, NotSent> {
    let name = ServerName::try_from(server.to_owned())
        .map_err(|_| NotSent::Settings(anyhow::anyhow!("`{server}` is no name that a certificate is for")))?;
    let connection = ClientConnection::new(tls, name);
    let connection =
        connection.map_err(|error| NotSent::Failed(format!("it cannot be encrypted: {error}")))?;
    Ok(StreamOwned::new(connection, wire))
}

/// A connection whose every read and write ends at the same moment.
#[derive(Debug)]
struct Timed {
    stream: TcpStream,
    until: Instant,
}

impl Timed {
    fn connect(server: &str, port: u16, until: Instant) -> Result<Self, NotSent> {
        let addresses = (server, port).to_socket_addrs().map_err(|_| unreachable("its name is not known"))?;
        let mut why = unreachable("its name has no address");
        for address in addresses {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late());
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => return Ok(Self { stream, until }),
                Err(error) => why = unreachable(&error.kind().to_string()),
            }
        }
        Err(why)
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What a server says to a command.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// The reply, if it is a good one: 2xx, or 3xx where the server wants more.
    fn or_refused(self) -> Result<Self, NotSent> {
        if (200..400).contains(&self.code) {
            return Ok(self);
        }
        let said: String = printable(&self.lines.join(" ")).chars().take(MAX_SAID_CHARS).collect();
        Err(NotSent::Failed(format!("it answers {} {said}", self.code)))
    }

    /// Whether it offers one of the ways to show who we are.
    fn offers(&self, mechanism: &str) -> bool {
        let offered = self
            .lines
            .iter()
            .filter_map(|line| line.to_ascii_uppercase().strip_prefix("AUTH ").map(str::to_owned));
        offered.into_iter().any(|line| line.split_ascii_whitespace().any(|one| one == mechanism))
    }
}

/// Commands and replies over a connection.
struct Dialogue<S: Read + Write> {
    wire: BufReader<S>,
}

impl Dialogue<Timed> {
    /// The bare connection. What the server said before it was encrypted counts for nothing, so it may have said nothing.
    fn into_wire(self) -> Result<Timed, NotSent> {
        if self.wire.buffer().is_empty() {
            Ok(self.wire.into_inner())
        } else {
            Err(NotSent::Failed("it spoke between STARTTLS and the encryption".to_owned()))
        }
    }
}

impl<S: Read + Write> Dialogue<S> {
    fn new(wire: S) -> Self {
        Self { wire: BufReader::new(wire) }
    }

    /// Says who we are, whom the mail is from and for, and the mail.
    fn hand_in(mut self, credentials: Option<&(String, String)>, mail: &Mail) -> Result<(), NotSent> {
        let offers = self.command(&format!("EHLO {OWN_NAME}"))?;
        if let Some((user, password)) = credentials {
            self.authenticate(&offers, user, password)?;
        }
        let from = mail.envelope().from().map(ToString::to_string).unwrap_or_default();
        self.command(&format!("MAIL FROM:<{from}>"))?;
        for to in mail.envelope().to() {
            self.command(&format!("RCPT TO:<{to}>"))?;
        }
        self.command("DATA")?;
        self.write(&stuffed(&mail.formatted()))?;
        self.reply()?.or_refused()?;
        // The server has the mail; whether it hears the good-bye is all the same.
        let _ = self.command("QUIT");
        Ok(())
    }

    fn authenticate(&mut self, offers: &Reply, user: &str, password: &str) -> Result<(), NotSent> {
        if offers.offers("PLAIN") {
            let both = STANDARD.encode(format!("\0{user}\0{password}"));
            self.command(&format!("AUTH PLAIN {both}"))?;
        } else if offers.offers("LOGIN") {
            self.command("AUTH LOGIN")?;
            self.command(&STANDARD.encode(user))?;
            self.command(&STANDARD.encode(password))?;
        } else {
            return Err(NotSent::Failed("it takes a password neither by PLAIN nor by LOGIN".to_owned()));
        }
        Ok(())
    }

    fn command(&mut self, line: &str) -> Result<Reply, NotSent> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.reply()?.or_refused()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), NotSent> {
        let wire = self.wire.get_mut();
        wire.write_all(bytes).and_then(|()| wire.flush()).map_err(|error| broken(&error))
    }

    fn reply(&mut self) -> Result<Reply, NotSent> {
        let strange = || NotSent::Failed("it does not speak SMTP".to_owned());
        let mut lines = Vec::new();
        while lines.len() < MAX_REPLY_LINES {
            let mut line = Vec::new();
            let read = (&mut self.wire).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
            read.map_err(|error| broken(&error))?;
            if !line.ends_with(b"\n") {
                return Err(if line.is_empty() { unreachable("it hangs up") } else { strange() });
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok()).ok_or_else(strange)?;
            let more = line.as_bytes().get(3) == Some(&b'-');
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if !more {
                return Ok(Reply { code, lines });
            }
        }
        Err(strange())
    }
}

/// The mail as DATA takes it: a dot at the beginning of a line is doubled, and a lone one ends it.
fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + 5);
    for line in mail.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

fn late() -> NotSent {
    NotSent::Failed("it was not done in time".to_owned())
}

fn unreachable(why: &str) -> NotSent {
    NotSent::Failed(format!("it cannot be reached: {why}"))
}

/// What the system or the encryption says of a connection; neither names a password.
fn broken(error: &io::Error) -> NotSent {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => late(),
        _ => NotSent::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::alerts::message::tests::message;

    fn email(port: u16) -> Email {
        let text = format!(
            "[alerts.email]\nserver = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\nfrom = \"a@home.example\"\n\
             to = [\"b@home.example\"]\n"
        );
        let config: picollect_config::Config = picollect_settings::parse(&text, "t").unwrap();
        config.alerts.email.unwrap()
    }

    /// What comes of a delivery within this time to a server that does this with its first client.
    fn to(within: Duration, serve: impl FnOnce(TcpStream) + Send + 'static) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let email = email(listener.local_addr().unwrap().port());
        thread::spawn(move || serve(listener.accept().unwrap().0));
        let mail = Mail::builder().from(email.from.clone()).to(email.to[0].clone()).subject("s");
        let mail = mail.body(message().text()).unwrap();
        let credentials = Some(("pi".to_owned(), "hush".to_owned()));
        send(&email, credentials.as_ref(), &mail, Instant::now() + within).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_that_drips_a_line_now_and_then_is_given_up_in_time() {
        let begun = Instant::now();
        let got = to(Duration::from_millis(300), |mut client| {
            while client.write_all(b"220-hi\r\n").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        assert_eq!(got, Err("it was not done in time".to_owned()));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_reply_without_end_is_no_smtp_and_takes_no_memory() {
        let flood = |bytes: &'static [u8]| {
            to(Duration::from_secs(20), move |mut client| while client.write_all(bytes).is_ok() {})
        };
        assert_eq!(flood(b"220-hi\r\n"), Err("it does not speak SMTP".to_owned()));
        assert_eq!(flood(b"220 hihihihihihihihihihihihi"), Err("it does not speak SMTP".to_owned()));
    }

    #[test]
    fn what_the_server_refuses_is_said_printable_and_without_the_password() {
        let refuses = |reply: &'static [u8]| {
            to(Duration::from_secs(20), move |mut client| {
                client.write_all(b"220 x\r\n250-x\r\n250 AUTH LOGIN PLAIN\r\n").unwrap();
                client.write_all(reply).unwrap();
                // Until the other side hangs up.
                let _ = client.read_to_end(&mut Vec::new());
            })
        };
        assert_eq!(refuses(b"535 no\x1b[31m\r\n"), Err("it answers 535 no\u{fffd}[31m".to_owned()));
        let without = to(Duration::from_secs(20), |mut client| {
            client.write_all(b"220 x\r\n250 AUTH CRAM-MD5\r\n").unwrap();
            let _ = client.read_to_end(&mut Vec::new());
        });
        assert!(without.unwrap_err().contains("neither by PLAIN nor by LOGIN"));
    }

    #[test]
    fn a_dot_at_the_beginning_of_a_line_ends_no_mail() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b\r\n"), b"a\r\n..\r\n...b\r\n.\r\n");
        assert_eq!(stuffed(b"a"), b"a\r\n.\r\n");
    }
}

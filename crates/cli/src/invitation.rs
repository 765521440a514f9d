//! The way to the page in the browser: its address, and a link that logs in once.
//!
//! The code stands behind `#`, which no browser sends to anybody: only the page itself hands it over.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use picollect_collector::server::address_of;
use picollect_collector::tokens::Tokens;
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::token::Place;

/// Whether an address answers is known after so long.
const PATIENCE: Duration = Duration::from_millis(500);
/// An address that documents use and nobody has; the kernel says by which of ours it would be reached, and sends nothing.
const SOMEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// Whom to log in where.
#[derive(Debug, Clone, Args)]
pub struct LoginOptions {
    #[command(flatten)]
    place: Place,
    /// The collector's address as the browser reaches it [default: where it listens]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Prints a link; one that could not be shown is taken back.
pub(crate) fn login(options: &LoginOptions) -> Result<(), Failure> {
    let data = options.place.directory()?;
    let url = match &options.url {
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => url.clone(),
        Some(_) => return Err(usage(anyhow!("--url begins with http:// or https://"))),
        None => listening(&data)?,
    };
    let tokens = options.place.tokens()?;
    let code = tokens.login_code()?;
    let text = invitation(&url, &code)?;
    if let Err(error) = say(&text) {
        tokens.forget_login_code(&code).context("cannot take the link back")?;
        return Err(error.into());
    }
    Ok(())
}

/// Where the collector of this data directory listens.
fn listening(data: &Path) -> Result<String, Failure> {
    let said = address_of(data).with_context(|| {
        format!("no collector has served `{}` yet; start it, or give --url", data.display())
    })?;
    let (scheme, address) = said.split_once("://").unwrap_or(("http", &said));
    let address: SocketAddr =
        address.parse().with_context(|| format!("`{said}` is no address; give --url"))?;
    Ok(reachable(scheme, address))
}

/// The address of a collector that listens there, as others reach it; where it listens everywhere, that of this machine
/// that answers.
pub(crate) fn reachable(scheme: &str, listens: SocketAddr) -> String {
    let ip = if listens.ip().is_unspecified() { own_address(listens.port()) } else { listens.ip() };
    format!("{scheme}://{}", SocketAddr::new(ip, listens.port()))
}

/// This machine's address in its network, if it answers there; else the one that only itself reaches.
fn own_address(port: u16) -> IpAddr {
    let outward = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect(SOMEWHERE)?;
        socket.local_addr()
    });
    let answers = |ip: &IpAddr| TcpStream::connect_timeout(&SocketAddr::new(*ip, port), PATIENCE).is_ok();
    outward.ok().map(|own| own.ip()).filter(answers).unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// A link for a browser, as text and for a phone's camera.
pub(crate) fn invite(tokens: &Tokens, url: &str) -> anyhow::Result<String> {
    invitation(url, &tokens.login_code()?)
}

fn invitation(url: &str, code: &str) -> anyhow::Result<String> {
    let link = format!("{}/login#{}", url.trim_end_matches('/'), code.replace('-', ""));
    let mut text = format!("in the browser, once and within 15 minutes:\n  {link}\n");
    if !is_only_here(url) {
        // Light on dark, as terminals mostly are.
        let drawn = QrCode::new(&link).context("cannot draw the link")?;
        let mut drawn = drawn.render::<Dense1x2>();
        text += &drawn.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        text.push('\n');
    }
    Ok(text)
}

/// Whether only this machine reaches it: a phone does not.
fn is_only_here(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    host.starts_with("127.") || host.starts_with("[::1]") || host.starts_with("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_stands_where_no_browser_sends_it_and_a_phone_gets_a_picture() {
        let text = invitation("http://192.0.2.10:8650/", "ABCD-EFGH-JKLM").unwrap();
        assert!(text.contains("\n  http://192.0.2.10:8650/login#ABCDEFGHJKLM\n"), "{text}");
        let picture: Vec<&str> = text.lines().skip(2).collect();
        assert!(
            picture.len() > 15
                && picture.iter().all(|line| line.chars().count() == picture[0].chars().count())
        );
        let only_here = invitation("http://127.0.0.1:8650", "ABCD-EFGH-JKLM").unwrap();
        assert_eq!(only_here.lines().count(), 2, "{only_here}");
    }

    #[test]
    fn an_address_of_everywhere_becomes_one_that_answers() {
        let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = reachable("http", address);
        let reached: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        assert!(!reached.ip().is_unspecified() && TcpStream::connect(reached).is_ok(), "{url}");
        assert_eq!(reachable("https", "[::1]:8650".parse().unwrap()), "https://[::1]:8650");
    }
}

//! E-mail, by the crate lettre: one to all addresses.

use std::fs;

use anyhow::{Context as _, ensure};
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::SmtpTransport;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message as Mail, Transport as _};

use super::{NotSent, TIMEOUT};
use crate::alerts::message::Message;
use picollect_config::{Email, Security};

/// Begins a certificate in a PEM file.
const PEM_BEGINS: &str = "-----BEGIN CERTIFICATE-----";

pub(super) fn send(email: &Email, message: &Message) -> Result<(), NotSent> {
    let transport = transport(email).map_err(NotSent::Settings)?;
    let mail = mail(email, message).map_err(NotSent::Settings)?;
    // The error is what the server or the system said, which names no password.
    transport.send(&mail).map(drop).map_err(|error| NotSent::Failed(error.to_string()))
}

fn transport(email: &Email) -> anyhow::Result<SmtpTransport> {
    let builder = SmtpTransport::builder_dangerous(&email.server).port(email.port).timeout(Some(TIMEOUT));
    let builder = builder.tls(match email.security {
        Security::None => Tls::None,
        Security::StartTls => Tls::Required(tls(email)?),
        Security::Tls => Tls::Wrapper(tls(email)?),
    });
    Ok(match email.credentials()? {
        Some((user, password)) => builder.credentials(Credentials::new(user, password)).build(),
        None => builder.build(),
    })
}

/// Trusts the certificates of the configured file, else those that the system does.
fn tls(email: &Email) -> anyhow::Result<TlsParameters> {
    let mut builder = TlsParameters::builder(email.server.clone());
    if let Some(path) = &email.ca_file {
        let cannot_use = || format!("cannot use the certificates in `{}`", path.display());
        let text = fs::read_to_string(path).with_context(cannot_use)?;
        ensure!(text.contains(PEM_BEGINS), "there is no certificate in `{}`", path.display());
        let certificate = Certificate::from_pem(text.as_bytes()).with_context(cannot_use)?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build().context("cannot encrypt")
}

fn mail(email: &Email, message: &Message) -> anyhow::Result<Mail> {
    let builder = Mail::builder().from(email.from.clone()).subject(format!("picollect {}", message.title()));
    let to = |builder: MessageBuilder, one: &Mailbox| builder.to(one.clone());
    let builder = email.to.iter().fold(builder, to).header(ContentType::TEXT_PLAIN);
    builder.body(message.text()).context("cannot write the e-mail")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::message::tests::message;

    #[test]
    fn an_e_mail_has_everybody_in_it_and_the_message() {
        let text = "[alerts.email]\nserver = \"m\"\nfrom = \"pi@home.example\"\nto = [\"a@home.example\", \"b@home.example\"]\n";
        let config: picollect_config::Config = picollect_settings::parse(text, "t").unwrap();
        let mail = mail(&config.alerts.email.unwrap(), &message()).unwrap();
        assert_eq!(mail.envelope().to().len(), 2);
        let text = String::from_utf8(mail.formatted()).unwrap();
        assert!(text.contains("Subject: picollect [1 firing, 1 resolved] NodeThrottled"), "{text}");
        assert!(text.contains("FIRING (critical): pi-1 is down"), "{text}");
    }
}

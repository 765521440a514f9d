//! E-mail: one to all addresses. The crate lettre writes it, and `smtp` hands it in.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use lettre::Message as Mail;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};

use super::NotSent;
use super::smtp;
use crate::alerts::message::Message;
use picollect_config::Email;

/// Time for all of it, from the look-up of the name to the server's last word: a server that keeps strangers waiting
/// does so for some seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn send(email: &Email, message: &Message) -> Result<(), NotSent> {
    let mail = mail(email, message).map_err(NotSent::Settings)?;
    let credentials = email.credentials().map_err(NotSent::Settings)?;
    smtp::send(email, credentials.as_ref(), &mail, Instant::now() + TIMEOUT)
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

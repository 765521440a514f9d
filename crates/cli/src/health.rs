//! `picollect health`: whether the collector that runs beside it is well, for a supervisor that can only run a command.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use picollect_client::{Client, Target};
use picollect_collector::server::authority_file;
use picollect_config::store_spec::DataOptions;
use picollect_config::{Config, ConfigOptions, DEFAULT_LISTEN, checked_listen};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;

/// Which collector is asked: the one of this machine, as it is configured, or that of the address.
#[derive(Debug, Clone, Args)]
pub struct HealthOptions {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    config: ConfigOptions,
    /// Where it listens, as `serve` is told
    #[arg(long, value_name = "ADDRESS:PORT", env = "PICOLLECT_LISTEN", value_parser = checked_listen)]
    listen: Option<String>,
    /// It has a certificate of its own, as `serve` is told
    #[arg(long, env = "PICOLLECT_TLS_OWN")]
    tls_own: bool,
    /// Its whole address, such as https://head-node:8650; for a certificate with another name than this machine's
    #[arg(long, value_name = "URL", conflicts_with = "listen")]
    collector: Option<String>,
    /// Trust only certificates signed by the ones in this file
    #[arg(long, value_name = "FILE", env = "PICOLLECT_CA_FILE")]
    ca_file: Option<PathBuf>,
}

/// Prints what the collector says; fails with its reason if it is not well, or does not answer.
pub(crate) fn health(options: &HealthOptions) -> Result<(), Failure> {
    let data = options.data.path()?;
    let config = options.config.read(&data)?;
    let own = options.tls_own || config.tls_own;
    let url = options.collector.clone().unwrap_or_else(|| {
        let listen = options.listen.as_deref().or(config.listen.as_deref()).unwrap_or(DEFAULT_LISTEN);
        format!("{}://{}", scheme(own, &config), reached_at(listen))
    });
    let authority = authority_file(&data);
    let ca_file = options.ca_file.clone().or_else(|| (own && authority.exists()).then_some(authority));
    let client = Client::new(&Target { url, token_file: None, ca_file }).map_err(usage)?;
    Ok(say(&client.ask("/healthz", &[])?.text)?)
}

fn scheme(own: bool, config: &Config) -> &'static str {
    if own || config.tls_cert.is_some() { "https" } else { "http" }
}

/// Who listens on every address is reached on the loopback's.
fn reached_at(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => {
            let host = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
            format!("{host}:{}", address.port())
        }
        _ => listen.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_on_the_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:8650", "127.0.0.1:8650"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.2:8650", "10.0.0.2:8650"),
            ("localhost:8650", "localhost:8650"),
        ] {
            assert_eq!(reached_at(listen), reached);
        }
    }
}

//! How a collector serves: what flags, variables and the file say of it, and the check of that.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;

use crate::check::{self, Effective};
use crate::invitation;
use crate::waiting::keep_delivering;
use picollect_collector::server;
use picollect_config::store_spec::{StoreOptions, StoreSpec};
use picollect_config::{Config, DEFAULT_LISTEN, Keep, Origin, Retention, Setting, checked_listen, lay_over};
use picollect_store::Durability;
use picollect_store::Verified;

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct ServeOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// Address and port to listen on; port 0 is any free one [default: 127.0.0.1:8650]
    #[arg(long, value_name = "ADDRESS:PORT", env = "PICOLLECT_LISTEN", value_parser = checked_listen)]
    listen: Option<String>,
    /// Delete data that is older, such as 90d, or forever; the file also says when it becomes coarser [default: forever,
    /// points a minute after 14 days, points an hour after a year]
    #[arg(long, value_name = "TIME", env = "PICOLLECT_RETENTION")]
    retention: Option<Keep>,
    /// Serve https with a certificate that the collector makes itself; nodes that join by code then trust it
    #[arg(long, env = "PICOLLECT_TLS_OWN")]
    tls_own: bool,
    /// When the embedded store has on the disk what it acknowledged: immediate, or within this time [default: 5s]
    #[arg(long, value_name = "TIME", env = "PICOLLECT_DURABILITY")]
    durability: Option<Durability>,
}

/// How to encrypt.
#[derive(Debug, Clone, Args)]
pub struct TlsOptions {
    /// Serve https with the certificate (and its chain) in this file
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "PICOLLECT_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "PICOLLECT_TLS_KEY")]
    tls_key: Option<PathBuf>,
}

/// What flags, variables and file say together.
pub(super) struct Serving {
    pub(super) data: PathBuf,
    pub(super) listen: String,
    pub(super) server: server::Options,
}

impl Serving {
    /// Without TLS options, what the file says of other people's certificates does not hold either: `up` starts an
    /// agent that would have to know them.
    pub(super) fn of(options: &ServeOptions, tls: Option<TlsOptions>) -> Result<Self, Failure> {
        let data = options.store.directory()?;
        let config = options.store.read()?;
        let spec = options.store.spec(&config)?;
        let spec = StoreSpec { durability: options.durability.unwrap_or(spec.durability), ..spec };
        let tls = match tls {
            Some(tls) => tls.laid_over(&config)?,
            None => None,
        };
        let tls = options.own_or(tls, &config)?;
        let listen = options
            .listen
            .clone()
            .or_else(|| config.listen.clone())
            .unwrap_or_else(|| DEFAULT_LISTEN.to_owned());
        let retention = options.retention_with(&config);
        Ok(Self {
            data,
            listen,
            server: server::Options { retention, tls, store: Some(spec), config, open_page: false },
        })
    }
}

impl ServeOptions {
    fn retention_with(&self, config: &Config) -> Retention {
        let in_file = config.retention.unwrap_or_default();
        self.retention.map_or(in_file, |after| in_file.deleting_after(after))
    }

    fn own_or(&self, files: Option<server::Tls>, config: &Config) -> Result<Option<server::Tls>, Failure> {
        match (self.tls_own || config.tls_own, files) {
            (true, Some(_)) => Err(usage(anyhow!("`tls_own` and `tls_cert` exclude each other"))),
            (true, None) => Ok(Some(server::Tls::Own)),
            (false, files) => Ok(files),
        }
    }
}

impl TlsOptions {
    fn laid_over(self, config: &Config) -> Result<Option<server::Tls>, Failure> {
        let certificate = self.tls_cert.or_else(|| config.tls_cert.clone());
        match (certificate, self.tls_key.or_else(|| config.tls_key.clone())) {
            (Some(certificate), Some(key)) => Ok(Some(server::Tls::Files { certificate, key })),
            (None, None) => Ok(None),
            _ => Err(usage(anyhow!("`tls_cert` and `tls_key` go together"))),
        }
    }
}

/// Serves until told to stop.
pub(super) async fn serve(serving: &Serving) -> anyhow::Result<()> {
    let (server, collector) = server::start(&serving.data, &serving.listen, &serving.server).await?;
    let mut text = format!("listening on {}\n", server.url());
    // Nobody would see a link in a service's log, and the log would keep it.
    if io::stdout().is_terminal() {
        let url = invitation::reachable(server.scheme, server.address);
        text += &invitation::invite(&collector.tokens, &url)?;
    }
    say(&text)?;
    if !collector.tokens.any()? {
        tracing::warn!("there are no tokens yet, so nobody can push; see `picollect token create --help`");
    }
    let delivering = keep_delivering(&collector, &serving.data);
    server::told_to_stop().await?;
    delivering.abort();
    server.stop().await
}

/// Prints what holds; exit code 1 if something that is configured cannot be used.
pub(super) fn check(
    options: &ServeOptions,
    tls: TlsOptions,
    connect: bool,
    chunks: bool,
) -> Result<(), Failure> {
    let data = options.store.directory()?;
    let config = options.store.read()?;
    let spec = options.store.spec(&config)?;
    options.own_or(tls.clone().laid_over(&config)?, &config)?;
    let effective = effective(options, tls, &data, &spec, &config);
    let mut findings = check::findings(&config);
    findings.extend(check::open_to_all(&data));
    let mut page = check::page(&effective, &config);
    if connect {
        let (answers, silent) = check::connect(&config.wall);
        page += &answers;
        let (answer, works) = check::try_store(&spec);
        page += &answer;
        findings.extend((!works).then(|| "the store does not work".to_owned()));
        findings.extend((silent > 0).then(|| format!("{silent} wall meters give no reading")));
    }
    if chunks {
        let verified = check::read_chunks(&spec)?;
        page += &check::verified_text(&verified);
        let Verified { damaged, damaged_bytes, .. } = verified;
        findings.extend((damaged > 0).then(|| {
            format!(
                "{damaged} chunks or places in the journal are damaged, {damaged_bytes} bytes of the journal"
            )
        }));
    }
    page.extend(findings.iter().map(|finding| format!("finding: {finding}\n")));
    say(&page)?;
    if findings.is_empty() { Ok(()) } else { Err(Failure::Finding(findings.len())) }
}

/// The settings that more than the file can say, in the order in which they are printed.
fn effective(
    options: &ServeOptions,
    tls: TlsOptions,
    data: &Path,
    spec: &StoreSpec,
    config: &Config,
) -> Effective {
    let or = |said: Option<Setting<String>>, otherwise: &str| {
        said.unwrap_or(Setting { value: otherwise.to_owned(), origin: Origin::Default })
    };
    let path = |path: PathBuf| path.display().to_string();
    let given = |value, flag, variable| lay_over(value, flag, variable, None);
    let file = given(options.store.config.config.clone().map(path), "--config", "PICOLLECT_CONFIG");
    let found = config.file.clone().map_or_else(|| "none".to_owned(), path);
    let directory = given(options.store.data.data.clone().map(path), "--data", "PICOLLECT_DATA");
    let named = config.store.url.as_ref().map(ToString::to_string);
    let store =
        lay_over(options.store.store.as_ref().map(ToString::to_string), "--store", "PICOLLECT_STORE", named);
    let in_file = |value: String| Setting { value, origin: Origin::File };
    let tokens = config.tokens.clone().map(path).map(in_file);
    let listen = lay_over(options.listen.clone(), "--listen", "PICOLLECT_LISTEN", config.listen.clone());
    let keeps = options.retention_with(config).to_string();
    let (given_keeps, in_file) =
        (options.retention.map(|_| keeps.clone()), config.retention.map(|_| keeps.clone()));
    let retention = lay_over(given_keeps, "--retention", "PICOLLECT_RETENTION", in_file);
    let durability = options.durability.map(|durability| durability.to_string());
    let in_file = config.durability.map(|durability| durability.to_string());
    let durability = lay_over(durability, "--durability", "PICOLLECT_DURABILITY", in_file);
    let certificate = config.tls_cert.clone().map(path);
    let certificate = lay_over(tls.tls_cert.map(path), "--tls-cert", "PICOLLECT_TLS_CERT", certificate);
    let key =
        lay_over(tls.tls_key.map(path), "--tls-key", "PICOLLECT_TLS_KEY", config.tls_key.clone().map(path));
    let own = |yes: bool| yes.then(|| "true".to_owned());
    let own = lay_over(own(options.tls_own), "--tls-own", "PICOLLECT_TLS_OWN", own(config.tls_own));
    Effective {
        settings: vec![
            ("config", or(file, &found)),
            ("data", or(directory, &data.display().to_string())),
            ("store", or(store, &spec.location.to_string())),
            ("tokens", or(tokens, &data.join("tokens.json").display().to_string())),
            ("listen", or(listen, DEFAULT_LISTEN)),
            ("retention", or(retention, &keeps)),
            ("durability", or(durability, &Durability::default().to_string())),
            ("tls_cert", or(certificate, "none")),
            ("tls_key", or(key, "none")),
            ("tls_own", or(own, "false")),
        ],
    }
}

//! Joining a collector: a one-time code becomes a token of this node's own, and the configuration says where
//! to send.
//!
//! Invariant: the code comes from the terminal or from standard input, never from an argument, which every
//! user of the machine can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use picollect_settings::exit::{Failure, usage};
use picollect_settings::introduction;
use picollect_settings::output::{prompt, say};
use serde::Deserialize;
use serde_json::json;

use crate::client::{Client, Proxy, Target, Token, checked_url};
use crate::config::{Options, Settings, TargetOptions, settings};
use picollect_board::attr::Root;
use picollect_board::identity::Board;

/// Where the package has its configuration.
const CONFIG: &str = "/etc/picollect/agent.toml";
/// So much of a line is read as a code.
const MAX_CODE_BYTES: u64 = 256;
/// So much of a file of certificates is read and kept.
const MAX_CERTIFICATE_BYTES: u64 = 256 * 1024;

/// What a failure may come from where neither a file nor the code says whom to trust.
const NOBODY_VOUCHES: &str = "this code vouches for no certificate of that collector; is it mistyped, used or too old? \
                              `picollect token code` on the head node makes another";

/// Which collector to join, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub struct JoinOptions {
    /// Address of the collector, such as http://head-node:8650
    url: String,
    /// Configuration file to add the collector to; the token is kept beside it
    #[arg(long, value_name = "FILE", env = "PICOLLECT_AGENT_CONFIG", default_value = CONFIG)]
    config: PathBuf,
    /// Name of this node [default: that in the configuration, else its host name]
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: Option<String>,
    /// Trust only certificates signed by those in this file, from now on; without it the code vouches for an
    /// authority that the collector made itself (for https)
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Joined {
    token: String,
}

#[derive(Deserialize)]
struct Introduction {
    authority: String,
    proof: String,
}

/// Asks for a code, exchanges it for a token and writes token and configuration.
pub fn join(options: &JoinOptions) -> Result<(), Failure> {
    let url = checked_url(options.url.trim_end_matches('/').to_owned()).map_err(usage)?;
    let settings = present(options)?;
    let node = name(options, &settings);
    if settings.name.as_ref().is_some_and(|name| *name != node) {
        return Err(usage(anyhow!("`{}` has another name than {node}", options.config.display())));
    }
    // Before the code is used up: whether everything can be written.
    let files = Files::beside(&options.config, &url, &settings)?;
    if io::stdin().is_terminal() {
        prompt("code (`picollect token code` on the head node makes one): ");
    }
    let code = read_code(&mut io::stdin().lock())?;
    let target = Target {
        url,
        token: Token::None,
        bucket: None,
        ca_file: options.ca_file.clone(),
        proxy: Proxy::None,
    };
    let target = files.introduced(target, &code)?;
    let vouched_for = !target.url.starts_with("https://") || target.ca_file.is_some();
    let answer = Client::new(target.clone()).and_then(|client| client.join(&code, &node));
    let answer = if vouched_for { answer } else { answer.context(NOBODY_VOUCHES) };
    let answer = answer.inspect_err(|_| files.forget_introduction(&target))?;
    let joined: Joined = serde_json::from_str(&answer).context("the collector's answer cannot be read")?;
    files.write(&target, &node, &joined.token)?;
    let config = options.config.display();
    Ok(say(&format!(
        "joined {} as {node}; the configuration is {config}\n\
         to start with it: systemctl restart picollect-agent\n",
        target.url
    ))?)
}

/// What the configuration says already; one that is not there says nothing.
fn present(options: &JoinOptions) -> Result<Settings, Failure> {
    let config = options.config.exists().then(|| options.config.clone());
    settings(&Options { config, root: PathBuf::from("/"), ..Options::default() }, &TargetOptions::default())
}

fn name(options: &JoinOptions, settings: &Settings) -> String {
    let given = options.name.clone().or_else(|| settings.name.clone());
    given.unwrap_or_else(|| Board::read(&Root::new(settings.root.clone())).host_name)
}

fn read_code(input: &mut dyn BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    input.take(MAX_CODE_BYTES).read_line(&mut line).context("cannot read the code")?;
    let code = line.trim();
    ensure!(!code.is_empty(), "no code was given; `picollect token code` on the head node makes one");
    Ok(code.to_owned())
}

#[derive(Debug)]
struct Files {
    config: PathBuf,
    /// Whether the configuration knows this collector already: then only its token is new.
    known: bool,
    /// Whether the configuration says the node's name already.
    named: bool,
    token: PathBuf,
    certificate: PathBuf,
}

impl Files {
    /// Fails if the configuration cannot be written, or names a token that is no file.
    fn beside(config: &Path, url: &str, settings: &Settings) -> anyhow::Result<Self> {
        let directory = config.parent().unwrap_or(Path::new("."));
        let cannot = || format!("cannot write `{}`; as root?", config.display());
        OpenOptions::new().append(true).create(true).open(config).with_context(cannot)?;
        let known = settings.targets.iter().find(|target| target.url.trim_end_matches('/') == url);
        let token = match known.map(|target| &target.token) {
            Some(Token::File(path)) => path.clone(),
            Some(_) => bail!("`{}` has this collector without a token_file; add one", config.display()),
            // A second collector does not take the first one's token away.
            None => free(directory, "agent", "token"),
        };
        let certificate = free(directory, "collector", "pem");
        let (known, named) = (known.is_some(), settings.name.is_some());
        Ok(Self { config: config.to_owned(), known, named, token, certificate })
    }

    /// Over https to a collector that is new and whose authority nobody named: with the authority that the code vouches
    /// for, if the collector made one; else the system's have to do.
    fn introduced(&self, target: Target, code: &str) -> anyhow::Result<Target> {
        if self.known || target.ca_file.is_some() || !target.url.starts_with("https://") {
            return Ok(target);
        }
        let kept = introduction::kept(code);
        let Some(answer) = Client::authority(&target.url, &introduction::name(&kept))? else {
            return Ok(target);
        };
        let Introduction { authority, proof } =
            serde_json::from_str(&answer).context("the collector's answer cannot be read")?;
        ensure!(
            introduction::is_proof(&kept, &authority, &proof),
            "who answers at {} does not know the code: it is not the collector that made it",
            target.url
        );
        self.put(&self.certificate, authority.as_bytes())?;
        Ok(Target { ca_file: Some(self.certificate.clone()), ..target })
    }

    /// Joining failed: the next try finds everything as this one did.
    fn forget_introduction(&self, target: &Target) {
        if target.ca_file.as_ref() == Some(&self.certificate) {
            // If it stays, it is in nobody's way.
            let _ = fs::remove_file(&self.certificate);
        }
    }

    /// The configuration comes last: it names the others.
    fn write(&self, target: &Target, node: &str, token: &str) -> anyhow::Result<()> {
        self.put(&self.token, format!("{token}\n").as_bytes())?;
        if self.known {
            return Ok(());
        }
        // What JSON quotes, TOML reads.
        let mut section =
            format!("\n[[collector]]\nurl = {}\ntoken_file = {}\n", json!(target.url), json!(self.token));
        if let Some(ca_file) = &target.ca_file {
            self.put(&self.certificate, &bounded(ca_file)?)?;
            section += &format!("ca_file = {}\n", json!(self.certificate));
        }
        let cannot = || format!("cannot write `{}`", self.config.display());
        let text = fs::read_to_string(&self.config).with_context(cannot)?;
        // The token opens this name only. A table would swallow a key behind it, so it comes first.
        let first = if self.named { String::new() } else { format!("name = {}\n", json!(node)) };
        let mut file =
            OpenOptions::new().write(true).truncate(true).open(&self.config).with_context(cannot)?;
        file.write_all(format!("{first}{text}{section}").as_bytes()).with_context(cannot)
    }

    /// Its group is the configuration's, which is the agent's where the package made it.
    fn put(&self, path: &Path, content: &[u8]) -> anyhow::Result<()> {
        let cannot = || format!("cannot write `{}`", path.display());
        let group = fs::metadata(&self.config).with_context(cannot)?.gid();
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o640)
            .open(&new)
            .with_context(cannot)?;
        fchown(&file, None, Some(group)).with_context(cannot)?;
        file.write_all(content).with_context(cannot)?;
        fs::rename(&new, path).with_context(cannot)
    }
}

/// `STEM.ENDING`, or with a number if that is taken.
fn free(directory: &Path, stem: &str, ending: &str) -> PathBuf {
    let first = directory.join(format!("{stem}.{ending}"));
    let numbered = (2..).map(|number| directory.join(format!("{stem}-{number}.{ending}")));
    std::iter::once(first).chain(numbered).find(|path| !path.exists()).unwrap_or_default()
}

fn bounded(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_CERTIFICATE_BYTES).read_to_end(&mut content))
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_of(config: &Path) -> Settings {
        let options = Options { config: Some(config.to_owned()), ..Options::default() };
        settings(&options, &TargetOptions::default()).unwrap()
    }

    fn target(url: &str) -> Target {
        Target { url: url.to_owned(), token: Token::None, bucket: None, ca_file: None, proxy: Proxy::None }
    }

    fn joined(config: &Path, url: &str, token: &str) -> anyhow::Result<()> {
        Files::beside(config, url, &settings_of(config))?.write(&target(url), "pi-1", token)
    }

    #[test]
    fn what_is_written_is_what_the_agent_reads_and_tables_before_it_stay_as_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("agent.toml");
        fs::write(&config, "# mine\n[power_model]\nidle_w = 1.0\nbusy_w = 2.0\n").unwrap();
        joined(&config, "http://head:8650", "pc_1").unwrap();
        let settings = settings_of(&config);
        assert_eq!(settings.name.as_deref(), Some("pi-1"));
        assert_eq!(settings.targets[0].url, "http://head:8650");
        assert_eq!(settings.targets[0].token.read().unwrap().as_deref(), Some("pc_1"));
        assert!(settings.power_model.is_some());
        let mode = fs::metadata(directory.path().join("agent.token")).unwrap().mode();
        assert_eq!(mode & 0o007, 0, "a token is nobody else's");
    }

    #[test]
    fn joining_again_changes_the_token_and_a_second_collector_gets_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("agent.toml");
        fs::write(&config, "").unwrap();
        for (url, token) in [("http://a:1", "pc_1"), ("http://b:1", "pc_2"), ("http://a:1", "pc_3")] {
            joined(&config, url, token).unwrap();
        }
        let tokens = settings_of(&config).targets;
        let tokens: Vec<_> = tokens.iter().map(|target| target.token.read().unwrap().unwrap()).collect();
        assert_eq!(tokens, ["pc_3", "pc_2"]);
    }

    #[test]
    fn a_code_is_one_line_and_an_empty_one_says_where_to_get_it() {
        assert_eq!(read_code(&mut " ABCD-EFGH \nrest".as_bytes()).unwrap(), "ABCD-EFGH");
        let error = read_code(&mut "".as_bytes()).unwrap_err().to_string();
        assert!(error.contains("picollect token code"), "{error}");
    }
}

//! `picollect backup`: a copy of the data directory that can take its place, made while the collector works.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;

use picollect_config::store_spec::StoreOptions;
use picollect_store::location::Location;
use picollect_store::{Maintenance as _, open};

/// What of the data directory is copied beside the store; what is not there is not missed.
const FILES: [&str; 6] =
    ["tokens.json", "collector.toml", "alerts.json", "agent.token", "tls/authority.pem", "tls/authority.key"];

/// What to copy where.
#[derive(Debug, Clone, Args)]
pub struct BackupOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// Directory to make; it may be there if it is empty
    to: PathBuf,
}

/// Makes the copy and says how to use it.
pub(crate) fn backup(options: &BackupOptions) -> Result<(), Failure> {
    let data = options.store.directory()?;
    let spec = options.store.spec(&options.store.read()?)?;
    let Location::Embedded(directory) = &spec.location else {
        let why = "the samples are in `{}`: back that up with its own tools, or `picollect export`";
        return Err(usage(anyhow!(why.replace("{}", &spec.location.to_string()))));
    };
    if !directory.join("store.sqlite").is_file() {
        return Err(Failure::Runtime(anyhow!("there is no store in `{}`", directory.display())));
    }
    empty_directory(&options.to)?;
    open(directory)?.back_up(&options.to)?;
    for file in FILES {
        copy_file(&data.join(file), &options.to.join(file))?;
    }
    let to = options.to.display();
    Ok(say(&format!(
        "`{to}` has everything; to try it: picollect nodes --data {to}\n\
         it opens this collector to who reads it: keep it as you keep the data directory\n"
    ))?)
}

/// For nobody but its owner: tokens and keys are in it.
fn empty_directory(path: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot make the directory `{}`", path.display());
    if !path.exists() {
        return DirBuilder::new().mode(0o700).create(path).with_context(cannot);
    }
    ensure!(
        fs::read_dir(path).with_context(cannot)?.next().is_none(),
        "`{}` is not empty; name a folder that is not there yet",
        path.display()
    );
    Ok(())
}

/// With the modes that it has; in a directory like its own.
fn copy_file(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    let cannot = || format!("cannot copy `{}`", from.display());
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory).with_context(cannot)?;
    }
    fs::copy(from, to).map(drop).with_context(cannot)
}

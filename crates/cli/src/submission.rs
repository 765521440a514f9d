//! `picollect submission RUN DIRECTORY`: what the Green500 asks for beside a result, from a run that is in the store.
//! The checklist filled in, the raw readings, a script that computes the figure from them, the system's description,
//! and the benchmark's own output where it can still be read.
//!
//! Invariant: nothing is written over; what is not known stands as such, to be filled in by hand.

mod checklist;
mod script;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use picollect_analysis::report::{self, MeterReadings, Run};
use picollect_analysis::request::Sources;
use picollect_analysis::runs::{self, Core, IMPORTED_FROM};
use picollect_config::store_spec::StoreOptions;
use picollect_settings::exit::{Failure, usage};
use picollect_settings::output::say;
use picollect_settings::time::{now_ms, rfc3339};

/// Of which run, and where to.
#[derive(Debug, Clone, Args)]
pub struct SubmissionOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// The run by its id, or `last`
    run: String,
    /// Where the files go; made if it is not there, and has to be empty
    directory: PathBuf,
}

/// What the files are made of.
struct Submission {
    kept: runs::Run,
    run: Run,
    /// The core phase of the result that counts.
    core: Core,
    meters: Vec<MeterReadings>,
}

/// Carries the command out.
pub(crate) fn execute(options: &SubmissionOptions) -> Result<(), Failure> {
    let (store, config) = options.store.open()?;
    let from = Sources { store: store.as_ref(), config: &config, now_ms: now_ms() };
    let submission = Submission::of(&from, &options.run).map_err(usage)?;
    let files = submission.write(&options.directory)?;
    let text = format!(
        "{}: {}\n{}\n",
        options.directory.display(),
        files.join(", "),
        "checklist.md says what is still to be filled in"
    );
    Ok(say(&text)?)
}

impl Submission {
    fn of(from: &Sources<'_>, id: &str) -> anyhow::Result<Self> {
        let kept = runs::find(from.store, id)?;
        let run = report::run(from, kept.clone())?;
        let result = run.result.as_ref().context("the run has no result, so there is nothing to submit")?;
        let same = |kept: &&runs::RunResult| kept.label == result.label && kept.rate == result.rate;
        let core = kept.results.iter().find(same).and_then(|kept| kept.core);
        let core =
            core.context("the run's core phase is not known, and the methodology is about nothing else")?;
        let meters = report::readings(from, &kept, core.time.into())?;
        if meters.is_empty() {
            return Err(anyhow!("no power of the run's core phase is known, so there is nothing to submit"));
        }
        Ok(Self { kept, run, core, meters })
    }

    /// Writes the files and gives their names.
    fn write(&self, directory: &Path) -> anyhow::Result<Vec<String>> {
        fs::create_dir_all(directory).with_context(|| format!("cannot make `{}`", directory.display()))?;
        let full = fs::read_dir(directory)?.next().is_some();
        anyhow::ensure!(!full, "`{}` is not empty; give another directory", directory.display());
        let mut files = vec![
            ("checklist.md".to_owned(), checklist::text(self).into_bytes()),
            ("readings.csv".to_owned(), self.readings().into_bytes()),
            ("figure.awk".to_owned(), script::text(self).into_bytes()),
            ("system.md".to_owned(), self.system().into_bytes()),
            ("run.json".to_owned(), serde_json::to_vec_pretty(&self.run)?),
        ];
        files.extend(self.output()?.map(|output| ("output.txt".to_owned(), output)));
        for (name, bytes) in &files {
            let path = directory.join(name);
            fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        Ok(files.into_iter().map(|(name, _)| name).collect())
    }

    /// What the benchmark printed, if it lies on this machine.
    fn output(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let kept = self.kept.kept_in.as_ref().map(|kept_in| Path::new(kept_in).join("stdout.txt"));
        let imported = self.kept.provenance.get(IMPORTED_FROM).map(PathBuf::from);
        let Some(path) = kept.or(imported).filter(|path| path.is_file()) else { return Ok(None) };
        fs::read(&path).map(Some).with_context(|| format!("cannot read `{}`", path.display()))
    }

    /// A row for each reading of each meter.
    fn readings(&self) -> String {
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let mut text = "meter,time_utc,unix_s,joules_J,metered_s,power_W\n".to_owned();
        for meter in &self.meters {
            let name = plain(&meter.meter);
            for reading in &meter.readings {
                let _ = writeln!(
                    text,
                    "{},{},{:.3},{},{},{}",
                    name,
                    rfc3339(reading.t_ms),
                    reading.t_ms as f64 / 1000.0,
                    number(reading.joules),
                    number(reading.metered_s),
                    number(reading.watts)
                );
            }
        }
        text
    }

    /// What was noted of machine and software.
    fn system(&self) -> String {
        let mut text =
            "# System\n\nAs it was noted when the run was made; what is missing was not noted.\n\n\
                        | what | value |\n|---|---|\n"
                .to_owned();
        let command = if self.run.command.is_empty() { None } else { Some(self.run.command.join(" ")) };
        let named = [("nodes", Some(checklist::nodes(&self.run))), ("command", command)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let noted = self.run.labels.iter().map(|(name, value)| (format!("label {name}"), value.clone()));
        let provenance = self.run.provenance.iter().map(|(name, value)| (name.clone(), value.clone()));
        for (name, value) in named.chain(noted).chain(provenance) {
            let _ = writeln!(text, "| {} | {} |", cell(&name), cell(&value));
        }
        text
    }
}

/// A meter's name in the readings and in the script, which splits at commas; no spreadsheet takes it for a formula.
fn plain(name: &str) -> String {
    let odd = |letter: char| letter.is_control() || ",\"\\".contains(letter);
    let name = name.replace(odd, "_");
    if name.starts_with(['=', '+', '-', '@']) { format!("_{name}") } else { name }
}

/// A foreign text in a table of Markdown.
fn cell(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect::<String>().replace('|', "\\|")
}

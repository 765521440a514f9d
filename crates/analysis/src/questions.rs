//! The questions that people ask: for a report, for the runs, for one run, for the nodes.

use picollect_evaluate::Window;
use serde::{Deserialize, Serialize};

use crate::report::{self, Format, fail_on};
use crate::request::{Answer, AskError, Question, Sources};
use crate::runs::Run;
use crate::{nodes, runs};

/// For a report on a window or a run, or for two runs side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportQuestion {
    /// The last so many milliseconds.
    pub since_ms: Option<i64>,
    /// Or from this Unix time in milliseconds,
    pub from_ms: Option<i64>,
    /// to this one; without it to now.
    pub to_ms: Option<i64>,
    /// Or the time of this run.
    pub run: Option<String>,
    /// Or this run beside the next.
    pub compare: Option<String>,
    /// The other run.
    pub with: Option<String>,
    /// How to write it.
    #[serde(default)]
    pub format: Format,
    /// Whether the terminal shows colours.
    #[serde(default)]
    pub colour: bool,
    /// What is a finding: `throttled,coverage<0.99`.
    pub fail_on: Option<String>,
}

/// What a report is about if nobody says.
const DEFAULT_SINCE_MS: i64 = 3600 * 1000;

impl ReportQuestion {
    fn window(&self, from: &Sources<'_>) -> Result<Window, AskError> {
        if let Some(id) = &self.run {
            return Ok(run(from, id)?.time.into());
        }
        let end_ms = self.to_ms.unwrap_or(from.now_ms);
        let since_ms = self.since_ms.unwrap_or(DEFAULT_SINCE_MS);
        let start_ms = self.from_ms.unwrap_or(end_ms.saturating_sub(since_ms));
        if start_ms >= end_ms {
            return Err(AskError::Question("the window ends before it begins".to_owned()));
        }
        Ok(Window { start_ms, end_ms })
    }
}

impl Question for ReportQuestion {
    const PATH: &'static str = "/api/v1/report";

    fn answer(&self, from: &Sources<'_>) -> Result<Answer, AskError> {
        if let Some((one, other)) = self.compare.as_deref().zip(self.with.as_deref()) {
            let one = report::run(from, run(from, one)?)?;
            let other = report::run(from, run(from, other)?)?;
            let text = report::compared(&one, &other, self.format, self.colour)?.ok_or_else(|| {
                let text = "two runs beside each other are written as text, html, markdown or json";
                AskError::Question(text.to_owned())
            })?;
            return Ok(Answer { text, findings: Vec::new() });
        }
        let conditions = fail_on::parse(self.fail_on.as_deref().unwrap_or_default());
        let conditions = conditions.map_err(|error| AskError::Question(error.to_string()))?;
        let report = report::build(from, self.window(from)?)?;
        Ok(Answer {
            text: report::written(&report, self.format, self.colour)?,
            findings: fail_on::findings(&report, &conditions),
        })
    }

    fn format(&self) -> Format {
        self.format
    }
}

fn run(from: &Sources<'_>, id: &str) -> Result<Run, AskError> {
    let missing = || AskError::NotFound(format!("there is no run `{id}`; `picollect runs` lists them"));
    runs::find(from.store, id)?.ok_or_else(missing)
}

/// For the runs that ended in the last time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunsQuestion {
    /// The last so many milliseconds; all without it.
    pub since_ms: Option<i64>,
    /// Text or JSON.
    #[serde(default)]
    pub format: Format,
}

impl Question for RunsQuestion {
    const PATH: &'static str = "/api/v1/runs";

    fn answer(&self, from: &Sources<'_>) -> Result<Answer, AskError> {
        let start_ms = self.since_ms.map_or(0, |since_ms| from.now_ms.saturating_sub(since_ms));
        let ended = runs::ended_in(from.store, Window { start_ms, end_ms: i64::MAX })?.into_iter();
        let runs = ended.map(|run| report::run(from, run)).collect::<Result<Vec<_>, _>>()?;
        let text = match self.format {
            Format::Json => serde_json::to_string_pretty(&runs)? + "\n",
            _ => report::runs_table(&runs),
        };
        Ok(Answer { text, findings: Vec::new() })
    }

    fn format(&self) -> Format {
        self.format
    }
}

/// For one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunQuestion {
    /// Its id, or `last`.
    pub id: String,
    /// Only what is said at its end.
    #[serde(default)]
    pub verdict_only: bool,
    /// Text or JSON.
    #[serde(default)]
    pub format: Format,
    /// Whether the terminal shows colours.
    #[serde(default)]
    pub colour: bool,
}

impl Question for RunQuestion {
    const PATH: &'static str = "/api/v1/run";

    fn answer(&self, from: &Sources<'_>) -> Result<Answer, AskError> {
        let run = report::run(from, run(from, &self.id)?)?;
        let text = match self.format {
            Format::Json => serde_json::to_string_pretty(&run)? + "\n",
            _ if self.verdict_only => report::verdict_of_run(&run, self.colour),
            _ => report::run_page(&run, self.colour),
        };
        Ok(Answer { text, findings: Vec::new() })
    }

    fn format(&self) -> Format {
        self.format
    }
}

/// For the nodes as they are now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodesQuestion {
    /// Text or JSON.
    #[serde(default)]
    pub format: Format,
}

impl Question for NodesQuestion {
    const PATH: &'static str = "/api/v1/nodes";

    fn answer(&self, from: &Sources<'_>) -> Result<Answer, AskError> {
        let nodes = nodes::observe(from.store, from.now_ms)?;
        let text = match self.format {
            Format::Json => serde_json::to_string_pretty(&nodes)? + "\n",
            _ => nodes::table(&nodes, from.now_ms),
        };
        Ok(Answer { text, findings: Vec::new() })
    }

    fn format(&self) -> Format {
        self.format
    }
}

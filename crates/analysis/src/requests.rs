//! The requests for a report, for the runs, for one run, and for the nodes.

use picollect_evaluate::Window;
use serde::{Deserialize, Serialize};

use crate::nodes::Node;
use crate::report::fail_on::{self, Condition};
use crate::report::{self, Format, Report, Screen};
use crate::request::{Request, RequestError, Sources, Written};
use crate::runs::{Kept, Run};
use crate::{nodes, runs};
use picollect_settings::time::{LATEST_MS, is_time};

/// For a report on a window or a run, or for two runs side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportRequest {
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
    /// Id of the run that is compared with that of `compare`.
    pub with: Option<String>,
    /// How to write it.
    #[serde(default)]
    pub format: Format,
    /// Whether the terminal shows colours.
    #[serde(default)]
    pub colour: bool,
    /// How many columns a text may use; 80 without it.
    pub width: Option<usize>,
    /// What is a finding: `throttled,coverage<0.99`.
    pub fail_on: Option<String>,
}

/// What a report is about if nobody says.
const DEFAULT_SINCE_MS: i64 = 3600 * 1000;

impl ReportRequest {
    fn conditions(&self) -> Result<Vec<Condition>, RequestError> {
        let conditions = fail_on::parse(self.fail_on.as_deref().unwrap_or_default());
        conditions.map_err(|error| RequestError::Invalid(error.to_string()))
    }

    fn window(&self, from: &Sources<'_>) -> Result<Window, RequestError> {
        if let Some(id) = &self.run {
            return Ok(run(from, id)?.time.into());
        }
        let end_ms = self.to_ms.unwrap_or(from.now_ms);
        let since_ms = self.since_ms.unwrap_or(DEFAULT_SINCE_MS);
        let start_ms = self.from_ms.unwrap_or(end_ms.saturating_sub(since_ms).max(0));
        if !is_time(start_ms) || !is_time(end_ms) {
            let text = "the window lies outside of the years 1970 to 9999; times are Unix milliseconds";
            return Err(RequestError::Invalid(text.to_owned()));
        }
        if start_ms >= end_ms {
            return Err(RequestError::Invalid("the window ends before it begins".to_owned()));
        }
        Ok(Window { start_ms, end_ms })
    }
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq)]
pub enum ReportAnswer {
    /// On a window of time, or on the time of a run.
    Window(Box<Report>),
    /// Two runs side by side.
    Runs(Box<[report::Run; 2]>),
}

impl Request for ReportRequest {
    const PATH: &'static str = "/api/v1/report";

    type Answer = ReportAnswer;

    fn answer(&self, from: &Sources<'_>) -> Result<ReportAnswer, RequestError> {
        if let Some((one, other)) = self.compare.as_deref().zip(self.with.as_deref()) {
            let both = [report::run(from, run(from, one)?)?, report::run(from, run(from, other)?)?];
            return Ok(ReportAnswer::Runs(Box::new(both)));
        }
        // A condition that cannot be understood is told before months are read.
        self.conditions()?;
        Ok(ReportAnswer::Window(Box::new(report::build(from, self.window(from)?)?)))
    }

    fn format(&self) -> Format {
        self.format
    }

    fn written(&self, answer: &ReportAnswer, _now_ms: i64) -> Result<Written, RequestError> {
        match answer {
            ReportAnswer::Window(report) => Ok(Written {
                text: report::written(report, self.format, screen(self.colour, self.width))?,
                findings: fail_on::findings(report, &self.conditions()?),
            }),
            ReportAnswer::Runs(both) => {
                let [one, other] = both.as_ref();
                Ok(report::compared(one, other, self.format, screen(self.colour, self.width))?.into())
            }
        }
    }
}

/// What the asker's terminal can show.
fn screen(colour: bool, width: Option<usize>) -> Screen {
    width.map_or_else(Screen::default, Screen::of_columns).coloured(colour)
}

fn run(from: &Sources<'_>, id: &str) -> Result<Run, RequestError> {
    Ok(runs::find(from.store, id)?)
}

/// For the runs that ended in the last time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunsRequest {
    /// The last so many milliseconds; all without it.
    pub since_ms: Option<i64>,
    /// How to write them; JSON is an array of the runs.
    #[serde(default)]
    pub format: Format,
    /// How many columns a text may use; without it a row of the table is one line, however wide.
    pub width: Option<usize>,
}

/// Runs, and what of the store is none: JSON, CSV and LaTeX have the runs alone, and the log what is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct RunsAnswer {
    /// Those that ended in the time that was asked for.
    pub runs: Vec<report::Run>,
    /// A sentence for each document that cannot be a run's.
    pub left_out: Vec<String>,
}

impl Request for RunsRequest {
    const PATH: &'static str = "/api/v1/runs";

    type Answer = RunsAnswer;

    fn answer(&self, from: &Sources<'_>) -> Result<RunsAnswer, RequestError> {
        let start_ms = self.since_ms.map_or(0, |since_ms| from.now_ms.saturating_sub(since_ms).max(0));
        let Kept { runs, left_out } = runs::kept_in(from.store, Window { start_ms, end_ms: LATEST_MS })?;
        let runs = runs.into_iter().map(|run| report::run(from, run)).collect::<Result<_, _>>()?;
        Ok(RunsAnswer { runs, left_out })
    }

    fn format(&self) -> Format {
        self.format
    }

    fn written(&self, answer: &RunsAnswer, _now_ms: i64) -> Result<Written, RequestError> {
        let screen = screen(false, self.width.or(Some(usize::MAX)));
        Ok(report::runs_written(&answer.runs, &answer.left_out, self.format, screen)?.into())
    }
}

/// For everything that is known of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// Its id, a beginning of it that no other has, `last`, or `last~1` and so on.
    pub id: String,
    /// Only what is said at its end.
    #[serde(default)]
    pub verdict_only: bool,
    /// How to write it; JSON is the whole run.
    #[serde(default)]
    pub format: Format,
    /// Whether the terminal shows colours.
    #[serde(default)]
    pub colour: bool,
    /// How many columns a text may use; 80 without it.
    pub width: Option<usize>,
}

impl Request for RunRequest {
    const PATH: &'static str = "/api/v1/run";

    type Answer = report::Run;

    fn answer(&self, from: &Sources<'_>) -> Result<report::Run, RequestError> {
        report::run(from, run(from, &self.id)?)
    }

    fn format(&self) -> Format {
        self.format
    }

    fn written(&self, run: &report::Run, _now_ms: i64) -> Result<Written, RequestError> {
        let screen = screen(self.colour, self.width);
        if self.verdict_only && self.format != Format::Json {
            return Ok(report::verdict_of_run(run, screen).into());
        }
        Ok(report::run_written(run, self.format, screen)?.into())
    }
}

/// For the nodes as they are now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodesRequest {
    /// Text, or JSON, an array of the nodes; any other is refused as [`RequestError::Invalid`].
    #[serde(default)]
    pub format: Format,
}

impl Request for NodesRequest {
    const PATH: &'static str = "/api/v1/nodes";

    type Answer = Vec<Node>;

    fn answer(&self, from: &Sources<'_>) -> Result<Vec<Node>, RequestError> {
        Ok(nodes::observe(from.store, from.now_ms)?)
    }

    fn format(&self) -> Format {
        self.format
    }

    fn written(&self, nodes: &Vec<Node>, now_ms: i64) -> Result<Written, RequestError> {
        Ok(Written::from(match self.format {
            Format::Json => serde_json::to_string_pretty(nodes)? + "\n",
            Format::Text => nodes::table(nodes, now_ms),
            _ => return Err(RequestError::Invalid("the nodes are written as text or json".to_owned())),
        }))
    }
}
